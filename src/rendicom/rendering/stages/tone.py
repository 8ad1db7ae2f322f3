"""Converts stored gray values, or color channels of other depths, to display values."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.rendering.lut import Tone, chunks, look_up, tone_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGE = 1 << 20
"""Samples from which it pays to compare the arithmetic with the table."""
_MEDIUM = 1 << 16
_OFTEN = 12
"""Number of smaller images with the same transform from which it pays as well."""


def apply_tone(samples: NDArray[Any], tone: Tone, *, bits: int) -> NDArray[Any]:
    """Return display values, uint8 or uint16, shape of ``samples``.

    Integers of 8 and 16 bits use a table or equal
    arithmetic; others are computed in chunks, which limits the intermediate float64 values.
    """
    if samples.dtype.kind != "f" and samples.dtype.itemsize <= 2:
        if samples.dtype.isnative and _is_worth_a_proof(samples, tone, bits):
            from rendicom.rendering.linear_window import linear_window

            if line := linear_window(tone, samples.dtype.name, bits):
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
    """Return the number of images of each transform in this process."""
    return count()
