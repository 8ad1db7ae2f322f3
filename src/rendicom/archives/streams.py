"""Bytes of archives: parts of a file, and compressed streams that are read forward."""

from __future__ import annotations

import io
import os
import threading
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

from rendicom.dicom.file_kind import version_of
from rendicom.errors import CorruptDataError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Packing = Literal["", "gzip", "bzip2", "xz"]

_STEP = 1 << 18
_IDLE = (os.cpu_count() or 1) + 2
"""Streams kept open for the next chunk: one per thread."""


def _damaged() -> tuple[type[Exception], ...]:
    """Return the exceptions of decompressors for damaged bytes."""
    import lzma
    import zlib

    kinds: list[type[Exception]] = [OSError, EOFError, ValueError, zlib.error, lzma.LZMAError]
    try:
        from isal.isal_zlib import IsalError
    except ImportError:
        pass
    else:
        kinds.append(cast("type[Exception]", IsalError))
    return tuple(kinds)


DAMAGED = _damaged()


def packing_of(head: bytes) -> Packing:
    """Return the compression of a file that starts with ``head``; empty if uncompressed."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"BZh"):
        return "bzip2"
    return "xz" if head.startswith(b"\xfd7zXZ\0") else ""


def open_stream(path: str, packing: Packing) -> BinaryIO:
    """Open a file for reading decompressed bytes; seeking back in a compressed one is slow.

    Reads of damaged bytes raise one of `DAMAGED`.
    """
    if packing == "":
        return open(path, "rb")
    if packing == "bzip2":
        import bz2

        return cast("BinaryIO", bz2.open(path, "rb"))
    if packing == "xz":
        import lzma

        return cast("BinaryIO", lzma.open(path, "rb"))
    try:
        from isal import igzip
    except ImportError:
        import gzip

        return cast("BinaryIO", gzip.open(path, "rb"))
    opened: Any = igzip.IGzipFile
    return cast("BinaryIO", opened(path, "rb"))


class _OpenStreams:
    """The open compressed archives of this process, each positioned after the last member."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[tuple[str, str], BinaryIO]] = []
        self._process = os.getpid()
        self.opened = 0

    def read(self, path: str, packing: Packing, *, offset: int, size: int) -> bytes:
        """Return ``size`` decompressed bytes of ``path`` from ``offset``, fewer at its end."""
        key = (path, version_of(os.stat(path)))
        stream = self._taken(key, offset) or self._open(path, packing)
        try:
            # Not by seek, with which igzip does not reach the last bytes before a break.
            left = offset - stream.tell()
            while left > 0 and (skipped := stream.read(min(left, _STEP))):
                left -= len(skipped)
            data = _read(stream, size)
        except BaseException:
            stream.close()
            raise
        self._give_back(key, stream)
        return data

    def _open(self, path: str, packing: Packing) -> BinaryIO:
        self.opened += 1
        return open_stream(path, packing)

    def _taken(self, key: tuple[str, str], offset: int) -> BinaryIO | None:
        """Take the open stream nearest before ``offset`` out of the pool."""
        with self._lock:
            if os.getpid() != self._process:
                # After a fork the positions in the files are shared with the parent.
                self._idle, self._process = [], os.getpid()
            fitting = [each for each in self._idle if each[0] == key and each[1].tell() <= offset]
            if not fitting:
                return None
            best = max(fitting, key=lambda each: each[1].tell())
            self._idle.remove(best)
            return best[1]

    def _give_back(self, key: tuple[str, str], stream: BinaryIO) -> None:
        with self._lock:
            self._idle.append((key, stream))
            surplus = self._idle[:-_IDLE]
            self._idle = self._idle[-_IDLE:]
        for _, old in surplus:
            old.close()

    def close(self) -> None:
        """Close idle streams; they are opened again when needed."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, stream in idle:
            stream.close()


def _read(stream: BinaryIO, length: int) -> bytes:
    """Return ``length`` bytes, fewer at the end; memory grows with the bytes available."""
    parts: list[bytes] = []
    while length > 0 and (data := stream.read(min(length, _STEP))):
        parts.append(data)
        length -= len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)


unpacked = _OpenStreams()
"""The open archives of this process; threads share them."""


class _FileWindow(io.RawIOBase):
    """A part of a file as a separate file; closed with the last reference to it."""

    def __init__(self, file: io.FileIO, offset: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._start, self._size, self._position = offset, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}
        self._position = max(0, start[whence] + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        length = max(0, min(len(view), self._size - self._position))
        self._file.seek(self._start + self._position)
        count = self._file.readinto(view[:length]) or 0
        self._position += count
        return count

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def open_window(path: str, *, offset: int, size: int) -> BinaryIO:
    """Return ``size`` bytes of a file from ``offset`` as a file.

    Raises
    ------
    OSError
        The file cannot be opened.
    CorruptDataError
        It ends before that.
    """
    file = io.FileIO(path)
    if os.fstat(file.fileno()).st_size < offset + size:
        file.close()
        raise CorruptDataError("the archive is cut short within this file")
    return cast("BinaryIO", _FileWindow(file, offset, size))
