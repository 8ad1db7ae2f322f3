"""Naming an engine, the engines of this process, and how many workers there should be."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import pytest

from batch import executor_tasks as tasks
from rendicom import registry
from rendicom.batch.executors import Engine, end_now, engines, is_worker_lost, open_executor, width
from rendicom.errors import OptionError
from rendicom.extras import install_command
from rendicom.workers.calls import WorkerLostError
from rendicom.workers.cpu_count import default_jobs


@pytest.mark.parametrize("name", ["local", "threads", "inline"])
def test_every_engine_runs_tasks_and_brings_back_what_they_raise(name: str) -> None:
    engine, executor = open_executor(name, jobs=2)
    assert engine.name == name
    with executor:
        assert width(executor, default=2) == (1 if name == "inline" else 2)
        assert executor.submit(tasks.add, 1, two=2).result() == 3
        with pytest.raises(KeyError, match="mine"):
            executor.submit(tasks.fail, "mine").result()
        assert list(executor.map(abs, [-1, -2])) == [1, 2]
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(abs, 1)


def test_only_engines_with_processes_of_their_own_survive_a_crash() -> None:
    known = engines()
    assert {name for name in known if known[name].has_own_processes} == {"local", "dask"}
    assert set(known) == {"local", "dask", "threads", "inline"}


@pytest.mark.parametrize(
    "text", ["", "loky", "local://", "local://host:1", "threads:2", "dask://", "process", "Local"]
)
def test_what_is_no_engine(text: str) -> None:
    with pytest.raises(OptionError) as raised:
        open_executor(text, jobs=1)
    assert raised.value.message == (
        f"engine {text!r} is not one of dask[://HOST:PORT], inline, local, threads"
    )


@pytest.mark.parametrize("name", ["local", "threads", "inline", "dask"])
def test_no_jobs(name: str) -> None:
    with pytest.raises(OptionError, match="jobs 0 is not a whole number from 1"):
        open_executor(name, jobs=0)


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rendicom.batch.executors.find_spec", lambda name: None)
    with pytest.raises(OptionError) as raised:
        open_executor("dask", jobs=1)
    assert str(raised.value) == f"engine dask is not installed ({install_command('cluster')})"


@pytest.fixture
def registry_anew() -> Iterator[None]:
    for each in (registry.discover, registry.load):
        each.cache_clear()
    yield
    for each in (registry.discover, registry.load):
        each.cache_clear()


@pytest.mark.usefixtures("registry_anew")
def test_an_engine_of_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        def __init__(self, name: str) -> None:
            self.name = name

        def load(self) -> Engine:
            def opened(*, jobs: int, address: str = "") -> ThreadPoolExecutor:
                return ThreadPoolExecutor(jobs, thread_name_prefix=address)

            return Engine(self.name, has_own_processes=False, open=opened, takes_address=True)

    entries = [Entry("grid"), Entry("local")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: entries)
    engine, executor = open_executor("grid://there:1", jobs=1)
    with executor:
        thread = executor.submit(threading.current_thread).result()
        assert thread.name.startswith("there:1")
    assert engine.name == "grid"
    assert engines()["local"].has_own_processes


def test_inline_runs_in_the_thread_that_submits() -> None:
    _, executor = open_executor("inline", jobs=4)
    assert executor.submit(threading.current_thread).result() is threading.current_thread()
    for interrupt in (KeyboardInterrupt, SystemExit):
        with pytest.raises(interrupt):
            executor.submit(_raise, interrupt)


def _raise(kind: type[BaseException]) -> None:
    raise kind


def test_ending_threads_cancels_what_was_not_begun() -> None:
    _, executor = open_executor("threads", jobs=1)
    go_on = threading.Event()
    begun = executor.submit(go_on.wait, 10)
    waiting = executor.submit(abs, -1)
    end_now(executor)
    assert waiting.cancelled()
    go_on.set()
    assert begun.result() is True


def test_lost_workers_are_told_by_the_name_of_the_error() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        error = pool.submit(os._exit, 1).exception(30)
    assert isinstance(error, BrokenProcessPool)
    assert is_worker_lost(error)
    assert is_worker_lost(type("KilledWorker", (Exception,), {})())
    assert is_worker_lost(WorkerLostError(-9))
    for other in (ValueError(), CancelledError(), TimeoutError(), OptionError("x")):
        assert not is_worker_lost(other)


def test_naming_engines_loads_none_of_their_libraries() -> None:
    code = (
        "import sys; from rendicom.batch.executors import engines; engines(); "
        "print(sorted({'dask', 'distributed', 'numpy', 'multiprocessing'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout == "[]\n", run.stderr


# --- how many ---------------------------------------------------------------------------------


def cgroup(folder: Path, group: str, files: dict[str, str]) -> dict[str, str]:
    """Lay out a tree of control groups; return where `default_jobs` is to look."""
    process = folder / "cgroup"
    process.write_text(group)
    for name, text in files.items():
        path = folder / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {"process": str(process), "root": str(folder / "fs")}


@pytest.fixture
def sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rendicom.workers.cpu_count._bound_to", lambda: 16)


V1 = "3:memory:/docker/1\n2:cpu,cpuacct:/docker/1\n1:cpuset:/\n"


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize(
    ("group", "files", "jobs"),
    [
        ("", {}, 16),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 16),
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "250000 100000\n"}, 3),
        ("0::/\n", {"cpu.max": "10000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "9900000 100000\n"}, 16),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "400000 100000"}, 4),
        ("0::/a/b\n", {"a/b/cpu.max": "300000 100000", "a/cpu.max": "400000 100000"}, 3),
        ("0::/not/here\n", {"cpu.max": "500000 100000"}, 5),
        ("0::/\n", {"cpu.max": "nonsense"}, 16),
        ("0::/\n", {"cpu.max": "100000 0"}, 16),
        (
            V1,
            {
                "cpu,cpuacct/docker/1/cpu.cfs_quota_us": "600000\n",
                "cpu,cpuacct/docker/1/cpu.cfs_period_us": "100000\n",
            },
            6,
        ),
        (V1, {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        (
            V1,
            {
                "cpu,cpuacct/docker/1/cpu.cfs_quota_us": "-1",
                "cpu,cpuacct/docker/1/cpu.cfs_period_us": "100000",
            },
            16,
        ),
        (V1, {"cpu/cpu.cfs_quota_us": "200000"}, 16),
    ],
)
def test_processors_granted_by_control_groups(
    tmp_path: Path, group: str, files: dict[str, str], jobs: int
) -> None:
    assert default_jobs(**cgroup(tmp_path, group, files)) == jobs


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux binds processes")
def test_processors_bound_to(tmp_path: Path) -> None:
    code = (
        "import os; os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1]); "
        "from rendicom.workers.cpu_count import default_jobs; print(default_jobs())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout == "1\n"
    assert 1 <= default_jobs() <= (os.cpu_count() or 1)
