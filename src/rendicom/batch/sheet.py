"""Contact sheets: a page of small pictures for each series, for who would rather look."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from rendicom.batch.job import Written
from rendicom.batch.scratch import scratch_database
from rendicom.batch.units import Recipe, Report, Unit
from rendicom.batch.write import write_picture
from rendicom.errors import OptionError, RendicomError

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from numpy.typing import NDArray

    from rendicom.batch.pseudonyms import Pseudonyms

__all__ = ["SheetPlan", "Tile", "make_sheet"]

_SCHEMA = """
CREATE TABLE tile (
    series TEXT, number INTEGER, source TEXT, frame INTEGER, unit BLOB,
    PRIMARY KEY (series, number, source, frame)
) WITHOUT ROWID
"""
_MOST_TILES = 48
_COLUMNS = 8
_SIDE = 160
_GAP = 4
_PAPER, _FAULT, _CROSS = 0, 60, 140
_UNKNOWN = "unknown"
_AHEAD = 4
"""Sheets being made at once."""


class Tile(NamedTuple):
    """One small picture: a frame of a unit."""

    unit: Unit
    frame: int


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
    """

    def __init__(self, path: str, *, pseudonyms: Pseudonyms | None = None) -> None:
        if not path.lower().endswith(".png"):
            raise OptionError(f"--contact-sheet {path} does not end in .png")
        self._path, self._pseudonyms = path, pseudonyms
        self._database = scratch_database(_SCHEMA)

    def __enter__(self) -> Self:
        """Return the plan itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Forget everything."""
        self.close()

    def close(self) -> None:
        """Forget everything; a second call does nothing."""
        self._database.close()

    def add(self, report: Report) -> None:
        """Remember the pictures of a report."""
        import pickle

        identity = report.identity
        if identity is None:
            return
        frames = [each.frame or 1 for each in report.outcomes if isinstance(each, Written)]
        if not frames:
            return
        unit = pickle.dumps(report.unit)
        number = _number(identity.instance_number)
        source = os.fsencode(report.unit.source).hex()
        rows = [(identity.series, number, source, frame, unit) for frame in _spread(frames)]
        self._database.executemany("INSERT OR REPLACE INTO tile VALUES (?, ?, ?, ?, ?)", rows)

    def write(self, recipe: Recipe, executor: Executor) -> Iterator[str]:
        """Make the sheets with ``executor``; yield a sentence for each that could not be made.

        Raises
        ------
        UnwritableOutputError
        """
        series = [row[0] for row in self._database.execute("SELECT DISTINCT series FROM tile")]
        pending: deque[tuple[str, Future[bytes]]] = deque()
        waiting = iter(series)
        while True:
            for uid in islice(waiting, _AHEAD - len(pending)):
                name = self._name(uid, is_alone=len(series) == 1)
                tiles = tuple(self._tiles(uid))
                pending.append((name, executor.submit(make_sheet, recipe, tiles)))
            if not pending:
                return
            name, future = pending.popleft()
            try:
                data = future.result()
            except (RendicomError, OSError, MemoryError) as error:
                yield f"{name} could not be made: {type(error).__name__}"
            else:
                write_picture(name, data)

    def _name(self, series: str, *, is_alone: bool) -> str:
        if is_alone:
            return self._path
        from rendicom.batch.layout import safe_part

        uid = self._pseudonyms.uid(series) if self._pseudonyms is not None else series
        stem, extension = os.path.splitext(self._path)
        return f"{stem}-{safe_part(uid) if uid else _UNKNOWN}{extension}"

    def _tiles(self, series: str) -> Iterator[Tile]:
        """Yield the tiles of a series, evenly spread, in the order of its instances."""
        import pickle

        counted = "SELECT COUNT(*) FROM tile WHERE series = ?"
        (count,) = self._database.execute(counted, (series,)).fetchone()
        wanted = set(_spread(range(count)))
        rows = self._database.execute("SELECT frame, unit FROM tile WHERE series = ?", (series,))
        for position, (frame, unit) in enumerate(rows):
            if position in wanted:
                yield Tile(pickle.loads(unit), frame)  # noqa: S301 - written a moment ago, above


def _number(text: str) -> int:
    """Return an Instance Number for sorting; what is none comes last."""
    try:
        number = int(text)
    except ValueError:
        return 1 << 62
    return max(-(1 << 62), min(1 << 62, number))


def _spread(values: Any) -> list[Any]:
    """Return the values, or as many as a sheet holds of them, evenly spread with both ends."""
    if len(values) <= _MOST_TILES:
        return list(values)
    last = len(values) - 1
    return [values[round(step * last / (_MOST_TILES - 1))] for step in range(_MOST_TILES)]


def make_sheet(recipe: Recipe, tiles: tuple[Tile, ...]) -> bytes:
    """Return a PNG with the tiles in rows of up to eight; one that fails is a cross.

    Each tile is 160 x 160 pixels with the picture in its middle, as ``recipe.options`` show it.
    """
    import numpy as np

    from rendicom.encode import encode, format_named
    from rendicom.encode.formats import EncodeSettings
    from rendicom.values import DisplayImage

    pictures = [_picture(recipe, tile) for tile in tiles]
    is_colour = any(picture.ndim == 3 for picture in pictures)
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
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


def _picture(recipe: Recipe, tile: Tile) -> NDArray[Any]:
    """Return the samples of a tile, uint8, gray or RGB, no side longer than the tile's."""
    from rendicom.batch.sources import open_unit
    from rendicom.engine import open_instance

    options = replace(
        recipe.options, max_size=_SIDE, viewport=None, bit_depth=8, values="display", icc=None
    )
    try:
        with open_instance(open_unit(tile.unit, base=recipe.base)) as instance:
            return instance.display(tile.frame, options)
    except (RendicomError, MemoryError):
        return _cross()


def _cross() -> NDArray[Any]:
    import numpy as np

    cell = np.full((_SIDE, _SIDE), _FAULT, np.uint8)
    diagonal = np.arange(_SIDE)
    cell[diagonal, diagonal] = cell[diagonal, _SIDE - 1 - diagonal] = _CROSS
    return cell
