"""Sizes of the pictures that are there."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from rendicom.batch.sources import is_address
from rendicom.storage.names import escaped

if TYPE_CHECKING:
    import sqlite3


class PictureSizes:
    """Sizes of pictures below a target.

    An object store is listed once: a request for each picture would take longer than to make it.
    The list may be long, so it goes to a scratch database.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._is_remote = is_address(target)
        self._listed: sqlite3.Connection | None = None

    def size(self, path: str) -> int | None:
        """Return the size of a picture in bytes, None if it does not exist.

        Raises
        ------
        UnreadableSourceError
            The target cannot be listed.
        """
        if self._is_remote:
            return self._listed_size(path)
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def close(self) -> None:
        """Delete the list."""
        if self._listed is not None:
            self._listed.close()

    def _listed_size(self, location: str) -> int | None:
        if self._listed is None:
            self._listed = _listing(self._target)
        found = self._listed.execute(
            "SELECT size FROM object WHERE location = ?", (escaped(location),)
        )
        row = found.fetchone()
        return None if row is None else int(row[0])


def _listing(target: str) -> sqlite3.Connection:
    from rendicom.batch.scratch import scratch_database
    from rendicom.storage import list_folder

    database = scratch_database(
        "CREATE TABLE object (location TEXT PRIMARY KEY, size INT) WITHOUT ROWID"
    )
    objects = ((escaped(stored.location), stored.size) for stored in list_folder(target))
    database.executemany("INSERT OR REPLACE INTO object VALUES (?, ?)", objects)
    return database
