"""Gives every source its place in the output folder before anything is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rendicom.batch.names import Claims
from rendicom.batch.walk import Folder, Found, Ignored, Unreadable, walk

__all__ = ["Placement", "placements"]


@dataclass(frozen=True, slots=True)
class Placement:
    """A source, and the folder and the stem of its pictures."""

    source: str
    folder: str
    stem: str


def placements(
    sources: Sequence[str], target: str, *, extension: str
) -> Iterator[Placement | Ignored | Unreadable]:
    """Yield where the pictures of each source go, folders walked.

    One folder alone is mirrored into ``target``; of several sources each folder gets one of its
    own there, under its own name. The same sources give the same names, whatever lies in
    ``target`` already.

    Parameters
    ----------
    sources
        Files and folders; anything that is no folder counts as a file and is not looked at.
        ``-`` is standard input.
    target
        The output folder; need not exist.
    extension
        Of the pictures, with its dot.
    """
    if len(sources) == 1 and os.path.isdir(sources[0]):
        yield from _mirrored(sources[0], target, extension=extension)
        return
    names = Claims(extension, folders=_sources_inside(sources, target))
    homes = [_home(source, names) for source in sources]
    for source, home in zip(sources, homes, strict=True):
        if home is None:
            yield Placement(source, target, names.take(_name_of(source)))
        else:
            home_folder = os.path.join(target, home)
            yield from _mirrored(source, home_folder, extension=extension)


def _sources_inside(sources: Sequence[str], target: str) -> Iterator[str]:
    """Yield the names of sources that lie in the target itself: no picture may get them."""
    real_target = os.path.realpath(target)
    for source in sources:
        folder, name = os.path.split(source)
        if os.path.realpath(folder) == real_target:
            yield name


def _home(source: str, names: Claims) -> str | None:
    """Return the name of a folder's own folder in the target, None for a file."""
    if not os.path.isdir(source):
        return None
    # abspath gives "." and ".." the name of the folder they stand for.
    return names.take_folder(os.path.basename(os.path.abspath(source)) or "root")


def _name_of(source: str) -> str:
    return "stdin" if source == "-" else os.path.basename(source)


def _mirrored(
    root: str, target: str, *, extension: str
) -> Iterator[Placement | Ignored | Unreadable]:
    folder, names = target, Claims(extension)
    for entry in walk(root):
        match entry:
            case Folder():
                folder = os.path.join(target, entry.relative) if entry.relative else target
                names = Claims(extension, folders=entry.subfolders)
            case Found():
                yield Placement(entry.path, folder, names.take(entry.name))
            case _:
                yield entry
