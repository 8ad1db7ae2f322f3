"""The files of an archive as units, each with its output path."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from rendicom.archives import members
from rendicom.archives.entries import Broken, Inside, Other, Refused, Seen
from rendicom.batch.file_names import safe_parts, shown
from rendicom.batch.name_tree import Tree
from rendicom.batch.outcomes import Ignored
from rendicom.batch.scratch import Register
from rendicom.batch.sources import MEMBER_MARK, Entry, Unit
from rendicom.dicom.file_kind import version_of
from rendicom.dicom.folder_walk import Unreadable, reason_of

_HELD = 10_000
"""Files of an archive that are held back until one of them is known to be DICOM."""


def archive_entries(path: str, take_home: Callable[[], str], *, extension: str) -> Iterator[Entry]:
    """Yield the entries of an archive; one without DICOM files is ignored as a whole.

    ``take_home`` is called for a folder when the first picture needs one.
    """
    try:
        version = version_of(os.stat(path))
        with Register() as register:
            archive = _ArchiveEntries(path, version, take_home, extension, register)
            yield from archive.entries(members(path))
    except OSError as error:
        yield Unreadable(path, reason_of(error))


class _ArchiveEntries:
    """The entries of one archive."""

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
