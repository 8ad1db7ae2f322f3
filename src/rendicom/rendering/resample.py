"""Resizes images: antialiased cubic, or nearest for values that must not be mixed.

The cubic is Keys' with a = -1/2, widened by the factor of reduction, so that every source pixel
counts. Weights are whole numbers of a fixed denominator: sums are exact in floating point
whatever their order, and the result is the same on every machine.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["nearest", "resample"]

_BLOCK = 32
"""Output rows or columns made by one matrix product."""
_SUPPORT = 2.0


def nearest(samples: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Return the image in another size; every value is one of the source's."""
    for axis, size in enumerate((rows, columns)):
        if samples.shape[axis] != size:
            index = (np.arange(size) * 2 + 1) * samples.shape[axis] // (2 * size)
            samples = np.take(samples, index, axis=axis)
    return samples


def resample(samples: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Return the image in another size, same dtype.

    Parameters
    ----------
    samples
        uint8, uint16 or float32, (rows, columns) or (rows, columns, 3). Non-finite floats make
        their neighbourhood NaN.
    rows, columns
        The new size, each at least 1.
    """
    passes = [(_columns_resampled, 1, columns), (_rows_resampled, 0, rows)]
    # The axis that shrinks more goes first: less is left for the other.
    if rows * samples.shape[1] < columns * samples.shape[0]:
        passes.reverse()
    for resampled, axis, size in passes:
        if samples.shape[axis] != size:
            samples = resampled(samples, size)
    return samples


def _rows_resampled(samples: NDArray[Any], size: int) -> NDArray[Any]:
    flat = samples.reshape(samples.shape[0], -1)
    result = np.empty((size, flat.shape[1]), samples.dtype)
    for made, used, weights in _blocks(samples.shape[0], size, samples.dtype.name):
        block = weights @ flat[used].astype(weights.dtype)
        result[made] = _rounded(block, samples.dtype)
    return result.reshape((size, *samples.shape[1:]))


def _columns_resampled(samples: NDArray[Any], size: int) -> NDArray[Any]:
    rows, width = samples.shape[:2]
    result = np.empty((rows, size, *samples.shape[2:]), samples.dtype)
    planes = [...] if samples.ndim == 2 else [(..., channel) for channel in range(3)]
    for made, used, weights in _blocks(width, size, samples.dtype.name):
        for plane in planes:
            block = samples[plane][:, used].astype(weights.dtype) @ weights.T
            result[plane][:, made] = _rounded(block, samples.dtype)
    return result


def _rounded(block: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a product as samples; sums of integers may pass the ends of the range a little."""
    if dtype.kind == "f":
        return block
    block += block.dtype.type(0.5)
    np.floor(block, out=block)
    return np.clip(block, 0, np.iinfo(dtype).max, out=block)


@lru_cache(maxsize=16)
def _blocks(source: int, target: int, dtype: str) -> tuple[tuple[slice, slice, NDArray[Any]], ...]:
    scale = source / target
    reach = _SUPPORT * max(scale, 1.0)
    work, denominator = _precision(dtype, reach)
    blocks = []
    for start in range(0, target, _BLOCK):
        stop = min(start + _BLOCK, target)
        centers = (np.arange(start, stop) + 0.5) * scale
        low = max(0, math.floor(centers[0] - reach))
        high = min(source, math.ceil(centers[-1] + reach))
        places = np.arange(low, high) + 0.5
        distances = np.abs(places - centers[:, None]) / max(scale, 1.0)
        weights = _whole(_cubic(distances), denominator)
        blocks.append((slice(start, stop), slice(low, high), weights.astype(work)))
    return tuple(blocks)


def _precision(dtype: str, reach: float) -> tuple[type[np.floating[Any]], float]:
    """Return the type of the sums and the denominator of the weights that keep sums exact.

    Weights add up to at most 1.3 in magnitude: 8 + 15 bits fit the 24 of float32, 16 + 30 the
    53 of float64. So many inputs that a weight would be a few units need the finer one.
    """
    if dtype == "uint8" and reach <= 64:
        return np.float32, 2.0**15
    return np.float64, 2.0**30


def _cubic(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Keys' cubic convolution kernel with a = -1/2."""
    near = (1.5 * distances - 2.5) * distances * distances + 1
    far = ((-0.5 * distances + 2.5) * distances - 4) * distances + 2
    return np.where(distances < 1, near, np.where(distances < _SUPPORT, far, 0.0))


def _whole(weights: NDArray[np.float64], denominator: float) -> NDArray[np.float64]:
    """Return rows scaled to sum 1, in whole parts of the denominator; the largest takes the rest.

    A constant image stays what it is.
    """
    parts: NDArray[np.float64] = np.rint(weights / weights.sum(axis=1, keepdims=True) * denominator)
    largest = np.argmax(parts, axis=1)
    parts[np.arange(len(parts)), largest] += denominator - parts.sum(axis=1)
    parts /= denominator
    return parts
