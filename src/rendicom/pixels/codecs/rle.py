"""DICOM RLE by imagecodecs (PS3.5 annex G)."""

from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np

from rendicom.errors import CorruptDataError, UnsupportedImageError
from rendicom.pixels.cells import interleaved
from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import INSTALL, call, version_of

__all__ = ["CODEC"]

_HEADER_BYTES = 64
_MAX_SEGMENTS = 15


class _RLE:
    name = "imagecodecs RLE"
    streams = ("rle",)
    install = INSTALL
    rank = 10

    def version(self) -> str | None:
        return version_of("dicomrle")

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import imagecodecs

        _check_header(stream)
        if request.bits_allocated not in (1, 8, 16, 32):
            raise UnsupportedImageError(f"RLE of {request.bits_allocated} bits is not supported")
        dtype = np.dtype(f"<u{max(1, request.bits_allocated // 8)}")
        pixels = request.rows * request.columns
        count = pixels * request.samples_per_pixel
        if request.bits_allocated == 1:
            count = -(-count // 8)
        data = call(imagecodecs.dicomrle_decode, stream, dtype=dtype)
        values, warnings = _fitted(np.frombuffer(data, np.uint8), count * dtype.itemsize, request)
        cells = values.view(dtype)
        if request.bits_allocated == 1:
            cells = np.unpackbits(cells, bitorder="little")[: pixels * request.samples_per_pixel]
        planes = cells.reshape(request.samples_per_pixel, request.rows, request.columns)
        samples = planes[0] if request.samples_per_pixel == 1 else interleaved(planes)
        return Decoded(samples, warnings=warnings)


def _check_header(stream: bytes) -> None:
    """Refuse a header that points outside the stream: the library believes it (PS3.5 G.5)."""
    if len(stream) < _HEADER_BYTES:
        raise CorruptDataError("the RLE stream is shorter than its header")
    count, *offsets = struct.unpack_from("<16I", stream)
    if not 1 <= count <= _MAX_SEGMENTS:
        raise CorruptDataError(f"the RLE header claims {count} segments")
    used = [*offsets[:count], len(stream)]
    if used[0] != _HEADER_BYTES or any(low > high for low, high in pairwise(used)):
        raise CorruptDataError("the RLE header points outside the stream")


def _fitted(
    values: np.ndarray[tuple[int], np.dtype[np.uint8]], count: int, request: DecodeRequest
) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint8]], tuple[str, ...]]:
    """Return as many bytes as the frame has; segments may be padded, or end early."""
    if values.size >= count:
        return values[:count], ()
    text = f"the RLE stream is short: {values.size} of {count} bytes"
    if request.strict or not values.size:
        raise CorruptDataError(text)
    whole = np.zeros(count, np.uint8)
    whole[: values.size] = values
    return whole, (f"{text}; what is missing is black",)


CODEC = _RLE()
