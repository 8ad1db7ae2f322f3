"""The files of a manifest on a disk, and the lock that keeps two runs out of one manifest."""

from __future__ import annotations

import contextlib
import os

from rendicom.batch.manifest import json_lines
from rendicom.batch.manifest.formats import TableFormat, format_of, lines_of
from rendicom.batch.manifest.json_lines import unwritable
from rendicom.errors import OutputExistsError, TargetInUseError, UnwritableOutputError


class LocalFiles:
    """The JSON Lines and the table exported from them, in a folder that is made if missing.

    Locked until `release`.

    Attributes
    ----------
    form
        Of the table; None where there are the JSON Lines alone.
    lines
        Local path of the JSON Lines.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self.form = format_of(location)
        self._table = os.path.realpath(location)
        self.lines = os.path.realpath(lines_of(location))
        try:
            os.makedirs(os.path.dirname(self.lines), exist_ok=True)
        except OSError as error:
            raise unwritable(location, error) from error
        for path in (self.lines, self._table):
            if os.path.exists(path) and not os.path.isfile(path):
                raise UnwritableOutputError(
                    f"cannot write the manifest {path}: a folder or a device is there",
                    hint="choose another --manifest",
                )
        self._lock = Lock(lines_of(location))
        try:
            _refuse_foreign(self.lines, None)
            if self.form is not None:
                _refuse_foreign(self._table, self.form)
        except BaseException:
            self._lock.release()
            raise

    def load(self) -> None:
        """Do nothing: what earlier runs wrote is here."""

    def begin(self, *, keep_lines: bool) -> None:
        """Remove the table and the lines of earlier runs, before the first record."""
        paths = [] if keep_lines else [self.lines]
        if self.form is not None:
            paths.append(self._table)
        try:
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        except OSError as error:
            raise unwritable(self._location, error) from error

    def grown(self) -> None:
        """Do nothing: the lines are where they belong."""

    @property
    def has_table(self) -> bool:
        """Tell whether the table is there."""
        return os.path.exists(self._table)

    def publish_table(self, path: str) -> None:
        """Move a finished table into its place."""
        os.replace(path, self._table)

    def publish_lines(self) -> None:
        """Do nothing: the lines are where they belong."""

    def release(self) -> None:
        """Let other runs in."""
        self._lock.release()


def _refuse_foreign(path: str, form: TableFormat | None) -> None:
    """Raise OutputExistsError where a file is not a manifest."""
    is_manifest = json_lines.is_manifest if form is None else form.is_manifest
    try:
        with open(path, "rb") as stream:
            is_own = not os.fstat(stream.fileno()).st_size or is_manifest(stream)
    except FileNotFoundError:
        return
    except OSError as error:
        raise unwritable(path, error) from error
    if not is_own:
        raise foreign(path)


def foreign(location: str) -> OutputExistsError:
    """Return the error for a foreign file that would be lost."""
    return OutputExistsError(
        f"{location} exists and is not a manifest of Rendicom",
        hint="choose another --manifest, or move that file away",
    )


_held: set[str] = set()
"""Files locked by this process: the system would grant the process its locks again."""

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
_FAR = 1 << 30
"""A byte behind the text: on Windows other processes cannot read a locked byte."""


class Lock:
    """The right to write a file, held until `release` or the end of the process.

    It is a lock on the file ``PATH.lock``, which holds the process ID. On file systems without
    locks there is no protection.

    Raises
    ------
    TargetInUseError
        Another run has it.
    UnwritableOutputError
    """

    def __init__(self, path: str) -> None:
        self._path = f"{os.path.realpath(path)}.lock"
        if self._path in _held:
            raise _in_use(path, os.getpid())
        try:
            self._descriptor = self._acquired(path)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise UnwritableOutputError(f"cannot write {self._path}: {reason}") from error
        _held.add(self._path)
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, b"%d\n" % os.getpid())

    def _acquired(self, path: str) -> int:
        while True:
            descriptor = os.open(self._path, _FLAGS, 0o666)
            if not _lock(descriptor):
                holder = _holder(descriptor)
                os.close(descriptor)
                raise _in_use(path, holder)
            if self._is_same(descriptor):
                return descriptor
            # The former owner removed the file after it was opened here and before it was locked.
            os.close(descriptor)

    def _is_same(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self._path))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Release the lock and remove its file."""
        if self._path not in _held:
            return
        _held.discard(self._path)
        if os.name != "nt":
            # While it is still locked, so that no other run's new file is removed.
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        os.close(self._descriptor)
        if os.name == "nt":
            with contextlib.suppress(OSError):
                os.unlink(self._path)


def _lock(descriptor: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(descriptor, _FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl

            # Not flock: worker processes that are forked would inherit that, and keep it when
            # this process is killed.
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True


def _holder(descriptor: int) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int(os.read(descriptor, 20))
    return None


def _in_use(path: str, process: int | None) -> TargetInUseError:
    who = f"process {process}" if process is not None else "another process"
    return TargetInUseError(
        f"{path} is being written by {who}",
        hint="wait for that run to end, or choose another TARGET or --manifest",
    )
