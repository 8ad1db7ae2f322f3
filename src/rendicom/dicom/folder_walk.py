"""Walks a folder and finds the DICOM files and archives in it.

DICOM is recognized by content. A file that is DICOM by name only is found as well: opening it
reports the fault. Names are sorted, and files come before subfolders, so that two walks of a tree
are equal.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from rendicom.dicom.file_kind import Ignored, Kind, is_called_dicom, look

_OUT = "leads out of the folder, and links are followed with --follow-links only"


class Folder(NamedTuple):
    """A folder of the walk, and the names in it."""

    path: str
    """Path, spelt like the root."""
    relative: str
    """The path below the root, empty for the root itself."""
    subfolders: tuple[str, ...]
    """Folders that will be entered."""
    files: list[str]
    """All other entries, sorted. Names only, as a million of them take a hundred megabytes."""
    odd: frozenset[str]
    """The names in ``files`` of links and of irregular files."""
    outside: list[str]
    """Links that lead out of the root, to files or folders, unless links are followed."""
    hidden: list[str]
    """Names that begin with a dot."""


class Found(NamedTuple):
    """A DICOM file or an archive in the last folder; other fields as in `Look`.

    A file that is DICOM by name only has the kind ``instance``.
    """

    path: str
    name: str
    kind: Kind
    version: str
    size: int


class Unreadable(NamedTuple):
    """Paths that could not be read, and why."""

    source: str
    reason: str


class _Listing(NamedTuple):
    folders: list[str]
    linked_folders: list[str]
    files: list[str]
    odd: list[str]
    hidden: list[str]


class _Pending(NamedTuple):
    relative: str
    real: str


def walk(
    root: str, *, skip: str = "", follow_links: bool = False
) -> Iterator[Folder | Found | Ignored | Unreadable]:
    """Yield the files in ``root``, folder by folder; each file is opened. See `walk_folders`.

    Links that lead out of ``root`` to DICOM files or to folders are `Unreadable` unless followed.
    """
    for folder in walk_folders(root, skip=skip, follow_links=follow_links):
        yield folder
        if isinstance(folder, Folder):
            for name in folder.hidden:
                yield Ignored(os.path.join(folder.path, name), "hidden")
            yield from _files(folder)


def walk_folders(
    root: str, *, skip: str = "", follow_links: bool = False
) -> Iterator[Folder | Unreadable]:
    """Yield ``root`` and the folders below it; no file is opened.

    Hidden files and folders (``.name``) are left out: data of programs, deleted files, snapshots,
    and unfinished transfers. ``root`` may be hidden.

    A linked folder is entered only if it lies outside of the walked folders, so that links cannot
    loop or repeat files.

    Parameters
    ----------
    root
        Root of the walk; paths are spelt like it.
    skip
        A folder that is not entered, such as the target. It need not exist; the root itself is
        always entered.
    follow_links
        Follow links to files and folders outside of ``root``.
    """
    real_root = os.path.realpath(root)
    real_skip = os.path.realpath(skip) if skip else ""
    pending = [_Pending("", real_root)]
    walked = [real_root]
    while pending:
        relative, real = pending.pop()
        path = os.path.join(root, relative) if relative else root
        try:
            listing = _listed(path)
        except OSError as error:
            yield Unreadable(path, reason_of(error))
            continue
        below = [
            _Pending(os.path.join(relative, name), os.path.join(real, name))
            for name in listing.folders
        ]
        linked = list(_new_links(path, relative, listing.linked_folders, walked))
        outside: list[str] = []
        if follow_links:
            below += linked
        else:
            outside += [os.path.basename(each.relative) for each in linked]
            outside += [
                name
                for name in listing.odd
                if not _overlap(os.path.realpath(os.path.join(path, name)), real_root)
            ]
        below = [each for each in below if not _is_same(each.real, real_skip)]
        names = tuple(os.path.basename(each.relative) for each in below)
        odd = frozenset(listing.odd)
        yield Folder(path, relative, names, listing.files, odd, outside, listing.hidden)
        pending.extend(sorted(below, reverse=True))


def _new_links(path: str, relative: str, names: list[str], walked: list[str]) -> Iterator[_Pending]:
    """Yield linked folders that lie outside of the walked folders, and record them."""
    for name in names:
        real = os.path.realpath(os.path.join(path, name))
        if not any(_overlap(real, other) for other in walked):
            walked.append(real)
            yield _Pending(os.path.join(relative, name), real)


def reason_of(error: OSError | ValueError) -> str:
    """Return the reason of the system, without the path."""
    return getattr(error, "strerror", None) or "cannot be read"


def _listed(path: str) -> _Listing:
    listing = _Listing([], [], [], [], [])
    with os.scandir(path) as children:
        for child in children:
            if child.name.startswith("."):
                listing.hidden.append(child.name)
            elif child.is_dir(follow_symlinks=False) and not _is_junction(child):
                listing.folders.append(child.name)
            elif child.is_file(follow_symlinks=False):
                listing.files.append(child.name)
            elif _leads_to_folder(child):
                listing.linked_folders.append(child.name)
            else:
                listing.files.append(child.name)
                listing.odd.append(child.name)
    for names in listing:
        names.sort()
    return listing


def _leads_to_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError:
        # A link to itself; reported below.
        return False


def _is_junction(child: os.DirEntry[str]) -> bool:
    """Tell whether this is a junction of Windows, which Python 3.12 and later recognize."""
    test = getattr(child, "is_junction", None)
    return test is not None and bool(test())


def _overlap(one: str, other: str) -> bool:
    """Tell whether one of two real paths lies in the other."""
    is_same_drive = os.path.splitdrive(one)[0] == os.path.splitdrive(other)[0]
    return is_same_drive and os.path.commonpath((one, other)) in (one, other)


def _is_same(real: str, skip: str) -> bool:
    if not skip or os.path.basename(real).casefold() != os.path.basename(skip).casefold():
        return False
    try:
        # On a file system that ignores case, two spellings may be one folder.
        return real == skip or os.path.samefile(real, skip)
    except OSError:
        return False


def _files(folder: Folder) -> Iterator[Found | Ignored | Unreadable]:
    """Yield the files of a folder by kind, and the links that are not followed."""
    files = set(folder.files) if folder.outside else frozenset()
    for name in folder.outside:
        if name not in files:
            yield Unreadable(os.path.join(folder.path, name), _OUT)
    for name in folder.files:
        path = os.path.join(folder.path, name)
        is_odd = name in folder.odd
        try:
            if is_odd and not stat.S_ISREG(os.stat(path).st_mode):
                is_wanted = is_called_dicom(name)
                yield Unreadable(path, "is not a regular file") if is_wanted else Ignored(path)
                continue
            seen = look(path)
        except FileNotFoundError as error:
            yield Unreadable(path, "is a link to nothing" if is_odd else reason_of(error))
            continue
        except OSError as error:
            yield Unreadable(path, reason_of(error))
            continue
        if seen.kind == "directory":
            yield Ignored(path, "a DICOMDIR")
        elif seen.kind == "other" and not is_called_dicom(name):
            yield Ignored(path)
        elif is_odd and name in folder.outside:
            yield Unreadable(path, _OUT)
        else:
            kind: Kind = "instance" if seen.kind == "other" else seen.kind
            yield Found(path, name, kind, seen.version, seen.size)
