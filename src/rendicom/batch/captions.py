"""Captions of a contact sheet: name, series and frame of a picture, without patient data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rendicom.batch.file_names import FRAME_MARK
from rendicom.batch.safenames import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEIGHT = 30
"""Height of a caption in rows."""
_CAPITAL = 8
_GRAY = 0.75


def caption(place: str, series_number: str, frame: int | None) -> tuple[str, ...]:
    """Return the lines of a caption.

    Parameters
    ----------
    place
        `rendicom.batch.units.Unit.place`: the name of the picture's file is its last part.
    series_number
        As in the header, or empty.
    frame
        Number of one frame of several, else None.

    >>> caption("a/IM1", "3", 12), caption("a/IM1", "", None)
    (('IM1', 'series 3, frame 12'), ('IM1',))
    """
    number = "" if frame is None else str(frame)
    name = shown(_without_marks(place.rpartition("/")[2], number))
    series = f"series {series_number}" if series_number else ""
    numbers = ", ".join(filter(None, (series, f"frame {number}" if number else "")))
    return tuple(filter(None, (name, numbers)))


def _without_marks(name: str, number: str) -> str:
    marks = name.count(FRAME_MARK)
    return name.replace(FRAME_MARK * marks, number) if marks else name


def write_caption(
    sheet: NDArray[Any], lines: tuple[str, ...], *, top: int, left: int, width: int
) -> None:
    """Write the lines on a sheet, uint8, in place, each cut to ``width`` pixels."""
    from rendicom.rendering.blending import blend
    from rendicom.rendering.typesetting import TextSize, set_line, shortened

    size = TextSize(_CAPITAL)
    for position, text in enumerate(lines):
        line = set_line(shortened(text, size, width - 2 * size.margin), size)
        row = top + size.margin + position * size.leading - size.ascent + size.capital
        blend(sheet, line.letters, (_GRAY,), top=row, left=left)
