"""Runs parts of one task in a few threads.

``concurrent.futures`` takes longer to import than the threads save on one picture.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_threads(
    function: Callable[[_Item], _Result], items: Iterable[_Item], threads: int
) -> list[_Result]:
    """Return ``function`` of each item, in order, made by at most ``threads`` threads.

    The calling thread is one of them. After an exception no further item is begun, and it is
    raised when the other threads have ended.
    """
    left = deque(enumerate(items))
    found: dict[int, _Result] = {}
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while True:
                try:
                    at, item = left.popleft()
                except IndexError:
                    return
                found[at] = function(item)
        except BaseException as error:  # noqa: BLE001 - raised in the calling thread
            left.clear()
            errors.append(error)

    count = len(left)
    helpers = [threading.Thread(target=work) for _ in range(min(threads, count) - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]
    return [found[at] for at in range(count)]
