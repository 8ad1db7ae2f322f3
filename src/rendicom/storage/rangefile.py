"""A large object as a file: blocks are fetched on demand, and some are cached."""

from __future__ import annotations

import io
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

_BLOCK = 1 << 20
_BLOCKS_KEPT = 8


class RangeFile(io.RawIOBase):
    """Reads ``size`` bytes that ``fetch(first, end)`` gets by range.

    Small reads fetch a block of 1 MiB once, large reads only their own bytes. ``start`` holds the
    first bytes if they are known. Exceptions of ``fetch`` are not caught.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, start: bytes = b"") -> None:
        super().__init__()
        self._fetch, self._size, self._start = fetch, size, start
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move and return the position.

        Raises
        ------
        ValueError
            It would be before the first byte.
        """
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("there is nothing before the first byte")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end; without ``size`` all the rest."""
        if self.closed:
            raise ValueError("the file is closed")
        left = max(0, self._size - self._position)
        length = left if size is None or size < 0 else min(size, left)
        with self._lock:
            data = self._range(self._position, self._position + length)
            self._position += len(data)
        return data

    def readall(self) -> bytes:
        """Return all that is left."""
        return self.read()

    def readinto(self, buffer: Any, /) -> int:
        """Fill ``buffer`` as far as the object goes."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _range(self, first: int, end: int) -> bytes:
        if first >= end:
            return b""
        if end <= len(self._start):
            return self._start[first:end]
        if end - first >= _BLOCK:
            return self._fetch(first, end)
        numbers = range(first // _BLOCK, (end - 1) // _BLOCK + 1)
        data = b"".join(map(self._block, numbers))
        skipped = first - numbers[0] * _BLOCK
        return data[skipped : skipped + end - first]

    def _block(self, number: int) -> bytes:
        first, end = number * _BLOCK, min(self._size, (number + 1) * _BLOCK)
        if end <= len(self._start):
            return self._start[first:end]
        if number not in self._blocks:
            self._blocks[number] = self._fetch(first, end)
            if len(self._blocks) > _BLOCKS_KEPT:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]
