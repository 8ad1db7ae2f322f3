"""Draws overlay planes, graphics and texts on a finished picture, layer by layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom.rendering.blending import blend, paintable
from rendicom.rendering.stages.overlay import placed_bitmap
from rendicom.rendering.strokes import Coverage, filled, stroked
from rendicom.rendering.typesetting import TextSize, set_line, width_of

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray

    from rendicom.presentation import Point
    from rendicom.rendering.stages.displayed_area import Placement
    from rendicom.values import Frame, OverlayPlane

Colour = tuple[float, ...]
"""One gray value or three of sRGB, 0 to 1."""
_SIDES_A_LINE = 420
_SIDES_A_CAPITAL = 52
_LEAST_LINE, _LEAST_CAPITAL = 1.25, 7
_HALO = 0.7
_DASH = 4.0


class OverlayMark(NamedTuple):
    """An overlay plane, in pixels of the image."""

    plane: OverlayPlane
    colour: Colour
    shape: tuple[int, int]


class PathMark(NamedTuple):
    """A path in pixels of the picture; a single point is a dot.

    ``thickness`` is a multiple of the usual one.
    """

    path: tuple[Point, ...]
    colour: Colour
    opacity: float = 1.0
    thickness: float = 1.0
    is_dashed: bool = False
    fill: Colour | None = None
    fill_opacity: float = 1.0


class TextMark(NamedTuple):
    """A text in pixels of the picture: in a box (left, top, right, bottom), at a point, or both.

    ``has_leader``: draw a line from the text to the point.
    """

    text: str
    colour: Colour
    box: tuple[float, float, float, float] | None
    point: Point | None
    justification: Literal["LEFT", "CENTER", "RIGHT"] = "LEFT"
    has_leader: bool = False


class Drawing(NamedTuple):
    """Marks in drawing order, and the placement of the picture."""

    marks: tuple[OverlayMark | PathMark | TextMark, ...]
    placement: Placement


def draw(picture: NDArray[Any], drawing: Drawing, frame: Frame) -> NDArray[Any]:
    """Return a copy of the picture with the drawing; RGB if a color is not gray.

    ``frame`` holds the cells of embedded overlay planes.
    """
    colours = [mark.colour for mark in drawing.marks]
    colours += [mark.fill for mark in drawing.marks if isinstance(mark, PathMark) and mark.fill]
    result, _ = paintable(picture, next((each for each in colours if len(each) == 3), (0.0,)))
    for mark in drawing.marks:
        if isinstance(mark, OverlayMark):
            _draw_plane(result, mark, drawing.placement, frame)
        elif isinstance(mark, PathMark):
            draw_figure(result, mark)
        else:
            draw_note(result, mark)
    return result


def _draw_plane(
    picture: NDArray[Any], mark: OverlayMark, placement: Placement, frame: Frame
) -> None:
    placed = placed_bitmap(mark.plane, frame, mark.shape)
    if placed is None:
        return
    window, bitmap = placed
    mask = np.zeros(mark.shape, np.uint8)
    mask[window] = np.where(bitmap, np.uint8(255), np.uint8(0))
    coverage = placement.apply(mask).astype(np.float32) / np.float32(255)
    blend(picture, coverage, mark.colour, top=0, left=0)


def usual_thickness(picture: NDArray[Any]) -> float:
    """Return the default thickness of lines, in pixels of the picture."""
    rows, columns = picture.shape[:2]
    return float(max(_LEAST_LINE, min(rows, columns) / _SIDES_A_LINE))


def draw_figure(picture: NDArray[Any], figure: PathMark) -> None:
    """Draw a figure on a picture, in place."""
    shape = picture.shape[:2]
    if figure.fill is not None:
        _lay(picture, filled(figure.path, shape), figure.fill, figure.fill_opacity)
    thickness = usual_thickness(picture) * figure.thickness
    if len(figure.path) == 1:
        thickness *= 3
    dash = _DASH * thickness if figure.is_dashed else 0.0
    line = stroked(figure.path, thickness, shape, dash=dash)
    _lay(picture, line, figure.colour, figure.opacity)


def _lay(picture: NDArray[Any], coverage: Coverage | None, colour: Colour, opacity: float) -> None:
    if coverage is not None:
        values = coverage.values if opacity == 1 else coverage.values * np.float32(opacity)
        blend(picture, values, colour, top=coverage.top, left=coverage.left)


# --- texts ----------------------------------------------------------------------------------


def draw_note(picture: NDArray[Any], note: TextMark) -> None:
    """Draw a text on a picture, in place."""
    lines = note.text.split("\n")
    rows, columns = picture.shape[:2]
    size = _size_for(note, lines, min(rows, columns))
    widths = [width_of(line, size) for line in lines]
    width, height = max(widths), size.capital + (len(lines) - 1) * size.leading
    left, top = _corner(note, size, width, height, (rows, columns))
    if note.has_leader and note.point is not None:
        _draw_leader(picture, note, (left, top, left + width, top + height), size)
    for index, line in enumerate(lines):
        x = left + _indent(note.justification, width - widths[index])
        _write(picture, line, size, x, top + size.capital + index * size.leading, note)


def _size_for(note: TextMark, lines: list[str], side: int) -> TextSize:
    """Return the size that fills the box, if there is one, within limits."""
    usual = max(_LEAST_CAPITAL, round(side / _SIDES_A_CAPITAL))
    if note.box is None:
        return TextSize(usual)
    left, top, right, bottom = note.box
    height = (bottom - top) / (1.75 * len(lines))
    broadest = max(width_of(line, TextSize(usual)) for line in lines) or 1
    width = (right - left) * usual / broadest
    return TextSize(max(_LEAST_CAPITAL, min(2 * usual, math.floor(min(height, width)))))


def _corner(
    note: TextMark, size: TextSize, width: int, height: int, shape: tuple[int, int]
) -> tuple[int, int]:
    """Return the top left corner of the text; beside a point it is kept inside the picture."""
    if note.box is not None:
        left, top, right, bottom = note.box
        x = left + _indent(note.justification, (right - left) - width)
        return round(x), round((top + bottom - height) / 2)
    x, y = note.point or (0.0, 0.0)
    away, edge = size.capital, size.margin
    column = x + away if x + away + width + edge <= shape[1] else x - away - width
    row = y - away - height if y - away - height >= edge else y + away
    return (
        round(min(max(edge, column), max(edge, shape[1] - width - edge))),
        round(min(max(edge, row), max(edge, shape[0] - height - edge))),
    )


def _indent(justification: str, room: float) -> int:
    return round(room * {"LEFT": 0.0, "CENTER": 0.5, "RIGHT": 1.0}[justification])


def _draw_leader(
    picture: NDArray[Any], note: TextMark, box: tuple[int, int, int, int], size: TextSize
) -> None:
    """Draw a line from the border of the text to its point."""
    x, y = note.point or (0.0, 0.0)
    gap = size.capital * 0.5
    near = (
        min(max(box[0] - gap, x), box[2] + gap),
        min(max(box[1] - gap, y), box[3] + gap),
    )
    if near != (x, y):
        line = stroked((near, (x, y)), usual_thickness(picture), picture.shape[:2])
        _lay(picture, line, note.colour, 1.0)


def _write(
    picture: NDArray[Any], text: str, size: TextSize, x: int, baseline: int, note: TextMark
) -> None:
    line = set_line(text, size)
    brightness = sum(note.colour) / len(note.colour)
    halo = (0.0,) if brightness > 0.35 else (1.0,)
    top, left = baseline - size.ascent, x - size.margin
    blend(picture, line.halo * np.float32(_HALO), halo, top=top, left=left)
    blend(picture, line.letters, note.colour, top=top, left=left)
