"""Values become the colors of a table (PS3.3 C.7.6.3.1.5, C.7.6.19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.rendering.lut import chunks, look_up, wrapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ColourTable", "apply_palette"]


@dataclass(frozen=True, slots=True, eq=False)
class ColourTable:
    """RGB of stored values from ``first`` up; values beyond an end take the color of that end.

    ``entries`` is uint8 or uint16, shape (n, 3). ``arranged`` is the same for every value of
    the samples' type, where that has 8 or 16 bits.
    """

    entries: NDArray[Any]
    first: int
    arranged: NDArray[Any] | None = None

    @classmethod
    def of(cls, entries: NDArray[Any], first: int, dtype: np.dtype[Any]) -> ColourTable:
        """Return the table, arranged for samples of ``dtype``."""
        if dtype.itemsize > 2:
            return cls(entries, first)
        info = np.iinfo(dtype)
        index = np.arange(int(info.min), int(info.max) + 1) - first
        every = entries[np.clip(index, 0, len(entries) - 1)]
        return cls(entries, first, wrapped(every, int(info.min)))


def apply_palette(samples: NDArray[Any], table: ColourTable) -> NDArray[Any]:
    """Return RGB, (rows, columns, 3)."""
    if table.arranged is not None:
        return look_up(samples, table.arranged)
    flat = samples.reshape(-1)
    result = np.empty((flat.size, 3), table.entries.dtype)
    for part in chunks(flat.size):
        index = np.clip(flat[part].astype(np.int64) - table.first, 0, len(table.entries) - 1)
        result[part] = table.entries[index]
    return result.reshape((*samples.shape, 3))
