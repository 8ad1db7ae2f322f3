"""Walks a folder and finds the DICOM files and archives in it.

Files are known by their content, never by their name. The order is that of the sorted names,
the files of a folder before its subfolders, so that two walks of one tree are alike.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from rendicom.batch.job import Ignored
from rendicom.batch.sniff import Kind, look

__all__ = ["Entry", "Folder", "Found", "Ignored", "Unreadable", "reason_of", "walk"]


class Folder(NamedTuple):
    """The walk enters a folder; what it holds follows.

    ``relative`` is the path below the root, empty for the root itself; ``subfolders`` are the
    names of the folders in it that will be entered; ``others`` is how much else is in it.
    """

    path: str
    relative: str
    subfolders: tuple[str, ...]
    others: int = 0


class Found(NamedTuple):
    """A DICOM file or an archive in the folder entered last; the rest is as in `Look`."""

    path: str
    name: str
    kind: Kind
    version: str
    size: int


class Unreadable(NamedTuple):
    """What could not be read, and why."""

    source: str
    reason: str


Entry = Folder | Found | Ignored | Unreadable


class _Listing(NamedTuple):
    """Names in a folder, sorted. Names alone: of a million files that is a hundred megabytes."""

    folders: list[str]
    others: list[str]
    odd: frozenset[str]
    """Names among them of links, and of what is neither file nor folder."""


class _Pending(NamedTuple):
    relative: str
    real: str


def walk(root: str, *, skip: str = "") -> Iterator[Entry]:
    """Yield what is in ``root``, folder by folder.

    A linked folder is entered when it lies outside of what is walked anyway, so that links can
    neither loop nor make one file appear twice.

    Parameters
    ----------
    root
        Paths are spelt as it is.
    skip
        A folder that is not entered when it comes up: where pictures go to. It need not exist
        yet; the root itself is always entered.
    """
    real_root = os.path.realpath(root)
    real_skip = os.path.realpath(skip) if skip else ""
    pending = [_Pending("", real_root)]
    walked = [real_root]
    while pending:
        relative, real = pending.pop()
        folder = os.path.join(root, relative) if relative else root
        try:
            listing = _listed(folder)
        except OSError as error:
            yield Unreadable(folder, reason_of(error))
            continue
        below = list(_subfolders(folder, relative, real, listing, walked))
        below = [each for each in below if not _is_same(each.real, real_skip)]
        names = tuple(os.path.basename(each.relative) for each in below)
        yield Folder(folder, relative, names, len(listing.others))
        yield from _files(folder, listing)
        pending.extend(sorted(below, reverse=True))


def reason_of(error: OSError | ValueError) -> str:
    """Return why the system refused, without the path."""
    return getattr(error, "strerror", None) or "cannot be read"


def _listed(folder: str) -> _Listing:
    folders: list[str] = []
    others: list[str] = []
    odd: list[str] = []
    with os.scandir(folder) as listing:
        for child in listing:
            if child.is_dir(follow_symlinks=False) and not _is_junction(child):
                folders.append(child.name)
            elif child.is_file(follow_symlinks=False):
                others.append(child.name)
            else:
                odd.append(child.name)
                (folders if _leads_to_folder(child) else others).append(child.name)
    folders.sort()
    # Taken from the end, so that the list shrinks as the walk goes on.
    others.sort(reverse=True)
    return _Listing(folders, others, frozenset(odd))


def _leads_to_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError:
        # A link to itself; what follows says so.
        return False


def _is_junction(child: os.DirEntry[str]) -> bool:
    """Tell whether this is a link of Windows to a folder, where Python can tell (from 3.12)."""
    test = getattr(child, "is_junction", None)
    return test is not None and bool(test())


def _subfolders(
    folder: str, relative: str, real: str, listing: _Listing, walked: list[str]
) -> Iterator[_Pending]:
    for name in listing.folders:
        if name not in listing.odd:
            yield _Pending(os.path.join(relative, name), os.path.join(real, name))
            continue
        linked = os.path.realpath(os.path.join(folder, name))
        if not any(_overlap(linked, other) for other in walked):
            walked.append(linked)
            yield _Pending(os.path.join(relative, name), linked)


def _overlap(one: str, other: str) -> bool:
    """Tell whether one of two real paths lies in the other."""
    shared = os.path.commonpath((one, other)) if _same_drive(one, other) else ""
    return shared in (one, other)


def _same_drive(one: str, other: str) -> bool:
    return os.path.splitdrive(one)[0] == os.path.splitdrive(other)[0]


def _is_same(real: str, skip: str) -> bool:
    if not skip or os.path.basename(real).casefold() != os.path.basename(skip).casefold():
        return False
    try:
        # Two spellings may be one folder where case makes no difference.
        return real == skip or os.path.samefile(real, skip)
    except OSError:
        return False


def _files(folder: str, listing: _Listing) -> Iterator[Entry]:
    names = listing.others
    while names:
        name = names.pop()
        path = os.path.join(folder, name)
        try:
            if name in listing.odd and not stat.S_ISREG(os.stat(path).st_mode):
                yield Ignored(path)
                continue
            seen = look(path)
        except FileNotFoundError as error:
            # A link to nothing is no file; a file that was there a moment ago is.
            dangling = name in listing.odd
            yield Ignored(path) if dangling else Unreadable(path, reason_of(error))
            continue
        except OSError as error:
            yield Unreadable(path, reason_of(error))
            continue
        if seen.kind in ("instance", "archive"):
            yield Found(path, name, *seen)
        else:
            yield Ignored(path)
