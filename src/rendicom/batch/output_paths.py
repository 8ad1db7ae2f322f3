"""Finds sources and assigns each an output path before any is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rendicom.batch.file_names import ClaimedNames, safe_parts
from rendicom.batch.name_tree import Tree, joined
from rendicom.batch.outcomes import Ignored
from rendicom.batch.sources import STREAM, Entry, Unit, kind_of_source, local_path
from rendicom.dicom.file_kind import (
    HEAD_LENGTH,
    is_called_dicom,
    is_hidden,
    kind_of_head,
    version_of,
)
from rendicom.dicom.folder_walk import Folder, Found, Unreadable, reason_of, walk
from rendicom.errors import OptionError, UnreadableSourceError

if TYPE_CHECKING:
    from rendicom.batch.scratch import Register
    from rendicom.batch.sources import SourceKind

_MANY = 20_000
"""Names in one folder that are kept in memory; more are kept on disk."""
_REMOTE_ARCHIVE = "is an archive, and those are read from a disk only: copy it to one first"


def find(
    sources: Sequence[str], target: str, *, extension: str, follow_links: bool = False
) -> Iterator[Entry]:
    """Yield the units of ``sources`` in a stable order, each with its place below ``target``.

    A folder, archive or DICOMDIR that is the only source is mirrored into ``target``; each of
    several sources gets a folder of its own there. The same sources give the same output paths,
    regardless of the content of ``target``. A folder that is ``target`` is not entered.

    Parameters
    ----------
    sources
        Files are taken regardless of their content. ``-`` is standard input.
    target
        Folder or URI of the pictures; need not exist.
    extension
        Of the pictures, with its dot.
    follow_links
        Follow symbolic links that lead out of a folder; otherwise they are `Unreadable`.

    Raises
    ------
    OptionError
        A URI has a scheme that is not supported.
    """
    looked = [_looked_at(source, is_alone=len(sources) == 1) for source in sources]
    if len(looked) == 1 and looked[0].kind not in ("file", "object"):
        yield from inside(*looked[0][:2], target, extension=extension, follow_links=follow_links)
        return
    names = ClaimedNames(
        extension, folders=_sources_inside([each.source for each in looked], target)
    )
    homes = [_home(each.source, each.kind, names) for each in looked]
    for (source, kind, problem), home in zip(looked, homes, strict=True):
        if problem:
            yield Unreadable(source, problem)
        elif home is None:
            yield _single(source, names.take(_name_of(source)), kind)
        else:
            yield from inside(
                source, kind, target, extension=extension, home=home, follow_links=follow_links
            )


class _Looked(NamedTuple):
    """A source, its kind, and why it cannot be read."""

    source: str
    kind: SourceKind
    problem: str = ""


def _looked_at(source: str, *, is_alone: bool) -> _Looked:
    """Return the kind of a source; an unreadable one of several does not stop the others."""
    try:
        path = local_path(source)
        return _Looked(path, kind_of_source(path))
    except OptionError as error:
        if is_alone:
            raise
        return _Looked(source, "object", str(error))


def _sources_inside(sources: Sequence[str], target: str) -> Iterator[str]:
    """Yield the names of sources inside the target, which pictures must not get."""
    real_target = os.path.realpath(target)
    for source in sources:
        folder, name = os.path.split(source)
        if name and os.path.realpath(folder) == real_target:
            yield name


def _home(source: str, kind: SourceKind, names: ClaimedNames) -> str | None:
    """Return the name of a source's own folder in the target, None for a file."""
    if kind in ("file", "object"):
        return None
    return names.take_folder(home_name(source, kind))


def home_name(source: str, kind: SourceKind) -> str:
    """Return the preferred name of the folder for the pictures of a source."""
    if kind == "prefix":
        return safe_parts(source.partition("://")[2])[-1]
    # abspath resolves "." and ".." to the name of the folder.
    path = os.path.abspath(source)
    if kind == "archive":
        from rendicom.archives import archive_stem

        return archive_stem(os.path.basename(path))
    if kind == "directory":
        # All DICOMDIRs have the same name; their folder distinguishes them.
        path = os.path.dirname(path)
    return os.path.basename(path) or "root"


def _name_of(source: str) -> str:
    if source == STREAM:
        return "stdin"
    return safe_parts(source)[-1] if "://" in source else os.path.basename(source)


def _single(source: str, place: str, kind: SourceKind) -> Entry:
    if kind == "object":
        from rendicom.storage import version_of as version_of_object

        if _is_remote_archive(source):
            return Unreadable(source, _REMOTE_ARCHIVE)
        try:
            return Unit(source, place, version_of_object(source))
        except UnreadableSourceError as error:
            return Unreadable(source, str(error))
    return Unit(source, place) if source == STREAM else file_unit(source, place)


def file_unit(source: str, place: str) -> Unit:
    """Return the unit of one local file that the user named."""
    try:
        status = os.stat(source)
    except (OSError, ValueError):
        # Opening it reports the error.
        return Unit(source, place)
    return Unit(source, place, version_of(status), status.st_size)


