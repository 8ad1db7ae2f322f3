"""Walks a folder and finds the DICOM files in it.

Files are known by their content, never by their name. The order is that of the sorted names,
the files of a folder before its subfolders, so that two walks of one tree are alike.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from rendicom.batch.sniff import kind_of_file

__all__ = ["Entry", "Folder", "Found", "Ignored", "Unreadable", "walk"]


@dataclass(frozen=True, slots=True)
class Folder:
    """The walk enters a folder; what it holds follows.

    ``relative`` is the path below the root, empty for the root itself; ``subfolders`` are the
    names of all folders in it.
    """

    path: str
    relative: str
    subfolders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A DICOM file in the folder entered last."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A file that is no DICOM instance, a DICOMDIR, or no regular file."""

    path: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file or folder that could not be read."""

    path: str
    reason: str


Entry = Folder | Found | Ignored | Unreadable


def walk(root: str) -> Iterator[Entry]:
    """Yield what is in ``root``, folder by folder.

    A linked folder is entered when it lies outside of what is walked anyway, so that links can
    neither loop nor make one file appear twice.
    """
    pending = [""]
    walked = [os.path.realpath(root)]
    while pending:
        relative = pending.pop()
        folder = os.path.join(root, relative) if relative else root
        try:
            with os.scandir(folder) as listing:
                children = sorted(listing, key=lambda child: child.name)
        except OSError as error:
            yield Unreadable(folder, error.strerror or "cannot be read")
            continue
        subfolders = tuple(child.name for child in children if _is_folder(child, walked))
        yield Folder(folder, relative, subfolders)
        for child in children:
            if not child.is_dir():
                yield _entry_of(child)
        below = (os.path.join(relative, name) for name in subfolders)
        pending.extend(sorted(below, reverse=True))


def _is_folder(child: os.DirEntry[str], walked: list[str]) -> bool:
    if child.is_dir(follow_symlinks=False):
        return True
    if not child.is_dir():
        return False
    real = os.path.realpath(child.path)
    if any(_overlap(real, other) for other in walked):
        return False
    walked.append(real)
    return True


def _overlap(one: str, other: str) -> bool:
    """Tell whether one of two real paths lies in the other."""
    shared = os.path.commonpath((one, other)) if _same_drive(one, other) else ""
    return shared in (one, other)


def _same_drive(one: str, other: str) -> bool:
    return os.path.splitdrive(one)[0] == os.path.splitdrive(other)[0]


def _entry_of(child: os.DirEntry[str]) -> Entry:
    try:
        if child.is_file():
            if kind_of_file(child.path) == "instance":
                return Found(child.path, child.name)
            return Ignored(child.path)
    except OSError as error:
        return Unreadable(child.path, error.strerror or "cannot be read")
    return Ignored(child.path)
