"""Lays out a legend in a picture."""

from __future__ import annotations

from typing import Any, NamedTuple

from rendicom.rendering.layers import ColourBar, LegendRow
from rendicom.rendering.typesetting import TextSize, shortened, width_of

_SIDES, _LEAST_LETTER = 40, 7
_BAR, _LEAST_BAR, _LEAST_TEXT = 8, 2, 3
"""Widths in letters."""


class PlacedRow(NamedTuple):
    """A row: ``entry`` is a `LegendRow` or `ColourBar` at column ``letter``, its text beside it.

    ``top`` and ``left`` are the corner of the text, ``letter`` the height of the row; pixels.
    """

    entry: Any
    text: str
    top: int
    left: int
    width: int
    letter: int


class Legend(NamedTuple):
    """The rows that fit in a picture, and a warning if others do not."""

    rows: tuple[PlacedRow, ...]
    warning: str


def laid_out(entries: tuple[LegendRow | ColourBar, ...], rows: int, columns: int) -> Legend:
    """Return a legend for the lower left corner of a picture.

    A bar is left out unless its figures fit as well, since it would be misleading without them.
    """
    letter = max(_LEAST_LETTER, min(rows, columns) // _SIDES)
    fitting = [found for entry in entries if (found := _fitted(entry, columns, letter))]
    fitting = fitting[: max(0, rows // (2 * letter) - 1)]
    tops = range(rows - letter - 2 * letter * len(fitting), rows, 2 * letter)
    placed = tuple(row._replace(top=top) for row, top in zip(fitting, tops, strict=False))
    if len(placed) == len(entries):
        return Legend(placed, "")
    shown = f"shows {len(placed)} of {len(entries)} entries" if placed else "is left out"
    return Legend(placed, f"the legend {shown}: the picture is too small for more")


def _fitted(entry: LegendRow | ColourBar, columns: int, letter: int) -> PlacedRow | None:
    size = TextSize(letter)
    if isinstance(entry, LegendRow):
        left = 3 * letter
        room = columns - letter - left
        text = shortened(entry.text, size, room)
        is_told = text == entry.text or room >= _LEAST_TEXT * letter
        return PlacedRow(entry, text, 0, left, room, letter) if is_told else None
    text = f"{entry.low} - {entry.high}"
    width = width_of(text, size)
    bar = min(_BAR * letter, columns - 3 * letter - width)
    left = letter + bar + letter
    return PlacedRow(entry, text, 0, left, width, letter) if bar >= _LEAST_BAR * letter else None
