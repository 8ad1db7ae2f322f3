"""The catalogue of instances: what is where, found without opening a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from time import time
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import and_, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from rendicom.index.database import Database
from rendicom.index.entries import Counts, Entry, Found, Indexed, JsonModel
from rendicom.index.schema import deleted, files, instances, series, studies
from rendicom.index.search import searched

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table
    from sqlalchemy.sql import ColumnElement

    from rendicom.dicomweb.query import Query, SearchLevel

__all__ = ["Catalogue", "Counts", "Entry", "Found", "Indexed"]

_ENTRY = tuple(instances.c[name] for name in Entry._fields)
_ORDER = (
    instances.c.series_number.is_(None),
    instances.c.series_number,
    instances.c.series,
    instances.c.instance_number.is_(None),
    instances.c.instance_number,
    instances.c.instance,
)
_AT_ONCE = 500


class Catalogue:
    """What the index knows. Blocking; may be used from any thread.

    Where attributes of a study or series differ between its instances, those of the instance with
    the least SOP Instance UID count. Of several files with one SOP Instance UID the one with the
    least location does.

    Parameters
    ----------
    url
        See `rendicom.index.database.Database`.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    @property
    def generation(self) -> int:
        """Return what grows when the index was lost and begins anew."""
        return self._database.generation

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    # --- instances --------------------------------------------------------------------------

    def entry(self, study: str, series: str, instance: str) -> Entry | None:
        """Return one instance."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(*_ENTRY).where(_below(instances, study, series, instance))
            ).first()
        return None if row is None else Entry(*row)

    def entries(self, study: str, series: str = "", instance: str = "") -> list[Entry]:
        """Return instances by series number, then instance number; those without come last."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(*_ENTRY).where(_below(instances, study, series, instance)).order_by(*_ORDER)
            )
            return [Entry(*row) for row in rows]

    def representative(self, study: str, series: str = "") -> Entry | None:
        """Return what stands for a study or series: the middle of its first series of images.

        One without anything burned in comes before one that may show who the patient is.
        """
        found = self.entries(study, series)
        images = [each for each in found if each.has_pixels]
        shown = [each for each in images if not each.burned_in] or images or found
        if not shown:
            return None
        first = [each for each in shown if each.series == shown[0].series]
        return first[len(first) // 2]

    def status(
        self, study: str, series: str = "", instance: str = ""
    ) -> Literal["present", "deleted", "unknown"]:
        """Tell whether something is there, was deleted, or never was."""
        with self._database.reading() as connection:
            there = connection.execute(
                select(instances.c.instance).where(_below(instances, study, series, instance))
            ).first()
            if there is not None:
                return "present"
            places = {(study, "", ""), (study, series, ""), (study, series, instance)}
            was = connection.execute(
                select(deleted.c.study).where(
                    tuple_(deleted.c.study, deleted.c.series, deleted.c.instance).in_(list(places))
                )
            ).first()
        return "unknown" if was is None else "deleted"

    def stamp(self, study: str, series: str = "", instance: str = "") -> str:
        """Return a text that changes whenever anything of the resource does."""
        digest = hashlib.sha256()
        for each in self.entries(study, series, instance):
            digest.update(f"{each.instance} {each.location} {each.version}\n".encode())
        return digest.hexdigest()[:32]

    def counts(self) -> Counts:
        """Return how many studies, series and instances there are."""
        with self._database.reading() as connection:
            return Counts(
                *(
                    connection.execute(select(func.count()).select_from(table)).scalar_one()
                    for table in (studies, series, instances)
                )
            )

    def search(self, level: SearchLevel, query: Query, study: str = "", series: str = "") -> Found:
        """Return what a query finds, within a study or series if given; newest studies first."""
        with self._database.reading() as connection:
            return searched(connection, level, query, study=study, series=series)

    # --- changes ----------------------------------------------------------------------------

    def put(self, indexed: Sequence[Indexed]) -> None:
        """Add instances, or what has become of them; what was deleted is there again."""
        if not indexed:
            return
        with self._database.writing() as connection:
            for each in sorted(indexed, key=lambda item: item.entry[:3]):
                self._put_one(connection, each)

    def _put_one(self, connection: Connection, indexed: Indexed) -> None:
        entry = indexed.entry
        uids = entry[:3]
        self._move_out(connection, entry)
        known = connection.execute(
            select(instances.c.location).where(_below(instances, *uids))
        ).scalar()
        _upsert(
            connection, files, ("location",),
            {
                "location": entry.location, "version": entry.version, "state": "instance",
                "study": entry.study, "series": entry.series, "instance": entry.instance,
            },
        )  # fmt: skip
        if known is not None and known < entry.location:
            return
        _upsert(
            connection, instances, ("study", "series", "instance"),
            {**entry._asdict(), "model": _text(indexed.instance)},
        )  # fmt: skip
        self._put_above(connection, indexed)
        connection.execute(
            delete(deleted).where(
                tuple_(deleted.c.study, deleted.c.series, deleted.c.instance).in_(
                    [(entry.study, "", ""), (entry.study, entry.series, ""), uids]
                )
            )
        )

    def _move_out(self, connection: Connection, entry: Entry) -> None:
        """Forget what a file held before it changed into another instance."""
        before = connection.execute(
            select(files.c.study, files.c.series, files.c.instance).where(
                files.c.location == entry.location
            )
        ).first()
        if before is not None and before[2] and tuple(before) != entry[:3]:
            _forget(connection, [entry.location])

    def _put_above(self, connection: Connection, indexed: Indexed) -> None:
        entry, now = indexed.entry, time()
        source = connection.execute(
            select(series.c.source).where(_below(series, entry.study, entry.series))
        ).scalar()
        if source is None or entry.instance <= source:
            _upsert(
                connection, series, ("study", "series"),
                {
                    "study": entry.study, "series": entry.series, "modality": entry.modality,
                    "series_number": entry.series_number, "source": entry.instance,
                    "changed": now, "model": _text(indexed.series),
                },
            )  # fmt: skip
        source = connection.execute(
            select(studies.c.source).where(studies.c.study == entry.study)
        ).scalar()
        if source is None or entry.instance <= source:
            model = indexed.study
            _upsert(
                connection, studies, ("study",),
                {
                    "study": entry.study, "patient_id": _value(model, "00100020"),
                    "accession_number": _value(model, "00080050"),
                    "study_date": _value(model, "00080020").replace(".", "")[:32],
                    "study_time": _value(model, "00080030").replace(":", "")[:32],
                    "source": entry.instance, "changed": now, "model": _text(model),
                },
            )  # fmt: skip

    def forget(self, locations: Sequence[str]) -> None:
        """Drop what lay at locations where nothing is any more."""
        with self._database.writing() as connection:
            for batch in _batches(locations):
                _forget(connection, batch)

    def delete(self, study: str, series: str = "", instance: str = "") -> list[Entry]:
        """Drop a study, series or instance, remember that it was deleted, and return it."""
        found = self.entries(study, series, instance)
        with self._database.writing() as connection:
            for batch in _batches([each.location for each in found]):
                _forget(connection, batch)
            for each in {(study, series, instance), *(entry[:3] for entry in found)}:
                _upsert(
                    connection, deleted, ("study", "series", "instance"),
                    dict(zip(("study", "series", "instance"), each, strict=True)),
                )  # fmt: skip
        return found

    # --- files ------------------------------------------------------------------------------

    def note_files(self, seen: Sequence[tuple[str, str, str]]) -> None:
        """Remember files that hold no instance: location, version, ``other`` or ``failed``."""
        with self._database.writing() as connection:
            for location, version, state in seen:
                _forget(connection, [location])
                _upsert(
                    connection, files, ("location",),
                    {
                        "location": location, "version": version, "state": state,
                        "study": "", "series": "", "instance": "",
                    },
                )  # fmt: skip

    def known_versions(self, locations: Sequence[str]) -> dict[str, str]:
        """Return the versions of those files that were looked at."""
        known: dict[str, str] = {}
        with self._database.reading() as connection:
            for batch in _batches(locations):
                rows = connection.execute(
                    select(files.c.location, files.c.version).where(files.c.location.in_(batch))
                )
                known.update((location, version) for location, version in rows)
        return known

    def known_locations(self, prefix: str, after: str, limit: int) -> list[str]:
        """Return locations that begin with ``prefix`` and follow ``after``, in their order."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(files.c.location)
                .where(
                    files.c.location > after, files.c.location.startswith(prefix, autoescape=True)
                )
                .order_by(files.c.location)
                .limit(limit)
            )
            return [row[0] for row in rows]


def _below(
    table: Table, study: str, series_uid: str = "", instance: str = ""
) -> ColumnElement[bool]:
    conditions = [table.c.study == study]
    if series_uid:
        conditions.append(table.c.series == series_uid)
    if instance:
        conditions.append(table.c.instance == instance)
    return and_(*conditions)


def _upsert(
    connection: Connection, table: Table, keys: Iterable[str], values: dict[str, Any]
) -> None:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table).values(values)
    others = {name: statement.excluded[name] for name in values if name not in set(keys)}
    if others:
        connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=others))
    else:
        connection.execute(statement.on_conflict_do_nothing())


def _forget(connection: Connection, locations: Sequence[str]) -> None:
    """Drop files; another file with the same instance takes the place of one dropped."""
    held = connection.execute(
        select(files.c.study, files.c.series, files.c.instance).where(
            files.c.location.in_(locations), files.c.instance != ""
        )
    ).all()
    connection.execute(delete(files).where(files.c.location.in_(locations)))
    connection.execute(delete(instances).where(instances.c.location.in_(locations)))
    uids = {row[2] for row in held}
    if uids:
        # Opened again at the next look, as if they were new.
        connection.execute(delete(files).where(files.c.instance.in_(uids)))
    for study, series_uid in {(row[0], row[1]) for row in held}:
        _drop_if_empty(connection, series, study, series_uid)
    for study in {row[0] for row in held}:
        _drop_if_empty(connection, studies, study)


def _drop_if_empty(connection: Connection, table: Table, study: str, *rest: str) -> None:
    left = connection.execute(
        select(instances.c.instance).where(_below(instances, study, *rest)).limit(1)
    ).first()
    if left is None:
        connection.execute(delete(table).where(_below(table, study, *rest)))


def _batches(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]


def _text(model: JsonModel) -> str:
    # PostgreSQL's texts cannot hold a zero.
    return json.dumps(model, separators=(",", ":"), ensure_ascii=True).replace("\\u0000", "")


def _value(model: JsonModel, tag: str) -> str:
    values = model.get(tag, {}).get("Value") or [""]
    return str(values[0] or "").strip().replace("\0", "")
