"""Puts JPEG 2000 streams together that no encoder at hand writes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import imagecodecs

SIZ = 6
"""Where the content of the image size segment starts."""


def coded(plane: Any, *, high_throughput: bool = False, reversible: bool = True) -> bytes:
    """Return the codestream of one plane, of three resolutions."""
    if high_throughput:
        how: dict[str, Any] = {} if reversible else {"level": 0.001}
        return bytes(imagecodecs.htj2k_encode(plane, resolutions=3, reversible=reversible, **how))
    how = {} if reversible else {"level": 70}
    return bytes(
        imagecodecs.jpeg2k_encode(
            plane, codecformat="j2k", resolutions=3, reversible=reversible, **how
        )
    )


def merged(
    streams: Sequence[bytes], steps: Sequence[tuple[int, int]], rows: int, columns: int
) -> bytes:
    """Return one stream of components that were coded alone, ``steps`` (XRsiz, YRsiz) apart.

    The progression is by component (T.800 B.12.1.5): the packets of one follow another.
    """
    head = bytearray(streams[0][: streams[0].index(b"\xff\x90")])
    struct.pack_into(">II", head, SIZ + 2, columns, rows)
    struct.pack_into(">II", head, SIZ + 18, columns, rows)
    struct.pack_into(">H", head, SIZ + 34, len(streams))
    struct.pack_into(">H", head, SIZ - 2, 38 + 3 * len(streams))
    head[SIZ + 36 : SIZ + 39] = b"".join(
        bytes((stream[SIZ + 36], *step)) for stream, step in zip(streams, steps, strict=True)
    )
    at = head.index(b"\xff\x52")
    head[at + 5], head[at + 8] = 4, 0
    packets = b"".join(stream[stream.index(b"\xff\x93") + 2 : -2] for stream in streams)
    part = struct.pack(">HHHIBB", 0xFF90, 10, 0, 14 + len(packets), 0, 1)
    return bytes(head) + part + b"\xff\x93" + packets + b"\xff\xd9"


def with_steps(stream: bytes, dx: int, dy: int, rows: int, columns: int) -> bytes:
    """Return a stream of one tile with all components ``dx``, ``dy`` apart on a larger grid."""
    changed = bytearray(stream)
    for at in (SIZ + 2, SIZ + 18):
        struct.pack_into(">II", changed, at, columns * dx, rows * dy)
    (count,) = struct.unpack_from(">H", changed, SIZ + 34)
    changed[SIZ + 37 : SIZ + 36 + 3 * count : 3] = bytes((dx,) * count)
    changed[SIZ + 38 : SIZ + 36 + 3 * count : 3] = bytes((dy,) * count)
    return bytes(changed)


def with_depth(stream: bytes, bits: int) -> bytes:
    """Return a stream that says it has ``bits`` bits; all else stays."""
    changed = bytearray(stream)
    (count,) = struct.unpack_from(">H", changed, SIZ + 34)
    for at in range(SIZ + 36, SIZ + 36 + 3 * count, 3):
        changed[at] = changed[at] & 0x80 | bits - 1
    return bytes(changed)


def with_open_length(stream: bytes) -> bytes:
    """Return a stream whose last tile-part leaves its length open (T.800 A.4.2)."""
    at = stream.index(b"\xff\x90")
    while True:
        (length,) = struct.unpack_from(">I", stream, at + 6)
        if stream[at + length : at + length + 2] != b"\xff\x90":
            return stream[: at + 6] + bytes(4) + stream[at + 10 :]
        at += length
