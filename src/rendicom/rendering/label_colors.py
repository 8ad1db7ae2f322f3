"""Colors of label maps: from the file, or else from a fixed list."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_LABELS = 1 << 16
_FIRST = (
    (255, 60, 0), (0, 200, 60), (60, 120, 255), (255, 220, 0), (230, 0, 230), (0, 220, 230),
    (255, 140, 0), (150, 60, 255), (170, 255, 60), (255, 60, 150), (0, 150, 130), (180, 110, 60),
)  # fmt: skip
"""Each has a channel below ``_LEAST`` and thus differs from all computed colors."""
_LEAST, _STRIDE = 64, 40503
_WEIGHTS = np.array((1 << 16, 1 << 8, 1), np.uint32)


def label_colours(
    given: Mapping[int, tuple[int, int, int]], *, bits: int, bit_depth: int
) -> NDArray[Any]:
    """Return the color of every label of ``bits`` bits: uint8 or uint16, shape (n, 3).

    0 is the background and black. A label without a color in ``given`` (8-bit sRGB) gets the
    first color of the fixed list that is not used by the file or a smaller label, so that all
    labels differ. The table cannot be written to.
    """
    return _table(frozenset(given.items()), min(bits, 16), bit_depth)


@lru_cache(maxsize=8)
def _table(
    given: frozenset[tuple[int, tuple[int, int, int]]], bits: int, bit_depth: int
) -> NDArray[Any]:
    count = 1 << bits
    own = {label: colour for label, colour in given if 0 < label < count}
    colours = _listed()
    if own:
        codes, order = _found_by_code()
        taken = np.array([*own.values()], np.uint32) @ _WEIGHTS
        places = np.minimum(np.searchsorted(codes, taken), codes.size - 1)
        colours = np.delete(colours, order[places[codes[places] == taken]], axis=0)
    entries = np.zeros((count, 3), np.uint8)
    is_open = np.ones(count, np.bool_)
    is_open[[0, *own]] = False
    entries[is_open] = colours[: np.count_nonzero(is_open)]
    for label, colour in own.items():
        entries[label] = colour
    table = entries if bit_depth == 8 else entries * np.uint16(257)
    table.setflags(write=False)
    return table


@cache
def default_colours() -> tuple[tuple[int, int, int], ...]:
    """Return 256 colors for objects without their own, by number; 0 is black."""
    table = label_colours({}, bits=8, bit_depth=8)
    return tuple((red, green, blue) for red, green, blue in table.tolist())


@cache
def _found_by_code() -> tuple[NDArray[np.uint32], NDArray[np.intp]]:
    """Return the listed colors as sorted numbers, and the place of each in the list."""
    codes = _listed() @ _WEIGHTS
    order = np.argsort(codes)
    return codes[order], order


@cache
def _listed() -> NDArray[np.uint8]:
    """Return 65547 different colors that are not dark, with distant colors for neighbors.

    After the first ones, 16 bits are distributed over the channels (5, 6 and 5), from 64 up. An
    odd stride visits each 16-bit number once.
    """
    numbers = np.arange(_LABELS, dtype=np.uint32) * _STRIDE % _LABELS
    parts = np.stack([numbers >> 11, numbers >> 5 & 63, numbers & 31], axis=-1)
    spread = _LEAST + parts * (255 - _LEAST) // np.array((31, 63, 31))
    return np.concatenate((np.array(_FIRST, np.uint8), spread.astype(np.uint8)))
