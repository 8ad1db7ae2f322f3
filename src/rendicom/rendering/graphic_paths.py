"""Converts graphic objects of a presentation state to polylines (PS3.3 C.10.5.1.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rendicom.presentation import GraphicObject, Point

_ROUND = 120
"""Points of a full circle."""
_CURVE = 12
"""Points between two given points of an interpolated line."""


def path_of(figure: GraphicObject) -> tuple[Point, ...]:
    """Return the polyline of a graphic object in its own units; one point for POINT."""
    points = figure.points
    if figure.kind == "POINT":
        return points[:1]
    if figure.kind == "POLYLINE":
        return points
    if figure.kind == "INTERPOLATED":
        return _interpolated(points)
    if figure.kind == "CIRCLE":
        (x, y), (rim_x, rim_y) = points[:2]
        radius = math.hypot(rim_x - x, rim_y - y)
        return _ellipse((x, y), (radius, 0.0), (0.0, radius))
    major, minor = points[:2], points[2:4]
    center = ((major[0][0] + major[1][0]) / 2, (major[0][1] + major[1][1]) / 2)
    return _ellipse(center, _half(*major), _half(*minor))


def _half(start: Point, end: Point) -> Point:
    return (end[0] - start[0]) / 2, (end[1] - start[1]) / 2


def _ellipse(center: Point, major: Point, minor: Point) -> tuple[Point, ...]:
    angles = [2 * math.pi * step / _ROUND for step in range(_ROUND + 1)]
    return tuple(
        (
            center[0] + major[0] * math.cos(angle) + minor[0] * math.sin(angle),
            center[1] + major[1] * math.cos(angle) + minor[1] * math.sin(angle),
        )
        for angle in angles
    )


def _interpolated(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return a smooth line through all points (Catmull-Rom), closed if its ends coincide."""
    if len(points) < 3:
        return tuple(points)
    is_closed = points[0] == points[-1]
    before = points[-2] if is_closed else points[0]
    behind = points[1] if is_closed else points[-1]
    around = [before, *points, behind]
    path = [points[0]]
    for index in range(1, len(points)):
        a, b, c, d = around[index - 1 : index + 3]
        path += [_between(a, b, c, d, step / _CURVE) for step in range(1, _CURVE + 1)]
    return tuple(path)


def _between(a: Point, b: Point, c: Point, d: Point, t: float) -> Point:
    """Return the point at ``t``, 0 to 1, of the curve from ``b`` to ``c``."""
    x, y = (
        b[axis]
        + t / 2 * (c[axis] - a[axis])
        + t * t / 2 * (2 * a[axis] - 5 * b[axis] + 4 * c[axis] - d[axis])
        + t**3 / 2 * (3 * b[axis] - a[axis] - 3 * c[axis] + d[axis])
        for axis in (0, 1)
    )
    return x, y
