"""Temporary tables for data that grow with the number of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import sqlite3

_CACHE_KIBIBYTES = 16 << 10
_PRAGMAS = (
    # The database is temporary, so durability is off.
    "journal_mode = OFF",
    "synchronous = OFF",
    f"cache_size = -{_CACHE_KIBIBYTES}",
)


def scratch_database(*schema: str) -> sqlite3.Connection:
    """Return an empty database with these tables, in one transaction that is never committed.

    Data beyond 16 MiB go to an unnamed temporary file of SQLite, which ends with the process.

    Raises
    ------
    sqlite3.Error
        There is no space for it.
    """
    import sqlite3

    # An empty name makes a database in memory that moves to a file as it grows.
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    try:
        for pragma in _PRAGMAS:
            database.execute(f"PRAGMA {pragma}")
        for statement in schema:
            database.execute(statement)
        # A commit for each row would be ten times as slow.
        database.execute("BEGIN")
    except BaseException:
        database.close()
        raise
    return database


class ScratchTables:
    """A scratch database as a context manager."""

    def __init__(self, *schema: str) -> None:
        self._database = scratch_database(*schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete everything; a second call does nothing."""
        self._database.close()
