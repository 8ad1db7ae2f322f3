"""What a manifest said before this run, where it can be asked source by source.

Millions of records fit into no memory: they go to a scratch database. A source is a 64-bit number
there, its hash in this process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rendicom.batch.manifest.records import Record, Terms
from rendicom.batch.scratch import scratch_database
from rendicom.errors import UnwritableOutputError

if TYPE_CHECKING:
    import sqlite3

    from rendicom.batch.manifest.formats import Piece

__all__ = ["Earlier", "Picture"]

_COLUMNS = (
    "source", "output", "status", "frame", "bytes", "options", "pictures", "source_version",
    "recipe",
)  # fmt: skip

_SCHEMA = """
CREATE TABLE record (
    number INTEGER PRIMARY KEY, source INTEGER, state INTEGER, frame INTEGER, bytes INTEGER,
    pictures INTEGER, output TEXT, version TEXT
)
"""

# States of a record. A GOOD one spares work where source and picture are as it says; it is KEPT
# once that was seen. DROPPED ones are taken out of the table at the end.
_DROPPED, _STALE, _GOOD, _KEPT = range(4)
_STATES = {"dropped": _DROPPED, "stale": _STALE, "good": _GOOD}

# Of several records of one picture, as a kill may leave them, only the last counts.
_DROP_REPEATED = """
UPDATE record SET state = :dropped WHERE number IN (
    SELECT number FROM (
        SELECT number, lead(number) OVER (PARTITION BY source, frame ORDER BY number) AS later
        FROM record WHERE source IS NOT NULL
    ) WHERE later IS NOT NULL
)
"""


class Picture(NamedTuple):
    """A picture that was written with the options and the recipe of this run."""

    number: int
    frame: int | None
    size: int | None
    pictures: int
    output: str
    version: str


class Earlier:
    """The records of earlier runs.

    Parameters
    ----------
    pieces
        Files that hold them, the oldest first; of two records of one picture the later counts.
    terms
        Of this run.

    Raises
    ------
    UnwritableOutputError
        There is no room for temporary files.
    """

    def __init__(self, pieces: Sequence[Piece], terms: Terms) -> None:
        import sqlite3

        self._error = sqlite3.Error
        self._database = scratch_database(_SCHEMA)
        self._do_many("INSERT INTO record VALUES (?,?,?,?,?,?,?,?)", _rows(pieces, terms))
        self._do("CREATE INDEX by_source ON record (source, frame)")
        self._do(_DROP_REPEATED)

    def pictures(self, source: str) -> list[Picture]:
        """Return the good pictures of a source, given as it was written down."""
        found = self._do(
            "SELECT number, frame, bytes, pictures, output, version FROM record "
            "WHERE source = :source AND state = :good ORDER BY frame",
            source=_key(source),
        )
        return [Picture(*row) for row in found]

    def keep(self, pictures: Iterable[Picture]) -> None:
        """Let these records stand, whatever comes of the rest of their source."""
        rows = ((_KEPT, picture.number) for picture in pictures)
        self._do_many("UPDATE record SET state = ? WHERE number = ?", rows)

    def settle(self, source: str) -> None:
        """Drop the records of a source that were not kept: newer ones took their place."""
        self._do(
            "UPDATE record SET state = :dropped "
            "WHERE source = :source AND state IN (:stale, :good)",
            source=_key(source),
        )

    def tidy(self, source: str) -> None:
        """Drop the records of a source that are not good: all of its pictures are there."""
        self._do(
            "UPDATE record SET state = :dropped WHERE source = :source AND state = :stale",
            source=_key(source),
        )

    def dropped(self) -> Iterator[int]:
        """Yield the records that no longer count, from 0, ascending."""
        found = self._do("SELECT number FROM record WHERE state = :dropped ORDER BY number")
        return (number for (number,) in found)

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

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


def _no_room(error: Exception) -> UnwritableOutputError:
    return UnwritableOutputError(
        f"cannot keep the earlier manifest in a temporary file: {error}",
        hint="the folder for temporary files needs room; the variable TMPDIR names another",
    )


def _key(source: str) -> int:
    # Some forms of table hold names that are no UTF-8 with escapes in them.
    is_plain = source.isascii()
    return hash(source if is_plain else source.encode("utf-8", "backslashreplace").decode())


def _rows(pieces: Sequence[Piece], terms: Terms) -> Iterator[tuple[Any, ...]]:
    number = 0
    for piece in pieces:
        with open(piece.path, "rb") as stream:
            for record in piece.form.records(stream, _COLUMNS):
                yield _row(number, record, terms)
                number += 1


def _row(number: int, record: Record | None, terms: Terms) -> tuple[Any, ...]:
    if record is None:
        return (number, None, _DROPPED, None, None, None, None, None)
    source, frame = _key(record["source"]), record["frame"]
    is_ours = (
        record["status"] == "ok"
        and record["options"] == terms.options
        and record["recipe"] == terms.recipe
    )
    if not is_ours:
        return (number, source, _STALE, frame, None, None, None, None)
    return (
        number, source, _GOOD, frame, record["bytes"], record["pictures"] or 0, record["output"],
        record["source_version"],
    )  # fmt: skip
