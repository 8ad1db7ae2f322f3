"""Per-file scan records and the leases between scanners of one database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from time import time
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, or_, select, update

from rendicom.index.aggregates import chunked
from rendicom.index.database import Database
from rendicom.index.dialects import dialect_of
from rendicom.index.locations import is_below, split
from rendicom.index.schema import BROKEN, INSTANCE, file, folder, root
from rendicom.index.writing import remove

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
