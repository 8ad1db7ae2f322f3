"""Worker processes of the event loop: the same processes as in a batch, without a thread for each.

`rendicom.batch.executors.local` blocks a thread on each pipe. Here those threads would have to
fight the event loop for the interpreter, which costs up to five milliseconds a time; so the loop
reads the pipes itself.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple, Protocol, cast

from rendicom.batch.deadline import REPORT
from rendicom.batch.executors.calls import Call, pack, unpack
from rendicom.batch.executors.process import COMMAND, GREETING
from rendicom.errors import TimedOutError, WorkerDiedError
from rendicom.server.logs import be_quiet

__all__ = ["PROCESSES", "THREADS", "Crew", "Owner", "ProcessWorker", "ThreadWorker", "Worker"]

_HEADER = 8
_PIPE_BYTES = 1 << 20
_SILENCE = 0.5
"""Seconds a process that closed its pipe may take to exit."""
_PATIENCE = 5.0
"""Seconds a process may take to end when it was asked to."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Worker(Protocol):
    """Does one task at a time."""

    def begin(self, task: Any, result: asyncio.Future[Any], *, seconds: float) -> None:
        """Start on what `Crew.pack` made; ``result`` gets what `Crew.unpack` wants, or an error.

        Who cancels ``result`` does not end the work: `Owner.on_free` says when that is over.
        """

    async def close(self) -> None:
        """End it."""

    def kill(self) -> None:
        """End it now, if it can be."""


class Owner(Protocol):
    """Whom a worker tells about itself."""

    def on_free(self, worker: Worker) -> None:
        """Give it another task: its last is over."""

    def on_gone(self, worker: Worker) -> None:
        """Count it out: it does nothing any more."""


class Crew(NamedTuple):
    """A kind of workers.

    Attributes
    ----------
    start
        Returns a worker that is ready; raises `WorkerDiedError` where there can be none.
    pack, unpack
        Make a task of a call, and the result, or what was raised, of an outcome.
    first
        What each worker has to do before anything else.
    """

    start: Callable[[Owner], Awaitable[Worker]]
    pack: Callable[[Call], Any]
    unpack: Callable[[Any], Any]
    first: tuple[Callable[[], object], ...] = ()


