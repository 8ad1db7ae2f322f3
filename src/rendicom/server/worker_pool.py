"""A pool of workers behind a bounded, fair queue, for one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from time import monotonic
from typing import Any, Literal, Protocol

from rendicom.errors import LimitExceededError, OverloadedError, TimedOutError, WorkerDiedError
from rendicom.server.fair_queue import FairQueue, PendingCall, Requester, requester
from rendicom.server.logs import be_quiet
from rendicom.server.quarantine import Quarantine, Suspect, refusal, suspect_of
from rendicom.workers.async_worker import THREADS, AsyncWorker, processes

_LARGE = 4 << 20
"""Bytes above which a result is unpacked in a thread, to keep the loop free."""
_PAUSES = (0.1, 0.5, 2.0, 5.0)
"""Seconds between attempts to replace a worker."""
_ATTEMPTS = 2
"""Number of workers a call may lose: the first may have died for another reason."""
_RECENT = 0.1
"""Weight of the last call in the mean duration."""
_WARM_UP_SECONDS = 60.0
_LONGEST_RETRY = 60.0
_MOST_THREADS = 8
"""Threads of one call. Each takes address space, which is what `--worker-memory` limits."""
_BACKGROUND = Requester(is_admitted=True)


class PoolMetrics(Protocol):
    """Receives the times and counts of a pool."""

    def waited(self, kind: str, seconds: float) -> None:
        """Record how long a call waited for a worker."""

    def worked(self, kind: str, seconds: float) -> None:
        """Record how long a worker took for a call."""

    def worker_lost(self, *, timed_out: bool) -> None:
        """Count a worker that died or was ended at its time limit."""


class WorkerPool:
    """Runs functions in workers.

    Parameters
    ----------
    workers
        Number of calls that run at once.
    engine
        ``local`` for processes (a crash loses no call, a hang loses one) or ``threads``.
    queue_size
        Number of calls that may wait.
    seconds
        Time limit of a call, and of its wait in the queue.
    memory
        Bytes that each process may have; 0 for no limit.
    threads
        Number of threads that may work at once in all workers: see `call`.
    warm_up
        Called in each worker before its first task.
    metrics
        Receives durations and counts.
    """

    def __init__(
        self,
        workers: int,
        *,
        engine: Literal["local", "threads"] = "local",
        queue_size: int = 256,
        seconds: float = 60.0,
        memory: int = 0,
        threads: int = 1,
        warm_up: Callable[[], object] | None = None,
        metrics: PoolMetrics | None = None,
    ) -> None:
        self.width = workers
        self._kind = processes(memory, be_quiet) if engine == "local" else THREADS
        self._queue_size = queue_size
        self._seconds = seconds
        self._threads = threads
        self._warm_up = warm_up
        self._metrics = metrics
        self._turns = FairQueue()
        self._quarantine = Quarantine()
        self._idle: list[AsyncWorker] = []
        self._busy: dict[AsyncWorker, PendingCall] = {}
        self._cold: set[AsyncWorker] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_open = False
        self._mean_seconds = 0.1

    @property
    def waiting(self) -> int:
        """Return the number of calls that wait for a worker."""
        return len(self._turns)

    @property
    def busy(self) -> int:
        """Return the number of calls that run."""
        return len(self._busy)

    @property
    def is_ready(self) -> bool:
        """Tell whether a worker is warm."""
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
            await asyncio.gather(*[self._begin(self._start_one()) for _ in range(self.width)])
        except BaseException:
            await self.close(0.0)
            raise

    async def close(self, drain: float = 0.0) -> None:
        """Refuse new calls, wait up to ``drain`` seconds for those awaited, and end the workers."""
        self._is_open = False
        until = monotonic() + drain
        while self._is_awaited() and monotonic() < until:
            await asyncio.sleep(0.01)
        for task in self._starting:
            # Cancelling it again would interrupt the end of its process.
            if not task.cancelling():
                task.cancel()
        self._refuse_all("the server is shutting down")
        for worker in (*self._busy, *self._cold):
            worker.kill()
        workers = {*self._idle, *self._busy, *self._cold}
        await asyncio.gather(*(worker.close() for worker in workers))
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*self._ending)

    def kill(self) -> None:
        """End all workers now; may be called from any thread."""
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
        has_threads: bool = False,
    ) -> Any:
        """Call ``function`` in a worker; return its result or raise its error.

        The function must be at the top level of a module; arguments and result are pickled. It may
        run for ``seconds``, None for the default, and is counted as ``kind``. It is called again
        when its process dies, so it must be idempotent. One that ``has_threads`` has a parameter
        ``threads``, which is given where it starts while other workers are idle: how many it may
        use.

        Raises
        ------
        OverloadedError
            Too many calls wait, or this call waited too long.
        TimedOutError
            The call took longer; its process is ended.
        WorkerDiedError
            Two processes died during the call, or recently died or hung on the same file.
        LimitExceededError
            The call needs more memory than its process may have.
        """
        whose = requester.get() or Requester()
        return await self._call(
            whose, function, args, seconds=seconds, kind=kind, has_threads=has_threads
        )

    def submit(self, function: Callable[..., Any], *args: Any, kind: str = "index") -> Future[Any]:
        """Queue a call from another thread and return its future; it is never refused."""
        if self._loop is None:
            raise RuntimeError("the worker pool is not started")
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
        has_threads: bool = False,
    ) -> Any:
        self._admit(whose)
        suspect = suspect_of(kind, args)
        if suspect is not None and suspect in self._quarantine:
            await self._quarantine.check(suspect)
        lost = 0
        while True:
            threads = self._free_threads() if has_threads else 1
            task = self._kind.pack((function, args, {"threads": threads} if threads > 1 else {}))
            job = PendingCall(task, seconds or self._seconds, kind, whose, suspect)
            self._turns.add(job, is_retry=bool(lost))
            self._hand_out()
            try:
                outcome = await (job.result if job.began else self._waited(job))
                break
            except (TimedOutError, WorkerDiedError) as error:
                lost += 1
                if not job.began or not self._is_open:
                    raise
                is_refused = await self._blame(suspect, lost)
                if is_refused or lost == _ATTEMPTS or isinstance(error, TimedOutError):
                    raise
        self._quarantine.forget(suspect)
        try:
            if isinstance(outcome, memoryview) and len(outcome) > _LARGE:
                return await asyncio.to_thread(self._kind.unpack, outcome)
            return self._kind.unpack(outcome)
        except MemoryError:
            hint = "--worker-memory sets the limit"
            raise LimitExceededError("not enough memory for this request", hint=hint) from None

    async def _blame(self, suspect: Suspect | None, lost: int) -> bool:
        """Count a lost worker; if its file is refused from now on, refuse waiting calls as well."""
        if suspect is None or not await self._quarantine.lost(suspect, lost):
            return False
        for job in [each for each in self._turns if each.suspect == suspect]:
            self._turns.drop(job)
            if not job.result.done():
                job.result.set_exception(refusal())
        return True

    async def _waited(self, job: PendingCall) -> Any:
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
            raise OverloadedError("the server is shutting down", retry_after=1.0)
        if len(self._turns) >= self._queue_size and not whose.is_admitted:
            raise OverloadedError(
                "too many requests wait to be rendered", retry_after=self._retry_after()
            )
        whose.is_admitted = True

    def _free_threads(self) -> int:
        """Return how many threads a call may have that is queued now.

        Where all workers are busy it will begin when one of them is free, the others still busy.
        """
        return min(len(self._idle), self._threads - len(self._busy), _MOST_THREADS)

    def _retry_after(self) -> float:
        """Return the seconds until the calls that wait now will be done."""
        seconds = self._mean_seconds * (len(self._turns) + 1) / self.width
        return min(max(1.0, seconds), _LONGEST_RETRY)

    def _give_up(self, job: PendingCall) -> None:
        if not job.began:
            self._turns.drop(job)
            self._refuse(job, "the request waited too long to be rendered")

    def _refuse(self, job: PendingCall, message: str) -> None:
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
            if self._metrics is not None:
                self._metrics.waited(job.kind, job.began - job.queued)
            worker.begin(job.task, job.result, seconds=job.seconds)

    # Callbacks of workers

    def on_free(self, worker: AsyncWorker) -> None:
        """Give the worker its next task."""
        self._finish(worker)
        if worker not in self._cold:
            self._idle.append(worker)
            self._hand_out()

    def on_gone(self, worker: AsyncWorker) -> None:
        """Replace the worker, whose process may be there for a moment longer."""
        job = self._finish(worker)
        _keep(worker.close(), self._ending)
        if worker in self._idle:
            self._idle.remove(worker)
        if not self._is_open:
            return
        if self._metrics is not None:
            error = job.result.exception() if job and not job.result.cancelled() else None
            self._metrics.worker_lost(timed_out=isinstance(error, TimedOutError))
        if worker not in self._cold:
            self._begin(self._replace())

    def _finish(self, worker: AsyncWorker) -> PendingCall | None:
        job = self._busy.pop(worker, None)
        if job is None:
            return None
        took = monotonic() - job.began
        self._mean_seconds += _RECENT * (took - self._mean_seconds)
        if self._metrics is not None:
            self._metrics.worked(job.kind, took)
        return job

    def _begin(self, starting: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start workers in a task that `close` ends and awaits."""
        return _keep(starting, self._starting)

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
        worker = await self._kind.start(self)
        self._cold.add(worker)
        try:
            for function in (*self._kind.first, *filter(None, [self._warm_up])):
                await self._warmed(worker, function)
        except BaseException:
            worker.kill()
            await worker.close()
            raise
        finally:
            self._cold.discard(worker)
        if not self._is_open:
            await worker.close()
            return
        self._idle.append(worker)
        self._hand_out()

    async def _warmed(self, worker: AsyncWorker, function: Callable[[], object]) -> None:
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        worker.begin(self._kind.pack((function, (), {})), result, seconds=_WARM_UP_SECONDS)
        try:
            self._kind.unpack(await result)
        except TimedOutError as error:
            raise WorkerDiedError(f"a worker does not start: {error.message}") from None
        except (MemoryError, LimitExceededError):
            raise WorkerDiedError("a worker does not start: --worker-memory is too low") from None


def _keep(
    coroutine: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]
) -> asyncio.Task[None]:
    """Run it in a task that is among ``tasks`` until it is done."""
    task = asyncio.get_running_loop().create_task(coroutine)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task
