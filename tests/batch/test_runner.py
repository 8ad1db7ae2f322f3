from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest

import batch_tasks
from rendicom.batch.executors import open_executor
from rendicom.batch.outcomes import Failed
from rendicom.batch.runner import Runner
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import Recipe, UnitReport
from rendicom.errors import WorkerDiedError
from rendicom.options import RenderOptions


def recipe(target: Path | str = "out") -> Recipe:
    return Recipe(str(target), "png", RenderOptions())


def units(count: int) -> list[Unit]:
    return [Unit(f"{number}.dcm", f"{number}") for number in range(count)]


def outcomes(reports: list[UnitReport]) -> Counter[tuple[str, str]]:
    return Counter(
        (outcome.source, outcome.code if isinstance(outcome, Failed) else "ok")
        for report in reports
        for outcome in report.outcomes
    )


@contextmanager
def pool(kind: str) -> Iterator[tuple[Runner, bool]]:
    """Yield what opens an executor of two workers, and whether a death is contained in it."""
    with ExitStack() as stack:

        def opened() -> Executor:
            if kind == "foreign":
                return stack.enter_context(ProcessPoolExecutor(2, mp_context=get_context("spawn")))
            if kind == "threads":
                return stack.enter_context(ThreadPoolExecutor(2))
            return stack.enter_context(open_executor(kind, jobs=2)[1])

        yield opened, kind == "local"


@pytest.mark.parametrize("kind", ["local", "foreign", "threads", "inline"])
def test_every_unit_is_reported_once(kind) -> None:
    with pool(kind) as (opened, contained):
        runner = Runner(batch_tasks.echo, recipe(), opened, 2, is_contained=contained)
        reports = list(runner.run(units(500)))
    assert outcomes(reports) == Counter((f"{n}.dcm", "ok") for n in range(500))


@pytest.mark.parametrize("kind", ["local", "foreign"])
def test_a_unit_that_kills_its_worker_fails_alone(kind, tmp_path) -> None:
    given = units(60)
    for position in (7, 31, 59):
        given[position] = Unit(f"deadly-{position}", "x")
    with pool(kind) as (opened, contained):
        runner = Runner(
            batch_tasks.deadly, recipe(tmp_path), opened, 2,
            is_contained=contained, chunk_seconds=0.02,
        )  # fmt: skip
        reports = list(runner.run(given))
    expected = {(f"{n}.dcm", "ok"): 1 for n in range(60) if n not in (7, 31, 59)}
    expected |= {(f"deadly-{n}", "worker-died"): 1 for n in (7, 31, 59)}
    assert outcomes(reports) == expected


@pytest.mark.parametrize("kind", ["local", "foreign"])
def test_a_unit_whose_worker_was_killed_from_outside_is_done_all_the_same(kind, tmp_path) -> None:
    given = [*units(20), Unit("once-a", "x"), *units(3)[:0], Unit("once-b", "x")]
    with pool(kind) as (opened, contained):
        runner = Runner(batch_tasks.deadly, recipe(tmp_path), opened, 2, is_contained=contained)
        reports = list(runner.run(given))
    assert outcomes(reports) == {(unit.source, "ok"): 1 for unit in given}


def test_reports_in_order_come_in_order() -> None:
    given = [Unit(f"{n}", "x", size=(n * 7) % 13) for n in range(120)]
    with pool("threads") as (opened, _):
        runner = Runner(batch_tasks.sleepy, recipe(), opened, 2, in_order=True, chunk_seconds=0.02)
        sources = [report.unit.source for report in runner.run(given)]
    assert sources == [f"{n}" for n in range(120)]


def test_a_slow_unit_at_the_front_does_not_let_others_pile_up() -> None:
    given = [Unit("slow", "x", size=700), *(Unit(f"{n}", "x") for n in range(20_000))]
    taken = 0

    def counted() -> Iterator[Unit]:
        nonlocal taken
        for unit in given:
            taken += 1
            yield unit

    with pool("threads") as (opened, _):
        runner = Runner(batch_tasks.sleepy, recipe(), opened, 2, in_order=True, chunk_seconds=0.01)
        reports = runner.run(counted())
        assert next(reports).unit.source == "slow"
        assert taken < 14_000
        assert sum(1 for _ in reports) == 20_000


