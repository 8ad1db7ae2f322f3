"""`Catalogue`: which instances there are, and where, without opening a file.

It is only a memory of what the files say, and can be made from them again at any time. All
methods block, and may be called from any thread; several processes may have a catalogue each on
one database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from rendicom.index.database import Database
from rendicom.index.places import absolute, located, long_uid
from rendicom.index.schema import INSTANCE, NO_NUMBER, deleted, file, folder, series, study
from rendicom.index.search import search
from rendicom.index.values import Counts, Entry, Found, Indexed, Level, Rejected, Sought, Status
from rendicom.index.writing import forget, mark_deleted, note, put

__all__ = ["Catalogue", "Counts", "Entry", "Found", "Indexed"]


class Catalogue:
    """The instances of some folders and stores, in a database.

    Of two files of one instance, the one whose location comes first is listed. Where the
    instances of a study or series disagree about it, the one with the lowest UID is believed.

    Parameters
    ----------
    url
        ``sqlite:///PATH``, ``sqlite://`` for a database that ends with this object, or
        ``postgresql://USER@HOST/NAME``. What it lacks is made.

    Raises
    ------
    OptionError
        The database cannot be used: not there, of a later version, or another program's.

    Notes
    -----
    Each method raises OverloadedError when the database does not answer.
    """

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    @property
    def database(self) -> Database:
        """Return the database, for those who look through folders."""
        return self._database

    # --- asking --------------------------------------------------------------------------------

    def entry(self, study_uid: str, series_uid: str, instance_uid: str) -> Entry | None:
        """Return one instance, or None where it is not listed."""
        uids = {"study": study_uid, "series": series_uid, "instance": instance_uid}
        row = self._database.read(lambda connection: connection.execute(_ONE, uids).first())
        return None if row is None else _entry(row)

    def entries(self, study_uid: str, series_uid: str = "", instance_uid: str = "") -> list[Entry]:
        """Return the instances of a study, series or instance.

        By series number, series UID, instance number and instance UID; no number comes last.
        """
        chosen = _entries(study_uid, series_uid, instance_uid).order_by(*_ORDER)
        rows = self._database.read(lambda connection: connection.execute(chosen).all())
        return [_entry(row) for row in rows]

    def representative(self, study_uid: str, series_uid: str = "") -> Entry | None:
        """Return the instance that stands for a study or series, or None where it is not listed.

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
        """Return what changes whenever a resource does, or anything below it; "" when unknown."""
        if instance_uid:
            entry = self.entry(study_uid, series_uid, instance_uid)
            return "" if entry is None else f"{entry.location} {entry.version}"
        column = series.c.stamp if series_uid else study.c.stamp
        chosen = _scoped(select(column), study_uid, series_uid, "").limit(1)
        found = self._database.read(lambda connection: connection.execute(chosen).scalar())
        return found or ""

    def search(self, level: Level, query: Sought, study: str = "", series: str = "") -> Found:
        """Return the studies, series or instances that match, in a stable order.

        Studies come with the latest date first. With ``study`` or ``series``, only what lies in
        it. Conditions on attributes that are not kept are left out, each with a warning.
        """
        return self._database.read(
            lambda connection: search(connection, level, query, in_study=study, in_series=series)
        )

    def counts(self) -> Counts:
        """Return how much is listed."""
        studies = select(func.count()).select_from(study).scalar_subquery()
        instances = select(func.coalesce(func.sum(series.c.instances), 0)).scalar_subquery()
        hidden = (
            select(func.count())
            .select_from(file)
            .where(file.c.kind == INSTANCE, ~file.c.shown)
            .scalar_subquery()
        )
        below = select(func.count()).select_from(series).scalar_subquery()
        chosen = select(studies, below, instances, hidden)
        row = self._database.read(lambda connection: connection.execute(chosen).one())
        return Counts(*map(int, row))

    # --- changing ------------------------------------------------------------------------------

    def put(self, indexed: Sequence[Indexed], *, is_scanned: bool = False) -> None:
        """List instances, in place of what was known of their files.

        What was deleted comes back; with ``is_scanned`` only if its file has changed since, for
        it may have been read before.

        Raises
        ------
        UnwritableOutputError
            There is no room for the database.
        CorruptDataError
            A value of one of them cannot be kept; none of them is listed.
        """
        placed = [each._replace(location=absolute(each.location)) for each in indexed]
        if placed:
            self._database.write(lambda connection: put(connection, placed, is_scanned=is_scanned))

    def note(self, rejected: Sequence[Rejected]) -> None:
        """Remember files that hold no instance, not to open them again while they are the same."""
        if rejected:
            self._database.write(lambda connection: note(connection, rejected))

    def forget(self, locations: Iterable[str]) -> None:
        """Take out files that have vanished; where an instance has another file, that is listed."""
        chosen = list(map(absolute, locations))
        if chosen:
            self._database.write(lambda connection: forget(connection, chosen))

    def delete(self, study_uid: str, series_uid: str = "", instance_uid: str = "") -> list[Entry]:
        """Take out a resource and remember that; return all of its files, duplicates too.

        The files stay: to remove them is the caller's. Those that are left are not listed again
        until they change.
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
# Asked for each request: put together once.
_ONE = _FILES.where(
    study.c.uid == bindparam("study"),
    series.c.uid == bindparam("series"),
    file.c.uid == bindparam("instance"),
    file.c.shown,
)


def _listed(study_uid: str, series_uid: str = "", instance_uid: str = "") -> Select[Any]:
    """Return the selection of all files of a resource, also those that are not shown."""
    chosen = _FILES.where(study.c.uid == study_uid)
    if series_uid:
        chosen = chosen.where(series.c.uid == series_uid)
    return chosen.where(file.c.uid == instance_uid) if instance_uid else chosen


def _entries(study_uid: str, series_uid: str = "", instance_uid: str = "") -> Select[Any]:
    return _listed(study_uid, series_uid, instance_uid).where(file.c.shown)


def _scoped(chosen: Select[Any], study_uid: str, series_uid: str, instance_uid: str) -> Select[Any]:
    """Return the selection of a resource's row, joined no further than it needs."""
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
        location=located(row.path, row.name),
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
