"""Where workers put what is too large to travel, until the request that it is for is over."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from rendicom.server.renderers import requester
from rendicom.storage.temporary import TemporaryFolder

__all__ = ["Spool", "remove_spooled"]

_ATTEMPTS = 3


class Spool:
    """A temporary folder with one in it for each request that needs one.

    Folders are made here and never by a worker: one that is still at it when its request is
    over finds no place any more, and leaves nothing behind.
    """

    def __init__(self) -> None:
        self._folder: TemporaryFolder | None = None

    def open(self) -> None:
        """Make the folder.

        Raises
        ------
        OptionError
            It cannot be made.
        """
        self._folder = TemporaryFolder("spool")

    def close(self) -> None:
        """Remove it with all that is in it."""
        if self._folder is not None:
            self._folder.remove()

    def place(self) -> str:
        """Return the folder of the request under way; it is gone when that is over."""
        whose = requester.get()
        if whose is None or self._folder is None:
            return tempfile.gettempdir()
        if not whose.spool:
            whose.spool = tempfile.mkdtemp(dir=self._folder.path)
        return whose.spool


def remove_spooled(path: str) -> None:
    """Remove the folder of a request, though a worker may just be putting something in it."""
    for _ in range(_ATTEMPTS):
        shutil.rmtree(path, ignore_errors=True)
        if not Path(path).exists():
            return