def inside(
    source: str,
    kind: SourceKind,
    target: str,
    *,
    extension: str,
    follow_links: bool = False,
    home: str = "",
    tree: Tree | None = None,
    parts: tuple[str, ...] = (),
) -> Iterator[Entry]:
    """Yield the units of a source that holds many files, below the folder ``home``.

    A folder that shares its output folder with other sources goes to ``parts`` in ``tree`` instead.
    """
    match kind:
        case "folder" if tree is not None:
            return _walked(
                source, target, _Shared(tree, parts, extension), follow_links=follow_links
            )
        case "folder":
            return _walked(source, target, _Own(home, extension), follow_links=follow_links)
        case "archive":
            from rendicom.batch.archive_entries import archive_entries

            return archive_entries(source, lambda: home, extension=extension)
        case "directory":
            return _directory(source, extension=extension, home=home)
        case _:
            return _stored(source, target, extension=extension, home=home)


# --- folders --------------------------------------------------------------------------------


class _Own:
    """Names in an output folder of one source, for one of its folders at a time.

    Subfolders keep their names, whatever pictures there are.
    """

    def __init__(self, home: str, extension: str) -> None:
        self.extension = extension
        self.place, self.names = home, ClaimedNames(extension)
        self._home = home
        self._register: Register | None = None

    def enter(self, folder: Folder) -> None:
        self.close()
        if len(folder.files) > _MANY:
            self._register = _register()
        self.place = joined(self._home, folder.relative.replace(os.sep, "/"))
        self.names = ClaimedNames(self.extension, folders=folder.subfolders, taken=self._register)

    def close(self) -> None:
        if self._register is not None:
            self._register.close()
            self._register = None


class _Shared:
    """Names in an output folder that several sources share."""

    def __init__(self, tree: Tree, parts: tuple[str, ...], extension: str) -> None:
        self.extension = extension
        self.place, self.names = "", ClaimedNames(extension)
        self._tree, self._parts = tree, parts

    def enter(self, folder: Folder) -> None:
        below = folder.relative.split(os.sep) if folder.relative else []
        self.place = self._tree.folder((*self._parts, *below))
        self.names = self._tree.claims_in(self.place)

    def close(self) -> None:
        pass


def _walked(
    root: str, target: str, names: _Own | _Shared, *, follow_links: bool
) -> Iterator[Entry]:
    try:
        for entry in walk(root, skip=target, follow_links=follow_links):
            match entry:
                case Folder():
                    names.enter(entry)
                case Found(kind="archive"):
                    yield from _archive_in(entry, names)
                case Found():
                    yield _unit_of(entry, names)
                case _:
                    yield entry
    finally:
        names.close()


def _unit_of(found: Found, names: _Own | _Shared) -> Unit:
    place = joined(names.place, names.names.take(found.name))
    return Unit(found.path, place, found.version, found.size)


def _no_archive(found: Found, names: _Own | _Shared) -> Entry:
    return _unit_of(found, names) if is_called_dicom(found.name) else Ignored(found.path)


def _register() -> Register:
    from rendicom.batch.scratch import Register

    return Register()


def _archive_in(found: Found, names: _Own | _Shared) -> Iterator[Entry]:
    from rendicom.archives import archive_stem, is_archive
    from rendicom.batch.archive_entries import archive_entries

    try:
        if not is_archive(found.path):
            yield _no_archive(found, names)
            return
    except OSError as error:
        yield Unreadable(found.path, reason_of(error))
        return

    def home() -> str:
        return joined(names.place, names.names.take_folder(archive_stem(found.name)))

    yield from archive_entries(found.path, home, extension=names.extension)


# --- DICOMDIRs and addresses ------------------------------------------------------------------


def _directory(path: str, *, extension: str, home: str) -> Iterator[Entry]:
    from rendicom.dicom.dicomdir import referenced_files

    with _register() as register:
        tree = Tree(extension, register, root=home)
        for found in referenced_files(path):
            if isinstance(found, Unreadable):
                yield found
            else:
                yield file_unit(found.path, tree.place(found.parts))


def _stored(location: str, target: str, *, extension: str, home: str) -> Iterator[Entry]:
    from rendicom.storage import list_folder

    folder, own = location.rstrip("/") + "/", target.rstrip("/") + "/"
    skipped = own if own.startswith(folder) and own != folder else None
    with _register() as register:
        tree = Tree(extension, register, root=home)
        try:
            for stored in list_folder(location):
                if skipped is not None and stored.location.startswith(skipped):
                    continue
                if is_hidden(stored.name):
                    yield Ignored(stored.location, "hidden")
                    continue
                if _is_remote_archive(stored.location):
                    yield Unreadable(stored.location, _REMOTE_ARCHIVE)
                    continue
                place = tree.place(safe_parts(stored.name))
                # Reading each object here would take longer than making the pictures.
                is_known = is_called_dicom(stored.name)
                yield Unit(stored.location, place, stored.version, stored.size, is_known=is_known)
        except UnreadableSourceError as error:
            yield Unreadable(location, str(error))


def _is_remote_archive(location: str) -> bool:
    """Tell whether an object is an archive; only those with the name of one are read."""
    from rendicom.archives import archive_stem
    from rendicom.storage import head

    if archive_stem(location) == location:
        return False
    try:
        return kind_of_head(head(location, HEAD_LENGTH)) == "archive"
    except UnreadableSourceError:
        return False
