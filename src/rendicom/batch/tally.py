"""Counts of a run: how much is done, how fast, and how long it may take."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from rendicom.batch.job import Failed, Filtered, Ignored, Planned, Skipped, Written

if TYPE_CHECKING:
    from rendicom.batch.frames import FrameSelection
    from rendicom.batch.units import Report

__all__ = ["Rate", "Tally"]

_WINDOW = 10.0
"""Seconds that the rate is taken over."""
_STEP = 0.5
_ENOUGH = 2.0
"""Seconds before anybody can tell how long it will take."""
_REASONS = 50
"""Reasons kept apart; they quote what files say, so there may be any number of them."""
_OTHER_REASONS = "other reasons"


class Rate(NamedTuple):
    """How much is done in a second."""

    sources: float = 0.0
    pictures: float = 0.0
    bytes_read: float = 0.0


class _Mark(NamedTuple):
    """How far a run was at a time."""

    time: float
    sources: int
    pictures: int
    bytes_read: int


@dataclass(slots=True)
class Tally:
    """What became of the sources so far.

    Attributes
    ----------
    sources
        Sources that were looked at; one that comes in several reports counts once.
    done_before
        Sources that an earlier run was done with; whoever leaves them out says so here.
    written, skipped, planned
        Pictures. One of an animated format counts once, whatever the number of its frames.
    ignored
        Sources that are no DICOM instances.
    failed
        Failures by code.
    filtered
        Sources left out, by reason.
    bytes_read, bytes_written
        Sizes of the sources and of the pictures.
    has_members
        A source was one of several in an archive: the number of files says nothing of the number
        of sources.
    """

    sources: int = 0
    done_before: int = 0
    written: int = 0
    skipped: int = 0
    planned: int = 0
    ignored: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    filtered: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0
    bytes_written: int = 0
    has_members: bool = False
    _unfinished: dict[str, int] = field(default_factory=dict)
    """Frames to come of long sources, which several workers share."""
    _first: _Mark | None = None
    _marks: deque[_Mark] = field(default_factory=deque)

    def add(self, report: Report) -> None:
        """Count a report."""
        if self._is_new(report):
            self.sources += 1
            self.bytes_read += report.unit.size
            self.has_members = self.has_members or report.unit.member is not None
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
                    reason = outcome.reason
                    is_known = reason in self.filtered or len(self.filtered) < _REASONS
                    self.filtered[reason if is_known else _OTHER_REASONS] += 1

    def _is_new(self, report: Report) -> bool:
        """Tell whether this is the first report of its source."""
        if report.unit.frames is None and report.rest is None:
            return True
        source, rest = report.unit.source, _count(report.rest)
        known = self._unfinished.pop(source, 0) if report.unit.frames is not None else 0
        left = known - _count(report.unit.frames) + rest if known else rest
        if left > 0:
            self._unfinished[source] = left
        return not known

    @property
    def pictures(self) -> int:
        """Return the number of pictures made, or that would be."""
        return self.written + self.planned

    @property
    def converted(self) -> int:
        """Return the number of sources that were DICOM and wanted."""
        return self.sources - self.ignored - self.filtered.total()

    # --- how fast -------------------------------------------------------------------------

    def mark(self, now: float) -> None:
        """Remember how far it is at ``now``, in seconds of a clock that only goes forward.

        The rates are taken between marks; those closer together than half a second are not kept.
        """
        if self._marks and now - self._marks[-1].time < _STEP:
            return
        mark = self._mark(now)
        self._first = self._first or mark
        self._marks.append(mark)
        # The last one from before the window stays: it tells what a window with a gap began with.
        while len(self._marks) > 1 and now - self._marks[1].time >= _WINDOW:
            self._marks.popleft()

    def rate(self, now: float) -> Rate:
        """Return what is done in a second, over the last ten seconds."""
        return self._since(self._marks[0] if self._marks else None, now)

    def overall_rate(self, now: float) -> Rate:
        """Return what is done in a second since the first mark."""
        return self._since(self._first, now)

    def time_left(self, now: float, total: int | None) -> float | None:
        """Return the seconds that ``total`` sources may still take; None where nobody can tell.

        Half by the rate of the moment and half by that of the whole run: sources come in all sizes.
        """
        if total is None or self._first is None or now - self._first.time < _ENOUGH:
            return None
        speed = (self.rate(now).sources + self.overall_rate(now).sources) / 2
        left = max(0, total - self.sources - self.done_before)
        return left / speed if speed else None

    def _mark(self, now: float) -> _Mark:
        return _Mark(now, self.sources, self.pictures, self.bytes_read)

    def _since(self, earlier: _Mark | None, now: float) -> Rate:
        if earlier is None or now <= earlier.time:
            return Rate()
        here, seconds = self._mark(now), now - earlier.time
        return Rate(
            (here.sources - earlier.sources) / seconds,
            (here.pictures - earlier.pictures) / seconds,
            (here.bytes_read - earlier.bytes_read) / seconds,
        )


def _count(frames: FrameSelection | None) -> int:
    return sum(last - first + 1 for first, last in frames.ranges) if frames is not None else 0
