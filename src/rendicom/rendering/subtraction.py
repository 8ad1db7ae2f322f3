"""Differences of frames from the mean of masks: digital subtraction angiography."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.values import Frame

__all__ = ["subtracted"]


def subtracted(
    frame: Frame, masks: Sequence[Frame], *, share: float, shift: tuple[float, float]
) -> Frame:
    """Return a frame less ``share`` of the mean of masks, which are moved by rows and columns.

    The samples of the result are float32; those of color frames stay as they are.
    """
    if frame.samples.ndim != 2 or any(m.samples.shape != frame.samples.shape for m in masks):
        return frame
    mean = np.mean([mask.samples.astype(np.float32) for mask in masks], axis=0)
    for axis, distance in enumerate(shift):
        mean = _moved(mean, distance, axis)
    samples = frame.samples.astype(np.float32) - np.float32(share) * mean.astype(np.float32)
    return replace(frame, samples=samples, signed=True)


def _moved(values: NDArray[Any], distance: float, axis: int) -> NDArray[Any]:
    """Return values moved along an axis, interpolated linearly; the edge continues."""
    if distance == 0:
        return values
    last = values.shape[axis] - 1
    places = np.clip(np.arange(last + 1) - distance, 0, last)
    low = np.floor(places).astype(np.intp)
    part = (places - low).reshape((-1, 1) if axis == 0 else (1, -1))
    above = np.take(values, np.minimum(low + 1, last), axis=axis)
    moved: NDArray[Any] = np.take(values, low, axis=axis) * (1 - part) + above * part
    return moved
