"""VOI transforms from modality values to display levels (PS3.3 C.11.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rendicom.records import NamedTuple
from rendicom.values import LookupTable, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FARTHEST = 8e307
"""Ends of a range are limited, so that their distance is finite."""
_OUT_OF_REACH = 1e300
"""Ends of ramps beyond this are scaled before subtraction, to avoid overflow."""


class ValueRange(NamedTuple):
    """A window with ``low`` as black and ``high`` as white, like LINEAR_EXACT.

    If both are equal, values up to it are black.
    """

    low: float
    high: float


VoiTransform = Window | ValueRange | LookupTable


def ramp(voi: VoiTransform) -> tuple[float, float] | None:
    """Return start and width of a linear ramp; None for curves and tables.

    A width of 0 is a threshold: values up to the start are black, all others white. A LINEAR
    window narrower than 1 is taken as 1 wide.
    """
    if isinstance(voi, ValueRange):
        low, high = max(voi.low, -_FARTHEST), min(voi.high, _FARTHEST)
        return low, high - low
    if isinstance(voi, LookupTable) or voi.function == "sigmoid":
        return None
    if voi.function == "linear-exact":
        return voi.center - voi.width / 2, voi.width
    width = max(voi.width - 1, 0.0)
    return voi.center - 0.5 - width / 2, width


def levels(values: NDArray[np.float64], voi: VoiTransform, top: int) -> NDArray[np.float64]:
    """Return display levels from 0 to ``top``, not rounded; ``values`` must be finite.

    LINEAR and LINEAR_EXACT are C.11.2.1.2.1 and C.11.2.1.3.2, SIGMOID is C.11.2.1.3.1. The
    multiplication precedes the division, so that levels half-way between integers are exact.
    """
    if isinstance(voi, LookupTable):
        return _looked_up(values, voi, top)
    straight = ramp(voi)
    if straight is not None:
        return _ramped(values, *straight, top)
    assert isinstance(voi, Window)  # noqa: S101
    return _sigmoid(values, voi, top)


def _ramped(values: NDArray[np.float64], low: float, width: float, top: int) -> NDArray[np.float64]:
    if not abs(low) + width < _OUT_OF_REACH:
        near = 2.0**-64  # the width may come out as 0
        values, low, width = values * near, low * near, width * near
    if width <= 0:
        return np.where(values <= low, 0.0, float(top))
    with np.errstate(over="ignore"):
        result = values - low
        result *= top
        result /= width
    return np.clip(result, 0, top, out=result)


def _sigmoid(values: NDArray[np.float64], window: Window, top: int) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        exponent = (values - window.center) * max(-4 / window.width, -_FARTHEST)
        np.clip(exponent, -700, 700, out=exponent)
        result: NDArray[np.float64] = top / (1 + np.exp(exponent))
    return result


def _looked_up(values: NDArray[np.float64], table: LookupTable, top: int) -> NDArray[np.float64]:
    index = np.clip(np.floor(values + 0.5) - table.first, 0, len(table.entries) - 1)
    entries: NDArray[np.float64] = table.entries[index.astype(np.intp)].astype(np.float64)
    entries *= top
    entries /= (1 << table.bits) - 1
    return entries
