"""Progress on standard error: a live line on a terminal, else a line from time to time."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Self

from rendicom.cli.console import complain, counted, duration, speed

if TYPE_CHECKING:
    from rendicom.batch.counters import Counters
    from rendicom.cli.live import Live

_LIVE_SECONDS = 0.2
_FIRST_LINE_SECONDS = 5.0
_LINE_SECONDS = 10.0
_GIGABYTE, _MEGABYTE = 1e9, 1e6
_SEPARATOR = ", "


class LinePart(NamedTuple):
    """A part of the line, and its rank where not all parts fit; 0 is the most important."""

    text: str
    rank: int = 0


def fitted(parts: Sequence[LinePart], width: int) -> str:
    """Return the most important parts that fit ``width`` letters, in their order."""
    kept = list(parts)
    while len(kept) > 1 and len(_joined(kept)) > width:
        # Of equally important parts the last one is dropped first.
        kept.pop(max(range(len(kept)), key=lambda place: (kept[place].rank, place)))
    return _joined(kept)[: max(0, width)]


def _joined(parts: Sequence[LinePart]) -> str:
    return _SEPARATOR.join(part.text for part in parts)


class Progress:
    """Shows the progress of a run; a context manager that restores the terminal.

    Other output on standard error or standard output appears above the live line.

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
        self._live: Live | None = None
        self._total = 0
        self._is_final = False
        self._is_over = False

    def __enter__(self) -> Self:
        self._next = self._clock() + _FIRST_LINE_SECONDS
        if not self._is_quiet and _is_terminal():
            from rendicom.cli.live import Live

            self._live = Live(seconds=_LIVE_SECONDS)
            self._live.start()
            self._next = self._clock()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Remove the live line; further calls do nothing."""
        self._is_over = True
        if self._live is not None:
            self._live.stop()
            self._live = None

    def total(self, number: int, *, is_final: bool) -> None:
        """Set the number of sources found so far."""
        self._total, self._is_final = number, is_final

    def count(self, totals: Iterator[int]) -> None:
        """Take growing totals of sources from ``totals`` in a thread, the last one being final."""
        if not self._is_quiet:
            threading.Thread(target=self._take, args=(totals,), daemon=True).start()

    def _take(self, totals: Iterator[int]) -> None:
        total = 0
        for total in totals:
            if self._is_over:
                return
            self.total(total, is_final=False)
        self.total(total, is_final=True)

    def stage(self, text: str) -> None:
        """Show the final step of a run, after all sources are done; on a terminal only."""
        if self._live is not None:
            self._live.show(partial(fitted, [LinePart(text)]))

    def update(self, tally: Counters) -> None:
        """Show the counters, unless they were shown recently."""
        if self._is_quiet:
            return
        now = self._clock()
        tally.mark(now)
        if now < self._next:
            return
        total = self._known_total(tally)
        if self._live is None:
            self._next = now + _LINE_SECONDS
            complain(_joined(_parts(tally, now, total)))
        else:
            self._next = now + _LIVE_SECONDS
            done = tally.sources + tally.done_before
            share = done / total if total else None
            self._live.show(partial(fitted, _parts(tally, now, total)), share=share)

    def _known_total(self, tally: Counters) -> int | None:
        """Return the total of sources; None while it grows, or if archives contain more."""
        is_enough = self._total >= tally.sources + tally.done_before
        return self._total if self._is_final and is_enough and not tally.has_members else None


def _parts(tally: Counters, now: float, total: int | None) -> list[LinePart]:
    """Return the parts of the line."""
    rate = tally.rate(now)
    parts = [
        LinePart(_files(tally, total)),
        LinePart(counted(tally.pictures, "picture"), 4),
    ]
    if rate.pictures:
        parts.append(LinePart(speed(rate.pictures), 3))
    elif rate.sources:
        parts.append(LinePart(speed(rate.sources).replace("/", " files/"), 3))
    if rate.bytes_read:
        parts.append(LinePart(f"{_size(rate.bytes_read)}/s", 6))
    if tally.skipped:
        parts.append(LinePart(f"{tally.skipped} there already", 5))
    if tally.failed:
        parts.append(LinePart(f"{tally.failed.total()} failed", 1))
    left = tally.time_left(now, total)
    if left is not None:
        parts.append(LinePart(f"about {duration(left)} left", 2))
    return parts


def _files(tally: Counters, total: int | None) -> str:
    done = tally.sources + tally.done_before
    return counted(done, "file") if total is None else f"{done} of {counted(total, 'file')}"


def _size(size: float) -> str:
    if size >= _GIGABYTE:
        return f"{size / _GIGABYTE:.1f} GB"
    return f"{size / _MEGABYTE:.{0 if size >= 10 * _MEGABYTE else 1}f} MB"


def _is_terminal() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
