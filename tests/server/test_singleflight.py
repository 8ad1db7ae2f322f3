from __future__ import annotations

import asyncio

import pytest

from rendicom.errors import CorruptDataError
from rendicom.server.singleflight import SingleFlight


class Work:
    """Counts how often it is begun; goes on when told."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.go = asyncio.Event()

    async def __call__(self) -> str:
        self.begun += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return f"result {self.begun}"


async def _begun(flights: SingleFlight, work: Work, number: int) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(flights.do("key", work)) for _ in range(number)]
    await asyncio.sleep(0.01)
    return tasks


def test_equal_requests_share_one():
    async def run() -> None:
        flights, work = SingleFlight(), Work()
        tasks = await _begun(flights, work, 3)
        assert work.begun == 1
        work.go.set()
        assert await asyncio.gather(*tasks) == ["result 1"] * 3
        assert flights.shared == 2
        assert len(flights) == 0
        assert await flights.do("key", work) == "result 2", "done work is not kept"

    asyncio.run(run())


def test_other_keys_do_not_share():
    async def run() -> None:
        flights, work = SingleFlight(), Work()
        work.go.set()
        results = await asyncio.gather(flights.do("a", work), flights.do("b", work))
        assert work.begun == 2
        assert len(results) == 2

    asyncio.run(run())


def test_one_who_leaves_does_not_end_it_for_the_others():
    async def run() -> None:
        flights, work = SingleFlight(), Work()
        first, second = await _begun(flights, work, 2)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        work.go.set()
        assert await second == "result 1"
        assert work.cancelled == 0

    asyncio.run(run())


def test_it_ends_when_all_have_left_and_can_begin_anew():
    async def run() -> None:
        flights, work = SingleFlight(), Work()
        for task in await _begun(flights, work, 2):
            task.cancel()
        await asyncio.sleep(0.01)
        assert work.cancelled == 1
        assert len(flights) == 0
        work.go.set()
        assert await flights.do("key", work) == "result 2"

    asyncio.run(run())


def test_all_get_the_error():
    async def run() -> None:
        flights = SingleFlight()

        async def fail() -> str:
            await asyncio.sleep(0.01)
            raise CorruptDataError("cut off")

        tasks = [flights.do("key", fail) for _ in range(3)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [CorruptDataError] * 3
        assert len(flights) == 0

    asyncio.run(run())
