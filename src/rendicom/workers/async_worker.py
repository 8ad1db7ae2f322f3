"""Worker processes and threads driven by an event loop.

`thread_pool` blocks a thread on the pipe of each process. In the server those threads would compete
with the event loop for the interpreter, up to 5 ms each time; so the loop reads the pipes itself.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, Protocol, cast

from rendicom.errors import TimedOutError, WorkerDiedError, out_of_memory
from rendicom.workers.calls import Call, pack, unpack
from rendicom.workers.deadline import REPORT
from rendicom.workers.spawn import no_worker, spawn_options, worker_command
from rendicom.workers.worker_process import GREETING

_HEADER = 8
_PIPE_BYTES = 1 << 20
_SILENCE = 0.5
"""Seconds for a process that closed its pipe to exit."""
_PATIENCE = 5.0
"""Seconds for a process to end on request."""


class Answer(Protocol):
    """Receives the outcome of a task, or the result of a call; an `asyncio.Future` is one."""

    def done(self) -> bool:
        """Tell whether the result is known, or nobody waits for it any more."""

    def set_result(self, result: Any, /) -> None:
        """Receive the result."""

    def set_exception(self, error: BaseException, /) -> None:
        """Receive an error."""


class AsyncWorker(Protocol):
    """Performs one task at a time."""

    def begin(self, task: Any, result: Answer, *, seconds: float) -> None:
        """Start a task of `WorkerKind.pack`; ``result`` receives input for `WorkerKind.unpack`.

        Work that nobody waits for goes on: `WorkerCallbacks.on_free` reports its end.
        """

    async def close(self) -> None:
        """End the worker."""

    def kill(self) -> None:
        """End the worker at once, if possible."""


class WorkerCallbacks(Protocol):
    """Receives worker callbacks."""

    def on_free(self, worker: AsyncWorker) -> None:
        """Note that the worker is free for another task."""

    def on_gone(self, worker: AsyncWorker) -> None:
        """Note that the worker has ended."""


class WorkerKind(NamedTuple):
    """A kind of worker: processes or threads."""

    start: Callable[[WorkerCallbacks], Awaitable[AsyncWorker]]
    """Returns a ready worker; raises `WorkerDiedError` if none can be started."""
    pack: Callable[[Call], Any]
    unpack: Callable[[Any], Any]
    """Turn a call into a task; turn an outcome into the result, or raise its error."""
    first: tuple[Callable[[], object], ...] = ()
    """Called first in each worker."""


async def start_process(owner: WorkerCallbacks) -> ProcessWorker:
    """Return a process that is ready.

    Raises
    ------
    WorkerDiedError
        None can be started.
    """
    loop = asyncio.get_running_loop()
    protocol = ProcessWorker(owner)
    try:
        await loop.subprocess_exec(
            lambda: protocol, *worker_command(), stderr=None, **spawn_options()
        )
    except OSError as error:
        raise no_worker(error.strerror or type(error).__name__) from None
    except asyncio.CancelledError:
        # asyncio has ended the process; nobody awaits its greeting.
        protocol.greeted.cancel()
        raise
    try:
        await protocol.greeted
    except (WorkerDiedError, asyncio.CancelledError) as error:
        # The process is not known to the caller yet.
        protocol.kill()
        try:
            await asyncio.shield(protocol.ended)
        except asyncio.CancelledError:
            await protocol.ended
            raise
        if isinstance(error, WorkerDiedError):
            raise no_worker(error.message) from None
        raise
    return protocol


class ProcessWorker(asyncio.SubprocessProtocol):
    """One process, seen from the event loop."""

    def __init__(self, owner: WorkerCallbacks) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._owner = owner
        self._pieces: list[bytes] = []
        self._missing = 0
        self._result: Answer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._seconds = self._ends = 0.0
        self._is_gone = False
        self.greeted: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def begin(self, task: bytes, result: Answer, *, seconds: float) -> None:
        """Send the task; after ``seconds`` without a result the process is ended."""
        self._result = result
        self._seconds, self._ends = seconds, self._loop.time() + seconds
        if self._timer is None or self._timer.when() > self._ends:
            self._set_timer()
        self._tasks.write(len(task).to_bytes(_HEADER, "big") + task)

    async def close(self) -> None:
        """End the process by closing its pipe; kill it if it does not exit."""
        with suppress(OSError):
            self._tasks.close()
        try:
            await asyncio.wait_for(asyncio.shield(self.ended), _PATIENCE)
        except TimeoutError:
            self.kill()
            await self.ended

    def kill(self) -> None:
        """End the process now."""
        with suppress(ProcessLookupError):
            self._transport.kill()

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the pipes."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._tasks = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))
        answers = cast("asyncio.ReadTransport", self._transport.get_pipe_transport(1))
        _widen(answers)
        answers.set_protocol(_AnswerPipe(self, cast("asyncio.Protocol", answers.get_protocol())))

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002
        """Collect the pieces of an answer."""
        self._pieces.append(data)
        self._missing -= len(data)
        if self._missing > 0:
            return
        whole = data if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces = [whole]
        if not self.greeted.done():
            self._await_greeting(whole)
        elif len(whole) < _HEADER:
            self._missing = _HEADER - len(whole)
        elif whole.startswith(REPORT):
            self.kill()
        else:
            self._missing = _HEADER + int.from_bytes(whole[:_HEADER], "big") - len(whole)
            if not self._missing:
                self._answer(memoryview(whole)[_HEADER:])

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        """End a process that closed its pipe."""
        if fd == 1 and not self.ended.done():
            # Most are about to exit; killing them now would hide their exit code.
            asyncio.get_running_loop().call_later(_SILENCE, self._kill_if_there)
            if self._result is None:
                # It is idle and must not be given a task.
                self._lose(WorkerDiedError("the process closed its pipe"))

    def _kill_if_there(self) -> None:
        if not self.ended.done():
            self.kill()

    def process_exited(self) -> None:
        """Fail the task in progress and report the end of the process."""
        code = self._transport.get_returncode()
        self._transport.close()
        self._lose(WorkerDiedError(f"the worker process ended with {_exit_text(code)}"))
        if not self.ended.done():
            self.ended.set_result(None)

    def _await_greeting(self, whole: bytes) -> None:
        """Skip output of start-up files."""
        if whole.endswith(GREETING):
            self._pieces.clear()
            self.greeted.set_result(None)

    def _answer(self, outcome: memoryview) -> None:
        self._pieces.clear()
        result, self._result = self._result, None
        # First of all the worker gets its next task.
        self._owner.on_free(self)
        if result is not None and not result.done():
            result.set_result(outcome)

    def _set_timer(self) -> None:
        """Set the timer to the deadline; it is left when the task ends, and serves later ones."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._ends, self._look_at_deadline)

    def _look_at_deadline(self) -> None:
        self._timer = None
        if self._result is None:
            return
        if self._loop.time() < self._ends:
            self._set_timer()
        else:
            self.kill()
            self._lose(_timed_out(self._seconds))

    def _lose(self, error: Exception) -> None:
        if not self.greeted.done():
            self.greeted.set_exception(error)
            self._is_gone = True
            return
        result, self._result = self._result, None
        if self._timer is not None:
            self._timer.cancel()
        if result is not None and not result.done():
            result.set_exception(error)
        if not self._is_gone:
            self._is_gone = True
            self._owner.on_gone(self)


