"""Worker processes that really die."""

from __future__ import annotations

import multiprocessing.resource_tracker
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, wait
from pathlib import Path

import psutil
import pytest

from batch import executor_tasks as tasks
from rendicom.batch.executors import end_now, is_worker_lost, open_executor
from rendicom.errors import WorkerDiedError
from rendicom.workers.calls import WorkerLostError
from rendicom.workers.deadline import TIMEOUT_EXIT
from rendicom.workers.thread_pool import LocalExecutor
from rendicom.workers.worker_process import parent_is_gone
from waiting import until

posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@pytest.fixture(scope="module", autouse=True)
def others() -> Iterator[None]:
    """Keep servers that tests of other files left running out of the count."""
    _OTHERS.update(child.pid for child in psutil.Process().children())
    yield
    _OTHERS.clear()


_OTHERS: set[int] = set()


@pytest.fixture
def pool() -> Iterator[LocalExecutor]:
    executor = LocalExecutor(2)
    yield executor
    executor.kill()
    executor.shutdown()
    assert not children()


def children() -> list[psutil.Process]:
    """Return the workers: the tracker that multiprocessing starts once, for others, stays."""
    tracker = multiprocessing.resource_tracker._resource_tracker._pid
    known = {*_OTHERS, tracker}
    return [child for child in psutil.Process().children() if child.pid not in known]


def test_tasks_run_in_processes_that_live_on(pool: LocalExecutor) -> None:
    assert pool.submit(tasks.add, 1, two=2).result() == 3
    first = {pool.submit(tasks.process_id).result() for _ in range(5)}
    assert first == {child.pid for child in children()}
    assert os.getpid() not in first


def test_never_more_processes_than_there_is_work(pool: LocalExecutor) -> None:
    assert not children()
    for _ in range(3):
        pool.submit(tasks.add, 1, two=2).result()
    assert len(children()) == 1


def test_ten_thousand_tiny_tasks_in_order(pool: LocalExecutor) -> None:
    assert list(pool.map(abs, range(-10_000, 0))) == list(range(10_000, 0, -1))
    assert len(children()) == 2


def test_large_arguments_and_results(pool: LocalExecutor) -> None:
    blob = pool.submit(tasks.blob, 20_000_000).result()
    assert blob.count(blob[:1]) == 20_000_000
    assert pool.submit(tasks.length, blob).result() == 20_000_000


