from __future__ import annotations

import asyncio

import pytest

from rendicom.errors import CorruptDataError, OverloadedError
from rendicom.server.singleflight import SharedAnswer, SingleFlight


class Work:
    """Counts how often it is begun; goes on when told."""

    def __init__(self) -> None:
        self.begun = 0
        self.left = 0
        self.go = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, answer: SharedAnswer) -> Work:
        self.begun += 1
        self._tasks.add(asyncio.create_task(self._work(answer, self.begun)))
        return self

    async def _work(self, answer: SharedAnswer, number: int) -> None:
        await self.go.wait()
        if not answer.done():
            answer.set_result(f"result {number}")

    def leave(self) -> None:
        self.left += 1


async def _begun(flights: SingleFlight, work: Work, number: int) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(flights.do("key", work)) for _ in range(number)]
    await asyncio.sleep(0.01)
    return tasks


async def test_equal_requests_share_one():
    flights, work = SingleFlight(), Work()
    tasks = await _begun(flights, work, 3)
    assert work.begun == 1
    work.go.set()
    assert await asyncio.gather(*tasks) == ["result 1"] * 3
    assert flights.shared == 2
    assert len(flights) == 0
    assert await flights.do("key", work) == "result 2", "done work is not kept"


async def test_other_keys_do_not_share():
    flights, work = SingleFlight(), Work()
    work.go.set()
    results = await asyncio.gather(flights.do("a", work), flights.do("b", work))
    assert work.begun == 2
    assert len(results) == 2


async def test_one_who_leaves_does_not_end_it_for_the_others():
    flights, work = SingleFlight(), Work()
    first, second = await _begun(flights, work, 2)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.go.set()
    assert await second == "result 1"
    assert work.left == 0


async def test_it_ends_when_all_have_left_and_can_begin_anew():
    flights, work = SingleFlight(), Work()
    for task in await _begun(flights, work, 2):
        task.cancel()
    await asyncio.sleep(0.01)
    assert work.left == 1
    assert len(flights) == 0
    work.go.set()
    assert await flights.do("key", work) == "result 2"


async def test_all_get_the_error():
    flights = SingleFlight()

    class Failing(Work):
        async def _work(self, answer: SharedAnswer, number: int) -> None:
            await self.go.wait()
            answer.set_exception(CorruptDataError(f"cut off {number}"))

    work = Failing()
    tasks = await _begun(flights, work, 3)
    work.go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [CorruptDataError] * 3
    assert len(flights) == 0


async def test_work_that_is_refused_at_once_is_not_kept():
    flights, work = SingleFlight(), Work()

    def refuse(_: SharedAnswer) -> Work:
        raise OverloadedError("full")

    with pytest.raises(OverloadedError):
        await flights.do("key", refuse)
    assert len(flights) == 0
    work.go.set()
    assert await flights.do("key", work) == "result 1"
