"""A window as arithmetic: faster than its table on large images, and proved equal to it.

Clip, subtract, multiply and add run on many samples at a time, a table looks up one. Whether the
arithmetic in single precision gives the table's own values is tried on every value there is,
once for each table; where it does not, there is no line.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.rendering.lut import Tone, chunks, tone_table
from rendicom.rendering.voi import ramp

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Line", "straight_line"]


@dataclass(frozen=True, slots=True)
class Line:
    """Display value = floor((clamp(value, first, last) - first) * scale + offset)."""

    first: int
    last: int
    scale: np.float32
    offset: np.float32

    def display(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        """Return uint8 display values of 8- or 16-bit integers, shape of ``samples``."""
        flat = np.ascontiguousarray(samples).reshape(-1)
        result = np.empty(flat.size, np.uint8)
        size = min(flat.size, next(chunks(flat.size)).stop)
        clipped, scaled = np.empty(size, flat.dtype), np.empty(size, np.float32)
        unsigned = clipped.view(f"u{flat.dtype.itemsize}")
        first, last = flat.dtype.type(self.first), flat.dtype.type(self.last)
        for part in chunks(flat.size):
            values = flat[part]
            count = values.size
            np.clip(values, first, last, out=clipped[:count])
            # Wraps around for signed values; as unsigned the difference is right.
            np.subtract(clipped[:count], first, out=clipped[:count])
            np.multiply(unsigned[:count], self.scale, out=scaled[:count], dtype=np.float32)
            np.add(scaled[:count], self.offset, out=scaled[:count])
            np.copyto(result[part], scaled[:count], casting="unsafe")
        return result.reshape(samples.shape)


@lru_cache(maxsize=32)
def straight_line(tone: Tone, dtype: str, bits: int) -> Line | None:
    """Return the line that gives the very values of ``tone_table``, or None."""
    straight = ramp(tone.voi)
    if straight is None or straight[1] <= 0:
        return None
    if tone.bit_depth != 8 or tone.modality.table is not None or tone.presentation is not None:
        return None
    info = np.iinfo(dtype)
    every = np.arange(info.min, info.max + 1, dtype=np.int64).astype(dtype)
    table = tone_table(tone, dtype, bits)[every.view(f"u{every.itemsize}")]
    changes = np.flatnonzero(np.diff(table))
    if not changes.size:
        return None
    first, last = int(every[changes[0]]), int(every[changes[-1] + 1])
    start, width = straight
    scale = tone.modality.slope * tone.top / width
    offset = (first * tone.modality.slope + tone.modality.intercept - start) / width * tone.top
    if tone.is_inverted:
        scale, offset = -scale, tone.top - offset
    line = Line(first, last, np.float32(scale), np.float32(offset + 0.5))
    with np.errstate(invalid="ignore", over="ignore"):
        return line if np.array_equal(line.display(every), table) else None