class _AnswerPipe(asyncio.Protocol):
    """Hands on the data of a pipe at once; that of asyncio would take a turn of the loop."""

    def __init__(self, worker: ProcessWorker, before: asyncio.Protocol) -> None:
        self._worker, self._before = worker, before

    def data_received(self, data: bytes) -> None:
        self._worker.pipe_data_received(1, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._before.connection_lost(exc)


def _widen(pipe: asyncio.BaseTransport | None) -> None:
    """Enlarge the pipe on Linux to hold a picture: this takes a fifth of the time."""
    if sys.platform != "linux" or pipe is None or pipe.get_extra_info("pipe") is None:
        return
    import fcntl

    # The default limit of an unprivileged user; refused when the user has very many pipes.
    with suppress(OSError):
        fcntl.fcntl(pipe.get_extra_info("pipe"), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _exit_text(code: int | None) -> str:
    if code is None:
        return "no exit code"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


async def start_thread(owner: WorkerCallbacks) -> ThreadWorker:
    """Return a thread."""
    return ThreadWorker(owner)


class ThreadWorker:
    """A thread of this process; a call in progress cannot be ended."""

    def __init__(self, owner: WorkerCallbacks) -> None:
        self._owner = owner
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rendicom-worker")

    def begin(self, task: Call, result: Answer, *, seconds: float) -> None:
        """Run the call; after ``seconds`` its result is discarded."""
        loop = asyncio.get_running_loop()
        function, args, kwargs = task
        running = self._thread.submit(function, *args, **kwargs)
        timer = loop.call_later(seconds, _give_up, result, seconds)

        def settle() -> None:
            timer.cancel()
            _hand_on(running, result)
            self._owner.on_free(self)

        def over(_: Future[Any]) -> None:
            # The loop may be closed by then.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle)

        running.add_done_callback(over)

    def kill(self) -> None:
        """Do nothing: a thread cannot be ended."""

    async def close(self) -> None:
        """Refuse further calls."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _give_up(result: Answer, seconds: float) -> None:
    if not result.done():
        result.set_exception(_timed_out(seconds))


def _hand_on(running: Future[Any], result: Answer) -> None:
    error = running.exception()
    if result.done():
        return
    if isinstance(error, MemoryError):
        error = out_of_memory()
    if error is not None:
        result.set_exception(error)
    else:
        result.set_result(running.result())


def _timed_out(seconds: float) -> TimedOutError:
    return TimedOutError(f"this took longer than {seconds:g} s", hint="--timeout sets the limit")


def _as_is(value: Any) -> Any:
    return value


def processes(memory: int = 0, *first: Callable[[], object]) -> WorkerKind:
    """Return processes of up to ``memory`` bytes each, 0 for no limit.

    Each calls ``first`` before anything else.
    """
    limit: list[Callable[[], object]] = [partial(limit_memory, memory)] if memory else []
    return WorkerKind(start_process, pack, unpack, (*first, ignore_sigterm, *limit))


def ignore_sigterm() -> None:
    """Ignore SIGTERM: a service manager may send it to all processes while requests are served."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def limit_memory(most: int) -> None:
    """Limit the address space of this process on Linux.

    macOS accepts the limit and does not enforce it; Windows has none.
    """
    if sys.platform == "win32":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


THREADS = WorkerKind(start_thread, _as_is, _as_is)
