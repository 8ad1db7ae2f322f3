"""Local files, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Iterator
from operator import itemgetter

from rendicom.errors import (
    OptionError,
    OutputExistsError,
    UnreadableSourceError,
    UnwritableOutputError,
)
from rendicom.records import NamedTuple
from rendicom.storage.interface import Existing, Stored

_counter = itertools.count()
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_NAMELESS = getattr(os, "O_TMPFILE", 0)
_NO_NAMELESS = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS, errno.ENOENT}
_NO_NAME = {errno.ENOENT, errno.EXDEV, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ELOOP}
"""/proc or hard links are missing."""
_without_nameless: set[int] = set()
"""Devices without support for unnamed files."""
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EROFS}
"""The file system cannot sync folders."""
_durable_folders: set[str] = set()
"""Folders whose own names are on the disk."""
_MOST_FOLDERS = 100_000


class _Local:
    schemes: tuple[str, ...] = ("file",)

    def check(self, location: str) -> None:
        self.path_of(location)

    def path_of(self, location: str) -> str:
        """Return the path of a ``file://`` URI, other texts unchanged (RFC 8089)."""
        if location[:7].lower() != "file://":
            return location
        host, slash, _ = location[7:].partition("/")
        if host.lower() not in ("", "localhost") or not slash:
            raise OptionError(
                "this file:// address names another machine",
                hint="file:///folder/name is a file of this one",
            )
        path = location[7 + len(host) :]
        if os.name == "nt":
            from urllib.request import url2pathname

            return url2pathname(path)
        from urllib.parse import unquote_to_bytes

        return os.fsdecode(unquote_to_bytes(path))

    def open_bytes(self, location: str) -> str:
        return self.path_of(location)

    def list_folder(self, location: str) -> Iterator[Stored]:
        path = self.path_of(location)
        try:
            if os.path.isfile(path):
                status = os.stat(path)
                yield Stored(path, os.path.basename(path), status.st_size, _version(status))
            elif os.path.isdir(path):
                for name, entry in _files_below(path, ""):
                    status = entry.stat()
                    yield Stored(entry.path, name, status.st_size, _version(status))
        except OSError as error:
            raise UnreadableSourceError(_reason(error)) from error

    def version_of(self, location: str) -> str:
        try:
            return _version(os.stat(self.path_of(location)))
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            raise UnreadableSourceError(_reason(error)) from error

    def head(self, location: str, length: int) -> bytes:
        try:
            with open(self.path_of(location), "rb", buffering=0) as file:
                return file.read(length) or b""
        except OSError as error:
            raise UnreadableSourceError(_reason(error)) from error

    def exists(self, location: str) -> bool:
        return os.path.lexists(self.path_of(location))

    def write(
        self, location: str, data: bytes, *, existing: Existing, is_durable: bool = False
    ) -> bool:
        """Write a new file and give it the name: partial files are never visible.

        Missing folders are made. A replaced file keeps its permissions; pipes and devices are
        written to directly. If durable, the data are on the disk before the file gets its name, and
        the name before the return.
        """
        path = self.path_of(location)
        try:
            return _write(path, data, existing, is_durable=is_durable)
        except OSError as error:
            raise UnwritableOutputError(f"cannot write {path}: {_reason(error)}") from error

    def remove(self, location: str, *, is_durable: bool = False) -> None:
        path = self.path_of(location)
        try:
            os.unlink(path)
            if is_durable:
                _sync_folder(os.path.dirname(path) or ".")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise UnwritableOutputError(f"cannot remove {path}: {_reason(error)}") from error


