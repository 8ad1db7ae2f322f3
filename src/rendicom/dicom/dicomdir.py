"""Reads a DICOMDIR and finds the files it lists (PS3.3 F, PS3.10 8)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast

from rendicom.dicom.folder_walk import Unreadable
from rendicom.errors import CorruptDataError, NotDicomError, RendicomError, UnreadableSourceError

if TYPE_CHECKING:
    from typing import BinaryIO

_DIRECTORY_RECORD_SEQUENCE, _REFERENCED_FILE_ID = 0x00041220, 0x00041500
_SEPARATORS = re.compile(r"[\\/]+")
_VERSION = re.compile(r";[0-9]+\Z")
_FOLDERS_KEPT = 64
_LONGEST = 1 << 30
"""Bytes of a DICOMDIR: some 2 million records."""


class Referenced(NamedTuple):
    """A file listed in a DICOMDIR: its path, and its File ID as spelt on disk."""

    path: str
    parts: tuple[str, ...]


def referenced_files(path: str) -> Iterator[Referenced | Unreadable]:
    """Yield the files that the records of a DICOMDIR refer to, in their order, each once.

    File IDs are matched exactly, then without case and with the version numbers and dots that ISO
    9660 adds. Paths outside the folder of the DICOMDIR are ignored. The retired flag for records in
    use (PS3.3 F.3.2.2) is ignored.
    """
    try:
        file_ids, is_whole = _file_ids(path)
    except RendicomError as error:
        yield Unreadable(path, error.message)
        return
    folder = os.path.dirname(path)
    listed = lru_cache(maxsize=_FOLDERS_KEPT)(_listed)
    known: set[tuple[str, ...]] = set()
    for parts in filter(None, map(_parts, file_ids)):
        if parts in known:
            continue
        known.add(parts)
        shown = os.path.join(folder, *parts)
        if os.pardir in parts:
            yield Unreadable(shown, "listed in the DICOMDIR, but outside of its folder")
            continue
        found = _found(folder, parts, listed)
        if found is None:
            yield Unreadable(shown, "listed in the DICOMDIR, but not there")
        else:
            yield Referenced(os.path.join(folder, *found), found)
    if not is_whole:
        yield Unreadable(path, "the DICOMDIR is cut short: it may have listed more")
    elif not known:
        yield Unreadable(path, "the DICOMDIR lists no files")


def nothing_but(path: str) -> RendicomError:
    """Return the error for a DICOMDIR without any other DICOM file."""
    found = list(referenced_files(path))
    listed = [each for each in found if isinstance(each, Referenced) or each.source != path]
    if not listed:
        reasons = "; ".join(each.reason for each in found if isinstance(each, Unreadable))
        return UnreadableSourceError(f"there is nothing but {path}: {reasons}")
    files = "1 file" if len(listed) == 1 else f"{len(listed)} files"
    if any(isinstance(each, Referenced) for each in listed):
        return NotDicomError(f"none of the files that {path} lists is DICOM")
    return UnreadableSourceError(
        f"there is nothing but {path}, which lists {files}: none of them exists",
        hint="a DICOMDIR holds no pictures: copy the whole medium",
    )


def _file_ids(path: str) -> tuple[list[bytes], bool]:
    """Return the Referenced File IDs as stored, and whether the DICOMDIR is complete.

    Raises
    ------
    UnreadableSourceError, CorruptDataError
    """
    from pydicom import dcmread

    from rendicom.dicom.byte_source import open_source
    from rendicom.dicom.pydicom_calls import pydicom_raises, quiet_pydicom
    from rendicom.dicom.range_reader import RangeReader

    source = open_source(path)
    # pydicom treats the end of a file as the end of its records.
    reader = RangeReader(source, limit=_LONGEST)
    try:
        with quiet_pydicom():
            directory = dcmread(cast("BinaryIO", reader), force=True)
            records = directory[_DIRECTORY_RECORD_SEQUENCE].value or ()
        # Raw: converting an invalid value would quote it in a warning.
        elements = [record.get_item(_REFERENCED_FILE_ID) for record in records]
    except pydicom_raises():
        raise reader.failure or CorruptDataError(
            "the DICOMDIR is damaged, or holds no records"
        ) from None
    finally:
        source.close()
    values = [element.value for element in elements if element is not None]
    plain = [each if isinstance(each, bytes) else _joined(each) for each in values]
    return plain, not reader.passed_end


def _joined(value: str | Iterable[str] | None) -> bytes:
    return (value if isinstance(value, str) else "\\".join(value or ())).encode()


def _parts(file_id: bytes) -> tuple[str, ...]:
    """Return the components; some writers put a whole path into one."""
    text = file_id.decode("utf-8", "surrogateescape")
    parts = (part.strip(" \0") for part in _SEPARATORS.split(text))
    return tuple(part for part in parts if part not in ("", os.curdir))


def _found(
    folder: str, parts: tuple[str, ...], listed: Callable[[str], dict[str, str]]
) -> tuple[str, ...] | None:
    """Return the parts as spelt on disk, None if the file does not exist."""
    if os.path.isfile(os.path.join(folder, *parts)):
        return parts
    spelt: list[str] = []
    for part in parts:
        name = listed(os.path.join(folder, *spelt)).get(_plain(part))
        if name is None:
            return None
        spelt.append(name)
    return tuple(spelt) if os.path.isfile(os.path.join(folder, *spelt)) else None


def _listed(folder: str) -> dict[str, str]:
    """Return the names in a folder by what ISO 9660 may have made of them."""
    try:
        return {_plain(name): name for name in sorted(os.listdir(folder), reverse=True)}
    except OSError:
        return {}


def _plain(name: str) -> str:
    return _VERSION.sub("", name).rstrip(".").casefold()