@posix
def test_a_killed_worker_costs_its_own_task_only(pool: LocalExecutor, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    dying = pool.submit(tasks.touch_and_sleep, str(one), 60)
    living = pool.submit(tasks.touch_and_sleep, str(two), 0.5)
    waiting = [pool.submit(abs, -n) for n in range(20)]
    until(lambda: one.exists() and two.exists())
    os.kill(int(one.read_text()), signal.SIGKILL)
    error = dying.exception(10)
    assert isinstance(error, WorkerLostError)
    assert (error.exit_code, error.timed_out) == (-signal.SIGKILL, False)
    assert is_worker_lost(error)
    assert living.result(10) == int(two.read_text())
    assert [future.result(10) for future in waiting] == list(range(20))
    assert pool.submit(abs, -7).result(10) == 7


@posix
@pytest.mark.parametrize(
    ("task", "number"), [(os.abort, signal.SIGABRT), (tasks.segfault, signal.SIGSEGV)]
)
def test_a_task_that_crashes_its_process(
    pool: LocalExecutor, task: Callable[[], None], number: int
) -> None:
    futures = [pool.submit(task) for _ in range(3)]
    codes = [getattr(future.exception(20), "exit_code", None) for future in futures]
    assert codes == [-number] * 3
    assert pool.submit(abs, -1).result(10) == 1


def test_a_task_that_leaves(pool: LocalExecutor) -> None:
    error = pool.submit(tasks.leave, 7).exception(10)
    assert isinstance(error, WorkerLostError)
    assert error.exit_code == 7


@posix
def test_a_worker_that_dies_while_idle_costs_nothing(pool: LocalExecutor) -> None:
    first = pool.submit(tasks.process_id).result()
    os.kill(first, signal.SIGKILL)
    dead = psutil.Process(first)
    # Its other threads may outlive the first, and hold the pipes as long.
    until(lambda: dead.status() == psutil.STATUS_ZOMBIE and dead.num_threads() <= 1)
    assert pool.submit(tasks.process_id).result(10) != first


@posix
@pytest.mark.parametrize("task", [tasks.hang_with_lock, tasks.hang_without_lock])
def test_a_missed_deadline_is_told_from_a_crash(
    pool: LocalExecutor, task: Callable[[float], None]
) -> None:
    began = time.monotonic()
    error = pool.submit(task, 0.3).exception(20)
    assert time.monotonic() - began < 5
    assert isinstance(error, WorkerLostError)
    assert (error.timed_out, error.exit_code) == (True, TIMEOUT_EXIT)
    assert pool.submit(abs, -1).result(10) == 1


def test_a_deadline_of_another_thread_is_kept_to(pool: LocalExecutor) -> None:
    error = pool.submit(tasks.hang_in_a_thread, 1.0).exception(20)
    assert isinstance(error, WorkerLostError)
    assert error.timed_out


def test_a_deadline_that_is_met_leaves_nothing_behind(pool: LocalExecutor) -> None:
    assert pool.submit(tasks.keep_deadlines, 20).result(10) == 20


def test_a_result_that_cannot_travel(pool: LocalExecutor) -> None:
    process = pool.submit(tasks.process_id).result()
    with pytest.raises(pickle.PicklingError, match="the result of unpicklable, a Unpicklable"):
        pool.submit(tasks.unpicklable).result()
    with pytest.raises(pickle.UnpicklingError, match="the result of a task cannot be read back"):
        pool.submit(tasks.one_way_result).result()
    assert pool.submit(tasks.process_id).result() == process


@pytest.mark.parametrize("kind", ["unpicklable", "one way"])
def test_an_error_that_cannot_travel(pool: LocalExecutor, kind: str) -> None:
    process = pool.submit(tasks.process_id).result()
    with pytest.raises(pickle.PicklingError, match=r"fail, a (Value|OneWay)Error") as e:
        pool.submit(tasks.fail, kind).result()
    assert "in fail" in str(e.value.__cause__)
    assert pool.submit(tasks.process_id).result() == process


def test_an_error_comes_with_the_lines_it_came_through(pool: LocalExecutor) -> None:
    with pytest.raises(KeyError, match="mine") as raised:
        pool.submit(tasks.fail, "mine").result()
    assert "executor_tasks.py" in str(raised.value.__cause__)


def test_arguments_that_cannot_travel(pool: LocalExecutor) -> None:
    with pytest.raises(pickle.PicklingError, match="the arguments of abs"):
        pool.submit(abs, tasks.Unpicklable()).result()  # type: ignore[arg-type]
    with pytest.raises(pickle.PicklingError):
        pool.submit(lambda: 1).result()
    assert pool.submit(abs, -1).result() == 1


def test_what_a_task_prints_goes_to_the_standard_error(
    pool: LocalExecutor, capfd: pytest.CaptureFixture[str]
) -> None:
    assert pool.submit(tasks.print_much).result() == "quiet"
    assert capfd.readouterr() == ("", "a codec that talks\nand one in C\n")


def test_one_thread_a_process_unless_somebody_said_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with LocalExecutor(1) as pool:
        assert pool.submit(tasks.environment, "OPENBLAS_NUM_THREADS").result() == "1"
        assert pool.submit(tasks.environment, "OMP_NUM_THREADS").result() == "3"


@pytest.mark.skipif(sys.platform != "linux", reason="the memory functions of glibc")
def test_memory_that_was_freed_is_used_again(pool: LocalExecutor) -> None:
    assert pool.submit(tasks.page_faults, 20, 200).result() < 2 * 5000


def test_a_worker_starts_light(pool: LocalExecutor) -> None:
    loaded = set(pool.submit(tasks.modules).result())
    assert not loaded & {"numpy", "pydicom", "click", "rich", "asyncio", "rendicom.engine"}


def test_shutdown_finishes_what_was_taken() -> None:
    pool = LocalExecutor(2)
    futures = [pool.submit(time.sleep, 0.05) for _ in range(10)]
    pool.shutdown()
    assert all(future.done() and future.exception() is None for future in futures)
    assert not children()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(abs, 1)


def test_shutdown_can_cancel_what_was_not_begun() -> None:
    pool = LocalExecutor(1)
    futures = [pool.submit(time.sleep, 0.5) for _ in range(10)]
    until(futures[0].running)
    pool.shutdown(wait=False, cancel_futures=True)
    assert not futures[0].done()
    assert all(future.cancelled() for future in futures[1:])
    done, _ = wait(futures, 5)
    assert len(done) == 10
    assert futures[0].exception() is None
    until(lambda: not children())


def test_a_cancelled_future_is_not_sent(pool: LocalExecutor, tmp_path: Path) -> None:
    busy = [pool.submit(time.sleep, 0.3) for _ in range(2)]
    future = pool.submit(tasks.touch_and_sleep, str(tmp_path / "begun"), 0)
    assert future.cancel()
    wait(busy)
    assert pool.submit(abs, -1).result() == 1
    assert not (tmp_path / "begun").exists()
    with pytest.raises(CancelledError):
        future.result()


@posix
def test_kill_lets_workers_put_their_files_in_order(tmp_path: Path) -> None:
    pool = LocalExecutor(2)
    part, begun = tmp_path / "part", tmp_path / "begun"
    future = pool.submit(tasks.part_file, str(part), str(begun))
    waiting = [pool.submit(time.sleep, 60) for _ in range(5)]
    until(begun.exists)
    assert part.exists()
    began = time.monotonic()
    end_now(pool)
    assert time.monotonic() - began < 3
    assert not part.exists()
    assert isinstance(future.exception(), WorkerLostError)
    assert all(future.cancelled() or future.exception() for future in waiting)
    assert not children()


@posix
def test_kill_ends_what_hangs_in_c() -> None:
    pool = LocalExecutor(1)
    future = pool.submit(tasks.hang_with_lock, None)
    until(future.running)
    time.sleep(0.3)
    pool.kill()
    assert is_worker_lost(future.exception(0) or Exception())
    assert not children()


@posix
def test_an_interrupt_from_the_terminal_does_not_reach_the_workers(pool: LocalExecutor) -> None:
    group = pool.submit(tasks.interrupt_group).result()
    assert group != os.getpgid(0)
    process = pool.submit(tasks.process_id).result()
    os.killpg(group, signal.SIGINT)
    assert pool.submit(tasks.process_id).result() == process


PARENT = """
import sys, time
from batch import executor_tasks as tasks
from rendicom.workers.thread_pool import LocalExecutor
pool = LocalExecutor(2)
pool.submit(tasks.until_parent_is_gone, sys.argv[1], sys.argv[2])
pool.submit(tasks.outstay, 1.0)
time.sleep(60)
"""


@posix
def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    command = [sys.executable, "-c", PARENT, str(begun), str(ended)]
    with subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ) as parent:
        until(lambda: begun.exists() and len(psutil.Process(parent.pid).children()) == 2)
        workers = psutil.Process(parent.pid).children()
        time.sleep(0.3)
        parent.kill()
    until(ended.exists, seconds=3)
    # One hangs, and is ended all the same.
    assert not psutil.wait_procs(workers, timeout=5)[1]
    assert not parent_is_gone()


