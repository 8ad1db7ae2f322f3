"""A status line at the foot of a terminal; other output is printed above it.

While the line is shown, only its thread writes to the terminal, a few times a second: a million
printed lines do not cause a million redraws, and an interrupt does not leave a half-drawn line.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple, TextIO, cast

_SPINNER, _PLAIN_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\"
_SPINS = 8.0
"""Steps of the spinner in a second."""
_BAR, _LEAST_BAR = 30, 12
_WIDE = 60
"""Least width of a line with a bar."""
_USUAL_COLUMNS = 80
_MOST_WAITING = 1 << 16
"""Limit on characters buffered for the thread; writers wait above it."""


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
                self._change.wait_for(self._has_room)

    def _has_room(self) -> bool:
        return self._size <= _MOST_WAITING or self._is_over

    def _is_urgent(self) -> bool:
        return self._size > _MOST_WAITING or self._is_over

    def _work(self) -> None:
        try:
            while not self._is_over:
                self._draw()
                with self._change:
                    self._change.wait_for(self._is_urgent, self._seconds)
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
        is_plain = not _is_unicode(self._streams[1])
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


def _is_unicode(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "").startswith("utf")
