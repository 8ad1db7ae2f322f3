"""Differences of frames from the mean of masks: digital subtraction angiography."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.values import DisplayAttributes, Frame


def subtracted(
    frames: Sequence[Frame], masks: Sequence[Frame], *, share: float, shift: tuple[float, float]
) -> Frame:
    """Return the mean of frames less ``share`` of that of masks, moved by rows and columns.

    It is the first frame with its samples replaced, float32. A color frame is not changed.
    """
    frame = frames[0]
    if frame.samples.ndim != 2:
        return frame
    if any(each.samples.shape != frame.samples.shape for each in (*frames, *masks)):
        return frame
    mean = _mean(masks)
    for axis, distance in enumerate(shift):
        mean = _moved(mean, distance, axis)
    samples = _mean(frames) - np.float32(share) * mean.astype(np.float32)
    return replace(frame, samples=samples, signed=True, is_difference=True)


def display_of_difference(display: DisplayAttributes) -> DisplayAttributes:
    """Return the display attributes of an image for its differences from masks.

    Its transforms and padding are for the frames as stored (PS3.3 C.7.6.10 has none of its own).
    """
    return display._replace(
        slope=1.0, intercept=0.0, modality_lut=None, windows=(), voi_luts=(), padding=None
    )


def averaged(frames: Sequence[Frame]) -> Frame:
    """Return the mean of masks, the first frame with its samples replaced.

    Color frames and those of another size are not averaged: they are no masks.
    """
    first = frames[0]
    if any(each.samples.ndim != 2 or each.samples.shape != first.samples.shape for each in frames):
        return replace(first, samples=np.empty((0, 0), np.float32))
    return replace(first, samples=_mean(frames))


def _mean(frames: Sequence[Frame]) -> NDArray[Any]:
    total = frames[0].samples.astype(np.float32)
    for each in frames[1:]:
        total += each.samples
    return total / np.float32(len(frames))


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
