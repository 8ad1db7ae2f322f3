"""Inflates what zip archives deflate, never more than asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from rendicom.errors import CorruptDataError

__all__ = ["Inflated", "crc32", "inflate", "pass_over"]

_RAW = -15
_STEP = 1 << 18


class Inflated(NamedTuple):
    """What came of a deflate stream.

    ``is_whole`` tells that its end was met; ``packed`` is the number of bytes up to there, and
    ``size`` that of the bytes it holds.
    """

    data: bytes
    is_whole: bool
    packed: int
    size: int


def _library() -> Any:
    """Return the fastest library there is with the interface of `zlib`."""
    try:
        from isal import isal_zlib
    except ImportError:
        import zlib

        return zlib
    return isal_zlib


def crc32(data: bytes) -> int:
    """Return the checksum that zip archives hold of a file."""
    return int(_library().crc32(data))


def inflate(chunks: Iterable[bytes], *, limit: int) -> Inflated:
    """Return what the raw stream in ``chunks`` holds, at most ``limit`` bytes of it.

    Raises
    ------
    CorruptDataError
        It is no deflate stream, or a damaged one.
    """
    parts: list[bytes] = []
    return _run(chunks, limit, parts)._replace(data=b"".join(parts))


def pass_over(chunks: Iterable[bytes], *, limit: int) -> Inflated:
    """Return what `inflate` returns without the data, which is not kept.

    Raises
    ------
    CorruptDataError
    """
    return _run(chunks, limit, None)


def _run(chunks: Iterable[bytes], limit: int, parts: list[bytes] | None) -> Inflated:
    library = _library()
    stream = library.decompressobj(_RAW)
    size = packed = 0
    try:
        for chunk in chunks:
            packed += len(chunk)
            rest, is_pending = chunk, True
            while is_pending and size < limit and not stream.eof:
                step = min(limit - size, _STEP)
                data = stream.decompress(rest, step)
                size += len(data)
                if parts is not None:
                    parts.append(data)
                rest = stream.unconsumed_tail
                # ISA-L may have taken all in and not given all out.
                is_pending = bool(rest) or len(data) == step
            if stream.eof or size >= limit:
                break
    except library.error as error:
        raise CorruptDataError("the archive is damaged within this file") from error
    return Inflated(b"", bool(stream.eof), packed - len(stream.unused_data), size)
