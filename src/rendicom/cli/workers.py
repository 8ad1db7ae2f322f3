"""Opens what does the work of a run, before the rest of the program is even loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import click

from rendicom.batch.executors import (
    Engine,
    default_jobs,
    end_now,
    open_executor,
    width,
)
from rendicom.encode.formats import Format
from rendicom.errors import OptionError
from rendicom.registry import preload

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from rendicom.cli.folderflags import FolderFlags
    from rendicom.cli.target import Target

__all__ = ["Workers", "open_workers"]

_EARLY = 2
"""Processes started before it is known how much there is to do."""


class Workers(NamedTuple):
    """The executor of a run, how it came to be, and how many tasks it works on at once."""

    engine: Engine
    executor: Executor
    jobs: int


@contextmanager
def open_workers(flags: FolderFlags, target: Target) -> Iterator[Workers]:
    """Yield the workers the flags ask for; they are gone afterwards.

    Raises
    ------
    click.UsageError
        There is no such engine, or it cannot be reached.
    """
    try:
        text = _engine_text(flags, target)
        engine, executor = open_executor(text, jobs=flags.jobs or default_jobs())
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    try:
        jobs = width(executor, default=flags.jobs or default_jobs())
        if engine.name == "local":
            for _ in range(min(jobs, _EARLY)):
                executor.submit(preload, _modules(target))
        yield Workers(engine, executor, jobs)
    finally:
        if sys.exc_info()[0] is None:
            executor.shutdown(wait=True, cancel_futures=True)
        else:
            end_now(executor)


def _engine_text(flags: FolderFlags, target: Target) -> str:
    """Return the engine to use; what is in this process's memory, other processes do not see."""
    in_memory = any(place.startswith("memory://") for place in (*target.sources, target.path))
    if not in_memory:
        return flags.engine or "local"
    if flags.engine not in (None, "threads", "inline"):
        raise OptionError("memory:// is this process's own", hint="--engine threads sees it")
    return flags.engine or "threads"


def _modules(target: Target) -> tuple[str, ...]:
    """Return what a worker needs for its first picture."""
    return (
        "rendicom.engine",
        *_modules_of(target),
        "rendicom.batch.worker",
        "rendicom.batch.identity",
        "rendicom.batch.sources",
    )


def _modules_of(target: Target) -> tuple[str, ...]:
    if isinstance(target.format, Format):
        return (f"rendicom.encode.formats.{target.format.name}",)
    return ("rendicom.batch.reports", "rendicom.documents.rendering")
