"""A temporary folder of a process; the next process removes those of killed ones."""

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
"""Seconds in which a folder may not have a lock yet."""


class TemporaryFolder:
    """A folder that only this user may read, with a lock that ends with the process.

    A lock and no process number: that of a process that is gone may be given to another one,
    and means nothing in another container.

    Parameters
    ----------
    purpose
        A word for its name: ``rendicom-PURPOSE-...``.

    Attributes
    ----------
    path
        Where it is.

    Raises
    ------
    OptionError
        None can be made.
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
            # Another process may have taken it for one that was left.
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
    """Remove what processes of this user left that were killed: it holds names of patients."""
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
            if stat.S_ISDIR(status.st_mode) and _is_ours(status):
                yield path


def _is_ours(status: os.stat_result) -> bool:
    return os.name == "nt" or status.st_uid == os.geteuid()


def _locked(path: str, *, seconds: float) -> sqlite3.Connection | None:
    """Return what holds the lock of a folder; None while another one does.

    SQLite knows how files are locked on each system.
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
    # Windows removes no file that is open.
    shutil.rmtree(path, ignore_errors=True)
