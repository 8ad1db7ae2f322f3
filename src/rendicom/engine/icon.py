"""Draws an icon for an object without a picture, or whose picture must not be shown."""

from __future__ import annotations

import numpy as np

from rendicom.encode import encode, format_of_media_type
from rendicom.encode.fit import fit
from rendicom.encode.formats import EncodeSettings
from rendicom.engine.rendered_image import RenderedImage
from rendicom.errors import OptionError
from rendicom.rendering.blending import blend
from rendicom.rendering.strokes import stroked
from rendicom.rendering.typesetting import TextSize, set_line, shortened, width_of
from rendicom.values import DisplayImage

_GROUND, _FRAME, _LETTERS = 32, 0.42, 0.86
_LARGEST = 4096
_SIDES_A_CAPITAL, _LEAST_CAPITAL = 7, 5


def render_icon(
    label: str, size: tuple[int, int] = (128, 128), media_type: str = "image/png"
) -> RenderedImage:
    """Return a sheet of paper with a short label: ``SR``, ``PDF``.

    Parameters
    ----------
    label
        One line; shrunk or cut to fit.
    size
        Width and height in pixels.
    media_type
        As for `rendicom.render`.

    Raises
    ------
    OptionError
        A side is not from 1 to 4096 pixels, or no format has that media type.
    """
    width, height = size
    if not (1 <= width <= _LARGEST and 1 <= height <= _LARGEST):
        raise OptionError(f"an icon of {width} x {height} pixels cannot be made")
    file_format = format_of_media_type(media_type)
    picture = np.full((height, width), _GROUND, np.uint8)
    _draw_sheet(picture)
    _write(picture, label)
    image, notes = fit(DisplayImage(picture), file_format)
    return RenderedImage(
        data=encode(image, file_format, EncodeSettings(quality=90, compression=None)),
        media_type=file_format.media_type,
        width=width,
        height=height,
        warnings=notes,
    )


def _draw_sheet(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    rows, columns = picture.shape
    side = min(rows, columns)
    middle_x, middle_y, across, along = columns / 2, rows / 2, side * 0.33, side * 0.42
    left, right = middle_x - across, middle_x + across
    top, bottom, fold = middle_y - along, middle_y + along, side * 0.18
    corner = (right - fold, top), (right, top + fold)
    outline = ((left, top), *corner, (right, bottom), (left, bottom), (left, top))
    for path in (outline, (corner[0], (right - fold, top + fold), corner[1])):
        line = stroked(path, max(1.0, side / 48), picture.shape)
        if line is not None:
            blend(picture, line.values, (_FRAME,), top=line.top, left=line.left)


def _write(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], label: str) -> None:
    rows, columns = picture.shape
    side = min(rows, columns)
    room = max(1, round(side * 0.58))
    letters = TextSize(max(_LEAST_CAPITAL, side // _SIDES_A_CAPITAL))
    wide = width_of(label, letters)
    if wide > room:
        letters = TextSize(max(_LEAST_CAPITAL, letters.capital * room // wide))
    text = shortened(label, letters, room)
    if not text:
        return
    line = set_line(text, letters)
    top = (rows + letters.capital) // 2 - letters.ascent + round(side * 0.06)
    left = (columns - line.width) // 2 - letters.margin
    blend(picture, line.letters, (_LETTERS,), top=top, left=left)
