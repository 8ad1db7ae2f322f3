"""Temporary tables for data that grow with the number of files, such as names in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.closing import Closing
from rendicom.errors import UnwritableOutputError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

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


class ScratchTables(Closing):
    """A scratch database as a context manager."""

    def __init__(self, *schema: str) -> None:
        self._database = scratch_database(*schema)

    def close(self) -> None:
        """Delete everything; a second call does nothing."""
        self._database.close()


_SCHEMA = "CREATE TABLE taken (key BLOB PRIMARY KEY, owner BLOB NOT NULL) WITHOUT ROWID"
_TAKE = "INSERT INTO taken VALUES (?, ?) ON CONFLICT DO NOTHING"
_OWNER = "SELECT owner FROM taken WHERE key = ?"


class Register(ScratchTables):
    """A mapping of keys to owners; a large one is mostly on disk.

    For one thread; use it as a context manager, or call ``close``.
    """

    def __init__(self) -> None:
        import sqlite3

        super().__init__(_SCHEMA)
        self._cursor = self._database.cursor()
        self._failures = sqlite3.OperationalError

    def take(self, key: str, owner: str = "") -> bool:
        """Assign ``key`` to ``owner``; return False if it has an owner.

        Keys are compared as they are: fold them first where case makes no difference.

        Raises
        ------
        UnwritableOutputError
            The disk for temporary files is full.
        """
        return self._run(_TAKE, (_bytes(key), _bytes(owner))).rowcount == 1

    def owner_of(self, key: str) -> str:
        """Return the owner of ``key``, or an empty string."""
        row = self._run(_OWNER, (_bytes(key),)).fetchone()
        return "" if row is None else row[0].decode("utf-8", "surrogatepass")

    def __contains__(self, key: str) -> bool:
        """Tell whether ``key`` has an owner."""
        return self._run(_OWNER, (_bytes(key),)).fetchone() is not None

    def _run(self, statement: str, values: Sequence[bytes]) -> sqlite3.Cursor:
        try:
            return self._cursor.execute(statement, values)
        except self._failures as error:
            raise UnwritableOutputError(
                f"the names given so far cannot be kept: {error}",
                hint="free space in the folder for temporary files, or set TMPDIR to another",
            ) from None


def _bytes(text: str) -> bytes:
    """Return text as bytes: a file name may not be valid text for a database."""
    return text.encode("utf-8", "surrogatepass")
