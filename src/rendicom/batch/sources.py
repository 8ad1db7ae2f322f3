"""Kinds of sources, and units of work: one source each, with the place of its pictures."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from rendicom.batch.outcomes import Ignored
from rendicom.dicom.file_kind import look
from rendicom.dicom.folder_walk import Unreadable
from rendicom.errors import OptionError, UnreadableSourceError
from rendicom.selection import FrameSelection
from rendicom.views import shown

if TYPE_CHECKING:
    from typing import BinaryIO

    from rendicom.archives.entries import Member
    from rendicom.composition.composed import Pages

MEMBER_MARK = "!/"
"""Separates an archive from the name of a file in it: ``scans.zip!/a/b.dcm``."""


class Unit(NamedTuple):
    """One source and the place of its pictures."""

    source: str
    """Path, URI, or ``ARCHIVE!/NAME``, as shown in messages and in the manifest."""
    place: str
    """Path of its pictures below the target, with ``/`` between its parts, without frame number and
    extension. `FRAME_MARK` in it is replaced by the frame number; without a mark, ``-0001`` is
    appended for instances of several frames."""
    version: str = ""
    """Changes when the source does: size and time, or the ETag; empty where unknown."""
    size: int = 0
    """In bytes, 0 where unknown."""
    member: Member | None = None
    """Its member of an archive."""
    frames: FrameSelection | None = None
    """Frames to convert instead of those of the recipe: the remaining ones."""
    is_known: bool = True
    """Its first bytes were recognized as DICOM. Otherwise the worker checks, and a file that is not
    DICOM is ignored instead of failing."""
    about: str = ""
    """Data for `Recipe.input_source`, empty for files."""
    pages: Pages | None = None
    """The images that its pictures show, where it is about images and these are known."""


Entry = Unit | Ignored | Unreadable

SourceKind = Literal["folder", "archive", "directory", "prefix", "object", "file"]
"""``directory`` is a DICOMDIR; ``prefix`` and ``object`` are addresses of many and of one."""

STREAM = "-"


def paths_of(source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[str]:
    """Return the paths and addresses that a caller named, one or several.

    Raises
    ------
    OptionError
        Something else is among them.
    """
    try:
        several = (source,) if isinstance(source, (str, os.PathLike)) else source
        return [os.fsdecode(each) for each in several]
    except TypeError:
        raise OptionError(
            f"source {shown(source)} is not a path, nor are all of its items paths"
        ) from None


def open_unit(unit: Unit, *, base: str = "") -> str | BinaryIO:
    """Return the argument for `rendicom.engine.open_instance`, in a worker.

    Parameters
    ----------
    unit
        A unit, found in this process or in another one.
    base
        Folder that relative paths count from; empty for the current one.

    Raises
    ------
    UnreadableSourceError, CorruptDataError, LimitExceededError
    """
    if unit.member is not None:
        from rendicom.archives import open_member

        archive = os.path.join(base, unit.member.archive)
        _check_unchanged(archive, unit.version)
        return open_member(unit.member, archive)
    if is_address(unit.source):
        from rendicom.storage import open_bytes

        return open_bytes(unit.source)
    return os.path.join(base, unit.source)


def _check_unchanged(archive: str, version: str) -> None:
    """Refuse an archive whose size changed: the offsets of its members are no longer valid."""
    try:
        size = os.stat(archive).st_size
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise UnreadableSourceError(f"the archive cannot be read: {reason}") from None
    if version and not version.startswith(f"{size}-"):
        raise UnreadableSourceError(
            "the archive was changed after it was listed", hint="run again with --resume"
        )


def is_folder_like(source: str) -> bool:
    """Tell whether a source may hold many files, so that pictures need a folder.

    Raises
    ------
    OptionError
        It is a URI with a scheme that is not supported.
    """
    return kind_of_source(source) not in ("file", "object")


def kind_of_source(source: str) -> SourceKind:
    """Return the kind of a source by its content; an unreadable one counts as one file.

    Raises
    ------
    OptionError
        It is a URI with a scheme that is not supported.
    """
    if source == STREAM:
        return "file"
    if is_address(source):
        return _kind_of_address(source)
    path = local_path(source)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            return "folder"
        # A pipe would block, and lose the bytes read from it.
        kind = look(path).kind if stat.S_ISREG(mode) else "other"
        if kind == "archive":
            from rendicom.archives import is_archive

            return "archive" if is_archive(path) else "file"
    except (OSError, ValueError):
        return "file"
    return "directory" if kind == "directory" else "file"


def is_address(source: str) -> bool:
    """Tell whether a source is a URI of an object store; ``file://`` is a path.

    Raises
    ------
    OptionError
        It is a URI with a scheme that is not supported.
    """
    if "://" not in source:
        return False
    from rendicom.storage import is_uri

    return is_uri(local_path(source))


def local_path(source: str) -> str:
    """Return the path of a ``file://`` address, anything else as it is.

    Raises
    ------
    OptionError
        It is a URI with a scheme that is not supported.
    """
    if "://" not in source:
        return source
    from rendicom.storage import normalised

    return normalised(source)


def _kind_of_address(source: str) -> SourceKind:
    if source.endswith("/"):
        return "prefix"
    from rendicom.storage import list_folder

    try:
        first = next(iter(list_folder(source)), None)
    except UnreadableSourceError:
        return "object"
    return "prefix" if first is not None and first.location != source else "object"


def count_files(sources: Iterable[str]) -> Iterator[int]:
    """Yield the number of files in the local ``sources``, updated with every folder.

    For estimates of the remaining time: nothing is opened, links are not followed, an archive
    counts as one file. Meant to run in a thread.
    """
    total = 0
    pending: list[str] = []
    for source in sources:
        if "://" in source:
            continue
        if os.path.isdir(source):
            pending.append(source)
        else:
            total += 1
        while pending:
            folders, files = _counted(pending.pop())
            pending.extend(folders)
            total += files
            yield total
    yield total


def _counted(folder: str) -> tuple[list[str], int]:
    """Return the subfolders of a folder, and the number of other entries."""
    folders: list[str] = []
    others = 0
    try:
        with os.scandir(folder) as listing:
            for child in listing:
                if child.is_dir(follow_symlinks=False):
                    folders.append(child.path)
                else:
                    others += 1
    except OSError:
        pass
    return folders, others
