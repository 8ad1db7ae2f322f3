"""How far a run is: plain lines, and the live line of a real terminal."""

from __future__ import annotations

import json
import os
import re
import threading
import time

import pytest

from cli import terminals
from rendicom.archives.entries import Member
from rendicom.batch.counters import Counters
from rendicom.batch.outcomes import Failed, Skipped, Written
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import UnitReport
from rendicom.cli.progress import LinePart, Progress, fitted

MEGABYTE = 1_000_000


class Clock:
    """Time that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def report(outcome=None, **more) -> UnitReport:
    unit = Unit("a.dcm", "a", **{"size": MEGABYTE, **more})
    return UnitReport(unit, (outcome or Written("a", "b", 1, 6, 4, "image/png", 9, "", ()),))


def play(progress: Progress, clock: Clock, tally: Counters, seconds: float, *, step: float) -> None:
    """Add a report each ``step`` of a time that only passes here."""
    for _ in range(round(seconds / step)):
        clock.now += step
        tally.add(report())
        progress.update(tally)


# --- plain lines --------------------------------------------------------------------------


def test_a_short_run_says_nothing(capsys) -> None:
    clock = Clock()
    with Progress(is_quiet=False, clock=clock) as progress:
        play(progress, clock, Counters(), 4.9, step=0.1)
    assert capsys.readouterr() == ("", "")


def test_a_long_run_says_a_line_now_and_then(capsys) -> None:
    clock, tally = Clock(), Counters()
    with Progress(is_quiet=False, clock=clock) as progress:
        progress.total(2000, is_final=True)
        tally.add(report(Failed("a", None, "corrupt-data", "")))
        play(progress, clock, tally, 30, step=0.125)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "rendicom: 41 of 2000 files, 40 pictures, 8.0/s, 8.0 MB/s, 1 failed, about 4 min left",
        "rendicom: 121 of 2000 files, 120 pictures, 8.0/s, 8.0 MB/s, 1 failed, about 4 min left",
        "rendicom: 201 of 2000 files, 200 pictures, 8.0/s, 8.0 MB/s, 1 failed, about 4 min left",
    ]


def test_without_a_total_there_is_no_time_left(capsys) -> None:
    clock = Clock()
    with Progress(is_quiet=False, clock=clock) as progress:
        progress.total(1000, is_final=False)
        play(progress, clock, Counters(), 6, step=0.01)
    assert capsys.readouterr().err == "rendicom: 500 files, 500 pictures, 100/s, 100 MB/s\n"


def test_a_total_that_turns_out_wrong_is_not_shown(capsys) -> None:
    clock, tally = Clock(), Counters()
    with Progress(is_quiet=False, clock=clock) as progress:
        progress.total(3, is_final=True)
        play(progress, clock, tally, 6, step=0.1)
        progress.total(1000, is_final=True)
        tally.add(report(member=Member("x.zip", 0, 0, 1)))
        play(progress, clock, tally, 10, step=0.1)
    assert " of " not in capsys.readouterr().err


def test_what_was_done_before_counts_as_done(capsys) -> None:
    clock, tally = Clock(), Counters()
    tally.done_before = 900
    with Progress(is_quiet=False, clock=clock) as progress:
        progress.total(1000, is_final=True)
        play(progress, clock, tally, 6, step=0.125)
    line = capsys.readouterr().err
    assert line.startswith("rendicom: 940 of 1000 files, 40 pictures, 8.0/s, ")
    assert line.endswith(", about 8 s left\n")


def test_a_run_that_writes_nothing_says_how_many_files_go_by(capsys) -> None:
    clock, tally = Clock(), Counters()
    with Progress(is_quiet=False, clock=clock) as progress:
        for _ in range(48):
            clock.now += 0.125
            tally.add(report(Skipped("a", "b", 1), size=0))
            progress.update(tally)
    expected = "rendicom: 40 files, 0 pictures, 8.0 files/s, 40 there already\n"
    assert capsys.readouterr().err == expected


def test_quiet_says_nothing_and_counts_nothing(capsys) -> None:
    clock = Clock()
    with Progress(is_quiet=True, clock=clock) as progress:
        progress.count(iter([pytest.fail] * 3))  # type: ignore[list-item]
        play(progress, clock, Counters(), 60, step=0.5)
    assert capsys.readouterr() == ("", "")


def test_the_total_is_counted_aside(capsys) -> None:
    clock, may_end = Clock(), threading.Event()

    def totals():
        yield 10
        yield 20
        may_end.wait(10)
        yield 30

    tally = Counters()
    with Progress(is_quiet=False, clock=clock) as progress:
        progress.count(totals())
        play(progress, clock, tally, 6, step=0.5)
        may_end.set()
        until = time.monotonic() + 10
        while not progress._is_final and time.monotonic() < until:
            time.sleep(0.001)
        play(progress, clock, tally, 10, step=2)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("rendicom: 10 files, ")
    assert second.startswith("rendicom: 17 of 30 files, ")


def test_an_update_costs_next_to_nothing(capsys) -> None:
    tally, one = Counters(), report()
    with Progress(is_quiet=False) as progress:
        began = time.perf_counter()
        for _ in range(20_000):
            tally.add(one)
            progress.update(tally)
        assert (time.perf_counter() - began) / 20_000 < 50e-6


# --- fitting ------------------------------------------------------------------------------

PARTS = [
    LinePart("12 of 99 files"),
    LinePart("8 pictures", 4),
    LinePart("3/s", 3),
    LinePart("1 failed", 1),
]


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (80, "12 of 99 files, 8 pictures, 3/s, 1 failed"),
        (41, "12 of 99 files, 8 pictures, 3/s, 1 failed"),
        (40, "12 of 99 files, 3/s, 1 failed"),
        (28, "12 of 99 files, 1 failed"),
        (20, "12 of 99 files"),
        (8, "12 of 99"),
        (0, ""),
    ],
)
def test_what_matters_most_goes_last(width, text) -> None:
    assert fitted(PARTS, width) == text


# --- a terminal ---------------------------------------------------------------------------

needs_terminals = pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")

PRELUDE = """
import os, sys, time
from rendicom.batch.outcomes import Failed, Written, Planned
from rendicom.batch.counters import Counters
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import UnitReport
from rendicom.cli.console import Console, complain
from rendicom.cli.progress import Progress
tally, console = Counters(), Console(manifest="m", is_verbose=True)
ok = Written("a", "b", 1, 6, 4, "image/png", 9, "", ())
def step(progress, outcome=ok, pause=0.01):
    tally.add(UnitReport(Unit("a", "a", size=1000000), (outcome,)))
    if outcome is not ok:
        console.show(outcome)
    progress.update(tally)
    time.sleep(pause)
