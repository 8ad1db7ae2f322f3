"""Gives every source its place below the target before anything is opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from rendicom.batch.names import Claims
from rendicom.batch.safenames import safe_parts, shown
from rendicom.batch.sniff import HEAD_LENGTH, kind_of_head, version_of
from rendicom.batch.sources import STREAM, Entry, kind_of_source, local_path
from rendicom.batch.tree import Tree, joined
from rendicom.batch.units import MEMBER_MARK, Unit
from rendicom.batch.walk import Folder, Found, Ignored, Unreadable, reason_of, walk
from rendicom.errors import UnreadableSourceError

if TYPE_CHECKING:
    from rendicom.batch.archives.inside import Inside, Seen
    from rendicom.batch.register import Register
    from rendicom.batch.sources import SourceKind

__all__ = ["file_unit", "home_name", "inside", "placements"]

_MANY = 20_000
"""Names in one folder that memory may hold; more are kept on disk."""
_REMOTE_ARCHIVE = "is an archive, and those are read from a disk only: copy it to one first"
_HELD = 10_000
"""Files of an archive that are kept in mind until it is known whether any is DICOM."""


def placements(sources: Sequence[str], target: str, *, extension: str) -> Iterator[Entry]:
    """Yield the units of ``sources``; see `rendicom.batch.sources.find`."""
    sources = [local_path(source) for source in sources]
    kinds = [kind_of_source(source) for source in sources]
    if len(sources) == 1 and kinds[0] not in ("file", "object"):
        yield from inside(sources[0], kinds[0], target, extension=extension)
        return
    names = Claims(extension, folders=_sources_inside(sources, target))
    homes = [_home(each, kind, names) for each, kind in zip(sources, kinds, strict=True)]
    for source, kind, home in zip(sources, kinds, homes, strict=True):
        if home is None:
            yield _single(source, names.take(_name_of(source)), kind)
        else:
            yield from inside(source, kind, target, extension=extension, home=home)


def _sources_inside(sources: Sequence[str], target: str) -> Iterator[str]:
    """Yield the names of sources that lie in the target itself: no picture may get them."""
    real_target = os.path.realpath(target)
    for source in sources:
        folder, name = os.path.split(source)
        if name and os.path.realpath(folder) == real_target:
            yield name


def _home(source: str, kind: SourceKind, names: Claims) -> str | None:
    """Return the name of a source's own folder in the target, None for a file."""
    if kind in ("file", "object"):
        return None
    return names.take_folder(home_name(source, kind))


def home_name(source: str, kind: SourceKind) -> str:
    """Return what the folder with the pictures of a source should be called."""
    if kind == "prefix":
        return safe_parts(source.partition("://")[2])[-1]
    # abspath gives "." and ".." the name of the folder they stand for.
    path = os.path.abspath(source)
    if kind == "archive":
        from rendicom.batch.archives import archive_stem

        return archive_stem(os.path.basename(path))
    if kind == "directory":
        # All DICOMDIRs are called the same; the medium is what tells them apart.
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
        return Unit(source, place, version_of_object(source))
    return Unit(source, place) if source == STREAM else file_unit(source, place)


def file_unit(source: str, place: str) -> Unit:
    """Return the unit of one local file that was named by a person."""
    try:
        status = os.stat(source)
    except (OSError, ValueError):
        # Whoever opens it will say what is wrong.
        return Unit(source, place)
    return Unit(source, place, version_of(status), status.st_size)


def inside(
    source: str,
    kind: SourceKind,
    target: str,
    *,
    extension: str,
    home: str = "",
    tree: Tree | None = None,
    parts: tuple[str, ...] = (),
) -> Iterator[Entry]:
    """Yield the units of a source that holds many files, below the folder ``home``.

    A folder that shares its place with other sources goes to ``parts`` in ``tree`` instead.
    """
    match kind:
        case "folder" if tree is not None:
            return _walked(source, target, _Shared(tree, parts, extension))
        case "folder":
            return _walked(source, target, _Own(home, extension))
        case "archive":
            return _unpacked(source, lambda: home, extension=extension)
        case "directory":
            return _directory(source, extension=extension, home=home)
        case _:
            return _stored(source, target, extension=extension, home=home)


# --- folders --------------------------------------------------------------------------------


class _Own:
    """The names in a folder of pictures that nobody else writes to; one of its folders at a time.

    Subfolders keep their names, whatever pictures there are.
    """

    def __init__(self, home: str, extension: str) -> None:
        self.extension = extension
        self.place, self.names = home, Claims(extension)
        self._home = home
        self._register: Register | None = None

    def enter(self, folder: Folder) -> None:
        self.close()
        if folder.others > _MANY:
            self._register = _register()
        self.place = joined(self._home, folder.relative.replace(os.sep, "/"))
        self.names = Claims(self.extension, folders=folder.subfolders, taken=self._register)

    def close(self) -> None:
        if self._register is not None:
            self._register.close()
            self._register = None


