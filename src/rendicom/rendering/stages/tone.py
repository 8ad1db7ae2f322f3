"""Stored gray values, or color channels of other depths, become display values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.rendering.lut import Tone, chunks, look_up, tone_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["apply_tone"]


def apply_tone(samples: NDArray[Any], tone: Tone, *, bits: int) -> NDArray[Any]:
    """Return display values, uint8 or uint16, shape of ``samples``.

    Integers of 8 and 16 bits go through one table; all others are computed in chunks, so that
    the float64 values on the way stay few.
    """
    if samples.dtype.kind != "f" and samples.dtype.itemsize <= 2:
        return look_up(samples, tone_table(tone, samples.dtype.name, bits))
    flat = samples.reshape(-1)
    result = np.empty(flat.shape, np.uint8 if tone.bit_depth == 8 else np.uint16)
    for part in chunks(flat.size):
        result[part] = tone.display(flat[part])
    return result.reshape(samples.shape)
