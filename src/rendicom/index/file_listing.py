"""Lists the files below a folder or a prefix of a store, folder by folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rendicom import storage
from rendicom.dicom.file_kind import is_hidden, version_of
from rendicom.dicom.folder_walk import Folder, walk_folders
from rendicom.errors import UnreadableSourceError
from rendicom.index.locations import split

_MOST_AT_ONCE = 1000


class FileSeen(NamedTuple):
    """A file in a listing; ``version`` as `rendicom.storage.version_of` has it."""

    name: str
    version: str
    size: int


class Listing(NamedTuple):
    """Some of the files of one folder, spelt as by `rendicom.index.locations.split`.

    ``is_readable`` is False where it could not be listed: its contents are unknown.
    ``outside`` counts links that are not followed as they lead out of the root.
    """

    folder: str
    files: list[FileSeen]
    is_readable: bool = True
    outside: int = 0


def device_of(root: str) -> str:
    """Return an identifier of the file system of ``root``; empty for a URI.

    Raises
    ------
    OSError
        The folder does not exist or cannot be reached.
    """
    return "" if storage.is_uri(root) else str(os.stat(root).st_dev)


def walk(
    root: str, *, is_ended: Callable[[], bool], follow_links: bool = False
) -> Iterator[Listing]:
    """Yield the files below ``root``; which ones see `rendicom.dicom.folder_walk.walk_folders`.

    Raises
    ------
    UnreadableSourceError, OSError
        The root itself cannot be listed.
    """
    if storage.is_uri(root):
        yield from _walk_store(root, is_ended)
    elif os.path.isdir(root):
        for found in walk_folders(root, follow_links=follow_links):
            if is_ended():
                return
            if isinstance(found, Folder):
                yield from _files(found)
            elif found.source == root:
                raise UnreadableSourceError(found.reason)
            else:
                yield Listing(os.path.join(found.source, ""), [], is_readable=False)
    else:
        folder, name = split(root)
        status = os.stat(root)
        yield Listing(folder, [FileSeen(name, version_of(status), status.st_size)])


def _walk_store(root: str, is_ended: Callable[[], bool]) -> Iterator[Listing]:
    gathered: dict[str, list[FileSeen]] = {}
    count = 0
    for stored in storage.list_folder(root):
        if is_ended():
            return
        if is_hidden(stored.name):
            continue
        folder, name = split(stored.location)
        gathered.setdefault(folder, []).append(FileSeen(name, stored.version, stored.size))
        count += 1
        if count == _MOST_AT_ONCE:
            yield from (Listing(*each) for each in gathered.items())
            gathered, count = {}, 0
    yield from (Listing(*each) for each in gathered.items())


def _files(folder: Folder) -> Iterator[Listing]:
    """Yield the files of a folder, some at a time."""
    path = os.path.join(folder.path, "")
    outside = frozenset(folder.outside)
    if outside:
        yield Listing(path, [], outside=len(outside))
    found: list[FileSeen] = []
    for name in folder.files:
        if name in outside:
            continue
        try:
            status = os.stat(path + name)
        except FileNotFoundError:
            continue
        except OSError:
            found.append(FileSeen(name, "", 0))  # it exists, and cannot be read
            continue
        if stat.S_ISREG(status.st_mode):
            found.append(FileSeen(name, version_of(status), status.st_size))
        if len(found) == _MOST_AT_ONCE:
            yield Listing(path, found)
            found = []
    if found:
        yield Listing(path, found)
