"""Temporary tables for data that grow with the number of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

_CACHE_KIBIBYTES = 16 << 10
_PRAGMAS = (
    # Nothing in it outlives the process, so nothing has to be kept from harm.
    "journal_mode = OFF",
    "synchronous = OFF",
    f"cache_size = -{_CACHE_KIBIBYTES}",
)


def scratch_database(*schema: str) -> sqlite3.Connection:
    """Return an empty database with these tables, within one transaction that never ends.

    What does not fit 16 MiB lies in a temporary file of SQLite's own, which has no name and is gone
    with the process however that ends.

    Raises
    ------
    sqlite3.Error
        There is no space for it.
    """
    import sqlite3

    # An empty name is a database in memory that moves to a file as it grows.
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    for pragma in _PRAGMAS:
        database.execute(f"PRAGMA {pragma}")
    for statement in schema:
        database.execute(statement)
    # A commit for each row would be ten times as slow.
    database.execute("BEGIN")
    return database
