"""Reads the directory of a zip archive as a stream, or finds the files without it.

Members are decompressed up to a limit. The numbers are from PKWARE's APPNOTE 6.3.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from rendicom.archives.entries import MAX_MEMBER_BYTES
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


ENCRYPTED, SIZES_FOLLOW, _UTF8 = 0x1, 0x8, 0x800
"""Flag bits: encrypted, size and checksum follow the data, name in UTF-8."""

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCAL_MARK, _CENTRAL_MARK = b"PK\3\4", b"PK\1\2"
_END_MARK, _LOCATOR_MARK, _END64_MARK = b"PK\5\6", b"PK\6\7", b"PK\6\6"
_LONGEST_COMMENT = 0xFFFF
_FULL = 0xFFFFFFFF
"""Marks a field whose value is in the zip64 extra field."""
_ZIP64 = 1
_ELSEWHERE = "is damaged: its directory is not where it should be"


class ZipEntry(NamedTuple):
    """The header of a file; ``offset`` is the position of its local header."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


class BrokenZipError(Exception):
    """The rest of the archive cannot be read; the message says why."""


def zip_entries(file: BinaryIO) -> Iterator[ZipEntry]:
    """Yield the entries of the archive, in the order of its directory.

    Without a directory, since the end of the archive is missing, the order is that of the files.

    Raises
    ------
    BrokenZipError
        The rest of the archive cannot be read.
    """
    size = os.fstat(file.fileno()).st_size
    end_at, end = _end(file, size)
    if not end:
        yield from _without_directory(file, size)
        return
    if end[1] not in (0, 0xFFFF):
        raise BrokenZipError("is one part of several: join them first")
    yield from _listed(file, *_directory(file, end_at, end))


def chunks(file: BinaryIO, start: int, length: int | None = None) -> Iterator[bytes]:
    """Yield the bytes from ``start`` on; they may be fewer than ``length``."""
    file.seek(start)
    while length is None or length > 0:
        chunk = file.read(_STEP if length is None else min(_STEP, length))
        if not chunk:
            return
        yield chunk
        length = None if length is None else length - len(chunk)


# --- the directory ------------------------------------------------------------------------------


def _end(file: BinaryIO, size: int) -> tuple[int, tuple[int, ...]]:
    """Return the position and the fields of the end record; no fields if it is missing."""
    start = max(0, size - _LONGEST_COMMENT - _END.size)
    file.seek(start)
    tail = file.read()
    found, last = len(tail), -1
    while (found := tail.rfind(_END_MARK, 0, found)) >= 0:
        if len(tail) - found < _END.size:
            continue
        comment = _END.unpack_from(tail, found)[-1]
        if found + _END.size + comment == len(tail):
            last = found
            break
        # Something was appended, or this is part of a comment.
        last = max(last, found)
    return (start + last, _END.unpack_from(tail, last)) if last >= 0 else (0, ())


def _directory(file: BinaryIO, end_at: int, end: tuple[int, ...]) -> tuple[int, int, int]:
    """Return start and end of the directory, and the offset of the archive in the file."""
    length, offset = end[5], end[6]
    if end_at >= _LOCATOR.size:
        file.seek(end_at - _LOCATOR.size)
        locator = _LOCATOR.unpack(file.read(_LOCATOR.size))
        if locator[0] == _LOCATOR_MARK:
            end_at, (length, offset) = _directory64(file, end_at, locator[2])
    start = end_at - length
    if start < offset:
        raise BrokenZipError(_ELSEWHERE)
    return start, end_at, start - offset


def _directory64(file: BinaryIO, end_at: int, said: int) -> tuple[int, tuple[int, int]]:
    """Return the position of the zip64 end record, and length and offset of the directory."""
    for place in (said, end_at - _LOCATOR.size - _END64.size):
        if 0 <= place <= end_at - _LOCATOR.size - _END64.size:
            file.seek(place)
            record = _END64.unpack(file.read(_END64.size))
            if record[0] == _END64_MARK:
                return place, (record[8], record[9])
    raise BrokenZipError(_ELSEWHERE)


