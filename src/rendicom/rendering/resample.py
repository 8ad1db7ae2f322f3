"""Resizes images: antialiased cubic, or nearest neighbor for values that must not be mixed.

The cubic kernel is Keys' with a = -1/2, widened by the factor of reduction, so that every source
pixel contributes. Weights are multiples of a fixed fraction: floating point sums are exact in any
order, and results are equal on all machines.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    _Span = tuple[float, float]
    Spans = tuple[_Span, _Span]

_BLOCK = 32
"""Output rows or columns computed by one matrix product."""
_SUPPORT = 2.0


def nearest(samples: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Return the image in another size, with nearest neighbor sampling."""
    for axis, size in enumerate((rows, columns)):
        if samples.shape[axis] != size:
            index = (np.arange(size) * 2 + 1) * samples.shape[axis] // (2 * size)
            samples = np.take(samples, index, axis=axis)
    return samples


def resample(
    samples: NDArray[Any], rows: int, columns: int, spans: Spans | None = None
) -> NDArray[Any]:
    """Return the image, or a part of it, in another size and the same dtype.

    Parameters
    ----------
    samples
        uint8, uint16 or float32, (rows, columns) or (rows, columns, 3). Non-finite floats make
        their neighborhood NaN.
    rows, columns
        The new size, each at least 1.
    spans
        Start and end of the part along rows and columns, in samples; all by default.
    """
    passes = [(_columns_resampled, 1, columns), (_rows_resampled, 0, rows)]
    # The axis with the greater reduction first: less work for the other.
    if rows * samples.shape[1] < columns * samples.shape[0]:
        passes.reverse()
    for resampled, axis, size in passes:
        span = (0.0, float(samples.shape[axis])) if spans is None else spans[axis]
        if span != (0, size) or samples.shape[axis] != size:
            samples = resampled(samples, size, span)
    return samples


def _rows_resampled(samples: NDArray[Any], size: int, span: _Span) -> NDArray[Any]:
    flat = samples.reshape(samples.shape[0], -1)
    result = np.empty((size, flat.shape[1]), samples.dtype)
    for made, used, weights in _blocks(samples.shape[0], size, samples.dtype.name, span):
        block = weights @ flat[used].astype(weights.dtype)
        result[made] = _rounded(block, samples.dtype)
    return result.reshape((size, *samples.shape[1:]))


def _columns_resampled(samples: NDArray[Any], size: int, span: _Span) -> NDArray[Any]:
    rows, width = samples.shape[:2]
    result = np.empty((rows, size, *samples.shape[2:]), samples.dtype)
    planes = [...] if samples.ndim == 2 else [(..., channel) for channel in range(3)]
    for made, used, weights in _blocks(width, size, samples.dtype.name, span):
        for plane in planes:
            block = samples[plane][:, used].astype(weights.dtype) @ weights.T
            result[plane][:, made] = _rounded(block, samples.dtype)
    return result


def _rounded(block: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a product as samples, clipped to the range of integers."""
    if dtype.kind == "f":
        return block
    block += block.dtype.type(0.5)
    np.floor(block, out=block)
    return np.clip(block, 0, np.iinfo(dtype).max, out=block)


@lru_cache(maxsize=16)
def _blocks(
    source: int, target: int, dtype: str, span: _Span
) -> tuple[tuple[slice, slice, NDArray[Any]], ...]:
    scale = (span[1] - span[0]) / target
    reach = _SUPPORT * max(scale, 1.0)
    work, denominator = _precision(dtype, reach)
    blocks = []
    for start in range(0, target, _BLOCK):
        stop = min(start + _BLOCK, target)
        centers = (np.arange(start, stop) + 0.5) * scale + span[0]
        low = max(0, math.floor(centers[0] - reach))
        high = min(source, math.ceil(centers[-1] + reach))
        places = np.arange(low, high) + 0.5
        distances = np.abs(places - centers[:, None]) / max(scale, 1.0)
        weights = _whole(_cubic(distances), denominator)
        blocks.append((slice(start, stop), slice(low, high), weights.astype(work)))
    return tuple(blocks)


def _precision(dtype: str, reach: float) -> tuple[type[np.floating[Any]], float]:
    """Return the dtype of sums and the denominator of weights that keep sums exact.

    Weights have a total magnitude of at most 1.3: 8 + 15 bits fit in the 24 of float32, 16 + 30
    in the 53 of float64. With many inputs, weights need the larger denominator.
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
    """Return rows with sum 1 in multiples of 1 / denominator; the largest weight takes the rest.

    A constant image stays constant.
    """
    parts: NDArray[np.float64] = np.rint(weights / weights.sum(axis=1, keepdims=True) * denominator)
    largest = np.argmax(parts, axis=1)
    parts[np.arange(len(parts)), largest] += denominator - parts.sum(axis=1)
    parts /= denominator
    return parts
