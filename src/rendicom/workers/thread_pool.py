"""Worker processes behind a `concurrent.futures.Executor`, one thread in front of each.

`concurrent.futures.ProcessPoolExecutor` breaks as a whole when one process dies, cannot end one
that hangs, and imports the main program once more in each. Here each process has a thread of the
parent, which sends one task after the other and replaces the process when it is gone.

`async_worker` does the same for an event loop. There are two pools since asyncio would add 46 ms to
the start of every run over a folder, and threads would cost the server up to 5 ms a picture.
"""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from time import monotonic
from typing import IO, Any, NamedTuple, ParamSpec, TypeVar, cast

from rendicom.errors import WorkerDiedError
from rendicom.workers.calls import Call, WorkerLostError, pack, unpack
from rendicom.workers.deadline import REPORT, TIMEOUT_EXIT
from rendicom.workers.spawn import no_worker, spawn_options, worker_command
from rendicom.workers.worker_process import GREETING

_P = ParamSpec("_P")
_T = TypeVar("_T")

_PATIENCE = 5.0
"""Seconds for a process to end on request."""
_TERM_SECONDS = 1.0
_PAUSES = (0.1, 0.5, 2.0)
"""Seconds between attempts to start a process: memory or process slots may come free."""


class LocalExecutor(Executor):
    """Runs tasks in up to ``jobs`` processes, started on demand.

    If a process dies, the future of its task fails with `WorkerLostError`; others continue. The
    processes do not receive Ctrl-C of the terminal: the caller calls `kill` or waits.
    """

    def __init__(self, jobs: int) -> None:
        self.width = jobs
        self._pool = _ProcessPool(jobs)
        # The threads reference the pool and not this object, so that it can be collected.
        weakref.finalize(self, self._pool.close)

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Send ``fn``, by its module and name, to the next free process."""
        future: Future[_T] = Future()
        self._pool.add(_QueuedCall(future, (fn, args, kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Refuse new tasks; ``wait`` for the others, unless pending ones are cancelled."""
        self._pool.close(drop=cancel_futures)
        if wait:
            self._pool.join()

    def kill(self) -> None:
        """End all processes now. Tasks begun fail with `WorkerLostError`, others are cancelled.

        They get a second to clean up.
        """
        self._pool.kill()


class _QueuedCall(NamedTuple):
    future: Future[Any]
    call: Call


