"""Rewrites frame delays in ISO base media files (ISO/IEC 14496-12) of image sequences."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import groupby

from rendicom.errors import EncodeError

_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts")


def timed_sequence(data: bytes, delays: Sequence[int], ticks_per_second: int) -> bytes:
    """Return an image sequence with these delays and without its creation time.

    The new ``moov`` box is appended and the old one becomes ``free`` space, so that no offset in
    the file changes.

    Raises
    ------
    EncodeError
        The file holds no ``moov`` box.
    """
    for start, end, kind in _boxes(data, 0, len(data)):
        if kind == b"moov":
            moov = _box(b"moov", _timed(data, start + 8, end, (delays, ticks_per_second)))
            # The old box also holds the creation time.
            free = _box(b"free", bytes(end - start - 8))
            return b"".join((data[:start], free, data[end:], moov))
    raise EncodeError("the encoder wrote no image sequence")


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield start, end and type of the boxes of one level."""
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8:  # to the end of the file, or a 64-bit size
            return
        yield start, start + size, data[start + 4 : start + 8]
        start += size


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _timed(data: bytes, start: int, end: int, timing: tuple[Sequence[int], int]) -> bytes:
    """Return the content of a container with its timing boxes rewritten."""
    parts: list[bytes] = []
    for box_start, box_end, kind in _boxes(data, start, end):
        if kind in _CONTAINERS:
            content = _timed(data, box_start + 8, box_end, timing)
        else:
            content = _rewritten(kind, data[box_start + 8 : box_end], *timing)
        parts.append(_box(kind, content))
    return b"".join(parts)


def _rewritten(kind: bytes, content: bytes, delays: Sequence[int], rate: int) -> bytes:
    """Return a timing box for these delays (8.2.2, 8.3.2, 8.4.2, 8.6.1.2, 8.6.6), in version 1."""
    full_box = content[:4]
    match kind:
        case b"mvhd":  # duration "unknown" means to loop
            return full_box + struct.pack(">QQI", 0, 0, rate) + content[24:]
        case b"tkhd":
            return full_box + struct.pack(">QQ", 0, 0) + content[20:]
        case b"mdhd":
            return full_box + struct.pack(">QQIQ", 0, 0, rate, sum(delays)) + content[32:]
        case b"elst":  # one edit: the whole track
            return content[:8] + struct.pack(">Q", sum(delays)) + content[16:]
        case b"stts":  # runs of frames of equal duration
            runs = [(len(list(run)), delay) for delay, run in groupby(delays)]
            table = b"".join(struct.pack(">II", *run) for run in runs)
            return full_box + struct.pack(">I", len(runs)) + table
        case _:
            return content
