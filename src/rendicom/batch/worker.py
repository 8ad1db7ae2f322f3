"""What runs in a worker: a chunk of units in, reports out; the same wherever the worker is.

A door of its own: whatever goes wrong with a unit, also a fault of ours, becomes an outcome of that
unit, and the next one is taken.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING

from rendicom.batch.deadline import Watch
from rendicom.batch.frames import FrameSelection
from rendicom.batch.job import (
    Failed,
    Filtered,
    Ignored,
    Job,
    Outcome,
    OutputFolder,
    convert_frames,
    failure,
    notices,
    pictures,
    rendering_notice,
)
from rendicom.batch.origin import supply_of
from rendicom.batch.units import Chunk, Identity, Recipe, Report, Unit
from rendicom.encode.formats import Format
from rendicom.errors import NotDicomError, RendicomError

if TYPE_CHECKING:
    from rendicom.batch.origin import Subject, Supply

__all__ = ["CHUNK_LIMIT", "convert_units", "survey_units", "unexpected"]

CHUNK_LIMIT = 5.0
"""Seconds after which a worker sends back what it has, and what it has not come to."""


def convert_units(recipe: Recipe, units: tuple[Unit, ...], limit: float = CHUNK_LIMIT) -> Chunk:
    """Convert the units in turn, for ``limit`` seconds or little more."""
    from rendicom.batch.executors.process import parent_is_gone

    until = monotonic() + limit
    reports: list[Report] = []
    with Watch(recipe.timeout) as watch, supply_of(recipe, units) as supply:
        for position, unit in enumerate(units):
            if position and (monotonic() > until or parent_is_gone()):
                return Chunk(tuple(reports), units[position:])
            reports.append(_Conversion(recipe, unit, watch, supply, until).run())
    return Chunk(tuple(reports))


def survey_units(recipe: Recipe, units: tuple[Unit, ...]) -> Chunk:
    """Read what names are made of: a report's outcomes say why a unit is left out, if it is."""
    with Watch(recipe.timeout) as watch, supply_of(recipe, units) as supply:
        return Chunk(tuple(_Survey(recipe, unit, watch, supply).run() for unit in units))


def unexpected(source: str, error: Exception) -> Failed:
    """Return the outcome that stands for a fault of ours.

    The message of a foreign exception may quote a value of the file, so it names the type and the
    place only.
    """
    if isinstance(error, MemoryError):
        return Failed(source, None, "limit-exceeded", "there is not enough memory")
    message = f"unexpected {type(error).__name__} inside Rendicom{_place_of(error)}"
    return Failed(source, None, "internal-error", message, "a fault to report")


def _place_of(error: Exception) -> str:
    """Return the innermost line of ours that the exception came through."""
    import rendicom

    home = os.path.dirname(rendicom.__file__)
    place, trace = "", error.__traceback__
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if path.startswith(home):
            place = f" at {os.path.relpath(path, home).replace(os.sep, '/')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


class _Task:
    """One unit being worked on: what is known of it so far."""

    def __init__(self, recipe: Recipe, unit: Unit, watch: Watch, supply: Supply) -> None:
        self.recipe, self.unit, self.watch, self.supply = recipe, unit, watch, supply
        self.began = monotonic()
        self.outcomes: list[Outcome] = []
        self.identity: Identity | None = None
        self.pictures = 0
        self.rest: FrameSelection | None = None
        self.patient: dict[str, str] = {}

    def _report(self) -> Report:
        return Report(
            self.unit,
            tuple(self.outcomes),
            self.identity,
            self.pictures,
            self.rest,
            monotonic() - self.began,
            self.patient,
        )

    def open(self) -> Subject:
        """Return what the unit is."""
        return self.supply.instance(self.unit)

    def _opened(self) -> Subject | None:
        """Return the instance, or None when the outcomes say why there is none."""
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

    def run(self) -> Report:
        """Work on the unit to its end; what is raised becomes an outcome."""
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

    def work(self, instance: Subject) -> None:
        """Do what there is to do with an instance that is wanted."""
        raise NotImplementedError


class _Survey(_Task):
    def open(self) -> Subject:
        return self.supply.summary(self.unit)

    def work(self, instance: Subject) -> None:  # noqa: ARG002
        if self.recipe.patient_fields:
            self.patient = self.supply.texts(self.unit, self.recipe.patient_fields)


class _Conversion(_Task):
    def __init__(
        self, recipe: Recipe, unit: Unit, watch: Watch, supply: Supply, until: float
    ) -> None:
        super().__init__(recipe, unit, watch, supply)
        self.until = until

    def work(self, instance: Subject) -> None:
        job = self._job()
        if not isinstance(job.format, Format):
            self._write_document(instance, job)
            return
        loops = self._loops(instance, job)
        for position, frames in enumerate(loops):
            if position and monotonic() > self.until:
                self.rest = FrameSelection.of(loop[0] for loop in loops[position:])
                return
            self.watch.restart()
            self.outcomes.append(self._shown(self._converted(instance, job, frames)))
        self.outcomes.extend(rendering_notice(instance, job))

    def _write_document(self, instance: Subject, job: Job) -> None:
        from rendicom.batch.reports import convert_document

        outcome = convert_document(instance.sop_class, self.supply.content(self.unit), job)
        self.pictures = 0 if isinstance(outcome, Filtered) else 1
        self.outcomes.append(self._shown(outcome))

    def _converted(self, instance: Subject, job: Job, frames: tuple[int, ...]) -> Outcome:
        """Return what came of one picture; a fault of ours costs that picture only."""
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
        from rendicom.batch.outputs import output_format_named

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
            presentation=recipe.presentation,
        )

    def _folder(self) -> str:
        from rendicom.storage import is_uri

        recipe = self.recipe
        if not recipe.base or is_uri(recipe.target):
            return recipe.target
        return os.path.join(recipe.base, recipe.target)

    def _shown(self, outcome: Outcome) -> Outcome:
        """Return the outcome with its output named as the person would: below the target given."""
        output = getattr(outcome, "output", None)
        folder = self._folder()
        if output is None or folder == self.recipe.target or not output.startswith(folder):
            return outcome
        return outcome._replace(output=self.recipe.target + output[len(folder) :])  # type: ignore[call-arg]
