"""The tasks of workers: a chunk of units in, reports out.

Any exception, even an unexpected one, becomes an outcome of its unit; the next unit follows.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import ExitStack, closing
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from rendicom.batch.composed_job import composed
from rendicom.batch.identity import InstanceSummary
from rendicom.batch.input_source import open_units
from rendicom.batch.job import Bundle, Job, OutputFolder
from rendicom.batch.outcomes import Failed, Filtered, Ignored, NoPixels, Outcome, failure
from rendicom.batch.picture_job import convert_frames, notices, pictures, rendering_notice
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import ChunkReports, Recipe, UnitReport
from rendicom.encode.formats import Format
from rendicom.errors import NoPixelDataError, NotDicomError, RendicomError, out_of_memory
from rendicom.pixels.describe import is_image
from rendicom.selection import FrameSelection
from rendicom.workers.deadline import RepeatedDeadline

if TYPE_CHECKING:
    from rendicom.batch.identity import Subject
    from rendicom.batch.input_source import UnitOpener
    from rendicom.composition.composed import Pages


CHUNK_LIMIT = 5.0
"""Seconds after which a worker returns its reports, and the units it has not begun."""
LAST_CHUNK_LIMIT = 1.0
"""The same where no more units are to come: what is left of a long one is for all workers."""


def convert_units(
    recipe: Recipe, units: tuple[Unit, ...], limit: float = CHUNK_LIMIT
) -> ChunkReports:
    """Convert the units in turn, for ``limit`` seconds or little more."""
    from rendicom.workers.worker_process import parent_is_gone

    until = monotonic() + limit
    reports: list[UnitReport] = []
    with (
        closing(Bundle(recipe.target)) as bundle,
        RepeatedDeadline(recipe.timeout) as watch,
        open_units(recipe.input_source, units, base=recipe.base) as opener,
    ):
        for position, unit in enumerate(units):
            if position and (monotonic() > until or parent_is_gone()):
                return ChunkReports(tuple(reports), units[position:])
            reports.append(_ConversionTask(recipe, unit, watch, opener, until, bundle).run())
    return ChunkReports(tuple(reports))


def survey_units(recipe: Recipe, units: tuple[Unit, ...]) -> ChunkReports:
    """Read the headers for names; outcomes in a report say why a unit is left out."""
    with (
        RepeatedDeadline(recipe.timeout) as watch,
        open_units(recipe.input_source, units, base=recipe.base) as opener,
    ):
        return ChunkReports(tuple(_SurveyTask(recipe, unit, watch, opener).run() for unit in units))


def unexpected(source: str, error: Exception) -> Failed:
    """Return the outcome for an unexpected exception.

    The message of a foreign exception may quote a value of the file, so it names the type and the
    place only.
    """
    if isinstance(error, MemoryError):
        known = out_of_memory()
        return Failed(source, None, known.code, known.message, known.hint)
    message = f"unexpected {type(error).__name__} inside Rendicom{_place_of(error)}"
    return Failed(source, None, "internal-error", message, "a fault to report")


def _place_of(error: Exception) -> str:
    """Return the innermost line of Rendicom in the traceback."""
    import rendicom

    home = os.path.dirname(rendicom.__file__)
    place, trace = "", error.__traceback__
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if path.startswith(home):
            place = f" at {os.path.relpath(path, home).replace(os.sep, '/')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


class _UnitTask(ABC):
    """The work on one unit."""

    def __init__(
        self, recipe: Recipe, unit: Unit, watch: RepeatedDeadline, opener: UnitOpener
    ) -> None:
        self.recipe, self.unit, self.watch, self.opener = recipe, unit, watch, opener
        self.began = monotonic()
        self.outcomes: list[Outcome] = []
        self.identity: InstanceSummary | None = None
        self.pictures = 0
        self.rest: FrameSelection | None = None
        self.patient: dict[str, str] = {}

    def _report(self) -> UnitReport:
        return UnitReport(
            self.unit,
            tuple(self.outcomes),
            self.identity,
            self.pictures,
            self.rest,
            monotonic() - self.began,
            self.patient,
        )

    def open(self) -> Subject:
        """Open the unit."""
        return self.opener.instance(self.unit)

    def has_no_pixels(self, instance: Subject) -> bool:
        """Add the outcome for an object that is not an image, in a run for pictures."""
        from rendicom.batch.job import output_format_named

        if self.recipe.is_alone or is_image(instance.header):
            return False
        if not isinstance(output_format_named(self.recipe.format), Format):
            return False
        from rendicom.batch.document_job import without_pixels

        self.outcomes.append(without_pixels(self.unit.source, instance))
        return True

    def _opened(self) -> Subject | None:
        """Return the instance, or None when the outcomes give the reason."""
        from rendicom.batch.identity import identity_of

        source = self.unit.source
        self.watch.restart()
        try:
            instance = self.open()
        except NotDicomError as error:
            self.outcomes.append(failure(source, error) if self.unit.is_known else Ignored(source))
            return None
        with ExitStack() as stack:
            stack.push(instance)
            self.identity = identity_of(instance)
            filters = self.recipe.filters
            if filters is not None and (reason := filters.reason(self.identity)):
                self.outcomes.append(Filtered(source, reason))
                return None
            stack.pop_all()
        return instance

    def run(self) -> UnitReport:
        """Process the unit; an exception becomes an outcome."""
        try:
            instance = self._opened()
            if instance is not None:
                with instance:
                    self.work(instance)
        except RendicomError as error:
            self.outcomes.append(failure(self.unit.source, error))
        except Exception as error:
            self.outcomes.append(unexpected(self.unit.source, error))
        return self._report()

    @abstractmethod
    def work(self, instance: Subject) -> None:
        """Process an instance that the filters let pass."""


class _SurveyTask(_UnitTask):
    def open(self) -> Subject:
        return self.opener.summary(self.unit)

    def work(self, instance: Subject) -> None:
        # Sources without pictures take no name; summaries of a server may lack pixels.
        if self.recipe.input_source is None and self.has_no_pixels(instance):
            return
        if self.recipe.patient_fields:
            self.patient = self.opener.texts(self.unit, self.recipe.patient_fields)


class _ConversionTask(_UnitTask):
    def __init__(
        self,
        recipe: Recipe,
        unit: Unit,
        watch: RepeatedDeadline,
        opener: UnitOpener,
        until: float,
        bundle: Bundle,
    ) -> None:
        super().__init__(recipe, unit, watch, opener)
        self.until, self.bundle, self.start = until, bundle, bundle.length
        self.pages: Pages | None = None
        self.spent = 0.0

    def _report(self) -> UnitReport:
        report = super()._report()
        return report._replace(
            unit=self.unit._replace(pages=None),
            seconds=report.seconds if self.rest is None else self.spent,
            bundle=(self.bundle.path, self.start),
            pages=self.pages,
        )

    def work(self, instance: Subject) -> None:
        job = self._job()
        if not isinstance(job.format, Format):
            self._write_document(instance, job)
            return
        shown = self._composed(instance, job)
        began = monotonic()
        if shown is None or (shown is instance and self.has_no_pixels(instance)):
            return
        instance = shown
        loops = self._loops(instance, job)
        for position, frames in enumerate(loops):
            if position and monotonic() > self.until:
                self._leave([loop[0] for loop in loops[position:]], instance, monotonic() - began)
                return
            self.watch.restart()
            self.outcomes.append(self._shown(self._converted(instance, job, frames)))
        self.outcomes.extend(rendering_notice(instance, job))

    def _leave(self, numbers: list[int], instance: Subject, seconds: float) -> None:
        """Leave pictures for later; other workers need not look for their images."""
        self.rest, self.spent = FrameSelection.of(numbers), seconds
        pages = getattr(instance, "pages", None)
        self.pages = pages.only(numbers) if pages is not None else None

    def _composed(self, instance: Subject, job: Job) -> Subject | None:
        """Return an object as its pictures; None where the outcomes say that its images lack."""
        is_asked = self.recipe.frames is not None
        try:
            return composed(instance, job, is_asked=is_asked, pages=self.unit.pages)
        except RendicomError as error:
            if self.recipe.is_alone:
                raise
            from rendicom.documents.formats import document_types

            if isinstance(error, NoPixelDataError) and not document_types(instance.sop_class):
                self.outcomes.append(NoPixels(self.unit.source, error.message, error.hint))
                return None
            return instance

    def _write_document(self, instance: Subject, job: Job) -> None:
        from rendicom.batch.document_job import convert_document

        outcome = convert_document(instance.sop_class, self.opener.content(self.unit), job)
        self.pictures = 0 if isinstance(outcome, Filtered) else 1
        self.outcomes.append(self._shown(outcome))

    def _converted(self, instance: Subject, job: Job, frames: tuple[int, ...]) -> Outcome:
        """Convert one picture; an unexpected exception costs that picture only."""
        try:
            return convert_frames(instance, job, frames)
        except Exception as error:
            is_one_of_many = len(frames) == 1 and instance.description.number_of_frames > 1
            failed = unexpected(self.unit.source, error)
            return failed._replace(frame=frames[0] if is_one_of_many else None)

    def _loops(self, instance: Subject, job: Job) -> list[tuple[int, ...]]:
        loops = pictures(instance, job)
        if self.unit.frames is None:
            self.pictures = len(loops)
            self.outcomes.extend(notices(instance, job, loops))
        else:
            self.pictures = len(pictures(instance, job._replace(frames=self.recipe.frames)))
        return loops

    def _job(self) -> Job:
        from rendicom.batch.job import output_format_named

        recipe, unit = self.recipe, self.unit
        return Job(
            unit.source,
            OutputFolder(self._folder(), unit.place),
            output_format_named(recipe.format),
            recipe.options,
            unit.frames or recipe.frames,
            recipe.existing,
            is_rehearsal=recipe.is_rehearsal,
            has_digest=True,
            among=recipe.among,
            presentation=recipe.presentation,
            layers=recipe.layers,
            on=recipe.on,
            bundle=self.bundle if recipe.is_bundled else None,
            threads=1,
            reopen=partial(self.opener.content, unit),
            run=recipe.run,
        )

    def _folder(self) -> str:
        from rendicom.storage import is_uri

        recipe = self.recipe
        if not recipe.base or is_uri(recipe.target):
            return recipe.target
        return os.path.join(recipe.base, recipe.target)

    def _shown(self, outcome: Outcome) -> Outcome:
        """Return the outcome with its output named below the target as given."""
        output = getattr(outcome, "output", None)
        folder = self._folder()
        if output is None or folder == self.recipe.target or not output.startswith(folder):
            return outcome
        return outcome._replace(output=self.recipe.target + output[len(folder) :])  # type: ignore[call-arg]
