"""How many of the 95 files with Pixel Data that pydicom ships become a picture."""

from __future__ import annotations

import pydicom
import pytest

from golden.images import files
from rendicom.engine import open_instance
from rendicom.errors import RendicomError

# Files with Pixel Data that hold no image.
NO_IMAGE = {
    "nested_priv_SQ.dcm": "two bytes of Pixel Data; no Rows, Columns, Bits Allocated",
    "meta_missing_tsyntax.dcm": "the same, and no transfer syntax",
}
KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def _with_pixels() -> list[str]:
    found = []
    for file, path in files("pydicom").items():
        try:
            dataset = pydicom.dcmread(path, force=True)
        except Exception:  # noqa: BLE001, S112
            continue
        if any(keyword in dataset for keyword in KEYWORDS):
            found.append(file)
    return found


def test_every_file_with_pixel_data_renders() -> None:
    if not pydicom.__version__.startswith("3.0."):
        pytest.skip("counted for pydicom 3.0")
    named = _with_pixels()
    assert len(named) == 95
    paths = files("pydicom")
    refused = {}
    for file in named:
        try:
            with open_instance(paths[file]) as instance:
                instance.render(1, media_type="image/png")
        except RendicomError as error:
            refused[file] = error.code
    assert set(refused) == set(NO_IMAGE), refused
    assert set(refused.values()) <= {"no-pixel-data", "corrupt-data"}
