"""Stored values equal those of other decoders: pydicom's plugins, and GDCM's digests."""

from __future__ import annotations

import csv
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.pixels import pixel_array

from golden.images import LOSSY, files, folder, frames_of
from rendicom.engine import open_instance
from rendicom.errors import RendicomError

CASES = [(source, file) for source in ("pydicom", "corpus") for file in files(source)]
KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

# pydicom's values differ, and why.
DIFFERENT = {
    "pylibjpegdata__TOSHIBA_J2K_SIZ1_PixRep0.dcm": (
        "a signed stream under an unsigned header: pydicom adds 32768, PS3.5 8.2.4 goes by the "
        "stream, whose values are Hounsfield units (rescale 1, 0)"
    ),
    "pylibjpegdata__SC_rgb_jpeg_lossy_gdcm.dcm": (
        "subsampled YCbCr that the header calls RGB: only so its red is (254, 0, 0)"
    ),
}

# GDCM's digest is of other bytes, and why.
OTHER_DIGEST = {
    "pylibjpegdata__JPEGExtended_3s_1f_u_08_08.dcm": "lossy colour, left in YBR by GDCM",
}


def _read(path: Path) -> pydicom.Dataset | None:
    try:
        dataset = pydicom.dcmread(path, force=True)
    except Exception:  # noqa: BLE001
        return None
    return dataset if any(keyword in dataset for keyword in KEYWORDS) else None


def _theirs(dataset: pydicom.Dataset, number: int) -> Any:
    """Return pydicom's stored values with colour turned to RGB, or None where it cannot."""
    try:
        return pixel_array(dataset, index=number - 1)
    except Exception:  # noqa: BLE001
        return None


@pytest.mark.parametrize(("source", "file"), CASES)
def test_stored_values(source: str, file: str) -> None:
    path = files(source)[file]
    dataset = _read(path)
    if dataset is None:
        pytest.skip("no pixel data")
    try:
        instance = open_instance(path)
        numbers = frames_of(instance)
    except RendicomError:
        pytest.skip("refused; see the golden table")
    with instance:
        for number in numbers:
            theirs = _theirs(dataset, number)
            if theirs is None:
                pytest.skip("pydicom has no decoder here")
            ours = instance.frame(number).samples
            _compare(ours, theirs, instance.transfer_syntax, file)


def _compare(ours: Any, theirs: Any, transfer_syntax: str, file: str) -> None:
    if ours.dtype.kind == "f":
        assert np.array_equal(ours, theirs, equal_nan=True)
        return
    assert ours.shape == theirs.shape
    worst = int(np.abs(ours.astype(np.int64) - theirs.astype(np.int64)).max())
    if file in DIFFERENT:
        assert worst > 0, "no longer different: take it out of the list"
        return
    # Colour that pydicom turns from YBR to RGB is rounded in another place.
    assert worst <= (3 if transfer_syntax in LOSSY or ours.ndim == 3 else 0)


@cache
def _digests() -> dict[str, str]:
    root = folder("corpus")
    if root is None:
        return {}
    with (root / "MANIFEST.tsv").open(newline="") as text:
        lines = list(csv.DictReader(text, delimiter="\t"))
    found = (
        (line["file"], re.search("GDCM md5 ([0-9a-f]{32})", line["exercises"])) for line in lines
    )
    return {file: match[1] for file, match in found if match and file not in OTHER_DIGEST}


@pytest.mark.corpus
@pytest.mark.parametrize("file", sorted(_digests()) or ["absent"])
def test_values_of_gdcm(file: str) -> None:
    if file == "absent":
        pytest.skip("no corpus")
    root = folder("corpus")
    assert root is not None
    with open_instance(root / file) as instance:
        frames = [
            instance.frame(number).samples
            for number in range(1, instance.description.number_of_frames + 1)
        ]
        allocated = instance.description.bits_allocated // 8
    data = b"".join(frame.astype(f"<{frame.dtype.kind}{allocated}").tobytes() for frame in frames)
    assert hashlib.md5(data, usedforsecurity=False).hexdigest() == _digests()[file]
