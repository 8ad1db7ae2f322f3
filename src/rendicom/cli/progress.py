"""Progress on standard error: a live line on a terminal, else a line from time to time.

While the line is shown, only its thread writes to the terminal, a few times a second: a million
printed lines do not cause a million redraws, and an interrupt does not leave a half-drawn line.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TextIO, cast

from rendicom.cli.console import complain, counted, duration, speed

if TYPE_CHECKING:
    from rendicom.batch.counters import Counters

_SPINNER, _PLAIN_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\"
_SPINS = 8.0
"""Steps of the spinner in a second."""
_BAR, _LEAST_BAR = 30, 12
_WIDE = 60
"""Least width of a line with a bar."""
_USUAL_COLUMNS = 80
_MOST_WAITING = 1 << 16
"""Limit on characters buffered for the thread; writers wait above it."""
_LIVE_SECONDS = 0.2
_FIRST_LINE_SECONDS = 5.0
_LINE_SECONDS = 10.0
_GIGABYTE, _MEGABYTE = 1e9, 1e6
_SEPARATOR = ", "


class Live:
    """Shows one line; ``start`` and ``stop`` it.

    Standard error, and standard output where it is the same terminal, are replaced meanwhile: what
    is printed there appears above the line, as it is, within ``seconds``.

    Parameters
    ----------
    seconds
        Between two redraws.
    """

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._shown = _ShownLine(lambda width: "looking for files"[:width], None)
        self._drawn = 0
        """Current length of the line on the terminal."""
        self._change = threading.Condition()
        self._waiting: list[str] = []
        self._size = 0
        self._is_over = False
        self._thread = threading.Thread(target=self._work, name="rendicom-live", daemon=True)
        self._streams = sys.stdout, sys.stderr

    def start(self) -> None:
        """Show the line."""
        out, err = self._streams
        self._thread.start()
        sys.stderr = cast("TextIO", _Above(self, err))
        if _is_same_terminal(out, err):
            sys.stdout = cast("TextIO", _Above(self, out))

    def stop(self) -> None:
        """Remove the line and restore the streams; further calls do nothing."""
        with self._change:
            self._is_over = True
            self._change.notify_all()
        sys.stdout, sys.stderr = self._streams
        if self._thread.ident is not None:
            self._thread.join()
        # The terminal is gone.
        with suppress(OSError):
            self._write(f"{self._erased()}{self._taken(to_the_end=True)}")

    def show(self, fit: Callable[[int], str], *, share: float | None = None) -> None:
        """Set the line to the result of ``fit`` for the number of columns.

        ``share`` is the finished part, from 0 to 1; None if unknown.
        """
        self._shown = _ShownLine(fit, share)

    def print(self, text: str) -> None:
        """Print complete lines above the status line."""
        with self._change:
            self._waiting.append(text)
            if "\n" in text:
                self._size += len(text)
            if self._size > _MOST_WAITING:
                self._change.notify_all()
                self._change.wait_for(lambda: self._size <= _MOST_WAITING or self._is_over)

    def _work(self) -> None:
        try:
            while not self._is_over:
                self._draw()
                with self._change:
                    self._change.wait_for(
                        lambda: self._size > _MOST_WAITING or self._is_over, self._seconds
                    )
        except OSError:
            # The terminal was closed: the next output reports that.
            pass
        finally:
            with self._change:
                sys.stdout, sys.stderr = self._streams
                self._is_over = True
                self._change.notify_all()

    def _draw(self) -> None:
        text, line = self._taken(), self._line()
        self._write(f"{self._erased()}{text}{line}")
        self._drawn = len(line)

    def _erased(self) -> str:
        """Return the text that erases the line: spaces if the terminal may not know the code."""
        if not self._drawn:
            return ""
        return f"\r{' ' * self._drawn}\r" if sys.platform == "win32" else "\r\x1b[2K"

    def _write(self, text: str) -> None:
        self._streams[1].write(text)
        self._streams[1].flush()

    def _line(self) -> str:
        """Return spinner or bar, and text; never more than fits."""
        fit, share = self._shown
        # Some terminals wrap after a character in the last column.
        width = max(1, _columns(self._streams[1]) - 1)
        encoding = getattr(self._streams[1], "encoding", None) or ""
        is_plain = not encoding.lower().replace("-", "").startswith("utf")
        frames = _PLAIN_SPINNER if is_plain else _SPINNER
        spinner = frames[int(monotonic() * _SPINS) % len(frames)]
        width -= 2
        if share is None or width < _WIDE:
            return f"{spinner} {fit(width)}"[: width + 2]
        text = fit(width - _LEAST_BAR - 1)
        columns = min(_BAR, width - len(text) - 1)
        done = round(columns * min(1.0, share))
        full, empty = "#." if is_plain else "\u2588\u2591"
        return f"{spinner} {full * done}{empty * (columns - done)} {text}"

    def _taken(self, *, to_the_end: bool = False) -> str:
        """Return the output to print: whole lines only, except at the end."""
        with self._change:
            text = "".join(self._waiting)
            length = len(text) if to_the_end else text.rfind("\n") + 1
            self._waiting = [text[length:]] if text[length:] else []
            self._size = 0
            self._change.notify_all()
        return text[:length]


class _ShownLine(NamedTuple):
    """Text of the line; replaced as a whole because the thread may be reading it."""

    fit: Callable[[int], str]
    share: float | None


class _Above:
    """Replaces a stream; its output appears above the status line."""

    def __init__(self, live: Live, stream: TextIO) -> None:
        self._live, self._stream = live, stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self._live.print(text)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        self.write("".join(lines))

    def flush(self) -> None:
        """Do nothing: the thread writes soon."""


def _is_same_terminal(out: TextIO, err: TextIO) -> bool:
    import os

    try:
        return out.isatty() and os.path.sameopenfile(out.fileno(), err.fileno())
    except (OSError, ValueError):
        return False


def _columns(stream: TextIO) -> int:
    import os

    with suppress(ValueError):
        if (columns := int(os.environ.get("COLUMNS", ""))) > 0:
            return columns
    with suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS
    return _USUAL_COLUMNS


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
        is_plain = os.environ.get("TERM") in ("dumb", "unknown")
        if not self._is_quiet and sys.stderr.isatty() and not is_plain:
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
        done = tally.sources + tally.done_before
        # It may still grow, or archives may contain more.
        is_known = self._is_final and self._total >= done and not tally.has_members
        total = self._total if is_known else None
        if self._live is None:
            self._next = now + _LINE_SECONDS
            complain(_joined(_parts(tally, now, total)))
        else:
            self._next = now + _LIVE_SECONDS
            share = done / total if total else None
            self._live.show(partial(fitted, _parts(tally, now, total)), share=share)


def _parts(tally: Counters, now: float, total: int | None) -> list[LinePart]:
    """Return the parts of the line."""
    rate, done = tally.rate(now), tally.sources + tally.done_before
    parts = [
        LinePart(counted(done, "file") if total is None else f"{done} of {counted(total, 'file')}"),
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


def _size(size: float) -> str:
    if size >= _GIGABYTE:
        return f"{size / _GIGABYTE:.1f} GB"
    return f"{size / _MEGABYTE:.{0 if size >= 10 * _MEGABYTE else 1}f} MB"
