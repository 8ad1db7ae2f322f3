"""``rendicom convert`` into a folder: many sources, all cores, a manifest."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING

import click

from rendicom.batch.conversion import folder_of, open_run, parse_template, places_among
from rendicom.batch.counters import Counters
from rendicom.batch.executors import end_now
from rendicom.batch.job import MANIFEST, Job, OutputFolder
from rendicom.batch.outcomes import Ignored, failure
from rendicom.batch.output_paths import find
from rendicom.batch.picture_job import run_job
from rendicom.batch.runner import CHUNK_SECONDS
from rendicom.batch.source_lists import find_listed
from rendicom.batch.sources import Entry, Unit, count_files, is_folder_like
from rendicom.batch.worker_messages import Recipe, UnitReport
from rendicom.cli import exitcodes
from rendicom.cli.console import Console, complain, counted
from rendicom.cli.folderflags import FolderFlags, opened_list
from rendicom.cli.progress import Progress
from rendicom.cli.target import STREAM, Target
from rendicom.dicom.folder_walk import Unreadable
from rendicom.errors import (
    NoSuchResourceError,
    NotDicomError,
    OptionError,
    RendicomError,
    UnreadableSourceError,
)
from rendicom.storage import join

if TYPE_CHECKING:
    from rendicom.batch.executors import Workers
    from rendicom.batch.pseudonyms import Pseudonyms
    from rendicom.batch.sheet import SheetPlan
    from rendicom.cli.remotesource import RemoteSource

REMOTE_CHUNK_SECONDS = 1.5
"""Target duration of a chunk of server instances; only its first instance is not prefetched."""


def convert_folder(
    target: Target,
    recipe: Recipe,
    flags: FolderFlags,
    workers: Workers,
    console: Console,
    source: RemoteSource | None = None,
) -> int:
    """Convert all sources into a folder and return the exit status.

    The flags complete ``recipe``.
    """
    with ExitStack() as stack:
        try:
            work = _FolderRun(target, recipe, flags, workers, console, source, stack)
        except OptionError as error:
            raise click.UsageError(str(error)) from None
        return work.run()


class _FolderRun:
    """One run, set up from its flags; ``stack`` closes its resources.

    Everything that it needs is open before any work, so that faults are reported before.

    Raises
    ------
    OptionError
        The flags are invalid.
    """

    def __init__(
        self,
        target: Target,
        recipe: Recipe,
        flags: FolderFlags,
        workers: Workers,
        console: Console,
        source: RemoteSource | None,
        stack: ExitStack,
    ) -> None:
        self.target, self.flags, self.console = target, flags, console
        self.workers, self.source = workers, source
        self.tally = Counters()
        self.folder = folder_of(target.path)
        self.dicomdir = ""
        self.began = monotonic()
        if target.path == self.folder and flags.shard_size is not None:
            raise OptionError("--shard-size needs a TARGET such as shards/{shard:06}.tar")
        if target.path != self.folder and (flags.contact_sheet or flags.dry_run):
            name = "--contact-sheet" if flags.contact_sheet else "--dry-run"
            raise OptionError(f"{name} and a TARGET of shards exclude each other")
        engine = workers.engine
        if flags.timeout is not None and not engine.has_own_processes:
            raise OptionError(
                f"--timeout needs worker processes: --engine {engine.name} cannot give up a picture"
            )
        pseudonyms = flags.pseudonyms()
        sheet = self._sheet(pseudonyms)
        if sheet is not None:
            stack.enter_context(sheet)
        console.manifest = self._place_of_manifest() or None
        self.runs = open_run(
            stack,
            recipe._replace(
                filters=flags.filters(),
                timeout=flags.timeout,
                is_rehearsal=flags.dry_run,
                among=places_among(target.sources) if source is None else None,
                input_source=source.remote if source is not None else None,
                is_alone=self._is_alone(),
            ),
            workers,
            self._on_report,
            on_done_before=self._on_done_before,
            layout=parse_template(
                flags.layout, target.format.extensions, allow_phi=flags.allow_phi
            ),
            place=console.manifest or "",
            resume=flags.resume,
            shard_size=flags.shard_size,
            pseudonyms=pseudonyms,
            sheet=sheet,
            chunk_seconds=CHUNK_SECONDS if source is None else REMOTE_CHUNK_SECONDS,
        )
        self.progress = stack.enter_context(Progress(is_quiet=console.is_quiet))
        if source is None:
            self.progress.count(count_files(target.sources))

    def _is_alone(self) -> bool:
        if self.source is not None:
            return bool(self.source.wanted.resource.instance)
        sources = self.target.sources
        is_one = len(sources) == 1 and self.flags.from_file is None
        return is_one and not is_folder_like(sources[0])

    def _sheet(self, pseudonyms: Pseudonyms | None) -> SheetPlan | None:
        if self.flags.contact_sheet is None or self.flags.dry_run:
            return None
        from rendicom.batch.sheet import SheetPlan

        path = self.flags.contact_sheet
        if not os.path.dirname(path):
            path = join(self.folder, path)
        return SheetPlan(path, pseudonyms=pseudonyms)

    def _place_of_manifest(self) -> str:
        flags = self.flags
        if flags.dry_run:
            return ""
        if flags.has_manifest:
            return flags.manifest or join(self.folder, MANIFEST)
        if flags.resume:
            raise OptionError("--resume reads the manifest: leave --no-manifest out")
        return ""

    # --- the run --------------------------------------------------------------------------

    def run(self) -> int:
        """Convert everything, report the outcome, and return the exit status."""
        stopped: RendicomError | None = None
        try:
            self.runs.run(self._entries())
            if self.runs.manifest is not None:
                self.runs.manifest.close()
            self._make_sheets()
        except KeyboardInterrupt:
            return self._interrupted()
        except RendicomError as error:
            # As for all other exceptions, the records so far are kept.
            stopped = error
            self._leave_manifest()
        self.progress.stop()
        if stopped is not None:
            complain(stopped.message, hint=stopped.hint)
        elif not (self.tally.converted or self.tally.filtered or self.tally.done_before):
            what = ", ".join(self.target.sources) or f"--from-file {self.flags.from_file}"
            self.console.show(failure(what, self._nothing()))
        elif self.runs.recipe.on and not (self.tally.converted or self.tally.done_before):
            from rendicom.batch.layered_job import nothing_said

            about = ", ".join(self.runs.recipe.layers) or self.runs.recipe.presentation
            self.console.show(failure(about, nothing_said(len(self.target.sources))))
        seconds = monotonic() - self.began
        self.console.summarise(self.tally, seconds=seconds, is_rehearsal=self.flags.dry_run)
        if self.runs.sheet is not None:
            self.console.say_sheets(self.runs.sheet.written)
        return exitcodes.FAILED if stopped or self.console.failed else exitcodes.OK

    def _nothing(self) -> RendicomError:
        if self.source is not None:
            return NoSuchResourceError("nothing on the server matches")
        if self.dicomdir:
            from rendicom.dicom.dicomdir import nothing_but

            return nothing_but(self.dicomdir)
        return NotDicomError("it holds no DICOM file", hint="files are recognized by their content")

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
        follow_links = self.flags.follow_links
        if target.sources:
            yield from find(
                target.sources, self.folder, extension=extension, follow_links=follow_links
            )
        if listed is not None:
            try:
                with opened_list(listed) as lines:
                    yield from find_listed(
                        lines, self.folder, extension=extension, follow_links=follow_links
                    )
            except (OptionError, UnreadableSourceError) as error:
                yield Unreadable(listed, str(error))

    def _convert_stream(self, unit: Unit) -> None:
        """Convert standard input in this process: workers cannot read it."""
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
            layers=recipe.layers,
            on=recipe.on,
        )
        self.runs.record(UnitReport(unit, tuple(run_job(job))))

    def _make_sheets(self) -> None:
        if self.runs.sheet is not None:
            self.progress.stage("making contact sheets")
            for warning in self.runs.sheet.write(self.runs.recipe, self.workers.executor):
                complain(warning)

    def _on_report(self, report: UnitReport) -> None:
        self.tally.add(report)
        for outcome in report.outcomes:
            self.console.show(outcome)
            if isinstance(outcome, Ignored) and outcome.what == "a DICOMDIR":
                self.dicomdir = outcome.source
        self.progress.update(self.tally)

    def _on_done_before(self) -> None:
        self.tally.done_before += 1
        self.progress.update(self.tally)

    def _leave_manifest(self) -> None:
        if self.runs.manifest is not None:
            self.runs.manifest.leave()

    def _interrupted(self) -> int:
        end_now(self.workers.executor)
        self.progress.stop()
        self._leave_manifest()
        goes_on = "; --resume continues from here" if self.runs.manifest is not None else ""
        shards = self.runs.shards
        done = self.tally.written if shards is None else shards.written
        are = "is" if done == 1 else "are"
        complain(f"interrupted: {counted(done, self.console.thing)} {are} written{goes_on}")
        return exitcodes.INTERRUPTED
