"""Dask clusters: one of our own, and one of somebody else's."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from batch import executor_tasks as tasks
from rendicom.batch.executors import end_now, is_worker_lost, open_executor, width
from rendicom.batch.executors.dask import DaskExecutor
from rendicom.errors import OptionError, WorkerDiedError
from waiting import free_port, until

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


def opened(text: str, jobs: int = 2) -> DaskExecutor:
    _, executor = open_executor(text, jobs=jobs)
    assert isinstance(executor, DaskExecutor)
    return executor


@pytest.fixture(scope="module", autouse=True)
def own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what others leave in the machine's temporary folder out of sight."""
    with pytest.MonkeyPatch.context() as patch:
        folder = str(tmp_path_factory.mktemp("temporary"))
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture(scope="module")
def own(own_temporary_folder: None, others: None) -> Iterator[DaskExecutor]:
    before = scratch()
    executor = opened("dask")
    yield executor
    executor.shutdown()
    assert not processes()
    assert scratch() <= before


def scratch() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("rendicom-dask-*"))


_OTHERS: set[psutil.Process] = set()


@pytest.fixture(scope="module", autouse=True)
def others() -> Iterator[None]:
    """Keep servers that tests of other files left running out of the count."""
    _OTHERS.update(psutil.Process().children(recursive=True))
    yield
    _OTHERS.clear()


def processes() -> list[psutil.Process]:
    """Return the workers: the tracker that multiprocessing starts once stays."""
    found = psutil.Process().children(recursive=True)
    return [
        child for child in found
        if child not in _OTHERS and "resource_tracker" not in " ".join(child.cmdline())
    ]  # fmt: skip


def test_tasks_results_and_errors(own: DaskExecutor) -> None:
    assert width(own, default=1) == 2
    assert own.submit(tasks.add, 1, two=2).result() == 3
    assert own.submit(tasks.process_id).result() != os.getpid()
    assert list(own.map(abs, range(-50, 0))) == list(range(50, 0, -1))
    with pytest.raises(KeyError, match="mine"):
        own.submit(tasks.fail, "mine").result()


def test_what_cannot_travel(own: DaskExecutor) -> None:
    with pytest.raises(pickle.PicklingError, match="the arguments of"):
        own.submit(lambda: 1).result()
    with pytest.raises(pickle.PicklingError, match="the result of unpicklable, a Unpicklable"):
        own.submit(tasks.unpicklable).result()
    with pytest.raises(pickle.PicklingError, match="the error of fail, a OneWayError"):
        own.submit(tasks.fail, "one way").result()
    with pytest.raises(pickle.UnpicklingError, match="the result of a task"):
        own.submit(tasks.one_way_result).result()


def test_arguments_arrive_as_they_were(own: DaskExecutor) -> None:
    # Tuples that begin with a function, and names of other tasks, mean something to dask.
    argument = ((abs, -1), [(len, "four")], {"key": (max, 1, 2)})
    assert own.submit(tasks.same, argument).result() == argument


def test_results_are_given_back_to_the_cluster(own: DaskExecutor) -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            futures = [own.submit(abs, -n) for n in range(20)]
            assert [future.result() for future in futures] == list(range(20))
        del futures
        until(lambda: not own._client.futures)
    finally:
        gc.enable()


