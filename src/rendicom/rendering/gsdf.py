"""Grayscale Standard Display Function: from P-values to driving levels of a display (PS3.14)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rendicom.values import LookupTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Coefficients of PS3.14 7.1, of ln(j) and log10(L), constant term first.
_NUMERATOR = (-1.3011877, 8.0242636e-2, 1.3646699e-1, -2.5468404e-2, 1.3635334e-3)
_DENOMINATOR = (1.0, -2.5840191e-2, -1.0320229e-1, 2.8745620e-2, -3.1978977e-3, 1.2992634e-4)
_INDICES = np.arange(1.0, 1024.0)
_P_VALUE_BITS = 16


def luminance(index: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the luminance in cd/m2 of each JND index from 1 to 1023."""
    logarithm = np.log(index)
    shape = np.polynomial.polynomial.polyval(logarithm, _NUMERATOR)
    return np.asarray(10 ** (shape / np.polynomial.polynomial.polyval(logarithm, _DENOMINATOR)))


def jnd_index(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the JND index of each luminance in cd/m2 from 0.05 to 3993."""
    # Closer than the polynomial of PS3.14 7.1, which is 0.1 off at the ends.
    return np.asarray(np.interp(np.log(level), np.log(luminance(_INDICES)), _INDICES))


@lru_cache(maxsize=8)
def display_table(
    luminances: tuple[float, ...], *, bit_depth: int, is_inverted: bool = False
) -> LookupTable:
    """Return the driving levels of all 16-bit P-values on a display (PS3.14 6, Annex D).

    Equal steps of P-values become equal steps of the JND index between the darkest and the
    brightest luminance. Each becomes the driving level whose luminance is nearest.

    Parameters
    ----------
    luminances
        Luminances at equal steps of the driving level; between them a natural cubic spline.
    bit_depth
        Bits of the driving levels.
    is_inverted
        Black and white of the P-values are swapped, by a step that follows the table.
    """
    top = (1 << bit_depth) - 1
    measured = _interpolated(np.array(luminances), top + 1)
    darkest, brightest = jnd_index(measured[[0, -1]])
    wanted = luminance(np.linspace(darkest, brightest, 1 << _P_VALUE_BITS))
    wanted[[0, -1]] = measured[[0, -1]]
    entries = np.searchsorted((measured[1:] + measured[:-1]) / 2, wanted)
    if is_inverted:
        entries = top - entries[::-1]
    return LookupTable(entries.astype(np.uint16), first=0, bits=bit_depth)


def calibrated(table: LookupTable, calibration: LookupTable) -> LookupTable:
    """Return a Presentation LUT, whose output is P-values, with a `display_table` after it."""
    top = (1 << table.bits) - 1
    scale = (len(calibration.entries) - 1) / top
    p_values = np.rint(table.entries.astype(np.float64) * scale).astype(np.intp)
    return LookupTable(calibration.entries[p_values], first=0, bits=calibration.bits)


def driving_level(p_value: float, luminances: tuple[float, ...]) -> float:
    """Return the driving level of a P-value, both from 0 to 1."""
    table = display_table(luminances, bit_depth=_P_VALUE_BITS).entries
    return float(table[round(p_value * (len(table) - 1))]) / (len(table) - 1)


def _interpolated(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return ``count`` values of the natural cubic spline through values at equal steps."""
    steps = len(values) - 1
    bends = np.zeros(len(values))
    if steps > 1:
        inner = steps - 1
        system = 4 * np.eye(inner) + np.eye(inner, k=1) + np.eye(inner, k=-1)
        bends[1:-1] = np.linalg.solve(system, 6 * np.diff(values, 2))
    at = np.linspace(0, steps, count)
    left = np.minimum(at.astype(np.intp), steps - 1)
    after = at - left
    before = 1 - after
    curve = before * values[left] + after * values[left + 1]
    curve += ((before**3 - before) * bends[left] + (after**3 - after) * bends[left + 1]) / 6
    # A spline may swing where the curve has a corner: luminance never falls.
    return np.asarray(np.maximum.accumulate(curve))
