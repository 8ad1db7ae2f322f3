"""Contact sheets: a page of small pictures for each series."""

from __future__ import annotations

import os
import pickle
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from itertools import chain, islice
from itertools import count as count_from
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from rendicom.batch.executors import is_worker_lost
from rendicom.batch.file_names import folded
from rendicom.batch.identity import InstanceSummary
from rendicom.batch.outcomes import Skipped, Written
from rendicom.batch.scratch import ScratchTables
from rendicom.batch.sheetpage import REPRESENTATIVE, Tile, make_sheet, opened
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import Recipe, UnitReport
from rendicom.engine.picture_file import may_write
from rendicom.errors import OptionError, RendicomError
from rendicom.selection import FrameSelection
from rendicom.storage import write
from rendicom.storage.names import escaped

if TYPE_CHECKING:
    from rendicom.batch.pseudonyms import Pseudonyms

_SCHEMA = (
    """
    CREATE TABLE piece (
        series TEXT, number INTEGER, source TEXT, first INTEGER,
        frames TEXT, count INTEGER, unit BLOB, label TEXT,
        PRIMARY KEY (series, number, source, first)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE done (unit BLOB)",
)
_ADD = "INSERT OR REPLACE INTO piece VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_FORGET = "DELETE FROM piece WHERE series = ? AND number = ? AND source = ?"
_PIECES = (
    "SELECT frames, count, unit, label FROM piece WHERE series = ? ORDER BY number, source, first"
)
_MOST_TILES = 48
_UNKNOWN = "unknown"
_AHEAD = 8
"""Tasks sent ahead."""
_SOURCES_A_TASK = 100
_OURS = re.compile(r"(-[1-9][0-9]{0,2}|-[0-2](\.[0-9]+)+)?")
"""Suffix of a sheet's name: a small number, or a UID."""
_LAST = 1 << 62
"""Sort key of instances without Instance Number."""

_T = TypeVar("_T")


class EarlierSource(NamedTuple):
    """A source that an earlier run converted; ``frames`` is None for an animation."""

    unit: Unit
    identity: InstanceSummary
    frames: FrameSelection | None


class SheetPlan(ScratchTables):
    """Records the pictures of a run, in a temporary file, and makes the sheets at its end.

    Use it as a context manager, or call ``close``.

    Parameters
    ----------
    path
        Of the sheet; with several series ``-SERIES`` comes before its ending. If a picture has that
        name, the sheet is numbered.
    pseudonyms
        Replace the UIDs in the names.

    Raises
    ------
    OptionError
        The name does not end in .png.
    OutputExistsError
        A DICOM file has that name.
    UnwritableOutputError
        The store does not tell whether the file exists.
    """

    def __init__(self, path: str, *, pseudonyms: Pseudonyms | None = None) -> None:
        if not path.lower().endswith(".png"):
            raise OptionError(f"--contact-sheet {path} does not end in .png")
        may_write(path, "overwrite")
        self._path, self._pseudonyms = path, pseudonyms
        self._start = _stem(path)
        self._pictures: set[str] = set()
        self.written: list[str] = []
        super().__init__(*_SCHEMA)

    # --- during the run -------------------------------------------------------------------

    def add(self, report: UnitReport) -> None:
        """Record the pictures of a report, also those that existed already."""
        pictures = [each for each in report.outcomes if isinstance(each, Written | Skipped)]
        for each in pictures:
            if each.output is not None and each.output.lower().endswith(".png"):
                self._avoid(each.output)
        if report.identity is None or not pictures:
            return
        made = [each.frame for each in pictures]
        # Sources of one frame have a number as well; animations have none.
        frames = FrameSelection.of(sorted(frame for frame in made if frame is not None))
        self._remember(report.unit, report.identity, frames if frames.ranges else None)

    def add_done(self, unit: Unit) -> None:
        """Record a source that an earlier run converted, or converted in part."""
        self._avoid(unit.place)
        self._database.execute("INSERT INTO done VALUES (?)", (pickle.dumps(unit),))

    def _avoid(self, name: str) -> None:
        """Reserve the name of a picture against use by a sheet."""
        stem = _stem(name)
        is_like_ours = stem.startswith(self._start) and _OURS.fullmatch(stem, len(self._start))
        if is_like_ours or self._start.endswith(f"/{stem}"):
            self._pictures.add(stem)

    def _remember(
        self, unit: Unit, identity: InstanceSummary, frames: FrameSelection | None
    ) -> None:
        first, count = (frames.ranges[0][0], frames.most) if frames is not None else (0, 1)
        text = str(frames) if frames is not None else ""
        plain = pickle.dumps(unit._replace(frames=None))
        row = (*_key(unit, identity), first, text, count, plain, identity.series_number)
        self._database.execute(_ADD, row)

    # --- at its end -----------------------------------------------------------------------

    def write(self, recipe: Recipe, executor: Executor) -> Iterator[str]:
        """Make the sheets with ``executor``; yield a sentence for each that could not be made.

        Raises
        ------
        OutputExistsError
            A DICOM file is in the place of a sheet.
        UnwritableOutputError
        """
        try:
            self._look_at_done(recipe, executor)
            for name, data in _results(executor, self._tasks(recipe)):
                if isinstance(data, Exception):
                    yield f"{name} could not be made: {_reason(data)}"
                else:
                    may_write(name, "overwrite")
                    write(name, data)
                    self.written.append(name)
        except BrokenExecutor:
            yield f"{self._path} could not be made: the workers died"

    def _look_at_done(self, recipe: Recipe, executor: Executor) -> None:
        rows = self._database.execute("SELECT unit FROM done")
        units = (pickle.loads(row[0]) for row in rows)  # noqa: S301 - written by add_done
        batches = iter(lambda: tuple(islice(units, _SOURCES_A_TASK)), ())
        tasks = (("", earlier_sources, (recipe, batch)) for batch in batches)
        for _, found in _results(executor, tasks):
            for source in found if not isinstance(found, Exception) else ():
                self._database.execute(_FORGET, _key(source.unit, source.identity))
                self._remember(*source)

    def _tasks(self, recipe: Recipe) -> Iterator[_Task[bytes]]:
        (count,) = self._database.execute("SELECT COUNT(DISTINCT series) FROM piece").fetchone()
        for (series,) in self._database.execute("SELECT DISTINCT series FROM piece"):
            name = self._free(self._name(series) if count > 1 else self._path)
            yield name, make_sheet, (recipe, tuple(self._tiles(series)))

    def _name(self, series: str) -> str:
        from rendicom.batch.name_template import safe_part

        uid = self._pseudonyms.uid(series) if self._pseudonyms is not None else series
        stem, extension = os.path.splitext(self._path)
        return f"{stem}-{safe_part(uid) if uid else _UNKNOWN}{extension}"

    def _free(self, name: str) -> str:
        """Return the name, or a numbered one if a picture has it."""
        stem, extension = os.path.splitext(name)
        numbered = (f"{stem}-{number}{extension}" for number in count_from(2))
        return next(each for each in chain([name], numbered) if not self._is_picture(each))

    def _is_picture(self, name: str) -> bool:
        stem = _stem(name)
        return any(stem == each or stem.endswith(f"/{each}") for each in self._pictures)

    def _tiles(self, series: str) -> Iterator[Tile]:
        """Yield the tiles of a series, evenly spread, in the order of its instances."""
        total = "SELECT SUM(count) FROM piece WHERE series = ?"
        (pictures,) = self._database.execute(total, (series,)).fetchone()
        wanted = deque(_spread(pictures))
        passed = 0
        for text, count, unit, label in self._database.execute(_PIECES, (series,)):
            places = []
            while wanted and wanted[0] < passed + count:
                places.append(wanted.popleft() - passed)
            passed += count
            if places:
                plain = pickle.loads(unit)  # noqa: S301 - our own
                yield Tile(plain, _frames_at(text, places), label)


_Task = tuple[str, Callable[..., _T], tuple[Any, ...]]


def _results(
    executor: Executor, tasks: Iterator[_Task[_T]]
) -> Iterator[tuple[str, _T | Exception]]:
    """Run the tasks, a few at a time; yield the name and the result or error of each.

    Raises
    ------
    BrokenExecutor
        It takes no more tasks.
    """
    pending: deque[tuple[str, Future[_T]]] = deque()
    while True:
        for name, task, arguments in islice(tasks, _AHEAD - len(pending)):
            pending.append((name, executor.submit(task, *arguments)))
        if not pending:
            return
        name, future = pending.popleft()
        error = future.exception()
        if error is None:
            yield name, future.result()
        elif isinstance(error, RendicomError | OSError | MemoryError) or is_worker_lost(error):
            yield name, error  # type: ignore[misc]
        else:
            raise error


def _reason(error: Exception) -> str:
    if is_worker_lost(error):
        return "its worker died"
    return error.message if isinstance(error, RendicomError) else type(error).__name__


def _key(unit: Unit, identity: InstanceSummary) -> tuple[str, int, str]:
    try:
        number = int(identity.instance_number)
    except ValueError:
        number = _LAST
    return identity.series, max(-_LAST, min(_LAST, number)), escaped(unit.source)


def _stem(path: str) -> str:
    return folded(os.path.splitext(path)[0].replace(os.sep, "/"))


def _spread(count: int) -> list[int]:
    """Return the indexes below ``count``, or as many as a sheet holds, evenly spread."""
    if count <= _MOST_TILES:
        return list(range(count))
    return [round(step * (count - 1) / (_MOST_TILES - 1)) for step in range(_MOST_TILES)]


def _frames_at(text: str, places: Sequence[int]) -> tuple[int, ...]:
    """Return the frames at these indexes, in ascending order, of a selection in its text form."""
    if not text:
        return (REPRESENTATIVE,)
    frames: list[int] = []
    passed, waiting = 0, deque(places)
    for first, last in FrameSelection.parse(text).ranges:
        while waiting and first + waiting[0] - passed <= last:
            frames.append(first + waiting.popleft() - passed)
        passed += last - first + 1
    return tuple(frames)


# --- in a worker --------------------------------------------------------------------------


def earlier_sources(recipe: Recipe, units: tuple[Unit, ...]) -> tuple[EarlierSource, ...]:
    """Return the sources of the units, less those that are filtered or unreadable."""
    return tuple(source for unit in units if (source := _earlier_source(recipe, unit)) is not None)


def _earlier_source(recipe: Recipe, unit: Unit) -> EarlierSource | None:
    from rendicom.batch.identity import identity_of
    from rendicom.encode import format_named

    try:
        with opened(recipe, unit) as instance:
            identity = identity_of(instance)
            if recipe.filters is not None and recipe.filters.reason(identity):
                return None
            if format_named(recipe.format).encode_animation is not None:
                return EarlierSource(unit, identity, None)
            count = instance.description.number_of_frames
            frames = (recipe.frames or FrameSelection()).resolve(count)
            return EarlierSource(unit, identity, FrameSelection.of(sorted(frames)))
    except Exception:  # noqa: BLE001 - a door: the fault of a source is already reported
        return None
