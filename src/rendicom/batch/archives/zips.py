"""Looks at the files in a zip archive and unpacks single ones.

`zipfile` holds the whole directory in memory, in the run and in each worker. Here the directory
goes by, and a worker needs nothing but the place of a file. What is packed in rare ways is still
left to `zipfile`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO

from rendicom.batch.archives.inflate import crc32, inflate
from rendicom.batch.archives.inside import (
    MAX_MEMBER_BYTES,
    TOO_LARGE,
    Broken,
    Inside,
    Other,
    Refused,
    Seen,
)
from rendicom.batch.archives.streams import DAMAGED, open_window
from rendicom.batch.archives.zipdirectory import (
    DEFLATED,
    ENCRYPTED,
    SIZES_FOLLOW,
    STORED,
    BrokenZipError,
    ZipEntry,
    chunks,
    local_entry,
    zip_entries,
)
from rendicom.batch.sniff import HEAD_LENGTH, kind_of_head, version_of
from rendicom.batch.units import Member
from rendicom.errors import CorruptDataError, LimitExceededError, RendicomError

if TYPE_CHECKING:
    from zipfile import ZipFile

__all__ = ["open_zip_member", "zip_members"]

_HEAD_PACKED = 4096
"""Packed bytes that are tried for the head: more than what an honest packer needs."""
_CUT_SHORT = "the archive is cut short within this file"


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
    if entry.method == DEFLATED:
        return inflate(chunks(file, start, _HEAD_PACKED), limit=length).data
    return _rare(member.archive, member.index, length)


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
        if entry.method == DEFLATED:
            return io.BytesIO(_inflated(file, start, entry, member.size))
    data = _rare(path, member.index, member.size + 1)
    _check_size(len(data), member.size)
    return io.BytesIO(data)


def _inflated(file: BinaryIO, start: int, entry: ZipEntry, size: int) -> bytes:
    # One byte more than there should be tells whether the archive lies.
    found = inflate(chunks(file, start), limit=size + 1)
    _check_size(found.size, size)
    if not found.is_whole:
        raise CorruptDataError(_CUT_SHORT)
    if crc32(found.data) not in _checksums(file, start + found.packed, entry):
        raise CorruptDataError("the archive is damaged within this file: its checksum is wrong")
    return found.data


def _check_size(found: int, said: int) -> None:
    if found > said:
        raise LimitExceededError("the file unpacks to more than the archive says")
    if found < said:
        raise CorruptDataError(_CUT_SHORT)


def _checksums(file: BinaryIO, end: int, entry: ZipEntry) -> tuple[int, ...]:
    """Return what the checksum may be: where it follows the data, a mark before it is optional."""
    if not entry.flags & SIZES_FOLLOW:
        return (entry.crc,)
    file.seek(end)
    following = file.read(8)
    first, second = (int.from_bytes(following[at : at + 4], "little") for at in (0, 4))
    return first, second, entry.crc


# --- rare ways to pack --------------------------------------------------------------------------


def _rare(path: str, index: int, length: int) -> bytes:
    """Return the first bytes of a file in bzip2, LZMA and whatever else this Python reads."""
    import struct
    import zipfile

    damaged: tuple[type[Exception], ...] = (*DAMAGED, zipfile.BadZipFile, IndexError, RuntimeError, struct.error)
    try:
        status = os.stat(path)
        archive = _zipfile(path, version_of(status))
        with archive.open(archive.infolist()[index]) as stream:
            return stream.read(length)
    except NotImplementedError:
        raise CorruptDataError(
            "the archive packs this file in a way Rendicom does not read: unpack it first"
        ) from None
    except damaged:
        raise CorruptDataError("the archive is damaged within this file") from None


@lru_cache(maxsize=2)
def _zipfile(path: str, version: str) -> ZipFile:  # noqa: ARG001 - a new version is opened anew
    import zipfile

    return zipfile.ZipFile(path)
