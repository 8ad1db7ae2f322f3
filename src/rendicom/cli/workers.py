"""Starts the workers of a run before the rest of the program is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from rendicom.batch.executors import Workers, open_workers
from rendicom.encode.formats import Format
from rendicom.errors import OptionError
from rendicom.registry import preload
from rendicom.workers.cpu_count import default_jobs

if TYPE_CHECKING:
    from rendicom.cli.folderflags import FolderFlags
    from rendicom.cli.target import Target

_EARLY = 2
"""Worker processes started before the amount of work is known."""


@contextmanager
def start_workers(flags: FolderFlags, target: Target) -> Iterator[Workers]:
    """Start the workers that the flags ask for, and stop them at the end.

    Raises
    ------
    click.UsageError
        The engine is unknown or cannot be reached.
    """
    with ExitStack() as stack:
        try:
            opening = open_workers(_engine_text(flags, target), flags.jobs or default_jobs())
            workers = stack.enter_context(opening)
        except OptionError as error:
            raise click.UsageError(str(error)) from None
        if workers.engine.name == "local":
            for _ in range(min(workers.jobs, _EARLY)):
                workers.executor.submit(preload, _modules(target))
        yield workers


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
    if isinstance(target.format, Format):
        own: tuple[str, ...] = (f"rendicom.encode.formats.{target.format.name}",)
    else:
        own = ("rendicom.batch.document_job", "rendicom.documents.document_rendering")
    return (
        "rendicom.engine",
        *own,
        "rendicom.batch.worker",
        "rendicom.batch.identity",
        "rendicom.batch.sources",
    )
