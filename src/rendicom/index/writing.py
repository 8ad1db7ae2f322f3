"""Changes to the catalogue, each a function of one transaction.

The row of a study is locked before what lies below it is touched, and studies are taken in the
order of their UIDs: two nodes that write at once then neither wait for each other in a circle nor
count what the other has not yet told.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, delete, func, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from rendicom.index.keys import fold, name_of
from rendicom.index.places import located, short_uid, split
from rendicom.index.schema import (
    BROKEN,
    DELETED,
    FOREIGN,
    INSTANCE,
    NO_NUMBER,
    deleted,
    file,
    folder,
    series,
    study,
)
from rendicom.index.values import Indexed, Rejected

__all__ = ["chunked", "forget", "mark_deleted", "note", "put", "remove"]

_T = TypeVar("_T")

CHUNK = 400
"""Values in one statement: databases have a limit."""
_LONGEST = 256
"""Letters of a value in a column with an index."""


def chunked(values: Iterable[_T], length: int = CHUNK) -> Iterator[list[_T]]:
    """Yield the values in lists of at most ``length``."""
    chunk: list[_T] = []
    for value in values:
        chunk.append(value)
        if len(chunk) == length:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


# --- putting -----------------------------------------------------------------------------------


def put(connection: Connection, indexed: Sequence[Indexed], *, is_scanned: bool) -> int:
    """List instances, in place of what was known of their files; return how many are new or other.

    With ``is_scanned`` a file that was deleted from the catalogue and is still the same is left
    out: it was read before it was deleted.
    """
    rows = {each.location: each for each in indexed}
    known = _known(connection, rows)
    if is_scanned:
        gone = [place for place, row in known.items() if _is_ghost(row, rows[place])]
        rows = {place: each for place, each in rows.items() if place not in gone}
    if not rows:
        return 0
    studies = _put_studies(connection, rows.values())
    places = _put_series(connection, rows.values(), studies)
    earlier = {row.series for place, row in known.items() if place in rows and row.series}
    left = _Touched(connection, earlier | set(places.values()))
    if not is_scanned:
        # With another number the row is not taken for one that a look under way has missed.
        _drop_rows(connection, [row.id for row in known.values()])
    _put_files(connection, rows.values(), places)
    moved = [(row.series, row.uid) for row in known.values() if row.series]
    put_now = [(places[each.study, each.series], each.instance) for each in rows.values()]
    left.settle([*moved, *put_now], has_lost=bool(earlier - set(places.values())))
    _undelete(connection, rows.values())
    return len(rows)


def _is_ghost(row: Any, indexed: Indexed) -> bool:
    return bool(row.kind == DELETED and row.version == indexed.version)


def _known(connection: Connection, locations: Iterable[str]) -> dict[str, Any]:
    """Return the rows of files by location."""
    by_folder: dict[str, list[str]] = defaultdict(list)
    for location in locations:
        path, name = split(location)
        by_folder[path].append(name)
    found: dict[str, Any] = {}
    columns = (file.c.id, file.c.name, file.c.version, file.c.kind, file.c.series, file.c.uid)
    for path, names in by_folder.items():
        for chunk in chunked(names):
            chosen = (
                select(*columns).join(folder).where(folder.c.path == path, file.c.name.in_(chunk))
            )
            found.update({located(path, row.name): row for row in connection.execute(chosen)})
    return found


def _put_studies(connection: Connection, indexed: Iterable[Indexed]) -> dict[str, int]:
    ids: dict[str, int] = {}
    for uid, first in _first_of(indexed, lambda each: each.study):
        row = _upsert(connection, study, ("uid",), {"uid": uid, "stamp": _token()})
        ids[uid] = row.id
        if _is_first(first, row.source):
            values = {"source": _source(first), **_study_columns(first.of_study)}
            connection.execute(update(study).where(study.c.id == row.id).values(values))
    return ids


def _put_series(
    connection: Connection, indexed: Iterable[Indexed], studies: Mapping[str, int]
) -> dict[tuple[str, str], int]:
    ids: dict[tuple[str, str], int] = {}
    for (in_study, uid), first in _first_of(indexed, lambda each: (each.study, each.series)):
        values = {"study": studies[in_study], "uid": uid, "stamp": _token(), "more": {}}
        row = _upsert(connection, series, ("study", "uid"), values)
        ids[in_study, uid] = row.id
        if _is_first(first, row.source):
            values = {"source": _source(first), **_series_columns(first)}
            connection.execute(update(series).where(series.c.id == row.id).values(values))
    return ids


def _first_of(indexed: Iterable[Indexed], key: Any) -> list[tuple[Any, Indexed]]:
    """Return the instance that the attributes are taken from, for each key, sorted by it.

    Where instances disagree, the one with the lowest UID counts, whatever comes in first.
    """
    firsts: dict[Any, Indexed] = {}
    for each in indexed:
        other = firsts.get(key(each))
        if other is None or _source(each) < _source(other):
            firsts[key(each)] = each
    return sorted(firsts.items(), key=lambda item: item[0])


def _source(indexed: Indexed) -> str:
    return f"{indexed.instance} {indexed.location}"


def _is_first(indexed: Indexed, source: str) -> bool:
    return not source or _source(indexed) <= source


def _upsert(
    connection: Connection, table: Table, keys: Sequence[str], values: Mapping[str, Any]
) -> Any:
    """Insert, or update the stamp; return the row, which is locked then."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**values)
    changed = {"stamp": statement.excluded["stamp"]}
    statement = statement.on_conflict_do_update(index_elements=list(keys), set_=changed)
    return connection.execute(statement.returning(table.c.id, table.c.source)).one()


