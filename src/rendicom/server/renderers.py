"""Who renders, and who may wait for it: a bounded queue before a number of workers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from rendicom.errors import OverloadedError, TimedOutError, WorkerDiedError
from rendicom.server.workers import PROCESSES, THREADS, Worker

if TYPE_CHECKING:
    from rendicom.server.telemetry import Telemetry

__all__ = ["Renderers", "Requester", "requester"]

_LARGE = 4 << 20
"""Outcomes of more bytes are unpacked in a thread: the loop has others to serve."""
_PAUSES = (0.1, 0.5, 2.0, 5.0)
"""Seconds between attempts to replace a worker."""
_RECENT = 0.1
"""Weight of the last call in the mean of what calls take."""
_WARM_UP_SECONDS = 60.0
_LONGEST_RETRY = 60.0


@dataclass(eq=False, slots=True)
class Requester:
    """For whom calls are made: one request, however many pictures it takes.

    Attributes
    ----------
    is_admitted
        One of its calls was let in, so that none is refused in the middle of an answer.
    spool
        Folder of its temporary files; empty for none.
    """

    is_admitted: bool = False
    spool: str = ""


requester: ContextVar[Requester | None] = ContextVar("requester", default=None)
"""Set for each request by a middleware; calls outside of one are each for themselves."""


_BACKGROUND = Requester(is_admitted=True)


class _Job:
    """One call."""

    __slots__ = ("began", "kind", "queued", "requester", "result", "seconds", "task")

    def __init__(self, task: Any, seconds: float, kind: str, whose: Requester) -> None:
        self.task = task
        self.seconds = seconds
        self.kind = kind
        self.requester = whose
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.queued = monotonic()
        self.began = 0.0


class _Turns:
    """Those who wait: requesters take turns, however much each of them wants."""

    def __init__(self) -> None:
        self._queues: OrderedDict[Requester, deque[_Job]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, job: _Job) -> None:
        self._queues.setdefault(job.requester, deque()).append(job)
        self._length += 1

    def next(self) -> _Job:
        whose, queue = self._queues.popitem(last=False)
        job = queue.popleft()
        self._length -= 1
        if queue:
            self._queues[whose] = queue
        return job

    def drop(self, job: _Job) -> None:
        """Take a job out that does not wait any more."""
        queue = self._queues.get(job.requester)
        if queue is None or job not in queue:
            return
        queue.remove(job)
        self._length -= 1
        if not queue:
            del self._queues[job.requester]


class Renderers:
    """Runs functions in workers. For one event loop.

    Parameters
    ----------
    workers
        How many calls run at once.
    engine
        ``local`` for processes, of which a crash or a hang costs one call; ``threads`` for threads.
    queue_size
        How many calls may wait.
    seconds
        What a call may take, and how long it may wait.
    warm_up
        Called in each worker before it gets to work.
    telemetry
        Gets times and counts.
    """

    def __init__(
        self,
        workers: int,
        *,
        engine: Literal["local", "threads"] = "local",
        queue_size: int = 256,
        seconds: float = 60.0,
        warm_up: Callable[[], object] | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.width = workers
        self._crew = PROCESSES if engine == "local" else THREADS
        self._queue_size = queue_size
        self._seconds = seconds
        self._warm_up = warm_up
        self._telemetry = telemetry
        self._turns = _Turns()
        self._idle: list[Worker] = []
        self._busy: dict[Worker, _Job] = {}
        self._cold: set[Worker] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_open = False
        self._mean_seconds = 0.1

    @property
    def waiting(self) -> int:
        """Return how many calls wait for a worker."""
        return len(self._turns)

    @property
    def busy(self) -> int:
        """Return how many calls are under way."""
        return len(self._busy)

    @property
    def is_ready(self) -> bool:
        """Tell whether there is a worker that has been warmed up."""
        return self._is_open and bool(self._idle or self._busy)

    async def start(self) -> None:
        """Start all workers and wait until they are warm.

        Raises
        ------
        WorkerDiedError
            No worker can be started.
        """
        self._loop = asyncio.get_running_loop()
        self._is_open = True
        try:
            await asyncio.gather(*(self._start_one() for _ in range(self.width)))
        except BaseException:
            await self.close(0.0)
            raise

    async def close(self, drain: float = 0.0) -> None:
        """Take no more calls, give those that somebody waits for ``drain`` seconds, and end."""
        self._is_open = False
        until = monotonic() + drain
        while self._is_awaited() and monotonic() < until:
            await asyncio.sleep(0.01)
        for task in self._starting:
            task.cancel()
        self._refuse_all("the server is about to end")
        for worker in (*self._busy, *self._cold):
            worker.kill()
        workers = {*self._idle, *self._busy, *self._cold}
        await asyncio.gather(*(worker.close() for worker in workers))

    def kill(self) -> None:
        """End all workers now, from wherever."""
        self._is_open = False
        for worker in {*self._idle, *self._busy, *self._cold}:
            worker.kill()

    def _is_awaited(self) -> bool:
        return bool(self._turns) or any(not job.result.done() for job in self._busy.values())

    async def call(
        self,
        function: Callable[..., Any],
        *args: Any,
        seconds: float | None = None,
        kind: str = "render",
    ) -> Any:
        """Return what ``function`` returns, or raise what it raises; it is called in a worker.

        It is of the top level of a module; processes get its arguments pickled. It may take
        ``seconds`` once it has begun, None for the usual, and is counted as ``kind``.

        Raises
        ------
        OverloadedError
            Too many wait already, or this call waited too long.
        TimedOutError
            It took longer; the process it was in is ended.
        WorkerDiedError
            The process died of it.
        """
        whose = requester.get() or Requester()
        return await self._call(whose, function, args, seconds=seconds, kind=kind)

    def submit(self, function: Callable[..., Any], *args: Any, kind: str = "index") -> Future[Any]:
        """Return the future of a call from another thread; it takes its turn and is not refused."""
        if self._loop is None:
            raise RuntimeError("the renderers are not started")
        return asyncio.run_coroutine_threadsafe(
            self._call(_BACKGROUND, function, args, seconds=None, kind=kind), self._loop
        )

    async def _call(
        self,
        whose: Requester,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        *,
        seconds: float | None,
        kind: str,
    ) -> Any:
        self._admit(whose)
        task = self._crew.pack((function, args, {}))
        job = _Job(task, seconds or self._seconds, kind, whose)
        self._turns.add(job)
        self._hand_out()
        outcome = await (job.result if job.began else self._waited(job))
        if isinstance(outcome, memoryview) and len(outcome) > _LARGE:
            return await asyncio.to_thread(self._crew.unpack, outcome)
        return self._crew.unpack(outcome)

    async def _waited(self, job: _Job) -> Any:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._seconds, self._give_up, job)
        try:
            return await job.result
        finally:
            timer.cancel()
            if not job.began:
                self._turns.drop(job)

    def _admit(self, whose: Requester) -> None:
        if not self._is_open:
            raise OverloadedError("the server is about to end", retry_after=1.0)
        if len(self._turns) >= self._queue_size and not whose.is_admitted:
            raise OverloadedError(
                "too many requests wait to be rendered", retry_after=self._retry_after()
            )
        whose.is_admitted = True

    def _retry_after(self) -> float:
        """Return when those who wait now will be done, in seconds."""
        seconds = self._mean_seconds * (len(self._turns) + 1) / self.width
        return min(max(1.0, seconds), _LONGEST_RETRY)

    def _give_up(self, job: _Job) -> None:
        if not job.began:
            self._turns.drop(job)
            self._refuse(job, "the request waited too long to be rendered")

    def _refuse(self, job: _Job, message: str) -> None:
        if not job.result.done():
            error = OverloadedError(message, retry_after=self._retry_after())
            job.result.set_exception(error)

    def _refuse_all(self, message: str) -> None:
        while self._turns:
            self._refuse(self._turns.next(), message)

    def _hand_out(self) -> None:
        while self._idle and self._turns:
            job = self._turns.next()
            if job.result.done():
                continue
            worker = self._idle.pop()
            self._busy[worker] = job
            job.began = monotonic()
            if self._telemetry is not None:
                self._telemetry.waited(job.kind, job.began - job.queued)
            worker.begin(job.task, job.result, seconds=job.seconds)

    # What workers tell

    def on_free(self, worker: Worker) -> None:
        """Give the worker something else to do."""
        self._finish(worker)
        if worker not in self._cold:
            self._idle.append(worker)
            self._hand_out()

    def on_gone(self, worker: Worker) -> None:
        """Put another in the place of the worker."""
        job = self._finish(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        if not self._is_open:
            return
        if self._telemetry is not None:
            error = job.result.exception() if job and not job.result.cancelled() else None
            self._telemetry.worker_lost(timed_out=isinstance(error, TimedOutError))
        if worker not in self._cold:
            task = asyncio.get_running_loop().create_task(self._replace())
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    def _finish(self, worker: Worker) -> _Job | None:
        job = self._busy.pop(worker, None)
        if job is None:
            return None
        took = monotonic() - job.began
        self._mean_seconds += _RECENT * (took - self._mean_seconds)
        if self._telemetry is not None:
            self._telemetry.worked(job.kind, took)
        return job

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
            if attempts >= len(_PAUSES) and not (self._idle or self._busy):
                self._refuse_all("no worker process can be started")

    async def _start_one(self) -> None:
        worker = await self._crew.start(self)
        self._cold.add(worker)
        try:
            for function in (*self._crew.first, *filter(None, [self._warm_up])):
                await self._warmed(worker, function)
        finally:
            self._cold.discard(worker)
        if not self._is_open:
            await worker.close()
            return
        self._idle.append(worker)
        self._hand_out()

    async def _warmed(self, worker: Worker, function: Callable[[], object]) -> None:
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        worker.begin(self._crew.pack((function, (), {})), result, seconds=_WARM_UP_SECONDS)
        try:
            self._crew.unpack(await result)
        except TimedOutError as error:
            raise WorkerDiedError(f"a worker does not start: {error.message}") from None
