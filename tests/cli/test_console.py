"""What the printer says of each outcome, how often, and on which stream."""

from __future__ import annotations

import io
import json
import sys

import pytest

from rendicom.batch.counters import Counters
from rendicom.batch.outcomes import Failed, Filtered, Ignored, Notice, Planned, Skipped, Written
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import UnitReport
from rendicom.cli.console import Console, complain, counted, duration, printable, speed


def failed(number: int = 0, code: str = "corrupt-data", **more) -> Failed:
    return Failed(f"{number}.dcm", more.get("frame"), code, "is damaged", "try another")


def written(number: int = 0, *warnings: str) -> Written:
    return Written(f"{number}.dcm", "x.png", 1, 6, 4, "image/png", 99, "1,2", warnings)


def overlay(number: int = 0) -> Notice:
    return Notice(f"{number}.dcm", "overlays", "has overlay planes 6000")


@pytest.fixture
def said(capsys):
    """Return what was printed since the last call: lines of standard output, of the other."""

    def read() -> tuple[list[str], list[str]]:
        captured = capsys.readouterr()
        return captured.out.splitlines(), captured.err.splitlines()

    return read


def test_failures_of_one_code_are_shown_up_to_twenty(said) -> None:
    console = Console(manifest="out/manifest.jsonl")
    for number in range(1000):
        console.show(failed(number))
    out, err = said()
    assert err[:20] == [f"rendicom: {n}.dcm: is damaged (try another)" for n in range(20)]
    assert err[20:] == [
        "rendicom: further corrupt-data failures are not shown one by one (see out/manifest.jsonl)"
    ]
    assert (out, console.failed) == ([], 1000)
    console.show(failed(7, "no-pixel-data", frame=3))
    assert said()[1] == ["rendicom: 7.dcm: frame 3: is damaged (try another)"]


def test_notices_and_warnings_are_shown_up_to_ten_of_a_kind(said) -> None:
    console = Console(manifest="m.csv")
    for number in range(100):
        console.show(overlay(number))
        console.show(written(number, "one", "two"))
    _, err = said()
    notices = [line for line in err if "planes" in line]
    warnings = [line for line in err if "warning: " in line]
    assert (len(notices), len(warnings), len(err)) == (10, 10, 22)
    assert "rendicom: further notices of overlays are not shown one by one (-v shows them)" in err
    assert "rendicom: further warnings are not shown one by one (see m.csv)" in err


def test_what_is_said_of_every_frame_is_said_once_and_counts_once(said) -> None:
    console = Console(manifest="m")
    for _ in range(100):
        console.show(written(1, "same"))
    console.show(written(2, "same"))
    assert said()[1] == ["rendicom: 1.dcm: warning: same", "rendicom: 2.dcm: warning: same"]


def test_without_a_manifest_the_way_to_all_is_verbose(said) -> None:
    console = Console()
    for number in range(30):
        console.show(failed(number))
    assert said()[1][20:] == [
        "rendicom: further corrupt-data failures are not shown one by one (-v shows them)"
    ]


def test_verbose_lifts_the_bounds(said) -> None:
    console = Console(is_verbose=True, manifest="m")
    for number in range(50):
        console.show(failed(number))
        console.show(overlay(number))
    assert len(said()[1]) == 100


def test_json_lines_have_no_bounds(said) -> None:
    console = Console(is_json=True, manifest="m")
    for number in range(50):
        console.show(failed(number))
    out, err = said()
    assert [json.loads(line)["source"] for line in out] == [f"{n}.dcm" for n in range(50)]
    assert len(err) == 21


def test_quiet_leaves_the_failures(said) -> None:
    console = Console(is_quiet=True, manifest="m")
    for number in range(30):
        console.show(failed(number))
        console.show(overlay(number))
        console.show(written(number, "one"))
    console.show(Ignored("x"))
    console.show(Filtered("x", "no image"))
    out, err = said()
    assert out == []
    assert len(err) == 21
    assert all("damaged" in line or "further corrupt" in line for line in err)


def test_silenced_notices_are_not_shown(said) -> None:
    console = Console(silenced=frozenset({"overlays"}))
    console.show(overlay())
    assert said() == ([], [])


def test_json_of_what_is_not_written(said) -> None:
    console = Console(is_json=True)
    console.show(Planned("a", "b.png", 2, exists=True))
    console.show(Filtered("a", "modality SR"))
    console.show(Skipped("a", "b.png", None))
    console.show(Ignored("notes.txt"))
    out, err = said()
    assert [json.loads(line) for line in out] == [
        {"source": "a", "output": "b.png", "frame": 2, "status": "planned", "exists": True},
        {"source": "a", "status": "filtered", "reason": "modality SR"},
        {"source": "a", "output": "b.png", "frame": None, "status": "skipped"},
    ]
    assert err == []


def test_what_is_planned_is_data(said) -> None:
    console = Console()
    console.show(Planned("a\x1b[2J", "b.png", 1, exists=False))
    console.show(Planned("c", "d.png", 1, exists=True))
    assert said() == (["a\\x1b[2J -> b.png", "c -> d.png (exists)"], [])


