"""Blends colors into pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rendicom.values import Ink


def blend(
    picture: NDArray[Any],
    coverage: NDArray[np.float32],
    colour: Sequence[float],
    *,
    top: int,
    left: int,
) -> None:
    """Blend a color into the picture, in place, where ``coverage`` is inside it.

    Parameters
    ----------
    picture
        uint8 or uint16, (rows, columns) or (rows, columns, 3).
    coverage
        0 to 1, (rows, columns).
    colour
        One value for gray or three, from 0 to 1.
    top, left
        Position of the first pixel of ``coverage`` in the picture; may be outside.
    """
    rows, columns = picture.shape[:2]
    first_row, first_column = max(0, -top), max(0, -left)
    visible = coverage[first_row : max(0, rows - top), first_column : max(0, columns - left)]
    if not visible.size:
        return
    row, column = top + first_row, left + first_column
    under = picture[row : row + visible.shape[0], column : column + visible.shape[1]]
    greatest = float(np.iinfo(picture.dtype).max)
    ink = np.asarray(colour, np.float32) * np.float32(greatest)
    blend_shares(under, visible, ink)


def blend_shares(picture: NDArray[Any], shares: NDArray[np.float32], ink: NDArray[Any]) -> None:
    """Blend ink into the picture, in place: ``share * ink + (1 - share) * picture``.

    ``ink`` is float32 of the picture's range: a color, or one for each pixel. Only pixels with a
    share are computed.
    """
    box = extent_of(shares > 0)
    if box is None:
        return
    picture, shares = picture[box], shares[box]
    if ink.ndim > 1:
        ink = ink[box]
    touched = shares > 0
    where: Any = ...
    # Lines and letters cover few pixels: only those are computed.
    if np.count_nonzero(touched) * _FEW < touched.size:
        where = np.nonzero(touched)
    shares = shares[where]
    # One channel after the other: numpy is ten times slower with three values side by side.
    parts = picture[..., np.newaxis] if picture.ndim == 2 else picture
    for channel in range(parts.shape[2]):
        part = parts[..., channel]
        base = part[where].astype(np.float32)
        own = ink[..., channel] if ink.size > 1 else ink
        mixed = (own[where] if own.ndim > 1 else own) - base
        mixed *= shares
        mixed += base
        mixed += np.float32(0.5)
        part[where] = mixed.astype(picture.dtype)  # no value is negative


def extent_of(touched: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Return the bounding slices of the nonzero pixels; None if there are none."""
    rows = np.flatnonzero(touched.any(axis=1))
    if not len(rows):
        return None
    columns = np.flatnonzero(touched[rows[0] : rows[-1] + 1].any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


_FEW = 4
"""Fraction of covered pixels below which only these are computed."""


def as_colour(ink: Ink, *, prefers_gray: bool, default: float) -> tuple[float, ...]:
    """Return one gray value or three of sRGB, 0 to 1; a neutral color is returned as gray.

    ``prefers_gray``: use the recommended P-value if there is also a recommended color.
    """
    if ink.colour is not None and not (prefers_gray and ink.gray is not None):
        return (
            (ink.colour[0] / 255,)
            if len(set(ink.colour)) == 1
            else tuple(part / 255 for part in ink.colour)
        )
    return (ink.gray / 65535,) if ink.gray is not None else (default,)


def paintable(
    picture: NDArray[Any], colour: tuple[float, ...]
) -> tuple[NDArray[Any], tuple[float, ...]]:
    """Return a copy of the picture, RGB if the color needs it, and the color in its channels."""
    if picture.ndim == 2 and len(colour) == 3:
        return np.repeat(picture[..., np.newaxis], 3, axis=2), colour
    return picture.copy(), colour if len(colour) == 3 or picture.ndim == 2 else colour * 3
