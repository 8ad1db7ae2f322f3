"""A register of names in use, mostly on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.batch.scratch import ScratchTables
from rendicom.errors import UnwritableOutputError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

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
