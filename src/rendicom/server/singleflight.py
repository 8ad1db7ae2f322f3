"""Equal requests at the same time cost as much as one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

__all__ = ["SingleFlight"]

_T = TypeVar("_T")


class _Flight:
    """Work that is under way, and how many wait for it."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.task = task
        self.waiting = 0


class SingleFlight:
    """Does what is asked for once, however many ask meanwhile. For one event loop.

    Attributes
    ----------
    shared
        How many did not have to begin anything.
    """

    def __init__(self) -> None:
        self.shared = 0
        self._flights: dict[Hashable, _Flight] = {}

    def __len__(self) -> int:
        """Return the number of things under way."""
        return len(self._flights)

    async def do(self, key: Hashable, make: Callable[[], Awaitable[_T]]) -> _T:
        """Return what ``make`` returns, or what another call for ``key`` is about to.

        What it raises, all who wait for it get. One who stops waiting does not end it for the
        others; when nobody waits any more, it is cancelled.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._begin(key, make)
        else:
            self.shared += 1
        flight.waiting += 1
        try:
            # Cancelling who waits must not reach the task.
            result: _T = await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                self._end(key, flight)
        return result

    def _begin(self, key: Hashable, make: Callable[[], Awaitable[_T]]) -> _Flight:
        async def fly() -> _T:
            return await make()

        flight = self._flights[key] = _Flight(asyncio.create_task(fly()))
        flight.task.add_done_callback(lambda _: self._leave(key, flight))
        return flight

    def _leave(self, key: Hashable, flight: _Flight) -> None:
        """Let later calls begin anew; those who wait hold the task."""
        if self._flights.get(key) is flight:
            del self._flights[key]

    def _end(self, key: Hashable, flight: _Flight) -> None:
        self._leave(key, flight)
        if not flight.task.done():
            flight.task.cancel()
