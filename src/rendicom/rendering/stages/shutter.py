"""Applies a display shutter (PS3.3 C.7.6.11, C.7.6.15)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom.rendering.blending import as_colour, paintable
from rendicom.rendering.polygons import polygon_mask

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
        corners = np.array(shutter.polygon, np.float64)[:, ::-1] - 1
        is_open &= polygon_mask(corners, (shape[0], shape[1]))
    if shutter.bitmap is not None:
        is_open &= ~_plane(shape, shutter.bitmap)
    return is_open


def _plane(shape: tuple[int, ...], plane: OverlayPlane) -> NDArray[np.bool_]:
    from rendicom.rendering.stages.overlay import placed_bitmap

    covered = np.zeros(shape, np.bool_)
    if (placed := placed_bitmap(plane, None, shape)) is not None:
        window, bitmap = placed
        covered[window] = bitmap
    return covered
