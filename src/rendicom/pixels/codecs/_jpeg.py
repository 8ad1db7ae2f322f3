"""Repairs of JPEG streams that libraries refuse or decode wrongly."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.coded_warnings import CodedWarning
from rendicom.dicom.codestreams import jpeg_segments
from rendicom.errors import CorruptDataError
from rendicom.pixels.cells import within
from rendicom.pixels.codecs._imagecodecs import call

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.dicom.codestreams import StreamInfo

_UNUSED_SYMBOLS = CodedWarning(
    "stream-repaired", "a Huffman table lists symbols that JPEG does not define: no code uses them"
)
_WRAPPED = CodedWarning(
    "stream-repaired",
    "differences of the lossless JPEG wrap around at its precision, not at 16 bits",
)
_DHT, _SOF3, _SOS, _DRI = 0xC4, 0xC3, 0xDA, 0xDD
_FIRST_ROUNDING_PREDICTOR = 5


def decode_jpeg(
    decode: Callable[..., Any], stream: bytes, info: StreamInfo, **how: Any
) -> tuple[NDArray[Any], tuple[CodedWarning, ...]]:
    """Return the samples of a JPEG stream that starts with SOI, and warnings.

    Raises
    ------
    CorruptDataError, UnsupportedImageError
        As `call` does.
    """
    is_lossless = info.kind == "jpeg-lossless"
    read = _lossless_samples if is_lossless else _samples
    try:
        return read(decode, stream, info, how)
    except CorruptDataError:
        most = 16 if is_lossless else 15
        variants = [_with_known_symbols(stream, most, instead) for instead in (0, 1)]
        if variants[0] == stream:
            raise
    (samples, notes), (others, _) = (read(decode, each, info, how) for each in variants)
    if not np.array_equal(samples, others):
        raise CorruptDataError("a Huffman code stands for a symbol that JPEG does not define")
    return samples, (_UNUSED_SYMBOLS, *notes)


def _samples(
    decode: Callable[..., Any], stream: bytes, _: StreamInfo, how: dict[str, Any]
) -> tuple[NDArray[Any], tuple[CodedWarning, ...]]:
    return call(decode, stream, **how), ()


# --- Huffman tables ---------------------------------------------------------------------------


def _with_known_symbols(stream: bytes, most: int, instead: int) -> bytes:
    """Replace the symbols of DC tables (T.81 F.1.2.1, H.1.2.2) that are larger than ``most``.

    Libraries refuse such a table even if the stream does not use these symbols. They are replaced
    by ``instead``: decoding with two values shows whether one is used, as the pictures then differ.
    """
    changed = bytearray(stream)
    for marker, start, stop in jpeg_segments(stream):
        position = start
        while marker == _DHT and position + 17 <= stop:
            symbols = position + 17
            end = min(symbols + sum(stream[position + 1 : symbols]), stop)
            if stream[position] >> 4 == 0:
                for at in range(symbols, end):
                    if stream[at] > most:
                        changed[at] = instead
            position = end
    return bytes(changed)


# --- lossless ---------------------------------------------------------------------------------


def _lossless_samples(
    decode: Callable[..., Any], stream: bytes, info: StreamInfo, how: dict[str, Any]
) -> tuple[NDArray[Any], tuple[CodedWarning, ...]]:
    """Return samples below ``2**precision``.

    Differences are taken modulo 2**16 (T.81 H.1.2.1), by some encoders modulo 2**precision. The
    samples a decoder makes of those are off by multiples of 2**precision. Predictors 1 to 4 pass
    such an error on as it is; the others halve it.
    """
    precision = info.precision
    if precision >= 16:
        return _samples(decode, stream, info, how)
    predictor, shift, interval, at = _coding(stream)
    if predictor < _FIRST_ROUNDING_PREDICTOR or not at:
        samples: NDArray[Any] = call(decode, stream, **how)
        if within(samples, bits=precision):
            return samples, ()
        return samples & samples.dtype.type((1 << precision) - 1), (_WRAPPED,)
    # Decoded as 16 bits, no bits are lost. The first prediction (T.81 H.1.2.1) is larger then,
    # and all samples with it.
    deep = stream[:at] + b"\x10" + stream[at + 1 :]
    found = call(decode, deep, **how).astype(np.int32) >> shift
    found -= (1 << 15 - shift) - (1 << precision - 1 - shift)
    depth = precision - shift
    notes: tuple[CodedWarning, ...] = ()
    if found.min() < 0 or int(found.max()) >> depth:
        notes = (_WRAPPED,)
        rows = min(len(found), max(1, interval // found.shape[1]) if interval else len(found))
        found = _predicted_again(found, rows, predictor, (1 << depth) - 1)
    return (found << shift).astype(np.uint8 if precision <= 8 else np.uint16), notes


def _coding(stream: bytes) -> tuple[int, int, int, int]:
    """Return predictor, point transform and restart interval, and where the precision stands."""
    at = interval = 0
    for marker, start, stop in jpeg_segments(stream):
        if marker == _SOF3:
            at = start
        elif marker == _DRI and stop - start >= 2:
            (interval,) = struct.unpack_from(">H", stream, start)
        elif marker == _SOS and stop - start >= 4:
            return stream[stop - 3], stream[stop - 1] & 15, interval, at
    return 0, 0, 0, 0


def _predicted_again(
    found: NDArray[np.int32], restart_rows: int, predictor: int, mask: int
) -> NDArray[np.int32]:
    """Return (rows, columns[, samples]) with the prediction repeated on samples cut to ``mask``.

    The first row after a restart and the first column are predicted from one neighbour: there a
    cut suffices. All others need their neighbours first; those of one diagonal are independent of
    each other, as are samples of a pixel and restart intervals.
    """
    rows, columns = found.shape[:2]
    intervals = -(-rows // restart_rows)
    padding = [(0, intervals * restart_rows - rows), *[(0, 0)] * (found.ndim - 1)]
    parts = np.pad(found, padding).reshape(intervals, restart_rows, columns, -1)
    values = parts.transpose(1, 2, 0, 3).reshape(restart_rows, columns, -1)
    steps: NDArray[Any] = np.zeros_like(values)
    steps[1:, 1:] = values[1:, 1:] - _predicted(
        predictor, values[1:, :-1], values[:-1, 1:], values[:-1, :-1]
    )
    steps = steps.reshape(restart_rows * columns, -1)
    flat = (values & mask).reshape(steps.shape)
    stride = max(1, columns - 1)
    for diagonal in range(2, restart_rows + columns - 1):
        top, bottom = max(1, diagonal - columns + 1), min(restart_rows - 1, diagonal - 1)
        first, behind = diagonal + top * stride, diagonal + bottom * stride + 1
        left, above, corner = (
            flat[first - back : behind - back : stride] for back in (1, columns, columns + 1)
        )
        predicted = _predicted(predictor, left, above, corner)
        here = slice(first, behind, stride)
        flat[here] = (predicted + steps[here]) & mask
    again = flat.reshape(restart_rows, columns, intervals, -1).transpose(2, 0, 1, 3)
    return again.reshape(intervals * restart_rows, *found.shape[1:])[:rows]


def _predicted(predictor: int, left: Any, above: Any, corner: Any) -> Any:
    """Return the prediction of the selection values that halve (T.81 table H.1)."""
    if predictor == _FIRST_ROUNDING_PREDICTOR:
        return left + ((above - corner) >> 1)
    if predictor == _FIRST_ROUNDING_PREDICTOR + 1:
        return above + ((left - corner) >> 1)
    return (left + above) >> 1
