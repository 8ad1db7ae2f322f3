"""Shares the result of work between equal requests at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, Protocol


class Work(Protocol):
    """Work in progress, whose result a `SharedAnswer` receives."""

    def leave(self) -> None:
        """Note that nobody waits for the result any more."""


class SingleFlight:
    """Does equal work once for all callers that arrive meanwhile. For one event loop.

    Attributes
    ----------
    shared
        Number of calls that shared the work of another.
    """

    def __init__(self) -> None:
        self.shared = 0
        self._flights: dict[Hashable, SharedAnswer] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def do(self, key: Hashable, begin: Callable[[SharedAnswer], Work]) -> Any:
        """Return the result of the work that ``begin`` starts, or of work for ``key`` in progress.

        All callers get the same error. Cancelling one caller does not affect the others; the work
        is left when no caller is left.
        """
        # No task and no coroutine for the work: each would cost a picture a turn of the loop.
        mine: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = SharedAnswer(self._flights, key, mine)
            try:
                flight.work = begin(flight)
            except BaseException:
                flight.end()
                raise
        else:
            self.shared += 1
            flight.waiting.append(mine)
        try:
            return await mine
        finally:
            flight.waiting.remove(mine)
            if not flight.waiting and not flight.done():
                flight.end()
                if flight.work is not None:
                    flight.work.leave()


class SharedAnswer:
    """Passes the result of work on to all that wait for it; later calls start new work."""

    __slots__ = ("_flights", "_is_over", "_key", "waiting", "work")

    def __init__(
        self, flights: dict[Hashable, SharedAnswer], key: Hashable, first: asyncio.Future[Any]
    ) -> None:
        self._flights, self._key = flights, key
        self._is_over = False
        self.waiting = [first]
        self.work: Work | None = None

    def done(self) -> bool:
        """Tell whether nobody waits any more."""
        return self._is_over

    def end(self) -> None:
        """Let later calls start new work."""
        if not self._is_over:
            self._is_over = True
            del self._flights[self._key]

    def set_result(self, result: Any) -> None:
        """Pass on the result."""
        self.end()
        for each in self.waiting:
            if not each.done():
                each.set_result(result)

    def set_exception(self, error: BaseException) -> None:
        """Pass on the error."""
        self.end()
        for each in self.waiting:
            if not each.done():
                each.set_exception(error)