"""

RUN = """
with Progress(is_quiet=False) as progress:
    progress.total(200, is_final=True)
    for number in range(60):
        is_bad = number % 10 == 5
        step(progress, Failed(f"{number}.dcm", None, "corrupt-data", WHY) if is_bad else ok)
complain("the end")
"""
WHY = "the reason, which is so long that it takes more than one line on a screen of 80 columns"


@pytest.fixture
def on_terminal():
    """Run code on a terminal; see to the end of what does not come to it."""
    sessions: list[terminals.Session] = []

    def start(code: str, **more) -> terminals.Session:
        sessions.append(terminals.start(["-c", PRELUDE + code], **more))
        return sessions[-1]

    yield start
    for session in sessions:
        session.close()


LIVE = re.compile(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏|/\\-] (?P<bar>[#.█░]+ )?(?P<text>[^\x1b\r\n]*)")


def drawn(session: terminals.Session) -> list[str]:
    """Return the live line as it was drawn, each time."""
    found = [match["text"].rstrip() for match in LIVE.finditer(session.text)]
    return [text for text in found if text[:1].isdigit()]


@needs_terminals
@pytest.mark.parametrize("columns", [80, 40, 200])
def test_printed_lines_stay_and_the_live_line_goes(on_terminal, columns) -> None:
    session = on_terminal(f"WHY = {WHY!r}" + RUN, columns=columns)
    assert session.finish() == 0
    expected = [f"rendicom: {number}.dcm: {WHY}" for number in range(5, 60, 10)]
    expected.append("rendicom: the end")
    wrapped = [
        line[place : place + columns] for line in expected for place in range(0, len(line), columns)
    ]
    assert session.screen.text == wrapped
    assert session.screen.has_cursor
    lines = drawn(session)
    assert lines
    assert not [line for line in lines if not re.match(r"\d+ of 200 files", line)]
    assert any("failed" in line for line in lines)
    assert max(len(line) + 2 for line in lines) < columns, "it never wraps"
    assert f"rendicom: 5.dcm: {WHY}\n" in session.text, "can be copied as a whole"
    codes = set(re.findall(r"\x1b\[[^A-Za-z]*[A-Za-z]", session.text))
    assert codes == {"\x1b[2K"}, "no code but one that erases a line"


@needs_terminals
def test_redraws_are_few(on_terminal) -> None:
    session = on_terminal("""
