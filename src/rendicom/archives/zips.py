"""Lists the files of a zip archive and unpacks single ones.

`zipfile` is not used: it reads the whole directory before the first file, in the run and in each
worker (134 MB and three times as long for 200,000 files), and decompresses bzip2 and LZMA without a
limit. Here the directory is read as a stream, and a worker needs only the offset of a file.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from rendicom.archives.entries import (
    MAX_MEMBER_BYTES,
    TOO_LARGE,
    Broken,
    Inside,
    Member,
    Other,
    Refused,
    Seen,
    is_wanted,
)
from rendicom.archives.streams import open_window
from rendicom.archives.zipdirectory import (
    DEFLATED,
    ENCRYPTED,
    LZMA,
    SIZES_FOLLOW,
    STORED,
    BrokenZipError,
    ZipEntry,
    chunks,
    crc32,
    inflate,
    local_entry,
    zip_entries,
)
from rendicom.dicom.file_kind import HEAD_LENGTH
from rendicom.errors import CorruptDataError, LimitExceededError, RendicomError

_HEAD_PACKED = 4096
"""Compressed bytes to read for the head; enough for common encoders."""


def zip_members(path: str) -> Iterator[Seen]:
    """Yield the files in a zip archive; the last may say that it is broken or encrypted.

    Raises
    ------
    OSError
        The file cannot be opened.
    """
    encrypted = 0
    with open(path, "rb") as file:
        try:
            for index, entry in enumerate(zip_entries(file)):
                if entry.name.endswith("/") and not entry.size:
                    continue
                if entry.flags & ENCRYPTED:
                    encrypted += 1
                    continue
                yield _seen(file, path, index, entry)
        except BrokenZipError as error:
            yield Broken(str(error))
    if encrypted:
        files = "a file" if encrypted == 1 else f"{encrypted} files"
        yield Broken(f"holds {files} under a password: unpack it first")


def _seen(file: BinaryIO, path: str, index: int, entry: ZipEntry) -> Seen:
    member = Member(path, index, entry.offset, entry.size)
    try:
        head = _head(file, member)
    except RendicomError as error:
        return Refused(entry.name, error.message)
    if not is_wanted(entry.name, head):
        return Other(entry.name)
    if entry.method != STORED and entry.size > MAX_MEMBER_BYTES:
        return Refused(entry.name, TOO_LARGE)
    return Inside(entry.name, member)


def _head(file: BinaryIO, member: Member) -> bytes:
    entry, start = local_entry(file, member.offset)
    length = min(HEAD_LENGTH, member.size)
    if entry.method == STORED:
        file.seek(start)
        return file.read(length)
    # bzip2 decompresses whole blocks of up to 900 kB only.
    packed = _HEAD_PACKED if entry.method == DEFLATED else None
    return inflate(chunks(file, start, packed), limit=length, method=entry.method).data


def open_zip_member(member: Member, path: str) -> BinaryIO:
    """Return the bytes of a member as a file; a stored member is read in place.

    Raises
    ------
    OSError
        The archive cannot be opened.
    CorruptDataError, LimitExceededError
    """
    with open(path, "rb") as file:
        entry, start = local_entry(file, member.offset)
        if entry.method == STORED:
            return open_window(path, offset=start, size=member.size)
        if member.size > MAX_MEMBER_BYTES:
            raise LimitExceededError(f"the file in the archive {TOO_LARGE}")
        return io.BytesIO(_inflated(file, start, entry, member.size))


def _inflated(file: BinaryIO, start: int, entry: ZipEntry, size: int) -> bytes:
    # One byte more than expected, to detect a wrong size.
    found = inflate(chunks(file, start), limit=size + 1, method=entry.method)
    if found.size > size:
        raise LimitExceededError("the file unpacks to more than the archive says")
    # LZMA may end without a mark.
    if found.size < size or not (found.is_whole or entry.method == LZMA):
        raise CorruptDataError("the archive is cut short within this file")
    if crc32(found.data) not in _checksums(file, start + found.packed, entry):
        raise CorruptDataError("the archive is damaged within this file: its checksum is wrong")
    return found.data


def _checksums(file: BinaryIO, end: int, entry: ZipEntry) -> tuple[int, ...]:
    """Return the possible checksums: after the data, with an optional signature before it."""
    if not entry.flags & SIZES_FOLLOW:
        return (entry.crc,)
    file.seek(end)
    following = file.read(8)
    first, second = (int.from_bytes(following[at : at + 4], "little") for at in (0, 4))
    return first, second, entry.crc
