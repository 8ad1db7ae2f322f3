"""Draws one contact sheet; runs in a worker.

Captions show name, series and frame of a picture, without patient data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from rendicom.batch.file_names import FRAME_MARK, shown
from rendicom.batch.sources import Unit
from rendicom.batch.worker_messages import Recipe
from rendicom.errors import RendicomError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.engine import Instance
    from rendicom.options import RenderOptions

REPRESENTATIVE = 0
"""Stands for the representative frame of a picture of all frames."""

_COLUMNS = 8
_SIDE = 160
_GAP = 4
_PAPER, _FAULT, _CROSS = 0, 60, 140


class Tile(NamedTuple):
    """Small pictures of one source: frame numbers counted from 1, or `REPRESENTATIVE`."""

    unit: Unit
    frames: tuple[int, ...]
    series_number: str = ""


def make_sheet(recipe: Recipe, tiles: tuple[Tile, ...]) -> bytes:
    """Return a PNG with the tiles in rows of up to eight; a failed one is a cross.

    Each tile is 160 x 160 pixels with the picture in its middle, as ``recipe.options`` show it,
    and has a caption below.
    """
    import numpy as np

    from rendicom.encode import encode, format_named
    from rendicom.encode.formats import EncodeSettings
    from rendicom.values import DisplayImage

    captioned = [each for tile in tiles for each in _pictures(recipe, tile)]
    pictures = [picture for picture, _ in captioned]
    is_colour = any(picture.ndim == 3 for picture in pictures)
    columns = min(_COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    down, across = _SIDE + HEIGHT + _GAP, _SIDE + _GAP
    shape = (rows * down + _GAP, columns * across + _GAP, *([3] if is_colour else []))
    sheet = np.full(shape, _PAPER, np.uint8)
    for position, (picture, lines) in enumerate(captioned):
        row, column = divmod(position, columns)
        height, width = picture.shape[:2]
        first_row, first_column = _GAP + row * down, _GAP + column * across
        top, left = first_row + (_SIDE - height) // 2, first_column + (_SIDE - width) // 2
        shown = picture[..., np.newaxis] if is_colour and picture.ndim == 2 else picture
        sheet[top : top + height, left : left + width] = shown
        write_caption(sheet, lines, top=first_row + _SIDE, left=first_column, width=_SIDE)
    return encode(DisplayImage(sheet), format_named("png"), EncodeSettings())


def _pictures(recipe: Recipe, tile: Tile) -> Iterator[tuple[NDArray[Any], tuple[str, ...]]]:
    """Yield each frame and its caption: uint8, gray or RGB, no side longer than a tile's."""
    from rendicom.workers.deadline import RepeatedDeadline

    def said(frame: int, *, is_one_of_many: bool) -> tuple[str, ...]:
        number = frame if is_one_of_many and frame != REPRESENTATIVE else None
        return caption(tile.unit.place, tile.series_number, number)

    options = _small(recipe.options)
    done = 0
    try:
        with RepeatedDeadline(recipe.timeout) as watch, opened(recipe, tile.unit) as instance:
            for frame in tile.frames:
                watch.restart()
                is_one_of_many = instance.description.number_of_frames > 1
                yield _picture(instance, frame, options), said(frame, is_one_of_many=is_one_of_many)
                done += 1
    except Exception:  # noqa: BLE001 - a door, as that of the worker; the run has reported the fault
        for frame in tile.frames[done:]:
            yield _cross(), said(frame, is_one_of_many=len(tile.frames) > 1)


def _picture(instance: Instance, frame: int, options: RenderOptions) -> NDArray[Any]:
    number = frame or instance.description.representative_frame
    try:
        return instance.display(number, options)
    except (RendicomError, MemoryError):
        return _cross()


def _small(options: RenderOptions) -> RenderOptions:
    """Return the options for a tile: the same region in the size of a tile."""
    viewport = options.viewport
    if viewport is not None:
        viewport = replace(viewport, width=_SIDE, height=_SIDE)
    return replace(
        options, max_size=_SIDE, viewport=viewport, bit_depth=8, values="display", fast=True
    )


def opened(recipe: Recipe, unit: Unit) -> Instance:
    """Open the instance of a unit, for the caller to close."""
    from rendicom.batch.input_source import open_units
    from rendicom.engine import open_instance

    with open_units(recipe.input_source, (unit,), base=recipe.base) as opener:
        return open_instance(cast("bytes", opener.content(unit)), threads=1)


def _cross() -> NDArray[Any]:
    import numpy as np

    cell = np.full((_SIDE, _SIDE), _FAULT, np.uint8)
    diagonal = np.arange(_SIDE)
    cell[diagonal, diagonal] = cell[diagonal, _SIDE - 1 - diagonal] = _CROSS
    return cell


HEIGHT = 30
"""Height of a caption in rows."""
_CAPITAL = 8
_GRAY = 0.75


def caption(place: str, series_number: str, frame: int | None) -> tuple[str, ...]:
    """Return the lines of a caption.

    Parameters
    ----------
    place
        `Unit.place`: the name of the picture's file is its last part.
    series_number
        As in the header, or empty.
    frame
        Number of one frame of several, else None.

    >>> caption("a/IM1", "3", 12), caption("a/IM1", "", None)
    (('IM1', 'series 3, frame 12'), ('IM1',))
    """
    number = "" if frame is None else str(frame)
    name = place.rpartition("/")[2]
    if marks := name.count(FRAME_MARK):
        name = name.replace(FRAME_MARK * marks, number)
    name = shown(name)
    series = f"series {series_number}" if series_number else ""
    numbers = ", ".join(filter(None, (series, f"frame {number}" if number else "")))
    return tuple(filter(None, (name, numbers)))


def write_caption(
    sheet: NDArray[Any], lines: tuple[str, ...], *, top: int, left: int, width: int
) -> None:
    """Write the lines on a sheet, uint8, in place, each cut to ``width`` pixels."""
    from rendicom.rendering.blending import blend
    from rendicom.rendering.typesetting import TextSize, set_line, shortened

    size = TextSize(_CAPITAL)
    for position, text in enumerate(lines):
        line = set_line(shortened(text, size, width - 2 * size.margin), size)
        row = top + size.margin + position * size.leading - size.ascent + size.capital
        blend(sheet, line.letters, (_GRAY,), top=row, left=left)