def test_what_a_worker_has_no_time_for_is_sent_again() -> None:
    with pool("threads") as (opened, _):
        runner = Runner(batch_tasks.short_of_time, recipe(), opened, 2)
        reports = list(runner.run(units(7)))
    seen = outcomes(reports)
    assert seen == {(f"{n}.dcm {frame}", "ok"): 1 for n in range(7) for frame in range(1, 96)}


class Recording(Executor):
    """Runs at once and remembers what it was sent."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.unread = 0
        self.most_unread = 0

    def submit(self, task, /, *args, **kwargs) -> Future:
        self.sizes.append(len(args[1]))
        future: Future = Future()
        future.set_result(task(*args))
        return future


def test_chunks_grow_to_the_time_they_should_take() -> None:
    executor = Recording()
    given = [Unit(f"{n}", "x", size=2) for n in range(900)]
    runner = Runner(batch_tasks.sleepy, recipe(), lambda: executor, 2, chunk_seconds=0.2)
    assert len(list(runner.run(given))) == 900
    assert executor.sizes[0] == 1
    assert 90 <= max(executor.sizes) <= 110
    assert sum(executor.sizes) == 900
    assert executor.sizes[-1] < 90, "the end is cut small, so that no worker waits long"


def test_one_worker_gets_whole_chunks_to_the_end() -> None:
    executor = Recording()
    given = [Unit(f"{n}", "x", size=2) for n in range(502)]
    runner = Runner(batch_tasks.sleepy, recipe(), lambda: executor, 1, chunk_seconds=0.2)
    assert len(list(runner.run(given))) == 502
    assert executor.sizes == [1, 1, 100, 100, 100, 100, 100]


def test_chunks_follow_the_mean_of_units_and_not_the_longest() -> None:
    executor = Recording()
    # The first is slow, as where a worker loads a codec; later one of ten takes ten times as long.
    sizes = [60] + [10 if n % 10 == 0 else 1 for n in range(600)]
    given = [Unit(f"{n}", "x", size=size) for n, size in enumerate(sizes)]
    runner = Runner(batch_tasks.sleepy, recipe(), lambda: executor, 1, chunk_seconds=0.19)
    assert len(list(runner.run(given))) == 601
    assert executor.sizes[:3] == [1, 1, 4]
    assert 80 <= max(executor.sizes[:-1]) <= 110
    assert len(executor.sizes) <= 14, "more chunks are smaller ones"


def test_only_a_few_units_are_taken_from_the_source_before_they_are_needed() -> None:
    taken = 0

    def endless() -> Iterator[Unit]:
        nonlocal taken
        while True:
            taken += 1
            yield Unit(f"{taken}", "x", size=5)

    with pool("threads") as (opened, _):
        reports = Runner(batch_tasks.sleepy, recipe(), opened, 2, chunk_seconds=0.05).run(endless())
        seen = [next(reports) for _ in range(200)]
        reports.close()
    assert len(seen) == 200
    assert taken < 200 + 150


def test_memory_does_not_grow_with_the_number_of_units() -> None:
    def peak(count: int) -> int:
        executor = Recording()
        runner = Runner(batch_tasks.echo, recipe(), lambda: executor, 1, chunk_seconds=0.05)
        tracemalloc.start()
        done = sum(1 for _ in runner.run(Unit(f"{n}.dcm", f"{n}") for n in range(count)))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert done == count
        return top

    small = peak(2_000)
    assert peak(40_000) < small + 300_000


class Stillborn(Executor):
    def submit(self, task, /, *args, **kwargs) -> Future:
        from concurrent.futures.process import BrokenProcessPool

        raise BrokenProcessPool("dead")


def test_workers_that_never_start_end_the_run() -> None:
    runner = Runner(batch_tasks.echo, recipe(), Stillborn, 1)
    with pytest.raises(WorkerDiedError, match="as soon as they start"):
        list(runner.run(units(3)))


def broken(recipe: Recipe, units: tuple[Unit, ...]):
    raise ZeroDivisionError


def test_a_fault_of_the_task_itself_is_raised() -> None:
    with pool("threads") as (opened, _), pytest.raises(ZeroDivisionError):
        list(Runner(broken, recipe(), opened, 2).run(units(3)))


def test_the_parent_of_workers_starts_light() -> None:
    code = "import sys, rendicom.batch.run, rendicom.batch.manifest; print('numpy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
