"""Counters of a run: work done, speed and time left."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from rendicom.batch.outcomes import Failed, Filtered, Ignored, NoPixels, Planned, Skipped, Written

if TYPE_CHECKING:
    from rendicom.batch.worker_messages import UnitReport
    from rendicom.selection import FrameSelection

_WINDOW = 10.0
"""Seconds over which the rate is measured."""
_STEP = 0.5
_ENOUGH = 2.0
"""Seconds before the time left is estimated."""
_REASONS = 50
"""Reasons counted separately; they quote the files, so there may be any number of them."""
_OTHER_REASONS = "other reasons"


class Rate(NamedTuple):
    """Work done per second."""

    sources: float = 0.0
    pictures: float = 0.0
    bytes_read: float = 0.0


class _RateMark(NamedTuple):
    """Progress at one point in time."""

    time: float
    sources: int
    pictures: int
    bytes_read: int


@dataclass(slots=True)
class Counters:
    """Number of sources by outcome.

    Attributes
    ----------
    sources
        Sources examined; one that comes in several reports counts once.
    done_before
        Sources that an earlier run completed; the caller counts them.
    written, skipped, planned
        Pictures. An animation counts once, regardless of the number of its frames.
    files
        Sources with at least one picture.
    no_pixels, documents
        Sources that are not images, and those among them that can become documents.
    ignored
        Sources that are not DICOM instances, or hidden.
    failed
        Failures by code.
    filtered
        Sources left out, by reason.
    bytes_read
        Size of the sources.
    has_members
        A source was a member of an archive, so the number of files does not tell the number of
        sources.
    """

    sources: int = 0
    done_before: int = 0
    written: int = 0
    skipped: int = 0
    planned: int = 0
    files: int = 0
    no_pixels: int = 0
    documents: int = 0
    ignored: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    filtered: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0
    has_members: bool = False
    _unfinished: dict[str, int] = field(default_factory=dict)
    """Frames left of long sources, which several workers share."""
    _giving: set[str] = field(default_factory=set)
    """Long sources with at least one picture."""
    _first: _RateMark | None = None
    _marks: deque[_RateMark] = field(default_factory=deque)

    def add(self, report: UnitReport) -> None:
        """Count a report."""
        if self._is_new(report):
            self.sources += 1
            self.bytes_read += report.unit.size
            self.has_members = self.has_members or report.unit.member is not None
        self._count_giver(report)
        for outcome in report.outcomes:
            match outcome:
                case Written():
                    self.written += 1
                case Failed():
                    self.failed[outcome.code] += 1
                case Skipped():
                    self.skipped += 1
                case Planned():
                    self.planned += 1
                case NoPixels():
                    self.no_pixels += 1
                    self.documents += outcome.is_document
                case Ignored():
                    self.ignored += 1
                case Filtered():
                    reason = outcome.reason
                    is_known = reason in self.filtered or len(self.filtered) < _REASONS
                    self.filtered[reason if is_known else _OTHER_REASONS] += 1

    def _is_new(self, report: UnitReport) -> bool:
        """Tell whether this is the first report of its source."""
        if report.unit.frames is None and report.rest is None:
            return True
        source, rest = report.unit.source, _count(report.rest)
        known = self._unfinished.pop(source, 0) if report.unit.frames is not None else 0
        left = known - _count(report.unit.frames) + rest if known else rest
        if left > 0:
            self._unfinished[source] = left
        return not known

    def _count_giver(self, report: UnitReport) -> None:
        """Count a source with a picture, unless an earlier report of it was counted."""
        source = report.unit.source
        gives = any(isinstance(each, Written) for each in report.outcomes)
        if report.unit.frames is None and report.rest is None:
            self.files += gives  # in one report, as most
            return
        if gives:
            self.files += source not in self._giving
            self._giving.add(source)
        if source not in self._unfinished:
            self._giving.discard(source)

    @property
    def pictures(self) -> int:
        """Return the number of pictures made or, in a dry run, planned."""
        return self.written + self.planned

    @property
    def converted(self) -> int:
        """Return the number of DICOM sources that the filters kept."""
        return self.sources - self.ignored - self.filtered.total()

    # --- how fast -------------------------------------------------------------------------

    def mark(self, now: float) -> None:
        """Record the progress at ``now``, in seconds of a monotonic clock.

        The rates are taken between marks; those closer together than half a second are not kept.
        """
        if self._marks and now - self._marks[-1].time < _STEP:
            return
        mark = self._mark(now)
        self._first = self._first or mark
        self._marks.append(mark)
        # The last mark before the window stays, as the start of a window with a gap.
        while len(self._marks) > 1 and now - self._marks[1].time >= _WINDOW:
            self._marks.popleft()

    def rate(self, now: float) -> Rate:
        """Return the rate over the last ten seconds."""
        return self._since(self._marks[0] if self._marks else None, now)

    def overall_rate(self, now: float) -> Rate:
        """Return the rate since the first mark."""
        return self._since(self._first, now)

    def time_left(self, now: float, total: int | None) -> float | None:
        """Return the estimated seconds until ``total`` sources are done; None where unknown.

        The mean of two estimates, by the current rate and by that of the whole run: sizes vary.
        """
        if total is None or self._first is None or now - self._first.time < _ENOUGH:
            return None
        speed = (self.rate(now).sources + self.overall_rate(now).sources) / 2
        left = max(0, total - self.sources - self.done_before)
        return left / speed if speed else None

    def _mark(self, now: float) -> _RateMark:
        return _RateMark(now, self.sources, self.pictures, self.bytes_read)

    def _since(self, earlier: _RateMark | None, now: float) -> Rate:
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