class _Shared:
    """The names in a folder of pictures that other sources write to as well."""

    def __init__(self, tree: Tree, parts: tuple[str, ...], extension: str) -> None:
        self.extension = extension
        self.place, self.names = "", Claims(extension)
        self._tree, self._parts = tree, parts

    def enter(self, folder: Folder) -> None:
        below = folder.relative.split(os.sep) if folder.relative else []
        self.place = self._tree.folder((*self._parts, *below))
        self.names = self._tree.claims_in(self.place)

    def close(self) -> None:
        pass


def _walked(root: str, target: str, names: _Own | _Shared) -> Iterator[Entry]:
    try:
        for entry in walk(root, skip=target):
            match entry:
                case Folder():
                    names.enter(entry)
                case Found(kind="archive"):
                    yield from _archive_in(entry, names)
                case Found():
                    place = joined(names.place, names.names.take(entry.name))
                    yield Unit(entry.path, place, entry.version, entry.size)
                case _:
                    yield entry
    finally:
        names.close()


def _register() -> Register:
    from rendicom.batch.register import Register

    return Register()


def _archive_in(found: Found, names: _Own | _Shared) -> Iterator[Entry]:
    from rendicom.batch.archives import archive_stem, is_archive

    try:
        if not is_archive(found.path):
            yield Ignored(found.path)
            return
    except OSError as error:
        yield Unreadable(found.path, reason_of(error))
        return

    def home() -> str:
        return joined(names.place, names.names.take_folder(archive_stem(found.name)))

    yield from _unpacked(found.path, home, extension=names.extension)


# --- archives -------------------------------------------------------------------------------


def _unpacked(path: str, take_home: Callable[[], str], *, extension: str) -> Iterator[Entry]:
    """Yield what is in an archive; one without DICOM files is ignored as a whole.

    ``take_home`` is asked for a folder when the first picture needs it.
    """
    from rendicom.batch.archives import members

    try:
        version = version_of(os.stat(path))
        with _register() as register:
            yield from _Archive(path, version, take_home, extension, register).entries(
                members(path)
            )
    except OSError as error:
        yield Unreadable(path, reason_of(error))


class _Archive:
    """An archive as it is gone through."""

    def __init__(
        self,
        path: str,
        version: str,
        take_home: Callable[[], str],
        extension: str,
        register: Register,
    ) -> None:
        self._path, self._version = path, version
        self._take_home, self._extension = take_home, extension
        self._register = register
        self._tree: Tree | None = None
        self._count = 0
        self._held: list[Ignored] | None = []

    def entries(self, seen: Iterator[Seen]) -> Iterator[Entry]:
        from rendicom.batch.archives.inside import Broken, Inside, Other, Refused

        has_said = False
        for self._count, each in enumerate(seen):
            match each:
                case Inside():
                    yield from self._released()
                    yield self._unit(each)
                case Other():
                    yield from self._ignored(Ignored(self._source(each.name)))
                case Refused():
                    has_said = True
                    yield Unreadable(self._source(each.name), each.reason)
                case Broken():
                    has_said = True
                    yield Unreadable(self._path, each.reason)
        if self._held is not None and not has_said:
            yield Ignored(self._path)

    def _source(self, name: str) -> str:
        source = f"{self._path}{MEMBER_MARK}{shown(name.removeprefix('./'))}"
        # Archives may hold several files of one name.
        if not self._register.take(f"\0{source}"):
            source = f"{source}#{self._count}"
        return source

    def _unit(self, seen: Inside) -> Unit:
        if self._tree is None:
            self._tree = Tree(self._extension, self._register, root=self._take_home())
        place = self._tree.place(safe_parts(seen.name), number=self._count)
        return Unit(self._source(seen.name), place, self._version, seen.member.size, seen.member)

    def _ignored(self, entry: Ignored) -> Iterator[Entry]:
        if self._held is None:
            yield entry
            return
        self._held.append(entry)
        if len(self._held) > _HELD:
            yield from self._released()

    def _released(self) -> Iterator[Entry]:
        held, self._held = self._held, None
        yield from held or ()


# --- DICOMDIRs and addresses ------------------------------------------------------------------


def _directory(path: str, *, extension: str, home: str) -> Iterator[Entry]:
    from rendicom.batch.dicomdir import referenced_files

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
                if _is_remote_archive(stored.location):
                    yield Unreadable(stored.location, _REMOTE_ARCHIVE)
                    continue
                place = tree.place(safe_parts(stored.name))
                # A look into each object from here would take longer than the pictures do.
                yield Unit(stored.location, place, stored.version, stored.size, is_known=False)
        except UnreadableSourceError as error:
            yield Unreadable(location, str(error))


def _is_remote_archive(location: str) -> bool:
    """Tell whether an object is an archive, looking into those only that are called like one."""
    from rendicom.batch.archives import archive_stem
    from rendicom.storage import head

    if archive_stem(location) == location:
        return False
    try:
        return kind_of_head(head(location, HEAD_LENGTH)) == "archive"
    except UnreadableSourceError:
        return False
