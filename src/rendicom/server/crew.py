"""The workers of a pool: started, warmed up, replaced when they are gone, and ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Protocol

from rendicom.errors import LimitExceededError, TimedOutError, WorkerDiedError
from rendicom.workers.async_worker import AsyncWorker, WorkerCallbacks, WorkerKind

_PAUSES = (0.1, 0.5, 2.0, 5.0)
"""Seconds between attempts to replace a worker."""
_WARM_UP_SECONDS = 60.0


class _Owner(WorkerCallbacks, Protocol):
    """Also receives these callbacks."""

    def on_ready(self) -> None:
        """Note that there is another idle worker."""

    def on_stuck(self) -> None:
        """Note that no worker can be started for some time."""


class Crew:
    """Workers of a kind. For one event loop.

    Attributes
    ----------
    idle
        Workers without a task; their owner takes them from here and puts them back.
    cold
        Workers that are being warmed up.
    """

    def __init__(
        self, kind: WorkerKind, warm_up: Callable[[], object] | None, owner: _Owner
    ) -> None:
        self._kind, self._owner = kind, owner
        self._first = (*kind.first, *filter(None, [warm_up]))
        self._is_open = False
        self.idle: list[AsyncWorker] = []
        self.cold: set[AsyncWorker] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()

    async def start(self, width: int) -> None:
        """Start workers and wait until they are warm.

        Raises
        ------
        WorkerDiedError
            No worker can be started.
        """
        self._is_open = True
        starts = [keep(self._start_one(), self._starting) for _ in range(width)]
        await asyncio.gather(*starts)

    def replace(self, worker: AsyncWorker) -> None:
        """Start another worker in place of one whose process may be there for a moment longer."""
        keep(worker.close(), self._ending)
        if worker in self.idle:
            self.idle.remove(worker)
        if self._is_open and worker not in self.cold:
            keep(self._replace(), self._starting)

    def stop(self) -> None:
        """Start no more workers."""
        self._is_open = False
        for task in self._starting:
            # Cancelling it again would interrupt the end of its process.
            if not task.cancelling():
                task.cancel()

    async def close(self, busy: Collection[AsyncWorker]) -> None:
        """End all workers."""
        for worker in (*busy, *self.cold):
            worker.kill()
        await asyncio.gather(*(worker.close() for worker in {*self.idle, *busy, *self.cold}))
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*self._ending)

    async def _replace(self) -> None:
        attempts = 0
        while self._is_open:
            try:
                await self._start_one()
            except WorkerDiedError:
                await asyncio.sleep(_PAUSES[min(attempts, len(_PAUSES) - 1)])
                attempts += 1
            else:
                return
            if attempts >= len(_PAUSES):
                self._owner.on_stuck()

    async def _start_one(self) -> None:
        worker = await self._kind.start(self._owner)
        self.cold.add(worker)
        try:
            for function in self._first:
                await self._warmed(worker, function)
        except BaseException:
            worker.kill()
            await worker.close()
            raise
        finally:
            self.cold.discard(worker)
        if not self._is_open:
            await worker.close()
            return
        self.idle.append(worker)
        self._owner.on_ready()

    async def _warmed(self, worker: AsyncWorker, function: Callable[[], object]) -> None:
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        worker.begin(self._kind.pack((function, (), {})), result, seconds=_WARM_UP_SECONDS)
        try:
            self._kind.unpack(await result)
        except TimedOutError as error:
            raise WorkerDiedError(f"a worker does not start: {error.message}") from None
        except (MemoryError, LimitExceededError):
            raise WorkerDiedError("a worker does not start: --worker-memory is too low") from None


def keep(
    coroutine: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]
) -> asyncio.Task[None]:
    """Run it in a task that is among ``tasks`` until it is done."""
    task = asyncio.get_running_loop().create_task(coroutine)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task
