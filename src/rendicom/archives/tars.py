"""Lists a tar archive in one pass, compressed or not, in memory that does not grow.

`tarfile` reads the headers. It treats damage as the end of the archive and reads extended headers
of any length; here damage is reported and the length is limited.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Self, cast

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
from rendicom.archives.streams import DAMAGED, open_stream, open_window, packing_of, unpacked
from rendicom.dicom.file_kind import HEAD_LENGTH
from rendicom.errors import CorruptDataError, LimitExceededError

if TYPE_CHECKING:
    from rendicom.archives.streams import Packing

_LONGEST_RECORD = 1 << 20
"""Limit in bytes on long names and extended headers."""
_RECORDS = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
)  # fmt: skip
_CUT_SHORT = "is cut short"
_DAMAGED = "is damaged"


class _BrokenError(Exception):
    """The rest of the archive cannot be read; the message says why."""


class _CheckedHeader(tarfile.TarInfo):
    """A header that raises `_BrokenError` where it is damaged.

    The methods of `tarfile` for single kinds of members are meant to be overridden.
    """

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except (tarfile.EmptyHeaderError, tarfile.TruncatedHeaderError):  # type: ignore[attr-defined]
            # Also raised for a complete file without the final block of zeros.
            raise _BrokenError(_CUT_SHORT) from None
        except tarfile.HeaderError:
            raise _BrokenError(_DAMAGED) from None

    def _proc_member(self, archive: tarfile.TarFile) -> Self:
        if self.size < 0 or (self.type in _RECORDS and self.size > _LONGEST_RECORD):
            raise _BrokenError(_DAMAGED)
        return cast("Self", super()._proc_member(archive))  # type: ignore[misc]

    def _proc_sparse(self, archive: tarfile.TarFile) -> Self:
        """Skip the map of a sparse file, which may have any length."""
        file, is_continued = archive.fileobj, self._sparse_structs[1]  # type: ignore[attr-defined]
        assert file is not None  # noqa: S101
        while is_continued:
            is_continued = file.read(tarfile.BLOCKSIZE)[504:505] not in (b"", b"\0")
        self.sparse = b""
        self.offset_data = file.tell()
        blocks = -(-self.size // tarfile.BLOCKSIZE)
        archive.offset = self.offset_data + blocks * tarfile.BLOCKSIZE
        return self

    def _proc_gnusparse_10(self, following: tarfile.TarInfo, *_: object) -> None:
        following.sparse = b""


def tar_members(path: str, packing: Packing) -> Iterator[Seen]:
    """Yield the files in a tar archive in their order; the last may say that it is broken.

    Only complete members are yielded.

    Raises
    ------
    OSError
        The file cannot be opened.
    """
    with open_stream(path, packing) as file:
        try:
            yield from _members(file, path, packing)
        except _BrokenError as error:
            yield Broken(str(error))
        except tarfile.TarError:
            yield Broken(_DAMAGED)
        except DAMAGED as error:
            yield Broken(_reason(error))


def _reason(error: Exception) -> str:
    if isinstance(error, EOFError):
        return _CUT_SHORT
    return getattr(error, "strerror", None) or _DAMAGED


def _members(file: BinaryIO, path: str, packing: Packing) -> Iterator[Seen]:
    index = 0
    with tarfile.open(
        fileobj=file, mode="r:", tarinfo=_CheckedHeader, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        while (header := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]
            end = archive.offset
            if end > header.offset_data:
                file.seek(header.offset_data)
                head = file.read(min(header.size, HEAD_LENGTH))
                file.seek(end - 1)
                if not file.read(1):
                    raise _BrokenError(_CUT_SHORT)
            else:
                head = b""
            if header.isreg():
                member = Member(path, index, header.offset_data, header.size)
                yield _seen(header, member, head, packing)
                index += 1


def _seen(header: tarfile.TarInfo, member: Member, head: bytes, packing: Packing) -> Seen:
    if header.issparse():
        return Refused(header.name, "is stored with holes, which Rendicom does not read")
    if not is_wanted(header.name, head):
        return Other(header.name)
    if packing and member.size > MAX_MEMBER_BYTES:
        return Refused(header.name, TOO_LARGE)
    return Inside(header.name, member)


def open_tar_member(member: Member, path: str) -> BinaryIO:
    """Return the bytes of a member as a file.

    Only the requested bytes of an uncompressed archive are read; a compressed one is decompressed
    from the end of the last member that this process read.

    Raises
    ------
    OSError
        The archive cannot be opened.
    CorruptDataError, LimitExceededError
    """
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
