"""Which attribute wins over which, and what a person is told about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rendicom.coded_warnings import CodedWarning
from rendicom.errors import CorruptDataError, LimitExceededError, OptionError
from rendicom.options import RenderOptions, Voi
from rendicom.rendering.plan import compile_plan
from rendicom.values import (
    DisplayAttributes,
    Frame,
    LookupTable,
    Palette,
    PixelDescription,
    Window,
)

Show = Callable[..., Any]

GRAY = np.array([[0, 50, 100]], np.int16)
WINDOWS = (
    Window(50, 100, "linear-exact", "SOFT TISSUE"),
    Window(100, 200, "linear-exact", "BONE"),
)
FALLING = LookupTable(np.arange(101, dtype=np.uint16)[::-1], 0, 8, "FALLING")


def stated(center: float, width: float) -> Window:
    """Return a window as a file may have it."""
    return Window.stated(center, width, "linear")


def _attributes(**more: Any) -> DisplayAttributes:
    return DisplayAttributes(**more)


@pytest.fixture
def planned(show_frame: Show, make_frame: Callable[..., Frame]) -> Show:
    """Return a function that gives samples as a list, the name of the VOI, and the warnings."""

    def plan(
        samples: Any, display: DisplayAttributes | None = None, said: Any = None, **more: Any
    ) -> tuple[Any, str, tuple[str, ...]]:
        of_frame = {k: more.pop(k) for k in ("photometric", "bits") if k in more}
        image, made = show_frame(make_frame(samples, **of_frame), display, said, **more)
        return image.samples.tolist(), made.voi, made.warnings

    return plan


# --- VOI ------------------------------------------------------------------------------------


def test_first_window_of_the_file(planned: Show) -> None:
    shown, voi, warnings = planned(GRAY, _attributes(windows=WINDOWS))
    assert shown == [[0, 128, 255]]
    assert voi == 'window 1 of the file 50,100,linear-exact "SOFT TISSUE"'
    assert not warnings


def test_voi_lut_comes_before_windows(planned: Show) -> None:
    display = _attributes(windows=WINDOWS, voi_luts=(FALLING,))
    shown, voi, _ = planned(GRAY, display)
    assert shown == [[100, 50, 0]]
    assert voi == 'VOI LUT 1 of the file "FALLING"'
    assert planned(GRAY, display, voi="window:2")[0] == [[0, 64, 128]]


@pytest.mark.parametrize(("name", "expected"), [
    ("BONE", [[0, 64, 128]]), ("bone", [[0, 64, 128]]), ("tissue", [[0, 128, 255]]),
    ("falling", [[100, 50, 0]]),
])  # fmt: skip
def test_by_name(name: str, expected: Any, planned: Show) -> None:
    display = _attributes(windows=WINDOWS, voi_luts=(FALLING,))
    assert planned(GRAY, display, voi=f"name:{name}")[0] == expected


@pytest.mark.parametrize("voi", ["window:3", "lut:2", "name:LUNG"])
def test_what_the_file_does_not_have_is_listed(voi: str, planned: Show) -> None:
    display = _attributes(windows=WINDOWS, voi_luts=(FALLING,))
    with pytest.raises(OptionError) as caught:
        planned(GRAY, display, voi=voi)
    assert caught.value.hint == ('it has window:1 "SOFT TISSUE", window:2 "BONE", lut:1 "FALLING"')
    with pytest.raises(OptionError, match="none"):
        planned(GRAY, voi=voi)


@pytest.mark.parametrize("window", [
    stated(40, 0), stated(40, -1), stated(40, 0.5), stated(float("nan"), 10),
    stated(10, float("inf")), Window(100000, 10), Window(-100000, 10),
])  # fmt: skip
def test_senseless_windows_are_passed_over(window: Window, planned: Show) -> None:
    shown, voi, warnings = planned(GRAY, _attributes(windows=(window,)))
    assert shown == [[0, 128, 255]]
    assert voi == "min..max 0..100"
    assert len(warnings) == 1
    shown, voi, warnings = planned(GRAY, _attributes(windows=(window, WINDOWS[1])))
    assert (shown, voi[:8], warnings) == ([[0, 64, 128]], "window 2", ())


def test_senseless_window_asked_for_by_number(planned: Show) -> None:
    for window in (stated(float("nan"), 10), stated(40, 0)):
        with pytest.raises(OptionError, match="is invalid"):
            planned(GRAY, _attributes(windows=(window,)), voi="window:1")
    shown, _, warnings = planned(GRAY, _attributes(windows=(stated(50, 0.5),)), voi="window:1")
    assert shown == [[0, 255, 255]]
    assert warnings


def test_the_extent_of_the_stored_bits_decides_what_overlaps(planned: Show) -> None:
    display = _attributes(windows=(Window(5000, 100),))
    assert planned(GRAY.astype(np.uint16), display, bits=12)[1].startswith("min..max")
    assert planned(GRAY.astype(np.uint16), display, bits=16)[1].startswith("window 1")
    rescaled = _attributes(windows=(Window(5000, 100),), slope=2.0)
    assert planned(GRAY.astype(np.uint16), rescaled, bits=12)[1].startswith("window 1")


def test_threshold_at_the_lowest_value_is_sane(planned: Show) -> None:
    shown, voi, _ = planned(np.array([[0, 1]], np.uint8), _attributes(windows=(Window(0.5, 1),)))
    assert (shown, voi) == ([[0, 255]], "window 1 of the file 0.5,1,linear")


def test_window_asked_for_replaces_the_files(planned: Show) -> None:
    display = _attributes(voi_luts=(FALLING,), intercept=-50.0)
    shown, voi, _ = planned(GRAY, display, window="0,100,linear-exact")
    assert shown == [[0, 128, 255]]
    assert voi == "window 0,100,linear-exact (requested)"


def test_pixels_are_asked_only_when_needed(make_frame: Callable[..., Frame]) -> None:
    asked = []
    description = PixelDescription(
        "", "", "CT", 1, 3, 1, "MONOCHROME2", 0, 16, 16, 15, True, 1, "PixelData"
    )

    def value_range(voi: Voi) -> tuple[float, float]:
        asked.append(str(voi))
        return 0, 1

    for texts in ({"window": "1,2"}, {"voi": "identity"}, {"values": "stored"}, {}):
        options = RenderOptions.parse(texts)
        display = DisplayAttributes(windows=WINDOWS)
        compile_plan(description, display, options, frame=make_frame(GRAY), value_range=value_range)
    assert asked == []
    for text in ("auto", "minmax", "percentile:1,99", "roi:0,0,1,1"):
        options = RenderOptions.parse({"voi": text})
        compile_plan(
            description, DisplayAttributes(), options, frame=make_frame(GRAY),
            value_range=value_range,
        )  # fmt: skip
    assert asked == ["auto", "minmax", "percentile:1,99", "roi:0,0,1,1"]


def test_presets_are_for_ct(planned: Show) -> None:
    _, voi, warnings = planned(GRAY, None, {"modality": "CT"}, preset="brain")
    assert (voi, warnings) == ("window 40,80,linear (preset brain)", ())
    shown, _, warnings = planned(GRAY, None, {"modality": "MR"}, preset="brain")
    assert shown == [[0, 161, 255]]  # (50 - 39.5) / 79 + 0.5 = 0.633
    assert warnings


def test_range_of_the_pixels(planned: Show) -> None:
    samples = np.array([[-10, 345, 700]], np.int16)
    assert planned(samples) == ([[0, 128, 255]], "min..max -10..700", ())
    assert planned(samples, voi="minmax")[1] == "min..max -10..700"
    assert planned(samples, voi="roi:1,0,2,1")[:2] == ([[0, 0, 255]], "roi:1,0,2,1 345..700")
    assert planned(samples, voi="percentile:0,50")[1] == "percentile 0..50 -10..345"
    with pytest.raises(OptionError, match="outside"):
        planned(samples, voi="roi:3,0,2,1")


@pytest.mark.parametrize("voi", ["auto", "minmax"])
def test_an_image_of_one_value_is_not_hidden(voi: str, planned: Show) -> None:
    """Without contrast the value is as bright as among all of its bits, or gray on padding."""
    shown, text, warnings = planned(np.full((1, 2), 300, np.uint16), bits=12, voi=voi)
    assert (shown, text) == ([[19, 19]], "min..max 300..300")  # 300 * 255 / 4095 = 18.7
    assert warnings == ("all pixels have the value 300",)
    assert planned(np.zeros((1, 2), np.uint8), voi=voi)[0] == [[0, 0]]
    assert planned(np.full((1, 2), 255, np.uint8), voi=voi)[0] == [[255, 255]]
    padded = _attributes(padding=(0.0, 0.0))
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        shown, _, warnings = planned(
            np.array([[0, 1]], np.uint8), padded, photometric=photometric, voi=voi
        )
        assert shown in ([[0, 128]], [[0, 127]])
        assert warnings == ("all pixels have the value 1: shown as gray",)
    assert planned(np.array([[np.nan, 1e9]], np.float32), voi=voi)[0] == [[0, 128]]


def test_percentiles_and_regions_of_one_value_are_thresholds(planned: Show) -> None:
    samples = np.array([[7, 7, 9]], np.uint8)
    assert planned(samples, voi="roi:0,0,2,1")[0] == [[0, 0, 255]]
    assert planned(samples, voi="percentile:0,50")[0] == [[0, 0, 255]]


def test_identity(planned: Show) -> None:
    shown, voi, _ = planned(np.array([[0, 4095]], np.uint16), bits=12, voi="identity")
    assert (shown, voi) == ([[0, 255]], "identity")
    display = _attributes(modality_lut=LookupTable(np.array([0, 100], np.uint16), 0, 10))
    assert planned(np.array([[0, 1]], np.uint8), display, voi="identity")[0] == [[0, 25]]
    assert planned(np.array([[0.5, 1]], np.float32), voi="identity")[1] == "min..max 0.5..1"


NARROW = "0.5,1,linear"
FRACTIONS = {"slope": 0.001}


@pytest.mark.parametrize(("samples", "more"), [
    (np.array([[0.0, 0.25, 0.5, 1.0]], np.float32), {}),
    (np.array([[0.0, 0.25, 0.5, 1.0]], np.float64), {}),
    (np.array([[0, 250, 500, 1000]], np.uint16), FRACTIONS),
    (np.array([[-500, -250, 0, 500]], np.int16), {"intercept": 0.5, **FRACTIONS}),
])  # fmt: skip
@pytest.mark.parametrize("how", [{"window": NARROW}, {"voi": "window:1"}, {}])
def test_narrow_linear_windows_on_fractions(
    samples: Any, more: dict[str, float], how: dict[str, str], planned: Show
) -> None:
    """LINEAR would be white from the first value on; LINEAR_EXACT is (x - 0.5) / 1 + 0.5."""
    display = _attributes(windows=(Window(0.5, 1),), **more)
    shown, voi, warnings = planned(samples, display, **how)
    assert shown == [[0, 64, 128, 255]]
    assert "0.5,1,linear-exact" in voi
    assert len(warnings) == 1
    assert "LINEAR_EXACT" in warnings[0]
    assert planned(samples, display, strict="yes", **how)[0] == shown


def test_windows_narrower_than_one_on_fractions(planned: Show) -> None:
    samples = np.array([[0.0, 0.1, 0.2, 0.3]], np.float32)
    shown, voi, warnings = planned(samples, _attributes(windows=(stated(0.15, 0.2),)))
    assert shown == [[0, 64, 191, 255]]  # (x - 0.05) / 0.2
    assert voi == "window 1 of the file 0.15,0.2,linear-exact"
    assert len(warnings) == 1


@pytest.mark.parametrize("samples", [
    np.array([[0, 1]], np.uint8), np.array([[0, 1]], np.int32), np.array([[0, 1]], np.float32),
])  # fmt: skip
@pytest.mark.parametrize("display", [{}, {"slope": 1.0, "intercept": -7.0}, {"slope": 3.0}])
def test_narrow_linear_windows_on_whole_numbers_are_thresholds(
    samples: Any, display: dict[str, float], planned: Show
) -> None:
    center = display.get("slope", 1.0) + display.get("intercept", 0.0)
    shown, voi, warnings = planned(samples, _attributes(**display, windows=(Window(center, 1),)))
    assert (shown, warnings) == ([[0, 255]], ())
    assert voi.endswith(",1,linear")


def test_strict_refuses_what_was_wrong_with_the_attributes(planned: Show) -> None:
    broken = (
        _attributes(warnings=(CodedWarning("lut-repaired", "the VOI LUT is damaged"),)),
        _attributes(windows=(stated(float("nan"), 1),)),
        _attributes(slope=0.0),
    )
    for display in broken:
        assert planned(GRAY, display)[2]
        with pytest.raises(CorruptDataError):
            planned(GRAY, display, strict="yes")


def test_explanations_are_cut_to_what_can_be_printed(planned: Show) -> None:
    window = Window(50, 100, explanation="\x1b[31mRED" + "x" * 100)
    voi = planned(GRAY, _attributes(windows=(window,)))[1]
    assert voi == 'window 1 of the file 50,100,linear "[31mRED' + "x" * 57 + '"'


# --- modality -------------------------------------------------------------------------------


def test_dose(planned: Show) -> None:
    display = _attributes(dose_grid_scaling=0.001, slope=77.0)
    samples = np.array([[0, 1000, 4000]], np.uint32)
    assert planned(samples, display)[:2] == ([[0, 64, 255]], "min..max 0..4")
    assert planned(samples + np.uint32(794), display)[1] == "min..max 0.794..4.794"


def test_segmentations(planned: Show) -> None:
    samples = np.array([[0, 100, 200]], np.uint8)
    fractional = _attributes(maximum_fractional_value=200)
    said = {"segmentation_type": "FRACTIONAL"}
    assert planned(samples, fractional, said)[:2] == ([[0, 128, 255]], "identity")
    assert planned(samples, fractional, said, values="modality")[0] == [[0, 0.5, 1]]
    ones = np.ones((1, 2), np.uint8)
    assert planned(ones, None, {"segmentation_type": "BINARY"})[0] == [[255, 255]]
    assert planned(ones, bits=1)[0] == [[255, 255]]


def test_label_map_colours(planned: Show) -> None:
    said = {"segmentation_type": "LABELMAP"}
    samples = np.array([[0, 1, 2, 3, 9]], np.uint16)
    display = _attributes(segment_colours={1: (255, 0, 0), 3: (1, 2, 3)})
    shown, voi, warnings = planned(samples, display, said)
    assert shown[0][0] == [0, 0, 0]
    assert shown[0][1] == [255, 0, 0]
    assert shown[0][3] == [1, 2, 3]
    assert len({tuple(colour) for colour in shown[0]}) == 5
    assert (voi, warnings) == ("none (segment colors)", ())
    wide = planned(samples, display, said, bit_depth="16")[0]
    assert wide[0][3] == [257, 514, 771]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_every_label_has_a_color_of_its_own(dtype: type, planned: Show) -> None:
    """Also without colors, and where the file gives some that are on the list."""
    said = {"segmentation_type": "LABELMAP"}
    count = 256 if dtype is np.uint8 else 65536
    samples = np.arange(count, dtype=dtype).reshape(1, -1)
    first = tuple(planned(samples, None, said)[0][0][1])
    own = {200: first, 77: (64, 64, 64), 9: (255, 255, 255)}
    for given in ({}, own):
        display = _attributes(segment_colours=given, padding=(0.0, 0.0))
        colours = np.array(planned(samples, display, said)[0][0])
        assert len(np.unique(colours, axis=0)) == count
        assert colours[0].tolist() == [0, 0, 0]
        assert colours[1:].max(axis=1).min() >= 64  # none is nearly black
        for label, colour in given.items():
            assert colours[label].tolist() == list(colour)


def test_padding_of_a_label_map_is_black(planned: Show) -> None:
    said = {"segmentation_type": "LABELMAP"}
    samples = np.array([[0, 1, 254, 255]], np.uint8)
    display = _attributes(padding=(254.0, 255.0))
    shown = planned(samples, display, said)[0][0]
    assert shown[0] == shown[2] == shown[3] == [0, 0, 0]
    assert any(shown[1])
    assert any(planned(samples, display, said, padding="no")[0][0][2])
    assert planned(samples, display, said, window="1,2")[2]


# --- color ----------------------------------------------------------------------------------


def _palette(*channels: list[int], first: int = 0, bits: int = 16) -> Palette:
    red, green, blue = (LookupTable(np.array(c, np.uint16), first, bits) for c in channels)
    return Palette(red, green, blue)


INDEXED = {"photometric": "PALETTE COLOR"}


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32])
def test_palette(dtype: type, planned: Show) -> None:
    display = _attributes(
        palette=_palette([0xFFFF, 0xABAB, 0xFF00], [1, 2, 3], [0, 0, 0xFFFF], first=10)
    )
    samples = np.array([[5, 10, 11, 12, 100]], dtype)
    ends = [0xFF, 0, 0], [0xFF, 0, 0xFF]
    expected = [[ends[0], ends[0], [0xAB, 0, 0], ends[1], ends[1]]]
    assert planned(samples, display, **INDEXED) == (expected, "none (color)", ())
    wide = planned(samples, display, bit_depth="16", **INDEXED)[0]
    assert wide[0][2:4] == [[0xABAB, 2, 0], [0xFF00, 3, 0xFFFF]]


def test_palette_of_negative_values(planned: Show) -> None:
    display = _attributes(palette=_palette([0x0A0A, 0x0B0B], [0, 0], [0, 0], first=-1))
    shown = planned(np.array([[-9, -1, 0, 9]], np.int16), display, **INDEXED)[0]
    assert [pixel[0] for pixel in shown[0]] == [10, 10, 11, 11]


def test_palette_of_eight_bits_however_it_is_called(planned: Show) -> None:
    samples = np.array([[0, 1]], np.uint8)
    for bits in (8, 16):
        display = _attributes(palette=_palette([0, 128], [255, 3], [7, 9], bits=bits))
        assert planned(samples, display, **INDEXED)[0] == [[[0, 255, 7], [128, 3, 9]]]
        wide = planned(samples, display, bit_depth="16", **INDEXED)[0]
        assert wide == [[[0, 65535, 1799], [32896, 771, 2313]]]


def test_palette_without_tables_is_gray(planned: Show) -> None:
    assert planned(np.array([[0, 2]], np.uint8), **INDEXED)[0] == [[0, 255]]


@pytest.mark.parametrize("options", [{"window": "1,2"}, {"voi": "minmax"}, {"preset": "bone"}])
def test_windows_mean_nothing_to_colour(options: dict[str, str], planned: Show) -> None:
    rgb = np.array([[[1, 2, 3]]], np.uint8)
    shown, voi, warnings = planned(rgb, _attributes(windows=WINDOWS), **options)
    assert (shown, voi, len(warnings)) == ([[[1, 2, 3]]], "none (color)", 1)
    display = _attributes(palette=_palette([5], [6], [7]), padding=(1.0, 1.0))
    shown, _, warnings = planned(np.array([[0]], np.uint8), display, **INDEXED, **options)
    assert (shown, len(warnings)) == ([[[5, 6, 7]]], 1)
    assert not planned(rgb, _attributes(windows=WINDOWS))[2]


@pytest.mark.parametrize(("dtype", "bits", "depth", "expected"), [
    (np.uint16, 16, "8", [0, 128, 255]),
    (np.uint16, 12, "8", [0, 128, 255]),
    (np.uint16, 8, "8", [0, 128, 255]),
    (np.uint8, 8, "16", [0, 32896, 65535]),
    (np.uint16, 16, "16", [0, 32768, 65535]),
    (np.uint32, 32, "8", [0, 128, 255]),
])  # fmt: skip
def test_depths_of_true_colour(
    dtype: type, bits: int, depth: str, expected: list[int], planned: Show
) -> None:
    rgb = np.array([[[0, 1 << bits - 1, (1 << bits) - 1]]], dtype)
    assert planned(rgb, bits=bits, bit_depth=depth)[0] == [[expected]]


def test_colour_inverted(planned: Show) -> None:
    assert planned(np.array([[[0, 1, 255]]], np.uint8), invert="yes")[0] == [[[255, 254, 0]]]
    display = _attributes(palette=_palette([0], [255], [1]))
    shown = planned(np.array([[0]], np.uint8), display, invert="yes", **INDEXED)[0]
    assert shown == [[[255, 0, 254]]]


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_supplemental_palette(dtype: type, planned: Show) -> None:
    colours = _palette([0xFFFF, 0], [0, 0xFFFF], [0, 0], first=1000)
    display = _attributes(palette=colours)
    samples = np.array([[0, 999, 1000, 1001, 5000]], dtype)
    black, red, green = [0] * 3, [255, 0, 0], [0, 255, 0]
    for options, gray in (({"window": "500,1000"}, 255), ({"window": "2000,100"}, 0), ({}, 255)):
        shown = planned(samples, display, **options)[0]
        assert shown == [[black, [gray] * 3, red, green, green]]
    assert planned(samples, display)[1] == "min..max 0..999"
    wide, _, warnings = planned(samples.astype(np.int32), display, window="500,1000")
    assert wide == [[0, 255, 255, 255, 255]]
    assert warnings


# --- values for machines --------------------------------------------------------------------


def test_stored_values_pass_untouched(planned: Show) -> None:
    display = _attributes(slope=3.0, windows=WINDOWS, padding=(0.0, 0.0))
    for samples in (
        GRAY, np.array([[70000]], np.uint32), np.array([[[1, 2, 300]]], np.uint16),
        np.array([[0.5, np.inf]], np.float32),
    ):  # fmt: skip
        shown, voi, _ = planned(samples, display, values="stored")
        assert shown == samples.tolist()
        assert voi == "none (stored values)"
    assert planned(GRAY.astype(np.uint8), display, values="stored", **INDEXED)[0] == [[0, 50, 100]]


def test_stored_doubles_become_single(show: Show) -> None:
    shown = show(np.array([[0.1, np.nan]]), values="stored")
    assert shown.dtype == np.float32
    assert shown[0, 0] == np.float32(0.1)
    assert np.isnan(shown[0, 1])


def test_colour_has_no_modality_values(planned: Show) -> None:
    with pytest.raises(OptionError, match="modality"):
        planned(np.array([[[1, 2, 3]]], np.uint8), values="modality")
    with pytest.raises(OptionError, match="modality"):
        planned(np.array([[1]], np.uint8), values="modality", **INDEXED)


def test_modality_values_keep_padding_and_nan(show: Show) -> None:
    shown = show(np.array([[-2000, 5]], np.int16), padding=(-2000.0, -2000.0), values="modality")
    assert shown.tolist() == [[-2000, 5]]
    assert np.isnan(show(np.array([[np.nan]], np.float32), values="modality")).all()


def test_warnings_of_the_header_are_passed_on(planned: Show) -> None:
    first = CodedWarning("lut-repaired", "first")
    assert planned(GRAY, _attributes(warnings=(first, first)))[2] == ("first",)


def test_pictures_have_a_limit(planned: Show) -> None:
    with pytest.raises(LimitExceededError):
        planned(GRAY, viewport="60000,60000")
    with pytest.raises(LimitExceededError):
        planned(GRAY, _attributes(pixel_aspect_ratio=(1e12, 1.0)), square_pixels="yes")
