"""Shares the result of work between equal requests at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

_T = TypeVar("_T")


class _Flight:
    """Work in progress, and the futures that wait for it."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.task = task
        self.waiting: set[asyncio.Future[Any]] = set()


class SingleFlight:
    """Does equal work once for all callers that arrive meanwhile. For one event loop.

    Attributes
    ----------
    shared
        Number of calls that shared the work of another.
    """

    def __init__(self) -> None:
        self.shared = 0
        self._flights: dict[Hashable, _Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def do(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Return the result of ``make``, or of an earlier call for ``key`` in progress.

        All callers get the same error. Cancelling one caller does not affect the others; the work
        is cancelled when no caller is left.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = self._begin(key, make)
        else:
            self.shared += 1
        # Cancelling a caller must not cancel the task; `asyncio.shield` costs more.
        mine: asyncio.Future[_T] = flight.task.get_loop().create_future()
        flight.waiting.add(mine)
        try:
            return await mine
        finally:
            flight.waiting.discard(mine)
            if not flight.waiting:
                self._end(key, flight)

    def _begin(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, Any]]) -> _Flight:
        task = asyncio.get_running_loop().create_task(make())
        flight = self._flights[key] = _Flight(task)
        task.add_done_callback(lambda _: self._land(key, flight))
        return flight

    def _land(self, key: Hashable, flight: _Flight) -> None:
        """Pass the result on; later calls start new work."""
        self._leave(key, flight)
        if flight.task.cancelled():
            for each in flight.waiting:
                each.cancel()
            return
        error = flight.task.exception()
        for each in flight.waiting:
            if each.done():
                continue
            if error is not None:
                each.set_exception(error)
            else:
                each.set_result(flight.task.result())

    def _leave(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    def _end(self, key: Hashable, flight: _Flight) -> None:
        if not flight.task.done():
            self._leave(key, flight)
            flight.task.cancel()
