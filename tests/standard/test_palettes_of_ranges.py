"""Palettes over a range of values, and padding under a palette (PS3.3 C.7.6.16.2.26, C.8.32.2)."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from rendicom.testing import element, functional_groups, icc_profile, image, palette, sequence

RAMP = np.arange(256)
HOT = np.stack([np.minimum(2 * RAMP, 255), np.maximum(2 * RAMP - 255, 0), 255 - RAMP], -1)
COLOR_RANGE = element(0x00089205, "CS", "COLOR_RANGE")
WINDOW = (element(0x00281050, "DS", "100"), element(0x00281051, "DS", "200"))


def hot(**more):
    return palette(*HOT.T, bits=8, **more)


def mapped(low, high):
    return sequence(0x00281230, [element(0x00281231, "FD", low), element(0x00281232, "FD", high)])


def voi(*inside):
    return sequence(0x00289132, inside)


def entry(values, low, high):
    share = np.clip((np.asarray(values, float) - low) / (high - low), 0, 1)
    return HOT[np.floor(share * 255 + 0.5).astype(int)]


@pytest.mark.parametrize(("kind", "first"), [(np.uint8, 0), (np.uint16, 40), (np.int16, -30)])
def test_integers_index_the_palette_whatever_the_window(kind, first, display):
    """The window is for gray. C.7.6.3.1.5: entries are of values from the first one mapped on."""
    values = np.array([[0, 46, 117, 255]], kind)
    vr = "SS" if first < 0 else "US"
    extra = [COLOR_RANGE, *hot(first=first, vr=vr), *functional_groups(shared=[voi(*WINDOW)])]
    data = image(values, extra=extra)
    expected = HOT[np.clip(values.astype(int) - first, 0, 255)]
    np.testing.assert_array_equal(display(data), expected)
    asked = display(data, window="100,200")
    level = np.floor(np.clip((values - 99.5) / 199 + 0.5, 0, 1) * 255 + 0.5).astype(int)
    np.testing.assert_array_equal(asked, HOT[level])


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("rescale", ["", "-2"])
def test_the_range_of_each_frame_is_mapped(kind, rescale, display):
    """Of stored values: a rescale is for gray as well."""
    values = np.linspace(0, 900, 24).astype(kind).reshape(2, 3, 4)
    macros = [voi(*WINDOW)]
    if rescale:
        macros.append(sequence(0x00289145, [element(0x00281053, "DS", rescale)]))
    groups = functional_groups(shared=macros, per_frame=[[mapped(50.0, 300.0)], [mapped(-5, 950)]])
    data = image(values, frames=2, extra=[COLOR_RANGE, *hot(first=7), *groups])
    np.testing.assert_array_equal(display(data), entry(values[0], 50, 300))
    np.testing.assert_array_equal(display(data, 2), entry(values[1], -5, 950))


@pytest.mark.parametrize(("low", "high"), [(5.0, 5.0), (9.0, 2.0), (float("nan"), 3.0)])
def test_a_range_that_is_none_is_not_used(low, high, display):
    values = np.array([[0, 3, 200]], np.uint8)
    groups = functional_groups(shared=[mapped(low, high)])
    np.testing.assert_array_equal(
        display(image(values, extra=[COLOR_RANGE, *hot(), *groups])), HOT[values]
    )


def test_floats_without_a_range_are_windowed(display):
    """They cannot index a palette; A.75.1 allows the window to be spread over it."""
    values = np.array([[0.0, 0.5, 1.0, 1.5]], np.float32)
    window = (element(0x00281050, "DS", "1"), element(0x00281051, "DS", "2"))
    groups = functional_groups(shared=[voi(*window)])
    data = image(values, extra=[COLOR_RANGE, *hot(), *groups])
    np.testing.assert_allclose(display(data).astype(int), entry(values, 0, 2), atol=2)


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_padding_is_black_in_a_range(kind, display):
    values = np.array([[-150, -200, -100, -99, 0, 20]], kind)
    tags = (0x00280120, "SS"), (0x00280121, "SS")
    if kind is np.float32:
        tags = (0x00280122, "FL"), (0x00280124, "FL")
    padding = [element(tag, vr, end) for (tag, vr), end in zip(tags, (-200, -100), strict=True)]
    groups = functional_groups(shared=[mapped(-16.0, 21.0)])
    data = image(values, extra=[COLOR_RANGE, *hot(), *padding, *groups])
    expected = entry(values, -16, 21)
    assert HOT[0].any()
    unpadded = display(data, padding="no")
    np.testing.assert_array_equal(unpadded, expected)
    expected[:, :3] = 0
    np.testing.assert_array_equal(display(data), expected)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16])
def test_padding_is_black_in_palette_color(kind, display):
    """C.7.5.1.1.2: padding of PALETTE COLOR images is not looked up."""
    values = np.array([[0, 1, 9, 10, 11, 77]], kind)
    vr = "SS" if kind is np.int16 else "US"
    padding = [element(0x00280120, vr, 9), element(0x00280121, vr, 11)]
    data = image(values, photometric="PALETTE COLOR", extra=[*hot(vr=vr), *padding])
    expected = HOT[values]
    np.testing.assert_array_equal(display(data, padding="no"), expected)
    expected[:, 2:5] = 0
    np.testing.assert_array_equal(display(data), expected)
    inverted = 255 - HOT[values]
    inverted[:, 2:5] = 0
    np.testing.assert_array_equal(display(data, invert="yes"), inverted)


@pytest.mark.parametrize(("presentation", "has_profile"), [
    ("COLOR_RANGE", True), ("COLOR", True), ("MIXED", True), ("MONOCHROME", False),
])  # fmt: skip
def test_the_profile_is_that_of_the_colors_of_a_palette(presentation, has_profile, picture):
    profile = icc_profile(gamma=1.8)
    extra = [element(0x00089205, "CS", presentation), element(0x00282000, "OB", profile)]
    shown = picture(image(np.array([[0, 9, 200]], np.uint8), extra=[*extra, *hot()]), icc="yes")
    found = Image.open(io.BytesIO(shown.data)).info.get("icc_profile")
    assert (found == profile[: len(found)]) if has_profile else found is None


@pytest.mark.parametrize("macro", [0x00189226, 0x00189329, 0x00189751])
def test_frames_of_a_mixed_image_have_their_own_presentation(macro, display):
    """C.8.16.2.1.1: a frame that is MONOCHROME has no use for the supplemental palette."""
    values = np.array([[[0, 100, 120]], [[0, 100, 120]]], np.uint8)
    groups = functional_groups(
        shared=[voi(element(0x00281050, "DS", "128"), element(0x00281051, "DS", "256"))],
        per_frame=[
            [sequence(macro, [element(0x00089205, "CS", each)])] for each in ("COLOR", "MONOCHROME")
        ],
    )
    mixed = element(0x00089205, "CS", "MIXED")
    data = image(values, frames=2, extra=[mixed, *hot(first=100), *groups])
    colored = display(data)
    np.testing.assert_array_equal(colored[0], [[0, 0, 0], HOT[0], HOT[20]])
    gray = display(data, 2)
    np.testing.assert_array_equal(gray, np.repeat(values[1][..., np.newaxis], 3, 2))
    assert gray.dtype == colored.dtype  # frames of one loop are alike
