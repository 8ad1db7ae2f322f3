"""`Catalogue`: index of instances and their locations, searched without opening a file.

It can be rebuilt from the files at any time. All methods block and are thread-safe; several
processes may each have a catalogue on one database.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from rendicom.dicomweb.query import Query
from rendicom.index.aggregates import chunked
from rendicom.index.database import Database
from rendicom.index.locations import absolute, long_uid
from rendicom.index.records import Counts, Entry, Indexed, Level, Rejected, SearchResult, Status
from rendicom.index.schema import INSTANCE, NO_NUMBER, deleted, file, folder, series, study
from rendicom.index.search import search
from rendicom.index.writing import forget, mark_deleted, note, put

__all__ = ["Catalogue", "Counts", "Entry", "Indexed", "SearchResult"]


class Catalogue:
    """Index of the instances of some folders and object stores, in a database.

    Of several files of one instance, the one whose location sorts first is listed. If instances
    disagree about attributes of their study or series, the one with the lowest UID is used.

    Parameters
    ----------
    url
        ``sqlite:///PATH``, ``sqlite://`` for a temporary database, or
        ``postgresql://USER@HOST/NAME``. Missing tables are created.
    is_durable
        Changes are flushed to disk before they return. PostgreSQL has its own settings.

    Raises
    ------
    OptionError
        The database cannot be used: missing, of a later version, or of another program.

    Notes
    -----
    Each method raises OverloadedError when the database does not answer.
    """

    def __init__(self, url: str, *, is_durable: bool = False) -> None:
        self._database = Database(url, is_durable=is_durable)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    @property
    def database(self) -> Database:
        """Return the database; scanners use it."""
        return self._database

    # --- asking --------------------------------------------------------------------------------

    def state(self) -> Hashable:
        """Return a value that changes whenever any process writes."""
        return self._database.state()

    def entry(self, study_uid: str, series_uid: str, instance_uid: str) -> Entry | None:
        """Return one instance, or None if it is not listed."""
        uids = {"study": study_uid, "series": series_uid, "instance": instance_uid}
        row = self._database.read(lambda connection: connection.execute(_ONE, uids).first())
        return None if row is None else _entry(row)

    def entries(self, study_uid: str, series_uid: str = "", instance_uid: str = "") -> list[Entry]:
        """Return the instances of a study, series or instance.

        Sorted by series number, series UID, instance number and instance UID; a missing number
        sorts last.
        """
        chosen = _entries(study_uid, series_uid, instance_uid).order_by(*_ORDER)
        rows = self._database.read(lambda connection: connection.execute(chosen).all())
        return [_entry(row) for row in rows]

    def named(self, uids: Sequence[str]) -> list[Entry]:
        """Return the instances of these SOP Instance or Series Instance UIDs, in any study.

        Sorted as `entries` are; each once.
        """

        def find(connection: Connection) -> dict[int, Any]:
            rows: dict[int, Any] = {}
            for part in chunked(uids):
                for column in (file.c.uid, series.c.uid):
                    chosen = _FILES.where(file.c.shown, column.in_(part)).order_by(*_ORDER)
                    rows |= {row.id: row for row in connection.execute(chosen)}
            return rows

        found = map(_entry, self._database.read(find).values())
        return sorted(found, key=_place_in_order)

    def representative(self, study_uid: str, series_uid: str = "") -> Entry | None:
        """Return the representative instance of a study or series, or None if it is not listed.

        The middle one of the first series that has images whose pixels do not identify the
        patient; else of the first with images, else of the first at all.
        """
        clean = (file.c.has_pixels, ~file.c.burned_in)

        def find(connection: Connection) -> Any:
            for wanted in (clean, (file.c.has_pixels,), ()):
                row = _middle(connection, _entries(study_uid, series_uid).where(*wanted))
                if row is not None:
                    return row
            return None

        row = self._database.read(find)
        return None if row is None else _entry(row)

    def status(self, study_uid: str, series_uid: str = "", instance_uid: str = "") -> Status:
        """Return whether a resource is listed, was deleted, or was never known.

        A file that vanished leaves nothing; only `delete` is remembered.
        """

        def find(connection: Connection) -> Status:
            listed = _scoped(select(study.c.id), study_uid, series_uid, instance_uid)
            if connection.execute(listed.limit(1)).first() is not None:
                return "present"
            gone = select(deleted.c.study).where(deleted.c.study == study_uid)
            if series_uid:
                gone = gone.where(deleted.c.series == series_uid)
            if instance_uid:
                gone = gone.where(deleted.c.instance == instance_uid)
            return "unknown" if connection.execute(gone.limit(1)).first() is None else "deleted"

        return self._database.read(find)

    def stamp(self, study_uid: str, series_uid: str = "", instance_uid: str = "") -> str:
        """Return a text that changes with a resource or anything below it; "" when unknown."""
        if instance_uid:
            entry = self.entry(study_uid, series_uid, instance_uid)
            return "" if entry is None else f"{entry.location} {entry.version}"
        column = series.c.stamp if series_uid else study.c.stamp
        chosen = _scoped(select(column), study_uid, series_uid, "").limit(1)
        found = self._database.read(lambda connection: connection.execute(chosen).scalar())
        return found or ""

    def search(self, level: Level, query: Query, study: str = "", series: str = "") -> SearchResult:
        """Return the matching studies, series or instances in a stable order.

        Studies are sorted by date, latest first. ``study`` and ``series`` limit the search.
        Conditions on attributes that are not indexed are ignored, each with a warning.
        """
        return self._database.read(
            lambda connection: search(connection, level, query, in_study=study, in_series=series)
        )

    def counts(self) -> Counts:
        """Return the size of the catalogue."""
        studies = select(func.count()).select_from(study).scalar_subquery()
        instances = select(func.coalesce(func.sum(series.c.instances), 0)).scalar_subquery()
        below = select(func.count()).select_from(series).scalar_subquery()
        chosen = select(studies, below, instances)
        row = self._database.read(lambda connection: connection.execute(chosen).one())
        return Counts(*map(int, row))

    # --- changing ------------------------------------------------------------------------------

    def put(self, indexed: Sequence[Indexed], *, is_scanned: bool = False) -> None:
        """Put instances in place of earlier rows of their files.

        Deleted instances come back; with ``is_scanned`` only if their file has changed since:
        it may have been read before.

        Raises
        ------
        UnwritableOutputError
            The disk of the database is full.
        CorruptDataError
            A value of one of them cannot be stored; none of them is put.
        """
        placed = [each._replace(location=absolute(each.location)) for each in indexed]
        if placed:
            self._database.write(lambda connection: put(connection, placed, is_scanned=is_scanned))

    def note(self, rejected: Sequence[Rejected]) -> None:
        """Record files that are not instances, to open them again only if they change."""
        if rejected:
            self._database.write(lambda connection: note(connection, rejected))

    def forget(self, locations: Iterable[str]) -> None:
        """Remove vanished files; another file of the same instance is listed instead."""
        chosen = list(map(absolute, locations))
        if chosen:
            self._database.write(lambda connection: forget(connection, chosen))

    def delete(self, study_uid: str, series_uid: str = "", instance_uid: str = "") -> list[Entry]:
        """Delete a resource and record that; return all of its files, duplicates too.

        The caller removes the files. Remaining files are listed again only if they change.
        """

        def take(connection: Connection) -> list[Entry]:
            chosen = _listed(study_uid, series_uid, instance_uid).order_by(*_ORDER)
            rows = connection.execute(chosen).all()
            mark_deleted(connection, [row.id for row in rows])
            return [_entry(row) for row in rows]

        return self._database.write(take)


_ORDER = (series.c.number, series.c.uid, file.c.number, file.c.uid)
_FILES = (
    select(
        study.c.uid.label("study_uid"),
        series.c.uid.label("series_uid"),
        series.c.modality,
        series.c.number.label("series_number"),
        folder.c.path,
        *(column for column in file.c if column.name not in ("folder", "more")),
    )
    .select_from(file.join(series).join(study).join(folder, file.c.folder == folder.c.id))
    .where(file.c.kind == INSTANCE)
)
# Compiled once: used by every request.
_ONE = _FILES.where(
    study.c.uid == bindparam("study"),
    series.c.uid == bindparam("series"),
    file.c.uid == bindparam("instance"),
    file.c.shown,
)


def _place_in_order(entry: Entry) -> tuple[Any, ...]:
    numbers = (entry.series_number, entry.instance_number)
    first, second = (NO_NUMBER if number is None else number for number in numbers)
    return first, entry.series, second, entry.instance


def _listed(study_uid: str, series_uid: str = "", instance_uid: str = "") -> Select[Any]:
    """Return the selection of all files of a resource, duplicates too."""
    chosen = _FILES.where(study.c.uid == study_uid)
    if series_uid:
        chosen = chosen.where(series.c.uid == series_uid)
    return chosen.where(file.c.uid == instance_uid) if instance_uid else chosen


def _entries(study_uid: str, series_uid: str = "", instance_uid: str = "") -> Select[Any]:
    return _listed(study_uid, series_uid, instance_uid).where(file.c.shown)


def _scoped(chosen: Select[Any], study_uid: str, series_uid: str, instance_uid: str) -> Select[Any]:
    """Return the selection of a resource's row, with as few joins as possible."""
    if instance_uid:
        chosen = chosen.select_from(file.join(series).join(study))
        chosen = chosen.where(file.c.uid == instance_uid, file.c.kind == INSTANCE)
    elif series_uid:
        chosen = chosen.select_from(series.join(study))
    else:
        chosen = chosen.select_from(study)
    if series_uid:
        chosen = chosen.where(series.c.uid == series_uid)
    return chosen.where(study.c.uid == study_uid)


def _middle(connection: Connection, chosen: Select[Any]) -> Any:
    """Return the row in the middle of the first series of a selection."""
    first = connection.execute(chosen.order_by(*_ORDER).limit(1)).first()
    if first is None:
        return None
    of_series = chosen.where(file.c.series == first.series)
    counting = select(func.count()).select_from(of_series.subquery())
    count = connection.execute(counting).scalar_one()
    middle = of_series.order_by(*_ORDER).offset((count - 1) // 2).limit(1)
    return connection.execute(middle).first()


def _entry(row: Any) -> Entry:
    return Entry(
        study=row.study_uid,
        series=row.series_uid,
        instance=row.uid,
        location=row.path + row.name,
        version=row.version,
        size=row.size,
        sop_class=long_uid(row.sop_class),
        transfer_syntax=long_uid(row.transfer_syntax),
        modality=row.modality,
        number_of_frames=row.frames,
        rows=row.rows,
        columns=row.columns,
        has_pixels=row.has_pixels,
        burned_in=row.burned_in,
        representative_frame=row.representative,
        series_number=None if row.series_number == NO_NUMBER else row.series_number,
        instance_number=None if row.number == NO_NUMBER else row.number,
    )
