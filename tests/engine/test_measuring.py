"""Values and measures of a frame, against numpy over the stored values and by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rendicom.engine import open_instance
from rendicom.engine.measuring import MeasuredFrame
from rendicom.errors import OptionError
from rendicom.testing import element, image, sequence

CT = "1.2.840.10008.5.1.4.1.1.2"
PIXELS = (np.arange(12 * 20).reshape(12, 20) * 7 % 1000).astype(np.int16)


def _image(*more: Any, pixels: Any = PIXELS, modality: str = "CT", **how: Any) -> bytes:
    return image(pixels, extra=more, sop_class=CT, modality=modality, **how)


def _measured(data: bytes, shape: str, *numbers: float, frame: int = 1) -> dict[str, Any]:
    points = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    with open_instance(data) as instance:
        return MeasuredFrame(instance, frame).measure(shape, points)


RESCALE = (element(0x00281052, "DS", "-1024"), element(0x00281053, "DS", "2"))
WINDOW = (element(0x00281050, "DS", "40"), element(0x00281051, "DS", "80"))
SPACING = (element(0x00280030, "DS", ("0.5", "0.25")),)


def test_a_value_is_that_of_the_modality_and_no_window_matters():
    found = _measured(_image(*RESCALE, *WINDOW), "point", 3.9, 2.0)
    assert found == {"value": 2.0 * PIXELS[2, 3] - 1024, "unit": "HU"}
    assert _measured(_image(*RESCALE), "point", 3.9, 2.0) == found


@pytest.mark.parametrize(
    ("modality", "more", "unit"),
    [
        ("CT", (), "HU"),
        ("CT", (element(0x00281054, "LO", "US"),), ""),
        ("CT", (element(0x00281054, "LO", "MGML"),), "mg/ml"),
        ("MR", (), ""),
        ("MR", (element(0x00281054, "LO", "Doe^Jane"),), ""),
        ("PT", (element(0x00541001, "CS", "BQML"),), "Bq/ml"),
        ("RTDOSE", (element(0x30040002, "CS", "GY"),), "Gy"),
        ("RTDOSE", (element(0x30040002, "CS", "RELATIVE"),), ""),
    ],
)
def test_the_unit_is_of_a_list_and_never_a_text_of_the_file(modality, more, unit):
    data = _image(*RESCALE, *more, modality=modality)
    assert _measured(data, "point", 0, 0)["unit"] == unit


def test_a_real_world_value_gives_its_code_as_the_unit():
    def mapping(slope: float) -> Any:
        code = sequence(0x004008EA, [element(0x00080100, "SH", "mm2/s")])
        return sequence(0x00409096, [
            element(0x00409224, "FD", 0.0), element(0x00409225, "FD", slope), code,
        ])  # fmt: skip

    assert _measured(_image(mapping(1.0), modality="MR"), "point", 0, 0)["unit"] == "mm2/s"
    assert _measured(_image(mapping(2.0), modality="MR"), "point", 0, 0)["unit"] == ""


def test_a_length_is_in_millimeters_of_each_axis():
    # Rows lie 0.5 mm apart and columns 0.25 mm: 3 columns and 2 rows are 0.75 and 1 mm.
    found = _measured(_image(*SPACING), "line", 1, 1, 4, 3)
    assert found == {"length": pytest.approx(1.25), "unit": "mm"}
    at_detector = element(0x00181164, "DS", ("0.5", "0.25"))
    found = _measured(_image(at_detector, modality="DX"), "line", 1, 1, 4, 3)
    assert found == {"length": pytest.approx(1.25), "unit": "mm at the detector"}
    found = _measured(_image(modality="OT"), "line", 0, 0, 3, 4)
    assert found == {"length": 5.0, "unit": "pixels"}
    flat = element(0x00280034, "IS", ("2", "1"))
    assert _measured(_image(flat, modality="OT"), "line", 0, 0, 0, 4)["length"] == 8.0


def test_a_region_of_an_ultrasound_image_has_its_own_size():
    region = sequence(0x00186011, [
        element(0x00186018, "UL", 2), element(0x0018601A, "UL", 1),
        element(0x0018601C, "UL", 9), element(0x0018601E, "UL", 8),
        element(0x00186024, "US", 3), element(0x00186026, "US", 3),
        element(0x0018602C, "FD", 0.03), element(0x0018602E, "FD", -0.04),
    ])  # fmt: skip
    data = _image(region, modality="US")
    found = _measured(data, "line", 2, 1, 3, 2)
    assert found == {"length": pytest.approx(0.5), "unit": "mm"}
    assert _measured(data, "line", 2, 1, 15, 2)["unit"] == "pixels"


@pytest.mark.parametrize("degrees", [0, 30, 90, 135, 180])
def test_an_angle_is_that_of_the_patient_and_not_of_the_pixels(degrees):
    turn = math.radians(degrees)
    # In millimeters: one side along x, the other turned; pixels are twice as high as wide.
    end = (8 + 4 * math.cos(turn) / 0.25, 6 + 4 * math.sin(turn) / 0.5)
    found = _measured(_image(*SPACING), "angle", 18, 6, 8, 6, *end)
    assert found["angle"] == pytest.approx(degrees, abs=1e-6)


@pytest.mark.parametrize("corners", [(2, 3, 7, 9), (7, 9, 2, 3), (2.4, 2.6, 7.4, 9.4)])
def test_a_rectangle_holds_the_pixels_whose_centers_are_inside(corners):
    left, right = sorted((corners[0], corners[2]))
    top, bottom = sorted((corners[1], corners[3]))
    rows, columns = np.mgrid[0.5:12, 0.5:20]
    inside = (rows >= top) & (rows <= bottom) & (columns >= left) & (columns <= right)
    values = 2.0 * PIXELS[inside] - 1024
    found = _measured(_image(*RESCALE, *SPACING), "rectangle", *corners)
    assert found["pixels"] == inside.sum()
    assert found["mean"] == pytest.approx(values.mean())
    assert found["deviation"] == pytest.approx(values.std())
    assert (found["minimum"], found["maximum"]) == (values.min(), values.max())
    assert found["area"] == pytest.approx(inside.sum() * 0.125)
    assert (found["unit"], found["areaUnit"]) == ("HU", "mm2")


def test_color_has_a_value_for_each_channel():
    pixels = np.zeros((4, 5, 3), np.uint8)
    pixels[1, 2] = 10, 20, 30
    data = image(pixels, photometric="RGB")
    assert _measured(data, "point", 2.5, 1.5) == {"value": [10, 20, 30], "unit": ""}
    found = _measured(data, "rectangle", 0, 0, 5, 4)
    assert found["mean"] == [0.5, 1.0, 1.5]


def test_the_frame_is_the_one_that_is_named():
    data = _image(pixels=np.stack([PIXELS, PIXELS + 1]), modality="MR")
    assert _measured(data, "point", 3, 3, frame=2)["value"] == PIXELS[3, 3] + 1


def test_values_that_are_no_numbers_are_none_and_left_out_of_means():
    pixels = np.array([[1.5, np.nan], [np.inf, 2.5]], np.float32)
    data = _image(pixels=pixels, modality="MR")
    assert _measured(data, "point", 1, 0)["value"] is None
    assert _measured(data, "rectangle", 0, 0, 2, 2)["mean"] == 2.0


@pytest.mark.parametrize(
    ("shape", "numbers", "reason"),
    [
        ("point", (20, 1), "outside"),
        ("point", (-0.1, 1), "outside"),
        ("point", (1, 2, 3, 4), "number of points"),
        ("circle", (1, 2), "number of points"),
        ("line", (math.nan, 1, 2, 3), "finite"),
        ("angle", (1, 1, 1, 1, 2, 2), "has no length"),
        ("rectangle", (1, 1, 1.2, 1.2), "no pixel"),
        ("rectangle", (30, 30, 40, 40), "no pixel"),
    ],
)
def test_what_cannot_be_measured_is_said(shape, numbers, reason):
    with pytest.raises(OptionError, match=reason):
        _measured(_image(), shape, *numbers)
