"""From pixel cells to stored values to modality values (PS3.5 8.1.1, PS3.3 C.11.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from rendicom.engine import open_instance
from rendicom.testing import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    element,
    image,
    lookup_table,
    pack_cells,
)
from rendicom.testing.strategies import StoredImage, stored_images

Show = Callable[..., Any]

MODALITY_LUT = 0x00283000
SLOPE, INTERCEPT = 0x00281053, 0x00281052
XA, XRF = "1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.2"

# header (bits stored, high bit, signed), cell, stored value, display value with identity VOI
CELLS = [
    ((12, 11, False), 0xF123, 291, 18),
    ((12, 11, False), 0x0FFF, 4095, 255),
    ((12, 11, True), 0x0800, -2048, 0),
    ((12, 11, True), 0x0000, 0, 128),
    ((12, 11, True), 0x07FF, 2047, 255),
    ((12, 11, True), 0xF7FF, 2047, 255),
    ((12, 11, True), 0x0FFF, -1, 127),
    ((12, 15, False), 0x1230, 0x123, 18),
    ((12, 15, False), 0x123A, 0x123, 18),
    ((12, 15, True), 0x8000, -2048, 0),
    ((16, 15, True), 0x8000, -32768, 0),
    ((10, 11, False), 0x0FFC, 1023, 255),
]


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize(("header", "cell", "value", "shown"), CELLS)
def test_cells(
    header: tuple[int, int, bool], cell: int, value: int, shown: int, syntax: str,
    display: Show, stored: Show,
) -> None:  # fmt: skip
    bits, high, signed = header
    data = image(
        pack_cells(np.full((1, 3), cell), bits_allocated=16), rows=1, columns=3,
        bits_allocated=16, bits_stored=bits, high_bit=high, signed=signed,
        transfer_syntax=syntax,
    )  # fmt: skip
    assert stored(data).tolist() == [[value] * 3]
    assert display(data, voi="identity").tolist() == [[shown] * 3]


@settings(max_examples=150, deadline=None)
@given(stored_images())
def test_any_native_layout(made: StoredImage) -> None:
    with open_instance(made.data) as instance:
        for number, expected in enumerate(made.values, start=1):
            frame = instance.frame(number)
            assert np.array_equal(frame.samples, expected)
            assert (frame.bits_stored, frame.signed) == (made.bits_stored, made.signed)


def test_eight_bit_signed(display: Show, stored: Show) -> None:
    data = image(np.array([[-128, 0, 127]], np.int8))
    assert stored(data).tolist() == [[-128, 0, 127]]
    assert display(data, voi="identity").tolist() == [[0, 128, 255]]


def test_twelve_bit_cells_of_old_files(stored: Show) -> None:
    values = np.arange(15).reshape(3, 5) * 273
    data = image(values, bits_allocated=12, bits_stored=12, signed=False)
    assert stored(data).tolist() == values.tolist()


@pytest.mark.parametrize(("slope", "intercept", "window", "values"), [
    (1, -1024, "40,400", {864: 0, 865: 1, 1064: 128, 1263: 255, 1264: 255}),
    (-1, 0, "0,100", {50: 0, -50: 255}),
    (2, -1000, "0,1001", {0: 0, 250: 0, 500: 128, 750: 255}),
    (0.5, 0, "10,20,linear-exact", {0: 0, 20: 128, 40: 255}),
])  # fmt: skip
def test_rescale_then_window(
    slope: float, intercept: float, window: str, values: dict[int, int], display: Show
) -> None:
    data = image(
        np.array([list(values)], np.int16),
        extra=[element(SLOPE, "DS", slope), element(INTERCEPT, "DS", intercept)],
    )
    assert display(data, window=window).tolist() == [list(values.values())]


def test_slope_far_below_one(display: Show) -> None:
    """The example of identity in PS3.3 C.11.2.1.3.2."""
    data = image(
        np.array([[0, 32768, 65535]], np.uint16),
        extra=[element(SLOPE, "DS", repr(1 / 65535)), element(INTERCEPT, "DS", "0")],
    )
    assert display(data, window="0.5,1,linear-exact").tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("text", ["0.000015259", " 1E1 ", "+2.50", "-.5"])
def test_decimal_strings_in_every_spelling(text: str, display: Show) -> None:
    data = image(
        np.array([[1000]], np.uint16),
        extra=[element(SLOPE, "DS", text), element(INTERCEPT, "DS", "-1e2")],
    )
    expected = np.float32(float(text) * 1000 - 100)
    assert display(data, values="modality")[0, 0] == pytest.approx(expected, rel=1e-6)


def test_slope_of_zero_counts_as_one(display: Show, picture: Show) -> None:
    data = image(
        np.array([[5, 7]], np.uint16),
        extra=[element(SLOPE, "DS", 0), element(INTERCEPT, "DS", 10)],
    )
    assert display(data, values="modality").tolist() == [[15, 17]]
    assert picture(data).warnings


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
def test_modality_lut_clamps_at_both_ends(syntax: str, display: Show) -> None:
    data = image(
        np.array([[-5, -2, -1, 1, 7]], np.int16),
        extra=[lookup_table([100, 200, 300, 400], tag=MODALITY_LUT, first=-2, vr="SS")],
        transfer_syntax=syntax,
    )
    assert display(data, values="modality").tolist() == [[100, 100, 200, 400, 400]]


@pytest.mark.parametrize(("vr", "first", "dtype"), [
    ("US", 0, np.uint16),
    ("SS", 0, np.uint16),
    ("SS", -32768, np.int16),
])  # fmt: skip
def test_lut_of_65536_entries(vr: str, first: int, dtype: type, display: Show) -> None:
    entries = np.arange(65536)[::-1]
    info = np.iinfo(dtype)
    data = image(
        np.array([[info.min, 0, info.max]], dtype),
        extra=[lookup_table(entries, tag=MODALITY_LUT, first=first, vr=vr)],
    )
    expected = [[65535, 65535 + first, 0]]
    assert display(data, values="modality").tolist() == expected


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("count", [256, 255])
def test_lut_of_eight_bit_entries(packed: bool, count: int, syntax: str, display: Show) -> None:
    """Two entries a word, or one a word as some files have it (PS3.3 C.11.1.1.1)."""
    entries = np.arange(256)[::-1][:count]
    data = image(
        np.array([[0, 1, 100, 254, 255]], np.uint8),
        extra=[lookup_table(entries, tag=MODALITY_LUT, bits=8, packed=packed)],
        transfer_syntax=syntax,
    )
    last = 255 - min(255, count - 1)
    assert display(data, values="modality").tolist() == [[255, 254, 155, 1, last]]


def test_modality_lut_wins_over_rescale(display: Show) -> None:
    data = image(
        np.array([[0, 1]], np.uint16),
        extra=[lookup_table([7, 9], tag=MODALITY_LUT), element(SLOPE, "DS", 100)],
    )
    assert display(data, values="modality").tolist() == [[7, 9]]


@pytest.mark.parametrize(("sop_class", "relationship", "applied"), [
    (XA, "LOG", False),
    (XA, "DISP", False),
    (XA, "LIN", True),
    (XRF, "LOG", False),
    *((f"1.2.840.10008.5.1.4.1.1.12.{last}", relationship, applied)
      for last in ("1.1", "2.1", "3")  # enhanced XA and XRF, and the retired biplane class
      for relationship, applied in (("LOG", False), ("DISP ", False), ("LIN", True))),
    ("1.2.840.10008.5.1.4.1.1.7", "LOG", True),
])  # fmt: skip
def test_angiography_shows_the_logarithm(
    sop_class: str, relationship: str, applied: bool, display: Show
) -> None:
    """The LUT of a logarithmic image leads back to intensity (PS3.3 C.8.7.1.1.2)."""
    data = image(
        np.array([[0, 1, 2]], np.uint16), sop_class=sop_class,
        extra=[
            lookup_table([30, 20, 0], tag=MODALITY_LUT),
            element(0x00281040, "CS", relationship),
        ],
    )  # fmt: skip
    expected = [[255, 170, 0]] if applied else [[0, 128, 255]]
    assert display(data, voi="minmax").tolist() == expected


def test_dose_is_scaled(display: Show) -> None:
    data = image(
        np.array([[0, 1000, 4000]], np.uint32), sop_class="1.2.840.10008.5.1.4.1.1.481.2",
        modality="RTDOSE", extra=[element(0x3004000E, "DS", "0.001")],
    )  # fmt: skip
    assert display(data, values="modality").tolist() == [[0, 1, 4]]
    assert display(data).tolist() == [[0, 64, 255]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
def test_float_pixels(dtype: type, syntax: str, display: Show, stored: Show) -> None:
    values = np.array([[np.nan, -1.0, 0.0, 1.0, np.inf, -np.inf]], dtype)
    data = image(values, transfer_syntax=syntax)
    assert np.array_equal(stored(data), values, equal_nan=True)
    assert display(data).tolist() == [[0, 0, 128, 255, 0, 0]]
    assert display(data, window="0,4,linear-exact").tolist() == [[0, 64, 128, 191, 0, 0]]


def test_fractional_segmentation(display: Show) -> None:
    data = image(
        np.array([[0, 100, 200]], np.uint8), sop_class="1.2.840.10008.5.1.4.1.1.66.4",
        modality="SEG",
        extra=[element(0x00620001, "CS", "FRACTIONAL"), element(0x0062000E, "US", 200)],
    )  # fmt: skip
    assert display(data).tolist() == [[0, 128, 255]]


def test_binary_segmentation(display: Show) -> None:
    data = image(
        np.array([[0, 1, 1]], np.uint8), bits_allocated=1, modality="SEG",
        sop_class="1.2.840.10008.5.1.4.1.1.66.4", extra=[element(0x00620001, "CS", "BINARY")],
    )  # fmt: skip
    assert display(data).tolist() == [[0, 255, 255]]
