"""Asks whether a codec's reduced image makes the same small picture as the whole one does.

HTJ2K gives an image halved any number of times without decoding the rest. Here frames of real files
are encoded so, and a picture of 128 rows is made twice: from the whole image, and from the reduced
one that is still at least as large. Both are windowed first and resampled with the filter of
`rendicom.rendering.resample`; the reduced one is moved back by the fraction of a pixel that halving
moved it.

    uv run --all-extras --group test python benchmarks/reduction.py [FOLDER]

A line for each file and step: time of either decoding, and how far the pictures are apart, in steps
of 255. Tolerable would be a mean of 1 and a 99th percentile of 4, for every file: nothing in a
header tells those that keep to it from the others. They do not, so thumbnails are made of the whole
image.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import imagecodecs
import numpy as np
import pydicom.data
from numpy.typing import NDArray

import rendicom
from rendicom.rendering.resample import _cubic
from samples import kinds

ROWS = 128
DATA = Path(pydicom.data.__file__).parent / "test_files"


def images(paths: list[Path]) -> Iterator[tuple[str, NDArray[Any], tuple[float, float]]]:
    """Yield name, stored values and window (lowest and highest of them) of gray frames."""
    for kind, (frame, _bits, window) in kinds().items():
        if window is not None:
            yield kind, frame, (window[0] - window[1] / 2, window[0] + window[1] / 2)
    for path in paths:
        try:
            with rendicom.open_instance(path) as instance:
                frame = instance.frame(1)
        except rendicom.RendicomError:
            continue
        samples = frame.samples
        if samples.ndim == 2 and len(samples) >= 4 * ROWS and samples.dtype.itemsize <= 2:
            low, high = float(samples.min()), float(samples.max())
            middle, half = (low + high) / 2, (high - low) / 4
            yield path.name, samples, (middle - half, middle + half)


def shown(image: NDArray[Any], window: tuple[float, float]) -> NDArray[np.float64]:
    """Return display values, 0 to 255, not rounded."""
    low, high = window
    values: NDArray[np.float64] = np.clip((image - low) / max(high - low, 1), 0, 1) * 255
    return values


def small(image: NDArray[Any], columns: int, *, halvings: int = 0) -> NDArray[np.float64]:
    """Return the image with ROWS rows; a halved sample lies where the first of its two was."""
    shift = -(1 - 0.5**halvings) / 2
    for axis, size in ((0, ROWS), (1, columns)):
        scale = image.shape[axis] / size
        centers = (np.arange(size) + 0.5) * scale
        places = np.arange(image.shape[axis]) + 0.5 + shift
        weights = _cubic(np.abs(places - centers[:, None]) / max(scale, 1.0))
        weights /= weights.sum(axis=1, keepdims=True)
        image = np.moveaxis(np.tensordot(weights, image, (1, axis)), 0, axis)
    return np.rint(image)


def timed(stream: bytes, halvings: int) -> tuple[NDArray[Any], float]:
    """Return the image and the best of three times, in milliseconds."""
    times = []
    for _ in range(3):
        start = perf_counter()
        image = imagecodecs.htj2k_decode(stream, skipres=halvings or None)
        times.append(perf_counter() - start)
    return image, min(times) * 1e3


def main() -> None:
    """Measure each image at each step."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    paths = (
        [path for path in sorted(folder.rglob("*")) if path.is_file()] if folder is not None
        else sorted(DATA.rglob("*.dcm"))
    )  # fmt: skip
    for name, image, window in images(paths):
        stream = imagecodecs.htj2k_encode(np.ascontiguousarray(image))
        whole, seconds = timed(stream, 0)
        columns = round(ROWS * image.shape[1] / image.shape[0])
        expected = small(shown(whole, window), columns)
        halvings = 1
        while image.shape[0] >> halvings >= ROWS:
            reduced, less = timed(stream, halvings)
            got = small(shown(reduced, window), columns, halvings=halvings)
            apart = np.abs(got - expected)
            print(
                f"{name:40} {seconds:6.1f} ms, 1/{2**halvings} {less:5.1f} ms:"
                f" mean {apart.mean():6.2f}, 99 % {np.percentile(apart, 99):4.0f},"
                f" most {apart.max():4.0f}"
            )
            halvings += 1


if __name__ == "__main__":
    main()
