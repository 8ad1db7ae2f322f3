"""Displayed area of a presentation state, which may be smaller or larger than the image.

The image is rotated, then mirrored; the area is cropped, scaled and, beyond the image, filled with
black (PS3.3 C.10.4, C.10.6; PS3.18 8.3.5.1.6).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom.errors import OptionError
from rendicom.rendering.stages.image_transform import (
    Geometry,
    apply_geometry,
    check_size,
    mirrored_by,
    whole_side,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.options import RenderOptions
    from rendicom.presentation import DisplayedArea, Point, PresentationState
    from rendicom.values import Reduction


class Affine(NamedTuple):
    """Affine transform of x, y to ``xx x + xy y + x0``, ``yx x + yy y + y0``."""

    xx: float = 1.0
    xy: float = 0.0
    x0: float = 0.0
    yx: float = 0.0
    yy: float = 1.0
    y0: float = 0.0

    def __call__(self, point: Point) -> Point:
        """Return the transformed point."""
        x, y = point
        return self.xx * x + self.xy * y + self.x0, self.yx * x + self.yy * y + self.y0

    def then(self, other: Affine) -> Affine:
        """Return the transform that applies this and then the other."""
        x0, y0 = other((self.x0, self.y0))
        return Affine(
            other.xx * self.xx + other.xy * self.yx, other.xx * self.xy + other.xy * self.yy, x0,
            other.yx * self.xx + other.yy * self.yx, other.yx * self.xy + other.yy * self.yy, y0,
        )  # fmt: skip

    def inverse(self) -> Affine:
        """Return the inverse transform."""
        area = self.xx * self.yy - self.xy * self.yx
        xx, xy, yx, yy = self.yy / area, -self.xy / area, -self.yx / area, self.xx / area
        return Affine(
            xx, xy, -(xx * self.x0 + xy * self.y0), yx, yy, -(yx * self.x0 + yy * self.y0)
        )


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def within(self, other: _Box) -> _Box:
        """Return the intersection, which may be empty."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return _Box(left, top, max(left, right), max(top, bottom))

    def mapped(self, to: Affine) -> _Box:
        """Return the bounding box of the transformed corners."""
        x, y = zip(to((self.left, self.top)), to((self.right, self.bottom)), strict=True)
        return _Box(min(x), min(y), max(x), max(y))

    def rounded(self) -> _Box:
        return _Box(*(math.floor(side + 0.5) for side in self))


@dataclass(frozen=True, slots=True)
class Placement:
    """Position of an image in a picture of another extent."""

    size: tuple[int, int]
    """Rows and columns of the picture."""
    geometry: Geometry | None
    """Transform of the visible part of the image; None if nothing is visible."""
    top: int
    left: int
    """Position of that part in the picture."""
    from_image: Affine
    from_area: Affine
    """Transforms to the picture from pixels of the image and from fractions of the displayed
    area."""

    def apply(self, image: NDArray[Any], reduction: Reduction | None = None) -> NDArray[Any]:
        """Return the picture, C-contiguous, same dtype; see `apply_geometry`."""
        if self.geometry is None:
            return np.zeros((*self.size, *image.shape[2:]), image.dtype)
        part = apply_geometry(image, self.geometry, reduction)
        rows, columns = part.shape[:2]
        if (rows, columns) == self.size:
            return part
        picture = np.zeros((*self.size, *image.shape[2:]), image.dtype)
        picture[self.top : self.top + rows, self.left : self.left + columns] = part
        return picture


def plan_placement(
    shape: tuple[int, ...],
    state: PresentationState,
    area: DisplayedArea | None,
    options: RenderOptions,
    *,
    keeps_values: bool,
) -> Placement:
    """Return the placement of an image of ``shape``; without an area all of it is displayed.

    Raises
    ------
    OptionError
        The region of the viewport lies outside the displayed area.
    LimitExceededError
        The picture would have more than ``max_pixels`` pixels.
    """
    rows, columns = shape[:2]
    image = _Box(0, 0, columns, rows)
    shown = image if area is None else _corners(area)
    vertical, horizontal = (1.0, 1.0) if area is None else area.pixel_size
    stretch = max(1.0, horizontal / vertical), max(1.0, vertical / horizontal)
    to_area = Affine(
        stretch[0], 0, -shown.left * stretch[0], 0, stretch[1], -shown.top * stretch[1]
    )
    width, height = shown.width * stretch[0], shown.height * stretch[1]
    turned, width, height = quarter_turned(state.quarter_turns, width, height)
    if state.mirrors_columns:
        turned = turned.then(Affine(-1, 0, width))
    to_area = to_area.then(turned)
    region, scale = _view(_Box(0, 0, width, height), area, options)
    size = _size(region, scale, options)
    check_size(size, max(options.max_pixels, rows * columns), options)
    mirrored = mirrored_by(options.viewport)
    to_picture = _scaled(region, size, mirrored)
    from_image = to_area.then(to_picture)
    template = Geometry(
        (0, 0, 0, 0), (0, 0), state.quarter_turns, mirrored[0] != state.mirrors_columns,
        mirrored[1], keeps_values,
    )  # fmt: skip
    geometry, top, left = _part(image.within(shown), from_image, size, template)
    from_fractions = Affine(width, 0, 0, 0, height, 0).then(to_picture)
    return Placement(size, geometry, top, left, from_image, from_fractions)


