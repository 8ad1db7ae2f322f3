"""Runs tasks in the calling thread, one after the other: for debugging and very small runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from rendicom.batch.executors import Engine

_P = ParamSpec("_P")
_T = TypeVar("_T")


class InlineExecutor(Executor):
    """Runs a task in `submit`, which returns a finished future."""

    width = 1

    def __init__(self) -> None:
        self._is_shut = False

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Return the finished future; Ctrl-C and SystemExit pass through."""
        if self._is_shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[_T] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - what a task raises belongs to its future
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Refuse further tasks; there is nothing to wait for."""
        self._is_shut = True


EXECUTOR = Engine(name="inline", has_own_processes=False, open=lambda **_: InlineExecutor())
