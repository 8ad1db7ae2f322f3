"""Rasterizes lines and filled outlines with antialiasing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.presentation import Point

_LONGEST = 48.0
"""Largest length of a piece of a line: few pixels are near a short one."""
_SHORT, _MANY, _AT_ONCE, _THICKEST = 8.0, 8, 512, 8.0
"""Pixels of a short piece; how many are worth being drawn together, and are at most; radius."""
_SUBROWS = 4


class Coverage(NamedTuple):
    """Coverage of pixels, 0 to 1, from row ``top`` and column ``left`` on."""

    values: NDArray[np.float32]
    top: int
    left: int


def stroked(
    path: Sequence[Point], thickness: float, shape: tuple[int, ...], *, dash: float = 0.0
) -> Coverage | None:
    """Return a line through points, with round ends; None if it is outside the picture.

    A single point is a dot. ``shape`` is that of the picture; ``dash`` is the length of dashes
    and gaps, 0 for a solid line. All in pixels.
    """
    radius = max(0.5, thickness / 2)
    reach = radius + 1
    pieces = list(_pieces(path, shape, reach, dash))
    if not pieces:
        return None
    ends = np.array(pieces, np.float64)
    left = max(0, math.floor(min(ends[:, 0].min(), ends[:, 2].min()) - reach))
    top = max(0, math.floor(min(ends[:, 1].min(), ends[:, 3].min()) - reach))
    right = min(shape[1], math.ceil(max(ends[:, 0].max(), ends[:, 2].max()) + reach))
    bottom = min(shape[0], math.ceil(max(ends[:, 1].max(), ends[:, 3].max()) + reach))
    if left >= right or top >= bottom:
        return None
    values = np.zeros((bottom - top, right - left), np.float32)
    ends -= (left, top, left, top)
    extents = np.abs(ends[:, :2] - ends[:, 2:]).max(axis=1)
    is_short = (
        extents <= _SHORT
        if len(ends) >= _MANY and radius <= _THICKEST
        else np.zeros(len(ends), np.bool_)
    )
    for start in range(0, len(ends), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        _cover_all(values, ends[part][is_short[part]], radius)
    for x0, y0, x1, y1 in ends[~is_short]:
        _cover(values, x0, y0, x1, y1, radius)
    return Coverage(values, top, left)


def _pieces(
    path: Sequence[Point], shape: tuple[int, ...], reach: float, dash: float
) -> Iterator[tuple[float, float, float, float]]:
    """Yield short pieces of a path that are near the picture."""
    done = 0.0
    for start, end in zip(path, path[1:] or path, strict=False):
        part = _clipped(start, end, shape, reach)
        if part is None:
            continue
        (x0, y0), (x1, y1) = part
        length = math.hypot(x1 - x0, y1 - y0)
        for low, high in _marks(length, done, dash):
            yield (
                x0 + (x1 - x0) * low, y0 + (y1 - y0) * low,
                x0 + (x1 - x0) * high, y0 + (y1 - y0) * high,
            )  # fmt: skip
        done += length


def _marks(length: float, done: float, dash: float) -> Iterator[tuple[float, float]]:
    """Yield the drawn fractions of a line; ``done`` is the length of the path before it."""
    if dash and length:
        first = math.floor(done / (2 * dash))
        last = math.floor((done + length) / (2 * dash))
        for index in range(first, last + 1):
            low, high = 2 * dash * index - done, 2 * dash * index + dash - done
            if high > 0 and low < length:
                yield max(0.0, low) / length, min(length, high) / length
        return
    count = max(1, math.ceil(length / _LONGEST))
    for step in range(count):
        yield step / count, (step + 1) / count


def _clipped(
    start: Point, end: Point, shape: tuple[int, ...], reach: float
) -> tuple[Point, Point] | None:
    """Return the part of a line inside the picture and a margin of ``reach`` pixels."""
    low, high = 0.0, 1.0
    for axis, size in ((0, shape[1]), (1, shape[0])):
        place, step = start[axis], end[axis] - start[axis]
        if step == 0:
            if not -reach <= place <= size + reach:
                return None
            continue
        times = sorted(((-reach - place) / step, (size + reach - place) / step))
        low, high = max(low, times[0]), min(high, times[1])
    if low > high:
        return None
    across, along = end[0] - start[0], end[1] - start[1]
    return (
        (start[0] + across * low, start[1] + along * low),
        (start[0] + across * high, start[1] + along * high),
    )


def _cover_all(values: NDArray[np.float32], ends: NDArray[np.float64], radius: float) -> None:
    """Cover the pixels within ``radius`` of many short lines, like `_cover`."""
    if not len(ends):
        return
    low = np.minimum(ends[:, :2], ends[:, 2:]) - (radius + 1)
    first = np.maximum(0, low.astype(np.intp))
    side = np.arange(math.ceil(2 * (radius + 1) + _SHORT) + 1)
    columns, rows = first[:, :1] + side, first[:, 1:] + side
    half = (0.5 - ends[:, :2]).astype(np.float32)
    x = (columns.astype(np.float32) + half[:, :1])[:, np.newaxis, :]
    y = (rows.astype(np.float32) + half[:, 1:])[:, :, np.newaxis]
    across, along = (ends[:, 2:] - ends[:, :2]).astype(np.float32).T[..., np.newaxis, np.newaxis]
    square = np.maximum((across * across + along * along).astype(np.float64), 1e-9)
    share = np.clip((x * across + y * along) / square.astype(np.float32), 0, 1)
    near = np.float32(radius + 0.5) - np.hypot(x - share * across, y - share * along)
    height, width = values.shape
    is_seen = (near > 0) & (rows < height)[:, :, np.newaxis] & (columns < width)[:, np.newaxis, :]
    places = rows[:, :, np.newaxis] * width + columns[:, np.newaxis, :]
    np.maximum.at(values.reshape(-1), places[is_seen], np.minimum(near[is_seen], 1))


def _cover(
    values: NDArray[np.float32], x0: float, y0: float, x1: float, y1: float, radius: float
) -> None:
    """Cover the pixels within ``radius`` of one line."""
    rows, columns = values.shape
    reach = radius + 1
    top, bottom = max(0, int(min(y0, y1) - reach)), min(rows, math.ceil(max(y0, y1) + reach))
    left, right = max(0, int(min(x0, x1) - reach)), min(columns, math.ceil(max(x0, x1) + reach))
    if top >= bottom or left >= right:
        return
    x = np.arange(left, right, dtype=np.float32) + np.float32(0.5 - x0)
    y = (np.arange(top, bottom, dtype=np.float32) + np.float32(0.5 - y0))[:, np.newaxis]
    across, along = np.float32(x1 - x0), np.float32(y1 - y0)
    square = max(float(across * across + along * along), 1e-9)
    share = np.clip((x * across + y * along) / np.float32(square), 0, 1)
    near = np.float32(radius + 0.5) - np.hypot(x - share * across, y - share * along)
    part = values[top:bottom, left:right]
    np.maximum(part, np.minimum(near, 1), out=part)


def filled(outline: Sequence[Point], shape: tuple[int, ...]) -> Coverage | None:
    """Return the inside of a closed outline by the even-odd rule; None if it is outside."""
    points = np.array(outline, np.float64)
    top = max(0, math.floor(points[:, 1].min()))
    bottom = min(shape[0], math.ceil(points[:, 1].max()))
    left = max(0, math.floor(points[:, 0].min()))
    right = min(shape[1], math.ceil(points[:, 0].max()))
    if len(points) < 3 or top >= bottom or left >= right:
        return None
    values = np.zeros((bottom - top, right - left), np.float32)
    starts, ends = np.roll(points, 1, axis=0), points
    for index in range((bottom - top) * _SUBROWS):
        y = top + (index + 0.5) / _SUBROWS
        crosses = (starts[:, 1] <= y) != (ends[:, 1] <= y)
        (x0, y0), (x1, y1) = starts[crosses].T, ends[crosses].T
        places = np.clip(np.sort(x0 + (y - y0) / (y1 - y0) * (x1 - x0)) - left, 0, right - left)
        row = values[index // _SUBROWS]
        for low, high in zip(places[::2].tolist(), places[1::2].tolist(), strict=True):
            _add_span(row, low, high)
    return Coverage(np.minimum(values, 1, out=values), top, left)


def _add_span(row: NDArray[np.float32], low: float, high: float) -> None:
    """Add the coverage of a span of a subrow, from ``low`` to ``high``."""
    first, last = int(low), int(high)
    if first == last:
        if first < len(row):
            row[first] += (high - low) / _SUBROWS
        return
    row[first] += (first + 1 - low) / _SUBROWS
    row[first + 1 : last] += 1 / _SUBROWS
    if last < len(row):
        row[last] += (high - last) / _SUBROWS
