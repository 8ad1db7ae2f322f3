"""Appends whole records to a file."""

from __future__ import annotations

import contextlib
import os

from rendicom.errors import UnwritableOutputError

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


def unwritable(path: str, error: OSError) -> UnwritableOutputError:
    """Return the error for a manifest that cannot be written."""
    reason = error.strerror or type(error).__name__
    return UnwritableOutputError(
        f"cannot write the manifest {path}: {reason}",
        hint="free space or choose another --manifest; --resume continues from here",
    )


class Journal:
    """A file that grows by whole records.

    Parameters
    ----------
    path
        Made if missing, its folder as well.
    end
        Bytes of the existing file to keep.
    shown
        Name of the manifest in messages.

    Raises
    ------
    UnwritableOutputError
    """

    def __init__(self, path: str, *, end: int, shown: str) -> None:
        self._shown = shown
        self._end = end
        try:
            self._descriptor = os.open(path, _FLAGS, 0o666)
        except OSError as error:
            raise unwritable(shown, error) from error
        try:
            os.ftruncate(self._descriptor, end)
        except OSError as error:
            os.close(self._descriptor)
            raise unwritable(shown, error) from error

    def append(self, data: bytes) -> None:
        """Add whole records, or none of them if there is not enough space for all.

        Raises
        ------
        UnwritableOutputError
        """
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BaseException as error:
            # Also when interrupted: the file then ends with a whole record.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
            if isinstance(error, OSError):
                raise unwritable(self._shown, error) from error
            raise
        self._end += len(data)

    def close(self) -> None:
        """Close the file, its bytes on the disk."""
        try:
            with contextlib.suppress(OSError):
                os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
