"""Combines modality, VOI, polarity and padding to one function or table of stored values.

A table covers all values of the integer type, ordered by two's complement: samples viewed as
unsigned integers are the index, without subtraction or conversion.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.records import NamedTuple
from rendicom.rendering.voi import VoiTransform, levels, ramp
from rendicom.values import LookupTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

CHUNK = 1 << 16
"""Samples computed at a time, so that intermediate values stay in the cache of the processor."""

_LOOK_UPS = 1 << 18
"""Look-ups per call; large, as each call may switch threads."""


def chunks(size: int, step: int = CHUNK) -> Iterator[slice]:
    """Yield slices that together cover ``size`` samples."""
    for start in range(0, size, step):
        yield slice(start, start + step)


def are_whole(samples: NDArray[Any]) -> bool:
    """Return whether all finite samples are integers."""
    if samples.dtype.kind != "f":
        return True
    flat = samples.reshape(-1)
    for part in chunks(flat.size):
        finite = flat[part][np.isfinite(flat[part])]
        if np.any(finite != np.floor(finite)):
            return False
    return True


def stored_extent(bits: int, *, signed: bool) -> tuple[int, int]:
    """Return the least and greatest value of ``bits`` bits."""
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


class Modality(NamedTuple):
    """Modality transform: a LUT if there is one, else slope and intercept."""

    slope: float = 1.0
    intercept: float = 0.0
    table: LookupTable | None = None

    def values(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        """Return modality values as float64, same shape (PS3.3 C.11.1.1)."""
        with np.errstate(invalid="ignore"):  # signaling NaNs of a file become quiet NaNs
            result = stored.astype(np.float64)
        if self.table is not None:
            result -= self.table.first
            np.clip(result, 0, len(self.table.entries) - 1, out=result)
            return self.table.entries[np.nan_to_num(result).astype(np.intp)].astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            if self.slope != 1:
                result *= self.slope
            if self.intercept != 0:
                result += self.intercept
        return result

    def apply(self, samples: NDArray[Any]) -> NDArray[np.float32]:
        """Return modality values, such as HU, as float32; NaN and infinity are kept."""
        flat = samples.reshape(-1)
        result = np.empty(flat.shape, np.float32)
        with np.errstate(over="ignore"):
            for part in chunks(flat.size):
                result[part] = self.values(flat[part])
        return result.reshape(samples.shape)

    def bounds(self, low: float, high: float) -> tuple[float, float]:
        """Return the range of modality values of stored values from ``low`` to ``high``."""
        if self.table is not None:
            return 0.0, float((1 << self.table.bits) - 1)
        ends = (low * self.slope + self.intercept, high * self.slope + self.intercept)
        return min(ends), max(ends)


class Tone(NamedTuple):
    """Transform from stored values to display values."""

    modality: Modality
    voi: VoiTransform
    """The two transforms, applied in this order."""
    is_inverted: bool = False
    """Black and white are swapped after the VOI transform."""
    padding: tuple[float, float] | None = None
    """Range of stored values shown as black, ends included."""
    bit_depth: int = 8
    """8 or 16: display values run from 0 to ``top``."""
    presentation: LookupTable | None = None
    """Presentation LUT from the output of the VOI transform to P-values."""
    least: int = 0
    """The least display value of pixels that are not black as padding: 1 tells them apart."""

    @property
    def top(self) -> int:
        """Return the greatest display value."""
        return (1 << self.bit_depth) - 1

    def display(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return display values, uint8 or uint16, same shape; NaN and infinity become black."""
        values = self.modality.values(stored)
        is_black = None
        if stored.dtype.kind == "f":
            is_black = ~(np.isfinite(stored) & np.isfinite(values))
            values[is_black] = 0
        if self.presentation is None:
            result = levels(values, self.voi, self.top)
        else:
            result = self._looked_up(values, self.presentation)
        result += 0.5
        np.floor(result, out=result)
        if self.is_inverted:
            np.subtract(self.top, result, out=result)
        if self.least:
            np.maximum(result, self.least, out=result)
        if self.padding is not None:
            low, high = self.padding
            result[(stored >= low) & (stored <= high)] = 0
        if is_black is not None:
            result[is_black] = 0
        np.clip(result, 0, self.top, out=result)
        return result.astype(np.uint8 if self.bit_depth == 8 else np.uint16)

    def _looked_up(self, values: NDArray[Any], table: LookupTable) -> NDArray[np.float64]:
        """Return levels through a presentation LUT, whose first input is 0 (PS3.3 C.11.6.1)."""
        index = np.floor(levels(values, self.voi, len(table.entries) - 1) + 0.5).astype(np.intp)
        entries: NDArray[np.float64] = table.entries[index].astype(np.float64)
        return entries * self.top / ((1 << table.bits) - 1)


