"""What runs in a worker process: takes tasks from one pipe, sends answers back on another.

A message is its length in eight bytes, then a call, or its outcome, as `executors.calls` packs
them. Where the length should be, faulthandler may write its report of a missed deadline: no message
is as long as those eight letters would make it.
"""

from __future__ import annotations

import os
import sys
import threading
from time import sleep
from typing import TYPE_CHECKING

from rendicom.batch.executors.calls import perform

if TYPE_CHECKING:
    from queue import SimpleQueue
    from types import FrameType

__all__ = ["COMMAND", "GREETING", "main", "parent_is_gone"]

COMMAND = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from rendicom.batch.executors.process import main; main()"
)
"""Python's ``-c``: the arguments are the parent's ``sys.path``.

Neither ``-m`` nor a file, which would run this module a second time under another name.
"""

GREETING = b"\0rendicom worker\0\n"
"""Ends the noise that start-up files may have made on the standard output."""

_SECONDS_ALONE = 10.0
_PIECE = 1 << 20
_TERMINATED = 128 + 15


class _Parent:
    """What is known of the run this process works for. ``process`` is 0 where it cannot change."""

    process = 0
    is_gone = False


def parent_is_gone() -> bool:
    """Tell whether the run that this worker works for has ended; False outside a worker.

    Costs a system call at most: a loop may ask between pictures.
    """
    return _Parent.is_gone or bool(_Parent.process and os.getppid() != _Parent.process)


def main() -> None:
    """Serve until the tasks end: the parent has closed the pipe, or is gone."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminate)
    if os.name != "nt":
        _Parent.process = os.getppid()
    incoming, outgoing = _take_pipes()
    _write(outgoing, GREETING)
    _serve(incoming, outgoing)
    sys.stderr.flush()
    # Taking the interpreter down in good order takes longer than ten pictures.
    os._exit(0)


def _terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    sys.exit(_TERMINATED)


def _take_pipes() -> tuple[int, int]:
    """Move the pipes out of the way of libraries that print, or that read the keyboard."""
    from rendicom.batch.deadline import report_to

    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    try:
        os.dup2(2, 1)
    except OSError:
        os.dup2(nothing, 1)
    os.close(nothing)
    report_to(outgoing)
    return incoming, outgoing


def _serve(incoming: int, outgoing: int) -> None:
    from queue import SimpleQueue

    tasks: SimpleQueue[bytes | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(incoming, tasks), daemon=True).start()
    while (task := tasks.get()) is not None:
        answer = perform(task)
        try:
            _write(outgoing, len(answer).to_bytes(8, "big"))
            _write(outgoing, answer)
        except OSError:
            return


def _listen(incoming: int, tasks: SimpleQueue[bytes | None]) -> None:
    """Hand tasks on; notice at once when the other end is gone, and do not outlive it for long."""
    while task := _read(incoming, int.from_bytes(_read(incoming, 8), "big")):
        tasks.put(task)
    _Parent.is_gone = True
    tasks.put(None)
    sleep(_SECONDS_ALONE)
    os._exit(1)


def _read(descriptor: int, length: int) -> bytes:
    """Return so many bytes, none if the stream ends before."""
    # Not a file object: its lock, held while waiting, would keep this process from ending.
    data = bytearray()
    while len(data) < length:
        piece = os.read(descriptor, min(length - len(data), _PIECE))
        if not piece:
            return b""
        data += piece
    return bytes(data)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
