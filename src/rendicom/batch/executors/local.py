"""Worker processes of this machine, each on its own: the death of one costs the task it was at.

`concurrent.futures.ProcessPoolExecutor` breaks as a whole when one process dies, cannot end one
that hangs, and imports the main program once more in each. Here a thread stands before each
process; it hands on one task after the other, and starts another process when one is gone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from time import monotonic
from typing import IO, Any, NamedTuple, ParamSpec, TypeVar, cast

from rendicom.batch.deadline import REPORT, TIMEOUT_EXIT
from rendicom.batch.executors import Engine, WorkerLostError
from rendicom.batch.executors.calls import Call, pack, unpack
from rendicom.batch.executors.process import COMMAND, GREETING
from rendicom.errors import WorkerDiedError

__all__ = ["EXECUTOR", "LocalExecutor"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_PATIENCE = 5.0
"""Seconds a process may take to end when it was asked to."""
_TERM_SECONDS = 1.0
_PAUSES = (0.1, 0.5, 2.0)
"""Seconds between attempts to start a process: memory or process slots may come free."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class LocalExecutor(Executor):
    """Runs tasks in up to ``jobs`` processes, started when there is work for them.

    A process that dies fails the future of its task with `WorkerLostError`; all others go on. The
    processes do not get the terminal's Ctrl-C: it is the caller's to `kill` them, or to wait.
    """

    def __init__(self, jobs: int) -> None:
        self.width = jobs
        self._pool = _Pool(jobs)
        # The threads hold the pool and not this object, so that it can go out of use.
        weakref.finalize(self, self._pool.close)

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Send ``fn`` to the next free process, which finds it by its module and name."""
        future: Future[_T] = Future()
        self._pool.add(_Item(future, (fn, args, kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; ``wait`` for those taken, less those not begun if cancelled."""
        self._pool.close(drop=cancel_futures)
        if wait:
            self._pool.join()

    def kill(self) -> None:
        """End all processes now. Tasks begun fail with `WorkerLostError`, others are cancelled.

        They get a second to put their files in order.
        """
        self._pool.kill()


class _Item(NamedTuple):
    future: Future[Any]
    call: Call


class _Pool:
    """The queue, and the threads and processes at its end."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._waiting: deque[_Item] = deque()
        self._change = threading.Condition()
        self._idle = 0
        self._is_closed = False
        self._is_killed = False
        self._threads: list[threading.Thread] = []
        self._workers: set[_Worker] = set()

    def add(self, item: _Item) -> None:
        with self._change:
            if self._is_closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._waiting.append(item)
            if self._idle >= len(self._waiting) or len(self._threads) == self._jobs:
                self._change.notify()
                return
            name = f"rendicom-worker-{len(self._threads) + 1}"
            # A thread of Python's own kind would keep an interpreter alive that wants to end.
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
            # Notifies those who wait; outside the lock, since callbacks may submit.
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

    def _take(self) -> _Item | None:
        """Return the next task, or None when there will be no more."""
        with self._change:
            self._idle += 1
            while not self._waiting and not self._is_closed:
                self._change.wait()
            self._idle -= 1
            return self._waiting.popleft() if self._waiting else None

    def _work(self) -> None:
        worker: _Worker | None = None
        while (item := self._take()) is not None:
            if item.future.set_running_or_notify_cancel():
                worker = self._run(item, worker)
            # Nothing here may hold the task and its result while there is nothing to do.
            del item
        if worker is not None:
            worker.close()
            self._forget(worker)

    def _run(self, item: _Item, worker: _Worker | None) -> _Worker | None:
        """Settle the future; return the worker for the next task, None if there is none left."""
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

    def _start(self) -> _Worker:
        """Return a process that has greeted.

        Raises
        ------
        WorkerDiedError
            None can be started: each task would fail the same way.
        WorkerLostError
            The pool was killed meanwhile.
        """
        for pause in (*_PAUSES, 0.0):
            try:
                worker = _Worker()
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
        raise WorkerDiedError(
            f"no worker process can be started: {reason}",
            hint="--engine threads needs none",
        )

    def _keep(self, worker: _Worker) -> bool:
        with self._change:
            self._workers.add(worker)
            return not self._is_killed

    def _forget(self, worker: _Worker) -> None:
        with self._change:
            self._workers.discard(worker)


class _Worker:
    """One process, seen from the run. Only its own thread talks to it; anybody may end it."""

    def __init__(self) -> None:
        self._process = _popen()
        self._tasks = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)

    @property
    def has_ended(self) -> bool:
        """Tell whether it died of something else than a task; the pipes are closed then."""
        if self._process.poll() is None:
            return False
        self.close()
        return True

    def is_greeted(self) -> bool:
        """Wait until it is ready; False when it ended instead."""
        return any(line.endswith(GREETING) for line in iter(self._answers.readline, b""))

    def ask(self, task: bytes) -> bytes:
        """Return its answer; raise WorkerLostError when it ended instead, with the pipes closed."""
        try:
            self._tasks.write(len(task).to_bytes(8, "big"))
            self._tasks.write(task)
            self._tasks.flush()
        except OSError:
            raise WorkerLostError(self.close()) from None
        header = self._answers.read(8)
        if header == REPORT:
            # The rest comes from a process in an unknown state: not waited for.
            self.close(patience=0.0)
            raise WorkerLostError(TIMEOUT_EXIT, timed_out=True)
        length = int.from_bytes(header, "big")
        answer = self._answers.read(length) if len(header) == 8 else b""
        if not answer or len(answer) < length:
            raise WorkerLostError(self.close())
        return answer

    def close(self, *, patience: float = _PATIENCE) -> int:
        """See it to its end, which closing the pipe asks it to come to; return its exit code."""
        # Closing flushes, to a process that may be gone.
        with contextlib.suppress(OSError):
            self._tasks.close()
        code = self.end_by(monotonic() + patience)
        self._answers.close()
        return code

    def terminate(self) -> None:
        """Ask it to put its files in order and end; where signals are unknown, end it."""
        self._process.terminate()

    def end_by(self, until: float) -> int:
        """Wait for its end until then, afterwards end it; return its exit code."""
        try:
            return self._process.wait(max(0.0, until - monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _popen() -> subprocess.Popen[bytes]:
    if not sys.executable:
        raise FileNotFoundError(errno.ENOENT, "Python does not know where its interpreter is")
    flags = ["-I"] if sys.flags.isolated else []
    return subprocess.Popen(  # noqa: S603 - Python itself, with arguments of ours
        [sys.executable, *flags, "-c", COMMAND, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=dict.fromkeys(_ONE_THREAD, "1") | dict(os.environ),
        # Out of reach of the terminal's Ctrl-C, which is for the run to act upon.
        start_new_session=os.name != "nt",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _settle(future: Future[Any], outcome: bytes) -> None:
    try:
        result = unpack(outcome)
    except Exception as error:  # noqa: BLE001 - what a task raised belongs to its future
        # Its traceback would hold the future, and the future holds the error.
        future.set_exception(error.with_traceback(None))
    else:
        future.set_result(result)


def _open(*, jobs: int, address: str = "") -> Executor:  # noqa: ARG001
    return LocalExecutor(jobs)


EXECUTOR = Engine(name="local", has_own_processes=True, open=_open)
