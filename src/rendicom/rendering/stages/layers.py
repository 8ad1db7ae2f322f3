"""Layers are blended over a finished picture, one after the other.

A mask or a map of values is placed as the image was; lines and texts are drawn in the picture, so
that they are as thin in a small one as in a large one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom.rendering.blending import blend, blend_shares, extent_of
from rendicom.rendering.layers import (
    ColourBar,
    IsoLines,
    LayerLabel,
    LayerMask,
    LayerPath,
    LayerStack,
    LegendRow,
    ValueLayer,
)
from rendicom.rendering.stages.displayed_area import Affine, Placement, quarter_turned
from rendicom.rendering.stages.drawing import (
    PathMark,
    TextMark,
    draw_figure,
    draw_note,
    usual_thickness,
)
from rendicom.rendering.typesetting import TextSize, shortened, width_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.rendering.stages.image_transform import Geometry

    Placing = Geometry | Placement | None

_WHITE = (1.0, 1.0, 1.0)
_SIDES, _LEAST_LETTER = 40, 7
_BAR, _LEAST_BAR, _LEAST_TEXT = 8, 2, 3
"""Widths in letters."""


def draw_layers(samples: NDArray[Any], stack: LayerStack, placing: Placing) -> NDArray[Any]:
    """Return the picture, RGB, with its layers; ``placing`` is the geometry of the image.

    Blended values are rounded once, at the end.
    """
    is_narrow = samples.dtype == np.uint8
    wide = samples.astype(np.uint16) * np.uint16(257) if is_narrow else samples
    # Each channel is contiguous, as they are computed one after the other.
    canvas = np.empty((3, *samples.shape[:2]), np.uint16).transpose(1, 2, 0)
    canvas[...] = wide if samples.ndim == 3 else wide[..., np.newaxis]
    for piece in stack.pieces:
        if isinstance(piece, LayerMask):
            _draw_mask(canvas, piece, placing)
        elif isinstance(piece, ValueLayer):
            _draw_values(canvas, piece, placing)
        elif isinstance(piece, IsoLines):
            _draw_isolines(canvas, piece, placing)
        elif isinstance(piece, LayerPath):
            to_picture = _into_picture(placing)
            points = tuple(to_picture(point) for point in piece.points)
            draw_figure(canvas, PathMark(points, piece.colour))
        else:
            _draw_label(canvas, piece, placing)
    _draw_legend(canvas, stack.legend)
    if not is_narrow:
        return np.ascontiguousarray(canvas)
    # (v + 128) // 257 without a division; larger ones are 255 as well.
    np.minimum(canvas, 65535 - 128, out=canvas)
    canvas += 128
    canvas -= canvas >> 8
    canvas >>= 8
    result = np.empty(canvas.shape, np.uint8)
    for channel in range(3):
        result[..., channel] = canvas[..., channel]
    return result


def _placed(values: NDArray[Any], placing: Placing) -> NDArray[Any]:
    return values if placing is None else placing.apply(values)


def _into_picture(placing: Placing) -> Affine:
    """Return the transform from pixels of the image to the picture."""
    if placing is None:
        return Affine()
    if isinstance(placing, Placement):
        return placing.from_image
    top, left, bottom, right = placing.region
    rows, columns = placing.size
    across, along = columns / (right - left), rows / (bottom - top)
    scaled = Affine(across, 0, -left * across, 0, along, -top * along)
    turn, width, height = quarter_turned(placing.quarter_turns, columns, rows)
    affine = scaled.then(turn)
    if placing.mirrors_columns:
        affine = affine.then(Affine(-1, 0, width))
    if placing.mirrors_rows:
        affine = affine.then(Affine(1, 0, 0, 0, -1, height))
    return affine


def _draw_mask(canvas: NDArray[Any], mask: LayerMask, placing: Placing) -> None:
    if mask.opacity is not None:
        shares = mask.amounts
        if placing is not None:
            # Resampling may overshoot.
            shares = np.clip(placing.apply(shares.astype(np.float32)), 0, 1)
        if (box := extent_of(shares > 0)) is not None:
            blend_shares(canvas[box], shares[box] * np.float32(mask.opacity), _ink(mask.colour))
    if mask.has_outline:
        inside = mask.amounts > 0
        if placing is not None:
            inside = placing.apply(inside.astype(np.float32)) >= 0.5
        _draw_outline(canvas, inside, mask.colour)


def _ink(colour: Any) -> NDArray[np.float32]:
    return np.asarray(colour, np.float32) * np.float32(65535)


def _draw_outline(canvas: NDArray[Any], inside: NDArray[np.bool_], colour: Any) -> None:
    """Paint the border pixels of a region."""
    box = extent_of(inside)
    if box is None:
        return
    inner = inside = inside[box]
    for _ in range(max(1, round(usual_thickness(canvas) - 0.5))):
        inner = _eroded(inner)
    blend_shares(canvas[box], (inside & ~inner).astype(np.float32), _ink(colour))


def _eroded(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels whose four neighbors are inside as well."""
    result = np.zeros_like(inside)
    result[1:-1, 1:-1] = (
        inside[1:-1, 1:-1]
        & inside[:-2, 1:-1]
        & inside[2:, 1:-1]
        & inside[1:-1, :-2]
        & inside[1:-1, 2:]
    )
    return result


