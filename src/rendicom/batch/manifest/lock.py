"""Keeps two runs out of one manifest."""

from __future__ import annotations

import contextlib
import os

from rendicom.errors import TargetInUseError, UnwritableOutputError

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