def test_what_is_planned_fits_any_encoding(monkeypatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", newline="")
    monkeypatch.setattr(sys, "stdout", out)
    Console().show(Planned("Müller-漢.dcm", "x/\udce4.png", 1, exists=False))
    out.flush()
    assert out.buffer.getvalue() == b"M\xfcller-\\u6f22.dcm -> x/\\udce4.png\n"  # type: ignore[attr-defined]


def test_verbose_says_what_was_left_out(said) -> None:
    console = Console(is_verbose=True)
    console.show(Ignored("notes.txt"))
    console.show(Filtered("a", "modality SR"))
    console.show(Skipped("a", "b.png", None))
    assert said()[1] == [
        "rendicom: notes.txt: not a DICOM instance, ignored",
        "rendicom: a: left out: modality SR",
        "rendicom: a -> b.png: exists already, not changed",
    ]


# --- summary ------------------------------------------------------------------------------


def tally_of(*outcomes, sources: int | None = None) -> Counters:
    tally = Counters()
    for number, outcome in enumerate(outcomes):
        tally.add(UnitReport(Unit(f"{number}", "a"), (outcome,)))
    tally.sources = sources if sources is not None else tally.sources
    return tally


def test_the_summary_of_a_long_run(said) -> None:
    tally = tally_of(
        *[written()] * 1934, *[Skipped("a", "b", 1)] * 12, *[Ignored("a")] * 61,
        *[Filtered("a", "modality SR")] * 5, *[failed(code="corrupt-data")] * 14,
        *[failed(code="no-pixel-data")] * 9, sources=1890 + 61 + 5,
    )  # fmt: skip
    Console(manifest="pictures/manifest.jsonl").summarise(tally, seconds=9.84)
    out, (first, second) = said()
    assert out == []
    assert first == (
        "rendicom: 1934 pictures written from 1934 files in 9.8 s (197/s), 12 there already, "
        "61 other files ignored, 5 left out (modality SR 5)"
    )
    assert second == (
        "rendicom: 23 failed: 14 corrupt-data, 9 no-pixel-data; see pictures/manifest.jsonl"
    )


def test_the_summary_of_a_short_run(said) -> None:
    console = Console()
    console.summarise(tally_of(written(), Ignored("x")), seconds=0.2)
    before = tally_of()
    before.done_before = 1
    console.summarise(before, seconds=0.2)
    planned = tally_of(Planned("a", "b", 1, exists=False))
    console.summarise(planned, seconds=60, is_rehearsal=True)
    console.summarise(tally_of(), seconds=60, is_rehearsal=True)
    console.summarise(tally_of(failed()), seconds=60)
    assert said()[1] == [
        "rendicom: 1 picture written, 1 other file ignored",
        "rendicom: 0 pictures written, 1 file done before",
        "rendicom: 1 picture would be written",
        "rendicom: 0 pictures would be written",
        "rendicom: 0 pictures written",
        "rendicom: 1 failed: 1 corrupt-data",
    ]


def test_the_summary_of_a_slow_run(said) -> None:
    Console().summarise(tally_of(*[written()] * 100), seconds=4000)
    assert said()[1] == ["rendicom: 100 pictures written from 100 files in 1 h 7 min (1.5/min)"]


def test_the_summary_names_few_reasons(said) -> None:
    reasons = [Filtered("a", f"modality {name}") for name in "ABCDEFG" for _ in range(2)]
    Console().summarise(tally_of(*reasons, reasons[0]), seconds=1)
    assert said()[1][0].endswith(
        "15 left out (modality A 3, modality B 2, modality C 2, modality D 2, modality E 2, "
        "others 4)"
    )


def test_the_summary_of_quiet_is_that_of_failures(said) -> None:
    console = Console(is_quiet=True, manifest="m")
    console.summarise(tally_of(written(), Ignored("x")), seconds=9)
    assert said()[1] == []
    console.summarise(tally_of(written(), failed()), seconds=9)
    assert said()[1] == ["rendicom: 1 failed: 1 corrupt-data; see m"]


# --- words --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"), (3.4, "3 s"), (99, "99 s"), (101, "2 min"), (240, "4 min"),
        (3599, "1 h 0 min"), (7800, "2 h 10 min"), (360_000, "100 h 0 min"),
    ],
)  # fmt: skip
def test_times_as_a_person_says_them(seconds, text) -> None:
    assert duration(seconds) == text


def test_numbers_as_a_person_says_them() -> None:
    assert [counted(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert [speed(n) for n in (0.04, 3.21, 10, 1234.5)] == ["2.4/min", "3.2/s", "10/s", "1234/s"]


def test_nothing_printed_steers_a_terminal(said) -> None:
    complain("a\nb\x07", about="\u202egnp", hint="\x9b31m")
    assert said()[1] == ["rendicom: \\u202egnp: a\\nb\\x07 (\\x9b31m)"]
    assert printable("Müller 漢") == "Müller 漢"
