"""Converts stored values to modality values, for measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.rendering.lut import Modality, chunks

if TYPE_CHECKING:
    from numpy.typing import NDArray


def apply_modality(samples: NDArray[Any], modality: Modality) -> NDArray[np.float32]:
    """Return modality values, such as HU, as float32; NaN and infinity are kept."""
    flat = samples.reshape(-1)
    result = np.empty(flat.shape, np.float32)
    with np.errstate(over="ignore"):
        for part in chunks(flat.size):
            result[part] = modality.values(flat[part])
    return result.reshape(samples.shape)
