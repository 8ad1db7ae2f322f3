"""Bytes by offset, from a file, memory, a file object or a pipe.

Files are never mapped: truncation by another process would end this one with SIGBUS.
"""

from __future__ import annotations

import os
import stat
import threading
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, NoReturn, Protocol, runtime_checkable

from rendicom.errors import LimitExceededError, UnreadableSourceError

if TYPE_CHECKING:
    from collections.abc import Callable

Readable = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

_WHOLE = 4 << 20
"""Size up to which one read of the whole file is faster than several reads."""
HEAD_BYTES = 128 << 10
"""Bytes kept from the start of a larger file: most headers fit."""
_STEP = 1 << 20
_HUGE = 4 << 20
"""Size from which NumPy requests huge pages: many small ones take as long as the reading."""


@runtime_checkable
class ByteSource(Protocol):
    """Random access to bytes; safe to use from many threads at once."""

    size: int
    """Size in bytes."""
    bytes_read: int
    """Bytes fetched from storage so far."""

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``; fewer, or none, at the end.

        Raises
        ------
        UnreadableSourceError
            The storage fails, or the source is closed.
        """
        ...

    def view(self, offset: int, length: int) -> bytes | memoryview:
        """Return the bytes of `read` as any kind of buffer, without a copy if possible."""
        ...

    def close(self) -> None:
        """Close the source; a second call does nothing."""
        ...


def open_source(
    source: Readable, *, max_bytes: int = 2 << 30, head_bytes: int | None = None
) -> ByteSource:
    """Return the bytes of a path, a buffer or a binary file object (from its start).

    A source of at most 4 MiB is read at once. A source without random access (a pipe) is read
    whole, up to ``max_bytes``. With ``head_bytes``, only that many bytes of a path are read at
    once, for callers that need little, and a path must be a regular file.

    Raises
    ------
    UnreadableSourceError
        It does not exist, is not readable, or is not a file. The message does not name the path.
    LimitExceededError
        A pipe gave more than ``max_bytes``.
    """
    if isinstance(source, bytes):
        return BufferSource(source)
    if isinstance(source, (bytearray, memoryview)):
        view = memoryview(source)
        return BufferSource(view.cast("B") if view.c_contiguous else view.tobytes())
    if isinstance(source, (str, os.PathLike)):
        return _open_path(source, max_bytes, head_bytes)
    return _open_stream(source, max_bytes)


class BufferSource:
    """Bytes in memory."""

    __slots__ = ("_is_closed", "bytes_read", "data", "size")

    def __init__(self, data: bytes | memoryview, *, bytes_read: int = 0) -> None:
        self.data = data
        self.size = len(data)
        self.bytes_read = bytes_read
        self._is_closed = False

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``; fewer, or none, at the end."""
        if offset < 0 or length <= 0:
            return b""
        if self._is_closed:
            self._refuse()
        return bytes(self.data[offset : offset + length])

    def view(self, offset: int, length: int) -> bytes | memoryview:
        """Return what `read` returns, without a copy."""
        if offset < 0 or length <= 0:
            return b""
        if self._is_closed:
            self._refuse()
        return memoryview(self.data)[offset : offset + length]

    def _refuse(self) -> NoReturn:
        raise UnreadableSourceError("the source is closed")

    def close(self) -> None:
        """Release the bytes."""
        self.data, self.size, self._is_closed = b"", 0, True


