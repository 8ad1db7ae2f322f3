"""Applies a window by arithmetic: faster than a table on large images, with equal results.

Arithmetic is vectorized, a look-up is not. The results are compared with the table for all
values, once for each table; if they differ, the table is used.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.rendering.lut import Tone, chunks, tone_table
from rendicom.rendering.voi import ramp

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_SAMPLES = 1 << 18
"""Samples computed at a time; large, as each call of NumPy may switch threads."""
_LARGEST = 0xFFFF


class _Scratch(threading.local):
    """Intermediate values of a thread, at most 1 MiB.

    They are kept: freed, they might go back to the system and cost a page fault for every 4 KiB.
    """

    clipped = np.empty(0, np.uint16)
    scaled = np.empty(0, np.float32)

    def integers(self, size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array of integers of 8 or 16 bits, with any content."""
        if self.clipped.size < size:
            self.clipped = np.empty(size, np.uint16)
        return self.clipped.view(dtype)[:size]

    def floats(self, size: int) -> NDArray[np.float32]:
        """Return an array of floats, with any content."""
        if self.scaled.size < size:
            self.scaled = np.empty(size, np.float32)
        return self.scaled[:size]


_scratch = _Scratch()


@dataclass(frozen=True, slots=True)
class LinearWindow:
    """Display value of the values from ``first`` to ``last``, and of others as of the nearest."""

    first: int
    last: int

    def display(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        """Return uint8 display values of 8- or 16-bit integers, shape of ``samples``."""
        flat = np.ascontiguousarray(samples).reshape(-1)
        result = np.empty(flat.size, np.uint8)
        clipped = _scratch.integers(min(flat.size, _MOST_SAMPLES), flat.dtype)
        first, last = flat.dtype.type(self.first), flat.dtype.type(self.last)
        for part in chunks(flat.size, _MOST_SAMPLES):
            values = flat[part]
            near = clipped[: values.size]
            values.clip(first, last, out=near)
            self.fill(result[part], near)
        return result.reshape(samples.shape)

    @abstractmethod
    def fill(self, result: NDArray[np.uint8], near: NDArray[Any]) -> None:
        """Set display values of clipped ones, which may be overwritten."""


@dataclass(frozen=True, slots=True)
class _FloatWindow(LinearWindow):
    """Display value = floor((value - base) * scale + offset), in single precision."""

    base: int
    scale: np.float32
    offset: np.float32

    def fill(self, result: NDArray[np.uint8], near: NDArray[Any]) -> None:
        level = _scratch.floats(near.size)
        if self.base:
            # Wraps around for signed values; as unsigned the difference is right.
            np.subtract(near, near.dtype.type(self.base), out=near)
            near = near.view(f"u{near.itemsize}")
        # Converted first: a multiplication that converts works in small temporary buffers.
        np.copyto(level, near)
        np.multiply(level, self.scale, out=level)
        np.add(level, self.offset, out=level)
        np.copyto(result, level, casting="unsafe")


@dataclass(frozen=True, slots=True)
class _FractionWindow(LinearWindow):
    """Display value = (distance * numerator + addend) // denominator, in 16 bits.

    The distance is that from the value with the lowest level. NumPy divides by one number with
    multiplications. This takes two thirds of the time of floats.
    """

    is_falling: bool
    numerator: int
    addend: int
    denominator: int

    def fill(self, result: NDArray[np.uint8], near: NDArray[Any]) -> None:
        first, last = near.dtype.type(self.first), near.dtype.type(self.last)
        if self.is_falling:
            np.subtract(last, near, out=near)
        else:
            np.subtract(near, first, out=near)
        distance = near.view(np.uint16)
        np.multiply(distance, np.uint16(self.numerator), out=distance)
        np.add(distance, np.uint16(self.addend), out=distance)
        np.floor_divide(distance, np.uint16(self.denominator), out=distance)
        np.copyto(result, distance, casting="unsafe")


@lru_cache(maxsize=32)
def linear_window(tone: Tone, dtype: str, bits: int) -> LinearWindow | None:
    """Return arithmetic with exactly the values of ``tone_table``, or None."""
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
    varying = slice(changes[0], changes[-1] + 2)
    with np.errstate(invalid="ignore", over="ignore"):
        for line in _candidates(tone, straight, every[varying], table[varying]):
            if np.array_equal(line.display(every), table):
                return line
    return None


def _candidates(
    tone: Tone, straight: tuple[float, float], values: NDArray[Any], shown: NDArray[np.uint8]
) -> Iterator[LinearWindow]:
    """Yield arithmetic that may display the ``values`` as ``shown``, the fastest first."""
    (start, width), first, last = straight, int(values[0]), int(values[-1])
    scale = tone.modality.slope * tone.top / width
    is_falling = (scale < 0) != tone.is_inverted
    rising = shown[::-1] if is_falling else shown
    fraction = _fraction(rising, abs(scale)) if values.itemsize == 2 else None
    if fraction is not None:
        yield _FractionWindow(first, last, is_falling, *fraction)
    for base in (0, first):  # small numbers are the more precise ones
        offset = (base * tone.modality.slope + tone.modality.intercept - start) / width * tone.top
        near, far = (-scale, tone.top - offset) if tone.is_inverted else (scale, offset)
        yield _FloatWindow(first, last, base, np.float32(near), np.float32(far + 0.5))


def _fraction(shown: NDArray[np.uint8], slope: float) -> tuple[int, int, int] | None:
    """Return numerator, addend and denominator for rising levels at distances 0, 1, ...

    Each level states two bounds of the addend: it begins at one distance and ends at another.
    """
    ends = np.append(np.flatnonzero(np.diff(shown)), shown.size - 1).astype(np.int32)
    starts = np.append(np.int32(0), ends[:-1] + np.int32(1))
    levels = shown[ends].astype(np.int32)
    denominators = np.arange(1, 257, dtype=np.int32)[:, np.newaxis]
    ratios = np.rint(slope * denominators)
    denominators = denominators[ratios[:, 0] * ends[-1] <= _LARGEST]
    numerators = ratios[: len(denominators)].astype(np.int32)
    addends = (levels * denominators - starts * numerators).max(axis=1).clip(0)
    most = ((levels + 1) * denominators - ends * numerators).min(axis=1) - 1
    is_right = (addends <= most) & (ends[-1] * numerators[:, 0] + addends <= _LARGEST)
    if not is_right.any():
        return None
    at = int(is_right.argmax())
    return int(numerators[at, 0]), int(addends[at]), int(denominators[at, 0])
