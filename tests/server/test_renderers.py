"""Who renders, and who waits: with real processes that are killed, hang and crash."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

import server_tasks
from rendicom.errors import BadRequestError, OverloadedError, TimedOutError, WorkerDiedError
from rendicom.server.renderers import Renderers, Requester, requester
from rendicom.server.telemetry import Telemetry

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals")


@asynccontextmanager
async def running(workers: int = 1, **settings: Any) -> AsyncIterator[Renderers]:
    renderers = Renderers(workers, **settings)
    await renderers.start()
    try:
        yield renderers
    finally:
        await renderers.close()


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 30))


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

    def __init__(self, renderers: Renderers, folder: Path) -> None:
        self._path = folder / f"free-{id(self)}"
        self.task = as_request(lambda: renderers.call(server_tasks.wait_for, str(self._path)))

    async def begun(self) -> None:
        await until(self._path.with_name(f"{self._path.name}.begun").exists)

    async def free(self) -> None:
        self._path.touch()
        await self.task


@pytest.mark.parametrize("engine", ["local", "threads"])
def test_returns_what_the_function_returns(engine):
    async def test() -> None:
        async with running(2, engine=engine) as renderers:
            results = await asyncio.gather(
                *(renderers.call(server_tasks.double, number) for number in range(20))
            )
            assert results == [2 * number for number in range(20)]

    run(test)


def test_calls_run_in_other_processes_at_once(tmp_path):
    async def test() -> None:
        async with running(2) as renderers:
            first, second = Blocked(renderers, tmp_path), Blocked(renderers, tmp_path)
            await asyncio.gather(first.begun(), second.begun())
            assert renderers.busy == 2
            await first.free()
            assert await renderers.call(server_tasks.process) != os.getpid()
            await second.free()

    run(test)


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000, 9_000_000])
def test_answers_of_any_size_come_whole(size):
    async def test() -> None:
        async with running() as renderers:
            for _ in range(2):
                assert await renderers.call(server_tasks.zeros, size) == bytes(size)

    run(test)


@pytest.mark.parametrize("engine", ["local", "threads"])
def test_raises_what_the_function_raises(engine):
    async def test() -> None:
        async with running(engine=engine) as renderers:
            with pytest.raises(BadRequestError, match="this is refused") as caught:
                await renderers.call(server_tasks.refuse)
            assert caught.value.parameter == "window"
            with pytest.raises(ZeroDivisionError):
                await renderers.call(server_tasks.fail)
            assert await renderers.call(server_tasks.double, 1) == 2

    run(test)


def test_what_cannot_travel_is_an_error_of_that_call():
    async def test() -> None:
        async with running() as renderers:
            with pytest.raises(pickle.PicklingError):
                await renderers.call(server_tasks.double, lambda: None)
            assert (renderers.busy, renderers.waiting) == (0, 0)
            assert await renderers.call(server_tasks.double, 1) == 2

    run(test)


@posix_only
@pytest.mark.parametrize("end", [server_tasks.die, server_tasks.abort])
def test_a_crash_costs_that_call_only(tmp_path, end):
    async def test() -> None:
        telemetry = Telemetry()
        async with running(2, telemetry=telemetry) as renderers:
            other = Blocked(renderers, tmp_path)
            await other.begun()
            with pytest.raises(WorkerDiedError, match="signal"):
                await renderers.call(end)
            assert await renderers.call(server_tasks.double, 4) == 8, "another took its place"
            await other.free()
            assert await asyncio.gather(
                *(renderers.call(server_tasks.double, number) for number in range(4))
            ) == [0, 2, 4, 6]
        assert b'workers_lost_total{reason="died"} 1.0' in telemetry.exposition()

    run(test)


@posix_only
def test_a_worker_killed_while_idle_is_replaced():
    async def test() -> None:
        async with running() as renderers:
            process = await renderers.call(server_tasks.process)
            psutil.Process(process).kill()
            await until(lambda: not renderers.is_ready)
            await until(lambda: renderers.is_ready)
            assert await renderers.call(server_tasks.process) != process

    run(test)


@posix_only
def test_a_hang_that_holds_the_interpreter_is_ended(tmp_path):
    async def test() -> None:
        telemetry = Telemetry()
        async with running(2, telemetry=telemetry) as renderers:
            other = Blocked(renderers, tmp_path)
            await other.begun()
            with pytest.raises(TimedOutError, match=r"longer than 0\.1 s"):
                await renderers.call(server_tasks.hold_the_interpreter, seconds=0.1)
            await other.free()
            assert await renderers.call(server_tasks.double, 4) == 8
        assert b'workers_lost_total{reason="timed-out"} 1.0' in telemetry.exposition()

    run(test)


def test_a_thread_that_takes_too_long_is_not_waited_for(tmp_path):
    async def test() -> None:
        async with running(engine="threads", seconds=0.05) as renderers:
            blocked = Blocked(renderers, tmp_path)
            with pytest.raises(TimedOutError):
                await blocked.task
            assert renderers.busy == 1, "it still runs"
            blocked._path.touch()
            await until(lambda: renderers.busy == 0)
            assert await renderers.call(server_tasks.double, 4, seconds=5.0) == 8

    run(test)


def test_a_full_queue_refuses_and_says_when_to_come_again(tmp_path):
    async def test() -> None:
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

    run(test)


def test_a_request_that_was_let_in_is_not_refused_halfway(tmp_path):
    async def test() -> None:
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

    run(test)


def test_requests_take_turns(tmp_path):
    async def test() -> None:
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

    run(test)


def test_who_leaves_the_queue_costs_nothing(tmp_path):
    async def test() -> None:
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

    run(test)


def test_a_worker_whose_caller_left_is_free_when_it_is_done(tmp_path):
    async def test() -> None:
        async with running() as renderers:
            blocked = Blocked(renderers, tmp_path)
            await blocked.begun()
            blocked.task.cancel()
            await asyncio.sleep(0)
            assert renderers.busy == 1
            blocked._path.touch()
            assert await renderers.call(server_tasks.double, 3) == 6

    run(test)


def test_waiting_too_long_is_refused(tmp_path):
    async def test() -> None:
        async with running(seconds=0.05) as renderers:
            path = tmp_path / "free"
            long = as_request(
                lambda: renderers.call(server_tasks.wait_for, str(path), seconds=20.0)
            )
            await until(lambda: renderers.busy == 1)
            with pytest.raises(OverloadedError, match="waited too long"):
                await renderers.call(server_tasks.double, 1)
            assert renderers.waiting == 0
            path.touch()
            await long

    run(test)


def test_workers_are_warm_before_they_work():
    async def test() -> None:
        async with running(2, warm_up=server_tasks.warm_up) as renderers:
            assert renderers.is_ready
            assert await renderers.call(server_tasks.is_warm)
            with suppress(WorkerDiedError):
                await renderers.call(server_tasks.die)
            results = await asyncio.gather(*(renderers.call(server_tasks.is_warm) for _ in "1234"))
            assert all(results), "also one that took the place of another"

    run(test)


def test_workers_that_cannot_start_are_an_error():
    async def test() -> None:
        renderers = Renderers(1, warm_up=server_tasks.never_warm)
        with pytest.raises(WorkerDiedError):
            await renderers.start()

    run(test)


def test_no_interpreter_is_an_error(monkeypatch):
    async def test() -> None:
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(WorkerDiedError, match="no worker process can be started"):
            await Renderers(1).start()

    run(test)


def test_threads_may_submit():
    async def test() -> None:
        async with running() as renderers:
            futures = await asyncio.to_thread(
                lambda: [renderers.submit(server_tasks.double, number) for number in range(3)]
            )
            results = await asyncio.to_thread(lambda: [each.result(10) for each in futures])
            assert results == [0, 2, 4]

    run(test)


def test_what_is_submitted_is_not_refused(tmp_path):
    async def test() -> None:
        async with running(queue_size=1) as renderers:
            blocked = Blocked(renderers, tmp_path)
            await blocked.begun()
            futures = [renderers.submit(server_tasks.double, number) for number in range(3)]
            await until(lambda: renderers.waiting == 3)
            await blocked.free()
            assert [await asyncio.wrap_future(each) for each in futures] == [0, 2, 4]

    run(test)


def test_nothing_is_taken_after_the_end_and_no_process_is_left():
    async def test() -> None:
        async with running(2) as renderers:
            process = psutil.Process(await renderers.call(server_tasks.process))
        assert not renderers.is_ready
        with pytest.raises(OverloadedError):
            await renderers.call(server_tasks.double, 1)
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE

    run(test)


def test_what_is_under_way_gets_time_to_finish(tmp_path):
    async def test() -> None:
        async with running() as renderers:
            blocked = Blocked(renderers, tmp_path)
            await blocked.begun()
            closing = asyncio.create_task(renderers.close(20.0))
            await asyncio.sleep(0.05)
            assert not closing.done()
            await blocked.free()
            await closing

    run(test)


def test_what_does_not_finish_is_ended(tmp_path):
    async def test() -> None:
        async with running(queue_size=5) as renderers:
            blocked = Blocked(renderers, tmp_path)
            await blocked.begun()
            waits = as_request(lambda: renderers.call(server_tasks.double, 1))
            await until(lambda: renderers.waiting == 1)
            await renderers.close(0.0)
            with pytest.raises(WorkerDiedError):
                await blocked.task
            with pytest.raises(OverloadedError, match="about to end"):
                await waits

    run(test)


def test_times_are_told():
    async def test() -> None:
        telemetry = Telemetry()
        async with running(telemetry=telemetry) as renderers:
            await renderers.call(server_tasks.double, 1, kind="metadata")
        text = telemetry.exposition().decode()
        assert 'rendicom_queue_seconds_count{kind="metadata"} 1.0' in text
        assert 'rendicom_work_seconds_count{kind="metadata"} 1.0' in text

    run(test)


def test_libraries_do_not_quote_files_on_standard_error(capfd):
    async def test() -> None:
        async with running() as renderers:
            await renderers.call(server_tasks.complain)

    run(test)
    assert "DOE" not in capfd.readouterr().err
