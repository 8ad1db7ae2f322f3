"""The audit log: a file of JSON lines without any patient's data.

A line holds::

    {"time", "who", "client", "method", "route", "study", "series", "instance", "frames", "status",
     "bytes", "seconds"}

Keys that have no value are left out; more keys may come. Values of a query are never logged: they
may be names, dates and IDs of patients.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Mapping
from queue import Empty, Full, Queue
from typing import Any

from rendicom.errors import OptionError
from rendicom.server.keys import append_privately

_log = logging.getLogger("rendicom.server")
_LONGEST_QUEUE = 100_000
_HANDFUL = 1000
_UID = re.compile(r"[0-9.]{1,64}")
_FRAMES = re.compile(r"[0-9,]{1,200}")
_NAMES = {"studyuid": "study", "seriesuid": "series", "objectuid": "instance"}
"""Names of the query parameters of WADO-URI."""


class Audit:
    """Appends lines to a file in a thread; requests do not wait for the disk.

    The file is opened anew for each handful of lines, so it may be moved away at any time.

    Parameters
    ----------
    location
        The file; ``-`` for standard error, an empty string for no log.

    Attributes
    ----------
    lost
        Lines that could not be written.
    """

    def __init__(self, location: str) -> None:
        self.lost = 0
        self._location = location
        self._lines: Queue[str | None] = Queue(_LONGEST_QUEUE)
        self._thread: threading.Thread | None = None

    @property
    def is_on(self) -> bool:
        """Tell whether there is an audit log."""
        return bool(self._location)

    def start(self) -> None:
        """Check that the file is writable, and start the thread.

        Raises
        ------
        OptionError
            It cannot be written.
        """
        if not self.is_on:
            return
        try:
            self._append("")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise OptionError(f"--audit-log {self._location} cannot be written: {reason}") from None
        self._thread = threading.Thread(target=self._write, name="rendicom-audit", daemon=True)
        self._thread.start()

    def record(self, entry: Mapping[str, Any]) -> None:
        """Add a line; it is counted as lost where the queue is full."""
        if self._thread is None:
            return
        try:
            self._lines.put_nowait(json.dumps(entry))
        except Full:
            self._lose(1)

    def close(self) -> None:
        """Write the remaining lines."""
        if self._thread is not None:
            self._lines.put(None)
            self._thread.join()
            self._thread = None

    def _write(self) -> None:
        is_last = False
        while not is_last:
            lines, is_last = self._handful()
            if not lines:
                continue
            try:
                self._append("".join(f"{line}\n" for line in lines))
            except OSError:
                self._lose(len(lines))

    def _handful(self) -> tuple[list[str], bool]:
        """Wait for a line; return it and those queued after it, and whether they are the last."""
        lines: list[str] = []
        line = self._lines.get()
        while line is not None:
            lines.append(line)
            if len(lines) == _HANDFUL:
                return lines, False
            try:
                line = self._lines.get_nowait()
            except Empty:
                return lines, False
        return lines, True

    def _append(self, text: str) -> None:
        if self._location == "-":
            sys.stderr.write(text)
            sys.stderr.flush()
            return
        with append_privately(self._location) as stream:
            stream.write(text)

    def _lose(self, number: int) -> None:
        if not self.lost:
            _log.error("the audit log cannot be written: lines are lost")
        self.lost += number


def uids_of(path_params: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, str]:
    """Return the UIDs and frames of a request; malformed values are left out."""
    found: dict[str, str] = {}
    for name in ("study", "series", "instance"):
        text = str(path_params.get(name, ""))
        if _UID.fullmatch(text):
            found[name] = text
    frames = str(path_params.get("frames", ""))
    if _FRAMES.fullmatch(frames):
        found["frames"] = frames
    for name, text in query.items():
        level = _NAMES.get(name.lower())
        if level and _UID.fullmatch(text):
            found[level] = text
    return found
