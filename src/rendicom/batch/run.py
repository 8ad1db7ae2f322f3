"""A run over many sources: pictures, manifest and contact sheets.

The one batch runner: every door that converts more than one instance goes through `Run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from rendicom.batch.kept_objects import forget, new_run
from rendicom.batch.name_template import claim
from rendicom.batch.outcomes import Failed, Ignored, Written, failure
from rendicom.batch.runner import CHUNK_SECONDS, Runner
from rendicom.batch.sources import Unit
from rendicom.batch.worker import LAST_CHUNK_LIMIT, convert_units, survey_units
from rendicom.batch.worker_messages import Recipe, UnitReport
from rendicom.errors import OutputCollisionError, UnreadableSourceError, UnwritableOutputError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from rendicom.batch.manifest import Manifest
    from rendicom.batch.name_template import NameTemplate
    from rendicom.batch.pseudonyms import Pseudonyms
    from rendicom.batch.scratch import Register
    from rendicom.batch.shards import ShardWriter
    from rendicom.batch.sheet import SheetPlan
    from rendicom.batch.sources import Entry

_FLUSH_SECONDS = 0.25
_FAILED_WRITES = 10
"""Number of consecutive pictures that cannot be written after which a run stops."""


@dataclass(slots=True)
class Run:
    """Converts sources and reports on each.

    Parameters
    ----------
    open_executor
        Opens the executor.
    jobs
        Number of its workers.
    on_report
        Receives a report for each source, in the order in which they finish; a long source
        comes in several reports.
    on_done_before
        Is called for each source that the manifest of an earlier run says is done.
    chunk_seconds
        Target duration of the work that a worker gets at once.
    layout, register
        Template of the pictures' names, if they are not named after their sources, and the names in
        use.
    shards
        Puts pictures into tar files; `Recipe.target` is its temporary folder then.
    """

    recipe: Recipe
    open_executor: Callable[[], Executor]
    jobs: int
    on_report: Callable[[UnitReport], None]
    is_contained: bool = True
    on_done_before: Callable[[], None] | None = None
    layout: NameTemplate | None = None
    register: Register | None = None
    pseudonyms: Pseudonyms | None = None
    manifest: Manifest | None = None
    sheet: SheetPlan | None = None
    shards: ShardWriter | None = None
    chunk_seconds: float = CHUNK_SECONDS
    _flushed: float = field(default_factory=monotonic, init=False)
    _failed_writes: int = field(default=0, init=False)

    def run(self, entries: Iterable[Entry]) -> None:
        """Convert all of ``entries``.

        Raises
        ------
        UnwritableOutputError
            The manifest or pictures can no longer be written; finished work is kept.
        """
        self.recipe = self.recipe._replace(run=new_run())
        try:
            self._convert(self._wanted(entries))
        finally:
            forget(self.recipe.run)

    def _convert(self, units: Iterator[Unit]) -> None:
        if self.shards is not None:
            self.shards.tell(partial(self._write_down, at_once=True))
        if self.layout is not None:
            units = self._named(units, self.layout)
        runner = self._runner(convert_units)
        runner.last_limit = LAST_CHUNK_LIMIT
        for report in runner.run(self._left_to_do(units)):
            self.record(report)
        if self.shards is not None:
            self.shards.finish()
        if self.manifest is not None:
            self.manifest.flush()

    def _runner(self, task: Callable[..., object], *, in_order: bool = False) -> Runner:
        return Runner(
            task,  # type: ignore[arg-type]
            self.recipe,
            self.open_executor,
            self.jobs,
            is_contained=self.is_contained,
            in_order=in_order,
            chunk_seconds=self.chunk_seconds,
        )

    # --- in -------------------------------------------------------------------------------

    def _wanted(self, entries: Iterable[Entry]) -> Iterator[Unit]:
        for entry in entries:
            match entry:
                case Unit():
                    yield self._disguised(entry)
                case Ignored():
                    self.record(UnitReport(Unit(entry.source, ""), (entry,)))
                case _:
                    error = UnreadableSourceError(entry.reason)
                    outcome = failure(entry.source, error)
                    self.record(UnitReport(Unit(entry.source, ""), (outcome,)))

    def _disguised(self, unit: Unit) -> Unit:
        if self.pseudonyms is None:
            return unit
        return unit._replace(place=self.pseudonyms.text(unit.place))

    def _named(self, units: Iterable[Unit], layout: NameTemplate) -> Iterator[Unit]:
        """Yield the units with the paths of the template; the first source keeps a name.

        Sources that are done get names as well: other sources must not get them.
        """
        assert self.register is not None  # noqa: S101
        for report in self._runner(survey_units, in_order=True).run(units):
            if report.outcomes or report.identity is None:
                self.record(report)
                continue
            identity = report.identity
            if self.pseudonyms is not None:
                identity = self.pseudonyms.identity(identity)
            place = layout.place(report.unit.place, identity, patient=report.patient)
            unit = report.unit._replace(place=place)
            try:
                claim(self.register, unit)
            except OutputCollisionError as error:
                outcome = failure(unit.source, error)
                self.record(report._replace(unit=unit, outcomes=(outcome,), patient={}))
                continue
            yield unit

    def _left_to_do(self, units: Iterable[Unit]) -> Iterator[Unit]:
        if self.manifest is None:
            yield from units
            return
        for unit in units:
            left = self.manifest.left_to_do(unit)
            if self.sheet is not None and (left is None or left.frames is not None):
                self.sheet.add_done(unit)
            if left is not None:
                yield left
            elif self.on_done_before is not None:
                self.on_done_before()

    # --- out ------------------------------------------------------------------------------

    def record(self, report: UnitReport) -> None:
        """Pass a report to the manifest, the contact sheets and the caller."""
        if self.shards is not None:
            report = self.shards.add(report)
        else:
            self._write_down((report,))
        if self.sheet is not None:
            self.sheet.add(report)
        self.on_report(report)
        self._stop_when_nothing_can_be_written(report)

    def _write_down(self, reports: Iterable[UnitReport], *, at_once: bool = False) -> None:
        if self.manifest is None:
            return
        for report in reports:
            self.manifest.add(report)
        if at_once or monotonic() - self._flushed > _FLUSH_SECONDS:
            self.manifest.flush()
            self._flushed = monotonic()

    def _stop_when_nothing_can_be_written(self, report: UnitReport) -> None:
        for outcome in report.outcomes:
            if isinstance(outcome, Written):
                self._failed_writes = 0
            if not (isinstance(outcome, Failed) and outcome.code == UnwritableOutputError.code):
                continue
            self._failed_writes += 1
            if self._failed_writes >= _FAILED_WRITES:
                raise UnwritableOutputError(
                    f"stopped: {_FAILED_WRITES} pictures in a row could not be written",
                    hint="free space or choose another TARGET; --resume continues from here",
                )
