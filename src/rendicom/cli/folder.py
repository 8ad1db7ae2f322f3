"""``rendicom convert`` into a folder: many sources, all cores, a manifest."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING

import click

from rendicom.batch.executors import Engine, end_now
from rendicom.batch.job import Job, OutputFolder, failure, run_job
from rendicom.batch.run import Entry, Run
from rendicom.batch.runner import CHUNK_SECONDS
from rendicom.batch.sources import count_files, find, find_listed
from rendicom.batch.tally import Tally
from rendicom.batch.units import Recipe, Report, Unit
from rendicom.cli import exitcodes
from rendicom.cli.console import Console, complain
from rendicom.cli.folderflags import DEFAULT_TIMEOUT, MANIFEST, FolderFlags
from rendicom.cli.progress import Progress
from rendicom.cli.target import STREAM, Target
from rendicom.errors import (
    NoSuchResourceError,
    NotDicomError,
    OptionError,
    RendicomError,
    UnreadableSourceError,
)
from rendicom.storage import join, version_of

if TYPE_CHECKING:
    from typing import BinaryIO

    from rendicom.batch.filters import Filters
    from rendicom.batch.frames import FrameSelection
    from rendicom.batch.layout import Layout
    from rendicom.batch.manifest import Manifest
    from rendicom.batch.pseudonyms import Pseudonyms
    from rendicom.batch.register import Register
    from rendicom.batch.sheet import SheetPlan
    from rendicom.batch.write import Existing
    from rendicom.cli.remotesource import RemoteSource
    from rendicom.cli.workers import Workers
    from rendicom.options import RenderOptions

__all__ = ["convert_folder"]

REMOTE_CHUNK_SECONDS = 1.5
"""Work aimed at in a chunk of a server: its first instance is waited for, the others are not."""


def convert_folder(
    target: Target,
    options: RenderOptions,
    flags: FolderFlags,
    workers: Workers,
    *,
    frames: FrameSelection | None,
    existing: Existing,
    console: Console,
    presentation: str = "",
    source: RemoteSource | None = None,
) -> int:
    """Convert all sources into a folder and return the exit status."""
    with ExitStack() as stack:
        try:
            work = _FolderRun(target, flags, console, workers, stack, source)
            work.prepare(options, frames, existing, presentation)
        except OptionError as error:
            raise click.UsageError(str(error)) from None
        return work.run()


class _FolderRun:
    """One run, put together from its flags; ``stack`` closes what it opens."""

    def __init__(
        self,
        target: Target,
        flags: FolderFlags,
        console: Console,
        workers: Workers,
        stack: ExitStack,
        source: RemoteSource | None = None,
    ) -> None:
        self.target, self.flags, self.console = target, flags, console
        self.workers, self.stack, self.source = workers, stack, source
        self.tally = Tally()
        self.manifest: Manifest | None = None
        self.began = monotonic()

    def prepare(
        self,
        options: RenderOptions,
        frames: FrameSelection | None,
        existing: Existing,
        presentation: str,
    ) -> None:
        """Open everything the run needs, so that what is wrong is said before any work.

        Raises
        ------
        OptionError
            The flags make no sense.
        """
        flags, target = self.flags, self.target
        pseudonyms, layout = _pseudonyms(flags), _layout(flags, target)
        filters = _filters(flags)
        engine = self.workers.engine
        recipe = Recipe(
            target=target.path,
            format=target.format.name,
            options=options,
            frames=frames,
            existing=existing,
            filters=filters if filters.any else None,
            timeout=self._timeout(engine),
            base=os.getcwd() if engine.name == "dask" else "",
            is_rehearsal=flags.dry_run,
            patient_fields=layout.patient_fields if layout is not None else (),
            presentation=presentation,
            origin=self.source.remote if self.source is not None else None,
        )
        sheet = self._sheet(pseudonyms)
        self.manifest = self._manifest(recipe, pseudonyms)
        self.progress = self.stack.enter_context(Progress(is_quiet=self.console.is_quiet))
        if self.source is None:
            self.progress.count(count_files(target.sources))
        self.runs = Run(
            recipe,
            lambda: self.workers.executor,
            self.workers.jobs,
            self._on_report,
            is_contained=engine.has_own_processes,
            on_done_before=self._on_done_before,
            layout=layout,
            register=self._register() if layout is not None else None,
            pseudonyms=pseudonyms,
            manifest=self.manifest,
            sheet=sheet,
            chunk_seconds=CHUNK_SECONDS if self.source is None else REMOTE_CHUNK_SECONDS,
        )

    def _timeout(self, engine: Engine) -> float | None:
        if engine.has_own_processes:
            return self.flags.timeout or DEFAULT_TIMEOUT
        if self.flags.timeout is not None:
            raise OptionError(
                f"--timeout needs worker processes: --engine {engine.name} cannot give up a picture"
            )
        return None

    def _register(self) -> Register:
        from rendicom.batch.register import Register

        return self.stack.enter_context(Register())

    def _sheet(self, pseudonyms: Pseudonyms | None) -> SheetPlan | None:
        if self.flags.contact_sheet is None or self.flags.dry_run:
            return None
        from rendicom.batch.sheet import SheetPlan

        plan = SheetPlan(self.flags.contact_sheet, pseudonyms=pseudonyms)
        return self.stack.enter_context(plan)

    def _manifest(self, recipe: Recipe, pseudonyms: Pseudonyms | None) -> Manifest | None:
        flags = self.flags
        if flags.dry_run:
            return None
        if not flags.has_manifest:
            if flags.resume:
                raise OptionError("--resume reads the manifest: leave --no-manifest out")
            return None
        from rendicom.batch.manifest import open_manifest

        self.console.manifest = flags.manifest or join(recipe.target, MANIFEST)
        manifest = open_manifest(
            self.console.manifest,
            options=recipe.options,
            format=recipe.format,
            recipe=_in_words(recipe, flags),
            target=recipe.target,
            frames=recipe.frames,
            resume=flags.resume,
            pseudonyms=pseudonyms,
        )
        self.stack.callback(self._leave_manifest)
        return manifest

    # --- the run --------------------------------------------------------------------------

    def run(self) -> int:
        """Convert everything, say what came of it, and return the exit status."""
        stopped: RendicomError | None = None
        try:
            self.runs.run(self._entries())
            self._close_manifest()
            self._make_sheets()
        except KeyboardInterrupt:
            return self._interrupted()
        except RendicomError as error:
            stopped = error
            self._leave_manifest()
        except BaseException:
            # Somebody wants us gone, or nobody reads our output any more.
            self._leave_manifest()
            raise
        self.progress.stop()
        if stopped is not None:
            complain(stopped.message, hint=stopped.hint)
        elif not (self.tally.converted or self.tally.filtered or self.tally.done_before):
            what = ", ".join(self.target.sources) or f"--from-file {self.flags.from_file}"
            self.console.show(failure(what, self._nothing()))
        self.console.summarise(
            self.tally, seconds=monotonic() - self.began, done_before=self.tally.done_before
        )
        return exitcodes.FAILED if stopped or self.console.failed else exitcodes.OK

    def _nothing(self) -> RendicomError:
        if self.source is not None:
            return NoSuchResourceError("the server has nothing that matches")
        return NotDicomError("no DICOM file is in there", hint="files are known by content")

    def _entries(self) -> Iterator[Entry]:
        extension = self.target.format.extensions[0]
        for entry in self._found(extension):
            if isinstance(entry, Unit) and entry.source == STREAM:
                self._convert_stream(entry)
            else:
                yield entry

    def _found(self, extension: str) -> Iterator[Entry]:
        if self.source is not None:
            for unit in self.source.units():
                self.progress.total(self.source.total, is_final=False)
                yield unit
            self.progress.total(self.source.total, is_final=True)
            return
        target, listed = self.target, self.flags.from_file
        if target.sources:
            yield from find(target.sources, target.path, extension=extension)
        if listed is not None:
            with _opened_list(listed) as lines:
                yield from find_listed(lines, target.path, extension=extension)

    def _convert_stream(self, unit: Unit) -> None:
        """Convert standard input here: no worker could read it."""
        recipe = self.runs.recipe
        job = Job(
            unit.source,
            OutputFolder(recipe.target, unit.place),
            self.target.format,
            recipe.options,
            recipe.frames,
            recipe.existing,
            sys.stdin.buffer,
            is_rehearsal=recipe.is_rehearsal,
            has_digest=True,
            presentation=recipe.presentation,
        )
        self.runs.record(Report(unit, tuple(run_job(job))))

    def _make_sheets(self) -> None:
        if self.runs.sheet is not None:
            self.progress.stage("making contact sheets")
            for warning in self.runs.sheet.write(self.runs.recipe, self.workers.executor):
                complain(warning)

    def _on_report(self, report: Report) -> None:
        self.tally.add(report)
        for outcome in report.outcomes:
            self.console.show(outcome)
        self.progress.update(self.tally)

    def _on_done_before(self) -> None:
        self.tally.done_before += 1
        self.progress.update(self.tally)

    def _close_manifest(self) -> None:
        if self.manifest is not None:
            self.manifest.close()

    def _leave_manifest(self) -> None:
        """Keep what the manifest has so far; why the run ends is said already."""
        if self.manifest is not None:
            with suppress(RendicomError):
                self.manifest.close(complete=False)

    def _interrupted(self) -> int:
        end_now(self.workers.executor)
        self.progress.stop()
        self._leave_manifest()
        goes_on = "; --resume goes on from here" if self.manifest is not None else ""
        done = self.tally.written
        are = "picture is" if done == 1 else "pictures are"
        complain(f"interrupted: {done} {are} written{goes_on}")
        return exitcodes.INTERRUPTED


def _in_words(recipe: Recipe, flags: FolderFlags) -> str:
    """Return what decides of the pictures beside the options: with another, none is done yet."""
    if recipe.origin is not None:
        return f"{_words_of_files(recipe, flags)}, rendering {recipe.origin.words()}"
    return _words_of_files(recipe, flags)


def _words_of_files(recipe: Recipe, flags: FolderFlags) -> str:
    words = f"frames {recipe.frames or 'as they come'}, layout {flags.layout or ''}"
    if not recipe.presentation:
        return words
    version = version_of(recipe.presentation)
    return f"{words}, presentation state {recipe.presentation} {version}"


def _pseudonyms(flags: FolderFlags) -> Pseudonyms | None:
    if flags.hash_uids is None:
        return None
    from rendicom.batch.pseudonyms import Pseudonyms

    return Pseudonyms.from_file(flags.hash_uids)


def _layout(flags: FolderFlags, target: Target) -> Layout | None:
    if flags.layout is None:
        return None
    from rendicom.batch.layout import Layout

    return Layout.parse(
        flags.layout, extensions=target.format.extensions, allow_phi=flags.allow_phi
    )


def _filters(flags: FolderFlags) -> Filters:
    from rendicom.batch.filters import Filters

    return Filters.parse(
        modality=flags.modality,
        series=flags.series,
        skip_burned_in=flags.skip_burned_in,
        only_images=flags.only_images,
    )


@contextmanager
def _opened_list(listed: str) -> Iterator[BinaryIO]:
    if listed == STREAM:
        yield sys.stdin.buffer
        return
    try:
        stream = open(listed, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise UnreadableSourceError(f"--from-file {listed}: {reason}") from None
    with stream:
        yield stream
