"""Lists the files below a folder or a prefix of a store, folder by folder."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rendicom import storage
from rendicom.index.places import is_below, split

__all__ = ["FileSeen", "Listing", "device_of", "walk"]

_log = logging.getLogger("rendicom.index")

_MOST_AT_ONCE = 1000


class FileSeen(NamedTuple):
    """A file in a listing; ``version`` as `rendicom.storage.version_of` has it."""

    name: str
    version: str
    size: int


class Listing(NamedTuple):
    """Some of the files of one folder, spelt as by `rendicom.index.places.split`.

    ``is_readable`` is False where it could not be listed: nothing is known of what lies below.
    """

    folder: str
    files: list[FileSeen]
    is_readable: bool = True


def device_of(root: str) -> str:
    """Return what the file system is that ``root`` is on; empty for a URI.

    Raises
    ------
    OSError
        There is no such folder, or it cannot be reached.
    """
    return "" if storage.is_uri(root) else str(os.stat(root).st_dev)


def walk(root: str, *, is_ended: Callable[[], bool]) -> Iterator[Listing]:
    """Yield what lies below ``root``; hidden files and folders are left out.

    Links to files are followed, and links to folders that are not walked anyway: neither can they
    loop nor show a file twice. Names that are no Unicode are left out.

    Raises
    ------
    UnreadableSourceError, OSError
        The root itself cannot be listed.
    """
    if storage.is_uri(root):
        yield from _walk_store(root, is_ended)
    elif os.path.isdir(root):
        yield from _walk_folders(root, is_ended)
    else:
        folder, name = split(root)
        status = os.stat(root)
        yield Listing(folder, [_seen(name, status)])


def _walk_store(root: str, is_ended: Callable[[], bool]) -> Iterator[Listing]:
    gathered: dict[str, list[FileSeen]] = {}
    count = 0
    for stored in storage.list_folder(root):
        if is_ended():
            return
        if any(part.startswith(".") for part in stored.name.split("/")):
            continue
        folder, name = split(stored.location)
        gathered.setdefault(folder, []).append(FileSeen(name, stored.version, stored.size))
        count += 1
        if count == _MOST_AT_ONCE:
            yield from (Listing(*each) for each in gathered.items())
            gathered, count = {}, 0
    yield from (Listing(*each) for each in gathered.items())


def _walk_folders(root: str, is_ended: Callable[[], bool]) -> Iterator[Listing]:
    pending = [root]
    walked = [os.path.realpath(root)]
    while pending and not is_ended():
        path = pending.pop()
        folder = os.path.join(path, "")
        try:
            names, below = _listed(path, walked)
        except OSError:
            if path == root:
                raise
            yield Listing(folder, [], is_readable=False)
            continue
        pending.extend(reversed(below))
        yield from _files(folder, names)


def _listed(path: str, walked: list[str]) -> tuple[list[str], list[str]]:
    """Return the names of files, sorted, and the paths of folders to enter."""
    names: list[str] = []
    folders: list[str] = []
    links: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not _is_unicode(entry.name):
                _log.warning("a file or folder is left out: its name is no Unicode")
            elif entry.is_dir(follow_symlinks=False) and not _is_junction(entry):
                folders.append(entry.path)
            elif _leads_to_folder(entry):
                links.append(entry.path)
            else:
                names.append(entry.name)
    names.sort()
    return names, sorted(folders) + [each for each in sorted(links) if _is_new(each, walked)]


def _is_new(link: str, walked: list[str]) -> bool:
    """Tell whether a linked folder lies outside of what is walked anyway."""
    real = os.path.realpath(link)
    if any(is_below(real, other) or is_below(other, real) for other in walked):
        return False
    walked.append(real)
    return True


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """Tell whether this is a link of Windows to a folder, where Python can tell (from 3.12)."""
    test = getattr(entry, "is_junction", None)
    return test is not None and bool(test())


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in name


def _files(folder: str, names: list[str]) -> Iterator[Listing]:
    """Yield the files of a folder, some at a time."""
    found: list[FileSeen] = []
    for name in names:
        try:
            status = os.stat(folder + name)
        except FileNotFoundError:
            continue
        except OSError:
            # It is there, though nobody can say more.
            found.append(FileSeen(name, "", 0))
            continue
        if stat.S_ISREG(status.st_mode):
            found.append(_seen(name, status))
        if len(found) == _MOST_AT_ONCE:
            yield Listing(folder, found)
            found = []
    if found:
        yield Listing(folder, found)


def _seen(name: str, status: os.stat_result) -> FileSeen:
    # As the storage of this machine has it, without asking for each file twice.
    return FileSeen(name, f"{status.st_size}-{status.st_mtime_ns}", status.st_size)
