"""The main loop of a worker process: takes tasks from one pipe, sends results on another.

A message is its length in eight bytes, then a call, or its outcome, as `workers.calls` packs
them. In place of a length faulthandler may write its report of a missed deadline: no message is as
long as those eight letters would make it.
"""

from __future__ import annotations

import os
import sys
import threading
from time import sleep
from typing import TYPE_CHECKING

from rendicom.workers.calls import perform_in_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from queue import SimpleQueue

GREETING = b"\0rendicom worker\0\n"
"""Marks the end of output that start-up files printed on standard output."""

_SECONDS_ALONE = 10.0
_HEADER = 8
_PIECE = 1 << 16
_LONG = 1 << 20
_TERMINATED = 128 + 15


class _Parent:
    """The parent process; ``process`` is its ID, 0 on Windows, where it is not available."""

    process = 0
    is_gone = False


def parent_is_gone() -> bool:
    """Tell whether the parent of this worker has ended; False outside a worker.

    Costs one system call at most.
    """
    return _Parent.is_gone or bool(_Parent.process and os.getppid() != _Parent.process)


def main() -> None:
    """Work until the parent closes the pipe or ends."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    if os.name != "nt":
        _Parent.process = os.getppid()
    incoming, outgoing = _take_pipes()
    _write(outgoing, GREETING)
    _serve(incoming, outgoing)
    sys.stderr.flush()
    # A regular shutdown of the interpreter takes longer than ten pictures.
    os._exit(0)


def _take_pipes() -> tuple[int, int]:
    """Move the pipes away from descriptors 0 and 1, which libraries read and print to."""
    from rendicom.workers.deadline import report_to

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
    for task in _tasks(incoming):
        kind, body = perform_in_pieces(task)
        head = (len(kind) + len(body)).to_bytes(_HEADER, "big") + kind
        try:
            _write_joined(outgoing, head, body)
        except OSError:
            return


def _tasks(incoming: int) -> Iterator[bytes]:
    """Yield tasks until the pipe is closed; the process then ends soon, even in a long task."""
    if sys.platform != "win32":
        threading.Thread(target=_await_hang_up, args=(incoming,), daemon=True).start()
        yield from _messages(incoming)
        return
    # Pipes cannot be polled on Windows. A thread that reads ahead costs 40 microseconds a task.
    from queue import SimpleQueue

    tasks: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read_ahead, args=(incoming, tasks), daemon=True).start()
    yield from iter(tasks.get, b"")


def _await_hang_up(incoming: int) -> None:
    import select

    poll = select.poll()
    poll.register(incoming, select.POLLHUP)
    while not poll.poll():
        pass
    _end_soon()


def _read_ahead(incoming: int, tasks: SimpleQueue[bytes]) -> None:
    for task in _messages(incoming):
        tasks.put(task)
    tasks.put(b"")
    _end_soon()


def _end_soon() -> None:
    _Parent.is_gone = True
    sleep(_SECONDS_ALONE)
    os._exit(1)


def _messages(incoming: int) -> Iterator[bytes]:
    """Yield messages without their lengths until the stream ends."""
    # Not a file object: its lock, held while waiting, would keep this process from ending.
    data = bytearray()
    while piece := os.read(incoming, _PIECE):
        data += piece
        while len(data) >= _HEADER:
            end = _HEADER + int.from_bytes(data[:_HEADER], "big")
            if len(data) < end:
                break
            yield bytes(data[_HEADER:end])
            del data[:end]


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _write_joined(descriptor: int, head: bytes, body: bytes) -> None:
    """Write both; those of a short message by one call, which wakes the reader once."""
    if len(body) >= _LONG:
        _write(descriptor, head)
        _write(descriptor, body)
    elif sys.platform == "win32":
        _write(descriptor, head + body)
    elif (written := os.writev(descriptor, (head, body))) < len(head) + len(body):
        _write(descriptor, (head + body)[written:])