def _token() -> str:
    return secrets.token_hex(8)


_STUDY_COLUMNS = {
    "patient_id": 0x00100020,
    "patient_name": 0x00100010,
    "study_date": 0x00080020,
    "study_time": 0x00080030,
    "accession_number": 0x00080050,
    "study_id": 0x00200010,
    "referring": 0x00080090,
}
_NAMES = ("patient_name", "referring")


def _study_columns(attributes: Mapping[str, list[Any]]) -> dict[str, Any]:
    texts = {name: _first_text(attributes, tag) for name, tag in _STUDY_COLUMNS.items()}
    names = {name: fold(texts[name])[:_LONGEST] for name in _NAMES}
    return {**texts, **names, "more": dict(attributes)}


def _series_columns(indexed: Indexed) -> dict[str, Any]:
    return {
        "number": _number(indexed.series_number),
        "modality": _first_text(indexed.of_series, 0x00080060),
        "more": dict(indexed.of_series),
    }


def _first_text(attributes: Mapping[str, list[Any]], tag: int) -> str:
    values = attributes.get(name_of(tag), [])
    return str(values[0])[:_LONGEST] if values and values[0] is not None else ""


def _number(number: int | None) -> int:
    return NO_NUMBER if number is None else number


def _put_files(
    connection: Connection, indexed: Iterable[Indexed], places: Mapping[tuple[str, str], int]
) -> None:
    folders = _folders(connection, (each.location for each in indexed))
    rows = [_file_row(each, places[each.study, each.series], folders) for each in indexed]
    _upsert_files(connection, rows)


def _file_row(indexed: Indexed, in_series: int, folders: Mapping[str, int]) -> dict[str, Any]:
    path, name = split(indexed.location)
    return {
        "folder": folders[path],
        "name": name,
        "version": indexed.version,
        "size": indexed.size,
        "kind": INSTANCE,
        "stale": False,
        "shown": True,
        "series": in_series,
        "number": _number(indexed.instance_number),
        "uid": indexed.instance,
        "sop_class": short_uid(indexed.sop_class),
        "transfer_syntax": short_uid(indexed.transfer_syntax),
        "frames": indexed.number_of_frames,
        "rows": indexed.rows,
        "columns": indexed.columns,
        "bits": indexed.bits_allocated,
        "has_pixels": indexed.has_pixels,
        "burned_in": indexed.burned_in,
        "representative": indexed.representative_frame,
        "more": dict(indexed.more),
    }


def _folders(connection: Connection, locations: Iterable[str]) -> dict[str, int]:
    """Return the numbers of the folders of files; those that are not there yet are made."""
    paths = sorted({split(location)[0] for location in locations})
    found: dict[str, int] = {}
    for chunk in chunked(paths):
        chosen = select(folder.c.path, folder.c.id).where(folder.c.path.in_(chunk))
        found.update({row.path: row.id for row in connection.execute(chosen)})
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for path in paths:
        if path not in found:
            statement = insert(folder).values(path=path)
            statement = statement.on_conflict_do_update(
                index_elements=["path"], set_={"path": statement.excluded.path}
            )
            found[path] = connection.execute(statement.returning(folder.c.id)).scalar_one()
    return found


def _upsert_files(connection: Connection, rows: list[dict[str, Any]]) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(file)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in ("folder", "name")}
    statement = statement.on_conflict_do_update(index_elements=["folder", "name"], set_=changed)
    connection.execute(statement, rows)


