"""Writes zlib streams (RFC 1950) at a chosen level of compression."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

# ISA-L for levels 1 and 2: its level 3 is slower and not smaller on filtered samples. libdeflate,
# which has levels up to 12, from level 3 on.
_LIBDEFLATE_LEVELS = {3: 1, 4: 3, 5: 6, 6: 6, 7: 8, 8: 10, 9: 12}


def zlib_stream(bands: Iterable[NDArray[Any]], compression: int | None) -> bytes:
    """Return one zlib stream of all ``bands``.

    Parameters
    ----------
    bands
        C-contiguous arrays, read one at a time if the library allows, so that the whole is never
        in memory.
    compression
        0 stored, 1 and 2 fast, to 9 smallest; ``None`` is 1.
    """
    level = 1 if compression is None else compression
    if level == 0:
        stored = zlib.compressobj(0)
        return b"".join([*(stored.compress(band.data) for band in bands), stored.flush()])
    if level <= 2:
        try:
            return _isal_stream(bands, level)
        except ImportError:  # no wheel for this machine
            return _libdeflate(bands, 1)
    return _libdeflate(bands, _LIBDEFLATE_LEVELS[level])


def crc32(data: bytes, start: int = 0) -> int:
    """Return the CRC-32 of PNG and zip, continued from ``start``."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.crc32(data, start)
    return isal_zlib.crc32(data, start)


def _isal_stream(bands: Iterable[NDArray[Any]], level: int) -> bytes:
    """Compress the first byte on its own.

    Where the main loop of ISA-L 2.31 begins a stream, it hashes the third byte from an address in
    memory, so that the matches it finds vary between processes. Where it continues one, it does
    not.
    """
    from isal.isal_zlib import Z_SYNC_FLUSH, compressobj

    compressor = compressobj(level)
    parts: list[bytes] = []
    for band in bands:
        data = band.data.cast("B")
        if not parts:
            parts += [compressor.compress(data[:1]), compressor.flush(Z_SYNC_FLUSH)]
            data = data[1:]
        parts.append(compressor.compress(data))
    return b"".join([*parts, compressor.flush()])


def _libdeflate(bands: Iterable[NDArray[Any]], level: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.deflate_encode(b"".join(band.data for band in bands), level))
