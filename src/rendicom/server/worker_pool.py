"""A pool of workers behind a bounded, fair queue, for one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import Any, Literal

from rendicom.errors import LimitExceededError, OverloadedError, TimedOutError, WorkerDiedError
from rendicom.server.crew import Crew, keep
from rendicom.server.fair_queue import FairQueue, PendingCall, PoolMetrics, Requester, requester
from rendicom.server.logs import be_quiet
from rendicom.server.quarantine import Quarantine, Suspect, refusal, suspect_of
from rendicom.workers.async_worker import THREADS, Answer, AsyncWorker, processes

_LARGE = 4 << 20
"""Bytes above which a result is unpacked in a thread, to keep the loop free."""
_ATTEMPTS = 2
"""Number of workers a call may lose: the first may have died for another reason."""
_RECENT = 0.1
"""Weight of the last call in the mean duration."""
_LONGEST_RETRY = 60.0
_MOST_THREADS = 8
"""Threads of one call. Each takes address space, which is what `--worker-memory` limits."""
_SHORTEST = 0.01
"""Seconds between looks at calls that wait too long."""
_SHUTTING_DOWN = "the server is shutting down"
_BACKGROUND = Requester(is_admitted=True)


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
        self._metrics = metrics
        self._turns = FairQueue()
        self._quarantine = Quarantine()
        self._crew = Crew(self._kind, warm_up, self)
        self._idle = self._crew.idle
        self._busy: dict[AsyncWorker, PendingCall] = {}
        self._deciding: set[asyncio.Task[None]] = set()
        self._patience: asyncio.TimerHandle | None = None
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
            await self._crew.start(self.width)
        except BaseException:
            await self.close(0.0)
            raise

    async def close(self, drain: float = 0.0) -> None:
        """Refuse new calls, wait up to ``drain`` seconds for those awaited, and end the workers."""
        self._is_open = False
        self._crew.stop()
        until = monotonic() + drain
        while self._is_awaited() and monotonic() < until:
            await asyncio.sleep(0.01)
        self._refuse_all(_SHUTTING_DOWN)
        await self._crew.close(self._busy)
        await asyncio.gather(*self._deciding)
        if self._patience is not None:
            self._patience.cancel()

    def kill(self) -> None:
        """End all workers now; may be called from any thread."""
        self._is_open = False
        for worker in {*self._idle, *self._busy, *self._crew.cold}:
            worker.kill()

    def _is_awaited(self) -> bool:
        waiting = self._turns or self._deciding
        return bool(waiting) or any(not job.done() for job in self._busy.values())

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
        run for ``seconds`` (None: the default), and is counted as ``kind``. It is called again when
        its process dies, so it must be idempotent. One that ``has_threads`` has a parameter
        ``threads``: how many it may use, given if it starts while other workers are idle.

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
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        job = self.begin(
            answer, function, *args, seconds=seconds, kind=kind, has_threads=has_threads
        )
        try:
            return await answer
        finally:
            job.leave()

    def begin(
        self,
        answer: Answer,
        function: Callable[..., Any],
        *args: Any,
        seconds: float | None = None,
        kind: str = "render",
        has_threads: bool = False,
    ) -> PendingCall:
        """Begin what `call` does; ``answer`` receives the result or the error.

        Who waits no more calls ``leave`` of the call.

        Raises
        ------
        OverloadedError
            Too many calls wait.
        """
        whose = requester.get() or Requester()
        self._admit(whose)
        threads = self._free_threads() if has_threads else 1
        job = PendingCall(
            self,
            self._kind.pack((function, args, {"threads": threads} if threads > 1 else {})),
            answer,
            seconds=seconds or self._seconds,
            kind=kind,
            whose=whose,
            suspect=suspect_of(kind, args),
        )
        if job.suspect is not None and job.suspect in self._quarantine:
            keep(self._checked(job, job.suspect), self._deciding)
        else:
            self._queue(job)
        return job

    def submit(self, function: Callable[..., Any], *args: Any, kind: str = "index") -> Future[Any]:
        """Queue a call from another thread and return its future; it is never refused."""
        if self._loop is None:
            raise RuntimeError("the worker pool is not started")

        async def in_background() -> Any:
            requester.set(_BACKGROUND)
            return await self.call(function, *args, kind=kind)

        return asyncio.run_coroutine_threadsafe(in_background(), self._loop)

    def _queue(self, job: PendingCall, *, is_retry: bool = False) -> None:
        if not self._is_open:
            self._refuse(job, _SHUTTING_DOWN)
            return
        job.queued, job.began = monotonic(), 0.0
        self._turns.add(job, is_retry=is_retry)
        self._hand_out()
        if self._turns and self._patience is None:
            self._be_patient(self._seconds)

    def _give_up(self) -> None:
        """Refuse calls that have waited too long; one timer serves all that wait."""
        self._patience, now = None, monotonic()
        for job in [each for each in self._turns if now - each.queued >= self._seconds]:
            self._turns.drop(job)
            self._refuse(job, "the request waited too long to be rendered")
        if self._turns:
            self._be_patient(min(each.queued for each in self._turns) + self._seconds - now)

    def _be_patient(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(max(seconds, _SHORTEST), self._give_up)

    async def _checked(self, job: PendingCall, suspect: Suspect) -> None:
        """Queue a call on a file that a worker was lost on, unless the file is refused."""
        try:
            await self._quarantine.check(suspect)
        except Exception as error:  # noqa: BLE001 - what is wrong with it belongs to the caller
            job.fail(error)
        else:
            if not job.done():
                self._queue(job)

    async def _decide(self, job: PendingCall, error: BaseException) -> None:
        """Try a call again whose worker was lost, or end it."""
        try:
            is_refused = await self._blame(job.suspect, job.lost)
        except Exception as failure:  # noqa: BLE001 - it belongs to the caller
            job.fail(failure)
            return
        if is_refused or job.lost == _ATTEMPTS or isinstance(error, TimedOutError):
            job.fail(error)
        elif not job.done():
            self._queue(job, is_retry=True)

    async def _blame(self, suspect: Suspect | None, lost: int) -> bool:
        """Count a lost worker; if its file is refused from now on, refuse waiting calls as well."""
        if suspect is None or not await self._quarantine.lost(suspect, lost):
            return False
        for job in [each for each in self._turns if each.suspect == suspect]:
            self._turns.drop(job)
            job.fail(refusal())
        return True

    async def _pass_on_large(self, job: PendingCall, outcome: memoryview) -> None:
        _pass_on(job, *await asyncio.to_thread(self._unpacked, outcome))

    def _unpacked(self, outcome: Any) -> tuple[Any, Exception | None]:
        """Return the result of a task, or its error as the caller gets it."""
        try:
            return self._kind.unpack(outcome), None
        except MemoryError:
            hint = "--worker-memory sets the limit"
            return None, LimitExceededError("not enough memory for this request", hint=hint)
        except StopIteration:  # a future takes none
            return None, RuntimeError("StopIteration")
        except Exception as error:  # noqa: BLE001 - what a task raises belongs to its caller
            return None, error

    def _admit(self, whose: Requester) -> None:
        if not self._is_open:
            raise OverloadedError(_SHUTTING_DOWN, retry_after=1.0)
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

    def _refuse(self, job: PendingCall, message: str) -> None:
        job.fail(OverloadedError(message, retry_after=self._retry_after()))

    def _refuse_all(self, message: str) -> None:
        while self._turns:
            self._refuse(self._turns.next(), message)

    def _hand_out(self) -> None:
        while self._idle and self._turns:
            job = self._turns.next()
            if job.done():
                continue
            worker = self._idle.pop()
            self._busy[worker] = job
            job.began = monotonic()
            if self._metrics is not None:
                self._metrics.waited(job.kind, job.began - job.queued)
            worker.begin(job.task, job, seconds=job.seconds)

    # Callbacks of calls and workers

    def on_outcome(self, job: PendingCall, outcome: Any) -> None:
        """Pass the result on; a large one is unpacked in a thread."""
        self._quarantine.forget(job.suspect)
        if isinstance(outcome, memoryview) and len(outcome) > _LARGE:
            keep(self._pass_on_large(job, outcome), self._deciding)
        else:
            _pass_on(job, *self._unpacked(outcome))

    def on_failure(self, job: PendingCall, error: BaseException) -> None:
        """Decide on a call whose worker was lost, or that failed in a thread."""
        is_lost = isinstance(error, (TimedOutError, WorkerDiedError))
        if is_lost and self._is_open:
            job.lost += 1
            keep(self._decide(job, error), self._deciding)
        else:
            job.fail(error)

    def on_left(self, job: PendingCall) -> None:
        """Take a call that waits out of the queue."""
        if not job.began:
            self._turns.drop(job)

    def on_free(self, worker: AsyncWorker) -> None:
        """Give the worker its next task."""
        self._finish(worker)
        if worker not in self._crew.cold:
            self._idle.append(worker)
            self._hand_out()

    def on_gone(self, worker: AsyncWorker) -> None:
        """Replace the worker, whose process may be there for a moment longer."""
        job = self._finish(worker)
        self._crew.replace(worker)
        if self._is_open and self._metrics is not None:
            error = None if job is None else job.error
            self._metrics.worker_lost(timed_out=isinstance(error, TimedOutError))

    def on_ready(self) -> None:
        """Give a new worker its first task."""
        self._hand_out()

    def on_stuck(self) -> None:
        """Refuse the calls that wait if there is no worker."""
        if not (self._idle or self._busy):
            self._refuse_all("no worker process can be started")

    def _finish(self, worker: AsyncWorker) -> PendingCall | None:
        job = self._busy.pop(worker, None)
        if job is None:
            return None
        took = monotonic() - job.began
        self._mean_seconds += _RECENT * (took - self._mean_seconds)
        if self._metrics is not None:
            self._metrics.worked(job.kind, took)
        return job


def _pass_on(job: PendingCall, result: Any, error: Exception | None) -> None:
    if error is not None:
        job.fail(error)
    elif not job.done():
        job.answer.set_result(result)
