"""Looks at the files in a zip archive and unpacks single ones.

`zipfile` holds the whole directory in memory, in the run and in each worker, and unpacks without
bounds. Here the directory goes by, and a worker needs nothing but the place of a file.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from rendicom.batch.archives.inflate import DEFLATED, LZMA, STORED, crc32, inflate
from rendicom.batch.archives.inside import (
    MAX_MEMBER_BYTES,
    TOO_LARGE,
    Broken,
    Inside,
    Other,
    Refused,
    Seen,
)
from rendicom.batch.archives.streams import open_window
from rendicom.batch.archives.zipdirectory import (
    ENCRYPTED,
    SIZES_FOLLOW,
    BrokenZipError,
    ZipEntry,
    chunks,
    local_entry,
    zip_entries,
)
from rendicom.batch.sniff import HEAD_LENGTH, kind_of_head
from rendicom.batch.units import Member
from rendicom.errors import CorruptDataError, LimitExceededError, RendicomError

__all__ = ["open_zip_member", "zip_members"]

_HEAD_PACKED = 4096
"""Packed bytes that are tried for the head: more than what an honest packer needs."""


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
    if kind_of_head(head) != "instance":
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
    # bzip2 packs blocks of up to 900 kB, which give nothing before they are there as a whole.
    packed = _HEAD_PACKED if entry.method == DEFLATED else None
    return inflate(chunks(file, start, packed), limit=length, method=entry.method).data


def open_zip_member(member: Member, path: str) -> BinaryIO:
    """Return the bytes of a member as a file; what is not packed is read in parts from where it is.

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
    # One byte more than there should be tells whether the archive lies.
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
    """Return what the checksum may be: where it follows the data, a mark before it is optional."""
    if not entry.flags & SIZES_FOLLOW:
        return (entry.crc,)
    file.seek(end)
    following = file.read(8)
    first, second = (int.from_bytes(following[at : at + 4], "little") for at in (0, 4))
    return first, second, entry.crc
