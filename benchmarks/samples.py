"""Makes the frames the benchmarks run on: realistic content, a real scanner's header."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate

SYNTAXES = {
    "raw": "1.2.840.10008.1.2.1",
    "jpeg-lossless": "1.2.840.10008.1.2.4.70",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg-2000": "1.2.840.10008.1.2.4.90",
    "htj2k": "1.2.840.10008.1.2.4.201",
}


@dataclass(frozen=True)
class Sample:
    """One file, its frame as stored and as encoded."""

    kind: str
    coding: str
    path: Path
    frame: NDArray[Any]
    stream: bytes
    window: tuple[float, float] | None


def kinds() -> dict[str, tuple[NDArray[Any], int, tuple[float, float] | None]]:
    """Return frame, Bits Stored and window (in stored units) of each kind of image."""
    small = pydicom.dcmread(get_testdata_file("CT_small.dcm")).pixel_array
    rng = np.random.default_rng(7)
    ct = _enlarged(small, 512) + rng.normal(0, 12, (512, 512))
    chest = _enlarged(small, 2048) * 1.5 + rng.normal(0, 6, (2048, 2048))
    base = _enlarged(small, 1024)
    gray = (base - base.min()) / np.ptp(base) * 255
    channels = [gray, np.roll(gray, 9, 0), 255 - gray]
    rgb = np.stack(channels, axis=2) + rng.normal(0, 2, (1024, 1024, 3))
    return {
        "CT 512": (np.clip(ct, 0, 4095).astype(np.uint16), 16, (1064, 400)),
        "DX 2048": (np.clip(chest, 0, 4095).astype(np.uint16), 12, (2000, 3000)),
        "RGB 1024": (np.clip(rgb, 0, 255).astype(np.uint8), 8, None),
    }


def _enlarged(image: NDArray[Any], side: int) -> NDArray[np.float64]:
    """Return the image enlarged by linear interpolation along both axes."""
    at = np.linspace(0, image.shape[0] - 1, side)
    known = np.arange(image.shape[0])
    rows = np.stack([np.interp(at, known, column) for column in image.T.astype(float)], axis=1)
    return np.stack([np.interp(at, known, row) for row in rows], axis=0)


def encoded(frame: NDArray[Any], coding: str, bits: int) -> bytes:
    """Return the frame as one lossless stream."""
    if coding == "jpeg-lossless":
        return bytes(
            imagecodecs.jpeg8_encode(frame, lossless=True, predictor=1, bitspersample=bits)
        )
    if coding == "jpeg-ls":
        return bytes(imagecodecs.jpegls_encode(frame))
    if coding == "jpeg-2000":
        return bytes(imagecodecs.jpeg2k_encode(frame, codecformat="j2k", reversible=True, level=0))
    if coding == "htj2k":
        return bytes(imagecodecs.htj2k_encode(frame, reversible=True))
    return frame.tobytes()


def write(folder: Path) -> list[Sample]:
    """Write one file for each kind and coding, with the header of a CT scanner."""
    samples = []
    for kind, (frame, bits, window) in kinds().items():
        for coding, syntax in SYNTAXES.items():
            stream = encoded(frame, coding, bits)
            path = folder / f"{kind.replace(' ', '-')}-{coding}.dcm".lower()
            _dataset(frame, stream, syntax=syntax, bits=bits, window=window).save_as(path)
            samples.append(Sample(kind, coding, path, frame, stream, window))
    return samples


def _dataset(
    frame: NDArray[Any],
    stream: bytes,
    *,
    syntax: str,
    bits: int,
    window: tuple[float, float] | None,
) -> pydicom.Dataset:
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.Rows, dataset.Columns = frame.shape[:2]
    dataset.BitsAllocated = frame.dtype.itemsize * 8
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, 0
    for keyword in ("PixelPaddingValue", "SmallestImagePixelValue", "LargestImagePixelValue"):
        if keyword in dataset:
            delattr(dataset, keyword)
    dataset.RescaleSlope, dataset.RescaleIntercept = "1", "-1024"
    if window is None:
        dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
        is_wavelet = syntax.endswith((".90", ".201"))
        dataset.PhotometricInterpretation = "YBR_RCT" if is_wavelet else "RGB"
    else:
        dataset.WindowCenter, dataset.WindowWidth = window[0] - 1024, window[1]
    if syntax == SYNTAXES["raw"]:
        dataset.PixelData = stream
        dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
    else:
        dataset.PixelData = encapsulate([stream])
        dataset["PixelData"].VR = "OB"
    return dataset
