"""Pixels inside polygons: a pixel belongs to one when its center is inside, or on its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEAR = 1e-6
_STEP = 0.25
_FAR = 16
"""Pixels beside an image from where a dot does not reach into it."""
_MOST_POINTS = 1 << 13
_MOST_CROSSINGS = 1 << 23


def polygon_mask(points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels inside a closed polygon by the even-odd rule.

    ``points`` are column and row, (n, 2); the center of the first pixel is 0, 0.
    """
    mask = np.zeros(shape, np.bool_)
    if len(points) < 3:
        return mask
    starts, ends = points, np.roll(points, -1, axis=0)
    rows, columns = _crossings(starts, ends, shape[0])
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    first = np.clip(np.ceil(columns[0::2] - _NEAR), 0, shape[1]).astype(np.intp)
    behind = np.clip(np.floor(columns[1::2] + _NEAR) + 1, 0, shape[1]).astype(np.intp)
    spans = np.zeros((shape[0], shape[1] + 1), np.int32)
    is_some = behind > first
    np.add.at(spans, (rows[0::2][is_some], first[is_some]), 1)
    np.add.at(spans, (rows[0::2][is_some], behind[is_some]), -1)
    mask |= np.cumsum(spans[:, :-1], axis=1) > 0
    _mark_level_edges(mask, starts, ends)
    return mask


def _crossings(
    starts: NDArray[np.float64], ends: NDArray[np.float64], height: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return row and column of each place where an edge meets the middle of a row of pixels."""
    low, high = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    first = np.clip(np.ceil(low), 0, height).astype(np.intp)
    behind = np.clip(np.ceil(high), 0, height).astype(np.intp)
    counts = behind - first
    if counts.sum() > _MOST_CROSSINGS:
        return np.empty(0, np.intp), np.empty(0)
    edge = np.repeat(np.arange(len(starts)), counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    along = (row - starts[edge, 1]) / (ends[edge, 1] - starts[edge, 1])
    return row, starts[edge, 0] + along * (ends[edge, 0] - starts[edge, 0])


def _mark_level_edges(
    mask: NDArray[np.bool_], starts: NDArray[np.float64], ends: NDArray[np.float64]
) -> None:
    """Add the pixels on level edges and on lowest points, which the rows of spans leave out."""
    rows = np.round(starts[:, 1])
    is_level = (np.abs(starts[:, 1] - rows) < _NEAR) & (np.abs(ends[:, 1] - rows) < _NEAR)
    is_level &= (rows >= 0) & (rows < mask.shape[0])
    for index in np.flatnonzero(is_level).tolist():
        low, high = sorted((starts[index, 0], ends[index, 0]))
        first, behind = max(0, int(np.ceil(low - _NEAR))), int(np.floor(high + _NEAR)) + 1
        mask[int(rows[index]), first : max(first, behind)] = True
    columns = np.round(starts[:, 0])
    is_pixel = (np.abs(starts - np.column_stack([columns, rows])) < _NEAR).all(axis=1)
    is_pixel &= (rows >= 0) & (rows < mask.shape[0])
    is_pixel &= (columns >= 0) & (columns < mask.shape[1])
    mask[rows[is_pixel].astype(np.intp), columns[is_pixel].astype(np.intp)] = True


def distinct(points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return points without those that lie in the same quarter of a pixel, or far outside."""
    rows, columns = shape
    near = (points > -_FAR).all(axis=1) & (points < (columns + _FAR, rows + _FAR)).all(axis=1)
    points = points[near]
    _, first = np.unique(np.floor(points / _STEP), axis=0, return_index=True)
    return points[np.sort(first)]


def thinned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a path without the points that lie in the same quarter of a pixel as the last.

    Of more points than any outline in a picture needs, as many are taken evenly.
    """
    if len(points) < 3:
        return points
    cells = np.floor(points / _STEP)
    is_new = np.ones(len(points), np.bool_)
    is_new[1:-1] = (cells[1:-1] != cells[:-2]).any(axis=1)
    kept = points[is_new]
    if len(kept) <= _MOST_POINTS:
        return kept
    return kept[np.linspace(0, len(kept) - 1, _MOST_POINTS).astype(np.intp)]