UNGUARDED = """
from rendicom.batch.executors import open_executor
print("once")
engine, pool = open_executor("local", jobs=2)
print(sorted(pool.map(abs, [-1, -2, -3])))
def mine(): return 1
print(type(pool.submit(mine).exception()).__name__)
assert pool.submit(abs, -1).result() == 1
del pool
"""


@pytest.mark.parametrize("flags", [(), ("-I",), ("-W", "error")])
def test_a_script_without_a_guard(tmp_path: Path, flags: tuple[str, ...]) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    # What lies in the current folder is no module of anybody's.
    (tmp_path / "pickle.py").write_text("raise SystemExit(5)")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    script = script.rename(folder / "script.py")
    command = [sys.executable, *flags, str(script)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "once\n[1, 2, 3]\nPicklingError\n"


def test_noise_of_start_up_files_is_stepped_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('welcome', flush=True)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with LocalExecutor(1) as pool:
        assert pool.submit(abs, -1).result(20) == 1


@posix
def test_workers_that_cannot_start_are_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr("rendicom.workers.thread_pool._PAUSES", (0.0,))
    with LocalExecutor(1) as pool:
        error = pool.submit(abs, -1).exception(20)
    assert isinstance(error, WorkerDiedError)
    assert str(error) == (
        "no worker process can be started: exit code 1 (--engine threads needs none)"
    )
    assert not is_worker_lost(error)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with LocalExecutor(1) as pool:
        error = pool.submit(abs, -1).exception(20)
    assert "No such file or directory" in str(error)


@posix
def test_a_worker_that_fails_to_start_once_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    mark = tmp_path / "tried"
    python.write_text(f'#!/bin/sh\n[ -e {mark} ] && exec {sys.executable} "$@"\n: > {mark}\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with LocalExecutor(1) as pool:
        assert pool.submit(abs, -1).result(20) == 1


@posix
def test_descriptors_and_threads_are_given_back(tmp_path: Path) -> None:
    me = psutil.Process()
    open_executor("local", jobs=1)[1].shutdown()
    before = (me.num_fds(), me.num_threads())
    for _ in range(3):
        pool = LocalExecutor(2)
        futures = [pool.submit(os.abort), pool.submit(abs, 1), pool.submit(tasks.leave, 1)]
        wait(futures)
        pool.shutdown()
        killed = LocalExecutor(2)
        killed.submit(time.sleep, 60)
        time.sleep(0.1)
        killed.kill()
    # A thread that has done its work may still be on its way out.
    until(lambda: me.num_fds() <= before[0] and me.num_threads() <= before[1])


def test_an_executor_that_goes_out_of_use_ends_its_workers() -> None:
    assert LocalExecutor(1).submit(tasks.add, 1, two=1).result() == 2
    until(lambda: not children())


def test_results_are_not_held_by_idle_threads(pool: LocalExecutor) -> None:
    import gc
    import weakref

    future = pool.submit(abs, -1)
    future.result()
    reference = weakref.ref(future)
    del future
    until(lambda: gc.collect() is not None and reference() is None)
