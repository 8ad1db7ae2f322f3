"""Who renders, and who waits: with real processes that are killed, hang and crash."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

import server_tasks
from rendicom.engine import InstanceLocation
from rendicom.errors import (
    BadRequestError,
    LimitExceededError,
    OverloadedError,
    TimedOutError,
    WorkerDiedError,
)
from rendicom.server.fair_queue import Requester, requester
from rendicom.server.telemetry import Telemetry
from rendicom.server.worker_pool import WorkerPool

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals")


@asynccontextmanager
async def running(workers: int = 1, **settings: Any) -> AsyncIterator[WorkerPool]:
    renderers = WorkerPool(workers, **settings)
    await renderers.start()
    try:
        yield renderers
    finally:
        await renderers.close()


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 120))


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0.005)


def as_request(call: Callable[[], Awaitable[Any]]) -> asyncio.Task[Any]:
    """Begin a call as a request of its own."""

    async def requested() -> Any:
        requester.set(Requester())
        return await call()

    return asyncio.create_task(requested())


class Blocked:
    """A worker kept busy until `free`."""

    def __init__(self, renderers: WorkerPool, folder: Path) -> None:
        self._path = folder / f"free-{id(self)}"
        self.task = as_request(lambda: renderers.call(server_tasks.wait_for, str(self._path)))

    async def begun(self) -> None:
        await until(self._path.with_name(f"{self._path.name}.begun").exists)

    async def free(self) -> None:
        self._path.touch()
        await self.task


@pytest.mark.parametrize("engine", ["local", "threads"])
async def test_returns_what_the_function_returns(engine):
    async with running(2, engine=engine) as renderers:
        results = await asyncio.gather(
            *(renderers.call(server_tasks.double, number) for number in range(20))
        )
        assert results == [2 * number for number in range(20)]


async def test_calls_run_in_other_processes_at_once(tmp_path):
    async with running(2) as renderers:
        first, second = Blocked(renderers, tmp_path), Blocked(renderers, tmp_path)
        await asyncio.gather(first.begun(), second.begun())
        assert renderers.busy == 2
        await first.free()
        assert await renderers.call(server_tasks.process) != os.getpid()
        await second.free()


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000, 9_000_000])
async def test_answers_of_any_size_come_whole(size):
    async with running() as renderers:
        for _ in range(2):
            assert await renderers.call(server_tasks.zeros, size) == bytes(size)


@pytest.mark.parametrize("engine", ["local", "threads"])
async def test_raises_what_the_function_raises(engine):
    async with running(engine=engine) as renderers:
        with pytest.raises(BadRequestError, match="this is refused") as caught:
            await renderers.call(server_tasks.refuse)
        assert caught.value.parameter == "window"
        with pytest.raises(ZeroDivisionError):
            await renderers.call(server_tasks.fail)
        assert await renderers.call(server_tasks.double, 1) == 2


async def test_what_cannot_travel_is_an_error_of_that_call():
    async with running() as renderers:
        with pytest.raises(pickle.PicklingError):
            await renderers.call(server_tasks.double, lambda: None)
        assert (renderers.busy, renderers.waiting) == (0, 0)
        assert await renderers.call(server_tasks.double, 1) == 2


@posix_only
@pytest.mark.parametrize("end", [server_tasks.die, server_tasks.abort])
async def test_a_call_that_kills_two_workers_costs_that_call_only(tmp_path, end):
    telemetry = Telemetry()
    async with running(2, metrics=telemetry) as renderers:
        other = Blocked(renderers, tmp_path)
        await other.begun()
        with pytest.raises(WorkerDiedError, match="signal"):
            await renderers.call(end)
        assert await renderers.call(server_tasks.double, 4) == 8, "another took its place"
        await other.free()
        assert await asyncio.gather(
            *(renderers.call(server_tasks.double, number) for number in range(4))
        ) == [0, 2, 4, 6]
    assert b'workers_lost_total{reason="died"} 2.0' in telemetry.exposition()


@posix_only
@pytest.mark.parametrize("workers", [1, 2])
async def test_a_worker_that_dies_costs_no_call(tmp_path, workers):
    async with running(workers) as renderers:
        log = str(tmp_path / "once")
        assert await renderers.call(server_tasks.die_first, log, 1) == 2
        log = str(tmp_path / "twice")
        with pytest.raises(WorkerDiedError):
            await renderers.call(server_tasks.die_first, log, 2)


@posix_only
async def test_a_worker_does_not_end_by_what_stops_a_service():
    async with running() as renderers:
        process = await renderers.call(server_tasks.process)
        assert await renderers.call(server_tasks.term) == 7
        assert await renderers.call(server_tasks.process) == process


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory")
async def test_a_worker_has_no_more_memory_than_it_may():
    async with running(memory=1 << 30) as renderers:
        process = await renderers.call(server_tasks.process)
        assert await renderers.call(server_tasks.hold, 100 << 20) == 100 << 20
        with pytest.raises(LimitExceededError, match="memory"):
            await renderers.call(server_tasks.hold, 2 << 30)
        assert await renderers.call(server_tasks.process) == process, "nobody died of it"


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory")
async def test_a_result_too_large_for_the_memory_is_such_an_error_too():
    async with running(memory=600 << 20) as renderers:
        with pytest.raises(LimitExceededError, match="memory"):
            await renderers.call(server_tasks.zeros, 400 << 20)


@posix_only
async def test_a_worker_killed_while_idle_is_replaced():
    async with running() as renderers:
        process = await renderers.call(server_tasks.process)
        psutil.Process(process).kill()
        await until(lambda: not renderers.is_ready)
        await until(lambda: renderers.is_ready)
        assert await renderers.call(server_tasks.process) != process


@posix_only
async def test_a_hang_that_holds_the_interpreter_is_ended(tmp_path):
    telemetry = Telemetry()
    async with running(2, metrics=telemetry) as renderers:
        other = Blocked(renderers, tmp_path)
        await other.begun()
        with pytest.raises(TimedOutError, match=r"longer than 0\.1 s"):
            await renderers.call(server_tasks.hold_the_interpreter, seconds=0.1)
        await other.free()
        assert await renderers.call(server_tasks.double, 4) == 8
    assert b'workers_lost_total{reason="timed-out"} 1.0' in telemetry.exposition()


@posix_only
def test_each_call_has_its_own_deadline():
    async def test() -> None:
        async with running() as renderers:
            process = await renderers.call(server_tasks.process, seconds=3.0)
            assert await renderers.call(server_tasks.nap, 3.5, seconds=60.0) == ""
            assert await renderers.call(server_tasks.process) == process, "no earlier one ended it"
            with pytest.raises(TimedOutError, match=r"longer than 0\.2 s"):
                await renderers.call(server_tasks.nap, 30.0, seconds=0.2)

    run(test)


@posix_only
@pytest.mark.parametrize(("text", "calls"), [("die", 1), ("hang", 2)])
async def test_a_file_that_two_workers_are_lost_to_is_not_tried_until_it_changes(
    tmp_path, text, calls
):
    file = tmp_path / "file"
    place = InstanceLocation(str(file))
    telemetry = Telemetry()
    async with running(1, metrics=telemetry) as renderers:

        async def read() -> Any:
            # What dies is not waited for; what hangs is.
            seconds = 0.2 if file.read_text() == "hang" else 20.0
            return await renderers.call(server_tasks.read, place, seconds=seconds)

        file.write_text(text)
        for _ in range(calls):
            with pytest.raises((TimedOutError, WorkerDiedError)):
                await read()
        for _ in range(3):
            with pytest.raises(WorkerDiedError, match="two workers died or hung"):
                await read()
        file.write_text("mended")
        assert await read() == 6
    reason = {"die": "died", "hang": "timed-out"}[text]
    assert f'workers_lost_total{{reason="{reason}"}} 2.0' in telemetry.exposition().decode()


async def test_a_thread_that_takes_too_long_is_not_waited_for(tmp_path):
    async with running(engine="threads", seconds=0.05) as renderers:
        blocked = Blocked(renderers, tmp_path)
        with pytest.raises(TimedOutError):
            await blocked.task
        assert renderers.busy == 1, "it still runs"
        blocked._path.touch()
        await until(lambda: renderers.busy == 0)
        assert await renderers.call(server_tasks.double, 4, seconds=5.0) == 8


async def test_a_full_queue_refuses_and_says_when_to_come_again(tmp_path):
    async with running(queue_size=2) as renderers:
        blocked = Blocked(renderers, tmp_path)
        await blocked.begun()
        waiting = [as_request(lambda: renderers.call(server_tasks.double, 1)) for _ in range(2)]
        await until(lambda: renderers.waiting == 2)
        with pytest.raises(OverloadedError) as caught:
            await renderers.call(server_tasks.double, 1)
        assert caught.value.retry_after >= 1
        await blocked.free()
        assert await asyncio.gather(*waiting) == [2, 2]
        assert await renderers.call(server_tasks.double, 1) == 2


async def test_a_request_that_was_let_in_is_not_refused_halfway(tmp_path):
    async with running(queue_size=1) as renderers:
        blocked = Blocked(renderers, tmp_path)
        await blocked.begun()

        async def three() -> list[int]:
            calls = (renderers.call(server_tasks.double, number) for number in range(3))
            return list(await asyncio.gather(*calls))

        request = as_request(three)
        await until(lambda: renderers.waiting == 3)
        await blocked.free()
        assert await request == [0, 2, 4]


async def test_requests_take_turns(tmp_path):
    async with running(queue_size=100) as renderers:
        blocked = Blocked(renderers, tmp_path)
        await blocked.begun()
        log = str(tmp_path / "log")

        async def series() -> None:
            names = [f"series {number}" for number in range(20)]
            naps = (renderers.call(server_tasks.nap, 0.0, log, name) for name in names)
            await asyncio.gather(*naps)

        long = as_request(series)
        await until(lambda: renderers.waiting == 20)
        short = as_request(lambda: renderers.call(server_tasks.nap, 0.0, log, "frame"))
        await until(lambda: renderers.waiting == 21)
        await blocked.free()
        await asyncio.gather(long, short)
        order = Path(log).read_text("utf-8").splitlines()
        assert order.index("frame") == 1
        assert [name for name in order if name != "frame"] == [
            f"series {number}" for number in range(20)
        ]


async def test_who_leaves_the_queue_costs_nothing(tmp_path):
    async with running(queue_size=1) as renderers:
        blocked = Blocked(renderers, tmp_path)
        await blocked.begun()
        log = tmp_path / "log"
        gone = as_request(lambda: renderers.call(server_tasks.nap, 0.0, str(log), "gone"))
        await until(lambda: renderers.waiting == 1)
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
        assert renderers.waiting == 0
        stays = as_request(lambda: renderers.call(server_tasks.nap, 0.0, str(log), "stays"))
        await until(lambda: renderers.waiting == 1)
        await blocked.free()
        assert await stays == "stays"
        assert log.read_text("utf-8") == "stays\n"


async def test_a_worker_whose_caller_left_is_free_when_it_is_done(tmp_path):
    async with running() as renderers:
        blocked = Blocked(renderers, tmp_path)
        await blocked.begun()
        blocked.task.cancel()
        await asyncio.sleep(0)
        assert renderers.busy == 1
        blocked._path.touch()
        assert await renderers.call(server_tasks.double, 3) == 6


async def test_waiting_too_long_is_refused(tmp_path):
    async with running(seconds=0.05) as renderers:
        path = tmp_path / "free"
        long = as_request(lambda: renderers.call(server_tasks.wait_for, str(path), seconds=20.0))
        await until(lambda: renderers.busy == 1)
        with pytest.raises(OverloadedError, match="waited too long"):
            await renderers.call(server_tasks.double, 1)
        assert renderers.waiting == 0
        path.touch()
        await long


async def test_workers_are_warm_before_they_work():
    async with running(2, warm_up=server_tasks.warm_up) as renderers:
        assert renderers.is_ready
        assert await renderers.call(server_tasks.is_warm)
        with suppress(WorkerDiedError):
            await renderers.call(server_tasks.die)
        results = await asyncio.gather(*(renderers.call(server_tasks.is_warm) for _ in "1234"))
        assert all(results), "also one that took the place of another"


async def test_workers_that_cannot_start_are_an_error():
    renderers = WorkerPool(1, warm_up=server_tasks.never_warm)
    with pytest.raises(WorkerDiedError):
        await renderers.start()


def children() -> list[psutil.Process]:
    running = psutil.Process().children()
    return [each for each in running if each.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("warm_up", [server_tasks.never_warm, server_tasks.lacks_memory])
def test_nothing_is_left_of_workers_that_cannot_start(warm_up):
    before = len(children())

    async def test() -> None:
        with pytest.raises(WorkerDiedError):
            await WorkerPool(2, warm_up=warm_up).start()
        assert len(children()) == before

    run(test)
    # A transport that is not closed complains here, where its loop is gone.
    gc.collect()


@posix_only
def test_nothing_is_left_of_a_lost_worker_that_ends_late():
    before = len(children())

    async def test() -> None:
        async with running() as renderers:
            await renderers.call(server_tasks.leave_the_pipe)
            await until(lambda: not renderers.is_ready)
            assert len(children()) > before
        assert len(children()) == before

    run(test)
    gc.collect()


@posix_only
@pytest.mark.parametrize("repeat", range(3))
def test_nothing_is_left_of_a_worker_that_took_too_long(repeat):
    before = len(children())

    async def test() -> None:
        async with running() as renderers:
            with pytest.raises(TimedOutError):
                await renderers.call(server_tasks.hold_the_interpreter, seconds=0.05)
        assert len(children()) == before

    run(test)
    gc.collect()


@pytest.mark.parametrize("is_begun", [False, True], ids=["starting", "warming-up"])
def test_nothing_is_left_of_workers_whose_start_is_given_up(tmp_path, is_begun):
    before = len(children())
    path = tmp_path / "never"

    async def test() -> None:
        warm_up = partial(server_tasks.wait_for, str(path))
        starting = asyncio.create_task(WorkerPool(2, warm_up=warm_up).start())
        begun = path.with_name(f"{path.name}.begun")
        await until(lambda: begun.exists() if is_begun else len(children()) == before + 2)
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
        assert len(children()) == before

    run(test)
    gc.collect()


def test_nothing_is_left_of_a_worker_that_was_about_to_be_replaced():
    before = len(children())

    async def test() -> None:
        async with running() as renderers:
            pid = await renderers.call(server_tasks.process)
            psutil.Process(pid).kill()
            await until(lambda: not renderers.is_ready)
            await until(lambda: any(each.pid != pid for each in children()))
        assert len(children()) == before

    run(test)
    gc.collect()


async def test_no_interpreter_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(WorkerDiedError, match="no worker process can be started"):
        await WorkerPool(1).start()


async def test_threads_may_submit():
    async with running() as renderers:
        futures = await asyncio.to_thread(
            lambda: [renderers.submit(server_tasks.double, number) for number in range(3)]
        )
        results = await asyncio.to_thread(lambda: [each.result(10) for each in futures])
        assert results == [0, 2, 4]


async def test_what_is_submitted_is_not_refused(tmp_path):
    async with running(queue_size=1) as renderers:
        blocked = Blocked(renderers, tmp_path)
        await blocked.begun()
        futures = [renderers.submit(server_tasks.double, number) for number in range(3)]
        await until(lambda: renderers.waiting == 3)
        await blocked.free()
        assert [await asyncio.wrap_future(each) for each in futures] == [0, 2, 4]


async def test_nothing_is_taken_after_the_end_and_no_process_is_left():
    async with running(2) as renderers:
        process = psutil.Process(await renderers.call(server_tasks.process))
    assert not renderers.is_ready
    with pytest.raises(OverloadedError):
        await renderers.call(server_tasks.double, 1)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


async def test_what_is_under_way_gets_time_to_finish(tmp_path):
    async with running() as renderers:
        blocked = Blocked(renderers, tmp_path)
        await blocked.begun()
        closing = asyncio.create_task(renderers.close(20.0))
        await asyncio.sleep(0.05)
        assert not closing.done()
        await blocked.free()
        await closing


async def test_what_does_not_finish_is_ended(tmp_path):
    async with running(queue_size=5) as renderers:
        blocked = Blocked(renderers, tmp_path)
        await blocked.begun()
        waits = as_request(lambda: renderers.call(server_tasks.double, 1))
        await until(lambda: renderers.waiting == 1)
        await renderers.close(0.0)
        with pytest.raises(WorkerDiedError):
            await blocked.task
        with pytest.raises(OverloadedError, match="shutting down"):
            await waits


async def test_times_are_told():
    telemetry = Telemetry()
    async with running(metrics=telemetry) as renderers:
        await renderers.call(server_tasks.double, 1, kind="metadata")
    text = telemetry.exposition().decode()
    assert 'rendicom_queue_seconds_count{kind="metadata"} 1.0' in text
    assert 'rendicom_work_seconds_count{kind="metadata"} 1.0' in text


def test_libraries_do_not_quote_files_on_standard_error(capfd):
    async def test() -> None:
        async with running() as renderers:
            await renderers.call(server_tasks.complain)

    run(test)
    assert "DOE" not in capfd.readouterr().err