def _corners(area: DisplayedArea) -> _Box:
    """Return the area in the stored image: its corners are given for the rotated image."""
    x, y = zip(area.top_left, area.bottom_right, strict=True)
    return _Box(min(x) - 1, min(y) - 1, max(x), max(y))


def quarter_turned(turns: int, width: float, height: float) -> tuple[Affine, float, float]:
    """Return the clockwise rotation of an area, and its rotated width and height."""
    if turns == 1:
        return Affine(0, -1, height, 1, 0, 0), height, width
    if turns == 2:
        return Affine(-1, 0, width, 0, -1, height), width, height
    if turns == 3:
        return Affine(0, 1, 0, -1, 0, width), height, width
    return Affine(), width, height


def _view(whole: _Box, area: DisplayedArea | None, options: RenderOptions) -> tuple[_Box, float]:
    """Return the visible part of the rotated area, and its scale.

    With MAGNIFY the scale is given, and the area is cropped to the viewport around its center.
    """
    viewport, scale, region = options.viewport, options.scale, whole
    if viewport is not None:
        left, top = abs(viewport.x or 0), abs(viewport.y or 0)
        width, height = viewport.region_width, viewport.region_height
        right = whole.right if width is None else left + abs(width)
        bottom = whole.bottom if height is None else top + abs(height)
        region = _Box(left, top, right, bottom).within(whole)
        if not (region.width and region.height):
            raise OptionError("the region of the viewport lies outside the displayed area")
    if area is not None and area.mode == "MAGNIFY":
        scale = area.magnification * options.scale
        if viewport is not None:
            region = _cropped(region, viewport.width / scale, viewport.height / scale)
    elif viewport is not None:
        scale = min(viewport.width / region.width, viewport.height / region.height)
    if options.max_size is not None:
        scale = min(scale, options.max_size / max(region.width, region.height))
    return region, scale


def _size(region: _Box, scale: float, options: RenderOptions) -> tuple[int, int]:
    """Return rows and columns of the picture."""
    rows, columns = whole_side(region.height * scale), whole_side(region.width * scale)
    if options.viewport is None:
        return rows, columns
    return min(rows, options.viewport.height), min(columns, options.viewport.width)


def _cropped(box: _Box, width: float, height: float) -> _Box:
    across, along = max(0.0, box.width - width) / 2, max(0.0, box.height - height) / 2
    return _Box(box.left + across, box.top + along, box.right - across, box.bottom - along)


def _scaled(region: _Box, size: tuple[int, int], mirrored: tuple[bool, bool]) -> Affine:
    """Return the transform from the rotated area to the picture."""
    across, along = size[1] / region.width, size[0] / region.height
    scaled = Affine(across, 0, -region.left * across, 0, along, -region.top * along)
    if mirrored[0]:
        scaled = scaled.then(Affine(-1, 0, size[1]))
    if mirrored[1]:
        scaled = scaled.then(Affine(1, 0, 0, 0, -1, size[0]))
    return scaled


def _part(
    visible: _Box, from_image: Affine, size: tuple[int, int], template: Geometry
) -> tuple[Geometry | None, int, int]:
    """Return the transform of the visible part of the image, and its position."""
    picture = _Box(0, 0, size[1], size[0])
    source = visible.within(picture.mapped(from_image.inverse())).rounded()
    target = source.mapped(from_image).rounded().within(picture)
    if not (source.width and source.height and target.width and target.height):
        return None, 0, 0
    left, top, right, bottom = map(int, source)
    rows, columns = int(target.height), int(target.width)
    size = (rows, columns) if template.quarter_turns % 2 == 0 else (columns, rows)
    geometry = replace(template, region=(top, left, bottom, right), size=size)
    return geometry, int(target.top), int(target.left)
