"""Counts of a run: how much is done, how fast, and how long it may take."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rendicom.batch.job import Failed, Filtered, Ignored, Planned, Skipped, Written

if TYPE_CHECKING:
    from rendicom.batch.units import Report

__all__ = ["Tally"]

_WINDOW = 10.0
"""Seconds that the rate is taken over."""
_STEP = 0.5
_ENOUGH = 2.0
"""Seconds before anybody can tell how long it will take."""


@dataclass(slots=True)
class Tally:
    """What became of the sources so far.

    Attributes
    ----------
    sources
        Sources that were looked at; one that comes in several reports counts once.
    written, skipped, planned
        Pictures.
    failed
        Failures by code.
    filtered
        Sources left out, by reason.
    bytes_read, bytes_written
        Sizes of the sources and of the pictures.
    """

    sources: int = 0
    written: int = 0
    skipped: int = 0
    planned: int = 0
    ignored: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    filtered: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0
    bytes_written: int = 0
    _marks: deque[tuple[float, int, int]] = field(default_factory=deque)

    def add(self, report: Report) -> None:
        """Count a report."""
        if report.unit.frames is None:
            self.sources += 1
            self.bytes_read += report.unit.size
        for outcome in report.outcomes:
            match outcome:
                case Written():
                    self.written += 1
                    self.bytes_written += outcome.size
                case Failed():
                    self.failed[outcome.code] += 1
                case Skipped():
                    self.skipped += 1
                case Planned():
                    self.planned += 1
                case Ignored():
                    self.ignored += 1
                case Filtered():
                    self.filtered[outcome.reason] += 1

    @property
    def converted(self) -> int:
        """Return the number of sources that were DICOM and wanted."""
        return self.sources - self.ignored - self.filtered.total()

    def mark(self, now: float) -> None:
        """Remember how far it is at ``now``, in seconds of a clock that only goes forward."""
        if self._marks and now - self._marks[-1][0] < _STEP:
            return
        self._marks.append((now, self.sources, self.written))
        while self._marks[-1][0] - self._marks[0][0] > _WINDOW:
            self._marks.popleft()

    def rate(self) -> tuple[float, float]:
        """Return sources and pictures a second over the last ten seconds of marks."""
        if len(self._marks) < 2:
            return 0.0, 0.0
        (began, sources, written), (now, *last) = self._marks[0], self._marks[-1]
        return (last[0] - sources) / (now - began), (last[1] - written) / (now - began)

    def time_left(self, total: int | None) -> float | None:
        """Return the seconds that ``total`` sources may still take; None where nobody can tell."""
        if total is None or len(self._marks) < 2:
            return None
        sources, _ = self.rate()
        if not sources or self._marks[-1][0] - self._marks[0][0] < _ENOUGH:
            return None
        return max(0.0, (total - self.sources) / sources)
