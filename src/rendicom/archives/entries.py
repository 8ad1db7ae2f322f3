"""Entries of an archive."""

from __future__ import annotations

from typing import NamedTuple

from rendicom.dicom.file_kind import is_called_dicom, is_hidden, kind_of_head

MAX_MEMBER_BYTES = 2 << 30
"""Size limit of a compressed member, which is decompressed into memory."""

TOO_LARGE = f"holds more than {MAX_MEMBER_BYTES >> 30} GiB: unpack it first"


class Member(NamedTuple):
    """Location of a file in an archive.

    ``number`` counts the archive's entries from 0; ``offset`` is where the bytes of a tar member
    start in the stream, decompressed, and where the header before them starts in a zip; ``size`` is
    in bytes, decompressed.
    """

    archive: str
    number: int
    offset: int
    size: int


class Inside(NamedTuple):
    """A DICOM file in an archive, by its content or its name."""

    name: str
    member: Member


class Other(NamedTuple):
    """A file in an archive that is not a DICOM instance."""

    name: str


class Refused(NamedTuple):
    """A file in an archive that cannot be read."""

    name: str
    reason: str


class Broken(NamedTuple):
    """The rest of the archive cannot be read."""

    reason: str


Seen = Inside | Other | Refused | Broken


def is_wanted(name: str, head: bytes) -> bool:
    """Tell whether a file is a DICOM instance by its first bytes or its name, and is not hidden.

    >>> is_wanted("a/1.dcm", b""), is_wanted("a/1.txt", b""), is_wanted("__MACOSX/._1.dcm", b"")
    (True, False, False)
    """
    if is_hidden(name):
        return False
    kind = kind_of_head(head)
    is_called_so = is_called_dicom(name.replace("\\", "/").rpartition("/")[2])
    return kind == "instance" or (kind != "directory" and is_called_so)
