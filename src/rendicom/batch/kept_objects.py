"""Objects that a process keeps open between the chunks of a run, until the run ends."""

from __future__ import annotations

import os
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_T = TypeVar("_T")
_every: list[KeptObjects[Any]] = []


def new_run() -> str:
    """Return a unique name for a run; files may change between two runs."""
    return os.urandom(8).hex()


def forget(run: str) -> None:
    """Drop the objects that this process keeps for a run."""
    for kept in _every:
        kept.forget(run)


class KeptObjects(Generic[_T]):
    """Objects that are made once for a run, the last ``most`` of them. Threads may share it.

    Another run does not use them, as they may be out of date by then. A worker of a cluster
    outlives its runs and does not learn of their end: there the next run replaces them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._places: OrderedDict[tuple[str, Hashable], _Kept[_T]] = OrderedDict()
        self._lock = Lock()
        _every.append(self)

    def get(self, run: str, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return the object that ``make`` returned for ``key`` in this run, else call it now."""
        with self._lock:
            place = self._places.setdefault((run, key), _Kept())
            self._places.move_to_end((run, key))
            while len(self._places) > self._most:
                self._places.popitem(last=False)
        with place.lock:
            if not place.found:
                place.found.append(make())
            return place.found[0]

    def forget(self, run: str) -> None:
        """Drop the objects of a run."""
        with self._lock:
            for key in [each for each in self._places if each[0] == run]:
                del self._places[key]


class _Kept(Generic[_T]):
    """Room for one object, which one thread makes while the others wait."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.found: list[_T] = []
