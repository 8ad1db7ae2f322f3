"""Temporary folders of processes; those of killed processes are removed by the next one."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from time import time

from rendicom.errors import OptionError

_LOCK = "in-use"
_ATTEMPTS = 5
_PATIENCE = 10.0
_BEGINNING = 3600.0
"""Seconds in which a new folder may be without a lock."""


class TemporaryFolder:
    """A folder that only this user may read, with a lock that ends with the process.

    A process ID would not do instead of a lock: IDs are reused, and differ between containers.

    Parameters
    ----------
    purpose
        A word for its name: ``rendicom-PURPOSE-...``.

    Attributes
    ----------
    path
        Path of the folder.

    Raises
    ------
    OptionError
        The folder cannot be created.
    """

    def __init__(self, purpose: str) -> None:
        prefix = f"rendicom-{purpose}-"
        _remove_stale(prefix)
        for _ in range(_ATTEMPTS):
            try:
                self.path = tempfile.mkdtemp(prefix=prefix)
            except OSError:
                break
            lock = _locked(self.path, seconds=_PATIENCE)
            # Another process may have removed it as an abandoned one.
            if lock is not None and os.path.exists(os.path.join(self.path, _LOCK)):
                self._lock = lock
                return
            if lock is not None:
                lock.close()
            shutil.rmtree(self.path, ignore_errors=True)
        raise OptionError("no temporary folder can be made", hint="the variable TMPDIR names where")

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        _remove(self.path, self._lock)


def _remove_stale(prefix: str) -> None:
    """Remove folders of killed processes of this user: they hold names of patients."""
    for path in _others(prefix):
        if not os.path.exists(os.path.join(path, _LOCK)):
            with contextlib.suppress(OSError):
                if time() - os.lstat(path).st_mtime > _BEGINNING:
                    shutil.rmtree(path, ignore_errors=True)
            continue
        lock = _locked(path, seconds=0.0)
        if lock is not None:
            _remove(path, lock)


def _others(prefix: str) -> Iterator[str]:
    try:
        with os.scandir(tempfile.gettempdir()) as found:
            names = [each.path for each in found if each.name.startswith(prefix)]
    except OSError:
        return
    for path in names:
        with contextlib.suppress(OSError):
            status = os.lstat(path)
            is_ours = os.name == "nt" or status.st_uid == os.geteuid()
            if stat.S_ISDIR(status.st_mode) and is_ours:
                yield path


def _locked(path: str, *, seconds: float) -> sqlite3.Connection | None:
    """Return a connection that holds the lock of a folder; None if another process holds it.

    SQLite locks files on all systems.
    """
    try:
        lock = sqlite3.connect(
            os.path.join(path, _LOCK),
            timeout=seconds,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error:
        return None
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error:
        lock.close()
        return None
    return lock


def _remove(path: str, lock: sqlite3.Connection) -> None:
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(sqlite3.Error):
        lock.close()
    # Windows does not remove open files.
    shutil.rmtree(path, ignore_errors=True)
