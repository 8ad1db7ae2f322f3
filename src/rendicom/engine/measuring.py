"""Measures in a frame: values at a point or in a rectangle, lengths and angles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.errors import OptionError
from rendicom.options import RenderOptions
from rendicom.pixels.measurement_units import pixel_size_at, unit_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.engine.instance import Instance

Point = tuple[float, float]
"""x and y in pixels from the outer corner of the first pixel, whose center is 0.5, 0.5."""

SHAPES = {"point": 1, "line": 2, "angle": 3, "rectangle": 2}
"""Kinds of measurements and their number of points."""


@dataclass(frozen=True)
class MeasuredFrame:
    """One frame of an instance; modality values are computed once, when they are needed.

    Values of gray images are modality values, those of color images stored values, independent of
    windows and other display options.
    """

    instance: Instance
    frame: int = 1
    max_pixels: int = RenderOptions().max_pixels

    @cached_property
    def values(self) -> NDArray[Any]:
        """Return the values: float32 (rows, columns), or integers (rows, columns, 3) of color."""
        photometric = self.instance.description.photometric_interpretation
        is_gray = photometric.startswith("MONOCHROME")
        options = RenderOptions(
            values="modality" if is_gray else "stored", max_pixels=self.max_pixels
        )
        return self.instance.display(self.frame, options)

    def measure(self, shape: str, points: Sequence[Point]) -> dict[str, Any]:
        """Return the measurement as numbers and texts for JSON.

        Parameters
        ----------
        shape
            ``point``: ``value`` (a number, None where it is not finite, or a list for color) and
            ``unit``. ``line``: ``length`` and ``unit``. ``angle``: ``angle`` in degrees at the
            second of three points. ``rectangle``: ``mean``, ``deviation`` (of the population),
            ``minimum``, ``maximum``, ``pixels``, ``unit``, ``area`` and ``areaUnit``, of the
            pixels whose centers are inside.
        points
            The points of the shape.

        Raises
        ------
        OptionError
            The shape is unknown, its points are too few, too many or not finite, the point lies
            outside the image or the rectangle holds no pixel.
        RendicomError
            The frame cannot be decoded.
        """
        if SHAPES.get(shape) != len(points):
            known = ", ".join(f"{name}: {count}" for name, count in SHAPES.items())
            raise OptionError(f"the number of points is not that of a shape ({known})")
        if not all(math.isfinite(number) for point in points for number in point):
            raise OptionError(f"the points of the {shape} are not finite numbers")
        measures: Mapping[str, Callable[..., dict[str, Any]]] = {
            "point": self._point, "line": self._line, "angle": self._angle,
            "rectangle": self._rectangle,
        }  # fmt: skip
        return measures[shape](points)

    @property
    def _unit(self) -> str:
        return unit_of(self.instance.header, self.instance.description, self.frame)

    def _steps(self, points: Sequence[Point]) -> tuple[list[tuple[float, float]], str]:
        """Return the vectors from each point to the next, in the unit of length."""
        size = pixel_size_at(self.instance.header, self.frame, points)
        pairs = pairwise(points)
        return [
            ((x - a) * size.width, (y - b) * size.height) for (a, b), (x, y) in pairs
        ], size.unit

    def _point(self, points: Sequence[Point]) -> dict[str, Any]:
        values = self.values
        (x, y), (rows, columns) = points[0], values.shape[:2]
        column, row = math.floor(x), math.floor(y)
        if not (0 <= row < rows and 0 <= column < columns):
            raise OptionError(
                "the point lies outside the image", hint=f"it has {columns} x {rows} pixels"
            )
        found = values[row, column]
        value = [_number(each) for each in found] if found.ndim else _number(found)
        return {"value": value, "unit": self._unit}

    def _line(self, points: Sequence[Point]) -> dict[str, Any]:
        steps, unit = self._steps(points)
        return {"length": math.hypot(*steps[0]), "unit": unit}

    def _angle(self, points: Sequence[Point]) -> dict[str, Any]:
        ((a, b), (c, d)), _ = self._steps(points)
        if not (math.hypot(a, b) and math.hypot(c, d)):
            raise OptionError("a side of the angle has no length")
        turn = math.degrees(math.atan2(-a * d + b * c, -a * c - b * d))
        return {"angle": abs(turn)}

    def _rectangle(self, points: Sequence[Point]) -> dict[str, Any]:
        values = self.values
        (left, right), (top, bottom) = (sorted(ends) for ends in zip(*points, strict=True))
        chosen = values[
            _inside(top, bottom, values.shape[0]), _inside(left, right, values.shape[1])
        ]
        pixels = int(np.prod(chosen.shape[:2]))
        if not pixels:
            raise OptionError("the rectangle holds no pixel")
        size = pixel_size_at(self.instance.header, self.frame, points)
        channels = chosen.reshape(pixels, -1).astype(np.float64).T
        told = [_statistics(channel) for channel in channels]
        merged = {name: [each[name] for each in told] for name in told[0]}
        area = pixels * size.width * size.height
        return {
            **{name: all_[0] if len(all_) == 1 else all_ for name, all_ in merged.items()},
            "pixels": pixels,
            "unit": self._unit,
            "area": area,
            "areaUnit": size.unit.replace("mm", "mm2", 1),
        }


def _inside(low: float, high: float, length: int) -> slice:
    """Return the pixels of one axis whose centers lie between two edges."""
    first, end = math.ceil(low - 0.5), math.floor(high - 0.5) + 1
    return slice(min(max(first, 0), length), min(max(end, 0), length))


def _statistics(values: NDArray[np.float64]) -> dict[str, float | None]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return dict.fromkeys(("mean", "deviation", "minimum", "maximum"))
    return {
        "mean": float(finite.mean()),
        "deviation": float(finite.std()),
        "minimum": float(finite.min()),
        "maximum": float(finite.max()),
    }


def _number(value: Any) -> float | None:
    """Return a number for JSON: the shortest that gives the same float32."""
    number = float(str(value)) if isinstance(value, np.float32) else float(value)
    return number if math.isfinite(number) else None
