"""Crops, resizes, rotates and mirrors pictures. Options are applied in this order:

square pixels, region, clockwise rotation, mirroring, mirroring by negative extents, fit.

The computation uses another order with the same result: one resize, before the rotation.
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
    from rendicom.values import DisplayAttributes, Reduction, Viewport

_LONGEST_SIDE = 1 << 40


@dataclass(frozen=True, slots=True)
class Geometry:
    """Crop, resize, rotation and mirroring of a frame."""

    region: tuple[int, int, int, int]
    """First row and column, and end row and column (exclusive), of the visible part."""
    size: tuple[int, int]
    """Rows and columns of the resized region, before rotation."""
    quarter_turns: int = 0
    """Clockwise."""
    mirrors_columns: bool = False
    mirrors_rows: bool = False
    """Swap left and right, top and bottom; after rotation."""
    keeps_values: bool = False
    """Use nearest neighbor sampling."""

    def apply(self, image: NDArray[Any], reduction: Reduction | None = None) -> NDArray[Any]:
        """Return the picture, C-contiguous, same dtype; see `apply_geometry`."""
        return apply_geometry(image, self, reduction)


def plan_geometry(
    shape: tuple[int, ...],
    display: DisplayAttributes,
    options: RenderOptions,
    *,
    keeps_values: bool,
) -> Geometry | None:
    """Return the geometry for a frame of ``shape``; None if it is unchanged.

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
    size = whole_side(extents[0] * scale), whole_side(extents[1] * scale)
    check_size(size, max(options.max_pixels, rows * columns), options)
    mirrored = mirrored_by(options.viewport)
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


def whole_side(extent: float) -> int:
    """Return the length of a side of a picture in pixels."""
    return max(1, math.floor(min(extent, _LONGEST_SIDE) + 0.5))


def check_size(size: tuple[int, int], most: int, options: RenderOptions) -> None:
    """Refuse a picture of more than ``most`` pixels; ``size`` is rows and columns."""
    if size[0] * size[1] > most:
        raise LimitExceededError(
            f"a picture of {size[1]} x {size[0]} pixels is more than {options.max_pixels} pixels",
            hint="request a smaller one, or raise max-pixels",
        )


def mirrored_by(viewport: Viewport | None) -> tuple[bool, bool]:
    """Return whether the width and the height of the region are negative."""
    if viewport is None:
        return False, False
    return (viewport.region_width or 0) < 0, (viewport.region_height or 0) < 0


def _stretch(display: DisplayAttributes, options: RenderOptions) -> tuple[float, float]:
    """Return factors of rows and columns, at least 1, that make pixels square."""
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
    """Return first and end pixel (exclusive); at least one pixel, inside the image.

    The sign of a start is ignored; that of an extent mirrors.
    """
    first = abs(start or 0.0) / stretch
    behind = first + abs(extent) / stretch if extent is not None else float(size)
    if first >= size or behind <= 0:
        raise OptionError("the region of the viewport lies outside the image")
    low = min(math.floor(first + 0.5), size - 1)
    return low, min(size, max(low + 1, math.floor(min(behind, size) + 0.5)))


def _scale(extents: tuple[float, float], options: RenderOptions) -> float:
    """Return the factor that fits a picture of these rows and columns."""
    height, width = extents
    scale = options.scale
    if options.viewport is not None:
        scale = min(options.viewport.width / width, options.viewport.height / height)
    if options.max_size is not None:
        scale = min(scale, options.max_size / max(height, width))
    return scale


def apply_geometry(
    image: NDArray[Any], geometry: Geometry, reduction: Reduction | None = None
) -> NDArray[Any]:
    """Return the picture, C-contiguous, same dtype.

    With ``reduction`` the image was decoded at a smaller size; the geometry is that of the whole.
    """
    top, left, bottom, right = geometry.region
    if reduction is not None:
        used_rows, along = _part_of(reduction, top, bottom, image.shape[0])
        used_columns, across = _part_of(reduction, left, right, image.shape[1])
        image = resample(image[used_rows, used_columns], *geometry.size, (along, across))
    else:
        image = image[top:bottom, left:right]
        if image.shape[:2] != geometry.size:
            # NaN and infinity would spread.
            is_finite = image.dtype.kind != "f" or bool(np.isfinite(image).all())
            mixes = not geometry.keeps_values and is_finite
            image = (resample if mixes else nearest)(image, *geometry.size)
    image = np.rot90(image, -geometry.quarter_turns)
    if geometry.mirrors_columns:
        image = image[:, ::-1]
    if geometry.mirrors_rows:
        image = image[::-1]
    return np.ascontiguousarray(image)


def _part_of(
    reduction: Reduction, start: int, end: int, size: int
) -> tuple[slice, tuple[float, float]]:
    """Return the samples in an interval of pixels, and where in them the interval lies."""
    step, offset = reduction.step, reduction.offset
    first = max(0, math.ceil((start - offset) / step))
    behind = max(first + 1, min(size, math.floor((end - 1 - offset) / step) + 1))
    first = min(first, size - 1)
    low, high = ((edge - 0.5 - offset) / step + 0.5 - first for edge in (start, end))
    return slice(first, behind), (low, high)