@lru_cache(maxsize=32)
def tone_table(tone: Tone, dtype: str, bits: int) -> NDArray[Any]:
    """Return display values of all values of an integer type of 8 or 16 bits, read-only.

    Parameters
    ----------
    tone
        What to tabulate.
    dtype
        Name of the type: ``int16``.
    bits
        Bits Stored. Values beyond them get the display value of the nearest value within,
        unless the transform is linear and defined for them as well.
    """
    info = np.iinfo(dtype)
    low, high = int(info.min), int(info.max)
    first, last = _varying(tone, dtype, bits)
    shown = tone._replace(padding=None).display(np.arange(first, last + 1, dtype=np.int32))
    table = np.empty(high - low + 1, shown.dtype)
    table[: first - low] = shown[0]
    table[first - low : last - low + 1] = shown
    table[last - low + 1 :] = shown[-1]
    if tone.padding is not None:
        start, stop = (max(low, min(high + 1, end)) for end in _whole(tone.padding))
        table[start - low : max(start, stop) - low] = 0
    return wrapped(table, low)


def _varying(tone: Tone, dtype: str, bits: int) -> tuple[int, int]:
    """Return the range of stored values within which the display value changes."""
    info = np.iinfo(dtype)
    straight, modality = ramp(tone.voi), tone.modality
    if straight is None or modality.table is not None:
        low, high = stored_extent(bits, signed=info.min < 0)
        return max(low, int(info.min)), min(high, int(info.max))
    start, width = straight
    ends = [(end - modality.intercept) / modality.slope for end in (start, start + width)]
    least, greatest = float(info.min), float(info.max)
    first, last = (min(max(end, least), greatest) for end in (min(ends) - 1, max(ends) + 1))
    return math.floor(first), math.ceil(last)


def _whole(padding: tuple[float, float]) -> tuple[int, int]:
    """Return the first integer inside and the first behind."""
    low, high = (max(-(2.0**40), min(2.0**40, end)) for end in padding)
    return math.ceil(low), math.floor(high) + 1


def wrapped(table: NDArray[Any], low: int) -> NDArray[Any]:
    """Return a table of the values from ``low`` up, ordered by two's complement."""
    if low < 0:
        table = np.concatenate((table[-low:], table[:-low]))
    table.setflags(write=False)
    return table


def look_up(samples: NDArray[Any], table: NDArray[Any]) -> NDArray[Any]:
    """Return ``table[value]`` of every sample: shape of ``samples``, plus 3 for a colour table.

    Parameters
    ----------
    samples
        Integers of 8 or 16 bits.
    table
        One row for each value of that type, as `wrapped` arranges them.
    """
    unsigned = np.uint8 if samples.dtype.itemsize == 1 else np.uint16
    native = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    index: NDArray[Any] = np.ascontiguousarray(native).reshape(-1).view(unsigned)
    result = np.empty((index.size, *table.shape[1:]), table.dtype)
    for part in chunks(index.size, _LOOK_UPS):
        np.take(table, index[part], axis=0, out=result[part], mode="clip")
    return result.reshape((*samples.shape, *table.shape[1:]))
