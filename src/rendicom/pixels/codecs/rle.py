"""DICOM RLE (PS3.5 annex G): imagecodecs for valid streams, Python for others.

The library trusts the header and joins segments of any length; if one is longer or shorter than its
plane, all after it are shifted.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.coded_warnings import CodedWarning
from rendicom.errors import CorruptDataError, UnsupportedImageError
from rendicom.pixels.cells import interleaved
from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import ImagecodecsCodec, call
from rendicom.pixels.colour import YBR_MODELS
from rendicom.pixels.framesize import check_filling

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEADER_BYTES = 64
_MAX_SEGMENTS = 15
_NO_OPERATION = 128


class _RLE(ImagecodecsCodec):
    name = "imagecodecs RLE"
    module = "dicomrle"
    streams = ("rle",)
    rank = 10

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        bits, samples = request.bits_allocated, request.samples_per_pixel
        if bits not in (1, 8, 16, 32):
            raise UnsupportedImageError(f"RLE of {bits} bits is not supported")
        width = max(1, bits // 8)
        offsets = _offsets(stream, samples * width)
        pixels = request.rows * request.columns
        plane = -(-pixels // 8) if bits == 1 else pixels
        check_filling(plane * samples * width, len(stream))
        warnings: tuple[CodedWarning, ...] = ()
        cells = _sound(stream, offsets, plane * samples, width)
        if cells is None:
            empty = _empty(request, plane, width)
            cells, held = _damaged(stream, offsets, empty)
            warnings = _shortage(held, plane * samples * width, request)
        if bits == 1:
            cells = np.unpackbits(cells, count=pixels * samples, bitorder="little")
        planes = cells.reshape(samples, request.rows, request.columns)
        return Decoded(planes[0] if samples == 1 else interleaved(planes), warnings=warnings)


def _offsets(stream: bytes, segments: int) -> tuple[int, ...]:
    """Return the starts of the segments, one for each byte of a sample (PS3.5 G.5)."""
    if len(stream) < _HEADER_BYTES:
        raise CorruptDataError("the RLE stream is shorter than its header")
    count, *offsets = struct.unpack_from("<16I", stream)
    if count != segments or count > _MAX_SEGMENTS:
        raise CorruptDataError(
            f"the RLE stream has {count} segments, the header requires {segments}"
        )
    used = offsets[:count]
    if used[0] < _HEADER_BYTES or any(low > high for low, high in pairwise(used)):
        raise CorruptDataError("the segments of the RLE stream are out of order")
    return tuple(used)


def _sound(stream: bytes, offsets: tuple[int, ...], count: int, width: int) -> NDArray[Any] | None:
    """Return ``count`` cells of ``width`` bytes; None when a segment is too long or too short."""
    import imagecodecs

    if offsets[-1] > len(stream):
        return None
    dtype = np.dtype(f"<u{width}")
    try:
        data = call(imagecodecs.dicomrle_decode, stream, dtype=dtype, out=count * width)
    except CorruptDataError:
        return None
    return np.frombuffer(data, dtype) if len(data) == count * width else None


def _empty(request: DecodeRequest, plane: int, width: int) -> NDArray[np.uint8]:
    """Return the bytes of black cells, (samples, pixels, width): chroma of 0 would be green."""
    cells = np.zeros((request.samples_per_pixel, plane, width), np.uint8)
    if request.photometric_interpretation in YBR_MODELS:
        place, bit = divmod(min(request.high_bit, width * 8 - 1), 8)
        cells[1:, :, place] = 1 << bit
    return cells


def _damaged(
    stream: bytes, offsets: tuple[int, ...], cells: NDArray[np.uint8]
) -> tuple[NDArray[Any], int]:
    """Fill ``cells`` with the bytes of each segment; return them and their number of bytes."""
    _, plane, width = cells.shape
    held = 0
    for index, (start, stop) in enumerate(pairwise((*offsets, len(stream)))):
        values = _unpacked(stream[start:stop], plane)
        held += len(values)
        sample, place = divmod(index, width)
        # The most significant byte comes first (PS3.5 G.2).
        cells[sample, : len(values), width - 1 - place] = np.frombuffer(values, np.uint8)
    return cells.reshape(-1).view(f"<u{width}"), held


def _unpacked(segment: bytes, size: int) -> bytes:
    """Return at most ``size`` bytes of a segment (PS3.5 G.3.2)."""
    values = bytearray()
    position = 0
    while position < len(segment) - 1 and len(values) < size:
        code = segment[position]
        if code < _NO_OPERATION:
            values += segment[position + 1 : position + 2 + code]
            position += 2 + code
        elif code > _NO_OPERATION:
            values += segment[position + 1 : position + 2] * (257 - code)
            position += 2
        else:
            position += 1
    return bytes(values[:size])


def _shortage(held: int, needed: int, request: DecodeRequest) -> tuple[CodedWarning, ...]:
    if held == needed:
        return ()
    text = f"the RLE stream is short: {held} of {needed} bytes"
    if request.strict or not held:
        raise CorruptDataError(text)
    return (CodedWarning("incomplete-data", f"{text}; missing pixels are black"),)


CODEC = _RLE()
