"""Sends units to an executor in chunks and brings the reports back.

The number of units in flight is bounded. If a worker dies, only its chunk is affected: the units
are sent again one by one, and only a unit that kills a second worker on its own fails.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field
from typing import NamedTuple

from rendicom.batch.executors import is_worker_lost
from rendicom.batch.outcomes import failure
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import ChunkReports, Recipe, UnitReport
from rendicom.errors import RendicomError, TimedOutError, WorkerDiedError
from rendicom.selection import FrameSelection

Task = Callable[..., ChunkReports]
"""A function of a recipe, units, and the seconds it may take where it is told.

For workers, at the top level of a module, where they find it by its name.
"""

CHUNK_SECONDS = 0.4
"""Target duration of a chunk; sending one costs a few milliseconds, on a cluster tens."""
_MOST_UNITS = 1000
_CHUNKS_PER_WORKER = 2
_DOUBT = 2
"""Number of units of a chunk whose mean time counts as much as that known before."""
_LIVES = 2
_PIECE_SECONDS = 2.0


class _SentChunk(NamedTuple):
    """A chunk that was sent.

    ``sequence`` numbers its units; ``deaths`` counts the workers it certainly killed; a suspect is
    a single unit that may have caused a death.
    """

    units: tuple[Unit, ...]
    sequence: tuple[int, ...]
    deaths: int = 0
    is_suspect: bool = False


@dataclass(slots=True)
class Runner:
    """Runs one task over many units.

    Parameters
    ----------
    open_executor
        Makes the executor; called again when the executor is broken as a whole, as a
        `concurrent.futures.ProcessPoolExecutor` is by the death of one worker.
    jobs
        Workers behind the executor.
    is_contained
        The death of a worker fails its own chunk only. Otherwise suspects run alone.
    last_limit
        Seconds that a chunk may take where no unit comes after it; None for no limit of its own.
    in_order
        Reports come in the order of the units, not as they are ready.
    """

    task: Task
    recipe: Recipe
    open_executor: Callable[[], Executor]
    jobs: int
    is_contained: bool = True
    in_order: bool = False
    chunk_seconds: float = CHUNK_SECONDS
    last_limit: float | None = None
    _executor: Executor | None = None
    _in_flight: dict[Future[ChunkReports], _SentChunk] = field(default_factory=dict)
    _again: deque[_SentChunk] = field(default_factory=deque)
    _suspects: deque[_SentChunk] = field(default_factory=deque)
    _ahead: deque[tuple[int, Unit]] = field(default_factory=deque)
    _unit_seconds: float = 0.0
    _has_more: bool = True
    _ready: dict[int, UnitReport] = field(default_factory=dict)
    _next_out: int = 0

    def run(self, units: Iterable[Unit]) -> Iterator[UnitReport]:
        """Yield a report for each unit, and more where a source is worked on in pieces.

        Closing the iterator cancels pending work; the executor stays open.
        """
        numbered = enumerate(units)
        try:
            self._fill(numbered)
            while self._in_flight:
                done, _ = wait(self._in_flight, return_when=FIRST_COMPLETED)
                # In the order they were sent, as far as possible: wait() returns a set.
                finished = [future for future in self._in_flight if future in done]
                reports = [report for future in finished for report in self._collect(future)]
                # Workers get the next chunk before their results are processed.
                self._fill(numbered)
                yield from reports
        finally:
            for future in self._in_flight:
                future.cancel()

    # --- out ------------------------------------------------------------------------------

    def _fill(self, numbered: Iterator[tuple[int, Unit]]) -> None:
        while len(self._in_flight) < _CHUNKS_PER_WORKER * self.jobs:
            chunk = self._next_chunk(numbered)
            if chunk is None:
                return
            self._send(chunk)

    def _next_chunk(self, numbered: Iterator[tuple[int, Unit]]) -> _SentChunk | None:
        if self._again:
            return self._again.popleft()
        if self._suspects and self.is_contained:
            return self._suspects.popleft()
        if self._suspects:
            # A crash would end all workers, and its source would be unknown.
            return self._suspects.popleft() if not self._in_flight else None
        return self._fresh_chunk(numbered)

    def _fresh_chunk(self, numbered: Iterator[tuple[int, Unit]]) -> _SentChunk | None:
        if self.in_order and self._is_far_ahead():
            return None
        wanted = self._chunk_size()
        slots = _CHUNKS_PER_WORKER * self.jobs
        # The lookahead detects the end early; it must not grow with the number of workers.
        ahead = max(wanted, min(wanted * slots, _MOST_UNITS)) if self._unit_seconds else wanted
        while self._has_more and len(self._ahead) <= ahead:
            entry = next(numbered, None)
            if entry is None:
                self._has_more = False
                break
            self._ahead.append(entry)
        if not self._has_more and self.jobs > 1:
            # Near the end smaller chunks keep all workers busy to the last.
            wanted = min(wanted, -(-len(self._ahead) // slots))
        if not self._ahead:
            return None
        taken = [self._ahead.popleft() for _ in range(min(wanted, len(self._ahead)))]
        return _SentChunk(tuple(unit for _, unit in taken), tuple(number for number, _ in taken))

    def _chunk_size(self) -> int:
        if not self._unit_seconds:
            return 1
        return max(1, min(_MOST_UNITS, round(self.chunk_seconds / self._unit_seconds)))

    def _is_far_ahead(self) -> bool:
        return len(self._ready) > 2 * _CHUNKS_PER_WORKER * self.jobs * self._chunk_size()

    def _send(self, chunk: _SentChunk) -> None:
        limit = () if self.last_limit is None or not self._is_last(chunk) else (self.last_limit,)
        for _ in range(2):
            if self._executor is None:
                self._executor = self.open_executor()
            try:
                future = self._executor.submit(self.task, self.recipe, chunk.units, *limit)
            except BrokenExecutor:
                self._executor = None
                continue
            self._in_flight[future] = chunk
            return
        raise WorkerDiedError("the workers die as soon as they start")

    def _is_last(self, chunk: _SentChunk) -> bool:
        """Tell whether other workers may have nothing to do before a chunk of whole units ends."""
        is_end = not (self._has_more or self._ahead or self._again) and self.jobs > 1
        return is_end and all(unit.frames is None for unit in chunk.units)

    # --- back -----------------------------------------------------------------------------

    def _collect(self, future: Future[ChunkReports]) -> list[UnitReport]:
        chunk = self._in_flight.pop(future)
        error = future.exception() if not future.cancelled() else None
        if error is None and not future.cancelled():
            return self._take(future.result(), chunk)
        if error is not None and not is_worker_lost(error):
            raise error
        return self._retry_or_fail(chunk, error)

    def _take(self, answer: ChunkReports, chunk: _SentChunk) -> list[UnitReport]:
        for report in answer.reports:
            if report.rest is not None:
                self._again.extend(_pieces(report, self.jobs))
        self._learn([e.seconds for e in answer.reports if e.rest is None and e.unit.frames is None])
        done = len(answer.reports)
        if answer.left:
            self._again.append(_SentChunk(answer.left, chunk.sequence[done:]))
        return self._ordered(list(answer.reports), chunk.sequence[:done])

    def _learn(self, seconds: list[float]) -> None:
        """Update the mean time of a unit by those of a chunk, the more the longer it is.

        The first units of a worker take longer, and the time of one unit varies: estimates that
        follow single units make chunks of a fraction of their target, and a worker waits some
        milliseconds between two of them.
        """
        if seconds:
            mean = sum(seconds) / len(seconds)
            known = self._unit_seconds or mean
            weight = len(seconds) / (len(seconds) + _DOUBT)
            self._unit_seconds = max(1e-5, known + weight * (mean - known))

    def _retry_or_fail(self, chunk: _SentChunk, error: BaseException | None) -> list[UnitReport]:
        has_timed_out = getattr(error, "timed_out", False)
        is_its_own = chunk.is_suspect or self.is_contained
        if len(chunk.units) > 1 or not is_its_own:
            alone = zip(chunk.units, chunk.sequence, strict=True)
            self._suspects.extend(_SentChunk((u,), (number,), 0, True) for u, number in alone)
            return []
        if not has_timed_out and chunk.deaths + 1 < _LIVES:
            self._suspects.append(chunk._replace(deaths=chunk.deaths + 1, is_suspect=True))
            return []
        unit = chunk.units[0]
        outcome = failure(unit.source, _cause(self.recipe, error, has_timed_out=has_timed_out))
        return self._ordered([UnitReport(unit, (outcome,))], chunk.sequence)

    def _ordered(self, reports: list[UnitReport], sequence: tuple[int, ...]) -> list[UnitReport]:
        if not self.in_order:
            return reports
        self._ready.update(zip(sequence, reports, strict=True))
        out = []
        while self._next_out in self._ready:
            out.append(self._ready.pop(self._next_out))
            self._next_out += 1
        return out


def _pieces(report: UnitReport, jobs: int) -> Iterator[_SentChunk]:
    """Split the rest of a long source into pieces for all workers."""
    assert report.rest is not None  # noqa: S101
    frames = report.rest.resolve(max(high for _, high in report.rest.ranges))
    each = max(report.seconds / max(1, len(report.outcomes)), 1e-5)
    # One for each worker and more, but none so small that opening it costs more than its pictures.
    seconds = min(_PIECE_SECONDS, max(CHUNK_SECONDS, len(frames) * each / (2 * jobs)))
    size = max(1, round(seconds / each), -(-len(frames) // _MOST_UNITS))
    for start in range(0, len(frames), size):
        numbers = frames[start : start + size]
        pages = report.pages.only(numbers) if report.pages is not None else None
        unit = report.unit._replace(frames=FrameSelection.of(numbers), pages=pages)
        yield _SentChunk((unit,), (-1,))


def _cause(recipe: Recipe, error: BaseException | None, *, has_timed_out: bool) -> RendicomError:
    if has_timed_out:
        return TimedOutError(
            f"one picture took longer than {recipe.timeout:g} s and was given up",
            hint="--timeout allows more",
        )
    code = getattr(error, "exit_code", None)
    how = f" (exit status {code})" if code is not None else ""
    return WorkerDiedError(
        f"the process that read it died{how}, twice",
        hint="the file breaks a codec; rendicom doctor says which are installed",
    )
