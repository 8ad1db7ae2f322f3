"""Files of a scan: listings folder by folder, records of earlier scans, leases between scanners."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from time import time
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, or_, select, update

from rendicom import storage
from rendicom.dicom.file_kind import is_hidden, version_of
from rendicom.dicom.folder_walk import Folder, walk_folders
from rendicom.errors import UnreadableSourceError
from rendicom.index.aggregates import chunked
from rendicom.index.database import Database
from rendicom.index.dialects import dialect_of
from rendicom.index.locations import is_below, split
from rendicom.index.schema import BROKEN, INSTANCE, file, folder, root
from rendicom.index.writing import remove

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


_PAGE = 20_000
_AT_ONCE = 500


class FileRecord(NamedTuple):
    """A file scanned before; ``version`` is empty if it must be read again."""

    number: int
    version: str
    is_instance: bool
    is_broken: bool


class NumberSet:
    """A set of row numbers, one bit each: a million take less than a megabyte."""

    _BITS = 1 << 16

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}

    def add(self, number: int) -> None:
        """Add a number."""
        block, place = divmod(number, self._BITS)
        bits = self._blocks.get(block)
        if bits is None:
            bits = self._blocks[block] = bytearray(self._BITS // 8)
        bits[place >> 3] |= 1 << (place & 7)

    def __contains__(self, number: int) -> bool:
        block, place = divmod(number, self._BITS)
        bits = self._blocks.get(block)
        return bits is not None and bool(bits[place >> 3] >> (place & 7) & 1)


class FileRecords:
    """All scanned files of a catalogue, and which scanner holds the lease of a root."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- files ---------------------------------------------------------------------------------

    def known(self, path: str, names: Sequence[str]) -> dict[str, FileRecord]:
        """Return the records of those files of a folder that were scanned before."""

        def find(connection: Connection) -> dict[str, FileRecord]:
            found: dict[str, FileRecord] = {}
            of = connection.execute(select(folder.c.id).where(folder.c.path == path)).scalar()
            for chunk in chunked(names) if of is not None else ():
                columns = (file.c.name, file.c.id, file.c.version, file.c.kind, file.c.stale)
                chosen = select(*columns).where(file.c.folder == of, file.c.name.in_(chunk))
                for name, number, version, kind, is_stale in connection.execute(chosen):
                    shown = "" if is_stale else version
                    found[name] = FileRecord(number, shown, kind == INSTANCE, kind == BROKEN)
            return found

        return self._database.read(find)

    def last_number(self) -> int:
        """Return the highest file number so far; numbers only grow."""
        chosen = select(func.coalesce(func.max(file.c.id), 0))
        return int(self._database.read(lambda connection: connection.execute(chosen).scalar_one()))

    def has_files(self, location: str) -> bool:
        """Return whether there is a record of any file below a root."""
        folders = self._folders(lambda path: is_below(path, location))
        chosen = (select(file.c.id).where(file.c.folder.in_(some)) for some in chunked(folders))
        return any(self._rows(each.limit(1)) for each in chosen)

    def sweep(
        self, location: str, seen: NumberSet, *, up_to: int, unknown: Iterable[str] = ()
    ) -> int:
        """Remove the files below a root that were not seen; return how many.

        Files with numbers above ``up_to`` were added meanwhile and stay, as do those in the
        folders ``unknown``, which could not be listed.
        """
        left_out = tuple(unknown)
        folders = self._folders(
            lambda path: (
                is_below(path, location) and not any(path.startswith(each) for each in left_out)
            )
        )
        return self._forget(folders, lambda number: number <= up_to and number not in seen)

    def forget_outside(self, locations: Sequence[str]) -> int:
        """Remove the files outside of all roots; return how many."""
        folders = self._folders(lambda path: not any(is_below(path, each) for each in locations))
        # A root may be one file, whose folder is not below it.
        parts = [split(each) for each in locations]
        kept = {row.number for path, name in parts for row in self.known(path, [name]).values()}
        return self._forget(folders, lambda number: number not in kept) if folders else 0

    def _folders(self, is_chosen: Callable[[str], bool]) -> set[int]:
        """Return the numbers of the folders whose path ``is_chosen``."""
        chosen = select(folder.c.id, folder.c.path)
        return {number for number, path in self._rows(chosen) if is_chosen(path)}

    def _forget(self, folders: set[int], is_gone: Callable[[int], bool]) -> int:
        count = 0
        gone = (number for number, of in self._numbers() if of in folders and is_gone(number))
        for chunk in chunked(list(gone), _AT_ONCE):
            count += self._database.write(partial(remove, ids=chunk))
        return count

    def _numbers(self) -> Iterator[Any]:
        """Yield the number of each file and of its folder."""
        after = 0
        while True:
            chosen = (
                select(file.c.id, file.c.folder)
                .where(file.c.id > after)
                .order_by(file.c.id)
                .limit(_PAGE)
            )
            rows = self._rows(chosen)
            yield from rows
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def _rows(self, chosen: Select[Any]) -> Sequence[Any]:
        return self._database.read(lambda connection: connection.execute(chosen).all())

    # --- roots ---------------------------------------------------------------------------------

    def claim(self, location: str, holder: str, seconds: float) -> bool:
        """Take the lease of a root for ``seconds``; return whether that succeeded."""

        def take(connection: Connection) -> bool:
            insert = dialect_of(self._database.kind).insert
            connection.execute(insert(root).values(location=location).on_conflict_do_nothing())
            now = time()
            is_free = or_(root.c.holder == holder, root.c.until < now)
            # A clock that was set back must not keep a lease for ever.
            is_free = or_(is_free, root.c.until > now + 24 * 3600)
            changed = connection.execute(
                update(root)
                .where(root.c.location == location, is_free)
                .values(holder=holder, until=now + seconds)
            )
            return bool(changed.rowcount)

        return self._database.write(take)

    def report(
        self, location: str, holder: str, progress: Sequence[int | bool], *, seconds: float
    ) -> None:
        """Store the progress of a scan and extend the lease by ``seconds``."""
        values = {"progress": list(progress), "until": time() + seconds}
        held = (root.c.location == location, root.c.holder == holder)
        self._database.write(
            lambda connection: connection.execute(update(root).where(*held).values(values))
        )

    def release(self, holder: str) -> None:
        """End all leases of ``holder``."""
        released = update(root).where(root.c.holder == holder).values(until=0.0)
        self._database.write(lambda connection: connection.execute(released))

    def reported(self, location: str) -> list[Any] | None:
        """Return the last stored progress of a root."""
        chosen = select(root.c.progress).where(root.c.location == location)
        found: list[Any] | None = self._database.read(
            lambda connection: connection.execute(chosen).scalar()
        )
        return found

    def device(self, location: str) -> str:
        """Return the device number that a root had when it last contained files."""
        chosen = select(root.c.device).where(root.c.location == location)
        return self._database.read(lambda connection: connection.execute(chosen).scalar()) or ""

    def set_device(self, location: str, device: str) -> None:
        """Store the device number of a root."""
        changed = update(root).where(root.c.location == location).values(device=device)
        self._database.write(lambda connection: connection.execute(changed))
