"""Stored gray values, or color channels of other depths, become display values."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.rendering.lut import Tone, chunks, look_up, tone_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["apply_tone"]

_LARGE = 1 << 20
"""Samples from which arithmetic, where it equals the table, is worth the proof that it does."""
_MEDIUM = 1 << 16
_OFTEN = 12
"""So many images of medium size shown alike, as those of a series are, are worth it as well."""


def apply_tone(samples: NDArray[Any], tone: Tone, *, bits: int) -> NDArray[Any]:
    """Return display values, uint8 or uint16, shape of ``samples``.

    Integers of 8 and 16 bits go through one table, or
    through the arithmetic that is proved equal to it; all others are computed in chunks, so that
    the float64 values on the way stay few.
    """
    if samples.dtype.kind != "f" and samples.dtype.itemsize <= 2:
        if samples.dtype.isnative and _is_worth_a_proof(samples, tone, bits):
            from rendicom.rendering.line import straight_line

            if line := straight_line(tone, samples.dtype.name, bits):
                return line.display(samples)
        return look_up(samples, tone_table(tone, samples.dtype.name, bits))
    flat = samples.reshape(-1)
    result = np.empty(flat.shape, np.uint8 if tone.bit_depth == 8 else np.uint16)
    for part in chunks(flat.size):
        result[part] = tone.display(flat[part])
    return result.reshape(samples.shape)


def _is_worth_a_proof(samples: NDArray[Any], tone: Tone, bits: int) -> bool:
    if samples.size < _MEDIUM:
        return False
    return samples.size >= _LARGE or next(_meetings(tone, samples.dtype.name, bits)) >= _OFTEN


@lru_cache(maxsize=32)
def _meetings(tone: Tone, dtype: str, bits: int) -> Iterator[int]:  # noqa: ARG001
    """Return what counts how often images were shown alike in this process."""
    return count()
