"""Calibration for a display, against the table of PS3.14 and against DCMTK."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rendicom
from rendicom.errors import OptionError
from rendicom.rendering.gsdf import jnd_index, luminance
from rendicom.testing.images import image

Show = Callable[..., Any]

GAMMA = [0.6 + 350 * (level / 17) ** 2.2 for level in range(18)]
"""Luminances of a display with gamma 2.2, at the 18 levels that AAPM TG 18 measures."""


def text(levels: list[float]) -> str:
    return ",".join(f"{level:.5f}" for level in levels)


@pytest.mark.parametrize(("index", "level"), [
    (1, 0.0500), (2, 0.0547), (3, 0.0594), (4, 0.0643), (5, 0.0696), (1023, 3993.4040),
])  # fmt: skip
def test_luminances_of_annex_b(index: int, level: float) -> None:
    (computed,) = luminance(np.array([float(index)]))
    assert computed == pytest.approx(level, abs=0.00006, rel=0.00003)


def test_the_two_functions_are_inverse() -> None:
    indices = np.arange(1.0, 1024)
    assert np.abs(jnd_index(luminance(indices)) - indices).max() < 1e-6


def test_equal_steps_of_gray_are_equal_steps_of_perception(show: Show) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    levels = show(ramp, voi="identity", gsdf=text(GAMMA), bit_depth="16").reshape(-1)
    steps = np.diff(jnd_index(0.6 + 350 * (levels / 65535) ** 2.2))
    assert levels[0] == 0
    assert levels[-1] == 65535
    assert np.abs(steps[20:] - steps.mean()).max() < 0.1
    plain = np.diff(jnd_index(0.6 + 350 * (np.arange(256) / 255) ** 2.2))
    assert np.abs(plain[20:] - plain.mean()).max() > 0.5


def test_inverted_images_are_calibrated_as_well(show: Show) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    asked = {"voi": "identity", "gsdf": text(GAMMA)}
    straight = show(ramp, **asked)
    assert np.array_equal(
        show(ramp, invert="yes", **asked), straight.reshape(-1)[::-1].reshape(16, 16)
    )
    assert np.array_equal(show(ramp[::-1, ::-1], photometric="MONOCHROME1", **asked), straight)


def test_padding_stays_black(show: Show) -> None:
    samples = np.array([[0, 7, 255]], np.uint8)
    shown = show(samples, padding=(7, 7), voi="identity", invert="yes", gsdf=text(GAMMA))
    assert shown.tolist() == [[255, 0, 0]]


def test_color_is_left_alone_and_said(show_frame: Any, make_frame: Any) -> None:
    shown, plan = show_frame(make_frame(np.full((2, 2, 3), 90, np.uint8)), gsdf=text(GAMMA))
    assert (shown.samples == 90).all()
    assert plan.warnings == ("gsdf is for gray images: ignored",)


@pytest.mark.parametrize(
    "wrong", ["", "1", "1,1", "2,1", "0.01,1", "1,5000", "1,nan", "1,x", "1,,2"]
)
def test_what_is_no_display(wrong: str) -> None:
    with pytest.raises(OptionError, match=r"increasing luminances from 0\.05 to 3993"):
        rendicom.RenderOptions.parse({"gsdf": wrong})


def test_values_are_never_calibrated() -> None:
    with pytest.raises(OptionError, match="never windowed: leave out gsdf"):
        rendicom.RenderOptions(values="stored", gsdf=(1.0, 2.0))


@pytest.mark.parametrize("points", [18, 256])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.dcmtk
def test_the_same_as_dcmtk(points: int, photometric: str, dcmtk: Any, tmp_path: Path) -> None:
    levels = [0.6 + 350 * (level / (points - 1)) ** 2.2 for level in range(points)]
    step = 255 // (points - 1)
    lines = [f"{at * step} {level:.5f}" for at, level in enumerate(levels)]
    monitor = tmp_path / "monitor.lut"
    monitor.write_text("\n".join(["max 255", *lines, ""]))
    path = tmp_path / "ramp.dcm"
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    path.write_bytes(image(ramp, bits_stored=12, photometric=photometric))
    done = dcmtk("dcmj2pnm", "-q", "+op", "-W", "+Dm", monitor, path)
    theirs = np.frombuffer(done.stdout[-4096:], np.uint8).reshape(64, 64)
    options = rendicom.RenderOptions.parse({"voi": "identity", "gsdf": text(levels)})
    with rendicom.open_instance(path) as instance:
        ours = instance.display(1, options)
    assert np.abs(ours.astype(int) - theirs).max() <= 1
    assert (ours == theirs).mean() > 0.98
