"""The records of earlier runs, for questions about one source.

They may be millions, so they are kept in a scratch database, with sources as 64-bit hashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from rendicom.batch.manifest import json_lines
from rendicom.batch.manifest.record_columns import Record, Terms
from rendicom.batch.outcomes import NO_PIXELS
from rendicom.batch.scratch import ScratchTables
from rendicom.errors import UnwritableOutputError
from rendicom.storage.names import escaped, unescaped

if TYPE_CHECKING:
    import sqlite3

_COLUMNS = (
    "source", "output", "status", "frame", "bytes", "options", "pictures", "source_version",
    "recipe", "format",
)  # fmt: skip

_SCHEMA = """
CREATE TABLE record (
    number INTEGER PRIMARY KEY, source INTEGER, state INTEGER, frame INTEGER, bytes INTEGER,
    pictures INTEGER, output TEXT, version TEXT
)
"""

# States of a record: made with other options or without a picture; made as this run would; and
# found to be still true. Records that no longer count are deleted.
_STALE, _GOOD, _KEPT = range(3)
_STATES = {"stale": _STALE, "good": _GOOD, "kept": _KEPT}

# A kill may leave several records of one picture: the last counts.
_DELETE_REPEATED = """
DELETE FROM record WHERE number IN (
    SELECT number FROM (
        SELECT number, lead(number) OVER (PARTITION BY source, frame ORDER BY number) AS later
        FROM record
    ) WHERE later IS NOT NULL
)
"""


class RecordedPicture(NamedTuple):
    """A picture that was written with the options and the recipe of this run.

    An empty ``output`` means that the source has no picture to write.
    """

    number: int
    frame: int | None
    size: int | None
    pictures: int
    output: str
    version: str


class EarlierRecords(ScratchTables):
    """The records of earlier runs.

    Parameters
    ----------
    path
        Of the JSON Lines; of two records of one picture the later counts.
    terms
        Of this run.

    Raises
    ------
    UnwritableOutputError
        There is no space for temporary files.
    """

    def __init__(self, path: str, terms: Terms) -> None:
        import sqlite3

        self._error = sqlite3.Error
        self.count = 0
        """Number of records, superseded ones included."""
        super().__init__(_SCHEMA)
        try:
            self._do_many("INSERT INTO record VALUES (?,?,?,?,?,?,?,?)", self._rows(path, terms))
            self._do("CREATE INDEX by_source ON record (source, frame)")
            self._do(_DELETE_REPEATED)
        except BaseException:
            self.close()
            raise

    def pictures(self, source: str) -> list[RecordedPicture]:
        """Return the good pictures of a source, given as the manifest names it."""
        found = self._do(
            "SELECT number, frame, bytes, pictures, output, version FROM record "
            "WHERE source = :source AND state = :good ORDER BY frame",
            source=hash(source),
        )
        pictures = (RecordedPicture(*row) for row in found)
        return [each._replace(output=unescaped(each.output)) for each in pictures]

    def outputs(self) -> Iterator[str]:
        """Yield where the good pictures are."""
        found = self._do("SELECT output FROM record WHERE state = :good AND output != ''")
        return (unescaped(output) for (output,) in found)

    def keep(self, pictures: Iterable[RecordedPicture]) -> None:
        """Keep these records, even if others of their source are dropped."""
        rows = ((_KEPT, picture.number) for picture in pictures)
        self._do_many("UPDATE record SET state = ? WHERE number = ?", rows)

    def drop(self, source: str, *, only_stale: bool = False) -> None:
        """Delete the records of a source that were not kept, or only those that are stale."""
        states = ":stale" if only_stale else ":stale, :good"
        self._do(
            f"DELETE FROM record WHERE source = :source AND state IN ({states})",  # noqa: S608
            source=hash(source),
        )

    @property
    def has_dropped(self) -> bool:
        """Tell whether records no longer count."""
        (left,) = self._do("SELECT count(*) FROM record").fetchone()
        return bool(left < self.count)

    def without_dropped(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the lines of the manifest that still count, and those of this run."""
        numbers = self._do("SELECT number FROM record ORDER BY number")
        following = next(numbers, (-1,))[0]
        for number, line in enumerate(lines):
            if number == following:
                following = next(numbers, (-1,))[0]
                yield line
            elif number >= self.count:
                yield line

    def _do(self, statement: str, **values: int) -> sqlite3.Cursor:
        try:
            return self._database.execute(statement, _STATES | values)
        except self._error as error:
            raise _no_room(error) from error

    def _do_many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        try:
            self._database.executemany(statement, rows)
        except self._error as error:
            raise _no_room(error) from error

    def _rows(self, path: str, terms: Terms) -> Iterator[tuple[Any, ...]]:
        with suppress(FileNotFoundError), open(path, "rb") as stream:
            for line in json_lines.whole_lines(stream):
                record = json_lines.parse(line, _COLUMNS)
                if record is not None:
                    yield _row(self.count, record, terms)
                self.count += 1


def _no_room(error: Exception) -> UnwritableOutputError:
    return UnwritableOutputError(
        f"cannot keep the earlier manifest in a temporary file: {error}",
        hint="free space in the folder for temporary files, or set TMPDIR to another",
    )


def _has_none(record: Record, terms: Terms) -> bool:
    """Tell whether a source has no pixels and thus no output in this format."""
    return bool(record["status"] == NO_PIXELS and record["format"] == terms.format)


def _row(number: int, record: Record, terms: Terms) -> tuple[Any, ...]:
    source, frame = hash(record["source"]), record["frame"]
    is_ours = (
        (record["status"] == "ok" or _has_none(record, terms))
        and record["options"] == terms.options
        and record["recipe"] == terms.recipe
    )
    if not is_ours:
        return (number, source, _STALE, frame, None, None, None, None)
    return (
        number, source, _GOOD, frame, record["bytes"], record["pictures"] or 0,
        escaped(record["output"]), record["source_version"],
    )  # fmt: skip
