"""Counts of a run: what is counted once, what is counted by kind, and how fast it goes."""

from __future__ import annotations

import time

import pytest

from rendicom.archives.entries import Member
from rendicom.batch.counters import Counters, Rate
from rendicom.batch.outcomes import Failed, Filtered, Ignored, Notice, Planned, Skipped, Written
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import UnitReport
from rendicom.selection import FrameSelection


def unit(source: str = "a.dcm", **more) -> Unit:
    return Unit(source, source, **{"size": 1000, **more})


def written(size: int = 10) -> Written:
    return Written("a.dcm", "a.png", 1, 6, 4, "image/png", size, "", ())


def frames(text: str) -> FrameSelection:
    return FrameSelection.parse(text)


def test_every_kind_of_outcome_has_its_count() -> None:
    tally = Counters()
    skipped = Skipped("b", "b.png", 1)
    failed = [Failed("c", None, code, "") for code in ("corrupt-data", "no-pixel-data")]
    tally.add(UnitReport(unit("a"), (Notice("a", "frames", ""), written(10), written(20))))
    tally.add(UnitReport(unit("b", size=1), (skipped, failed[0])))
    tally.add(UnitReport(unit("c"), (failed[0],)))
    tally.add(UnitReport(unit("d"), (failed[1],)))
    tally.add(UnitReport(unit("e"), (Planned("e", "e.png", None, exists=True),)))
    tally.add(UnitReport(unit("f", size=0), (Ignored("f"),)))
    tally.add(UnitReport(unit("g"), (Filtered("g", "modality SR"),)))
    assert (tally.sources, tally.written, tally.skipped, tally.planned) == (7, 2, 1, 1)
    assert (tally.ignored, tally.converted, tally.pictures) == (1, 5, 3)
    assert tally.failed == {"corrupt-data": 2, "no-pixel-data": 1}
    assert tally.filtered == {"modality SR": 1}
    assert tally.bytes_read == 5001


def test_a_long_source_that_comes_in_pieces_counts_once() -> None:
    tally = Counters()
    # The worker's time was up after frame 1; two others share the rest, one of them in two steps.
    tally.add(UnitReport(unit(), (written(),), rest=frames("2-9")))
    tally.add(UnitReport(unit(frames=frames("2-5")), (written(),) * 2, rest=frames("4-5")))
    tally.add(UnitReport(unit("other"), (written(),)))
    tally.add(UnitReport(unit(frames=frames("6-9")), (written(),) * 4))
    assert (tally.sources, tally.bytes_read) == (2, 2000)
    tally.add(UnitReport(unit(frames=frames("4-5")), (written(),) * 2))
    assert (tally.sources, tally.written, tally.bytes_read) == (2, 10, 2000)
    assert not tally._unfinished, "nothing is kept of what is done"


def test_what_a_resumed_run_left_of_a_source_counts_as_a_source() -> None:
    tally = Counters()
    tally.add(UnitReport(unit("a", frames=frames("3,5-6")), (written(),) * 3))
    tally.add(UnitReport(unit("b", frames=frames("1-4")), (written(),), rest=frames("2-4")))
    tally.add(UnitReport(unit("b", frames=frames("2-4")), (written(),) * 3))
    tally.add(UnitReport(unit("a", frames=frames("1")), (written(),)))
    assert tally.sources == 3
    assert not tally._unfinished


def test_members_of_archives_are_told() -> None:
    tally = Counters()
    tally.add(UnitReport(unit(), (written(),)))
    assert not tally.has_members
    tally.add(UnitReport(unit("x.zip!/a", member=Member("x.zip", 0, 0, 1)), (written(),)))
    tally.add(UnitReport(unit(), (written(),)))
    assert tally.has_members


def test_reasons_that_files_make_up_are_bounded() -> None:
    tally = Counters()
    for number in range(1000):
        tally.add(UnitReport(unit(), (Filtered("a", f"modality {number}"),)))
    tally.add(UnitReport(unit(), (Filtered("a", "modality 3"),)))
    assert tally.filtered.total() == 1001
    assert tally.filtered["modality 3"] == 2
    assert tally.filtered["other reasons"] == 950
    assert len(tally.filtered) == 51


def run_until(tally: Counters, end: float, *, per_second: int, begin: float = 0.0) -> None:
    """Add sources of two pictures at a steady rate, marking each step."""
    steps = round((end - begin) * per_second)
    for step in range(1, steps + 1):
        tally.add(UnitReport(unit(size=500), (written(), written())))
        tally.mark(begin + step / per_second)


def test_the_rate_is_that_of_the_last_seconds_and_of_the_whole() -> None:
    tally = Counters()
    tally.mark(0.0)
    assert tally.rate(0.0) == tally.overall_rate(0.0) == Rate(0, 0, 0)
    run_until(tally, 20.0, per_second=10)
    assert tally.rate(20.0) == pytest.approx((10, 20, 5000))
    run_until(tally, 40.0, per_second=40, begin=20.0)
    assert tally.rate(40.0) == pytest.approx((40, 80, 20000))
    assert tally.overall_rate(40.0) == pytest.approx((25, 50, 12500))


def test_a_standstill_shows_in_the_rate() -> None:
    tally = Counters()
    tally.mark(0.0)
    run_until(tally, 10.0, per_second=10)
    assert tally.rate(15.0).sources < 10
    tally.mark(25.0)
    assert tally.rate(25.0).sources == 0
    tally.mark(45.0)
    assert tally.rate(45.0).sources == 0
    assert tally.overall_rate(50.0).sources == pytest.approx(2)


def test_the_time_left_follows_moment_and_whole() -> None:
    tally = Counters()
    tally.mark(0.0)
    run_until(tally, 1.0, per_second=10)
    assert tally.time_left(1.5, 100) is None, "too early"
    run_until(tally, 40.0, per_second=10, begin=1.0)
    assert tally.time_left(40.0, None) is None
    assert tally.time_left(40.0, 500) == pytest.approx(10)
    tally.done_before = 50
    assert tally.time_left(40.0, 500) == pytest.approx(5)
    assert tally.time_left(40.0, 100) == 0, "more than were counted"
    run_until(tally, 80.0, per_second=30, begin=40.0)
    # 30 a second now and 20 in all.
    assert tally.time_left(80.0, 50 + 1600 + 250) == pytest.approx(10)


def test_nothing_done_gives_no_time_left() -> None:
    tally = Counters()
    tally.mark(0.0)
    tally.mark(10.0)
    assert tally.time_left(10.0, 5) is None


def test_memory_and_time_do_not_grow() -> None:
    tally = Counters()
    report = UnitReport(unit(), (written(),))
    began = time.perf_counter()
    for step in range(20_000):
        tally.add(report)
        tally.mark(step / 100)
    assert len(tally._marks) < 25
    assert (time.perf_counter() - began) / 20_000 < 50e-6
