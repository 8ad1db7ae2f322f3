"""Lines of text are written into the corners of a picture, light on a dark halo."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from rendicom.rendering.ink import lay_over
from rendicom.rendering.lettering.typesetting import Type, fitted, set_line, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rendicom.rendering.annotation import Corners

__all__ = ["write_corners"]

_LIGHT, _DARK, _OPACITY = 0.95, 0.0, 0.85
_SIDES_A_CAPITAL = 56
"""The shorter side of the picture is so many times the height of a capital."""
_SMALLEST, _LEGIBLE = 5, 7
_TINY = 96
"""Pictures whose shorter side is less get the smallest letters."""


class _Row(NamedTuple):
    """One row of text: what stands at its left and its right end, and where its baseline is."""

    left: str
    right: str
    baseline: int


def write_corners(picture: NDArray[Any], corners: Corners) -> NDArray[Any]:
    """Return a copy of the picture with text in its corners, same shape and dtype.

    Where lines do not fit beside each other, those of the right corner stand below those of the
    left one if there is room, and else they end in an ellipsis. Lines that do not fit below each
    other are left out, the last ones of the top first.
    """
    result = picture.copy()
    rows, columns = picture.shape[:2]
    letters = _letters(rows, columns)
    room = columns - 2 * _margin(letters)
    for row in _rows(corners, letters, rows, room):
        left, right = _shared(row, letters, room)
        if left:
            _write(result, left, letters, _margin(letters), row.baseline)
        if right:
            end = columns - _margin(letters)
            _write(result, right, letters, end - width_of(right, letters), row.baseline)
    return result


def _letters(rows: int, columns: int) -> Type:
    shorter = min(rows, columns)
    least = _SMALLEST if shorter < _TINY else _LEGIBLE
    return Type(max(least, round(shorter / _SIDES_A_CAPITAL)))


def _margin(letters: Type) -> int:
    return max(3, round(letters.capital * 0.7))


def _rows(corners: Corners, letters: Type, height: int, room: int) -> Iterator[_Row]:
    """Yield the rows at the bottom, and those at the top as far as there is room above them."""
    margin = _margin(letters)
    first, last = margin + letters.capital, height - margin - round(letters.capital * 0.25)
    ends = _pairs(corners.bottom_left[::-1], corners.bottom_right[::-1])
    baselines = [last - index * letters.leading for index in range(len(ends))]
    below = [(*pair, at) for pair, at in zip(ends, baselines, strict=True) if at >= first]
    yield from itertools.starmap(_Row, below)
    lowest = min((at for _, _, at in below), default=last + letters.leading) - letters.leading
    space = max(0, (lowest - first) // letters.leading + 1)
    pairs = _pairs(corners.top_left, corners.top_right)
    if not all(_fits(pair, letters, room) for pair in pairs):
        stacked = _pairs(corners.top_left, ("",) * len(corners.top_left) + corners.top_right)
        pairs = stacked if len(stacked) <= space else pairs
    for index, pair in enumerate(pairs[:space]):
        yield _Row(*pair, first + index * letters.leading)


def _pairs(left: tuple[str, ...], right: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(itertools.zip_longest(left, right, fillvalue=""))


def _fits(pair: tuple[str, str], letters: Type, room: int) -> bool:
    gap = 2 * letters.capital if all(pair) else 0
    return sum(width_of(text, letters) for text in pair) + gap <= room


def _shared(row: _Row, letters: Type, room: int) -> tuple[str, str]:
    """Return both texts of a row, shortened so that there is a gap between them."""
    if not row.left or not row.right:
        return fitted(row.left, letters, room), fitted(row.right, letters, room)
    if _fits((row.left, row.right), letters, room):
        return row.left, row.right
    room = max(0, room - 2 * letters.capital)
    left, right = width_of(row.left, letters), width_of(row.right, letters)
    # The shorter one may stay whole; both take half where both are long.
    left_room = max(room // 2, room - right)
    right_room = max(room - room // 2, room - left)
    return fitted(row.left, letters, left_room), fitted(row.right, letters, right_room)


def _write(picture: NDArray[Any], text: str, letters: Type, x: int, baseline: int) -> None:
    line = set_line(text, letters)
    top, left = baseline - letters.ascent, x - letters.margin
    stroke = letters.thickness / 2
    halo = line.coverage(stroke + letters.halo) * _OPACITY
    for coverage, level in ((halo, _DARK), (line.coverage(stroke), _LIGHT)):
        lay_over(picture, coverage, (level,), top=top, left=left)
