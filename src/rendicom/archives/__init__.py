"""Files in zip and tar archives, without unpacking to disk.

An archive is listed in its order in one pass; a member is opened by its position, in any process.
Memory does not grow with the number of files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from rendicom.dicom.file_kind import HEAD_LENGTH, kind_of_head, starts_tar
from rendicom.errors import UnreadableSourceError

if TYPE_CHECKING:
    from rendicom.archives.entries import Member, Seen

ENDINGS = (
    ".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tbz2", ".tbz", ".txz", ".tar", ".zip",
)  # fmt: skip
"""Extensions that are removed from an archive's name."""

_ZIP_STARTS = (b"PK\3\4", b"PK\5\6", b"PK\7\10")


def archive_stem(name: str) -> str:
    """Return the name of an archive without its ending, in any case.

    >>> archive_stem("scans.TAR.GZ"), archive_stem("a.b.zip"), archive_stem(".zip")
    ('scans', 'a.b', '.zip')
    """
    for ending in ENDINGS:
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name


def is_archive(path: str) -> bool:
    """Tell whether a file is a zip or tar archive; compressed files are read for that.

    Raises
    ------
    OSError
        It cannot be read.
    """
    head = _head(path)
    if kind_of_head(head) != "archive":
        return False
    return head.startswith(_ZIP_STARTS) or starts_tar(head) or _is_packed_tar(path, head)


def _is_packed_tar(path: str, head: bytes) -> bool:
    from rendicom.archives.streams import DAMAGED, open_stream, packing_of

    try:
        with open_stream(path, packing_of(head)) as stream:
            return starts_tar(stream.read(HEAD_LENGTH))
    except DAMAGED:
        # Other compressed files are ignored, unless their name is that of an archive.
        return archive_stem(path) != path


def members(path: str) -> Iterator[Seen]:
    """Return the entries of an archive, in its order.

    Raises
    ------
    OSError
        The file cannot be opened, now or when the first entry is read.
    """
    head = _head(path)
    if head.startswith(_ZIP_STARTS):
        from rendicom.archives.zips import zip_members

        return zip_members(path)
    from rendicom.archives.streams import packing_of
    from rendicom.archives.tars import tar_members

    return tar_members(path, packing_of(head))


def open_member(member: Member, path: str) -> BinaryIO:
    """Return the bytes of a file in the archive at ``path``.

    Raises
    ------
    UnreadableSourceError, CorruptDataError, LimitExceededError
    """
    try:
        if _head(path).startswith(_ZIP_STARTS):
            from rendicom.archives.zips import open_zip_member

            return open_zip_member(member, path)
        from rendicom.archives.tars import open_tar_member

        return open_tar_member(member, path)
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise UnreadableSourceError(f"the archive cannot be read: {reason}") from None


def _head(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read(HEAD_LENGTH)
