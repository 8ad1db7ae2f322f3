"""Converts stored gray values, or color channels of other depths, to display values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.rendering.lut import CHUNK, Tone, chunks, look_up, tone_table
from rendicom.workers.parallel import in_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.rendering.linear_window import LinearWindow

_LARGE = 1 << 20
"""Samples from which it pays to compare the arithmetic with the table."""
_MEDIUM = 1 << 16
_STRIP = 1 << 19
"""Samples that one of several threads converts at a time."""
_OFTEN = 12
"""Number of smaller images with the same transform from which it pays as well."""


def apply_tone(samples: NDArray[Any], tone: Tone, *, bits: int, threads: int = 1) -> NDArray[Any]:
    """Return display values, uint8 or uint16, shape of ``samples``.

    Integers of 8 and 16 bits use a table or equal arithmetic; others are computed in chunks, which
    limits the intermediate float64 values. Large images are converted by up to ``threads`` threads.
    """
    convert, step = _conversion(samples, tone, bits)
    if samples.size <= _LARGE:
        threads = 1
    if threads == 1 and step is None:
        return convert(samples)
    flat = samples.reshape(-1)
    result = np.empty(flat.shape, np.uint8 if tone.bit_depth == 8 else np.uint16)

    def fill(part: slice) -> None:
        result[part] = convert(flat[part])

    in_threads(fill, chunks(flat.size, step or _STRIP), threads)
    return result.reshape(samples.shape)


def _conversion(
    samples: NDArray[Any], tone: Tone, bits: int
) -> tuple[Callable[[NDArray[Any]], NDArray[Any]], int | None]:
    """Return a function of any samples, and how many it should get at a time, if that matters."""
    if samples.dtype.kind == "f" or samples.dtype.itemsize > 2:
        return tone.display, CHUNK
    if samples.dtype.isnative and _is_worth_a_proof(samples, tone, bits):
        line = _line_of(tone, samples.dtype, bits)
        if line is not None:
            return line.display, None
    table = tone_table(tone, samples.dtype.name, bits)
    return lambda part: look_up(part, table), None


_proved: tuple[Tone, np.dtype[Any], int, LinearWindow | None] | None = None
"""The last transform that was compared with its table."""


def _line_of(tone: Tone, dtype: np.dtype[Any], bits: int) -> LinearWindow | None:
    """Return arithmetic equal to the table; at once for the transform of the image before."""
    global _proved  # noqa: PLW0603 - the memory of the process
    last = _proved
    if last is not None and last[0] is tone and last[1] == dtype and last[2] == bits:
        return last[3]
    from rendicom.rendering.linear_window import linear_window

    line = linear_window(tone, dtype.name, bits)
    _proved = tone, dtype, bits, line
    return line


def _is_worth_a_proof(samples: NDArray[Any], tone: Tone, bits: int) -> bool:
    if samples.size < _MEDIUM:
        return False
    if _proved is not None and _proved[0] is tone:
        return True
    return samples.size >= _LARGE or next(_meetings(tone, samples.dtype.name, bits)) >= _OFTEN


@lru_cache(maxsize=32)
def _meetings(tone: Tone, dtype: str, bits: int) -> Iterator[int]:  # noqa: ARG001
    """Return the number of images of each transform in this process."""
    return count()
