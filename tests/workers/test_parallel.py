"""Parts of a task in several threads: order, number of threads, errors."""

from __future__ import annotations

import threading

import pytest

from rendicom.workers.parallel import in_threads


@pytest.mark.parametrize("threads", [1, 2, 3, 100])
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_results_are_in_the_order_of_the_items(threads: int, count: int) -> None:
    assert in_threads(lambda item: item * item, range(count), threads) == [
        item * item for item in range(count)
    ]


def test_as_many_threads_as_said_work_at_once() -> None:
    meeting = threading.Barrier(3, timeout=60)
    names = in_threads(lambda _: (meeting.wait(), threading.current_thread())[1], range(3), 3)
    assert len(set(names)) == 3
    assert threading.current_thread() in names


def test_one_thread_is_that_of_the_caller() -> None:
    here = threading.current_thread()
    assert set(in_threads(lambda _: threading.current_thread(), range(5), 1)) == {here}


@pytest.mark.parametrize("threads", [1, 4])
def test_an_error_is_raised_and_ends_the_work(threads: int) -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise KeyError(item)
        return item

    before = threading.active_count()
    with pytest.raises(KeyError):
        in_threads(work, range(1_000_000), threads)
    assert len(begun) < 1_000_000
    assert threading.active_count() == before