def test_a_killed_worker_costs_nothing(own: DaskExecutor, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    future = own.submit(tasks.touch_and_sleep, str(begun), 1.0)
    others = [own.submit(abs, -n) for n in range(10)]
    until(begun.exists)
    victim = int(begun.read_text())
    os.kill(victim, signal.SIGKILL)
    assert future.result(30) != victim
    assert [other.result(30) for other in others] == list(range(10))


def test_a_task_that_kills_its_worker_once(own: DaskExecutor, tmp_path: Path) -> None:
    assert own.submit(tasks.kill_once, str(tmp_path / "mark")).result(30) == "done"


def test_a_task_that_always_kills_its_worker_is_given_up(own: DaskExecutor) -> None:
    error = own.submit(os.abort).exception(60)
    assert error is not None
    assert is_worker_lost(error)
    assert own.submit(abs, -1).result(30) == 1


def test_a_missed_deadline_is_a_lost_worker(own: DaskExecutor) -> None:
    error = own.submit(tasks.hang_with_lock, 0.2).exception(60)
    assert error is not None
    assert is_worker_lost(error)


def test_an_interrupt_from_the_terminal_does_not_reach_the_workers(own: DaskExecutor) -> None:
    process = own.submit(tasks.process_id).result(30)
    os.kill(process, signal.SIGINT)
    time.sleep(0.2)
    assert psutil.pid_exists(process)
    assert {own.submit(abs, -1).result(30) for _ in range(10)} == {1}
    assert psutil.pid_exists(process)


def test_cancelling(own: DaskExecutor, tmp_path: Path) -> None:
    go_on = tmp_path / "go on"
    busy = [own.submit(tasks.wait_for, str(go_on)) for _ in range(2)]
    future = own.submit(tasks.touch_and_sleep, str(tmp_path / "begun"), 0)
    assert future.cancel()
    time.sleep(0.5)
    go_on.touch()
    wait(busy)
    assert own.submit(abs, -1).result() == 1
    assert not (tmp_path / "begun").exists()


def test_workers_without_this_rendicom(own: DaskExecutor) -> None:
    error = own.submit(tasks.import_missing).exception(30)
    assert isinstance(error, OptionError)
    assert str(error) == (
        "the dask workers have no module rendicom.batch.x "
        "(install the same version of rendicom there)"
    )


def test_the_port_of_a_dashboard_is_left_alone(own: DaskExecutor) -> None:
    me = psutil.Process()
    listening = [c.laddr for c in me.net_connections() if c.status == psutil.CONN_LISTEN]
    assert listening
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert 8787 not in {address.port for address in listening}


def test_ending_now_waits_for_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    known = set(processes())
    executor = opened("dask")
    ours = set(processes()) - known
    futures = [executor.submit(tasks.hang_with_lock, None) for _ in range(4)]
    time.sleep(0.5)
    began = time.monotonic()
    end_now(executor)
    assert time.monotonic() - began < 8
    assert all(future.cancelled() for future in futures)
    assert ours
    assert not any(process.is_running() for process in ours)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(abs, 1)
    assert capfd.readouterr() == ("", "")


def test_a_cluster_without_workers_is_an_error_and_no_endless_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import dask.config

    from rendicom.batch.executors import dask as engine

    before = dask.config.get("distributed.deploy.lost-worker-timeout")
    monkeypatch.setitem(engine._SETTINGS, "distributed.scheduler.no-workers-timeout", "1s")
    executor = opened("dask", jobs=1)
    # A worker may be down for longer than this while dask starts it again and again.
    assert dask.config.get("distributed.deploy.lost-worker-timeout") == "1000 days"
    assert executor._kill_workers is not None
    executor._kill_workers()
    error = executor.submit(abs, -1).exception(30)
    assert isinstance(error, WorkerDiedError)
    assert str(error) == "no dask worker is left"
    executor.shutdown()
    assert dask.config.get("distributed.deploy.lost-worker-timeout") == before


PARENT = """
import sys, time
from batch import executor_tasks as tasks
from rendicom.batch.executors import open_executor
if __name__ == "__main__":
    engine, pool = open_executor("dask", jobs=1)
    pool.submit(tasks.touch_and_sleep, sys.argv[1], 60)
    time.sleep(60)
"""


def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", PARENT, str(begun)]
    with subprocess.Popen(command, env=environment) as parent:
        until(begun.exists)
        workers = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert int(begun.read_text()) in {worker.pid for worker in workers}
    assert not psutil.wait_procs(workers, timeout=10)[1]


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from rendicom.batch.executors import open_executor\nopen_executor('dask', jobs=1)\n"
    )
    run = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        "rendicom.errors.WorkerDiedError: no dask worker can be started "
        '(put the main code of a script under if __name__ == "__main__")'
    )


# --- somebody else's --------------------------------------------------------------------------


class Cluster(NamedTuple):
    address: str
    scheduler: subprocess.Popen[bytes]
    worker: subprocess.Popen[bytes]


def start_cluster(folder: Path, *, threads: int = 2, pythonpath: str = "") -> Cluster:
    port = free_port()
    path = os.pathsep.join([pythonpath, *sys.path] if pythonpath else sys.path)
    environment = os.environ | {
        "PYTHONPATH": path,
        "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "[]",
    }
    environment["DASK_TEMPORARY_DIRECTORY"] = str(folder)
    common: dict[str, Any] = {"env": environment, "cwd": folder, "stderr": subprocess.DEVNULL}
    python = [sys.executable, "-m"]
    where = ["--host", "127.0.0.1"]
    options = ["--port", str(port), "--no-dashboard"]
    scheduler = subprocess.Popen(
        [*python, "distributed.cli.dask_scheduler", *where, *options], **common
    )
    options = ["--nthreads", str(threads), "--nanny", "--no-dashboard", "--death-timeout", "20"]
    worker = subprocess.Popen(
        [*python, "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", *where, *options],
        **common,
    )
    return Cluster(f"127.0.0.1:{port}", scheduler, worker)


