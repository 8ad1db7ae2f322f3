"""Contact sheets: a page of small pictures for each series, for who would rather look."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar, cast

from rendicom.batch.executors import is_worker_lost
from rendicom.batch.frames import FrameSelection
from rendicom.batch.job import Skipped, Written
from rendicom.batch.scratch import scratch_database
from rendicom.batch.units import Identity, Recipe, Report, Unit
from rendicom.batch.write import may_write, write_picture
from rendicom.errors import OptionError, RendicomError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.batch.pseudonyms import Pseudonyms
    from rendicom.engine import Instance
    from rendicom.options import RenderOptions

__all__ = ["REPRESENTATIVE", "Seen", "SheetPlan", "Tile", "look", "make_sheet"]

REPRESENTATIVE = 0
"""Stands for the frame that stands for all, where a picture shows them all."""

_SCHEMA = (
    """
    CREATE TABLE piece (
        series TEXT, number INTEGER, source BLOB, first INTEGER,
        frames TEXT, count INTEGER, unit BLOB,
        PRIMARY KEY (series, number, source, first)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE done (unit BLOB)",
)
_ADD = "INSERT OR REPLACE INTO piece VALUES (?, ?, ?, ?, ?, ?, ?)"
_FORGET = "DELETE FROM piece WHERE series = ? AND number = ? AND source = ?"
_PIECES = "SELECT frames, count, unit FROM piece WHERE series = ? ORDER BY number, source, first"
_MOST_TILES = 48
_COLUMNS = 8
_SIDE = 160
_GAP = 4
_PAPER, _FAULT, _CROSS = 0, 60, 140
_UNKNOWN = "unknown"
_AHEAD = 8
"""Tasks sent ahead."""
_SOURCES_A_TASK = 100
_LAST = 1 << 62
"""Instance Number of those that have none."""

_T = TypeVar("_T")


class Tile(NamedTuple):
    """Small pictures of one source: frame numbers counted from 1, or `REPRESENTATIVE`."""

    unit: Unit
    frames: tuple[int, ...]


class Seen(NamedTuple):
    """What a source that was converted earlier is; ``frames`` is None for an animation."""

    unit: Unit
    identity: Identity
    frames: FrameSelection | None


