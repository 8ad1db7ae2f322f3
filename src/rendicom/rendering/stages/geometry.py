"""The picture is cropped, resized, turned and mirrored, in this order of meaning:

square pixels, region, rotation clockwise, mirroring, mirroring by negative extents, fit.

The work is done in another order, resizing once and before turning; the result is the same.
"""  # noqa: D400, D415

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.errors import LimitExceededError, OptionError
from rendicom.rendering.resample import nearest, resample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.options import RenderOptions
    from rendicom.values import DisplayAttributes, Viewport

__all__ = ["Geometry", "apply_geometry", "plan_geometry"]

_LONGEST_SIDE = 1 << 40


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the pixels go.

    Attributes
    ----------
    region
        First row and column, and those behind the last, of the part of the frame that is shown.
    size
        Rows and columns the region is resized to, before it is turned.
    quarter_turns
        Clockwise.
    mirrors_columns, mirrors_rows
        Left becomes right, top becomes bottom; after turning.
    keeps_values
        Resize without mixing values.
    """

    region: tuple[int, int, int, int]
    size: tuple[int, int]
    quarter_turns: int = 0
    mirrors_columns: bool = False
    mirrors_rows: bool = False
    keeps_values: bool = False

    def apply(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the picture, C-contiguous, same dtype."""
        return apply_geometry(image, self)


def plan_geometry(
    shape: tuple[int, ...],
    display: DisplayAttributes,
    options: RenderOptions,
    *,
    keeps_values: bool,
) -> Geometry | None:
    """Return the geometry of a picture of a frame of ``shape``; None where it stays as it is.

    Raises
    ------
    OptionError
        The region of the viewport lies outside the image.
    LimitExceededError
        The picture would have more than ``max_pixels`` pixels.
    """
    rows, columns = shape[:2]
    stretch = _stretch(display, options)
    region = _region(options.viewport, rows, columns, stretch)
    turns = options.rotate // 90
    extents = (region[2] - region[0]) * stretch[0], (region[3] - region[1]) * stretch[1]
    scale = _scale(extents if turns % 2 == 0 else extents[::-1], options)
    size = _rounded(extents[0] * scale), _rounded(extents[1] * scale)
    if size[0] * size[1] > max(options.max_pixels, rows * columns):
        raise LimitExceededError(
            f"a picture of {size[1]} x {size[0]} pixels is more than {options.max_pixels} pixels",
            hint="ask for a smaller one, or raise max-pixels",
        )
    mirrored = _mirrored(options.viewport)
    geometry = Geometry(
        region,
        size,
        turns,
        (options.flip == "h") != mirrored[0],
        (options.flip == "v") != mirrored[1],
        keeps_values,
    )
    unchanged = Geometry((0, 0, rows, columns), (rows, columns), keeps_values=keeps_values)
    return None if geometry == unchanged else geometry


def _mirrored(viewport: Viewport | None) -> tuple[bool, bool]:
    """Tell whether the region's width and its height are negative."""
    if viewport is None:
        return False, False
    return (viewport.region_width or 0) < 0, (viewport.region_height or 0) < 0


def _stretch(display: DisplayAttributes, options: RenderOptions) -> tuple[float, float]:
    """Return factors of rows and columns that make pixels square; none reduces the image."""
    vertical, horizontal = display.pixel_aspect_ratio if options.square_pixels else (1.0, 1.0)
    return max(1.0, vertical / horizontal), max(1.0, horizontal / vertical)


def _region(
    viewport: Viewport | None, rows: int, columns: int, stretch: tuple[float, float]
) -> tuple[int, int, int, int]:
    """Return the region in whole pixels of the frame (PS3.18 8.3.5.1.3)."""
    if viewport is None:
        return 0, 0, rows, columns
    top, bottom = _interval(viewport.y, viewport.region_height, rows, stretch[0])
    left, right = _interval(viewport.x, viewport.region_width, columns, stretch[1])
    return top, left, bottom, right


def _interval(
    start: float | None, extent: float | None, size: int, stretch: float
) -> tuple[int, int]:
    """Return first pixel and the one behind the last; at least one, inside the image.

    Signs of a start mean nothing; those of an extent mirror and do not move.
    """
    first = abs(start or 0.0) / stretch
    behind = first + abs(extent) / stretch if extent is not None else float(size)
    if first >= size or behind <= 0:
        raise OptionError("the region of the viewport lies outside the image")
    low = min(math.floor(first + 0.5), size - 1)
    return low, min(size, max(low + 1, math.floor(min(behind, size) + 0.5)))


def _scale(extents: tuple[float, float], options: RenderOptions) -> float:
    """Return the factor that fits a picture of so many rows and columns."""
    height, width = extents
    scale = 1.0
    if options.viewport is not None:
        scale = min(options.viewport.width / width, options.viewport.height / height)
    if options.max_size is not None:
        scale = min(scale, options.max_size / max(height, width))
    return scale


def _rounded(extent: float) -> int:
    return max(1, math.floor(min(extent, _LONGEST_SIDE) + 0.5))


def apply_geometry(image: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
    """Return the picture, C-contiguous, same dtype."""
    top, left, bottom, right = geometry.region
    image = image[top:bottom, left:right]
    if image.shape[:2] != geometry.size:
        mixes = not geometry.keeps_values and _is_mixable(image)
        image = (resample if mixes else nearest)(image, *geometry.size)
    image = np.rot90(image, -geometry.quarter_turns)
    if geometry.mirrors_columns:
        image = image[:, ::-1]
    if geometry.mirrors_rows:
        image = image[::-1]
    return np.ascontiguousarray(image)


def _is_mixable(image: NDArray[Any]) -> bool:
    """Tell whether values can be averaged: NaN or infinity would eat their neighbours."""
    return image.dtype.kind != "f" or bool(np.isfinite(image).all())
