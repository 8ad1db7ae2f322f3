"""Presentation states decide alone how an image is shown (PS3.4 N.2, PS3.3 A.33, C.10, C.11)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from PIL import Image

from presentationstates import (
    COLOUR,
    PSEUDO_COLOUR,
    annotated,
    annotations,
    area,
    element,
    figure,
    layer,
    layers,
    reference,
    referring,
    rescale,
    state,
    text,
    voi,
    vois,
)
from rendicom.engine import open_instance, open_presentation
from rendicom.errors import CorruptDataError, LimitExceededError, OptionError
from rendicom.options import RenderOptions
from rendicom.testing import functional_groups, image, overlay, sequence
from rendicom.testing.images import icc_profile, lookup_table, palette

Present = Callable[..., Any]
VALUES = np.array([[0, 1000, 1064, 1100, 1263, 1264]], np.uint16)


def _options(texts: dict[str, str]) -> RenderOptions:
    return RenderOptions.parse({name.replace("_", "-"): text for name, text in texts.items()})


@pytest.fixture(scope="session")
def present() -> Present:
    """Return the display samples of an image by a presentation state."""

    def show(data: bytes, presentation: bytes, frame: int = 1, **texts: str) -> Any:
        with open_instance(data) as instance:
            return instance.display(
                frame, _options(texts), presentation=open_presentation(presentation)
            )

    return show


def _twelve(values: Any, *extra: Any, **more: Any) -> bytes:
    return image(np.asarray(values, np.uint16), bits_stored=12, extra=extra, **more)


# --- tones ----------------------------------------------------------------------------------


def test_nothing_said_is_identity_and_the_image_does_not_count(present: Present) -> None:
    own = (*rescale("2", "-1024"), *voi("10", "20"), element(0x20500020, "CS", "INVERSE"))
    data = _twelve([[0, 291, 2048, 4095]], *own, photometric="MONOCHROME1")
    # 291 x 255 / 4095 = 18.12, 2048 x 255 / 4095 = 127.53.
    assert present(data, state()).tolist() == [[0, 18, 128, 255]]


def test_rescale_and_window_are_those_of_the_state(present: Present) -> None:
    told = state(*rescale("1", "-1024"), vois(voi("40", "400")))
    data = _twelve([[864, 865, 1064, 1263, 1264]], *rescale("3", "7"))
    assert present(data, told).tolist() == [[0, 1, 128, 255, 255]]


def test_modality_and_voi_tables(present: Present) -> None:
    modality = lookup_table([100, 200, 300, 400], tag=0x00283000, first=-2, vr="SS")
    tones = lookup_table([0, 1024, 2048, 4095], first=100, bits=12)
    with_steps = state(modality, vois((tones,)))
    signed = image(np.array([[-5, -2, -1, 0, 1, 7]], np.int16))
    # -5, -2 give 100, the first entry of the second table; all others lie behind its last.
    assert present(signed, with_steps).tolist() == [[0, 0, 255, 255, 255, 255]]
    plain = state(vois((lookup_table([0, 1024, 2048, 4095], first=1, bits=12),)))
    assert present(_twelve([[0, 1, 2, 3, 4]]), plain).tolist() == [[0, 0, 64, 128, 255]]


def test_modality_table_without_voi_spans_its_bits(present: Present) -> None:
    modality = lookup_table([0, 1000, 4095], tag=0x00283000, bits=12)
    assert present(_twelve([[0, 1, 2, 9]]), state(modality)).tolist() == [[0, 62, 255, 255]]


@pytest.mark.parametrize(("function", "expected"), [
    ("LINEAR", [0, 3, 129, 252, 255]),
    ("LINEAR_EXACT", [0, 3, 128, 250, 252]),
    ("SIGMOID", [30, 31, 128, 222, 224]),
])  # fmt: skip
def test_voi_functions(function: str, expected: list[int], present: Present) -> None:
    told = state(*rescale("1", "-100"), vois(voi("0", "100", function=function)))
    assert present(_twelve([[50, 51, 100, 148, 149]]), told).tolist() == [expected]


def test_inverse_shape_and_monochrome1(present: Present) -> None:
    told = state(element(0x20500020, "CS", "INVERSE"))
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        data = _twelve([[0, 2048, 4095]], photometric=photometric)
        assert present(data, told).tolist() == [[255, 127, 0]]


def test_presentation_table(present: Present) -> None:
    table = lookup_table([0, 100, 4095], tag=0x20500010, bits=12)
    told = state(table, vois(voi("2048", "4096")))
    # Halves of the window round to the entry in the middle: 100 x 255 / 4095 = 6.2.
    values = [[0, 1000, 1100, 2048, 3000, 3100, 4095]]
    assert present(_twelve(values), told).tolist() == [[0, 0, 6, 6, 6, 255, 255]]
    deep = present(_twelve(values), told, bit_depth="16")
    assert deep.tolist() == [[0, 0, 1600, 1600, 1600, 65535, 65535]]


LUMINANCES = tuple(1 + 249 * level / 255 for level in range(256))
"""cd/m2 at each driving level of a display that is linear: level = 255 (L - 1) / 249."""


def _driving_level(p_value: int, greatest: int) -> int:
    """Return the level for a P-value, by the polynomials of PS3.14 7.1 in plain Python."""
    share = p_value / greatest
    index = _index(1.0) + share * (_index(250.0) - _index(1.0))
    return round(255 * (_luminance(index) - 1) / 249)


def _luminance(index: float) -> float:
    x = math.log(index)
    above = -1.3011877 + 0.080242636 * x + 0.13646699 * x**2 - 0.025468404 * x**3
    below = 1 - 0.025840191 * x - 0.10320229 * x**2 + 0.02874562 * x**3
    above += 0.0013635334 * x**4
    below += -0.0031978977 * x**4 + 0.00012992634 * x**5
    return 10 ** (above / below)


def _index(level: float) -> float:
    low, high = 1.0, 1023.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _luminance(middle) < level else (low, middle)
    return low


def test_p_values_are_calibrated_for_a_display(present: Present) -> None:
    """PS3.14 6: the output of a softcopy presentation state is the P-values that it begins with."""
    asked = {"gsdf": ",".join(f"{level:.6f}" for level in LUMINANCES)}
    data = _twelve([[0, 1024, 2048, 4095]])
    levels = [_driving_level(value, 4095) for value in (0, 1024, 2048, 4095)]
    assert levels[0] == 0
    assert levels[-1] == 255
    assert levels[2] < 60  # half of the P-values, and far below half of the luminance
    assert present(data, state(), **asked).tolist() == [levels]
    inverse = state(element(0x20500020, "CS", "INVERSE"))
    swapped = [_driving_level(4095 - value, 4095) for value in (0, 1024, 2048, 4095)]
    assert present(data, inverse, **asked).tolist() == [swapped]
    table = lookup_table([0, 100, 3000, 4095], tag=0x20500010, bits=12)
    through = [_driving_level(value, 4095) for value in (0, 100, 3000, 4095)]
    assert present(_twelve([[0, 1365, 2730, 4095]]), state(table), **asked).tolist() == [through]


def test_grays_of_shutter_and_graphics_are_calibrated_as_well(present: Present) -> None:
    asked = {"gsdf": ",".join(f"{level:.6f}" for level in LUMINANCES)}
    half = _driving_level(0x8000, 0xFFFF)
    covered = state(*_shutter("RECTANGULAR", *RECTANGLE))
    assert present(_flat(), covered, **asked)[0].tolist() == [half] * 5
    disc = annotated(annotations("A", figures=[figure("CIRCLE", 10, 10, 10, 18, filled="Y")]))
    told = state(disc, layers(layer("A", gray=0x8000)))
    assert present(image(np.zeros((20, 20), np.uint8)), told, **asked)[10, 10] == half


def test_calibration_is_for_gray_only(present: Present) -> None:
    told = state(kind=COLOUR)
    colours = np.full((2, 2, 3), 90, np.uint8)
    assert (present(image(colours, photometric="RGB"), told, gsdf="1,250") == 90).all()


def test_a_voi_for_each_image_and_frame(present: Present) -> None:
    frames = np.full((3, 1, 1), 100, np.uint8)
    told = state(
        vois(
            voi("100", "1", referring(reference("9.9.9"))),
            voi("50", "2", referring(reference(frames=(2, 3)))),
            voi("150", "2", referring(reference())),
        )
    )
    assert [present(image(frames), told, frame).item() for frame in (1, 2, 3)] == [0, 255, 255]


def test_padding_stays_black(present: Present) -> None:
    data = _twelve([[5, 4095]], element(0x00280120, "US", 5))
    told = state(element(0x20500020, "CS", "INVERSE"))
    assert present(data, told).tolist() == [[0, 0]]
    assert present(data, told, padding="no").tolist() == [[255, 0]]


def test_logarithmic_x_ray_takes_the_rescale_of_the_state(present: Present) -> None:
    xa = "1.2.840.10008.5.1.4.1.1.12.1"
    data = _twelve([[0, 100]], element(0x00281040, "CS", "LOG"), sop_class=xa)
    told = state(*rescale("1", "-50"), vois(voi("0.5", "101")))
    assert present(data, told).tolist() == [[0, 255]]


# --- color ----------------------------------------------------------------------------------


def test_pseudo_color_spreads_the_palette_over_the_window(present: Present) -> None:
    reds, greens, blues = [0, 10, 20, 30], [50, 60, 70, 80], [9, 8, 7, 6]
    told = state(*palette(reds, greens, blues, bits=8), vois(voi("50", "101")), kind=PSEUDO_COLOUR)
    shown = present(_twelve([[0, 30, 70, 100]]), told)
    assert shown.tolist() == [[[0, 50, 9], [10, 60, 8], [20, 70, 7], [30, 80, 6]]]


def test_color_state_keeps_pixels_and_brings_its_profile() -> None:
    rgb = np.array([[[1, 2, 3], [200, 100, 50]]], np.uint8)
    profile = icc_profile()
    told = open_presentation(state(element(0x00282000, "OB", profile), kind=COLOUR))
    with open_instance(image(rgb, photometric="RGB")) as instance:
        picture = instance.render(1, media_type="image/png", presentation=told)
        assert np.array_equal(instance.display(presentation=told), rgb)
    assert b"iCCP" in picture.data
    assert not picture.warnings


def test_strict_refuses_what_was_wrong_with_the_state(present: Present) -> None:
    said = vois(voi("500", "1000"))
    broken = state(element(0x00700042, "US", 45), said)
    assert (present(_twelve(VALUES), broken) == present(_twelve(VALUES), state(said))).all()
    with pytest.raises(CorruptDataError, match="90 degrees"):
        present(_twelve(VALUES), broken, strict="yes")
    assert present(_twelve(VALUES), state(), strict="yes").shape == VALUES.shape


def test_state_of_another_kind_is_a_warning() -> None:
    rgb = image(np.zeros((2, 2, 3), np.uint8), photometric="RGB")
    with open_instance(rgb) as instance:
        picture = instance.render(media_type="image/png", presentation=open_presentation(state()))
    assert any("presentation state" in warning for warning in picture.warnings)


# --- shutters -------------------------------------------------------------------------------


def _shutter(shape: str, *more: Any, gray: int | None = 0x8000) -> tuple[Any, ...]:
    value = (element(0x00181622, "US", gray),) if gray is not None else ()
    return (element(0x00181600, "CS", *shape.split("\\")), *more, *value)


RECTANGLE = tuple(
    element(tag, "IS", text)
    for tag, text in zip((0x00181602, 0x00181604, 0x00181606, 0x00181608), "2423", strict=True)
)
"""Columns 2 to 4, rows 2 to 3."""


def _flat(rows: int = 5, columns: int = 5, *extra: Any) -> bytes:
    return image(np.full((rows, columns), 255, np.uint8), extra=extra)


def test_rectangular_shutter(present: Present) -> None:
    shown = present(_flat(), state(*_shutter("RECTANGULAR", *RECTANGLE)))
    assert shown.tolist() == [
        [128, 128, 128, 128, 128],
        [128, 255, 255, 255, 128],
        [128, 255, 255, 255, 128],
        [128, 128, 128, 128, 128],
        [128, 128, 128, 128, 128],
    ]


def test_the_least_open_of_several_shapes(present: Present) -> None:
    circle = (element(0x00181610, "IS", "3", "3"), element(0x00181612, "IS", "1"))
    both = _shutter("RECTANGULAR\\CIRCULAR", *RECTANGLE, *circle, gray=0)
    assert (present(_flat(), state(*both)) // 255).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_polygonal_shutter(present: Present) -> None:
    # Row, column of a triangle with its right angle at the top left.
    corners = element(0x00181620, "IS", "1", "1", "1", "4", "4", "1")
    shown = present(_flat(), state(*_shutter("POLYGONAL", corners, gray=0)))
    assert (shown // 255).tolist() == [
        [1, 1, 1, 1, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_bitmap_shutter_covers_set_bits_and_is_no_overlay(present: Present) -> None:
    bits = np.eye(3, dtype=np.uint8)
    told = state(
        *_shutter("BITMAP", element(0x00181623, "US", 0x6002), gray=0x4000),
        *overlay(bits, group=0x6002),
    )
    assert present(_flat(3, 3), told).tolist() == np.where(bits, 64, 255).tolist()


def test_own_shutter_counts_without_a_state_only(present: Present, display: Present) -> None:
    data = _flat(5, 5, *_shutter("RECTANGULAR", *RECTANGLE, gray=0))
    assert (present(data, state()) == 255).all()
    assert (display(data, voi="identity") == 255).sum() == 6
    assert (display(data, voi="identity", shutter="no") == 255).all()


def test_shutter_of_a_frame(display: Present) -> None:
    frames = np.full((2, 5, 5), 255, np.uint8)
    groups = functional_groups(
        per_frame=[(), (sequence(0x00189472, _shutter("RECTANGULAR", *RECTANGLE, gray=0)),)]
    )
    data = image(frames, extra=groups)
    assert (display(data, 1, voi="identity") == 255).all()
    assert (display(data, 2, voi="identity") == 255).sum() == 6


def test_shutter_color_is_for_color_pictures(display: Present) -> None:
    lab = element(0x00181624, "US", 65535, 0x8080, 0x8080)
    rgb = image(
        np.full((5, 5, 3), 9, np.uint8),
        photometric="RGB",
        extra=_shutter("RECTANGULAR", *RECTANGLE, lab, gray=0),
    )
    assert display(rgb)[0, 0].tolist() == [255, 255, 255]


# --- geometry -------------------------------------------------------------------------------


SQUARE = np.array([[1, 2], [3, 4]], np.uint8)


@pytest.mark.parametrize(("degrees", "flip", "expected"), [
    (0, "N", [[1, 2], [3, 4]]),
    (90, "N", [[3, 1], [4, 2]]),
    (180, "N", [[4, 3], [2, 1]]),
    (270, "N", [[2, 4], [1, 3]]),
    (0, "Y", [[2, 1], [4, 3]]),
    (90, "Y", [[1, 3], [2, 4]]),
    (270, "Y", [[4, 2], [3, 1]]),
])  # fmt: skip
def test_rotation_comes_before_the_flip(
    degrees: int, flip: str, expected: list[list[int]], present: Present
) -> None:
    told = state(element(0x00700042, "US", degrees), element(0x00700041, "CS", flip))
    assert present(image(SQUARE), told).tolist() == expected


def test_displayed_area_inside_and_beyond_the_image(present: Present) -> None:
    values = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
    inside = state(area((2, 1), (3, 2)))
    assert present(image(values), inside).tolist() == [[2, 3], [6, 7]]
    beyond = state(area((0, 3), (5, 4)))
    assert present(image(values), beyond).tolist() == [[0, 9, 10, 11, 12, 0], [0] * 6]
    away = state(area((100, 100), (101, 102)))
    assert present(image(values), away).tolist() == [[0, 0]] * 3


def test_corners_are_named_after_turning(present: Present) -> None:
    values = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
    # Turned by 90 degrees the pixel at column 1, row 3 is the one at the top left.
    told = state(element(0x00700042, "US", 90), area((1, 3), (2, 2)))
    assert present(image(values), told).tolist() == [[9, 5], [10, 6]]


def test_area_in_the_whole_of_an_image_that_is_no_tile(present: Present) -> None:
    """Only for tiles it is another place than in the frame (PS3.3 C.10.4)."""
    data = _twelve(np.arange(16).reshape(4, 4) * 273)
    told = state(area((2, 1), (3, 2), element(0x00480301, "CS", "VOLUME")))
    assert np.array_equal(present(data, told), present(data, state(area((2, 1), (3, 2)))))
    tile = _twelve(
        np.arange(16).reshape(4, 4) * 273,
        element(0x00480006, "UL", 100), element(0x00480007, "UL", 100),
    )  # fmt: skip
    assert np.array_equal(present(tile, told), present(tile, state()))
    for file, said in ((data, 0), (tile, 1)):
        with open_instance(file) as instance:
            found = instance.explain(presentation=open_presentation(told))
        assert len([text for text in found.warnings if "whole slide" in text]) == said


def test_viewport_scales_the_area_as_large_as_possible(present: Present) -> None:
    values = np.arange(64, dtype=np.uint8).reshape(8, 8)
    told = state(area((1, 1), (4, 2)))
    assert present(image(values), told, viewport="40,40").shape == (20, 40)
    assert present(image(values), told, viewport="2,40").shape == (1, 2)
    assert present(image(values), told, max_size="2").shape == (1, 2)
    assert present(image(values), told, viewport="2,2,1,0,2,2").shape == (2, 2)
    assert present(image(values), told, viewport="2,2,1,0,2,2").tolist() == [[1, 2], [9, 10]]
    assert present(image(values), told, viewport="2,2,1,0,-2,-2").tolist() == [[10, 9], [2, 1]]
    with pytest.raises(OptionError, match="region"):
        present(image(values), told, viewport="2,2,4,0,2,2")


def test_magnify_scales_by_its_ratio_and_is_cropped(present: Present) -> None:
    ratio = element(0x00700103, "FL", 2.0)
    told = state(area((1, 1), (4, 4), ratio, mode="MAGNIFY"))
    data = image(np.arange(16, dtype=np.uint8).reshape(4, 4))
    assert present(data, told).shape == (8, 8)
    cropped = present(data, told, viewport="4,4").astype(int)
    assert cropped.shape == (4, 4)
    assert np.abs(cropped - present(data, told)[2:6, 2:6]).max() <= 1
    assert present(data, told, viewport="100,4").shape == (4, 8)


@pytest.mark.parametrize(("tag", "vr", "sides"), [
    (0x00700101, "DS", ("2", "1")), (0x00700102, "IS", ("2", "1")),
])  # fmt: skip
def test_pixels_become_square(tag: int, vr: str, sides: Sequence[str], present: Present) -> None:
    told = state(area((1, 1), (3, 2), element(tag, vr, *sides)))
    assert present(image(np.zeros((2, 3), np.uint8)), told).shape == (4, 3)


def test_huge_areas_are_refused(present: Present) -> None:
    told = state(area((-(2**30), -(2**30)), (2**30, 2**30)))
    with pytest.raises(LimitExceededError):
        present(image(SQUARE), told)


# --- overlays and graphics ------------------------------------------------------------------


def test_overlays_are_drawn_in_active_layers_only(present: Present) -> None:
    bits = np.array([[1, 0], [0, 0]], np.uint8)
    data = image(np.zeros((2, 2), np.uint8), extra=overlay(bits))
    off = state(layers(layer("A", gray=0x8000)))
    assert not present(data, off).any()
    on = element(0x60001001, "CS", "A")
    assert present(data, state(on, layers(layer("A", gray=0x8000)))).tolist() == [[128, 0], [0, 0]]
    own = overlay(1 - bits)
    shown = present(data, state(on, *own, layers(layer("A"))))
    assert shown.tolist() == [[0, 255], [255, 255]]
    turned = state(on, layers(layer("A")), element(0x00700042, "US", 90))
    assert present(data, turned).tolist() == [[0, 255], [0, 0]]


def test_later_layers_cover_earlier_ones(present: Present) -> None:
    box = figure("POLYLINE", -5, -5, 30, -5, 30, 30, -5, 30, -5, -5, filled="Y")
    inside = annotated(annotations("TOP", figures=[box]), annotations("LOW", figures=[box]))
    data = image(np.zeros((20, 20), np.uint8))
    for order, gray in ((1, 0xFFFF), (3, 0x8000)):
        told = state(inside, layers(layer("LOW", 2, gray=0xFFFF), layer("TOP", order, gray=0x8000)))
        assert (present(data, told) == gray >> 8).all()


def test_pixel_graphics_turn_with_the_image_and_display_graphics_do_not(
    present: Present,
) -> None:
    data = image(np.zeros((40, 40), np.uint8))
    turn = element(0x00700042, "US", 90)
    for units, where in (("PIXEL", (38.5, 10.5, 38.5, 10.5)), ("DISPLAY", (0.2625, 0.9625))):
        told = state(
            turn, layers(layer("A")),
            annotated(annotations("A", figures=[figure("POINT", *where[:2], units=units)])),
        )  # fmt: skip
        rows, columns = np.nonzero(present(data, told) > 200)
        expected = (38, 29) if units == "PIXEL" else (38, 10)
        assert (round(rows.mean()), round(columns.mean())) == expected


@pytest.mark.parametrize(("kind", "data", "on", "off"), [
    ("POLYLINE", (5, 5.5, 35, 5.5), [(5, 20)], [(20, 20)]),
    ("CIRCLE", (20.5, 20.5, 30.5, 20.5), [(20, 30), (10, 20), (30, 20), (20, 10)], [(20, 20)]),
    ("ELLIPSE", (5.5, 20.5, 35.5, 20.5, 20.5, 15.5, 20.5, 25.5),
     [(20, 5), (20, 35), (15, 20), (25, 20)], [(20, 20), (10, 20)]),
    ("INTERPOLATED", (5.5, 20.5, 20.5, 10.5, 35.5, 20.5),
     [(20, 5), (10, 20), (20, 35)], [(20, 20)]),
    ("POINT", (20.5, 20.5), [(20, 20)], [(30, 30)]),
])  # fmt: skip
def test_figures_pass_where_they_should(
    kind: str,
    data: Sequence[float],
    on: list[tuple[int, int]],
    off: list[tuple[int, int]],
    present: Present,
) -> None:
    told = state(layers(layer("A")), annotated(annotations("A", figures=[figure(kind, *data)])))
    shown = present(image(np.zeros((40, 40), np.uint8)), told)
    assert all(shown[place] > 200 for place in on)
    assert not any(shown[place] for place in off)


def test_pictures_stay_gray_until_a_color_is_asked_for(present: Present) -> None:
    line = annotated(annotations("A", figures=[figure("POLYLINE", 0, 0, 20, 20)]))
    data = image(np.zeros((20, 20), np.uint8))
    white = state(line, layers(layer("A", lab=(0xFFFF, 0x8080, 0x8080))))
    assert present(data, white).shape == (20, 20)
    assert present(data, white, bit_depth="16").dtype == np.uint16
    red = present(data, state(line, layers(layer("A", lab=(0x8877, 0xD0F0, 0xC3C3)))))
    assert red.shape == (20, 20, 3)
    strongest = red.reshape(-1, 3).max(axis=0).tolist()
    assert strongest[0] > 240
    assert max(strongest[1:]) < 30


# --- texts ----------------------------------------------------------------------------------


def _written(present: Present, *texts: Any, ink: int = 0xFFFF, ground: int = 0) -> Any:
    told = state(layers(layer("A", gray=ink)), annotated(annotations("A", texts=texts)))
    return present(image(np.full((120, 160), ground, np.uint8)), told)


def _extent(shown: Any) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(shown > 128)
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_text_in_its_box(present: Present) -> None:
    box = (40, 30, 120, 90)
    ends = {}
    for side in ("LEFT", "CENTER", "RIGHT"):
        shown = _written(present, text("AB", box=box, justification=side))
        left, top, right, bottom = _extent(shown)
        assert 38 <= left < right <= 122
        assert 30 <= top < bottom <= 90
        ends[side] = left
    assert ends["LEFT"] < ends["CENTER"] < ends["RIGHT"]


def test_lines_below_each_other(present: Present) -> None:
    one = _extent(_written(present, text("AB", box=(0, 0, 160, 40))))
    two = _extent(_written(present, text("AB\r\nCD", box=(0, 0, 160, 40))))
    assert two[3] - two[1] > 1.5 * (one[3] - one[1]) / 2
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("anchor", [(2, 2), (158, 2), (2, 118), (158, 118), (80, 60)])
def test_text_at_an_anchor_stays_in_the_picture(
    anchor: tuple[float, float], present: Present
) -> None:
    left, top, right, bottom = _extent(_written(present, text("Lesion 1", anchor=anchor)))
    assert 0 < left < right < 159
    assert 0 < top < bottom < 119
    assert right - left > 25  # the whole of it


def test_a_line_leads_to_a_visible_anchor(present: Present) -> None:
    hidden = _written(present, text("A", box=(100, 10, 140, 30), anchor=(20, 100)))
    shown = _written(present, text("A", box=(100, 10, 140, 30), anchor=(20, 100), visible="Y"))
    assert hidden[99, 20] == 0
    assert shown[95:103, 16:24].max() > 128
    assert shown[50:80, 40:80].any()


def test_text_can_be_read_on_its_own_color(present: Present) -> None:
    for ink, ground in ((0xFFFF, 255), (0, 0)):
        shown = _written(present, text("HH", box=(10, 10, 150, 110)), ink=ink, ground=ground)
        assert int(shown.max()) - int(shown.min()) > 128


# --- what it is for -------------------------------------------------------------------------


@pytest.mark.parametrize("option", [
    {"window": "40,400"}, {"preset": "lung"}, {"voi": "minmax"}, {"invert": "yes"},
    {"rotate": "90"}, {"flip": "h"}, {"square_pixels": "yes"}, {"overlays": "yes"},
    {"values": "stored"},
])  # fmt: skip
def test_what_the_state_decides_cannot_be_asked_for(
    option: dict[str, str], present: Present
) -> None:
    with pytest.raises(OptionError, match=next(iter(option)).replace("_", "-")):
        present(image(SQUARE), state(), **option)


def test_images_and_frames_it_does_not_refer_to(present: Present) -> None:
    data = image(np.zeros((2, 2, 2), np.uint8))
    assert present(data, state(references=[reference(frames=(2,))]), 2).shape == (2, 2)
    with pytest.raises(OptionError, match="refer"):
        present(data, state(references=[reference(frames=(2,))]), 1)
    with pytest.raises(OptionError, match="refer"):
        present(data, state(references=[reference("1.9.9")]))


# --- a second source ------------------------------------------------------------------------


@pytest.mark.dcmtk
@pytest.mark.parametrize("elements", [
    (),
    (*rescale("1", "-1024"), vois(voi("40", "700"))),
    (*rescale("1", "-1024"), vois(voi("40", "700")), element(0x20500020, "CS", "INVERSE")),
    (vois((lookup_table(range(0, 4096, 8), first=900, bits=12),)),),
    (lookup_table(range(0, 65536, 16), tag=0x00283000, first=-1024, vr="SS"),
     vois(voi("30000", "20000"))),
    (element(0x00700042, "US", 90), element(0x00700041, "CS", "Y"), vois(voi("1000", "700"))),
    (element(0x00700042, "US", 270), element(0x00700041, "CS", "N"), vois(voi("1000", "700"))),
])  # fmt: skip
def test_the_same_through_dcmtk(
    elements: tuple[Any, ...],
    tmp_path: Path,
    dcmtk: Callable[..., CompletedProcess[bytes]],
    pydicom_file: Callable[[str], Path],
) -> None:
    path = pydicom_file("CT_small.dcm")
    with open_instance(path) as instance:
        uid = instance.sop_instance
        data = _complete(elements, uid, instance.description.columns, instance.description.rows)
        shown = instance.display(presentation=open_presentation(data))
    (tmp_path / "state.dcm").write_bytes(data)
    output = tmp_path / "shown.pgm"
    ran = dcmtk("dcmp2pgm", "-p", tmp_path / "state.dcm", path, output)
    assert output.exists(), ran.stderr
    with Image.open(output) as picture:
        theirs = np.asarray(picture).astype(int)
    # DCMTK cuts off where PS3.3 leaves rounding open.
    assert np.abs(shown - theirs).max() <= 1
    assert shown.std() > 1


def _complete(elements: tuple[Any, ...], uid: str, columns: int, rows: int) -> bytes:
    """Return a state with all that DCMTK insists on."""
    needed = [
        element(0x00080020, "DA"), element(0x00080030, "TM"), element(0x00080050, "SH"),
        element(0x00080070, "LO"), element(0x00080090, "PN"), element(0x00100010, "PN", "A"),
        element(0x00100020, "LO", "1"), element(0x00100030, "DA"), element(0x00100040, "CS"),
        element(0x00200010, "SH"), element(0x00200011, "IS", "1"), element(0x00200013, "IS", "1"),
        element(0x0020000E, "UI", "1.2.3.9"), element(0x00700080, "CS", "X"),
        element(0x00700081, "LO"), element(0x00700082, "DA", "20200101"),
        element(0x00700083, "TM", "000000"), element(0x00700084, "PN"),
        element(0x20500020, "CS", "IDENTITY"),
        area((1, 1), (columns, rows), element(0x00700102, "IS", "1", "1")),
    ]  # fmt: skip
    if any(item.tag == 0x00281052 for item in elements):
        needed.append(element(0x00281054, "LO", "HU"))
    if any(item.tag == 0x00283000 for item in elements):
        table = next(item for item in elements if item.tag == 0x00283000)
        (inside,) = table.items
        elements = tuple(item for item in elements if item is not table)
        needed.append(sequence(0x00283000, (*inside, element(0x00283004, "LO", "US"))))
    ct = reference(uid, sop_class="1.2.840.10008.5.1.4.1.1.2")
    return state(*needed, *elements, references=[ct])
