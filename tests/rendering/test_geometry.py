"""Where pixels go, and how they are mixed; Pillow is the second opinion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rendicom.errors import OptionError
from rendicom.rendering.resample import nearest, resample

Show = Callable[..., Any]

SQUARE = np.array([[1, 2], [3, 4]], np.uint8)
WIDE = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
PLAIN = {"window": "128,256"}


@pytest.mark.parametrize(("samples", "options", "expected"), [
    (SQUARE, {"rotate": "90"}, [[3, 1], [4, 2]]),
    (SQUARE, {"rotate": "180"}, [[4, 3], [2, 1]]),
    (SQUARE, {"rotate": "270"}, [[2, 4], [1, 3]]),
    (SQUARE, {"flip": "h"}, [[2, 1], [4, 3]]),
    (SQUARE, {"flip": "v"}, [[3, 4], [1, 2]]),
    (SQUARE, {"rotate": "90", "flip": "h"}, [[1, 3], [2, 4]]),
    (WIDE, {"rotate": "90"}, [[4, 1], [5, 2], [6, 3]]),
    (WIDE, {"viewport": "3,2"}, [[1, 2, 3], [4, 5, 6]]),
    (WIDE, {"viewport": "2,2,1,0,2,2"}, [[2, 3], [5, 6]]),
    (WIDE, {"viewport": "2,2,1,0,-2,2"}, [[3, 2], [6, 5]]),
    (WIDE, {"viewport": "2,2,1,0,2,-2"}, [[5, 6], [2, 3]]),
    (WIDE, {"viewport": "3,2,,,-3,-2"}, [[6, 5, 4], [3, 2, 1]]),
    (WIDE, {"viewport": "3,2,,,-3,2", "flip": "h"}, [[1, 2, 3], [4, 5, 6]]),
    (WIDE, {"viewport": "2,1,-1,-1"}, [[5, 6]]),
    (WIDE, {"viewport": "1,1,1.4,0.6,1,1"}, [[5]]),
    (WIDE, {"viewport": "2,2,1,0,99,99"}, [[2, 3], [5, 6]]),
    (WIDE, {"viewport": "1,1,2.9,1.9,0.01,0.01"}, [[6]]),
    (WIDE, {"viewport": "9,9,2,1"}, [[6] * 9] * 9),
    (WIDE, {"viewport": "2,3,1,0", "rotate": "90"}, [[5, 2], [6, 3]]),
])  # fmt: skip
def test_places(samples: Any, options: dict[str, str], expected: Any, show: Show) -> None:
    assert show(samples, **PLAIN, **options).tolist() == expected
    colour = np.repeat(samples[..., None], 3, axis=2)
    assert show(colour, **options)[..., 1].tolist() == expected


@pytest.mark.parametrize(("shape", "options", "size"), [
    ((256, 512), {"viewport": "256,256", "rotate": "90"}, (128, 256)),
    ((50, 100), {"max_size": "30", "viewport": "400,400"}, (30, 15)),
    ((50, 100), {"scale": "2"}, (200, 100)),
    ((50, 100), {"scale": "0.5", "rotate": "90"}, (25, 50)),
    ((50, 100), {"scale": "4", "max_size": "300"}, (300, 150)),
])  # fmt: skip
def test_sizes(
    shape: tuple[int, int], options: dict[str, str], size: tuple[int, int], show: Show
) -> None:
    shown = show(np.full(shape, 77, np.uint8), **PLAIN, **options)
    assert shown.shape[::-1] == size
    assert (shown == 77).all()


@pytest.mark.parametrize(("ratio", "size"), [
    ((2.0, 1.0), (20, 10)), ((1.0, 2.0), (10, 20)), ((1.0, 1.0), (10, 10)), ((0.6, 0.5), (12, 10)),
])  # fmt: skip
def test_square_pixels_are_made_by_enlarging(
    ratio: tuple[float, float], size: tuple[int, int], show: Show
) -> None:
    samples = np.zeros((10, 10), np.uint8)
    shown = show(samples, pixel_aspect_ratio=ratio, square_pixels="yes", **PLAIN)
    assert shown.shape == size
    assert show(samples, pixel_aspect_ratio=ratio, **PLAIN).shape == (10, 10)


def test_region_counts_square_pixels_where_those_are_asked_for(show: Show) -> None:
    samples = np.repeat(np.arange(8, dtype=np.uint8), 8).reshape(8, 8)
    shown = show(
        samples, pixel_aspect_ratio=(2.0, 1.0), square_pixels="yes", viewport="4,8,0,8,4,8", **PLAIN
    )
    assert shown.shape == (8, 4)  # rows 4 to 7, each twice as high
    assert (shown[0] < shown[-1]).all()
    assert shown.min() >= 3


@pytest.mark.parametrize("viewport", ["4,4,10,0,2,2", "4,4,0,2", "1,1,3"])
def test_region_outside(viewport: str, show: Show) -> None:
    with pytest.raises(OptionError, match="outside"):
        show(WIDE, viewport=viewport, **PLAIN)


@pytest.mark.parametrize(("said", "more"), [
    ({"segmentation_type": "BINARY"}, {}),
    ({"segmentation_type": "LABELMAP"}, {}),
    ({}, {"values": "stored"}),
])  # fmt: skip
def test_labels_are_never_mixed(said: dict[str, str], more: dict[str, str], show: Show) -> None:
    samples = np.tile(np.array([[0, 1]], np.uint8), (9, 9))
    for viewport in ("5,5", "40,40"):
        shown = show(samples, said, viewport=viewport, **more)
        colours = shown.reshape(shown.shape[0] * shown.shape[1], -1)
        assert len(np.unique(colours, axis=0)) <= 2


def test_modality_values_are_mixed_unless_some_are_no_number(show: Show) -> None:
    samples = np.array([[0, 10, 0, 10]], np.float32)
    shown = show(samples, values="modality", viewport="2,1")
    assert shown.dtype == np.float32
    assert ((shown > 0) & (shown < 10)).all()
    samples[0, 0] = np.nan
    shown = show(samples, values="modality", viewport="8,2")
    assert np.isnan(shown[:, :2]).all()
    assert set(shown[:, 2:].ravel().tolist()) == {0, 10}


# --- mixing ---------------------------------------------------------------------------------

SIZES = [(61, 47), (512, 300), (20, 31), (128, 1), (1, 9), (127, 129), (128, 40)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_as_pillow_does(size: tuple[int, int], channels: int) -> None:
    made = np.random.default_rng(0)
    shape = (128, 128) if channels == 1 else (128, 128, 3)
    samples = made.integers(0, 256, shape).astype(np.uint8)
    ours = resample(samples, *size).astype(int)
    theirs = np.asarray(Image.fromarray(samples).resize(size[::-1], Image.Resampling.BICUBIC))
    assert np.abs(ours - theirs).max() <= 1
    assert np.mean(ours != theirs) < 0.15


@pytest.mark.parametrize("size", SIZES)
def test_as_pillow_does_with_floats(size: tuple[int, int]) -> None:
    samples = np.random.default_rng(1).random((128, 128), np.float32) * 4000 - 1000
    theirs = np.asarray(Image.fromarray(samples).resize(size[::-1], Image.Resampling.BICUBIC))
    assert np.abs(resample(samples, *size) - theirs).max() < 0.01
    deep = (samples * 5 + 20000).astype(np.uint16)
    theirs = np.asarray(
        Image.fromarray(deep.astype(np.float32)).resize(size[::-1], Image.Resampling.BICUBIC)
    )
    assert np.abs(resample(deep, *size) - theirs).max() <= 1.5  # rounded twice


def test_reducing_a_lot() -> None:
    samples = np.random.default_rng(2).integers(0, 256, (3000, 40)).astype(np.uint8)
    theirs = np.asarray(Image.fromarray(samples).resize((4, 3), Image.Resampling.BICUBIC))
    assert np.abs(resample(samples, 3, 4).astype(int) - theirs).max() <= 1


def test_nearest_as_pillow_does() -> None:
    samples = np.random.default_rng(3).integers(0, 256, (20, 31)).astype(np.uint8)
    for size in ((7, 9), (40, 62), (20, 50)):
        theirs = Image.fromarray(samples).resize(size[::-1], Image.Resampling.NEAREST)
        assert np.array_equal(nearest(samples, *size), np.asarray(theirs))


@settings(max_examples=40, deadline=None)
@given(
    value=st.integers(0, 65535), dtype=st.sampled_from([np.uint8, np.uint16, np.float32]),
    before=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    after=st.tuples(st.integers(1, 90), st.integers(1, 90)),
)  # fmt: skip
def test_constant_stays_constant(
    value: int, dtype: Any, before: tuple[int, int], after: tuple[int, int]
) -> None:
    samples = np.full(before, value % 256 if dtype == np.uint8 else value, dtype)
    shown = resample(samples, *after)
    assert shown.shape == after
    assert shown.dtype == samples.dtype
    assert (shown == samples.flat[0]).all()


def test_edges_stay_in_range() -> None:
    step = np.zeros((1, 16), np.uint16)
    step[:, 8:] = 65535
    shown = resample(step, 1, 100)
    assert shown.min() == 0
    assert shown.max() == 65535
