"""Changes to the catalogue, each a function of one transaction.

Rows of folders are locked before the rows of their files are read, and rows of studies before the
rows below them change, both in sorted order: two nodes that write at once neither deadlock nor
count uncommitted rows of the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, select, tuple_, update

from rendicom.index.aggregates import CHUNK, ChangedSeries, chunked, drop_rows, new_stamp
from rendicom.index.dialects import dialect_of
from rendicom.index.locations import short_uid, split
from rendicom.index.records import Indexed, Rejected
from rendicom.index.schema import (
    BROKEN,
    DELETED,
    FOREIGN,
    INSTANCE,
    NO_NUMBER,
    PERSON_COLUMNS,
    STUDY_TAGS,
    deleted,
    file,
    folder,
    series,
    study,
)
from rendicom.index.search_keys import fold, name_of

_LONGEST = 256
"""Most characters of a value in an indexed column."""


def put(connection: Connection, indexed: Sequence[Indexed], *, is_scanned: bool) -> int:
    """Put instances in place of earlier rows of their files; return how many are new or changed.

    With ``is_scanned`` an unchanged file that was deleted from the catalogue is skipped: it was
    read before it was deleted.
    """
    rows = {each.location: each for each in indexed}
    folders = _folders(connection, rows)
    known = _known(connection, rows)
    if is_scanned:
        gone = {place: row.version for place, row in known.items() if row.kind == DELETED}
        rows = {place: each for place, each in rows.items() if gone.get(place) != each.version}
    if not rows:
        return 0
    earlier = {row.series for place, row in known.items() if place in rows and row.series}
    replaced = _replaced(known, rows)
    studies = _put_studies(
        connection, rows.values(), _studies_of(connection, earlier), replaced=replaced
    )
    places = _put_series(connection, rows.values(), studies, replaced=replaced)
    left = ChangedSeries(connection, earlier | set(places.values()))
    if not is_scanned:
        # A new number, so that a running scan does not take the row for a vanished file.
        drop_rows(connection, [row.id for row in known.values()])
    _upsert_files(
        connection,
        [_file_row(each, places[each.study, each.series], folders) for each in rows.values()],
    )
    moved = [(row.series, row.uid) for row in known.values() if row.series]
    put_now = [(places[each.study, each.series], each.instance) for each in rows.values()]
    left.settle([*moved, *put_now], has_lost=not set(moved) <= set(put_now))
    _undelete(connection, rows.values())
    return len(rows)


def _replaced(known: Mapping[str, Any], rows: Mapping[str, Indexed]) -> set[str]:
    """Return the sources whose files hold another instance now."""
    return {
        f"{row.uid} {place}"
        for place, row in known.items()
        if place in rows and row.series and row.uid != rows[place].instance
    }


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
            found.update({path + row.name: row for row in connection.execute(chosen)})
    return found


def _studies_of(connection: Connection, ids: Iterable[int]) -> set[str]:
    """Return the UIDs of the studies of series."""
    found: set[str] = set()
    for chunk in chunked(ids):
        chosen = select(study.c.uid).join(series).where(series.c.id.in_(chunk)).distinct()
        found.update(connection.execute(chosen).scalars())
    return found


def _put_studies(
    connection: Connection,
    indexed: Iterable[Indexed],
    earlier: Iterable[str],
    *,
    replaced: Container[str],
) -> dict[str, int]:
    """Put studies; the ``earlier`` ones, which lose files, are locked with them."""
    ids: dict[str, int] = {}
    firsts = dict(_first_of(indexed, lambda each: each.study))
    for uid in sorted({*firsts, *earlier}):
        first = firsts.get(uid)
        if first is None:
            connection.execute(select(study.c.id).where(study.c.uid == uid).with_for_update())
            continue
        row = _upsert(connection, study, ("uid",), {"uid": uid, "stamp": new_stamp()})
        ids[uid] = row.id
        _take_attributes(connection, study, row, first, _study_columns(first.of_study), replaced)
    return ids


def _put_series(
    connection: Connection,
    indexed: Iterable[Indexed],
    studies: Mapping[str, int],
    *,
    replaced: Container[str],
) -> dict[tuple[str, str], int]:
    ids: dict[tuple[str, str], int] = {}
    for (in_study, uid), first in _first_of(indexed, lambda each: (each.study, each.series)):
        values = {"study": studies[in_study], "uid": uid, "stamp": new_stamp(), "more": {}}
        row = _upsert(connection, series, ("study", "uid"), values)
        ids[in_study, uid] = row.id
        _take_attributes(connection, series, row, first, _series_columns(first), replaced)
    return ids


def _take_attributes(
    connection: Connection,
    table: Table,
    row: Any,
    first: Indexed,
    values: dict[str, Any],
    replaced: Container[str],
) -> None:
    """Give a study or series the attributes of an instance, if they come from none before it."""
    if not row.source or _source(first) <= row.source:
        values["source"] = _source(first)
    elif row.source not in replaced:
        return
    # If replaced, until the chosen file is read again: this one may be of another patient.
    connection.execute(update(table).where(table.c.id == row.id).values(values))


def _first_of(indexed: Iterable[Indexed], key: Any) -> list[tuple[Any, Indexed]]:
    """Return the instance that gives the attributes of each key, sorted by key.

    If instances disagree, the one with the lowest UID is used, in whatever order they come.
    """
    firsts: dict[Any, Indexed] = {}
    for each in indexed:
        other = firsts.get(key(each))
        if other is None or _source(each) < _source(other):
            firsts[key(each)] = each
    return sorted(firsts.items(), key=lambda item: item[0])


def _source(indexed: Indexed) -> str:
    return f"{indexed.instance} {indexed.location}"


def _upsert(
    connection: Connection, table: Table, keys: Sequence[str], values: Mapping[str, Any]
) -> Any:
    """Insert a row or update its stamp; return the row, which is then locked."""
    statement = dialect_of(connection.dialect.name).insert(table).values(**values)
    changed = {"stamp": statement.excluded["stamp"]}
    statement = statement.on_conflict_do_update(index_elements=list(keys), set_=changed)
    return connection.execute(statement.returning(table.c.id, table.c.source)).one()


def _study_columns(attributes: Mapping[str, list[Any]]) -> dict[str, Any]:
    texts = {name: _first_text(attributes, tag) for name, tag in STUDY_TAGS.items()}
    names = {name: fold(texts[name])[:_LONGEST] for name in PERSON_COLUMNS}
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


def _file_row(indexed: Indexed, in_series: int, folders: Mapping[str, int]) -> dict[str, Any]:
    return {
        **_scanned(indexed, folders),
        "kind": INSTANCE,
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
    """Lock the folders of files, creating missing ones; return their numbers."""
    paths = sorted({split(location)[0] for location in locations})
    found: dict[str, int] = {}
    for chunk in chunked(paths):
        chosen = select(folder.c.path, folder.c.id).where(folder.c.path.in_(chunk))
        chosen = chosen.order_by(folder.c.path).with_for_update()
        found.update({row.path: row.id for row in connection.execute(chosen)})
    insert = dialect_of(connection.dialect.name).insert
    for path in paths:
        if path not in found:
            statement = insert(folder).values(path=path)
            statement = statement.on_conflict_do_update(
                index_elements=["path"], set_={"path": statement.excluded.path}
            )
            found[path] = connection.execute(statement.returning(folder.c.id)).scalar_one()
    return found


def _locked(connection: Connection, ids: Iterable[int]) -> list[Any]:
    """Return the UIDs of the instances among files, with the numbers of their series.

    Their folders are locked against other writers.
    """
    found: set[int] = set()
    for chunk in chunked(ids):
        chosen = select(file.c.folder).where(file.c.id.in_(chunk)).distinct()
        found.update(connection.execute(chosen).scalars())
    for chunk in chunked(sorted(found)):
        locked = select(folder.c.id).where(folder.c.id.in_(chunk)).order_by(folder.c.path)
        connection.execute(locked.with_for_update())
    uids = (study.c.uid.label("study"), series.c.uid.label("series"), file.c.uid)
    chosen = select(*uids, series.c.id).select_from(file.join(series).join(study))
    chosen = chosen.where(file.c.kind == INSTANCE)
    rows: list[Any] = []
    for chunk in chunked(ids):
        rows += connection.execute(chosen.where(file.c.id.in_(chunk)))
    return rows


def _upsert_files(connection: Connection, rows: list[dict[str, Any]]) -> None:
    statement = dialect_of(connection.dialect.name).insert(file)
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
    """Record files that are not instances, until they change."""
    folders = _folders(connection, (each.location for each in rejected))
    known = _known(connection, (each.location for each in rejected))
    remove(connection, [row.id for row in known.values() if row.kind == INSTANCE])
    rows = [
        {**_scanned(each, folders), "kind": BROKEN if each.is_dicom else FOREIGN, "shown": False}
        for each in rejected
    ]
    if rows:
        _upsert_files(connection, rows)


def _scanned(found: Indexed | Rejected, folders: Mapping[str, int]) -> dict[str, Any]:
    """Return the columns that all files have."""
    path, name = split(found.location)
    return {
        "folder": folders[path], "name": name, "version": found.version, "size": found.size,
        "stale": False,
    }  # fmt: skip


def forget(connection: Connection, locations: Iterable[str]) -> int:
    """Remove the rows of vanished files; return how many there were."""
    return remove(connection, [row.id for row in _known(connection, locations).values()])


def remove(connection: Connection, ids: Sequence[int]) -> int:
    """Remove files by number; return how many there were."""
    pairs = [(row.id, row.uid) for row in _locked(connection, ids)]
    left = ChangedSeries(connection, {place for place, _ in pairs})
    count = drop_rows(connection, ids)
    left.settle(pairs, has_lost=True)
    return count


def mark_deleted(connection: Connection, ids: Sequence[int]) -> None:
    """Delete instances and record that, so that their unchanged files are not listed again."""
    rows = _locked(connection, ids)
    pairs = [(row.id, row.uid) for row in rows]
    gone = [{"study": row.study, "series": row.series, "instance": row.uid} for row in rows]
    left = ChangedSeries(connection, {place for place, _ in pairs})
    for chunk in chunked(ids):
        values = {"kind": DELETED, "shown": False, "series": None, "uid": None, "more": None}
        connection.execute(update(file).where(file.c.id.in_(chunk)).values(values))
    if gone:
        insert = dialect_of(connection.dialect.name).insert
        connection.execute(insert(deleted).on_conflict_do_nothing(), gone)
    left.settle(pairs, has_lost=True)
