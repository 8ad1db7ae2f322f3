"""ICC profiles: Pillow's LittleCMS reads what is made here and converts the same way."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from rendicom.errors import OptionError
from rendicom.rendering.icc_profiles import named_profile
from rendicom.testing import icc_profile
from rendicom.values import DisplayAttributes, LookupTable, Palette

Show = Callable[..., Any]
NAMES = ("srgb", "adobergb", "rommrgb", "displayp3")
RGB = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)


def _opened(profile: bytes) -> Any:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))


def _converted(samples: Any, source: Any, target: Any) -> Any:
    shown = ImageCms.profileToProfile(
        Image.fromarray(samples), source, target,
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )  # fmt: skip
    return np.asarray(shown).astype(int)


@pytest.fixture
def managed(show_frame: Show, make_frame: Show) -> Show:
    """Return a function that gives the picture of an RGB image and the warnings."""

    def render(
        samples: Any = RGB, own: bytes | None = None, stream: bytes | None = None, **options: str
    ) -> tuple[Any, tuple[str, ...]]:
        frame = make_frame(samples, icc_profile=stream)
        image, plan = show_frame(frame, DisplayAttributes(icc_profile=own), **options)
        return image, plan.warnings

    return render


# --- the named spaces -----------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_named_profiles_are_sound(name: str) -> None:
    profile = _opened(named_profile(name)).profile
    assert profile.xcolor_space == "RGB "
    assert profile.device_class == "mntr"
    assert profile.is_matrix_shaper
    assert len(named_profile(name)) == int.from_bytes(named_profile(name)[:4], "big")


@pytest.mark.parametrize(("name", "primaries"), [
    ("srgb", [(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)]),
    ("adobergb", [(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)]),
    ("displayp3", [(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)]),
])  # fmt: skip
def test_primaries_after_adaptation_back(name: str, primaries: list[Any]) -> None:
    """LittleCMS's own profile of the same primaries has the same colourants."""
    import imagecodecs

    theirs = imagecodecs.cms_profile(
        "rgb", whitepoint=(0.3127, 0.3290, 1.0),
        primaries=[value for xy in primaries for value in (*xy, 1.0)], gamma=2.2,
    )  # fmt: skip
    ours = _opened(named_profile(name)).profile
    reference = _opened(theirs).profile
    for channel in ("red_colorant", "green_colorant", "blue_colorant"):
        expected = getattr(reference, channel)[0]
        assert getattr(ours, channel)[0] == pytest.approx(expected, abs=2e-4)


def test_colourants_of_srgb_and_romm() -> None:
    """The figures printed in IEC 61966-2-1's ICC profile and in ANSI/I3A IT10.7666."""
    srgb = _opened(named_profile("srgb")).profile
    assert srgb.red_colorant[0] == pytest.approx((0.4361, 0.2225, 0.0139), abs=3e-4)
    assert srgb.green_colorant[0] == pytest.approx((0.3851, 0.7169, 0.0971), abs=3e-4)
    romm = _opened(named_profile("rommrgb")).profile
    assert romm.red_colorant[0] == pytest.approx((0.7977, 0.2880, 0.0000), abs=3e-4)
    assert romm.blue_colorant[0] == pytest.approx((0.0313, 0.0001, 0.8249), abs=3e-4)


def test_srgb_is_the_srgb_of_others() -> None:
    shown = _converted(RGB, _opened(named_profile("srgb")), ImageCms.createProfile("sRGB"))
    assert np.abs(shown - RGB).max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_gray_stays_gray(name: str) -> None:
    gray = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    shown = _converted(gray, _opened(named_profile(name)), ImageCms.createProfile("sRGB"))
    assert np.abs(shown - shown[..., :1]).max() <= 1
    assert (shown[0] == 0).all()
    assert (shown[-1] == 255).all()


# --- the six modes --------------------------------------------------------------------------


