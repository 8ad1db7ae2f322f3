"""Starts the workers of a run before the rest of the program is loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import click

from rendicom.batch.executors import Engine, end_now, open_executor, width
from rendicom.encode.formats import Format
from rendicom.errors import OptionError
from rendicom.registry import preload
from rendicom.workers.cpu_count import default_jobs

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from rendicom.cli.folderflags import FolderFlags
    from rendicom.cli.target import Target

_EARLY = 2
"""Worker processes started before the amount of work is known."""


class Workers(NamedTuple):
    """The executor of a run, its engine, and the number of concurrent tasks."""

    engine: Engine
    executor: Executor
    jobs: int


@contextmanager
def open_workers(flags: FolderFlags, target: Target) -> Iterator[Workers]:
    """Start the workers that the flags ask for, and stop them at the end.

    Raises
    ------
    click.UsageError
        The engine is unknown or cannot be reached.
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
    """Return the engine to use. Only threads of this process see memory:// files."""
    in_memory = any(place.startswith("memory://") for place in (*target.sources, target.path))
    if not in_memory:
        return flags.engine or "local"
    if flags.engine not in (None, "threads", "inline"):
        raise OptionError("memory:// is visible in this process only", hint="use --engine threads")
    return flags.engine or "threads"


def _modules(target: Target) -> tuple[str, ...]:
    """Return the modules that a worker imports first."""
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
    return ("rendicom.batch.document_job", "rendicom.documents.document_rendering")
