"""Sets a line of text: how far each pixel is from the nearest stroke, and how wide the line is.

From the distance both the letters and the dark halo around them are made, without jags at any
size. Heights are moved to whole pixels, widths as well, so that small letters stay sharp.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rendicom.rendering.lettering.outline import CAPITAL, SMALL, clusters, outline

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Line", "Type", "fitted", "set_line", "width_of"]

_ASCENT, _DESCENT = 19.5, 5.0
"""What accents on capitals and descenders need, in units of the letters."""
_FAR = 1e6
_CHUNK = 1 << 18
"""Distances worked out at a time."""
_ELLIPSIS = "…"


class Type(NamedTuple):
    """Letters of one size; ``capital`` is the height of a capital in pixels."""

    capital: int

    @property
    def unit(self) -> float:
        """Return pixels per unit of the letters."""
        return self.capital / CAPITAL

    @property
    def thickness(self) -> float:
        """Return the thickness of a stroke in pixels."""
        return max(1.15, 0.12 * self.capital)

    @property
    def halo(self) -> float:
        """Return how far the halo reaches beyond a stroke, in pixels."""
        return max(1.3, 0.13 * self.capital)

    @property
    def ascent(self) -> int:
        """Return pixels above the baseline that a line may need, its halo included."""
        return math.ceil(_ASCENT * self.unit + self._around)

    @property
    def descent(self) -> int:
        """Return pixels below the baseline that a line may need, its halo included."""
        return math.ceil(_DESCENT * self.unit + self._around)

    @property
    def leading(self) -> int:
        """Return pixels from one baseline to the next."""
        return max(self.capital + 3, round(self.capital * 1.75))

    @property
    def _around(self) -> float:
        return self.thickness / 2 + self.halo + 1

    @property
    def margin(self) -> int:
        """Return pixels that a line keeps free at its left and its right end, for the halo."""
        return math.ceil(self._around)

    def height_of(self, y: float) -> float:
        """Return pixels above the baseline; small letters and capitals are whole pixels high."""
        small = max(3, round(self.capital * SMALL / CAPITAL))
        if y <= 0:
            return y * self.unit
        if y <= SMALL:
            return y * small / SMALL
        if y <= CAPITAL:
            return small + (y - SMALL) * (self.capital - small) / (CAPITAL - SMALL)
        return self.capital + (y - CAPITAL) * self.unit


class Line(NamedTuple):
    """A line of text as distances from its strokes, in pixels.

    The first letter starts at column ``margin`` and the baseline is row ``ascent`` of the type.
    """

    distances: NDArray[np.float32]
    width: int

    def coverage(self, radius: float) -> NDArray[np.float32]:
        """Return how much of each pixel lies within ``radius`` of a stroke, 0 to 1."""
        inside: NDArray[np.float32] = np.float32(radius + 0.5) - self.distances
        return np.clip(inside, 0, 1, out=inside)


class _Glyph(NamedTuple):
    distances: NDArray[np.float32] | None
    left: int
    top: int
    width: int
    advance: int


def width_of(text: str, letters: Type) -> int:
    """Return the width of a line in pixels, without the halo."""
    glyphs = [_glyph(cluster, letters) for cluster in clusters(text)]
    return sum(glyph.advance for glyph in glyphs[:-1]) + sum(glyph.width for glyph in glyphs[-1:])


def fitted(text: str, letters: Type, width: int) -> str:
    """Return the text, cut and with an ellipsis where it is wider than ``width``; or nothing."""
    if width_of(text, letters) <= width:
        return text
    parts = list(clusters(text))
    while parts:
        parts.pop()
        shortened = "".join(parts).rstrip() + _ELLIPSIS
        if parts and width_of(shortened, letters) <= width:
            return shortened
    return ""


def set_line(text: str, letters: Type) -> Line:
    """Return a line of text."""
    width, ascent, margin = width_of(text, letters), letters.ascent, letters.margin
    shape = (ascent + letters.descent, width + 2 * margin + 1)
    distances = np.full(shape, _FAR, np.float32)
    for glyph, x in _placed(text, letters):
        if glyph.distances is None:
            continue
        top, left = ascent + glyph.top, margin + x + glyph.left
        source = glyph.distances[max(0, -top) :, max(0, -left) :]
        target = distances[max(0, top) :, max(0, left) :][: source.shape[0], : source.shape[1]]
        np.minimum(target, source[: target.shape[0], : target.shape[1]], out=target)
    return Line(distances, width)


def _placed(text: str, letters: Type) -> Iterator[tuple[_Glyph, int]]:
    x = 0
    for cluster in clusters(text):
        glyph = _glyph(cluster, letters)
        yield glyph, x
        x += glyph.advance


@lru_cache(maxsize=2048)
def _glyph(cluster: str, letters: Type) -> _Glyph:
    shape = outline(cluster)
    space = max(2, round((shape.advance - shape.width) * letters.unit))
    if not shape.strokes:
        return _Glyph(None, 0, 0, 0, space if shape.advance else 0)
    width = round(shape.width * letters.unit)
    across = width / shape.width if shape.width and width else letters.unit
    # Strokes an odd number of pixels thick are sharp on the middle of pixels, others between.
    shift = 0.5 if round(letters.thickness) % 2 else 0.0
    segments = [
        (*points[index], *points[min(index + 1, len(points) - 1)])
        for points in (
            [(x * across + shift, shift - letters.height_of(y)) for x, y in stroke]
            for stroke in shape.strokes
        )
        for index in range(max(1, len(points) - 1))
    ]
    ends = np.array(segments, np.float32)
    around = letters.margin
    left, top = (math.floor(ends[:, side::2].min()) - around for side in (0, 1))
    right, bottom = (math.ceil(ends[:, side::2].max()) + around for side in (0, 1))
    ends[:, 2:] -= ends[:, :2]
    distances = _distances(ends, left, top, right - left, bottom - top)
    return _Glyph(distances, left, top, width, width + space)


def _distances(
    lines: NDArray[np.float32], left: int, top: int, columns: int, rows: int
) -> NDArray[np.float32]:
    """Return the distance of each pixel's middle from the nearest of the lines.

    A line is where it starts, x and y, and how far it leads.
    """
    x = np.arange(left, left + columns, dtype=np.float32) + np.float32(0.5)
    y = (np.arange(top, top + rows, dtype=np.float32) + np.float32(0.5))[:, np.newaxis]
    nearest = np.full((rows, columns), _FAR, np.float32)
    at_a_time = max(1, _CHUNK // nearest.size)
    for start in range(0, len(lines), at_a_time):
        part = lines[start : start + at_a_time, :, np.newaxis, np.newaxis]
        x0, y0, across, along = part[:, 0], part[:, 1], part[:, 2], part[:, 3]
        from_x, from_y = x - x0, y - y0
        square = np.maximum(across * across + along * along, np.float32(1e-9))
        share = np.clip((from_x * across + from_y * along) / square, 0, 1)
        distances = np.hypot(from_x - share * across, from_y - share * along)
        np.minimum(nearest, distances.min(axis=0), out=nearest)
    return nearest