def _files_below(folder: str, name: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield regular files by their name below the first folder, sorted by it."""
    with os.scandir(folder) as found:
        entries = [(_sort_name(entry), entry) for entry in found]
    entries.sort(key=itemgetter(0))
    for last, entry in entries:
        if last.endswith("/"):
            yield from _files_below(entry.path, name + last)
        elif entry.is_file():
            yield name + last, entry


def _sort_name(entry: os.DirEntry[str]) -> str:
    # With the slash, folders sort among files like full names: "a-b" before "a/b".
    return f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _version(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def _write(path: str, data: bytes, existing: Existing, *, is_durable: bool) -> bool:
    place = path
    mode = _mode_of(path, follow_symlinks=False)
    if mode is not None and stat.S_ISLNK(mode):
        place, mode = os.path.realpath(path), _mode_of(path)
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb", buffering=0) as stream:
            _write_all(stream.fileno(), data)
        return True
    folder = os.path.dirname(place)
    try:
        if mode is not None and existing != "overwrite":
            return _left(path, existing)
        return _write_new(place, folder, _Content(data, mode, is_durable), existing)
    finally:
        if is_durable:
            _sync_name(folder)


class _Content(NamedTuple):
    """Bytes to write, the permissions of the file that they replace, and whether to sync."""

    data: bytes
    mode: int | None
    is_durable: bool


def _write_new(place: str, folder: str, content: _Content, existing: Existing) -> bool:
    is_new = content.mode is None
    if is_new and _write_nameless(place, folder, content):
        return True
    part = os.path.join(folder, f".rendicom-{os.getpid()}-{next(_counter)}.part")
    try:
        if is_new or not _write_nameless(part, folder, content):
            descriptor = _opened(part, _NEW_FILE, folder)
            try:
                _fill(descriptor, content)
            finally:
                os.close(descriptor)
        return _publish(part, place, existing)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def _sync_name(folder: str) -> None:
    """Sync the names in a folder, and once those of each folder above it."""
    path = os.path.abspath(folder or ".")
    _sync_folder(path)
    while path not in _durable_folders and (above := os.path.dirname(path)) != path:
        _sync_folder(above)
        if len(_durable_folders) < _MOST_FOLDERS:
            _durable_folders.add(path)
        path = above


def _sync_folder(folder: str) -> None:
    if os.name == "nt":
        return  # folders cannot be opened there
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return  # a parent folder without permission to read
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def _write_nameless(place: str, folder: str, content: _Content) -> bool:
    """Write to an unnamed file that gets its name when complete; a kill leaves no file.

    Return False if the file system lacks such files, or if another process has taken the name.
    """
    if not _NAMELESS or (_without_nameless and _device_of(folder) in _without_nameless):
        return False
    try:
        descriptor = _opened(folder or ".", os.O_WRONLY | _NAMELESS, folder)
    except OSError as error:
        if error.errno not in _NO_NAMELESS:
            raise
        _without_nameless.add(_device_of(folder))
        return False
    try:
        _fill(descriptor, content)
        return _name(descriptor, place, folder)
    finally:
        os.close(descriptor)


def _opened(path: str, flags: int, folder: str) -> int:
    """Open a new file in a folder, which is made if missing."""
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        _make_folder(folder or ".")
        return os.open(path, flags, 0o666)


def _name(descriptor: int, place: str, folder: str) -> bool:
    try:
        # Without a folder descriptor, Python would link the link in /proc itself.
        os.link(f"/proc/self/fd/{descriptor}", place, src_dir_fd=descriptor, follow_symlinks=True)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_NAME:
            raise
        _without_nameless.add(_device_of(folder))
        return False
    return True


def _device_of(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_dev
    except FileNotFoundError:
        _make_folder(folder)
        return os.stat(folder).st_dev


def _make_folder(folder: str) -> None:
    _durable_folders.discard(os.path.abspath(folder))
    os.makedirs(folder, exist_ok=True)


def _mode_of(path: str, *, follow_symlinks: bool = True) -> int | None:
    try:
        return os.stat(path, follow_symlinks=follow_symlinks).st_mode
    except FileNotFoundError:
        return None


def _fill(descriptor: int, content: _Content) -> None:
    """Write all data, and set the permissions of the replaced file."""
    _write_all(descriptor, content.data)
    if content.mode is not None and hasattr(os, "fchmod"):
        os.fchmod(descriptor, stat.S_IMODE(content.mode))
    if content.is_durable:
        os.fsync(descriptor)


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
        return _left(place, existing)
    return True


def _left(place: str, existing: Existing) -> bool:
    """Return False, or raise an error if ``existing`` is ``fail``."""
    if existing == "fail":
        raise exists_error(place) from None
    return False


def _rename_to_new(part: str, place: str) -> None:
    """Rename ``part`` unless the name is taken, without a race with other processes."""
    if os.name == "nt":
        os.rename(part, place)
        return
    try:
        os.link(part, place)
    except FileExistsError:
        raise
    except OSError:
        # Without hard links (FAT, some network folders): claim the name with an empty file.
        os.close(os.open(place, _NEW_FILE, 0o666))
        os.replace(part, place)


def exists_error(place: str) -> OutputExistsError:
    """Return the error for an existing path."""
    return OutputExistsError(
        f"{place} exists", hint="--existing overwrite replaces it, --existing skip leaves it"
    )


BACKEND = _Local()
