"""Filters PNG scanlines, and writes the chunks that both PNG formats share."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.encode.zlib_streams import crc32, is_splittable, split_stream, zlib_stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.values import DisplayImage

    _Bytes = NDArray[np.uint8]
    _Way = Callable[[_Bytes, _Bytes, int, _Bytes], None]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BAND_BYTES = 1 << 19
_LARGE = 1 << 20
"""Pixels from which bands are compressed independently, possibly by several threads."""
_TRIALS_FROM = 6


def png_file(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a PNG datastream: signature, then (type, data) chunks with length and CRC."""
    parts = [_SIGNATURE]
    for kind, data in chunks:
        parts += (
            struct.pack(">I", len(data)),
            kind,
            data,
            struct.pack(">I", crc32(data, crc32(kind))),
        )
    return b"".join(parts)


def header_chunks(image: DisplayImage) -> list[tuple[bytes, bytes]]:
    """Return IHDR and, if there is a profile, iCCP (ISO/IEC 15948 11.2.2, 11.3.3.3)."""
    samples = image.samples
    height, width = samples.shape[:2]
    colour_type = 2 if samples.ndim == 3 else 0
    depth = 8 * samples.itemsize
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))]
    if image.icc_profile is not None:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(image.icc_profile, 9)))
    return chunks


def compressed_scanlines(samples: NDArray[Any], compression: int | None, threads: int = 1) -> bytes:
    """Return the zlib stream of an image's filtered scanlines, 8 or 16 bit, gray or RGB.

    One filter for all rows (``up``) is fastest. From ``compression`` 6 on, three filter methods are
    tried with the fast compressor, and the best one is used with the slow compressor. With the fast
    compressor, large images are written by up to ``threads`` threads, to the same bytes as by one.
    """
    if compression is None or compression < _TRIALS_FROM:
        level = 1 if compression is None else compression
        if samples.shape[0] * samples.shape[1] > _LARGE and is_splittable(level):
            make = partial(_band, samples, way=_up)
            return split_stream(make, _starts(samples), level, threads)
        return zlib_stream(_filtered(samples, _up), compression)
    ways = (_none, _up, _adaptive)
    best = min(ways, key=lambda way: len(zlib_stream(_filtered(samples, way), 1)))
    return zlib_stream(_filtered(samples, best), compression)


def _rows(samples: NDArray[Any]) -> _Bytes:
    """Return rows of bytes, 16-bit samples in big-endian order; 8-bit samples are not copied."""
    ordered = samples if samples.itemsize == 1 else samples.astype(">u2")
    return ordered.reshape(len(samples), -1).view(np.uint8)


def _filtered(samples: NDArray[Any], way: _Way) -> Iterator[_Bytes]:
    """Yield bands of filtered rows, each row preceded by its filter type."""
    return (_band(samples, start, way=way) for start in _starts(samples))


def _starts(samples: NDArray[Any]) -> range:
    """Return the first row of each band."""
    return range(0, len(samples), max(1, _BAND_BYTES // samples[0].nbytes))


def _band(samples: NDArray[Any], start: int, *, way: _Way) -> _Bytes:
    """Return the filtered rows of the band that begins with a row."""
    rows = _rows(samples[start : start + _starts(samples).step])
    above = _rows(samples[start - 1 : start]) if start else np.zeros((1, rows.shape[1]), np.uint8)
    band = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    way(rows, above, samples[0, 0].nbytes, band)
    return band


def _none(rows: _Bytes, _above: _Bytes, _pixel_bytes: int, band: _Bytes) -> None:
    band[:, 0] = 0
    band[:, 1:] = rows


def _up(rows: _Bytes, above: _Bytes, _pixel_bytes: int, band: _Bytes) -> None:
    band[:, 0] = 2
    np.subtract(rows[:1], above, out=band[:1, 1:])
    np.subtract(rows[1:], rows[:-1], out=band[1:, 1:])


def _adaptive(rows: _Bytes, above: _Bytes, pixel_bytes: int, band: _Bytes) -> None:
    """Choose for each row the filter with the least sum of absolute differences (12.8)."""
    up = np.concatenate((above, rows[:-1]))
    filtered = _all_filters(rows, up, pixel_bytes)
    cost = np.abs(filtered.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)
    chosen = cost.argmin(axis=0)
    band[:, 0] = chosen
    band[:, 1:] = filtered[chosen, np.arange(len(rows))]


def _all_filters(rows: _Bytes, up: _Bytes, pixel_bytes: int) -> _Bytes:
    """Return the rows under filters 0..4 (ISO/IEC 15948 9.2), shape (5, rows, bytes)."""
    left, up_left = np.zeros_like(rows), np.zeros_like(rows)
    left[:, pixel_bytes:] = rows[:, :-pixel_bytes]
    up_left[:, pixel_bytes:] = up[:, :-pixel_bytes]
    a, b, c = left.astype(np.int16), up.astype(np.int16), up_left.astype(np.int16)
    to_a, to_b, to_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    paeth = np.where((to_a <= to_b) & (to_a <= to_c), left, np.where(to_b <= to_c, up, up_left))
    average = ((a + b) >> 1).astype(np.uint8)
    return np.stack((rows, rows - left, rows - up, rows - average, rows - paeth))
