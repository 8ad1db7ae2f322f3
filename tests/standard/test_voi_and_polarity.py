"""From modality values to display values (PS3.3 C.11.2, C.7.6.3.1.2, C.7.5.1.1.2)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rendicom.engine import open_instance
from rendicom.errors import OptionError
from rendicom.options import RenderOptions
from rendicom.testing import element, functional_groups, image, lookup_table, palette, sequence
from rendicom.values import Window

Show = Callable[..., Any]

CENTER, WIDTH, FUNCTION, EXPLANATION = 0x00281050, 0x00281051, 0x00281056, 0x00281055
SLOPE, INTERCEPT = 0x00281053, 0x00281052
PADDING, PADDING_LIMIT = 0x00280120, 0x00280121
DX = "1.2.840.10008.5.1.4.1.1.1.1"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"

# window, {modality value: display value}
WINDOWS = [
    ("2048,4096", {0: 0, 2047: 127, 2048: 128, 4095: 255}),
    ("0,100", {-50: 0, -49: 3, 0: 129, 48: 252, 49: 255, 50: 255}),
    ("2048,1", {2047: 0, 2048: 255}),
    ("2048,2", {2047: 0, 2048: 255}),
    ("0,100,linear-exact", {-50: 0, 0: 128, 49: 252, 50: 255}),
    ("40,400,linear-exact", {-160: 0, -60: 64, 40: 128, 240: 255, 241: 255}),
    ("0,100,sigmoid", {-100: 5, -50: 30, 0: 128, 50: 225, 100: 250}),
    ("-5000,100", {-100: 255, 0: 255}),
    ("5000,100", {-100: 0, 0: 0}),
]


@pytest.mark.parametrize("where", ["option", "file"])
@pytest.mark.parametrize(("window", "values"), WINDOWS)
def test_windows(window: str, values: dict[int, int], where: str, display: Show) -> None:
    pixels = np.array([list(values)], np.int16)
    if where == "option":
        shown = display(image(pixels), window=window)
    else:
        shown = display(image(pixels, extra=_window(window)), voi="window:1")
    assert shown.tolist() == [list(values.values())]


def _window(text: str) -> list[Any]:
    center, width, function = (*text.split(","), "linear")[:3]
    name = function.upper().replace("-", "_")
    return [
        element(CENTER, "DS", center),
        element(WIDTH, "DS", width),
        element(FUNCTION, "CS", name),
    ]


def test_window_of_the_whole_range_is_identity(display: Show) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(display(image(pixels), window="128,256"), pixels)


def _exact(x: Fraction, center: Fraction, width: Fraction, function: str) -> int:
    """Return the display value in rational arithmetic (PS3.3 C.11.2.1.2, C.11.2.1.3.2)."""
    if function == "linear":
        center, width = center - Fraction(1, 2), width - 1
    low, high = center - width / 2, center + width / 2
    if x <= low:
        return 0
    if x > high:
        return 255
    return int(((x - center) / width + Fraction(1, 2)) * 255 + Fraction(1, 2))


@settings(max_examples=150, deadline=None)
@given(
    center=st.integers(-3000, 3000),
    width=st.integers(1, 5000),
    function=st.sampled_from(["linear", "linear-exact"]),
    slope=st.sampled_from([Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(5, 2)]),
    intercept=st.integers(-2000, 2000),
    signed=st.booleans(),
)
def test_any_window_in_rational_arithmetic(
    center: int, width: int, function: Any, slope: Fraction, intercept: int, signed: bool
) -> None:
    values = list(range(-2048, 2048, 13) if signed else range(0, 4096, 13))
    data = image(
        np.array([values], np.int16 if signed else np.uint16), bits_stored=12,
        extra=[element(SLOPE, "DS", float(slope)), element(INTERCEPT, "DS", intercept)],
    )  # fmt: skip
    options = RenderOptions(window=Window(center, width, function))
    with open_instance(data) as instance:
        shown = instance.display(1, options)[0].tolist()
    modality = [slope * value + intercept for value in values]
    if width == 1 and slope.denominator > 1:
        function = "linear-exact"  # LINEAR would be a threshold between whole numbers
    expected = [_exact(x, Fraction(center), Fraction(width), function) for x in modality]
    # A value exactly half-way between two levels may fall either way in binary arithmetic.
    assert max(abs(a - b) for a, b in zip(shown, expected, strict=True)) <= 1
    assert sum(a != b for a, b in zip(shown, expected, strict=True)) <= len(values) // 50


def test_sixteen_bit_output_uses_the_full_range(display: Show) -> None:
    data = image(np.array([[0, 2047, 2048, 4095]], np.uint16))
    shown = display(data, window="2048,4096", bit_depth="16")
    assert shown.dtype == np.uint16
    # 2047/4095 and 2048/4095 of 65535.
    assert shown.tolist() == [[0, 32759, 32776, 65535]]


@pytest.mark.parametrize(("function", "expected"), [
    ("LINEAR_EXACT", 128), ("SIGMOID", 128), ("LINEAR", 129), ("BOGUS", 129),
])  # fmt: skip
def test_function_of_the_file(function: str, expected: int, display: Show) -> None:
    window = [*_window("0,100")[:2], element(FUNCTION, "CS", function)]
    assert display(image(np.array([[0]], np.int16), extra=window)).tolist() == [[expected]]


# --- polarity -------------------------------------------------------------------------------


def test_monochrome1_is_inverted_after_the_window(display: Show) -> None:
    values = np.array([[0, 2047, 2048, 4095]], np.uint16)
    data = image(values, photometric="MONOCHROME1")
    assert display(data, window="2048,4096").tolist() == [[255, 128, 127, 0]]
    assert display(data, window="2048,4096", invert="yes").tolist() == [[0, 127, 128, 255]]


@pytest.mark.parametrize("shape", ["INVERSE", "IDENTITY"])
def test_presentation_lut_shape_does_not_invert_again(shape: str, display: Show) -> None:
    """The shape of an image only repeats its polarity (PS3.3 C.8.11.3.1.2)."""
    data = image(
        np.array([[0, 4095]], np.uint16), photometric="MONOCHROME1", sop_class=DX,
        extra=[element(0x20500020, "CS", shape)],
    )  # fmt: skip
    assert display(data, window="2048,4096").tolist() == [[255, 0]]


# --- choosing -------------------------------------------------------------------------------


def test_voi_lut(display: Show) -> None:
    data = image(
        np.array([[-1025, -1024, -1023, 3071, 4000]], np.int16),
        extra=[lookup_table(range(4096), first=-1024, bits=12, vr="SS")],
    )
    assert display(data).tolist() == [[0, 0, 0, 255, 255]]
    middle = image(
        np.array([[1024]], np.int16),
        extra=[lookup_table(range(4096), first=-1024, bits=12, vr="SS")],
    )
    assert display(middle).tolist() == [[128]]  # 2048 * 255 / 4095 = 127.53


def test_voi_lut_is_indexed_by_modality_values(display: Show) -> None:
    data = image(
        np.array([[0, 1, 2]], np.uint16),
        extra=[
            element(SLOPE, "DS", "0.5"), element(INTERCEPT, "DS", "10"),
            lookup_table([0, 255], first=10, bits=8),
        ],
    )  # fmt: skip
    # 10, 10.5 and 11: the middle one is rounded to a whole index.
    shown = display(data)[0].tolist()
    assert (shown[0], shown[2]) == (0, 255)
    assert shown[1] in (0, 255)


def test_falling_voi_lut(display: Show) -> None:
    data = image(
        np.array([[0, 1, 3]], np.uint8), extra=[lookup_table([1023, 512, 256, 0], bits=10)]
    )
    assert display(data).tolist() == [[255, 128, 0]]


def test_two_windows(display: Show, picture: Show) -> None:
    extra = [
        element(CENTER, "DS", [40, 400]), element(WIDTH, "DS", [300, 1500]),
        element(EXPLANATION, "LO", ["SOFT", "BONE"]),
    ]  # fmt: skip
    data = image(np.array([[40, 400]], np.int16), extra=extra)
    first = [[128, 255]]
    second = [[int(((40 - 399.5) / 1499 + 0.5) * 255 + 0.5), 128]]
    assert display(data).tolist() == first
    assert display(data, voi="window:1").tolist() == first
    assert display(data, voi="window:2").tolist() == second
    assert display(data, voi="name:bone").tolist() == second
    assert "40,300" in picture(data).voi
    with pytest.raises(OptionError):
        display(data, voi="window:3")
    with pytest.raises(OptionError):
        display(data, voi="lut:1")
    with pytest.raises(OptionError):
        display(data, voi="name:LUNG")


def test_unequal_numbers_of_centers_and_widths(display: Show) -> None:
    extra = [element(CENTER, "DS", [40, 400]), element(WIDTH, "DS", "300")]
    data = image(np.array([[40]], np.int16), extra=extra)
    assert display(data).tolist() == [[128]]
    with pytest.raises(OptionError):
        display(data, voi="window:2")


def test_lut_and_window_are_alternatives(display: Show) -> None:
    extra = [*_window("10,20,linear-exact"), lookup_table([255, 0], bits=8, explanation="FALL")]
    data = image(np.array([[0, 1, 20]], np.uint8), extra=extra)
    assert display(data).tolist() == [[255, 0, 0]]
    assert display(data, voi="lut:1").tolist() == [[255, 0, 0]]
    assert display(data, voi="name:FALL").tolist() == [[255, 0, 0]]
    assert display(data, voi="window:1").tolist() == [[0, 13, 255]]
    assert display(data, window="10,20,linear-exact").tolist() == [[0, 13, 255]]


@pytest.mark.parametrize("window", [
    ["40", "0"], ["40", "-5"], ["x", "400"], ["", ""], ["100000", "10"], ["nan", "1"],
])  # fmt: skip
def test_windows_that_make_no_sense_are_passed_over(window: list[str], display: Show) -> None:
    extra = [element(CENTER, "DS", window[0]), element(WIDTH, "DS", window[1])]
    data = image(np.array([[10, 20, 30]], np.uint16), bits_stored=12, extra=extra)
    assert display(data).tolist() == [[0, 128, 255]]


def test_without_any_voi_the_range_is_stretched(display: Show) -> None:
    data = image(np.array([[1000, 1500, 2000]], np.uint16))
    assert display(data).tolist() == [[0, 128, 255]]
    assert display(data, voi="minmax").tolist() == [[0, 128, 255]]
    assert display(data, voi="identity").tolist() == [[4, 6, 8]]


def test_the_range_is_the_same_for_every_frame(display: Show) -> None:
    frames = np.array([[[0, 50]], [[100, 200]]], np.uint8)
    data = image(frames)
    assert display(data, 1).tolist() == [[0, 64]]
    assert display(data, 2).tolist() == [[128, 255]]


def test_roi_and_percentile(display: Show) -> None:
    pixels = np.arange(100, dtype=np.uint16).reshape(10, 10)
    shown = display(image(pixels), voi="roi:0,0,10,2")
    assert (shown[0, 0], shown[1, 9], shown[9, 9]) == (0, 255, 255)
    shown = display(image(pixels), voi="percentile:10,90")
    assert (shown[0, 0], shown[9, 9]) == (0, 255)
    assert 0 < shown[1, 5] < shown[8, 0] < 255


def test_a_flat_image_is_one_gray(display: Show) -> None:
    shown = display(image(np.full((2, 2), 7, np.uint16)))
    assert len(np.unique(shown)) == 1


# --- padding --------------------------------------------------------------------------------


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_padding_is_black_and_outside_the_range(photometric: str, display: Show) -> None:
    values = np.array([[-2000, 0, 500, 1000]], np.int16)
    data = image(values, photometric=photometric, extra=[element(PADDING, "SS", -2000)])
    gray = [0, 128, 255] if photometric == "MONOCHROME2" else [255, 127, 0]
    shown = display(data)[0].tolist()
    assert shown[0] == 0
    assert shown[1::2] == gray[::2]
    assert abs(shown[2] - gray[1]) <= 1
    assert display(data, window="500,100")[0, 0] == 0
    assert display(data, padding="no", voi="minmax").tolist() != [shown]


@pytest.mark.parametrize("limits", [(-2000, -1500), (-1500, -2000)])
def test_padding_range_includes_both_ends(limits: tuple[int, int], display: Show) -> None:
    values = np.array([[-2001, -2000, -1700, -1500, -1499]], np.int16)
    extra = [element(PADDING, "SS", limits[0]), element(PADDING_LIMIT, "SS", limits[1])]
    assert display(image(values, extra=extra), window="-3000,10").tolist() == [[255, 0, 0, 0, 255]]


def test_padding_with_the_wrong_sign(display: Show) -> None:
    """63536 as US is -2000 in a signed image of 16 bits."""
    values = np.array([[-2000, 0]], np.int16)
    data = image(values, extra=[element(PADDING, "US", 63536)])
    assert display(data, window="-3000,10").tolist() == [[0, 255]]


def test_padding_of_float_pixels(display: Show) -> None:
    values = np.array([[-1e30, 0, 1, 2]], np.float32)
    data = image(values, extra=[element(0x00280122, "FL", -1e30)])
    assert display(data).tolist() == [[0, 0, 128, 255]]


# --- functional groups ----------------------------------------------------------------------


def _rescale(slope: float, intercept: float) -> Any:
    inside = [element(SLOPE, "DS", slope), element(INTERCEPT, "DS", intercept)]
    return sequence(0x00289145, inside)


def _frame_voi(text: str) -> Any:
    return sequence(0x00289132, _window(text))


def test_each_frame_has_its_own_rescale_and_window(display: Show) -> None:
    groups = functional_groups(
        per_frame=[
            [_rescale(1, 0), _frame_voi("0,100,linear-exact")],
            [_rescale(2, -100), _frame_voi("100,200,linear-exact")],
        ],
    )
    data = image(np.array([[[0, 25]], [[100, 50]]], np.int16), sop_class=ENHANCED_MR, extra=groups)
    assert display(data, 1).tolist() == [[128, 191]]
    # 2 * 100 - 100 is the center; 2 * 50 - 100 the lower end.
    assert display(data, 2).tolist() == [[128, 0]]
    assert display(data, 2, values="modality").tolist() == [[100, 0]]


def test_shared_groups_win_over_the_top_level(display: Show) -> None:
    groups = functional_groups(shared=[_rescale(2, 0), _frame_voi("100,100,linear-exact")])
    data = image(
        np.array([[[50, 75]]], np.int16), sop_class=ENHANCED_MR,
        extra=[*groups, element(SLOPE, "DS", 77), element(INTERCEPT, "DS", 0)],
    )  # fmt: skip
    assert display(data).tolist() == [[128, 255]]


def test_frames_win_over_shared_groups(display: Show) -> None:
    groups = functional_groups(
        shared=[_rescale(5, 0)], per_frame=[[_rescale(1, 0)], [_rescale(2, 0)]]
    )
    data = image(np.array([[[10]], [[10]]], np.int16), sop_class=ENHANCED_MR, extra=groups)
    assert display(data, 1, values="modality").tolist() == [[10]]
    assert display(data, 2, values="modality").tolist() == [[20]]


# --- windows and colour ---------------------------------------------------------------------


def test_windows_mean_nothing_to_colour(display: Show, picture: Show) -> None:
    colours = palette([0, 65535], [65535, 0], [0, 0])
    indexed = image(
        np.array([[0, 1]], np.uint8), photometric="PALETTE COLOR",
        extra=[*colours, *_window("0,1")],
    )  # fmt: skip
    assert display(indexed).tolist() == [[[0, 255, 0], [255, 0, 0]]]
    rgb = image(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8), photometric="RGB")
    assert display(rgb, window="0,1").tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert picture(rgb, window="0,1").warnings
    assert not picture(rgb).warnings
