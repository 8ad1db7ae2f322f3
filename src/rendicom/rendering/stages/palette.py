"""Maps values to the colors of a table (PS3.3 C.7.6.3.1.5, C.7.6.19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.rendering.lut import chunks, look_up, wrapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.values import LookupTable, Palette


@dataclass(frozen=True, slots=True, eq=False)
class ColourTable:
    """RGB of stored values from ``first`` up; values beyond an end get the color of that end.

    ``entries`` is uint8 or uint16, shape (n, 3). ``arranged`` has an entry for each value of the
    sample type, if that has 8 or 16 bits.
    """

    entries: NDArray[Any]
    first: int
    arranged: NDArray[Any] | None = None

    @classmethod
    def of(cls, entries: NDArray[Any], first: int, dtype: np.dtype[Any]) -> ColourTable:
        """Return the table for samples of ``dtype``."""
        if dtype.itemsize > 2:
            return cls(entries, first)
        info = np.iinfo(dtype)
        index = np.arange(int(info.min), int(info.max) + 1) - first
        every = entries[np.clip(index, 0, len(entries) - 1)]
        return cls(entries, first, wrapped(every, int(info.min)))

    def blackened(self, padding: tuple[float, float] | None) -> ColourTable:
        """Return the table with the stored values of padding black, both ends included."""
        if padding is None or self.arranged is None:
            return self
        arranged = self.arranged.copy()
        values = np.arange(int(padding[0]), int(padding[1]) + 1)
        arranged[values % len(arranged)] = 0
        return ColourTable(self.entries, self.first, arranged)


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


def first_mapped(palette: Palette) -> int:
    """Return the lowest value that a channel of the palette maps."""
    return min(channel.first for channel in (palette.red, palette.green, palette.blue))


def palette_entries(palette: Palette, bit_depth: int) -> NDArray[Any]:
    """Return the colors of a palette from its first mapped value, uint8 or uint16, (n, 3).

    The high byte of 16-bit entries is used, which is right for both 0xABAB and 0xAB00. If all
    entries fit in 8 bits the palette is taken as an 8-bit one (PS3.3 C.7.6.3.1.6).
    """
    channels = (palette.red, palette.green, palette.blue)
    first = first_mapped(palette)
    last = max(channel.first + len(channel.entries) for channel in channels)
    values = np.arange(first, last)
    is_narrow = all(int(channel.entries.max()) <= 0xFF for channel in channels)
    columns = [
        _scaled(channel, 8 if is_narrow else channel.bits, bit_depth)[
            np.clip(values - channel.first, 0, len(channel.entries) - 1)
        ]
        for channel in channels
    ]
    return np.stack(columns, axis=-1)


def _scaled(channel: LookupTable, bits: int, bit_depth: int) -> NDArray[Any]:
    """Return the entries of one channel as display values."""
    entries = channel.entries
    if bit_depth == 8:
        high_bytes: NDArray[Any] = np.minimum(entries >> max(bits - 8, 0), 0xFF)
        return high_bytes.astype(np.uint8)
    top = (1 << bits) - 1
    wide = np.minimum(entries, top).astype(np.uint32) * 65535 // top
    return wide.astype(np.uint16)


def spread_palette(entries: NDArray[Any]) -> ColourTable:
    """Return a table of 16-bit display values whose range the entries are spread over.

    Values start at 1 (`Tone.least`); 0 is black, the color of padding.
    """
    index = (np.arange(1 << 16) * (len(entries) - 1) + (1 << 15)) // ((1 << 16) - 1)
    arranged = entries[np.minimum(index, len(entries) - 1)]
    arranged[:2] = np.zeros_like(entries[0]), entries[0]
    return ColourTable(entries, 0, arranged)
