"""Searches for studies, series and instances in the index (QIDO-RS, PS3.18 10.6).

The database narrows a search down by what it has columns for; everything is compared once more
with the attributes that are kept, by the rules of the standard.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, exists, func, or_, select

from rendicom.dicomweb.searchkeys import LEVELS, RETURNED_KEYS
from rendicom.index.entries import Found, JsonModel
from rendicom.index.matching import matches
from rendicom.index.schema import instances, series, studies

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select
    from sqlalchemy.sql import ColumnElement

    from rendicom.dicomweb.query import Match, Query, SearchLevel

__all__ = ["searched"]

_MODALITIES = 0x00080061
_CLASSES = 0x00080062
_COLUMNS = {
    0x0020000D: (studies.c.study,),
    0x0020000E: (series.c.series,),
    0x00080018: (instances.c.instance,),
    0x00080016: (instances.c.sop_class,),
    0x00100020: (studies.c.patient_id,),
    0x00080050: (studies.c.accession_number,),
    0x00080060: (series.c.modality,),
}
_CASE_INSENSITIVE = frozenset(("PN",))
_MOST_COUNTED = 100_000
"""Rows looked at to tell how many matches remain, where the database alone cannot."""
_CHUNK = 500
_UNASKED = {0x00080005, 0x00080056, 0x00080201, 0x00081190}


class _Row(NamedTuple):
    uids: tuple[str, str, str]
    model: JsonModel


def searched(
    connection: Connection, level: SearchLevel, query: Query, *, study: str, series: str
) -> Found:
    """Return the matches that a query asks for, and how many there are beyond."""
    depth = LEVELS.index(level)
    rest = [each for each in query.matches if not _is_certain(each, depth)]
    statement = _statement(depth, query.matches, study, series)
    if not rest:
        total = connection.execute(select(func.count()).select_from(statement.subquery())).scalar()
        page = statement.offset(query.offset)
        if query.limit is not None:
            page = page.limit(query.limit)
        rows = [_row(each, depth) for each in connection.execute(page)]
        remaining = max(0, int(total or 0) - query.offset - len(rows))
    else:
        rows, remaining = _filtered(connection, statement, query, rest, depth)
    models = _completed(connection, rows, depth, query, study=study, series_uid=series)
    return Found(models, remaining)


# --- narrowing down --------------------------------------------------------------------------


def _statement(depth: int, conditions: Sequence[Match], study: str, series_uid: str) -> Select[Any]:
    """Return rows of the level joined with those above, newest studies first."""
    joined: Any = studies
    columns: list[Any] = [studies.c.study, studies.c.model.label("study_model")]
    order: list[Any] = [studies.c.study_date.desc(), studies.c.study_time.desc(), studies.c.study]
    if depth > 0:
        joined = joined.join(series, series.c.study == studies.c.study)
        columns += [series.c.series, series.c.model.label("series_model")]
        order += [series.c.series_number.is_(None), series.c.series_number, series.c.series]
    if depth > 1:
        joined = joined.join(
            instances,
            and_(instances.c.study == series.c.study, instances.c.series == series.c.series),
        )
        columns += [instances.c.instance, instances.c.model.label("instance_model")]
        number = instances.c.instance_number
        order += [number.is_(None), number, instances.c.instance]
    statement = select(*columns).select_from(joined).order_by(*order)
    if study:
        statement = statement.where(studies.c.study == study)
    if series_uid:
        statement = statement.where(series.c.series == series_uid)
    for condition in conditions:
        clause = _clause(condition, depth)
        if clause is not None:
            statement = statement.where(clause)
    return statement


def _clause(condition: Match, depth: int) -> ColumnElement[bool] | None:
    """Return what the database can check of a condition; None for nothing."""
    tag = condition.path[0]
    if len(condition.path) > 1 or condition.kind in ("universal", "empty"):
        return None
    if tag == 0x00080020:
        return _dates(condition)
    if any("*" in value or "?" in value for value in condition.values):
        return _beginning(condition, depth)
    if tag == _MODALITIES:
        return exists().where(
            series.c.study == studies.c.study, series.c.modality.in_(condition.values)
        )
    if tag == _CLASSES:
        return exists().where(
            instances.c.study == studies.c.study, instances.c.sop_class.in_(condition.values)
        )
    column = _column(tag, depth)
    return None if column is None else column.in_(condition.values)


def _column(tag: int, depth: int) -> ColumnElement[Any] | None:
    found = _COLUMNS.get(tag)
    if found is None:
        return None
    level = (studies, series, instances).index(found[0].table)
    return found[0] if level <= depth else None


def _dates(condition: Match) -> ColumnElement[bool]:
    low, high = condition.values if condition.kind == "range" else condition.values * 2
    column = studies.c.study_date
    clauses = [column != "", column >= low]
    if high:
        clauses.append(column <= high)
    return and_(*clauses)


def _beginning(condition: Match, depth: int) -> ColumnElement[bool] | None:
    """Return a condition on what stands before the first wildcard."""
    column = _column(condition.path[0], depth)
    if column is None:
        return None
    heads = [value.replace("?", "*").split("*", 1)[0] for value in condition.values]
    if not all(heads):
        return None
    return or_(*(column.startswith(head, autoescape=True) for head in heads))


def _is_certain(condition: Match, depth: int) -> bool:
    """Tell whether the database checks all of a condition."""
    if condition.kind == "universal":
        return True
    if len(condition.path) > 1 or condition.kind == "empty":
        return False
    if any("*" in value or "?" in value for value in condition.values):
        return False
    tag = condition.path[0]
    return tag in (_MODALITIES, _CLASSES, 0x00080020) or _column(tag, depth) is not None


def _row(row: Any, depth: int) -> _Row:
    found = row._mapping  # noqa: SLF001 - SQLAlchemy's public name
    uids = [str(found.get(name, "")) for name in ("study", "series", "instance")]
    names = ("study_model", "series_model", "instance_model")[: depth + 1]
    model: JsonModel = {}
    for name in names:
        model.update(json.loads(found[name]))
    return _Row((uids[0], uids[1], uids[2]), model)


def _filtered(
    connection: Connection,
    statement: Select[Any],
    query: Query,
    rest: Sequence[Match],
    depth: int,
) -> tuple[list[_Row], int]:
    found: list[_Row] = []
    passed = remaining = 0
    rows = connection.execution_options(yield_per=_CHUNK).execute(statement)
    for seen, each in enumerate(rows):
        row = _row(each, depth)
        if not all(matches(row.model, one, is_fuzzy=query.fuzzy) for one in rest):
            continue
        if passed < query.offset:
            passed += 1
        elif query.limit is None or len(found) < query.limit:
            found.append(row)
        else:
            remaining += 1
        if remaining and seen > _MOST_COUNTED:
            break
    return found, remaining


# --- what is returned ------------------------------------------------------------------------


def _completed(
    connection: Connection,
    rows: Sequence[_Row],
    depth: int,
    query: Query,
    *,
    study: str,
    series_uid: str,
) -> list[JsonModel]:
    """Return the attributes asked for, with what is counted (Tables 10.6.3-3 to 10.6.3-5)."""
    lowest = 2 if series_uid else 1 if study else 0
    counted = _counted(connection, rows, depth, lowest)
    wanted = {f"{tag:08X}" for level in LEVELS[lowest : depth + 1] for tag in RETURNED_KEYS[level]}
    asked = query.include if query.include != "all" else ()
    wanted |= {f"{path[0]:08X}" for path in asked}
    wanted |= {f"{each.path[0]:08X}" for each in query.matches}
    models = []
    for row, more in zip(rows, counted, strict=True):
        model = {**row.model, **more}
        if query.include != "all":
            model = {tag: value for tag, value in model.items() if tag in wanted or tag in _UIDS}
        model["00080056"] = {"vr": "CS", "Value": ["ONLINE"]}
        model["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
        models.append(dict(sorted(model.items())))
    return models


_UIDS = ("0020000D", "0020000E", "00080018")


def _counted(
    connection: Connection, rows: Sequence[_Row], depth: int, lowest: int
) -> Iterator[JsonModel]:
    """Yield what is counted for each row; a query for each level, not for each row."""
    by_study: dict[str, JsonModel] = {}
    by_series: dict[tuple[str, str], JsonModel] = {}
    if lowest == 0:
        by_study = _of_studies(connection, sorted({row.uids[0] for row in rows}))
    if depth > 0 and lowest < 2:
        by_series = _of_series(connection, sorted({row.uids[0] for row in rows}))
    for row in rows:
        yield {**by_study.get(row.uids[0], {}), **by_series.get(row.uids[:2], {})}


def _of_studies(connection: Connection, uids: Sequence[str]) -> dict[str, JsonModel]:
    modalities: dict[str, set[str]] = defaultdict(set)
    number: dict[str, int] = defaultdict(int)
    classes: dict[str, set[str]] = defaultdict(set)
    size: dict[str, int] = defaultdict(int)
    for batch in _chunks(uids):
        for study, modality, count in connection.execute(
            select(series.c.study, series.c.modality, func.count())
            .where(series.c.study.in_(batch))
            .group_by(series.c.study, series.c.modality)
        ):
            number[study] += count
            modalities[study] |= {modality} - {""}
        for study, sop_class, count in connection.execute(
            select(instances.c.study, instances.c.sop_class, func.count())
            .where(instances.c.study.in_(batch))
            .group_by(instances.c.study, instances.c.sop_class)
        ):
            size[study] += count
            classes[study] |= {sop_class} - {""}
    return {
        study: {
            "00080061": {"vr": "CS", "Value": sorted(modalities[study])},
            "00080062": {"vr": "UI", "Value": sorted(classes[study])},
            "00201206": {"vr": "IS", "Value": [number[study]]},
            "00201208": {"vr": "IS", "Value": [size[study]]},
        }
        for study in uids
    }


def _of_series(connection: Connection, uids: Sequence[str]) -> dict[tuple[str, str], JsonModel]:
    found = {}
    for batch in _chunks(uids):
        for study, series_uid, count in connection.execute(
            select(instances.c.study, instances.c.series, func.count())
            .where(instances.c.study.in_(batch))
            .group_by(instances.c.study, instances.c.series)
        ):
            found[study, series_uid] = {"00201209": {"vr": "IS", "Value": [count]}}
    return found


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
