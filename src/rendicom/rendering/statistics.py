"""Computes ranges of modality values over the frames of an instance, for automatic windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.errors import OptionError
from rendicom.rendering.lut import Modality, chunks
from rendicom.rendering.plan import modality_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from rendicom.options import Voi
    from rendicom.values import DisplayAttributes, Frame, PixelDescription

_MOST_VALUES = 1 << 18
"""Values sampled from a frame for percentiles, if its values cannot be counted."""


def modality_range(
    frames: Iterable[tuple[Frame, DisplayAttributes]],
    description: PixelDescription,
    voi: Voi,
    *,
    padding: bool,
) -> tuple[float, float]:
    """Return low and high of the finite modality values of all ``frames``.

    Parameters
    ----------
    frames
        Gray frames, each with its own display attributes; read one at a time.
    description
        Of the instance.
    voi
        ``auto`` and ``minmax``: of all pixels; ``roi``: of the pixels in its rectangle;
        ``percentile``: of these percentiles of the pixels. Percentiles of 32-bit and float frames
        of more than 262,144 pixels are those of an evenly spaced sample.
    padding
        Leave padding values out.

    Returns
    -------
    tuple of float
        Low and high; 0, 0 if all pixels are padding.

    Raises
    ------
    OptionError
        The rectangle lies outside the image.
    """
    counted: list[tuple[NDArray[np.float64], NDArray[Any]]] = []
    for frame, display in frames:
        samples = _region(frame.samples, voi)
        modality = modality_of(description, display)
        excluded = _excluded(display, padding=padding)
        if voi.kind == "percentile":
            counted.append(_counted(samples, modality, excluded))
        elif (values := _extremes(samples, modality, excluded)).size:
            ends = np.array([values.min(), values.max()])
            counted.append((ends, np.ones(2, np.int64)))
    values = np.concatenate([entry[0] for entry in counted] or [np.empty(0)])
    if not values.size:
        return 0.0, 0.0
    if voi.kind != "percentile":
        return float(values.min()), float(values.max())
    counts = np.concatenate([entry[1] for entry in counted])
    return _percentiles(values, counts, voi.arguments)


def _region(samples: NDArray[Any], voi: Voi) -> NDArray[Any]:
    if voi.kind != "roi":
        return samples
    x, y, width, height = (int(argument) for argument in voi.arguments)
    region = samples[y : y + height, x : x + width]
    if not region.size:
        rows, columns = samples.shape[:2]
        raise OptionError(f"{voi} lies outside the image of {columns} x {rows} pixels")
    return region


def _excluded(display: DisplayAttributes, *, padding: bool) -> tuple[tuple[float, float], ...]:
    """Return ranges of stored values to exclude: padding, and values of a supplemental palette."""
    ranges = [display.padding] if padding and display.padding is not None else []
    if display.palette is not None:
        ranges.append((float(display.palette.red.first), np.inf))
    return tuple(ranges)


def _kept(values: NDArray[Any], excluded: tuple[tuple[float, float], ...]) -> NDArray[Any]:
    """Return the finite values that are not excluded."""
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    for low, high in excluded:
        values = values[(values < low) | (values > high)]
    return values


def _extremes(
    samples: NDArray[Any], modality: Modality, excluded: tuple[tuple[float, float], ...]
) -> NDArray[np.float64]:
    """Return values that include the least and the greatest."""
    if modality.table is not None:
        return _counted(samples, modality, excluded)[0]
    if samples.dtype.kind != "f" and not excluded:
        found = [samples.min(), samples.max()]
    else:
        flat = samples.reshape(-1)
        found = []
        for part in chunks(flat.size):
            kept = _kept(flat[part], excluded)
            if kept.size:
                found += [kept.min(), kept.max()]
    return _kept(modality.values(np.array(found, samples.dtype)), ())


def _counted(
    samples: NDArray[Any], modality: Modality, excluded: tuple[tuple[float, float], ...]
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return modality values and their counts."""
    if samples.dtype.kind != "f" and samples.dtype.itemsize <= 2:
        stored, counts = _histogram(samples)
    else:
        flat = samples.reshape(-1)
        stored = flat[:: max(1, -(-flat.size // _MOST_VALUES))]
        stored, counts = np.unique(_kept(stored, ()), return_counts=True)
    for first, last in excluded:
        is_kept = (stored < first) | (stored > last)
        stored, counts = stored[is_kept], counts[is_kept]
    values = modality.values(stored)
    is_finite = np.isfinite(values)
    return values[is_finite], counts[is_finite]


def _histogram(samples: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the distinct stored values in ascending order, and their counts."""
    low = int(samples.min())
    counts = np.zeros(int(samples.max()) - low + 1, np.int64)
    flat = samples.reshape(-1)
    for part in chunks(flat.size):
        counts += np.bincount(flat[part].astype(np.int64) - low, minlength=counts.size)
    occurring = np.flatnonzero(counts)
    return occurring + low, counts[occurring]


def _percentiles(
    values: NDArray[np.float64], counts: NDArray[Any], percents: tuple[float, ...]
) -> tuple[float, float]:
    """Return the percentiles: the smallest values that this share of the pixels does not exceed."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(counts[order])
    wanted = np.searchsorted(reached, [reached[-1] * percent / 100 for percent in percents])
    low, high = values[order[np.minimum(wanted, order.size - 1)]]
    return float(low), float(high)