class SheetPlan:
    """Remembers what a run converts, in a temporary file, and makes the sheets at its end.

    Use it as a context manager, or call ``close``.

    Parameters
    ----------
    path
        Of the sheet; with several series ``-SERIES`` comes before its ending.
    pseudonyms
        Stand for the UIDs in the names.

    Raises
    ------
    OptionError
        The name does not end in .png.
    OutputExistsError
        A DICOM file has that name.
    UnwritableOutputError
        The store does not tell what is there.
    """

    def __init__(self, path: str, *, pseudonyms: Pseudonyms | None = None) -> None:
        if not path.lower().endswith(".png"):
            raise OptionError(f"--contact-sheet {path} does not end in .png")
        may_write(path, "overwrite")
        self._path, self._pseudonyms = path, pseudonyms
        self._database = scratch_database(*_SCHEMA)

    def __enter__(self) -> Self:
        """Return the plan itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Forget everything."""
        self.close()

    def close(self) -> None:
        """Forget everything; a second call does nothing."""
        self._database.close()

    # --- during the run -------------------------------------------------------------------

    def add(self, report: Report) -> None:
        """Remember the pictures of a report, also those that were there already."""
        if report.identity is None:
            return
        made = [each.frame for each in report.outcomes if isinstance(each, Written | Skipped)]
        if not made:
            return
        # A source of one frame has a number, too; an animation has none.
        frames = FrameSelection.of(sorted(frame for frame in made if frame is not None))
        self._remember(report.unit, report.identity, frames if frames.ranges else None)

    def add_done(self, unit: Unit) -> None:
        """Remember a source that an earlier run converted, or did so in part."""
        import pickle

        self._database.execute("INSERT INTO done VALUES (?)", (pickle.dumps(unit),))

    def _remember(self, unit: Unit, identity: Identity, frames: FrameSelection | None) -> None:
        import pickle

        first, count = (frames.ranges[0][0], _count(frames)) if frames is not None else (0, 1)
        text = str(frames) if frames is not None else ""
        plain = pickle.dumps(unit._replace(frames=None))
        self._database.execute(_ADD, (*_key(unit, identity), first, text, count, plain))

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
                    write_picture(name, data)
        except BrokenExecutor:
            yield f"{self._path} could not be made: the workers died"

    def _look_at_done(self, recipe: Recipe, executor: Executor) -> None:
        import pickle

        rows = self._database.execute("SELECT unit FROM done")
        units = (pickle.loads(row[0]) for row in rows)  # noqa: S301 - written by add_done
        batches = iter(lambda: tuple(islice(units, _SOURCES_A_TASK)), ())
        tasks = (("", look, (recipe, batch)) for batch in batches)
        for _, found in _results(executor, tasks):
            for seen in found if not isinstance(found, Exception) else ():
                self._database.execute(_FORGET, _key(seen.unit, seen.identity))
                self._remember(*seen)

    def _tasks(self, recipe: Recipe) -> Iterator[_Task[bytes]]:
        (count,) = self._database.execute("SELECT COUNT(DISTINCT series) FROM piece").fetchone()
        for (series,) in self._database.execute("SELECT DISTINCT series FROM piece"):
            name = self._name(series) if count > 1 else self._path
            yield name, make_sheet, (recipe, tuple(self._tiles(series)))

    def _name(self, series: str) -> str:
        from rendicom.batch.layout import safe_part

        uid = self._pseudonyms.uid(series) if self._pseudonyms is not None else series
        stem, extension = os.path.splitext(self._path)
        return f"{stem}-{safe_part(uid) if uid else _UNKNOWN}{extension}"

    def _tiles(self, series: str) -> Iterator[Tile]:
        """Yield the tiles of a series, evenly spread, in the order of its instances."""
        import pickle

        total = "SELECT SUM(count) FROM piece WHERE series = ?"
        (pictures,) = self._database.execute(total, (series,)).fetchone()
        wanted = deque(_spread(pictures))
        passed = 0
        for text, count, unit in self._database.execute(_PIECES, (series,)):
            places = []
            while wanted and wanted[0] < passed + count:
                places.append(wanted.popleft() - passed)
            passed += count
            if places:
                yield Tile(pickle.loads(unit), _frames_at(text, places))  # noqa: S301 - our own


_Task = tuple[str, Callable[..., _T], tuple[Any, ...]]


