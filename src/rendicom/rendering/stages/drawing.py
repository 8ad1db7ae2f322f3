"""Overlay planes, figures and texts are drawn over a finished picture, layer by layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom.rendering.ink import lay_over, painted
from rendicom.rendering.lettering.typesetting import Type, set_line, width_of
from rendicom.rendering.stages.overlay import placed_bitmap
from rendicom.rendering.strokes import filled, stroked

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray

    from rendicom.presentation import Point
    from rendicom.rendering.stages.placement import Placement
    from rendicom.rendering.strokes import Coverage
    from rendicom.values import Frame, OverlayPlane

__all__ = ["Drawing", "Figure", "Note", "Plane", "draw"]

Colour = tuple[float, ...]
"""One gray value or three of sRGB, 0 to 1."""
_SIDES_A_LINE = 420
_SIDES_A_CAPITAL = 52
_LEAST_LINE, _LEAST_CAPITAL = 1.25, 7
_HALO = 0.7
_DASH = 4.0


class Plane(NamedTuple):
    """An overlay plane, in pixels of the image."""

    plane: OverlayPlane
    colour: Colour
    shape: tuple[int, int]


class Figure(NamedTuple):
    """A path in pixels of the picture; a single point is a dot.

    ``thickness`` is in units of the usual one.
    """

    path: tuple[Point, ...]
    colour: Colour
    opacity: float = 1.0
    thickness: float = 1.0
    is_dashed: bool = False
    fill: Colour | None = None
    fill_opacity: float = 1.0


class Note(NamedTuple):
    """A text in pixels of the picture: in a box (left, top, right, bottom), at a point, or both.

    ``has_leader``: a line leads to the point.
    """

    text: str
    colour: Colour
    box: tuple[float, float, float, float] | None
    point: Point | None
    justification: Literal["LEFT", "CENTER", "RIGHT"] = "LEFT"
    has_leader: bool = False


class Drawing(NamedTuple):
    """What is drawn, in this order, on a picture that was placed so."""

    marks: tuple[Plane | Figure | Note, ...]
    placement: Placement


def draw(picture: NDArray[Any], drawing: Drawing, frame: Frame) -> NDArray[Any]:
    """Return a copy of the picture with the drawing on it; RGB where a color is no gray.

    ``frame`` holds the cells that embedded overlay planes lie in.
    """
    colours = [mark.colour for mark in drawing.marks]
    colours += [mark.fill for mark in drawing.marks if isinstance(mark, Figure) and mark.fill]
    result, _ = painted(picture, next((each for each in colours if len(each) == 3), (0.0,)))
    for mark in drawing.marks:
        if isinstance(mark, Plane):
            _draw_plane(result, mark, drawing.placement, frame)
        elif isinstance(mark, Figure):
            _draw_figure(result, mark)
        else:
            _draw_note(result, mark)
    return result


def _draw_plane(picture: NDArray[Any], mark: Plane, placement: Placement, frame: Frame) -> None:
    placed = placed_bitmap(mark.plane, frame, mark.shape)
    if placed is None:
        return
    window, bitmap = placed
    mask = np.zeros(mark.shape, np.uint8)
    mask[window] = np.where(bitmap, np.uint8(255), np.uint8(0))
    coverage = placement.apply(mask).astype(np.float32) / np.float32(255)
    lay_over(picture, coverage, mark.colour, top=0, left=0)


def _usual_thickness(picture: NDArray[Any]) -> float:
    rows, columns = picture.shape[:2]
    return float(max(_LEAST_LINE, min(rows, columns) / _SIDES_A_LINE))


def _draw_figure(picture: NDArray[Any], figure: Figure) -> None:
    shape = picture.shape[:2]
    if figure.fill is not None:
        _lay(picture, filled(figure.path, shape), figure.fill, figure.fill_opacity)
    thickness = _usual_thickness(picture) * figure.thickness
    if len(figure.path) == 1:
        thickness *= 3
    dash = _DASH * thickness if figure.is_dashed else 0.0
    line = stroked(figure.path, thickness, shape, dash=dash)
    _lay(picture, line, figure.colour, figure.opacity)


def _lay(picture: NDArray[Any], coverage: Coverage | None, colour: Colour, opacity: float) -> None:
    if coverage is not None:
        values = coverage.values if opacity == 1 else coverage.values * np.float32(opacity)
        lay_over(picture, values, colour, top=coverage.top, left=coverage.left)


# --- texts ----------------------------------------------------------------------------------


def _draw_note(picture: NDArray[Any], note: Note) -> None:
    lines = note.text.split("\n")
    rows, columns = picture.shape[:2]
    letters = _letters(note, lines, min(rows, columns))
    widths = [width_of(line, letters) for line in lines]
    width, height = max(widths), letters.capital + (len(lines) - 1) * letters.leading
    left, top = _corner(note, letters, width, height, (rows, columns))
    if note.has_leader and note.point is not None:
        _draw_leader(picture, note, (left, top, left + width, top + height), letters)
    for index, line in enumerate(lines):
        x = left + _indent(note.justification, width - widths[index])
        _write(picture, line, letters, x, top + letters.capital + index * letters.leading, note)


def _letters(note: Note, lines: list[str], side: int) -> Type:
    """Return letters that fill the box, if there is one, but neither tiny nor huge ones."""
    usual = max(_LEAST_CAPITAL, round(side / _SIDES_A_CAPITAL))
    if note.box is None:
        return Type(usual)
    left, top, right, bottom = note.box
    height = (bottom - top) / (1.75 * len(lines))
    broadest = max(width_of(line, Type(usual)) for line in lines) or 1
    width = (right - left) * usual / broadest
    return Type(max(_LEAST_CAPITAL, min(2 * usual, math.floor(min(height, width)))))


def _corner(
    note: Note, letters: Type, width: int, height: int, shape: tuple[int, int]
) -> tuple[int, int]:
    """Return where the text begins; beside its point it is kept inside the picture."""
    if note.box is not None:
        left, top, right, bottom = note.box
        x = left + _indent(note.justification, (right - left) - width)
        return round(x), round((top + bottom - height) / 2)
    x, y = note.point or (0.0, 0.0)
    away, edge = letters.capital, letters.margin
    column = x + away if x + away + width + edge <= shape[1] else x - away - width
    row = y - away - height if y - away - height >= edge else y + away
    return (
        round(min(max(edge, column), max(edge, shape[1] - width - edge))),
        round(min(max(edge, row), max(edge, shape[0] - height - edge))),
    )


def _indent(justification: str, room: float) -> int:
    return round(room * {"LEFT": 0.0, "CENTER": 0.5, "RIGHT": 1.0}[justification])


def _draw_leader(
    picture: NDArray[Any], note: Note, box: tuple[int, int, int, int], letters: Type
) -> None:
    """Draw a line from the nearest place around the text to its point."""
    x, y = note.point or (0.0, 0.0)
    gap = letters.capital * 0.5
    near = (
        min(max(box[0] - gap, x), box[2] + gap),
        min(max(box[1] - gap, y), box[3] + gap),
    )
    if near != (x, y):
        line = stroked((near, (x, y)), _usual_thickness(picture), picture.shape[:2])
        _lay(picture, line, note.colour, 1.0)


def _write(
    picture: NDArray[Any], text: str, letters: Type, x: int, baseline: int, note: Note
) -> None:
    line = set_line(text, letters)
    stroke = letters.thickness / 2
    brightness = sum(note.colour) / len(note.colour)
    halo = (0.0,) if brightness > 0.35 else (1.0,)
    top, left = baseline - letters.ascent, x - letters.margin
    around = line.coverage(stroke + letters.halo * 0.7) * np.float32(_HALO)
    lay_over(picture, around, halo, top=top, left=left)
    lay_over(picture, line.coverage(stroke), note.colour, top=top, left=left)
