"""Temporary files of workers for results too large for a pipe, removed after the request."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from rendicom.errors import UnwritableOutputError
from rendicom.server.fair_queue import requester
from rendicom.storage.temporary import TemporaryFolder

_ATTEMPTS = 3


class Spool:
    """A temporary folder with a subfolder for each request that needs one.

    Folders are created here and never by a worker, so a worker that continues after its request has
    ended finds no folder and leaves no files.
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
        """Remove the folder with its contents."""
        if self._folder is not None:
            self._folder.remove()

    def place(self) -> str:
        """Return the folder of the current request; it is removed when the request ends.

        Raises
        ------
        OptionError, UnwritableOutputError
            None can be made.
        """
        whose = requester.get()
        if whose is None or self._folder is None:
            return tempfile.gettempdir()
        if not whose.spool:
            self.restore()
            try:
                whose.spool = tempfile.mkdtemp(dir=self._folder.path)
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise UnwritableOutputError(f"no temporary folder can be made: {reason}") from None
        return whose.spool

    def restore(self) -> None:
        """Create the folder again if a cleaner of old files removed it.

        Raises
        ------
        OptionError
            It cannot be made.
        """
        if self._folder is not None and not Path(self._folder.path).is_dir():
            self._folder.remove()
            self.open()


def remove_spooled(path: str) -> None:
    """Remove the folder of a request, even while a worker writes to it."""
    for _ in range(_ATTEMPTS):
        shutil.rmtree(path, ignore_errors=True)
        if not Path(path).exists():
            return