class _ProcessPool:
    """The queue of calls, and the threads and processes that serve it."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._waiting: deque[_QueuedCall] = deque()
        self._change = threading.Condition()
        self._idle = 0
        self._is_closed = False
        self._is_killed = False
        self._threads: list[threading.Thread] = []
        self._workers: set[_BlockingWorker] = set()

    def add(self, item: _QueuedCall) -> None:
        with self._change:
            if self._is_closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._waiting.append(item)
            if self._idle >= len(self._waiting) or len(self._threads) == self._jobs:
                self._change.notify()
                return
            name = f"rendicom-worker-{len(self._threads) + 1}"
            # A thread that is not a daemon would keep an ending interpreter alive.
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self, *, drop: bool = False) -> None:
        with self._change:
            self._is_closed = True
            dropped = list(self._waiting) if drop else []
            if drop:
                self._waiting.clear()
            self._change.notify_all()
        for item in dropped:
            # Notifies waiters; outside the lock, since callbacks may submit.
            if item.future.cancel():
                item.future.set_running_or_notify_cancel()

    def join(self) -> None:
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def kill(self) -> None:
        with self._change:
            self._is_killed = True
            workers = list(self._workers)
        self.close(drop=True)
        for worker in workers:
            worker.terminate()
        until = monotonic() + _TERM_SECONDS
        for worker in workers:
            worker.end_by(until)
        self.join()

    def _take(self) -> _QueuedCall | None:
        """Return the next task, or None when there will be no more."""
        with self._change:
            self._idle += 1
            while not self._waiting and not self._is_closed:
                self._change.wait()
            self._idle -= 1
            return self._waiting.popleft() if self._waiting else None

    def _work(self) -> None:
        worker: _BlockingWorker | None = None
        while (item := self._take()) is not None:
            if item.future.set_running_or_notify_cancel():
                worker = self._run(item, worker)
            # No reference to the last task and its result may be kept while waiting.
            del item
        if worker is not None:
            worker.close()
            self._forget(worker)

    def _run(self, item: _QueuedCall, worker: _BlockingWorker | None) -> _BlockingWorker | None:
        """Settle the future; return the worker for the next task, None if it is gone."""
        future, call = item
        try:
            task = pack(call)
        except pickle.PicklingError as error:
            future.set_exception(error)
            return worker
        if worker is not None and worker.has_ended:
            self._forget(worker)
            worker = None
        try:
            worker = worker or self._start()
            outcome = worker.ask(task)
        except (WorkerLostError, WorkerDiedError) as error:
            if worker is not None:
                self._forget(worker)
            future.set_exception(error)
            return None
        _settle(future, outcome)
        return worker

    def _start(self) -> _BlockingWorker:
        """Return a process that has greeted.

        Raises
        ------
        WorkerDiedError
            Processes cannot be started, so all tasks would fail.
        WorkerLostError
            The pool was killed meanwhile.
        """
        for pause in (*_PAUSES, 0.0):
            try:
                worker = _BlockingWorker()
            except OSError as error:
                reason = error.strerror or type(error).__name__
            else:
                if self._keep(worker) and worker.is_greeted():
                    return worker
                reason = f"exit code {worker.close(patience=0.0)}"
                self._forget(worker)
            with self._change:
                if self._change.wait_for(lambda: self._is_killed, pause):
                    raise WorkerLostError
        raise no_worker(reason)

    def _keep(self, worker: _BlockingWorker) -> bool:
        with self._change:
            self._workers.add(worker)
            return not self._is_killed

    def _forget(self, worker: _BlockingWorker) -> None:
        with self._change:
            self._workers.discard(worker)


class _BlockingWorker:
    """The parent's end of one process; any thread may end it."""

    def __init__(self) -> None:
        # S603: Python itself, with fixed arguments.
        self._process = subprocess.Popen(worker_command(), **spawn_options())  # noqa: S603
        self._tasks = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)

    @property
    def has_ended(self) -> bool:
        """Tell whether it ended while idle; the pipes are closed then."""
        if self._process.poll() is None:
            return False
        self.close()
        return True

    def is_greeted(self) -> bool:
        """Wait until the process is ready; return False when it ended instead."""
        return any(line.endswith(GREETING) for line in iter(self._answers.readline, b""))

    def ask(self, task: bytes) -> bytes:
        """Return its answer; raise WorkerLostError when it ended instead, with the pipes closed."""
        try:
            # By one system call: after each, this thread may wait for the interpreter lock.
            self._tasks.write(len(task).to_bytes(8, "big") + task)
            self._tasks.flush()
        except OSError:
            raise WorkerLostError(self.close()) from None
        header = self._answers.read(8)
        if header == REPORT:
            # The process is in an unknown state: do not wait for the rest.
            self.close(patience=0.0)
            raise WorkerLostError(TIMEOUT_EXIT, timed_out=True)
        length = int.from_bytes(header, "big")
        answer = self._answers.read(length) if len(header) == 8 else b""
        if not answer or len(answer) < length:
            raise WorkerLostError(self.close())
        return answer

    def close(self, *, patience: float = _PATIENCE) -> int:
        """Ask it to end by closing the pipe, wait for that, and return its exit code."""
        # Closing flushes to a process that may have ended.
        with contextlib.suppress(OSError):
            self._tasks.close()
        code = self.end_by(monotonic() + patience)
        self._answers.close()
        return code

    def terminate(self) -> None:
        """Send SIGTERM, so that it can clean up; on Windows end it."""
        self._process.terminate()

    def end_by(self, until: float) -> int:
        """Wait for its end until then, else kill it; return its exit code."""
        try:
            return self._process.wait(max(0.0, until - monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _settle(future: Future[Any], outcome: bytes) -> None:
    try:
        result = unpack(outcome)
    except Exception as error:  # noqa: BLE001 - what a task raised belongs to its future
        # Its traceback would hold the future, and the future holds the error.
        future.set_exception(error.with_traceback(None))
    else:
        future.set_result(result)