with Progress(is_quiet=False) as progress:
    progress.total(2000, is_final=True)
    for _ in range(2000):
        step(progress, pause=0.0005)
""")
    began = time.monotonic()
    session.finish()
    seconds = time.monotonic() - began
    assert 2 <= len(drawn(session)) <= 10 * seconds + 3


@needs_terminals
def test_the_bar_comes_with_the_total(on_terminal) -> None:
    session = on_terminal("""
with Progress(is_quiet=False) as progress:
    for _ in range(30):
        step(progress)
    progress.total(100, is_final=True)
    for _ in range(70):
        step(progress)
""")
    session.finish()
    bars = [match["bar"] for match in LIVE.finditer(session.text) if match["text"][:1].isdigit()]
    assert bars[0] is None
    known = [bar.strip() for bar in bars if bar]
    shares = [bar.count("█") / len(bar) for bar in known]
    assert shares == sorted(shares)
    assert 0.2 < shares[0] < shares[-1] <= 1


@needs_terminals
def test_letters_a_terminal_cannot_show_are_not_used(on_terminal) -> None:
    session = on_terminal(
        f"WHY = {WHY!r}" + RUN, PYTHONUTF8="0", PYTHONIOENCODING="ascii:backslashreplace"
    )
    assert session.finish() == 0
    assert session.text.isascii()
    assert "\\u" not in session.text
    assert drawn(session)


@needs_terminals
@pytest.mark.parametrize("kind", ["dumb", "unknown"])
def test_a_dumb_terminal_gets_plain_text(on_terminal, kind) -> None:
    session = on_terminal(f"WHY = {WHY!r}" + RUN, TERM=kind)
    session.finish()
    assert "\x1b" not in session.text
    assert session.text.count("\n") == 7


@needs_terminals
def test_data_and_failures_keep_their_order(on_terminal) -> None:
    session = on_terminal("""
console.is_verbose = False
with Progress(is_quiet=False) as progress:
    for number in range(300):
        console.show(Planned(f"{number}.dcm", "x.png", 1, exists=False))
        if number % 100 == 50:
            console.show(Failed(f"{number}.dcm", None, "corrupt-data", "bad"))
        step(progress, pause=0.002)
""")
    session.finish()
    expected = []
    for number in range(300):
        expected.append(f"{number}.dcm -> x.png")
        expected += [f"rendicom: {number}.dcm: bad"] if number % 100 == 50 else []
    assert session.screen.text == expected


@needs_terminals
def test_a_flood_of_lines_takes_no_redraw_each(on_terminal) -> None:
    session = on_terminal("""
began = time.monotonic()
with Progress(is_quiet=False) as progress:
    for number in range(20000):
        print(f"{number}: a line that is not the shortest one can think of")
complain(f"took {time.monotonic() - began:.3f} s")
""")
    session.finish()
    lines = [line for line in session.text.split("\n") if "a line that" in line]
    numbers = [int(re.search(r"(\d+): a line", line)[1]) for line in lines]  # type: ignore[index]
    assert numbers == list(range(20000))
    assert len(drawn(session)) < 200


@needs_terminals
def test_half_a_line_is_printed_when_it_is_whole_or_at_the_end(on_terminal) -> None:
    session = on_terminal("""