def test_own_profile_is_embedded_by_default(managed: Show) -> None:
    own, stream = icc_profile(gamma=1.8), icc_profile(gamma=2.0)
    for options in ({}, {"icc": "yes"}):
        assert managed(own=own, stream=stream, **options)[0].icc_profile == own
        assert managed(stream=stream, **options)[0].icc_profile == stream
        assert np.array_equal(managed(own=own, **options)[0].samples, RGB)
        assert managed(own=own + b"\0", **options)[0].icc_profile == own
    assert managed()[0].icc_profile is None
    assert managed(icc="yes")[0].icc_profile == named_profile("srgb")
    assert managed(own=own, icc="no")[0].icc_profile is None


@pytest.mark.parametrize("name", NAMES)
def test_named_space(name: str, managed: Show) -> None:
    own = icc_profile(gamma=1.8)
    image, warnings = managed(own=own, icc=name)
    assert image.icc_profile == named_profile(name)
    expected = _converted(RGB, _opened(own), _opened(named_profile(name)))
    assert np.abs(image.samples.astype(int) - expected).max() <= 1
    assert not warnings
    deep = managed(own=own, icc=name, bit_depth="16")[0].samples
    assert deep.dtype == np.uint16
    # LittleCMS rounds dark colors coarsely in its 8-bit arithmetic.
    assert np.abs(deep / 257 - expected).max() <= 3
    assert np.abs(deep / 257 - expected).mean() < 0.5


def test_no_profile_counts_as_srgb(managed: Show) -> None:
    image, _ = managed(icc="srgb")
    assert np.array_equal(image.samples, RGB)
    assert image.icc_profile == named_profile("srgb")
    image, _ = managed(icc="displayp3")
    expected = _converted(RGB, ImageCms.createProfile("sRGB"), _opened(image.icc_profile))
    assert np.abs(image.samples.astype(int) - expected).max() <= 1


def _broken() -> dict[str, bytes]:
    sound = icc_profile()
    return {
        "noise": b"\1" * 300,
        "short": sound[:100],
        "cut": sound[:-40],
        "gray": sound[:16] + b"GRAY" + sound[20:],
        "class": sound[:12] + b"link" + sound[16:],
        "tags": sound[:128] + b"\xff" * 4 + sound[132:],
    }


@pytest.mark.parametrize("how", list(_broken()))
def test_broken_profile_is_a_warning(how: str, managed: Show) -> None:
    broken = _broken()[how]
    image, warnings = managed(own=broken)
    assert image.icc_profile is None
    assert len(warnings) == 1
    stream = icc_profile(gamma=2.0)
    assert managed(own=broken, stream=stream)[0].icc_profile == stream
    assert np.array_equal(managed(own=broken, icc="srgb")[0].samples, RGB)


def test_profile_without_its_tags_is_no_source(managed: Show) -> None:
    hollow = bytearray(icc_profile())
    hollow[132:136] = b"none"
    for at in range(132, 132 + 12 * int.from_bytes(hollow[128:132], "big"), 12):
        hollow[at : at + 4] = b"none"
    image, warnings = managed(own=bytes(hollow), icc="srgb")
    assert np.array_equal(image.samples, RGB)
    assert any("sRGB" in warning for warning in warnings)


def test_gray_carries_none(managed: Show) -> None:
    gray = RGB[..., 0]
    assert managed(gray, own=icc_profile())[0].icc_profile is None
    image, warnings = managed(gray, icc="srgb")
    assert (image.icc_profile, len(warnings)) == (None, 1)
    assert not managed(gray, icc="no")[1]


def test_palette_output_is_managed(show_frame: Show, make_frame: Show) -> None:
    channel = LookupTable(np.array([0, 200], np.uint16), 0, 8)
    own = icc_profile(gamma=1.8)
    display = DisplayAttributes(palette=Palette(channel, channel, channel), icc_profile=own)
    frame = make_frame(np.array([[0, 1]], np.uint8), photometric="PALETTE COLOR")
    assert show_frame(frame, display)[0].icc_profile == own
    shown = show_frame(frame, display, icc="srgb")[0]
    assert shown.icc_profile == named_profile("srgb")
    assert shown.samples[0, 1, 0] != 200


def test_stored_colour_is_never_converted(managed: Show) -> None:
    own = icc_profile()
    image, _ = managed(own=own, values="stored")
    assert image.icc_profile == own
    with pytest.raises(OptionError, match="display values"):
        managed(own=own, values="stored", icc="srgb")
