"""Writes a picture whole or not at all."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from typing import Literal

from rendicom.batch.sniff import is_dicom_file
from rendicom.errors import OutputExistsError, UnwritableOutputError

__all__ = ["Existing", "may_write", "write_picture"]

Existing = Literal["overwrite", "skip", "fail"]
"""What happens to a picture that is there already."""

_counter = itertools.count()
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def may_write(path: str, existing: Existing) -> bool:
    """Tell whether a picture may be written at ``path``; False means: leave what is there.

    Raises
    ------
    OutputExistsError
        A DICOM file is there, or anything at all while ``existing`` is ``fail``.
    """
    if not os.path.lexists(path):
        return True
    if is_dicom_file(path):
        raise OutputExistsError(
            f"a DICOM file is in the place of {path} and is never overwritten",
            hint="choose another TARGET",
        )
    if existing == "fail":
        raise _exists(path)
    return existing == "overwrite"


def write_picture(path: str, data: bytes, *, existing: Existing = "overwrite") -> bool:
    """Write ``data`` at ``path``; False when ``existing`` is ``skip`` and something is there.

    The bytes go to a new file in the same folder first, which then takes the name: nobody ever
    sees half a picture. Missing folders are made. A replaced file keeps its permissions; pipes
    and devices are written to as they are.

    Raises
    ------
    OutputExistsError
        Something is there and ``existing`` is ``fail``.
    UnwritableOutputError
        The disk is full, the folder is read-only, and the like.
    """
    try:
        return _write(path, data, existing)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnwritableOutputError(f"cannot write {path}: {reason}") from error


def _write(path: str, data: bytes, existing: Existing) -> bool:
    mode = _mode_of(path)
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb", buffering=0) as stream:
            _write_all(stream.fileno(), data)
        return True
    place = os.path.realpath(path) if os.path.islink(path) else path
    folder = os.path.dirname(place)
    part = os.path.join(folder, f".rendicom-{os.getpid()}-{next(_counter)}.part")
    try:
        descriptor = _open_new(part, folder)
        try:
            _write_all(descriptor, data)
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(descriptor, stat.S_IMODE(mode))
        finally:
            os.close(descriptor)
        return _publish(part, place, existing)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def _mode_of(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _open_new(part: str, folder: str) -> int:
    try:
        return os.open(part, _NEW_FILE, 0o666)
    except FileNotFoundError:
        os.makedirs(folder or ".", exist_ok=True)
        return os.open(part, _NEW_FILE, 0o666)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _publish(part: str, place: str, existing: Existing) -> bool:
    if existing == "overwrite":
        os.replace(part, place)
        return True
    try:
        _rename_to_new(part, place)
    except FileExistsError:
        if existing == "fail":
            raise _exists(place) from None
        return False
    return True


def _rename_to_new(part: str, place: str) -> None:
    """Give ``part`` its name unless the name is taken, also by somebody a moment ago."""
    if os.name == "nt":
        os.rename(part, place)
        return
    try:
        os.link(part, place)
    except FileExistsError:
        raise
    except OSError:
        # No hard links here (FAT, some network folders): claim the name with an empty file.
        os.close(os.open(place, _NEW_FILE, 0o666))
        os.replace(part, place)


def _exists(path: str) -> OutputExistsError:
    return OutputExistsError(
        f"{path} exists", hint="--existing overwrite replaces it, --existing skip leaves it"
    )