class _FileSource:
    """A large file, of which the head is kept and the rest is read by range."""

    def __init__(self, descriptor: int, size: int, head_bytes: int) -> None:
        self.size = size
        self.bytes_read = 0
        self.step = head_bytes
        """Bytes per read of a header longer than the head."""
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._head = b""
        self._head = self.read(0, head_bytes)

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``; fewer, or none, at the end."""
        length = min(length, self.size - offset)
        if offset < 0 or length <= 0:
            return b""
        if offset + length <= len(self._head):
            return self._head[offset : offset + length]
        try:
            return self._fetch(offset, length)
        except OSError as error:
            raise _unreadable(error) from None

    def view(self, offset: int, length: int) -> bytes | memoryview:
        """Return what `read` returns, on huge pages if it is long."""
        length = min(length, self.size - offset)
        if offset < 0 or length < _HUGE or not hasattr(os, "preadv"):
            return self.read(offset, length)
        import numpy as np

        data, filled = np.empty(length, np.uint8).data, 0
        try:
            while filled < length:
                self._check_open()
                count = os.preadv(self._descriptor, [data[filled:]], offset + filled)
                if not count:
                    break
                filled += count
                self.bytes_read += count
        except OSError as error:
            raise _unreadable(error) from None
        return data[:filled]

    def _fetch(self, offset: int, length: int) -> bytes:
        parts: list[bytes] = []
        while length > 0:
            part = self._read_at(offset, length)
            if not part:
                break
            parts.append(part)
            offset += len(part)
            length -= len(part)
            self.bytes_read += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_at(self, offset: int, length: int) -> bytes:
        self._check_open()
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, length, offset)
        with self._lock:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, length)

    def _check_open(self) -> None:
        if self._descriptor < 0:
            raise UnreadableSourceError("the source is closed")

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


class _StreamSource:
    """A seekable file object, which the caller closes."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.size = size
        self.bytes_read = 0
        self._stream: BinaryIO | None = stream
        self._lock = threading.Lock()

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``; fewer, or none, at the end."""
        length = min(length, self.size - offset)
        if offset < 0 or length <= 0:
            return b""
        stream = self._stream
        if stream is None:
            raise UnreadableSourceError("the source is closed")
        with self._lock:
            try:
                stream.seek(offset)
                data = _read_up_to(stream.read, length)
            except (OSError, ValueError) as error:
                raise _unreadable(error) from None
            self.bytes_read += len(data)
        return data

    def view(self, offset: int, length: int) -> bytes | memoryview:
        """Return what `read` returns."""
        return self.read(offset, length)

    def close(self) -> None:
        """Forget the file object."""
        self._stream = None


def _open_path(path: str | os.PathLike[str], max_bytes: int, head_bytes: int | None) -> ByteSource:
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    if head_bytes is not None:
        # Opening a pipe would wait for its writer.
        flags |= getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise _unreadable(error) from None
    keep_open = False
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableSourceError("it is a folder, not a file")
        if stat.S_ISREG(status.st_mode):
            if status.st_size > (_WHOLE if head_bytes is None else head_bytes):
                keep_open = True
                return _FileSource(descriptor, status.st_size, head_bytes or HEAD_BYTES)
        elif head_bytes is not None:
            raise UnreadableSourceError("it is not a regular file")
        read = partial(os.read, descriptor)
        is_file = stat.S_ISREG(status.st_mode)
        data = _read_up_to(read, status.st_size) if is_file else _read_all(read, max_bytes)
        return BufferSource(data, bytes_read=len(data))
    except OSError as error:
        raise _unreadable(error) from None
    finally:
        if not keep_open:
            os.close(descriptor)


def _open_stream(stream: BinaryIO, max_bytes: int) -> ByteSource:
    if not hasattr(stream, "read"):
        raise UnreadableSourceError(
            f"a source of type {type(stream).__name__} cannot be read: give a path, bytes, a binary"
            " file object or a pydicom Dataset"
        )
    try:
        if not (hasattr(stream, "seekable") and stream.seekable()):
            data = _read_all(stream.read, max_bytes)
            return BufferSource(data, bytes_read=len(data))
        size = stream.seek(0, os.SEEK_END)
        if size > _WHOLE:
            return _StreamSource(stream, size)
        stream.seek(0)
        data = _read_up_to(stream.read, size)
        return BufferSource(data, bytes_read=len(data))
    except (OSError, ValueError) as error:
        raise _unreadable(error) from None


def _read_up_to(read: Callable[[int], bytes | None], length: int) -> bytes:
    """Return ``length`` bytes, repeating short reads."""
    data = _bytes_of(read(length)) if length > 0 else b""
    if len(data) >= length:
        return data
    parts = [data]
    missing = length - len(data)
    while missing > 0 and data:
        data = _bytes_of(read(missing))
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)


def _read_all(read: Callable[[int], bytes | None], max_bytes: int) -> bytes:
    parts: list[bytes] = []
    left = max_bytes
    while data := _bytes_of(read(_STEP)):
        left -= len(data)
        if left < 0:
            raise LimitExceededError(
                f"the stream is longer than {max_bytes} bytes",
                hint="save it to a file: files are read in parts",
            )
        parts.append(data)
    return b"".join(parts)


def _bytes_of(data: object) -> bytes:
    if isinstance(data, bytes):
        return data
    if data is None:
        raise UnreadableSourceError("the file object would block")
    if isinstance(data, (bytearray, memoryview)):
        return bytes(data)
    raise UnreadableSourceError("the file object is not opened in binary mode")


def _unreadable(error: OSError | ValueError) -> UnreadableSourceError:
    """Return the error without the path, which callers add."""
    if isinstance(error, FileNotFoundError):
        return UnreadableSourceError("there is no such file")
    if isinstance(error, PermissionError):
        return UnreadableSourceError("permission denied")
    if isinstance(error, IsADirectoryError):
        return UnreadableSourceError("it is a folder, not a file")
    if isinstance(error, OSError) and error.strerror:
        return UnreadableSourceError(f"cannot be read: {error.strerror}")
    return UnreadableSourceError("cannot be read: it is closed or its name is not valid")
