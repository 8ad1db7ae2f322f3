"""Ends the process if one picture takes too long, even in native code.

A library that hangs in C and holds the interpreter lock runs no Python code any more: no signal
handler, no other thread. The timer of `faulthandler` is a native thread that needs no lock. There
is one per process, so it is set to the earliest deadline.
"""

from __future__ import annotations

import os
import threading
from time import monotonic
from typing import Self

TIMEOUT_EXIT = 1
"""Exit code of a process that missed its deadline; faulthandler's is fixed.

Other failures have the same code, so `report_to` distinguishes them.
"""

REPORT = b"Timeout "
"""First bytes of faulthandler's report."""

_LONGEST = 10_000_000.0
_SHORTEST = 0.001


class _Timer:
    """The timer of this process. The lock protects ``_ends`` and the timer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[object, float] = {}
        self._set_to: float | None = None
        self.report: int | None = None

    def add(self, token: object, end: float) -> None:
        with self._lock:
            self._ends[token] = end
            self._set()

    def remove(self, token: object) -> None:
        with self._lock:
            del self._ends[token]
            self._set()

    def _set(self) -> None:
        import faulthandler

        first = min(self._ends.values(), default=None)
        if first == self._set_to:
            return
        self._set_to = first
        if first is None:
            faulthandler.cancel_dump_traceback_later()
            return
        if self.report is None:
            self.report = os.open(os.devnull, os.O_WRONLY)
        left = max(_SHORTEST, first - monotonic())
        faulthandler.dump_traceback_later(left, exit=True, file=self.report)


_timer = _Timer()


def report_to(descriptor: int) -> None:
    """Write `REPORT` and a traceback to ``descriptor`` before a deadline ends the process."""
    _timer.report = descriptor


_SLACK = 0.1


class RepeatedDeadline:
    """A deadline for each of many pictures, one after the other.

    A missed one ends the whole process at once, with `TIMEOUT_EXIT`; nothing is cleaned up, so it
    is for worker processes only. Threads may have separate deadlines. Takes over the one timer of
    `faulthandler.dump_traceback_later`.

    Setting the timer starts a thread, which takes long for a picture of three milliseconds. So a
    picture gets up to a tenth more than ``seconds``, and the timer is set again when that tenth is
    used up.

    Parameters
    ----------
    seconds
        Time limit of one picture; None for no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = None if seconds is None else min(seconds, _LONGEST)
        self._token = object()
        self._end = 0.0

    def __enter__(self) -> Self:
        """Start with the first picture."""
        self.restart()
        return self

    def __exit__(self, *error: object) -> None:
        """Set no more deadlines."""
        if self._end:
            _timer.remove(self._token)

    def restart(self) -> None:
        """Give the next picture its time."""
        if self._seconds is None:
            return
        now = monotonic()
        if now + self._seconds > self._end:
            self._end = now + (1 + _SLACK) * self._seconds
            _timer.add(self._token, self._end)
