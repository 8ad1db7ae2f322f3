"""Processes of this machine."""

from __future__ import annotations

from concurrent.futures import Executor

from rendicom.batch.executors import Engine


def _open(*, jobs: int, address: str = "") -> Executor:  # noqa: ARG001
    from rendicom.workers.thread_pool import LocalExecutor

    return LocalExecutor(jobs)


EXECUTOR = Engine(name="local", has_own_processes=True, open=_open)
