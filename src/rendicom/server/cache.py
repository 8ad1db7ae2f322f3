"""A cache with a limit in bytes that keeps the entries used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

_SHARE = 8
"""An entry may take this fraction of the cache, so that none displaces all others."""


class ByteCache:
    """Keeps the entries used last. For the event loop only: it takes no lock.

    Parameters
    ----------
    max_bytes
        Limit on the size of all entries; 0 keeps nothing.

    Attributes
    ----------
    hits, misses
        Number of times `get` found an entry, and did not.
    size
        Bytes kept now.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.size = 0
        self.hits = 0
        self.misses = 0
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Any | None:
        """Return the value of a key, or None."""
        entry = self._entries.get(key)
        if entry is None:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keep a value of ``size`` bytes, unless it is too large."""
        self.forget(key)
        if size > self.max_bytes // _SHARE:
            return
        self._entries[key] = (value, size)
        self.size += size
        while self.size > self.max_bytes:
            _, (_, freed) = self._entries.popitem(last=False)
            self.size -= freed

    def forget(self, key: Hashable) -> None:
        """Drop one entry, if it is there."""
        _, freed = self._entries.pop(key, (None, 0))
        self.size -= freed
