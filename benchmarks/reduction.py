"""Compares small pictures with `fast`, made of an image decoded at a smaller size, with exact ones.

    uv run --all-extras --group test python benchmarks/reduction.py [--side N] [FOLDER]

First the frames of `samples`, in each coding that has smaller sizes: processor time of a whole
render to JPEG with and without `fast`, alternately, and the ratio of the medians. Then every image
of the folder (pydicom's test files by default) whose codec gives smaller sizes; those of up to 16
bits that are not compressed so are compressed as HTJ2K and as JPEG 2000 first. For each coding the
largest differences of display values, in steps of 255: mean, 99th percentile and most.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pydicom.data
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

import rendicom
from samples import Sample, kinds, write

DATA = Path(pydicom.data.__file__).parent / "test_files"
SMALLER = {
    "1.2.840.10008.1.2.4.50": "JPEG",
    "1.2.840.10008.1.2.4.90": "JPEG 2000",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.4.201": "HTJ2K",
    "1.2.840.10008.1.2.4.202": "HTJ2K",
    "1.2.840.10008.1.2.4.203": "HTJ2K",
}
ROUNDS = 9


def jpeg_samples(folder: Path) -> Iterator[Sample]:
    """Yield the frames of `samples` as 8-bit JPEG baseline."""
    for sample in write(folder):
        if sample.coding != "raw":
            yield sample
            continue
        top = max(int(sample.frame.max()), 1)
        frame = (sample.frame.astype(np.float64) * 255 / top).astype(np.uint8)
        stream = bytes(imagecodecs.jpeg8_encode(frame, 90))
        dataset = pydicom.dcmread(sample.path)
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
        if sample.window is not None:
            dataset.RescaleSlope, dataset.RescaleIntercept = "1", "0"
            dataset.WindowCenter, dataset.WindowWidth = "128", "256"
        dataset.PixelData = encapsulate([stream])
        dataset["PixelData"].VR = "OB"
        path = folder / f"{sample.path.stem}-jpeg.dcm"
        dataset.save_as(path)
        yield Sample(sample.kind, "jpeg", path, frame, stream, sample.window)


def cpu(call: Any) -> float:
    """Return the processor time of a call in milliseconds."""
    start = process_time()
    call()
    return (process_time() - start) * 1e3


def speed(sides: tuple[int, ...]) -> None:
    """Print time of exact and of fast pictures of the samples."""
    print(f"{'frame':10} {'coding':14} {'side':>5} {'exact ms':>9} {'fast ms':>8} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as name:
        for sample in jpeg_samples(Path(name)):
            if sample.coding in ("jpeg-lossless", "jpeg-ls"):
                continue
            for side in sides:
                calls = [
                    partial(rendicom.render, sample.path, 1, options) for options in both(side)
                ]
                took = [[cpu(call) for call in calls] for _ in range(ROUNDS)]
                exact, fast = (median(column) for column in zip(*took, strict=True))
                print(
                    f"{sample.kind:10} {sample.coding:14} {side:5} {exact:9.1f} {fast:8.2f}"
                    f" {exact / fast:6.1f}"
                )


def both(side: int) -> tuple[rendicom.RenderOptions, rendicom.RenderOptions]:
    exact = rendicom.RenderOptions(max_size=side)
    return exact, rendicom.RenderOptions(max_size=side, fast=True)


def variants(path: Path, side: int) -> Iterator[tuple[str, Any]]:
    """Yield the coding and the source of an image in every coding that has smaller sizes."""
    with rendicom.open_instance(path) as instance:
        coding = SMALLER.get(instance.transfer_syntax)
        described = instance.description
        if min(described.rows, described.columns) < 2 * side:
            return
        if coding is not None:
            yield coding, path
            return
        samples = instance.frame(1).samples
    if samples.ndim != 2 or samples.dtype.itemsize > 2 or samples.dtype.kind not in "ui":
        return
    dataset = pydicom.dcmread(path, force=True)
    if "NumberOfFrames" in dataset:
        dataset.NumberOfFrames = 1
    dataset.BitsAllocated = 8 * samples.dtype.itemsize
    dataset.PixelRepresentation = int(samples.dtype.kind == "i")
    whole = np.ascontiguousarray(samples)
    for coding, uid, stream in (
        ("JPEG 2000", JPEG2000Lossless, j2k(whole)),
        ("HTJ2K", "1.2.840.10008.1.2.4.201", bytes(imagecodecs.htj2k_encode(whole))),
    ):
        dataset.file_meta.TransferSyntaxUID = uid
        dataset.PixelData = encapsulate([stream])
        dataset["PixelData"].VR = "OB"
        yield coding, dataset


def j2k(samples: NDArray[Any]) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(samples, codecformat="j2k", reversible=True))


def differences(paths: list[Path], side: int) -> None:
    """Print the largest differences over all images, for each coding, and the worst images."""
    found: dict[str, list[tuple[float, float, float, str]]] = {}
    for path in paths:
        try:
            for coding, source in variants(path, side):
                with rendicom.open_instance(source) as instance:
                    exact, fast = (
                        instance.display(1, options).astype(int) for options in both(side)
                    )
                apart = np.abs(exact - fast)
                row = (
                    float(apart.mean()),
                    float(np.percentile(apart, 99)),
                    float(apart.max()),
                    path.name,
                )
                found.setdefault(coding, []).append(row)
        except (rendicom.RendicomError, ValueError, AttributeError, NotImplementedError, OSError):
            continue
    print(f"\npictures of {side} pixels: fast against exact, in steps of 255")
    for coding, rows in found.items():
        means, tails, most, _ = zip(*rows, strict=True)
        print(
            f"{coding:10} {len(rows):4} images:"
            f" mean {median(means):5.2f} (worst {max(means):5.2f}),"
            f" 99 % {median(tails):4.0f} (worst {max(tails):4.0f}), most {max(most):4.0f}"
        )
        for mean, tail, top, name in sorted(rows, reverse=True)[:3]:
            print(f"    {name:50} mean {mean:5.2f}, 99 % {tail:4.0f}, most {top:4.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", nargs="?", type=Path, default=DATA)
    parser.add_argument("--side", type=int, default=128)
    given = parser.parse_args()
    print(f"rendicom {rendicom.__version__}, imagecodecs {imagecodecs.__version__}")
    print(f"frames: {', '.join(kinds())}")
    speed((128, 256))
    differences([path for path in sorted(given.folder.rglob("*")) if path.is_file()], given.side)


if __name__ == "__main__":
    main()
