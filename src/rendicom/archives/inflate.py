"""Decompresses members of zip archives up to a limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from rendicom.errors import CorruptDataError

STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14
"""Compression methods (APPNOTE 4.4.5)."""

_RAW = -15
_STEP = 1 << 18
_LZMA_MEMORY = 1 << 28
_LZMA_VERSION, _LZMA_PROPERTIES = 4, 5
_UNKNOWN_SIZE = b"\xff" * 8


class Inflated(NamedTuple):
    """Result of decompressing a stream.

    ``is_whole`` tells that its end was reached; ``packed`` and ``size`` are its compressed and
    decompressed sizes in bytes.
    """

    data: bytes
    is_whole: bool
    packed: int
    size: int


def crc32(data: bytes) -> int:
    """Return the checksum as in zip archives."""
    return int(_deflate().crc32(data))


def inflate(
    chunks: Iterable[bytes], *, limit: int, method: int = DEFLATED, keeps_data: bool = True
) -> Inflated:
    """Decompress the stream in ``chunks``, at most ``limit`` bytes of it.

    Parameters
    ----------
    chunks
        The stream; bytes after its end are ignored.
    limit
        In bytes.
    method
        Compression method.
    keeps_data
        Otherwise only the sizes are determined.

    Raises
    ------
    CorruptDataError
        The stream is damaged or of another kind, or the method is not supported.
    """
    stream, failures = _opened(method)
    added = 0
    if method == LZMA:
        chunks, added = _with_size(chunks), len(_UNKNOWN_SIZE) - _LZMA_VERSION
    parts: list[bytes] = []
    packed = size = 0
    try:
        for chunk in chunks:
            packed += len(chunk)
            for data in _unpacked(stream, chunk, limit - size):
                size += len(data)
                if keeps_data:
                    parts.append(data)
            if stream.eof or size >= limit:
                break
    except failures as error:
        raise CorruptDataError("the archive is damaged within this file") from error
    packed -= len(stream.unused_data) + added
    return Inflated(b"".join(parts), bool(stream.eof), packed, size)


def _unpacked(stream: Any, chunk: bytes, limit: int) -> Iterator[bytes]:
    is_pending = True
    while is_pending and limit > 0 and not stream.eof:
        step = min(limit, _STEP)
        data = stream.decompress(chunk, step)
        yield data
        limit -= len(data)
        # Deflate returns unused input, the others keep it. ISA-L may have taken all
        # and not given all.
        chunk = getattr(stream, "unconsumed_tail", b"")
        is_pending = bool(chunk) or len(data) == step


def _opened(method: int) -> tuple[Any, tuple[type[Exception], ...]]:
    """Return a decompressor, and its exceptions for damaged data."""
    if method == DEFLATED:
        library = _deflate()
        return library.decompressobj(_RAW), (library.error,)
    if method == BZIP2:
        import bz2

        return bz2.BZ2Decompressor(), (OSError, ValueError)
    if method == LZMA:
        import lzma

        alone = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_LZMA_MEMORY)
        return alone, (lzma.LZMAError,)
    raise CorruptDataError(
        "the archive packs this file in a way Rendicom does not read: unpack it first"
    )


def _with_size(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield an LZMA stream with the header of an LZMA file: properties and no size."""
    head = b""
    needed = _LZMA_VERSION + _LZMA_PROPERTIES
    for chunk in chunks:
        if len(head) >= needed:
            yield chunk
            continue
        head += chunk
        if len(head) >= needed:
            yield head[_LZMA_VERSION:needed] + _UNKNOWN_SIZE + head[needed:]


def _deflate() -> Any:
    """Return the fastest library with the interface of `zlib`."""
    try:
        from isal import isal_zlib
    except ImportError:
        import zlib

        return zlib
    return isal_zlib
