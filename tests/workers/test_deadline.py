"""A deadline ends its process, not this one: each test has one to lose."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from rendicom.workers.deadline import REPORT, TIMEOUT_EXIT, RepeatedDeadline


def run(task: str) -> tuple[int, float, str]:
    """Return exit code, seconds and standard error of a process that does ``task``."""
    code = f"from batch import executor_tasks as tasks\ntasks.{task}\nprint('reached')"
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout == "reached\n") == (done.returncode == 0)
    return done.returncode, time.monotonic() - began, done.stderr


@pytest.mark.parametrize(
    "task",
    [
        "hang_without_lock(0.2)",
        "hang_without_lock(0)",
        "hang_without_lock(-1)",
        "hang_in_a_thread(0.3)",
        pytest.param(
            "hang_with_lock(0.2)",
            marks=pytest.mark.skipif(os.name == "nt", reason="sleeps in the C library"),
        ),
    ],
)
def test_a_missed_deadline_ends_the_process_without_a_word(task: str) -> None:
    code, seconds, said = run(task)
    assert (code, said) == (TIMEOUT_EXIT, "")
    assert seconds < 10


def test_deadlines_that_are_met() -> None:
    assert run("keep_deadlines(10)")[0] == 0


def test_no_deadline_and_one_beyond_all_clocks() -> None:
    with RepeatedDeadline(None):
        pass
    with RepeatedDeadline(1e300), RepeatedDeadline(float("inf")), RepeatedDeadline(50):
        pass


def test_a_deadline_goes_when_its_block_is_left_by_an_error() -> None:
    code = (
        "import time; from rendicom.workers.deadline import RepeatedDeadline\n"
        "try:\n with RepeatedDeadline(0.3): raise KeyError\n"
        "except KeyError: time.sleep(0.6)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def script(text: str) -> int:
    head = "import time; from rendicom.workers.deadline import RepeatedDeadline\n"
    return subprocess.run([sys.executable, "-c", head + text], timeout=60).returncode


def test_a_watch_lets_many_pictures_pass_that_keep_to_their_time() -> None:
    pictures = (
        "with RepeatedDeadline(0.4) as w:\n for _ in range(12): w.restart(); time.sleep(0.1)\n"
    )
    assert script(pictures + "time.sleep(0.8)") == 0


def test_a_watch_gives_each_picture_all_its_time() -> None:
    # The first uses up some of the tenth that is allowed on top.
    text = "with RepeatedDeadline(1.0) as w:\n time.sleep(0.08); w.restart(); time.sleep(0.95)"
    assert script(text) == 0


def test_a_watch_ends_the_process_at_the_picture_that_is_late() -> None:
    began = time.monotonic()
    text = "with RepeatedDeadline(0.4) as w:\n for n in range(5): w.restart(); time.sleep(n * 0.15)"
    assert script(text) == TIMEOUT_EXIT
    assert time.monotonic() - began < 20


def test_a_watch_without_a_limit_sets_none() -> None:
    with RepeatedDeadline(None) as watch:
        watch.restart()


def test_the_report_begins_as_faulthandler_writes_it() -> None:
    code = (
        "import time; from rendicom.workers.deadline import RepeatedDeadline, report_to\n"
        "report_to(1)\nwith RepeatedDeadline(0.1): time.sleep(60)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.stdout.startswith(REPORT)
    assert len(REPORT) == 8


def test_a_deadline_costs_little() -> None:
    def cost() -> float:
        began = time.perf_counter()
        for _ in range(100):
            with RepeatedDeadline(60):
                pass
        return (time.perf_counter() - began) / 100

    # 50 microseconds on a quiet machine; this one may be busy.
    assert min(cost() for _ in range(5)) < 500e-6