def _draw_values(canvas: NDArray[Any], layer: ValueLayer, placing: Placing) -> None:
    colours = _placed(layer.colours, placing)
    opacities = np.clip(_placed(layer.opacities, placing), 0, 1)
    if (box := extent_of(opacities > 0)) is not None:
        factor = np.float32(65535 / np.iinfo(colours.dtype).max)
        blend_shares(canvas[box], opacities[box], colours[box].astype(np.float32) * factor)


def _draw_isolines(canvas: NDArray[Any], lines: IsoLines, placing: Placing) -> None:
    values = _placed(lines.values, placing)
    for level, colour in lines.levels:
        _draw_outline(canvas, values >= level, colour)


def _draw_label(canvas: NDArray[Any], label: LayerLabel, placing: Placing) -> None:
    point = _into_picture(placing)(label.point)
    if 0 <= point[0] <= canvas.shape[1] and 0 <= point[1] <= canvas.shape[0]:
        draw_note(canvas, TextMark(label.text, label.colour, None, point))


# --- legend -----------------------------------------------------------------------------------


class PlacedRow(NamedTuple):
    """A row: ``entry`` is a `LegendRow` or `ColourBar` at column ``letter``, its text beside it.

    ``top`` and ``left`` are the corner of the text, ``letter`` the height of the row; pixels.
    """

    entry: Any
    text: str
    top: int
    left: int
    width: int
    letter: int


class Legend(NamedTuple):
    """The rows that fit in a picture, and a warning if others do not."""

    rows: tuple[PlacedRow, ...]
    warning: str


def laid_out(entries: tuple[LegendRow | ColourBar, ...], rows: int, columns: int) -> Legend:
    """Return a legend for the lower left corner of a picture.

    A bar is left out unless its figures fit as well, since it would be misleading without them.
    """
    letter = max(_LEAST_LETTER, min(rows, columns) // _SIDES)
    fitting = [found for entry in entries if (found := _fitted(entry, columns, letter))]
    fitting = fitting[: max(0, rows // (2 * letter) - 1)]
    tops = range(rows - letter - 2 * letter * len(fitting), rows, 2 * letter)
    placed = tuple(row._replace(top=top) for row, top in zip(fitting, tops, strict=False))
    if len(placed) == len(entries):
        return Legend(placed, "")
    shown = f"shows {len(placed)} of {len(entries)} entries" if placed else "is left out"
    return Legend(placed, f"the legend {shown}: the picture is too small for more")


def _fitted(entry: LegendRow | ColourBar, columns: int, letter: int) -> PlacedRow | None:
    size = TextSize(letter)
    if isinstance(entry, LegendRow):
        left = 3 * letter
        room = columns - letter - left
        text = shortened(entry.text, size, room)
        is_told = text == entry.text or room >= _LEAST_TEXT * letter
        return PlacedRow(entry, text, 0, left, room, letter) if is_told else None
    text = f"{entry.low} - {entry.high}"
    width = width_of(text, size)
    bar = min(_BAR * letter, columns - 3 * letter - width)
    left = letter + bar + letter
    return PlacedRow(entry, text, 0, left, width, letter) if bar >= _LEAST_BAR * letter else None


def _draw_legend(canvas: NDArray[Any], legend: tuple[LegendRow | ColourBar, ...]) -> None:
    """Draw the legend in the lower left corner, as far as it fits."""
    if not legend:
        return
    for row in laid_out(legend, canvas.shape[0], canvas.shape[1]).rows:
        letter = row.letter
        if isinstance(row.entry, LegendRow):
            swatch = np.ones((letter, letter), np.float32)
            blend(canvas, swatch, row.entry.colour, top=row.top, left=letter)
        else:
            _draw_bar(canvas, row)
        box = (row.left, row.top, row.left + row.width, row.top + letter)
        draw_note(canvas, TextMark(row.text, _WHITE, box, None))


def _draw_bar(canvas: NDArray[Any], row: PlacedRow) -> None:
    """Draw the colors of a range side by side."""
    left, width = row.letter, row.left - 2 * row.letter
    colours = row.entry.colours
    index = np.arange(width) * (len(colours) - 1) // max(1, width - 1)
    part = canvas[row.top : row.top + row.letter, left : left + width]
    part[...] = (colours[index].astype(np.uint32) * 257).astype(canvas.dtype)
