"""Says on standard error how far a run is: a live line on a terminal, else a line now and then."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from rendicom.cli.console import complain, counted, duration

if TYPE_CHECKING:
    from rendicom.batch.tally import Tally

__all__ = ["Progress"]

_LIVE_SECONDS = 0.2
_FIRST_LINE_SECONDS = 5.0
_LINE_SECONDS = 10.0


class Progress:
    """Shows how far a run is; a context manager that gives the terminal back.

    Parameters
    ----------
    is_quiet
        Show nothing.
    clock
        Seconds, only going forward.
    """

    def __init__(self, *, is_quiet: bool, clock: Callable[[], float] = monotonic) -> None:
        self._is_quiet = is_quiet
        self._clock = clock
        self._next = 0.0
        self._live: _Live | None = None
        self._total = 0
        self._is_counted = False
        self._counter: threading.Thread | None = None
        self._is_over = False

    def __enter__(self) -> Self:
        """Begin."""
        self._next = self._clock() + _FIRST_LINE_SECONDS
        if not self._is_quiet and _is_terminal():
            self._live = _Live()
            self._next = self._clock()
        return self

    def __exit__(self, *error: object) -> None:
        """Give the terminal back."""
        self.stop()

    def stop(self) -> None:
        """Take the live line away; more calls do nothing."""
        self._is_over = True
        if self._live is not None:
            self._live.stop()
            self._live = None

    def count(self, totals: Iterator[int]) -> None:
        """Take growing totals of sources from ``totals`` in a thread, the last one being final."""
        if self._is_quiet:
            return
        self._counter = threading.Thread(target=self._take, args=(totals,), daemon=True)
        self._counter.start()

    def _take(self, totals: Iterator[int]) -> None:
        for self._total in totals:
            if self._is_over:
                return
        self._is_counted = True

    def update(self, tally: Tally) -> None:
        """Show the tally, unless something was shown a moment ago."""
        now = self._clock()
        tally.mark(now)
        if self._is_quiet or now < self._next:
            return
        if self._live is not None:
            self._next = now + _LIVE_SECONDS
            self._live.show(tally.sources, self._shown_total(tally), self._text(tally))
        else:
            self._next = now + _LINE_SECONDS
            complain(f"{self._files(tally)}, {self._text(tally)}")

    def _shown_total(self, tally: Tally) -> int | None:
        """Return the total of sources; None as long as it grows, or where archives hold more."""
        return self._total if self._is_counted and self._total >= tally.sources else None

    def _files(self, tally: Tally) -> str:
        total = self._shown_total(tally)
        return f"{tally.sources}{f' of {total}' if total is not None else ''} files"

    def _text(self, tally: Tally) -> str:
        parts = [counted(tally.written or tally.planned, "picture")]
        sources, pictures = tally.rate()
        if pictures or sources:
            parts.append(f"{pictures or sources:.0f}/s")
        if tally.bytes_read:
            parts.append(f"{tally.bytes_read / 1e6:.0f} MB read")
        if tally.failed:
            parts.append(f"{tally.failed.total()} failed")
        left = tally.time_left(self._shown_total(tally))
        if left is not None:
            parts.append(f"about {duration(left)} left")
        return ", ".join(parts)


class _Live:
    """The live line of rich; what is printed meanwhile appears above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
        from rich.progress import Progress as Bar

        columns = (
            SpinnerColumn(),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self._bar: Any = Bar(
            *columns,
            console=Console(stderr=True),
            transient=True,
            auto_refresh=False,
            redirect_stdout=sys.stdout.isatty(),
        )
        self._bar.start()
        self._task = self._bar.add_task("looking for files", total=None)

    def show(self, done: int, total: int | None, text: str) -> None:
        self._bar.update(self._task, completed=done, total=total, description=text, refresh=True)

    def stop(self) -> None:
        self._bar.stop()


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
