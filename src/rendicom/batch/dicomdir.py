"""Reads a DICOMDIR and finds the files it lists (PS3.3 F, PS3.10 8)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from rendicom.batch.walk import Unreadable

__all__ = ["Referenced", "referenced_files"]

_DIRECTORY_RECORD_SEQUENCE, _REFERENCED_FILE_ID = 0x00041220, 0x00041500
_SEPARATORS = re.compile(r"[\\/]+")
_VERSION = re.compile(r";[0-9]+\Z")
_FOLDERS_KEPT = 64


class Referenced(NamedTuple):
    """A file a DICOMDIR lists: where it is, and its File ID as it is spelt on disk."""

    path: str
    parts: tuple[str, ...]


def referenced_files(path: str) -> Iterator[Referenced | Unreadable]:
    """Yield the files that the records of a DICOMDIR refer to, in their order, each once.

    File IDs are looked for as they are, then in any case and with the version numbers and dots
    that ISO 9660 adds. None leads out of the folder of the DICOMDIR. Whether a record is in use
    is not asked: PS3.3 F.3.2.2 retired that.
    """
    try:
        file_ids = list(_file_ids(path))
    except (_DamagedError, OSError) as error:
        yield Unreadable(path, getattr(error, "strerror", None) or str(error))
        return
    folder = os.path.dirname(path)
    names = _Names()
    known: set[tuple[str, ...]] = set()
    for parts in filter(None, map(_parts, file_ids)):
        if parts in known:
            continue
        known.add(parts)
        shown = os.path.join(folder, *parts)
        if os.pardir in parts:
            yield Unreadable(shown, "listed in the DICOMDIR, but outside of its folder")
            continue
        found = names.found(folder, parts)
        if found is None:
            yield Unreadable(shown, "listed in the DICOMDIR, but not there")
        else:
            yield Referenced(os.path.join(folder, *found), found)


class _DamagedError(Exception):
    """The DICOMDIR makes no sense."""


def _file_ids(path: str) -> Iterator[bytes]:
    """Yield the Referenced File IDs as they are stored, empty where a record has none."""
    from pydicom import dcmread

    from rendicom.pixels.datasetattributes import pydicom_raises, quiet_pydicom

    try:
        with quiet_pydicom():
            records = dcmread(path, force=True)[_DIRECTORY_RECORD_SEQUENCE].value or ()
        elements = [record.get_item(_REFERENCED_FILE_ID) for record in records]
    except OSError:
        raise
    except pydicom_raises():
        raise _DamagedError("the DICOMDIR is damaged, or holds no records") from None
    for element in elements:
        value = element.value if element is not None else b""
        yield value if isinstance(value, bytes) else "\\".join(value or ()).encode()


def _parts(file_id: bytes) -> tuple[str, ...]:
    """Return the components; some writers put a whole path into one."""
    text = file_id.decode("utf-8", "surrogateescape")
    parts = (part.strip(" \0") for part in _SEPARATORS.split(text))
    return tuple(part for part in parts if part not in ("", os.curdir))


class _Names:
    """Finds names as ISO 9660 may have changed them."""

    def __init__(self) -> None:
        self._listings: dict[str, dict[str, str]] = {}

    def found(self, folder: str, parts: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return the parts as they are spelt on disk, None where there is no such file."""
        if os.path.isfile(os.path.join(folder, *parts)):
            return parts
        spelt: list[str] = []
        for part in parts:
            name = self._listing(os.path.join(folder, *spelt)).get(_plain(part))
            if name is None:
                return None
            spelt.append(name)
        return tuple(spelt) if os.path.isfile(os.path.join(folder, *spelt)) else None

    def _listing(self, folder: str) -> dict[str, str]:
        listing = self._listings.get(folder)
        if listing is None:
            try:
                names = sorted(os.listdir(folder), reverse=True)
            except OSError:
                names = []
            if len(self._listings) >= _FOLDERS_KEPT:
                self._listings.clear()
            listing = self._listings[folder] = {_plain(name): name for name in names}
        return listing


def _plain(name: str) -> str:
    return _VERSION.sub("", name).rstrip(".").casefold()
