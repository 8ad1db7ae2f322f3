"""Applies a display shutter (PS3.3 C.7.6.11, C.7.6.15)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom.rendering.blending import as_colour, paintable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.values import OverlayPlane, Reduction, Shutter


class Covering(NamedTuple):
    """A shutter for an image with this vertical and horizontal pixel size.

    A circular shutter is a circle on the screen, with a radius in columns.
    """

    shutter: Shutter
    pixel_size: tuple[float, float] = (1.0, 1.0)


def apply_shutter(
    picture: NDArray[Any], covering: Covering, reduction: Reduction | None = None
) -> NDArray[Any]:
    """Return the picture with the covered pixels in the shutter's color.

    ``picture`` is uint8 or uint16, in the geometry of the frame. A color that is not gray makes
    it RGB. Pixels are kept where all shapes of the shutter leave them open. With ``reduction`` the
    picture has fewer samples than the frame, each of which is covered where it lies.
    """
    shutter = covering.shutter
    if reduction is None:
        is_open = _open(picture.shape[:2], covering)
    else:
        image = (reduction.rows, reduction.columns)
        places = (
            np.minimum(np.arange(size) * reduction.step + int(reduction.offset), whole - 1)
            for size, whole in zip(picture.shape, image, strict=False)
        )
        is_open = _open(image, covering)[np.ix_(*places)]
    if is_open.all():
        return picture
    colour = as_colour(shutter.ink, prefers_gray=picture.ndim == 2, default=0.0)
    result, ink = paintable(picture, colour)
    result[~is_open] = np.round(np.multiply(ink, float(np.iinfo(result.dtype).max)))
    return result


@lru_cache(maxsize=2)
def _open(shape: tuple[int, ...], covering: Covering) -> NDArray[np.bool_]:
    """Return the visible pixels, equal for all frames."""
    shutter, pixel_size = covering
    rows = np.arange(1, shape[0] + 1, dtype=np.float64)[:, np.newaxis]
    columns = np.arange(1, shape[1] + 1, dtype=np.float64)
    is_open = np.ones(shape, np.bool_)
    if shutter.rectangle is not None:
        left, right, upper, lower = shutter.rectangle
        is_open &= (rows >= upper) & (rows <= lower) & (columns >= left) & (columns <= right)
    if shutter.circle is not None:
        row, column, radius = shutter.circle
        stretch = pixel_size[0] / pixel_size[1]
        is_open &= ((rows - row) * stretch) ** 2 + (columns - column) ** 2 <= radius**2
    if shutter.polygon:
        is_open &= _inside(shape, shutter.polygon)
    if shutter.bitmap is not None:
        is_open &= ~_plane(shape, shutter.bitmap)
    return is_open


def _inside(shape: tuple[int, ...], vertices: tuple[tuple[float, float], ...]) -> NDArray[np.bool_]:
    """Return the pixels inside a polygon of row, column pairs, its edges included."""
    ends = np.array(vertices, np.float64)
    starts = np.roll(ends, 1, axis=0)
    inside = np.zeros(shape, np.bool_)
    for row in range(1, shape[0] + 1):
        places = _crossings(starts, ends, row)
        spans = [*zip(places[::2], places[1::2], strict=False), *_touched(starts, ends, row)]
        for low, high in spans:
            first, last = np.ceil(low - 1e-9), np.floor(high + 1e-9)
            inside[row - 1, max(0, int(first) - 1) : max(0, int(last))] = True
    return inside


def _crossings(starts: NDArray[np.float64], ends: NDArray[np.float64], row: float) -> list[float]:
    """Return the columns where the outline crosses a row, in ascending order."""
    crosses = (starts[:, 0] <= row) != (ends[:, 0] <= row)
    (row0, column0), (row1, column1) = starts[crosses].T, ends[crosses].T
    places: list[float] = np.sort(
        column0 + (row - row0) / (row1 - row0) * (column1 - column0)
    ).tolist()
    return places


def _touched(
    starts: NDArray[np.float64], ends: NDArray[np.float64], row: float
) -> list[tuple[float, float]]:
    """Return horizontal edges and vertices of the outline in a row."""
    return [
        (min(column, ends[index, 1]), max(column, ends[index, 1]))
        if ends[index, 0] == row
        else (column, column)
        for index, (at, column) in enumerate(starts)
        if at == row
    ]


def _plane(shape: tuple[int, ...], plane: OverlayPlane) -> NDArray[np.bool_]:
    from rendicom.rendering.stages.overlay import placed_bitmap

    covered = np.zeros(shape, np.bool_)
    if (placed := placed_bitmap(plane, None, shape)) is not None:
        window, bitmap = placed
        covered[window] = bitmap
    return covered
