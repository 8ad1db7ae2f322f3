"""Distinguishes DICOM files, archives and others by their first bytes."""

from __future__ import annotations

import os
import re
import stat
from typing import Literal

from rendicom.dicom.file_meta import starts_data_set
from rendicom.records import NamedTuple

Kind = Literal["instance", "directory", "archive", "other"]

HEAD_LENGTH = 512
"""Bytes that are read to determine the kind."""

DICOM_EXTENSIONS = (".dcm", ".dicom", ".dic", ".ima")
"""Without ``.img``, which belongs to other formats as well."""

# PS3.6 Annex A: Media Storage Directory Storage, the class of a DICOMDIR.
_MEDIA_DIRECTORY = b"1.2.840.10008.1.3.10"
# Zip (with files, empty, spanned), gzip, bzip2, xz.
_ARCHIVE_STARTS = (b"PK\3\4", b"PK\5\6", b"PK\7\10", b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0")
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_TAR_MAGIC, _TAR_MAGIC_AT = b"ustar", 257
_TAR_CHECKSUM = slice(148, 156)


class Ignored(NamedTuple):
    """A file or folder that is left out, and its kind."""

    source: str
    what: Literal["not a DICOM instance", "a DICOMDIR", "hidden"] = "not a DICOM instance"


class Look(NamedTuple):
    """The kind of a file, its version as in a `Unit` of a batch, and its size in bytes."""

    kind: Kind
    version: str
    size: int


def kind_of_head(head: bytes) -> Kind:
    """Return the kind of a file that starts with ``head``.

    ``instance`` is a DICOM object, with the preamble of PS3.10 7.1 or without it; ``directory``
    a DICOMDIR; ``archive`` a zip, a tar, or a compressed file that may be a tar; ``other``
    anything else. `HEAD_LENGTH` bytes are enough.
    """
    if head[128:132] == b"DICM":
        return "directory" if _names_directory(head) else "instance"
    if head[:4] == b"DICM" and starts_data_set(head[4:]):
        return "instance"
    if starts_data_set(head):
        return "instance"
    return "archive" if head.startswith(_ARCHIVE_STARTS) or starts_tar(head) else "other"


def _names_directory(head: bytes) -> bool:
    """Tell whether a file meta group holds the class of a DICOMDIR, and not a longer UID."""
    if _MEDIA_DIRECTORY not in head:  # much faster than the pattern, and true of most files
        return False
    return re.search(re.escape(_MEDIA_DIRECTORY) + rb"(?![0-9.])", head[132:]) is not None


def starts_tar(head: bytes) -> bool:
    """Tell whether ``head`` is a tar header: by its magic, or its checksum (before POSIX)."""
    if head.startswith(_TAR_MAGIC, _TAR_MAGIC_AT):
        return True
    if len(head) < HEAD_LENGTH or not head[0]:
        return False
    try:
        checksum = int(head[_TAR_CHECKSUM].strip(b" \0"), 8)
    except ValueError:
        return False
    rest = sum(head[:HEAD_LENGTH]) - sum(head[_TAR_CHECKSUM])
    return checksum == rest + 8 * ord(" ")


def look(path: str) -> Look:
    """Return the kind of a file, and its version.

    Raises
    ------
    OSError
        The file cannot be opened or read.
    """
    # Half the time of a file object, which dominates a walk.
    descriptor = os.open(path, _READ)
    try:
        status = os.fstat(descriptor)
        head = os.read(descriptor, HEAD_LENGTH)
    finally:
        os.close(descriptor)
    return Look(kind_of_head(head), version_of(status), status.st_size)


def version_of(status: os.stat_result) -> str:
    """Return the version of a file: its size and its time in nanoseconds."""
    return f"{status.st_size}-{status.st_mtime_ns}"


def is_called_dicom(name: str) -> bool:
    """Tell whether a file name has a DICOM extension.

    >>> is_called_dicom("CT.DCM"), is_called_dicom("1.2.840")
    (True, False)
    """
    lower = name.lower()
    return any(lower.endswith(each) and len(name) > len(each) for each in DICOM_EXTENSIONS)


def is_hidden(path: str) -> bool:
    """Tell whether a file or a folder of a relative path is hidden.

    >>> is_hidden("./a/1.dcm"), is_hidden("a/.b/1.dcm"), is_hidden("__MACOSX/._1.dcm")
    (False, True, True)
    """
    parts = path.replace("\\", "/").split("/")
    return any(part.startswith(".") and part.strip(".") for part in parts)


def is_dicom_file(path: str) -> bool:
    """Tell whether ``path`` is an existing, readable DICOM file, a DICOMDIR included."""
    return _kind(path) in ("instance", "directory")


def is_dicom_instance(path: str) -> bool:
    """Tell whether ``path`` is an existing, readable file with one DICOM instance."""
    return _kind(path) == "instance"


def _kind(path: str) -> Kind:
    try:
        return look(path).kind if stat.S_ISREG(os.stat(path).st_mode) else "other"
    except (OSError, ValueError):
        return "other"
