"""Lists a tar archive in one pass, compressed or not, in memory that does not grow.

`tarfile` keeps every header it has seen and takes a damaged one for the end; the headers
themselves are left to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

from rendicom.batch.archives.inside import (
    MAX_MEMBER_BYTES,
    TOO_LARGE,
    Broken,
    Inside,
    Other,
    Refused,
    Seen,
)
from rendicom.batch.archives.streams import DAMAGED, Unpacked, open_window, packing_of, unpacked
from rendicom.batch.sniff import HEAD_LENGTH, kind_of_head
from rendicom.batch.units import Member

if TYPE_CHECKING:
    from tarfile import TarInfo

    from rendicom.batch.archives.streams import Packing

__all__ = ["open_tar_member", "tar_members"]

_BLOCK = 512
_LONGEST_RECORD = 1 << 20
"""Bytes of a long name or an extended header: more is an attack on our memory."""
_FILES = (b"0", b"\0", b"7")
_LONG_NAME, _LONG_LINK, _EXTENDED, _EXTENDED_FOR_ALL, _SPARSE = b"L", b"K", (b"x", b"X"), b"g", b"S"
# Without data, whatever their size field says: links, devices, folders, pipes.
_EMPTY = (b"1", b"2", b"3", b"4", b"5", b"6")
_CUT_SHORT = "is cut short"
_DAMAGED = "is damaged"


class _Forward(Protocol):
    position: int

    def read(self, length: int) -> bytes: ...
    def skip(self, length: int) -> bool: ...
    def close(self) -> None: ...


class _Plain:
    """An uncompressed file that is only read forward; what is skipped is not read."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - closed by close
        self._size = os.fstat(self._file.fileno()).st_size
        self.position = 0

    def read(self, length: int) -> bytes:
        data = self._file.read(length)
        self.position += len(data)
        return data

    def skip(self, length: int) -> bool:
        self.position += length
        self._file.seek(self.position)
        return self.position <= self._size

    def close(self) -> None:
        self._file.close()


class _BrokenError(Exception):
    """The rest of the archive cannot be read."""


class _Header(NamedTuple):
    """A member, with what extended headers say of it."""

    info: TarInfo
    name: str
    size: int
    is_sparse: bool


def tar_members(path: str, packing: Packing) -> Iterator[Seen]:
    """Yield the files in a tar archive in their order; the last may say that it is broken.

    A member is yielded when all of it was there.

    Raises
    ------
    OSError
        The file cannot be opened.
    """
    stream: _Forward = Unpacked(path, packing) if packing else _Plain(path)
    try:
        yield from _members(stream, path, packing)
    except _BrokenError as error:
        yield Broken(str(error))
    except DAMAGED as error:
        yield Broken(_reason(error))
    finally:
        stream.close()


def _reason(error: Exception) -> str:
    if isinstance(error, EOFError):
        return _CUT_SHORT
    return getattr(error, "strerror", None) or _DAMAGED


def _members(stream: _Forward, path: str, packing: Packing) -> Iterator[Seen]:
    index = 0
    for header in _headers(stream):
        offset, size = stream.position, header.size
        has_data = header.info.type not in _EMPTY
        head = b""
        if has_data:
            head = stream.read(min(size, HEAD_LENGTH))
            if not stream.skip(-(-size // _BLOCK) * _BLOCK - len(head)):
                raise _BrokenError(_CUT_SHORT)
        if header.info.type in _FILES or header.is_sparse:
            member = Member(path, index, offset, size)
            yield _seen(header, member, head, packing)
            index += 1


def _seen(header: _Header, member: Member, head: bytes, packing: Packing) -> Seen:
    if header.is_sparse:
        return Refused(header.name, "is stored with holes, which Rendicom does not read")
    if kind_of_head(head) != "instance":
        return Other(header.name)
    if packing and member.size > MAX_MEMBER_BYTES:
        return Refused(header.name, TOO_LARGE)
    return Inside(header.name, member)


def _headers(stream: _Forward) -> Iterator[_Header]:
    """Yield each header; the data behind it is to be skipped before the next."""
    long_name: str | None = None
    extended: dict[str, str] = {}
    while (info := _header(stream)) is not None:
        if info.type == _LONG_NAME:
            long_name = _text(_record(stream, info.size).partition(b"\0")[0])
        elif info.type == _LONG_LINK or info.type == _EXTENDED_FOR_ALL:
            _record(stream, info.size)
        elif info.type in _EXTENDED:
            extended = _extended(_record(stream, info.size))
        else:
            yield _joined(info, long_name, extended)
            long_name, extended = None, {}


def _header(stream: _Forward) -> TarInfo | None:
    import tarfile

    block = stream.read(_BLOCK)
    if len(block) < _BLOCK:
        # Also where a file ends: a block of zeros says that there are no more.
        raise _BrokenError(_CUT_SHORT)
    if not block.strip(b"\0"):
        return None
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        raise _BrokenError(_DAMAGED) from None
    if info.size < 0:
        raise _BrokenError(_DAMAGED)
    # A sparse file has a longer header when it has many holes.
    is_continued = info.type == _SPARSE and block[482]
    while is_continued:
        is_continued = stream.read(_BLOCK)[504:505] not in (b"", b"\0")
    return info


def _record(stream: _Forward, size: int) -> bytes:
    """Return the data of a header that describes the next one."""
    if size > _LONGEST_RECORD:
        raise _BrokenError(_DAMAGED)
    data = stream.read(-(-size // _BLOCK) * _BLOCK)
    if len(data) < size:
        raise _BrokenError(_CUT_SHORT)
    return data[:size]


def _extended(record: bytes) -> dict[str, str]:
    """Return the keywords of an extended header (POSIX pax: length, space, key=value, newline)."""
    keywords: dict[str, str] = {}
    while record:
        digits, _, _ = record.partition(b" ")
        if not digits.isdigit() or len(digits) > 7 or not len(digits) < int(digits):
            break
        key, _, value = record[len(digits) + 1 : int(digits) - 1].partition(b"=")
        keywords[_text(key)] = _text(value)
        record = record[int(digits) :]
    return keywords


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _joined(info: TarInfo, long_name: str | None, extended: dict[str, str]) -> _Header:
    size = info.size
    if "size" in extended:
        if not extended["size"].isdecimal() or len(extended["size"]) > 18:
            raise _BrokenError(_DAMAGED)
        size = int(extended["size"])
    name = extended.get("path") or long_name or info.name
    is_sparse = info.type == _SPARSE or any(key.startswith("GNU.sparse") for key in extended)
    return _Header(info, name, size, is_sparse)


def open_tar_member(member: Member, path: str) -> BinaryIO:
    """Return the bytes of a member as a file.

    Of an uncompressed archive only what is read of the member is read; a compressed one is
    unpacked from where the last member of this process ended.

    Raises
    ------
    OSError
        The archive cannot be opened.
    CorruptDataError, LimitExceededError
    """
    import io

    from rendicom.errors import CorruptDataError, LimitExceededError

    with open(path, "rb", buffering=0) as file:
        packing = packing_of(file.read(HEAD_LENGTH))
    if not packing:
        return open_window(path, offset=member.offset, size=member.size)
    if member.size > MAX_MEMBER_BYTES:
        raise LimitExceededError(f"the file in the archive {TOO_LARGE}")
    try:
        data = unpacked.read(path, packing, offset=member.offset, size=member.size)
    except DAMAGED as error:
        raise CorruptDataError(f"the archive {_reason(error)}") from None
    if len(data) < member.size:
        raise CorruptDataError(f"the archive {_CUT_SHORT}")
    return io.BytesIO(data)