def _listed(file: BinaryIO, start: int, end: int, moved: int) -> Iterator[ZipEntry]:
    position = start
    while position < end:
        # The caller moves the position of the file in between.
        file.seek(position)
        block = file.read(min(_STEP, end - position))
        used = 0
        for entry, length in _entries_in(block, moved):
            used += length
            yield entry
        if not used:
            raise BrokenZipError("is damaged: its directory is inconsistent")
        position += used


def _entries_in(block: bytes, moved: int) -> Iterator[tuple[ZipEntry, int]]:
    """Yield the complete entries in a block of the directory, each with its length."""
    at = 0
    while len(block) - at >= _CENTRAL.size:
        fields = _CENTRAL.unpack_from(block, at)
        lengths = fields[10:13]
        length = _CENTRAL.size + sum(lengths)
        if fields[0] != _CENTRAL_MARK or at + length > len(block):
            return
        name_at = at + _CENTRAL.size
        extra_at = name_at + lengths[0]
        extra = block[extra_at : extra_at + lengths[1]]
        size, packed, offset = _zip64(extra, (fields[9], fields[8], fields[16]))
        name = _decoded(block[name_at:extra_at], fields[3])
        yield ZipEntry(name, fields[3], fields[4], fields[7], packed, size, offset + moved), length
        at += length


def _zip64(extra: bytes, values: tuple[int, ...]) -> tuple[int, ...]:
    """Return the values, those that need 64 bits from the extra field (4.5.3)."""
    if _FULL not in values:
        return values
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == _ZIP64:
            data = extra[at + 4 : at + 4 + length]
            wide = iter(struct.unpack(f"<{len(data) // 8}Q", data[: len(data) // 8 * 8]))
            return tuple(next(wide, value) if value == _FULL else value for value in values)
        at += 4 + length
    return values


def _decoded(name: bytes, flags: int) -> str:
    """Decode a name; many archives use UTF-8 without the flag."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("utf-8", "replace") if flags & _UTF8 else name.decode("cp437")


# --- the files themselves -----------------------------------------------------------------------


def local_entry(file: BinaryIO, offset: int) -> tuple[ZipEntry, int]:
    """Return the local header of a file, and the position of its data.

    Raises
    ------
    CorruptDataError
        The header is missing.
    """
    file.seek(offset)
    fixed = file.read(_LOCAL.size)
    if len(fixed) < _LOCAL.size or not fixed.startswith(_LOCAL_MARK):
        raise CorruptDataError("the archive is damaged where this file starts")
    fields = _LOCAL.unpack(fixed)
    text = file.read(fields[9] + fields[10])
    size, packed = _zip64(text[fields[9] :], (fields[8], fields[7]))
    name = _decoded(text[: fields[9]], fields[2])
    entry = ZipEntry(name, fields[2], fields[3], fields[6], packed, size, offset)
    return entry, offset + _LOCAL.size + len(text)


def _without_directory(file: BinaryIO, end: int) -> Iterator[ZipEntry]:
    offset = 0
    while True:
        try:
            entry, start = local_entry(file, offset)
            if entry.flags & SIZES_FOLLOW and not entry.packed:
                entry = _measured(file, start, entry)
        except CorruptDataError:
            break
        following = start + entry.packed
        if following > end:
            break
        yield entry
        offset = _next_entry(file, following)
    raise BrokenZipError("is cut short: its directory, which is at the end, is missing")


def _measured(file: BinaryIO, start: int, entry: ZipEntry) -> ZipEntry:
    """Return the entry with its sizes, found by decompressing it."""
    if entry.method != DEFLATED or entry.flags & ENCRYPTED:
        raise CorruptDataError("the end of this file cannot be determined")
    found = inflate(chunks(file, start), limit=MAX_MEMBER_BYTES, keeps_data=False)
    if not found.is_whole:
        raise CorruptDataError("the archive is cut short within this file")
    return entry._replace(packed=found.packed, size=found.size)


def _next_entry(file: BinaryIO, position: int) -> int:
    """Return the start of the next local header, after sizes that follow the data."""
    file.seek(position)
    following = file.read(32)
    found = following.find(_LOCAL_MARK)
    return position + max(found, 0)
