"""``rendicom convert`` into a folder: many sources, all cores, a manifest."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from time import monotonic
from typing import TYPE_CHECKING

import click

from rendicom.batch.conversion import parse_template, places_among, recipe_words
from rendicom.batch.counters import Counters
from rendicom.batch.executors import Engine, end_now
from rendicom.batch.job import DEFAULT_TIMEOUT, MANIFEST, Job, OutputFolder, is_shard_template
from rendicom.batch.outcomes import Ignored, failure
from rendicom.batch.output_paths import find
from rendicom.batch.picture_job import run_job
from rendicom.batch.run import Run
from rendicom.batch.runner import CHUNK_SECONDS
from rendicom.batch.source_lists import find_listed
from rendicom.batch.sources import Entry, count_files, is_folder_like
from rendicom.batch.units import Unit
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
    from rendicom.batch.manifest import Manifest
    from rendicom.batch.pseudonyms import Pseudonyms
    from rendicom.batch.register import Register
    from rendicom.batch.shards import ShardWriter
    from rendicom.batch.sheet import SheetPlan
    from rendicom.cli.remotesource import RemoteSource
    from rendicom.cli.workers import Workers
    from rendicom.engine.picture_file import Existing
    from rendicom.options import RenderOptions
    from rendicom.selection import FrameSelection

REMOTE_CHUNK_SECONDS = 1.5
"""Target duration of a chunk of server instances; only its first instance is not prefetched."""


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
    layers: tuple[str, ...] = (),
    layer_words: str = "",
    on: tuple[str, ...] = (),
    source: RemoteSource | None = None,
) -> int:
    """Convert all sources into a folder and return the exit status."""
    with ExitStack() as stack:
        try:
            work = _FolderRun(target, flags, console, workers, stack, source)
            work.prepare(options, frames, existing, presentation, layers, layer_words, on)
        except OptionError as error:
            raise click.UsageError(str(error)) from None
        return work.run()


class _FolderRun:
    """One run, set up from its flags; ``stack`` closes its resources."""

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
        self.tally = Counters()
        self.manifest: Manifest | None = None
        self.shards: ShardWriter | None = None
        self.folder = target.path
        self.dicomdir = ""
        self.began = monotonic()

    def prepare(
        self,
        options: RenderOptions,
        frames: FrameSelection | None,
        existing: Existing,
        presentation: str,
        layers: tuple[str, ...],
        layer_words: str,
        on: tuple[str, ...],
    ) -> None:
        """Open everything the run needs, so that faults are reported before any work.

        Raises
        ------
        OptionError
            The flags are invalid.
        """
        flags, target = self.flags, self.target
        engine = self.workers.engine
        self.shards = self._opened_shards(options)
        pseudonyms = flags.pseudonyms()
        layout = parse_template(flags.layout, target.format.extensions, allow_phi=flags.allow_phi)
        filters = flags.filters()
        recipe = Recipe(
            target=self.folder if self.shards is None else self.shards.staging,
            is_bundled=self.shards is not None,
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
            layers=layers,
            layer_words=layer_words,
            on=on,
            among=self._among() if layout is None else None,
            input_source=self.source.remote if self.source is not None else None,
            is_alone=self._is_alone(),
        )
        sheet = self._sheet(pseudonyms)
        self.manifest = self._manifest(recipe, pseudonyms)
        if self.shards is not None:
            first = self.manifest.first_shard if self.manifest is not None else 0
            self.shards.begin(first, is_resumed=flags.resume)
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
            shards=self.shards,
            chunk_seconds=CHUNK_SECONDS if self.source is None else REMOTE_CHUNK_SECONDS,
        )

    def _opened_shards(self, options: RenderOptions) -> ShardWriter | None:
        flags, target = self.flags, self.target
        if not is_shard_template(target.path):
            if flags.shard_size is not None:
                raise OptionError("--shard-size needs a TARGET such as shards/{shard:06}.tar")
            return None
        from rendicom.batch.shards import DEFAULT_SIZE, NO_CLUSTER, open_shards

        if flags.contact_sheet or flags.dry_run:
            name = "--contact-sheet" if flags.contact_sheet else "--dry-run"
            raise OptionError(f"{name} and a TARGET of shards exclude each other")
        if self.workers.engine.name == "dask":
            raise OptionError(NO_CLUSTER)
        shards = self.stack.enter_context(
            open_shards(
                target.path,
                flags.shard_size or DEFAULT_SIZE,
                options=options.canonical(),
                format=target.format.name,
                pseudonyms=flags.pseudonyms(),
            )
        )
        self.folder = shards.template.folder
        return shards

    def _among(self) -> tuple[str, ...] | None:
        return places_among(self.target.sources) if self.source is None else None

    def _is_alone(self) -> bool:
        if self.source is not None:
            return bool(self.source.wanted.resource.instance)
        sources = self.target.sources
        is_one = len(sources) == 1 and self.flags.from_file is None
        return is_one and not is_folder_like(sources[0])

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

        path = self.flags.contact_sheet
        if not os.path.dirname(path):
            path = join(self.folder, path)
        plan = SheetPlan(path, pseudonyms=pseudonyms)
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

        self.console.manifest = flags.manifest or join(self.folder, MANIFEST)
        manifest = open_manifest(
            self.console.manifest,
            options=recipe.options,
            format=recipe.format,
            recipe=recipe_words(recipe, flags.layout),
            target=self.folder,
            frames=recipe.frames,
            resume=flags.resume,
            pseudonyms=pseudonyms,
            shards=None if self.shards is None else self.shards.template,
        )
        self.stack.callback(self._leave_manifest)
        return manifest

    # --- the run --------------------------------------------------------------------------

    def run(self) -> int:
        """Convert everything, report the outcome, and return the exit status."""
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
            # The process was terminated, or its output is closed.
            self._leave_manifest()
            raise
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

    def _close_manifest(self) -> None:
        if self.manifest is not None:
            self.manifest.close()

    def _leave_manifest(self) -> None:
        """Keep the records so far; the reason for the end is already reported."""
        if self.manifest is not None:
            with suppress(RendicomError):
                self.manifest.close(complete=False)

    def _interrupted(self) -> int:
        end_now(self.workers.executor)
        self.progress.stop()
        self._leave_manifest()
        goes_on = "; --resume continues from here" if self.manifest is not None else ""
        done = self.tally.written if self.shards is None else self.shards.written
        are = "is" if done == 1 else "are"
        complain(f"interrupted: {counted(done, self.console.thing)} {are} written{goes_on}")
        return exitcodes.INTERRUPTED