with Progress(is_quiet=False) as progress:
    sys.stderr.write("half ")
    for _ in range(50):
        step(progress)
    sys.stderr.write("a line\\n")
    sys.stderr.writelines(["one\\n", "two"])
    assert sys.stderr.isatty() and sys.stderr.encoding
print("\\nafter")
""")
    assert session.finish() == 0
    assert session.screen.text == ["half a line", "one", "two", "after"]


@needs_terminals
def test_an_exception_gives_the_terminal_back(on_terminal) -> None:
    session = on_terminal("""
with Progress(is_quiet=False) as progress:
    for _ in range(30):
        step(progress)
    raise ZeroDivisionError("on purpose")
""")
    assert session.finish() == 1
    assert session.screen.text[0] == "Traceback (most recent call last):"
    assert session.screen.text[-1] == "ZeroDivisionError: on purpose"
    assert session.screen.has_cursor


@needs_terminals
def test_a_killed_run_leaves_the_cursor(on_terminal) -> None:
    session = on_terminal("""
with Progress(is_quiet=False) as progress:
    for _ in range(30):
        step(progress)
    os.kill(os.getpid(), 9)
""")
    assert session.finish() == -9
    assert session.screen.has_cursor


@needs_terminals
def test_a_terminal_that_goes_away_does_not_hang_the_run(on_terminal, tmp_path) -> None:
    session = on_terminal(f"""
import signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
try:
    with Progress(is_quiet=False) as progress:
        for _ in range(100):
            step(progress)
        for _ in range(3000):
            print("a line that is not the shortest one can think of" * 10)
except OSError:
    pass
open({str(tmp_path / "done")!r}, "w").close()
os._exit(0)
""")
    session.read_until(b"files")
    os.close(session.controller)
    session.process.wait(timeout=20)
    assert (tmp_path / "done").exists()


@needs_terminals
def test_a_stage_has_its_words(on_terminal) -> None:
    session = on_terminal("""
with Progress(is_quiet=False) as progress:
    step(progress)
    progress.stage("making contact sheets")
    time.sleep(0.3)
""")
    session.finish()
    assert "making contact sheets" in session.text
    assert session.screen.text == [""]


# --- the command --------------------------------------------------------------------------


@pytest.fixture
def command(here, samples):
    """Run ``rendicom convert`` on a terminal over a folder."""
    sessions: list[terminals.Session] = []
    one = samples.gray("study/0.dcm", frames=30)
    for number in range(1, 100):
        os.link(one, f"study/{number}.dcm")

    def start(*arguments: str, **more) -> terminals.Session:
        words = ["-m", "rendicom", "convert", "study", "out", *arguments]
        sessions.append(terminals.start(words, **more))
        return sessions[-1]

    yield start
    for session in sessions:
        session.close()


@needs_terminals
def test_json_stays_pure_while_progress_is_on_the_terminal(command) -> None:
    session = command("--json", pipes_out=True)
    piped: list[bytes] = []
    reader = threading.Thread(target=lambda: piped.extend(session.process.stdout))
    reader.start()
    assert session.finish() == 0
    reader.join()
    lines = [json.loads(line) for line in piped]
    assert len(lines) == 3000
    assert drawn(session)


@needs_terminals
def test_an_interrupt_gives_the_terminal_back(command) -> None:
    session = command("--jobs", "1")
    session.read_until(b" pictures")
    session.type(b"\x03")
    assert session.finish() == 130
    screen = session.screen
    assert screen.has_cursor
    (line,) = [line for line in screen.text if line.strip()]
    assert re.fullmatch(
        r"rendicom: interrupted: \d+ pictures are written; --resume continues.*", line
    )


@needs_terminals
def test_termination_gives_the_terminal_back(command) -> None:
    session = command("--jobs", "1")
    session.read_until(b" pictures")
    session.process.terminate()
    assert session.finish() == 143
    assert session.screen.has_cursor
    assert not [line for line in session.screen.text if "files" in line]


@needs_terminals
def test_quiet_leaves_the_terminal_alone(command) -> None:
    session = command("-q")
    assert session.finish() == 0
    assert session.data == b""