def _undelete(connection: Connection, indexed: Iterable[Indexed]) -> None:
    keys = [(each.study, each.series, each.instance) for each in indexed]
    if connection.execute(select(deleted.c.study).limit(1)).first() is None:
        return
    for chunk in chunked(keys, CHUNK // 4):
        columns = tuple_(deleted.c.study, deleted.c.series, deleted.c.instance)
        connection.execute(delete(deleted).where(columns.in_(chunk)))


def note(connection: Connection, rejected: Sequence[Rejected]) -> None:
    """Remember files that hold no instance, for as long as they do not change."""
    known = _known(connection, (each.location for each in rejected))
    remove(connection, [row.id for row in known.values() if row.kind == INSTANCE])
    folders = _folders(connection, (each.location for each in rejected))
    rows = [_rejected_row(each, folders) for each in rejected]
    if rows:
        _upsert_files(connection, rows)


def _rejected_row(rejected: Rejected, folders: Mapping[str, int]) -> dict[str, Any]:
    path, name = split(rejected.location)
    return {
        "folder": folders[path],
        "name": name,
        "version": rejected.version,
        "size": rejected.size,
        "kind": BROKEN if rejected.is_dicom else FOREIGN,
        "stale": False,
        "shown": False,
    }


# --- taking away -------------------------------------------------------------------------------


def forget(connection: Connection, locations: Iterable[str]) -> int:
    """Forget files that are not there any more; return how many were known."""
    return remove(connection, [row.id for row in _known(connection, locations).values()])


def remove(connection: Connection, ids: Sequence[int]) -> int:
    """Forget files by their numbers; return how many there were."""
    pairs: list[tuple[int, str]] = []
    for chunk in chunked(ids):
        chosen = select(file.c.series, file.c.uid).where(
            file.c.id.in_(chunk), file.c.kind == INSTANCE
        )
        pairs += [(row.series, row.uid) for row in connection.execute(chosen)]
    left = _Touched(connection, {place for place, _ in pairs})
    count = _drop_rows(connection, ids)
    left.settle(pairs, has_lost=True)
    return count


def _drop_rows(connection: Connection, ids: Sequence[int]) -> int:
    return sum(
        connection.execute(delete(file).where(file.c.id.in_(chunk))).rowcount
        for chunk in chunked(ids)
    )


def mark_deleted(connection: Connection, ids: Sequence[int]) -> None:
    """Take instances out, remembering them, and their files as such that are not to be listed."""
    pairs: list[tuple[int, str]] = []
    gone: list[dict[str, str]] = []
    for chunk in chunked(ids):
        chosen = (
            select(
                study.c.uid.label("study"), series.c.uid.label("series"), file.c.uid, series.c.id
            )
            .select_from(file.join(series).join(study))
            .where(file.c.id.in_(chunk))
        )
        for row in connection.execute(chosen):
            pairs.append((row.id, row.uid))
            gone.append({"study": row.study, "series": row.series, "instance": row.uid})
    left = _Touched(connection, {place for place, _ in pairs})
    for chunk in chunked(ids):
        values = {"kind": DELETED, "shown": False, "series": None, "uid": None, "more": None}
        connection.execute(update(file).where(file.c.id.in_(chunk)).values(values))
    if gone:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(insert(deleted).on_conflict_do_nothing(), gone)
    left.settle(pairs, has_lost=True)


class _Touched:
    """Series whose files change: their rows are locked, and put right in the end."""

    def __init__(self, connection: Connection, ids: Iterable[int]) -> None:
        self._connection = connection
        self._series = sorted(set(ids))
        self._studies: set[int] = set()
        for chunk in chunked(self._series):
            chosen = select(series.c.study).where(series.c.id.in_(chunk)).distinct()
            self._studies.update(connection.execute(chosen).scalars())
        for table, locked in ((study, sorted(self._studies)), (series, self._series)):
            for chunk in chunked(locked):
                values = {"stamp": _token()}
                # One row after another, as those that put instances do.
                ordered = select(table.c.id).where(table.c.id.in_(chunk)).order_by(table.c.uid)
                connection.execute(ordered.with_for_update())
                connection.execute(update(table).where(table.c.id.in_(chunk)).values(values))

    def settle(self, pairs: Iterable[tuple[int, str]], *, has_lost: bool) -> None:
        """Choose among the files of each instance, count, and drop what is empty.

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
    """Let one file of each instance count: the one whose location comes first."""
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
            best = min(rows, key=lambda row: located(row.path, row.name))
            for row in rows:
                if row.shown != (row is best):
                    values = {"shown": row is best}
                    connection.execute(update(file).where(file.c.id == row.id).values(values))


def _renew_sources(connection: Connection, studies: Sequence[int]) -> None:
    """Where the file that gave the attributes is gone, have the next one read again."""
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