def _results(
    executor: Executor, tasks: Iterator[_Task[_T]]
) -> Iterator[tuple[str, _T | Exception]]:
    """Run the tasks, a few at a time; yield each one's name and result, or what went wrong.

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
        return "the worker that was at it died"
    return error.message if isinstance(error, RendicomError) else type(error).__name__


def _key(unit: Unit, identity: Identity) -> tuple[str, int, bytes]:
    try:
        number = int(identity.instance_number)
    except ValueError:
        number = _LAST
    return identity.series, max(-_LAST, min(_LAST, number)), os.fsencode(unit.source)


def _count(frames: FrameSelection) -> int:
    return sum(last - first + 1 for first, last in frames.ranges)


def _spread(count: int) -> list[int]:
    """Return all places of ``count``, or as many as a sheet holds, evenly and with both ends."""
    if count <= _MOST_TILES:
        return list(range(count))
    return [round(step * (count - 1) / (_MOST_TILES - 1)) for step in range(_MOST_TILES)]


def _frames_at(text: str, places: Sequence[int]) -> tuple[int, ...]:
    """Return the frames at these places, in rising order, of a selection in its text form."""
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


def look(recipe: Recipe, units: tuple[Unit, ...]) -> tuple[Seen, ...]:
    """Return what the units are, less those that are not wanted or cannot be read."""
    return tuple(seen for unit in units if (seen := _seen(recipe, unit)) is not None)


def _seen(recipe: Recipe, unit: Unit) -> Seen | None:
    from rendicom.batch.identity import identity_of
    from rendicom.encode import format_named

    try:
        with _opened(recipe, unit) as instance:
            identity = identity_of(instance)
            if recipe.filters is not None and recipe.filters.reason(identity):
                return None
            if format_named(recipe.format).encode_animation is not None:
                return Seen(unit, identity, None)
            count = instance.description.number_of_frames
            frames = (recipe.frames or FrameSelection()).resolve(count)
            return Seen(unit, identity, FrameSelection.of(sorted(frames)))
    except Exception:  # noqa: BLE001 - a door: what is wrong with a source was said long ago
        return None


def make_sheet(recipe: Recipe, tiles: tuple[Tile, ...]) -> bytes:
    """Return a PNG with the tiles in rows of up to eight; one that fails is a cross.

    Each tile is 160 x 160 pixels with the picture in its middle, as ``recipe.options`` show it.
    """
    import numpy as np

    from rendicom.encode import encode, format_named
    from rendicom.encode.formats import EncodeSettings
    from rendicom.values import DisplayImage

    pictures = [picture for tile in tiles for picture in _pictures(recipe, tile)]
    is_colour = any(picture.ndim == 3 for picture in pictures)
    columns = min(_COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    step = _SIDE + _GAP
    shape = (rows * step + _GAP, columns * step + _GAP, *([3] if is_colour else []))
    sheet = np.full(shape, _PAPER, np.uint8)
    for position, picture in enumerate(pictures):
        row, column = divmod(position, columns)
        height, width = picture.shape[:2]
        top = _GAP + row * step + (_SIDE - height) // 2
        left = _GAP + column * step + (_SIDE - width) // 2
        shown = picture[..., np.newaxis] if is_colour and picture.ndim == 2 else picture
        sheet[top : top + height, left : left + width] = shown
    return encode(DisplayImage(sheet), format_named("png"), EncodeSettings())


def _pictures(recipe: Recipe, tile: Tile) -> Iterator[NDArray[Any]]:
    """Yield the samples of each frame, uint8, gray or RGB, no side longer than a tile's."""
    from rendicom.batch.deadline import Watch

    options = _small(recipe.options)
    done = 0
    try:
        with Watch(recipe.timeout) as watch, _opened(recipe, tile.unit) as instance:
            for frame in tile.frames:
                watch.restart()
                yield _picture(instance, frame, options)
                done += 1
    except Exception:  # noqa: BLE001 - a door, as that of the worker; the run said what is wrong
        yield from [_cross()] * (len(tile.frames) - done)


def _picture(instance: Instance, frame: int, options: RenderOptions) -> NDArray[Any]:
    number = frame or instance.description.representative_frame
    try:
        return instance.display(number, options)
    except (RendicomError, MemoryError):
        return _cross()


def _small(options: RenderOptions) -> RenderOptions:
    """Return the options for a tile; a region asked for stays, its size does not."""
    viewport = options.viewport
    if viewport is not None:
        viewport = replace(viewport, width=_SIDE, height=_SIDE)
    return replace(options, max_size=_SIDE, viewport=viewport, bit_depth=8, values="display")


def _opened(recipe: Recipe, unit: Unit) -> Instance:
    from rendicom.batch.origin import supply_of
    from rendicom.engine import open_instance

    with supply_of(recipe, (unit,)) as supply:
        return open_instance(cast("bytes", supply.content(unit)))


def _cross() -> NDArray[Any]:
    import numpy as np

    cell = np.full((_SIDE, _SIDE), _FAULT, np.uint8)
    diagonal = np.arange(_SIDE)
    cell[diagonal, diagonal] = cell[diagonal, _SIDE - 1 - diagonal] = _CROSS
    return cell
