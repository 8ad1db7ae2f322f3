"""Updates the rows of series and studies after a change to files."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, delete, func, select, update

from rendicom.index.locations import split
from rendicom.index.schema import INSTANCE, file, folder, series, study

_T = TypeVar("_T")

CHUNK = 400
"""Most values in one statement: databases have a limit."""


def chunked(values: Iterable[_T], length: int = CHUNK) -> Iterator[list[_T]]:
    """Yield the values in lists of at most ``length``."""
    left = iter(values)
    while chunk := list(islice(left, length)):
        yield chunk


def new_stamp() -> str:
    """Return a unique text."""
    return secrets.token_hex(8)


def drop_rows(connection: Connection, ids: Sequence[int]) -> int:
    """Delete rows of files; return how many there were."""
    return sum(
        connection.execute(delete(file).where(file.c.id.in_(chunk))).rowcount
        for chunk in chunked(ids)
    )


class ChangedSeries:
    """Series whose files change: locks their rows, and updates them at the end."""

    def __init__(self, connection: Connection, ids: Iterable[int]) -> None:
        self._connection = connection
        self._series = sorted(set(ids))
        self._studies: set[int] = set()
        for chunk in chunked(self._series):
            chosen = select(series.c.study).where(series.c.id.in_(chunk)).distinct()
            self._studies.update(connection.execute(chosen).scalars())
        for table, locked in ((study, sorted(self._studies)), (series, self._series)):
            for chunk in chunked(locked):
                values = {"stamp": new_stamp()}
                # In the order in which `put` locks rows, to avoid deadlocks.
                ordered = select(table.c.id).where(table.c.id.in_(chunk)).order_by(table.c.uid)
                connection.execute(ordered.with_for_update())
                connection.execute(update(table).where(table.c.id.in_(chunk)).values(values))

    def settle(self, pairs: Iterable[tuple[int, str]], *, has_lost: bool) -> None:
        """Choose the file of each instance, count, and delete empty series and studies.

        ``has_lost``: some series has fewer files than before.
        """
        connection = self._connection
        _choose(connection, set(pairs))
        for chunk in chunked(self._series):
            of_series = (file.c.series == series.c.id, file.c.kind == INSTANCE, file.c.shown)
            count = select(func.count()).select_from(file).where(*of_series).scalar_subquery()
            connection.execute(update(series).where(series.c.id.in_(chunk)).values(instances=count))
            empty = series.c.id.in_(chunk) & (series.c.instances == 0)
            connection.execute(delete(series).where(empty))
        for chunk in chunked(sorted(self._studies)):
            lower = select(series.c.id).where(series.c.study == study.c.id).exists()
            connection.execute(delete(study).where(study.c.id.in_(chunk), ~lower))
            if has_lost:
                _renew_sources(connection, chunk)


def _choose(connection: Connection, pairs: set[tuple[int, str]]) -> None:
    """Show one file of each instance: the one whose location sorts first."""
    for chunk in chunked(sorted({uid for _, uid in pairs})):
        chosen = (
            select(file.c.id, file.c.series, file.c.uid, file.c.shown, file.c.name, folder.c.path)
            .select_from(file.join(folder))
            .where(file.c.uid.in_(chunk), file.c.kind == INSTANCE)
        )
        by_instance: dict[tuple[int, str], list[Any]] = defaultdict(list)
        for row in connection.execute(chosen):
            by_instance[row.series, row.uid].append(row)
        for rows in by_instance.values():
            best = min(rows, key=lambda row: row.path + row.name)
            for row in rows:
                if row.shown != (row is best):
                    values = {"shown": row is best}
                    connection.execute(update(file).where(file.c.id == row.id).values(values))


def _renew_sources(connection: Connection, studies: Sequence[int]) -> None:
    """If the file that the attributes came from is gone, mark the next one for reading."""
    in_studies = select(study.c.id, study.c.source).where(study.c.id.in_(studies))
    for row in connection.execute(in_studies).all():
        of_series = select(series.c.id).where(series.c.study == row.id)
        _renew(connection, study, row, file.c.series.in_(of_series))
    in_series = select(series.c.id, series.c.source).where(series.c.study.in_(studies))
    for row in connection.execute(in_series).all():
        _renew(connection, series, row, file.c.series == row.id)


def _renew(connection: Connection, table: Table, row: Any, is_below: Any) -> None:
    uid, _, location = row.source.partition(" ")
    path, name = split(location)
    there = (
        select(file.c.id)
        .join(folder)
        .where(file.c.uid == uid, is_below, folder.c.path == path, file.c.name == name)
    )
    if row.source and connection.execute(there).first() is not None:
        return
    connection.execute(update(table).where(table.c.id == row.id).values(source=""))
    shown = (is_below, file.c.kind == INSTANCE, file.c.shown)
    first = select(file.c.id).where(*shown).order_by(file.c.uid).limit(1)
    connection.execute(update(file).where(file.c.id.in_(first)).values(stale=True))
