"""Writes lines of text into the corners of a picture, light with a dark halo."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom.rendering.blending import blend
from rendicom.rendering.typesetting import TextSize, set_line, shortened, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rendicom.values import Corners

_LIGHT, _DARK, _OPACITY = 0.95, 0.0, 0.85
_SIDES_A_CAPITAL = 56
"""Shorter side of the picture, as a multiple of the height of capitals."""
_SMALLEST, _LEGIBLE = 5, 7
_TINY = 96
"""Pictures with a shorter side below this get the smallest size."""


class _Row(NamedTuple):
    """One row of text: left and right text, and the row of the baseline."""

    left: str
    right: str
    baseline: int


def write_corners(picture: NDArray[Any], corners: Corners) -> NDArray[Any]:
    """Return a copy of the picture with text in its corners, same shape and dtype.

    If lines do not fit side by side, those of the right corner are placed below those of the left
    corner, or are shortened with an ellipsis if they do not fit. Lines that do not fit vertically
    are left out, the last ones of the top first.
    """
    result = picture.copy()
    rows, columns = picture.shape[:2]
    size = _size_for(rows, columns)
    room = columns - 2 * _margin(size)
    for row in _rows(corners, size, rows, room):
        left, right = _shared(row, size, room)
        if left:
            _write(result, left, size, _margin(size), row.baseline)
        if right:
            end = columns - _margin(size)
            _write(result, right, size, end - width_of(right, size), row.baseline)
    return result


def _size_for(rows: int, columns: int) -> TextSize:
    shorter = min(rows, columns)
    least = _SMALLEST if shorter < _TINY else _LEGIBLE
    return TextSize(max(least, round(shorter / _SIDES_A_CAPITAL)))


def _margin(size: TextSize) -> int:
    return max(3, round(size.capital * 0.7))


def _rows(corners: Corners, size: TextSize, height: int, room: int) -> Iterator[_Row]:
    """Yield the rows at the bottom, and those at the top that fit above them."""
    margin = _margin(size)
    first, last = margin + size.capital, height - margin - round(size.capital * 0.25)
    ends = _pairs(corners.bottom_left[::-1], corners.bottom_right[::-1])
    baselines = [last - index * size.leading for index in range(len(ends))]
    below = [(*pair, at) for pair, at in zip(ends, baselines, strict=True) if at >= first]
    yield from itertools.starmap(_Row, below)
    lowest = min((at for _, _, at in below), default=last + size.leading) - size.leading
    space = max(0, (lowest - first) // size.leading + 1)
    pairs = _pairs(corners.top_left, corners.top_right)
    if not all(_fits(pair, size, room) for pair in pairs):
        stacked = _pairs(corners.top_left, ("",) * len(corners.top_left) + corners.top_right)
        pairs = stacked if len(stacked) <= space else pairs
    for index, pair in enumerate(pairs[:space]):
        yield _Row(*pair, first + index * size.leading)


def _pairs(left: tuple[str, ...], right: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(itertools.zip_longest(left, right, fillvalue=""))


def _fits(pair: tuple[str, str], size: TextSize, room: int) -> bool:
    gap = 2 * size.capital if all(pair) else 0
    return sum(width_of(text, size) for text in pair) + gap <= room


def _shared(row: _Row, size: TextSize, room: int) -> tuple[str, str]:
    """Return both texts of a row, shortened so that there is a gap between them."""
    if not row.left or not row.right:
        return shortened(row.left, size, room), shortened(row.right, size, room)
    if _fits((row.left, row.right), size, room):
        return row.left, row.right
    room = max(0, room - 2 * size.capital)
    left, right = width_of(row.left, size), width_of(row.right, size)
    # A short text is kept whole; two long texts get half the width each.
    left_room = max(room // 2, room - right)
    right_room = max(room - room // 2, room - left)
    return shortened(row.left, size, left_room), shortened(row.right, size, right_room)


def _write(picture: NDArray[Any], text: str, size: TextSize, x: int, baseline: int) -> None:
    line = set_line(text, size)
    top, left = baseline - size.ascent, x - size.margin
    for coverage, level in ((line.halo * np.float32(_OPACITY), _DARK), (line.letters, _LIGHT)):
        blend(picture, coverage, (level,), top=top, left=left)
