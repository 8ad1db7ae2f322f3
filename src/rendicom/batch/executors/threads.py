"""Threads of this process: they start at once, but a crash or a hang ends the run."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor

from rendicom.batch.executors import Engine


def _open(*, jobs: int, address: str = "") -> Executor:  # noqa: ARG001
    return ThreadPoolExecutor(jobs, thread_name_prefix="rendicom-worker")


EXECUTOR = Engine(name="threads", has_own_processes=False, open=_open)
