"""zlib streams (RFC 1950), as fast or as small as asked for."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["crc32", "zlib_stream"]

# ISA-L at 1 and 2; its level 3 is slower and no smaller on filtered samples. From 3 on libdeflate,
# which knows levels to 12.
_LIBDEFLATE_LEVELS = {3: 1, 4: 3, 5: 6, 6: 6, 7: 8, 8: 10, 9: 12}


def zlib_stream(bands: Iterable[NDArray[Any]], compression: int | None) -> bytes:
    """Return one zlib stream of the bytes of all ``bands``.

    Parameters
    ----------
    bands
        C-contiguous arrays. Where the library allows they are taken one at a time, so that the
        whole is never in memory at once.
    compression
        0 stored, 1 and 2 fast, to 9 smallest; ``None`` is 1.
    """
    level = 1 if compression is None else compression
    if level == 0:
        return _streamed(bands, zlib.compressobj(0))
    if level <= 2:
        try:
            from isal import isal_zlib
        except ImportError:  # no wheel for this machine
            return _libdeflate(bands, 1)
        return _streamed(bands, isal_zlib.compressobj(level))
    return _libdeflate(bands, _LIBDEFLATE_LEVELS[level])


def crc32(data: bytes, start: int = 0) -> int:
    """Return the CRC-32 of PNG and zip, going on from ``start``."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.crc32(data, start)
    return isal_zlib.crc32(data, start)


def _streamed(bands: Iterable[NDArray[Any]], compressor: Any) -> bytes:
    parts = [compressor.compress(band) for band in bands]
    parts.append(compressor.flush())
    return b"".join(parts)


def _libdeflate(bands: Iterable[NDArray[Any]], level: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.deflate_encode(b"".join(band.data for band in bands), level))
