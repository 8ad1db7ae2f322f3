"""Searches of the catalogue (QIDO-RS, PS3.18 10.6), with results in the DICOM JSON model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from rendicom.dicom.person_names import name_model
from rendicom.dicomweb.query import Match, Query
from rendicom.dicomweb.search_parameters import LEVELS
from rendicom.index.aggregates import chunked
from rendicom.index.conditions import Conditions
from rendicom.index.dialects import dialect_of
from rendicom.index.locations import long_uid
from rendicom.index.records import Level, SearchResult
from rendicom.index.schema import INSTANCE, NO_NUMBER, file, series, study
from rendicom.index.search_keys import KEYS, RETURNED, VIRTUAL, Keys, level_of, name_of
from rendicom.index.text_conditions import minutes_of

COMMON: dict[str, Any] = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},  # Specific Character Set
    "00080056": {"vr": "CS", "Value": ["ONLINE"]},  # Instance Availability
}
"""Elements of every match: JSON is UTF-8, and all instances are online."""


class ResponseAttribute(NamedTuple):
    """One attribute of a match: its name, and its VR or the kept attributes of its items.

    ``is_owed``: it is returned even without a value.
    """

    name: str
    below: str | Keys
    is_owed: bool


class Chosen:
    """Selection of the attributes that a search returns.

    Parameters
    ----------
    unasked
        Levels whose default attributes are returned.
    include
        Requested attributes, or ``"all"``.
    """

    def __init__(self, unasked: Sequence[Level], include: Sequence[tuple[int, ...]] | str) -> None:
        self._is_all = include == "all"
        tags = {path[0] for path in include if not isinstance(path, str)}
        self._owed = tags.union(*(RETURNED[level] for level in unasked))

    def __call__(self, tag: int) -> bool:
        """Return whether an attribute is returned if it has a value."""
        return self._is_all or tag in self._owed

    def parts(self, level: Level) -> tuple[ResponseAttribute, ...]:
        """Return the returned attributes of a level."""
        return tuple(
            ResponseAttribute(name_of(tag), below, tag in self._owed)
            for tag, below in KEYS[level].items()
            if self(tag)
        )


def model_of(
    attributes: Mapping[str, Sequence[Any]], parts: Iterable[ResponseAttribute]
) -> dict[str, Any]:
    """Return the elements of kept attributes."""
    found: dict[str, Any] = {}
    for name, below, is_owed in parts:
        values = attributes.get(name)
        if values:
            found[name] = element(below, values)
        elif is_owed:
            found[name] = {"vr": "SQ" if isinstance(below, dict) else below}
    return found


def element(below: str | Keys, values: Sequence[Any]) -> dict[str, Any]:
    """Return one element with its values, or with its items."""
    if isinstance(below, dict):
        parts = [
            ResponseAttribute(name_of(tag), each, is_owed=False) for tag, each in below.items()
        ]
        return {"vr": "SQ", "Value": [model_of(item, parts) for item in values]}
    if below == "PN":
        values = [name_model(value) if isinstance(value, str) else None for value in values]
    return (
        {"vr": below, "Value": list(values)}
        if any(v is not None for v in values)
        else {"vr": below}
    )


def counted(tag: int, values: Sequence[Any]) -> dict[str, Any]:
    """Return the element of a counted attribute."""
    return element(VIRTUAL[tag][1], values)


_MODALITIES, _CLASSES, _SERIES_COUNT, _INSTANCE_COUNT, _OF_SERIES_COUNT = (
    0x00080061, 0x00080062, 0x00201206, 0x00201208, 0x00201209,
)  # fmt: skip
_TABLES = {"studies": study, "series": series, "instances": file}


def search(
    connection: Connection, level: Level, sought: Query, *, in_study: str, in_series: str
) -> SearchResult:
    """Return the matches in a stable order.

    Studies are sorted as the query says, then by date, latest first, and UID. Within a study,
    series and instances are sorted by number and UID; across studies they keep the order of the
    catalogue.
    """
    searched = LEVELS[: LEVELS.index(level) + 1]
    matches, warnings = _known(sought.matches, searched)
    makes = _conditions(connection, sought)
    above = _scope(level, in_study, in_series)
    for each in searched[:2]:
        above += makes.of([m for m in matches if level_of(m.path[0]) == each], each)
    of_files = makes.of([m for m in matches if level_of(m.path[0]) == "instances"], "instances")
    is_scoped = bool(in_study) or _names_one(matches)
    chosen = _joined(select(_TABLES[level].c.id), level).where(*above, *of_files)
    if level == "instances":
        chosen = chosen.where(file.c.kind == INSTANCE, file.c.shown)
    asked = _asked_order(sought, warnings) if level == "studies" else ()
    page = chosen.order_by(*asked, *_order(level, is_scoped=is_scoped)).offset(sought.offset)
    ids = list(connection.execute(page.limit(sought.limit)).scalars())
    remaining = 0
    if sought.limit is not None and len(ids) == sought.limit:
        counting = _counting(level, above, of_files)
        remaining = max(connection.execute(counting).scalar_one() - sought.offset - len(ids), 0)
    unasked = [each for each in searched if not (each == "studies" and in_study)]
    unasked = [each for each in unasked if not (each == "series" and in_series)]
    models = _models(connection, level, ids, Chosen(unasked, sought.include))
    return SearchResult(models, remaining, tuple(warnings))


def _conditions(connection: Connection, sought: Query) -> Conditions:
    dialect = dialect_of(connection.dialect.name)
    plain = Conditions(dialect, is_fuzzy=sought.fuzzy)
    if not sought.timezone:
        return plain
    told = [text for text in connection.execute(plain.offsets()).scalars() if text]
    offset = minutes_of(sought.timezone)
    return Conditions(dialect, is_fuzzy=sought.fuzzy, offset=offset, offsets=told)


def _known(matches: Iterable[Match], searched: Sequence[Level]) -> tuple[list[Match], list[str]]:
    """Return the conditions on indexed attributes, and a warning for each other one."""
    known: list[Match] = []
    warnings: list[str] = []
    for match in matches:
        if level_of(match.path[0]) in searched:
            known.append(match)
        elif match.kind != "universal":
            name = ".".join(map(name_of, match.path))
            warnings.append(f"The following attribute is not matched by this server: {name}")
    return known, warnings


def _scope(level: Level, in_study: str, in_series: str) -> list[Any]:
    conditions: list[Any] = []
    if in_study:
        conditions.append(study.c.uid == in_study)
    if in_series and level != "studies":
        conditions.append(series.c.uid == in_series)
    return conditions


def _joined(chosen: Select[Any], level: Level) -> Select[Any]:
    if level == "studies":
        return chosen.select_from(study)
    if level == "series":
        return chosen.select_from(series.join(study))
    return chosen.select_from(file.join(series).join(study))


def _counting(level: Level, above: Sequence[Any], of_files: Sequence[Any]) -> Select[Any]:
    """Return the selection that counts all matches; instances without conditions by series."""
    if level == "instances" and not of_files:
        total = func.coalesce(func.sum(series.c.instances), 0)
        return select(total).select_from(series.join(study)).where(*above)
    counting = _joined(select(func.count()), level).where(*above, *of_files)
    if level == "instances":
        counting = counting.where(file.c.kind == INSTANCE, file.c.shown)
    return counting


def _names_one(matches: Iterable[Match]) -> bool:
    """Return whether the conditions leave few enough instances to sort."""
    uids = ((0x0020000D,), (0x0020000E,), (0x00080018,))
    return any(match.path in uids and match.kind in ("single", "list") for match in matches)


def _asked_order(sought: Query, warnings: list[str]) -> list[Any]:
    """Return the columns and expressions that a query sorts studies by."""
    of_series = select(func.coalesce(func.sum(series.c.instances), 0))
    sortable: Mapping[int, Any] = {
        0x00080020: (study.c.study_date, study.c.study_time),
        0x00080030: (study.c.study_time,),
        0x00080050: (study.c.accession_number,),
        _MODALITIES: (_within(select(func.min(series.c.modality))),),
        0x00081030: (func.lower(study.c.more[("00081030", 0)].as_string()),),
        0x00100010: (study.c.patient_name,),
        0x00100020: (study.c.patient_id,),
        _INSTANCE_COUNT: (_within(of_series),),
    }
    found: list[Any] = []
    for tag, is_falling in sought.order:
        if tag not in sortable:
            warnings.append(f"Studies are not sorted by {name_of(tag)}")
        for column in sortable.get(tag, ()):
            ordered = column.desc() if is_falling else column.asc()
            found.append(ordered.nulls_last())
    return found


def _within(chosen: Select[Any]) -> Any:
    """Return a selection over the series of each study."""
    return chosen.where(series.c.study == study.c.id).correlate(study).scalar_subquery()


def _order(level: Level, *, is_scoped: bool) -> tuple[Any, ...]:
    if level == "studies":
        return (study.c.study_date.desc(), study.c.uid)
    if level == "series":
        return (series.c.study, series.c.number, series.c.uid)
    if is_scoped:
        return (series.c.study, series.c.number, series.c.uid, file.c.number, file.c.uid)
    # In index order: a million rows are not sorted for one page.
    return (file.c.series, file.c.number, file.c.id)


# --- models ------------------------------------------------------------------------------------


def _models(
    connection: Connection, level: Level, ids: Sequence[int], chosen: Chosen
) -> list[dict[str, Any]]:
    rows: dict[int, Any] = {}
    table = _TABLES[level]
    for chunk in chunked(ids):
        picked = _joined(select(table.c.id, *_columns(level)), level).where(table.c.id.in_(chunk))
        rows.update({row[0]: row for row in connection.execute(picked)})
    found = [rows[each] for each in ids if each in rows]
    counts = _counts(connection, {row.of_study for row in found}, chosen)
    parts = {each: chosen.parts(each) for each in LEVELS}
    is_counted = chosen(_OF_SERIES_COUNT)
    return [_model(level, row, parts, counts, is_counted=is_counted) for row in found]


def _columns(level: Level) -> list[Any]:
    columns: list[Any] = [
        study.c.id.label("of_study"),
        study.c.uid.label("study_uid"),
        study.c.more.label("study_more"),
    ]
    if level != "studies":
        columns += [
            series.c.uid.label("series_uid"),
            series.c.instances,
            series.c.more.label("series_more"),
        ]
    if level == "instances":
        columns += [
            file.c.uid, file.c.number, file.c.sop_class, file.c.transfer_syntax, file.c.frames,
            file.c.rows, file.c.columns, file.c.bits, file.c.more,
        ]  # fmt: skip
    return columns


_OF_SERIES = (
    select(series.c.study, series.c.modality, func.count(), func.sum(series.c.instances))
    .group_by(series.c.study, series.c.modality)
    .order_by(series.c.modality)
)
_OF_CLASSES = (
    select(series.c.study, file.c.sop_class)
    .select_from(file.join(series))
    .where(file.c.kind == INSTANCE, file.c.shown)
    .distinct()
    .order_by(file.c.sop_class)
)


def _counts(
    connection: Connection, ids: set[int], chosen: Chosen
) -> dict[int, Mapping[int, list[Any]]]:
    """Return the values of the requested counted attributes by tag and study."""
    modalities: dict[int, list[Any]] = defaultdict(list)
    classes: dict[int, list[Any]] = defaultdict(list)
    numbers: dict[int, list[Any]] = defaultdict(lambda: [0])
    instances: dict[int, list[Any]] = defaultdict(lambda: [0])
    is_counting = any(map(chosen, (_MODALITIES, _SERIES_COUNT, _INSTANCE_COUNT)))
    for chunk in chunked(sorted(ids)):
        in_chunk = series.c.study.in_(chunk)
        rows = connection.execute(_OF_SERIES.where(in_chunk)) if is_counting else ()
        for of, modality, count, total in rows:
            numbers[of][0] += count
            instances[of][0] += int(total)
            modalities[of] += [modality] if modality else []
        for of, uid in connection.execute(_OF_CLASSES.where(in_chunk)) if chosen(_CLASSES) else ():
            classes[of].append(long_uid(uid))
    by_tag = {
        _MODALITIES: modalities, _CLASSES: classes,
        _SERIES_COUNT: numbers, _INSTANCE_COUNT: instances,
    }  # fmt: skip
    return {tag: values for tag, values in by_tag.items() if chosen(tag)}


def _model(
    level: Level,
    row: Any,
    parts: Mapping[Level, Iterable[ResponseAttribute]],
    counts: Mapping[int, Mapping[int, list[Any]]],
    *,
    is_counted: bool,
) -> dict[str, Any]:
    """Return one match, always with the UIDs of its resource."""
    found = {**COMMON, **model_of(row.study_more, parts["studies"])}
    for tag, of_study in counts.items():
        found[name_of(tag)] = counted(tag, of_study[row.of_study])
    found["0020000D"] = _uid(row.study_uid)
    if level != "studies":
        found |= model_of(row.series_more, parts["series"])
        found["0020000E"] = _uid(row.series_uid)
        if is_counted:
            found[name_of(_OF_SERIES_COUNT)] = counted(_OF_SERIES_COUNT, [row.instances])
    if level == "instances":
        found |= model_of({**row.more, **_in_columns(row)}, parts["instances"])
        found["00080018"] = _uid(row.uid)
    return dict(sorted(found.items()))


def _uid(uid: str) -> dict[str, Any]:
    return {"vr": "UI", "Value": [uid]}


def _in_columns(row: Any) -> dict[str, list[Any]]:
    """Return the attributes of an instance that have their own columns."""
    has_matrix = bool(row.rows or row.columns)
    return {
        "00080016": [long_uid(row.sop_class)] if row.sop_class else [],
        "00080018": [row.uid],
        "00083002": [long_uid(row.transfer_syntax)] if row.transfer_syntax else [],
        "00200013": [] if row.number == NO_NUMBER else [row.number],
        "00280008": [row.frames] if has_matrix else [],
        "00280010": [row.rows] if has_matrix else [],
        "00280011": [row.columns] if has_matrix else [],
        "00280100": [row.bits] if row.bits else [],
    }
