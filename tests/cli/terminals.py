"""A terminal to run a command on, and what is left on its screen."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

_CODE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n])")


@dataclass
class Screen:
    """What a terminal of some columns shows: text, and the few codes that a live line needs.

    Anything else that it does not know is kept as text, so that it shows.
    """

    columns: int
    rows: list[str] = field(default_factory=lambda: [""])
    row: int = 0
    column: int = 0
    has_cursor: bool = True

    def feed(self, text: str) -> Screen:
        """Take in what was written."""
        place = 0
        while place < len(text):
            match = _CODE.match(text, place)
            if match is None:
                self._letter(text[place])
                place += 1
                continue
            place = match.end()
            private, numbers, code, carriage_return, line_feed, letter = match.groups()
            if carriage_return:
                self.column = 0
            elif line_feed:
                self._down()
            elif letter:
                self._letter(letter)
            elif private and numbers == "25":
                self.has_cursor = code == "h"
            elif code == "A":
                self.row = max(0, self.row - int(numbers or 1))
            elif code == "K" and numbers == "2":
                self.rows[self.row] = ""
            elif code != "m":
                raise AssertionError(f"unknown code {match[0]!r}")
        return self

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append("")

    def _letter(self, letter: str) -> None:
        if self.column == self.columns:
            self.column = 0
            self._down()
        line = self.rows[self.row].ljust(self.column)
        self.rows[self.row] = line[: self.column] + letter + line[self.column + 1 :]
        self.column += 1

    @property
    def text(self) -> list[str]:
        """Return the lines, less empty ones at the end."""
        return "\n".join(self.rows).rstrip().split("\n")


@dataclass
class Session:
    """A process whose standard streams are a terminal."""

    process: subprocess.Popen[bytes]
    controller: int
    columns: int
    data: bytes = b""

    @property
    def text(self) -> str:
        """Return what was written, with the line ends of the program."""
        return self.data.decode("utf-8", "replace").replace("\r\n", "\n")

    @property
    def screen(self) -> Screen:
        """Return what is left on the screen."""
        # A line feed that a program writes comes out as both.
        return Screen(self.columns).feed(self.data.decode("utf-8", "replace"))

    def read_until(self, wanted: bytes | None, seconds: float = 30.0) -> None:
        """Read until something is there; None for the end."""
        import select

        until = time.monotonic() + seconds
        while wanted is None or wanted not in self.data:
            left = until - time.monotonic()
            assert left > 0, f"not there in time: {wanted!r}; {self.data[-500:]!r}"
            if not select.select([self.controller], [], [], min(left, 0.5))[0]:
                continue
            try:
                piece = os.read(self.controller, 1 << 16)
            except OSError:
                piece = b""
            if not piece:
                assert wanted is None, f"ended without {wanted!r}: {self.data[-500:]!r}"
                return
            self.data += piece

    def type(self, keys: bytes) -> None:
        """Send keys, such as Ctrl-C."""
        os.write(self.controller, keys)

    def finish(self) -> int:
        """Read to the end and return the exit status."""
        self.read_until(None)
        return self.process.wait(timeout=30)

    def close(self) -> None:
        """End the process if it is still there."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(timeout=10)
        if self.process.stdout is not None:
            self.process.stdout.close()
        with contextlib.suppress(OSError):
            os.close(self.controller)


def start(arguments: list[str], *, columns: int = 80, pipes_out: bool = False, **environment: str):
    """Start Python with ``arguments`` on a terminal; standard output may be a pipe instead."""
    import fcntl
    import pty
    import struct
    import termios

    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    hidden = ("NO_COLOR", "COLUMNS", "FORCE_COLOR")
    inherited = {name: value for name, value in os.environ.items() if name not in hidden}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=terminal, stdout=subprocess.PIPE if pipes_out else terminal, stderr=terminal,
        env={**inherited, "TERM": "xterm-256color", "PYTHONUTF8": "1", **environment},
        preexec_fn=_own_terminal,  # noqa: PLW1509 - no other thread runs here
    )  # fmt: skip
    os.close(terminal)
    return Session(process, controller, columns)


def _own_terminal() -> None:
    """Make standard input the terminal that sends this process Ctrl-C."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