async def start_process(owner: Owner) -> ProcessWorker:
    """Return a process that has greeted.

    Raises
    ------
    WorkerDiedError
        None can be started.
    """
    loop = asyncio.get_running_loop()
    flags = ["-I"] if sys.flags.isolated else []
    arguments = [sys.executable, *flags, "-c", COMMAND, *sys.path]
    hint = "--engine threads needs none"
    try:
        _, protocol = await loop.subprocess_exec(
            lambda: ProcessWorker(owner),
            *arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None,
            env=dict.fromkeys(_ONE_THREAD, "1") | dict(os.environ),
            # Out of reach of the terminal's Ctrl-C, which is for the server to act upon.
            start_new_session=os.name != "nt",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WorkerDiedError(f"no worker process can be started: {reason}", hint=hint) from None
    try:
        await protocol.greeted
    except WorkerDiedError as error:
        reason = f"no worker process can be started: {error.message}"
        raise WorkerDiedError(reason, hint=hint) from None
    return protocol


class ProcessWorker(asyncio.SubprocessProtocol):
    """One process, seen from the event loop."""

    def __init__(self, owner: Owner) -> None:
        loop = asyncio.get_running_loop()
        self._owner = owner
        self._pieces: list[bytes] = []
        self._missing = 0
        self._result: asyncio.Future[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_gone = False
        self.greeted: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def begin(self, task: bytes, result: asyncio.Future[Any], *, seconds: float) -> None:
        """Send the task; after ``seconds`` without an answer the process is ended."""
        self._result = result
        self._timer = result.get_loop().call_later(seconds, self._miss_deadline, seconds)
        self._tasks.write(len(task).to_bytes(_HEADER, "big") + task)

    @property
    def process_id(self) -> int:
        """Return the number of the process."""
        return self._transport.get_pid()

    async def close(self) -> None:
        """Let the process end, which closing the pipe asks it to; end it if it does not."""
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

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the pipes."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._tasks = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))
        _widen(self._transport.get_pipe_transport(1))

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002
        """Collect an answer until it is whole."""
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
        """End a process that does not speak any more."""
        if fd == 1 and not self.ended.done():
            # Most are about to exit, and to kill them would get in the way of their exit code.
            asyncio.get_running_loop().call_later(_SILENCE, self._kill_if_there)
            if self._result is None:
                # It has nothing to do, and shall not be given anything.
                self._lose(WorkerDiedError("the process does not speak any more"))

    def _kill_if_there(self) -> None:
        if not self.ended.done():
            self.kill()

    def process_exited(self) -> None:
        """Tell all who wait for it."""
        code = self._transport.get_returncode()
        self._transport.close()
        self._lose(WorkerDiedError(f"the process that was at it ended with {_exit_text(code)}"))
        if not self.ended.done():
            self.ended.set_result(None)

    def _await_greeting(self, whole: bytes) -> None:
        """Skip what start-up files may have printed."""
        if whole.endswith(GREETING):
            self._pieces.clear()
            self.greeted.set_result(None)

    def _answer(self, outcome: memoryview) -> None:
        self._pieces.clear()
        self._settle(lambda result: result.set_result(outcome))
        self._owner.on_free(self)

    def _miss_deadline(self, seconds: float) -> None:
        self.kill()
        self._lose(_timed_out(seconds))

    def _lose(self, error: Exception) -> None:
        if not self.greeted.done():
            self.greeted.set_exception(error)
            self._is_gone = True
            return
        self._settle(lambda result: result.set_exception(error))
        if not self._is_gone:
            self._is_gone = True
            self._owner.on_gone(self)

    def _settle(self, settle: Callable[[asyncio.Future[Any]], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        result, self._result, self._timer = self._result, None, None
        if result is not None and not result.done():
            settle(result)


def _widen(pipe: asyncio.BaseTransport | None) -> None:
    """Let a picture go through in one piece, where the system can be told: a fifth of the time."""
    if sys.platform != "linux" or pipe is None or pipe.get_extra_info("pipe") is None:
        return
    import fcntl

    # Not more than anybody may have; refused when the user has very many.
    with suppress(OSError):
        fcntl.fcntl(pipe.get_extra_info("pipe"), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _exit_text(code: int | None) -> str:
    if code is None:
        return "no exit code"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


async def start_thread(owner: Owner) -> ThreadWorker:
    """Return a thread; there is nothing to wait for."""
    return ThreadWorker(owner)


class ThreadWorker:
    """A thread of this process: nothing ends what it is at."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rendicom-worker")

    def begin(self, task: Call, result: asyncio.Future[Any], *, seconds: float) -> None:
        """Run the call; after ``seconds`` nobody waits for it any more."""
        loop = result.get_loop()
        function, args, kwargs = task
        running = self._thread.submit(function, *args, **kwargs)
        timer = loop.call_later(seconds, _give_up, result, seconds)

        def settle() -> None:
            timer.cancel()
            _hand_on(running, result)
            self._owner.on_free(self)

        def over(_: Future[Any]) -> None:
            # The loop may be gone by then.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle)

        running.add_done_callback(over)

    def kill(self) -> None:
        """Leave what runs alone: a thread cannot be ended."""

    async def close(self) -> None:
        """Take no more calls."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _give_up(result: asyncio.Future[Any], seconds: float) -> None:
    if not result.done():
        result.set_exception(_timed_out(seconds))


def _hand_on(running: Future[Any], result: asyncio.Future[Any]) -> None:
    error = running.exception()
    if result.done():
        return
    if error is not None:
        result.set_exception(error)
    else:
        result.set_result(running.result())


def _timed_out(seconds: float) -> TimedOutError:
    return TimedOutError(f"this took longer than {seconds:g} s", hint="--timeout sets the limit")


def _as_is(value: Any) -> Any:
    return value


PROCESSES = Crew(start_process, pack, unpack, first=(be_quiet,))
THREADS = Crew(start_thread, _as_is, _as_is)
