"""Writes zlib streams (RFC 1950) at a chosen level of compression."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rendicom.workers.parallel import in_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ADLER_BASE = 65521
_FASTEST, _FAST = 1, 2

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
    if level <= _FAST:
        try:
            return b"".join(_isal_parts(bands, level))
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


def _isal_parts(bands: Iterable[NDArray[Any]], level: int, *, flush: bool = False) -> list[bytes]:
    """Return what the compressor writes for the bands, and at the end.

    The first byte is compressed on its own: where the main loop of ISA-L 2.31 begins a stream, it
    hashes the third byte from an address in memory, so that the matches it finds vary between
    processes. Where it continues one, it does not.
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
    if flush:
        parts.append(compressor.flush(Z_SYNC_FLUSH))
    return [*parts, compressor.flush()]


def is_splittable(level: int) -> bool:
    """Tell whether `split_stream` has a compressor for a level."""
    if not _FASTEST <= level <= _FAST:
        return False
    try:
        import isal.isal_zlib  # noqa: F401
    except ImportError:
        return False
    return True


def split_stream(
    make: Callable[[int], NDArray[Any]], starts: Sequence[int], level: int, threads: int
) -> bytes:
    """Return one zlib stream of ``make(start)`` of each start, compressed independently.

    Matches do not reach across the parts: they cost some bytes more each, and several threads may
    make them.
    """

    def compressed(start: int) -> tuple[bytes, int, bytes]:
        band = make(start)
        *parts, end = _isal_parts([band], level, flush=True)
        return b"".join(parts), band.nbytes, end

    found = in_threads(compressed, starts, threads)
    # Each is a stream with a header of two bytes, and ends with an empty block and the checksum.
    low, high = 1, 0
    for _, size, end in found:
        checksum = int.from_bytes(end[-4:])
        high = (high + (checksum >> 16) + size * (low - 1)) % _ADLER_BASE
        low = (low + (checksum & 0xFFFF) - 1) % _ADLER_BASE
    header, last = found[0][0][:2], found[-1][2][:-4]
    return b"".join(
        (header, *(memoryview(data)[2:] for data, _, _ in found), last,
         (high << 16 | low).to_bytes(4))
    )  # fmt: skip


def _libdeflate(bands: Iterable[NDArray[Any]], level: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.deflate_encode(b"".join(band.data for band in bands), level))