def stop(cluster: Cluster) -> None:
    for process in (cluster.worker, cluster.scheduler):
        children = (
            psutil.Process(process.pid).children(recursive=True) if not process.poll() else []
        )
        process.kill()
        process.wait()
        for child in children:
            child.kill()


def until_up(cluster: Cluster) -> DaskExecutor:
    host, port = cluster.address.split(":")

    def answers() -> bool:
        with socket.socket() as place:
            return place.connect_ex((host, int(port))) == 0

    until(answers)
    executor = opened(f"dask://{cluster.address}")
    until(lambda: executor.width > 0)
    return executor


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = start_cluster(tmp_path_factory.mktemp("theirs"))
    until_up(cluster).shutdown()
    yield cluster
    stop(cluster)


def test_a_cluster_that_is_there_outlives_the_run(theirs: Cluster) -> None:
    for _ in range(2):
        executor = opened(f"dask://{theirs.address}", jobs=7)
        assert width(executor, default=7) == 2
        assert executor.submit(tasks.add, 1, two=2).result(30) == 3
        executor.shutdown()
    executor = opened(f"dask://{theirs.address}")
    future = executor.submit(time.sleep, 60)
    end_now(executor)
    assert future.cancelled()
    assert theirs.scheduler.poll() is None
    assert theirs.worker.poll() is None


def test_shutdown_without_waiting_still_finishes(theirs: Cluster) -> None:
    executor = opened(f"dask://{theirs.address}")
    futures = [executor.submit(tasks.add, n, two=1) for n in range(4)]
    executor.shutdown(wait=False)
    assert [future.result(30) for future in futures] == [1, 2, 3, 4]
    closing = [thread for thread in threading.enumerate() if thread.name == "rendicom-dask-close"]
    for thread in closing:
        thread.join(10)
    assert executor._client.status == "closed"


def test_workers_of_another_version(theirs: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    true = importlib.metadata.version("rendicom")
    monkeypatch.setattr(importlib.metadata, "version", _Version("9.9"))
    with pytest.raises(OptionError) as raised:
        opened(f"dask://{theirs.address}")
    assert str(raised.value) == (
        f"a dask worker has rendicom {true}, this is rendicom 9.9 (install the same version there)"
    )


class _Version:
    """Answers for this process; where it arrives in another, it is the true function."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def __call__(self, name: str) -> str:
        return self.answer

    def __reduce__(self) -> str | tuple[object, ...]:
        return getattr, (importlib_metadata(), "version")


def importlib_metadata() -> object:
    import importlib.metadata

    return importlib.metadata


def test_a_scheduler_that_goes_away(tmp_path: Path) -> None:
    cluster = start_cluster(tmp_path)
    try:
        executor = until_up(cluster)
        future = executor.submit(time.sleep, 60)
        time.sleep(0.3)
        cluster.scheduler.kill()
        error = future.exception(20)
        assert isinstance(error, WorkerDiedError)
        assert str(error) == "the dask scheduler is gone (--resume continues from here)"
        assert not is_worker_lost(error)
        end_now(executor)
    finally:
        stop(cluster)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1", "127.0.0.1:port", ":", "a b:1"])
def test_nobody_at_the_address(address: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OptionError) as raised:
        open_executor(f"dask://{address}", jobs=2)
    assert raised.value.message == f"no dask scheduler answers at {address}"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("word", [b"", b"SSH-2.0-OpenSSH", b"\1"])
def test_somebody_else_at_the_address(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], word: bytes
) -> None:
    monkeypatch.setattr("rendicom.batch.executors.dask._CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        guests: list[socket.socket] = []

        def answer() -> None:
            guests.append(server.accept()[0])
            guests[0].sendall(word)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(OptionError, match=f"no dask scheduler answers at {address}"):
            open_executor(f"dask://{address}", jobs=2)
        thread.join()
        guests[0].close()
    assert capfd.readouterr() == ("", "")
