"""Converts RGB samples to at most 256 indexed colors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_COLOURS = 256
# Colors are counted in cells of 6 bits a channel.
_CELLS = 1 << 18
_CELLS_AT_ONCE = 8192
_REFINEMENTS = 2


def indexed(samples: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a palette and the index of each pixel.

    Exact for pictures of at most 256 colors; otherwise the palette is a median cut, refined
    towards least squared error. Without dithering, which would add noise to flat areas.

    Parameters
    ----------
    samples
        uint8, shape (rows, columns, 3).

    Returns
    -------
    tuple
        uint8 of shape (n, 3) with n <= 256, and uint8 of shape (rows, columns).
    """
    pixels = samples.reshape(-1, 3)
    exact = _exact(pixels)
    palette, indices = exact if exact is not None else _quantised(pixels)
    return palette, indices.reshape(samples.shape[:2])


def _exact(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    codes = pixels[:, 0].astype(np.uint32)
    for channel in (1, 2):
        codes <<= np.uint32(8)
        codes |= pixels[:, channel]
    # A few rows first: most color pictures exceed 256 colors there.
    if np.unique(codes[:: max(1, len(codes) // 4096)]).size > _MOST_COLOURS:
        return None
    seen = np.zeros(1 << 24, np.bool_)
    seen[codes] = True
    colours = np.flatnonzero(seen)
    if len(colours) > _MOST_COLOURS:
        return None
    place = np.zeros(1 << 24, np.uint8)
    place[colours] = np.arange(len(colours))
    palette = np.stack((colours >> 16, colours >> 8, colours), axis=1).astype(np.uint8)
    return palette, np.take(place, codes)


def _quantised(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    cells = (pixels[:, 0] >> 2).astype(np.int32)
    for channel in (1, 2):
        cells <<= 6
        cells |= pixels[:, channel] >> 2
    counts = np.bincount(cells, minlength=_CELLS)
    used = np.flatnonzero(counts)
    weights = counts[used].astype(np.float32)
    colours = np.empty((len(used), 3), np.float32)
    for channel in range(3):
        sums = np.bincount(cells, weights=pixels[:, channel], minlength=_CELLS)
        colours[:, channel] = sums[used] / weights
    groups = _median_cut(colours, weights)
    for _ in range(_REFINEMENTS):
        palette = _means(colours, weights, groups)
        groups = _nearest(colours, palette)
    palette = np.rint(_means(colours, weights, groups))
    place = np.zeros(_CELLS, np.uint8)
    place[used] = _nearest(colours, palette)
    return palette.astype(np.uint8), np.take(place, cells)


def _median_cut(colours: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the group of each color, 0..255; the group with the largest error is cut first."""
    members = [np.arange(len(colours))]
    errors = np.zeros((_MOST_COLOURS, 3))
    errors[0] = _error(colours, weights)
    for number in range(1, _MOST_COLOURS):
        worst, axis = divmod(int(errors.argmax()), 3)
        if errors[worst, axis] <= 0:
            break
        order = members[worst][np.argsort(colours[members[worst], axis], kind="stable")]
        total = np.cumsum(weights[order])
        cut = int(np.searchsorted(total, total[-1] / 2, side="right"))
        cut = min(max(cut, 1), len(order) - 1)
        members[worst] = order[:cut]
        members.append(order[cut:])
        for place in (worst, number):
            errors[place] = _error(colours[members[place]], weights[members[place]])
    groups = np.empty(len(colours), np.intp)
    for number, group in enumerate(members):
        groups[group] = number
    return groups


def _error(colours: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the weighted squared error from the mean, by channel."""
    if len(colours) < 2:
        return np.zeros(3, np.float32)
    mean = weights @ colours / weights.sum()
    error: NDArray[np.float32] = weights @ (colours - mean) ** 2
    return error


def _means(
    colours: NDArray[np.float32], weights: NDArray[np.float32], groups: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return the mean color of each group that is not empty."""
    totals = np.bincount(groups, weights=weights)
    sums = np.stack(
        [np.bincount(groups, weights=weights * colours[:, channel]) for channel in range(3)], axis=1
    )
    kept = totals > 0
    means: NDArray[np.float32] = (sums[kept] / totals[kept, None]).astype(np.float32)
    return means


def _nearest(colours: NDArray[np.float32], palette: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the index of the ``palette`` entry nearest to each color."""
    nearest = np.empty(len(colours), np.intp)
    half_squares = (palette**2).sum(axis=1) / 2
    for start in range(0, len(colours), _CELLS_AT_ONCE):
        some = colours[start : start + _CELLS_AT_ONCE]
        nearest[start : start + _CELLS_AT_ONCE] = (half_squares - some @ palette.T).argmin(axis=1)
    return nearest
