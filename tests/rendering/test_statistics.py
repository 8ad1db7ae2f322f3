"""Ranges over the frames of an instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rendicom.errors import OptionError
from rendicom.options import Voi
from rendicom.rendering.statistics import modality_range
from rendicom.values import DisplayAttributes, LookupTable, PixelDescription

MINMAX = Voi("minmax")


@pytest.fixture
def range_of(make_frame: Callable[..., Any]) -> Callable[..., tuple[float, float]]:
    """Return a function that takes pairs of samples and display attributes."""

    def measured(
        *pairs: tuple[Any, DisplayAttributes], voi: Voi = MINMAX, padding: bool = True
    ) -> tuple[float, float]:
        description = PixelDescription(
            "", "", "MR", 1, 1, 1, "MONOCHROME2", 0, 16, 16, 15, True, len(pairs), "PixelData"
        )
        frames = ((make_frame(samples), display) for samples, display in pairs)
        return modality_range(frames, description, voi, padding=padding)

    return measured


PLAIN = DisplayAttributes()
PADDED = DisplayAttributes(padding=(-2000.0, -1500.0))


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("voi", [MINMAX, Voi("percentile", (0, 100)), Voi("roi", (0, 0, 9, 9))])
def test_least_and_greatest(dtype: type, voi: Voi, range_of: Any) -> None:
    samples = np.array([[-2000, -1500, -1499, 0, 700]], dtype)
    assert range_of((samples, PLAIN), voi=voi) == (-2000, 700)
    assert range_of((samples, PADDED), voi=voi) == (-1499, 700)
    assert range_of((samples, PADDED), voi=voi, padding=False) == (-2000, 700)
    falling = DisplayAttributes(slope=-2.0, intercept=1.0)
    assert range_of((samples, falling), voi=voi) == (-1399, 4001)


def test_every_frame_with_its_own_rescale(range_of: Any) -> None:
    samples = np.array([[10, 20]], np.int16)
    assert range_of(
        (samples, PLAIN), (samples, DisplayAttributes(slope=3.0)),
        (samples, DisplayAttributes(intercept=-50.0)),
    ) == (-40, 60)  # fmt: skip


def test_padding_in_the_middle_and_in_large_frames(range_of: Any) -> None:
    samples = np.arange(-500, 500, dtype=np.int16).repeat(300).reshape(600, 500)
    display = DisplayAttributes(padding=(-500.0, 498.0))
    assert range_of((samples, display)) == (499, 499)
    assert range_of((samples, DisplayAttributes(padding=(-3.0, 3.0)))) == (-500, 499)


@pytest.mark.parametrize("voi", [MINMAX, Voi("percentile", (0, 100))])
def test_only_finite_values_count(voi: Voi, range_of: Any) -> None:
    samples = np.array([[np.nan, -np.inf, 3.0, 8.0, np.inf]], np.float32)
    assert range_of((samples, PLAIN), voi=voi) == (3, 8)
    nothing = np.full((2, 2), np.nan, np.float32)
    assert range_of((nothing, PLAIN), voi=voi) == (0, 0)
    assert range_of((nothing, PLAIN), (samples, PLAIN), voi=voi) == (3, 8)
    assert range_of((np.full((2, 2), -1600, np.int16), PADDED), voi=voi) == (0, 0)
    overflow = DisplayAttributes(slope=1e300)
    assert range_of((np.array([[1.0, 1e300]]), overflow), voi=voi) == (1e300, 1e300)


def test_no_frames_at_all(range_of: Any) -> None:
    assert range_of() == (0, 0)


def test_modality_lut_counts_only_what_occurs(range_of: Any) -> None:
    lut = LookupTable(np.array([5, 900, 1, 7], np.uint16), 0, 10)
    display = DisplayAttributes(modality_lut=lut)
    for dtype in (np.uint8, np.int32):
        assert range_of((np.array([[0, 2, 3, 3]], dtype), display)) == (1, 7)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float64])
def test_percentiles(dtype: type, range_of: Any) -> None:
    samples = np.arange(1, 101).reshape(10, 10).astype(dtype)
    assert range_of((samples, PLAIN), voi=Voi("percentile", (10, 90))) == (10, 90)
    assert range_of((samples, PLAIN), voi=Voi("percentile", (0, 100))) == (1, 100)
    assert range_of((samples, DisplayAttributes(slope=-1.0)), voi=Voi("percentile", (0, 5))) == (
        -100, -96,
    )  # fmt: skip


def test_percentiles_weigh_frames_together(range_of: Any) -> None:
    many, few = np.zeros((9, 10), np.int16), np.full((1, 10), 50, np.int16)
    pairs = ((many, PLAIN), (few, PLAIN))
    assert range_of(*pairs, voi=Voi("percentile", (0, 90))) == (0, 0)
    assert range_of(*pairs, voi=Voi("percentile", (0, 91))) == (0, 50)


def test_percentiles_of_large_float_frames_are_close(range_of: Any) -> None:
    samples = np.linspace(0, 1, 700 * 700).reshape(700, 700)
    low, high = range_of((samples, PLAIN), voi=Voi("percentile", (10, 90)))
    assert (low, high) == pytest.approx((0.1, 0.9), abs=1e-3)


def test_region(range_of: Any) -> None:
    samples = np.arange(100, dtype=np.int16).reshape(10, 10)
    assert range_of((samples, PLAIN), voi=Voi("roi", (2, 1, 3, 2))) == (12, 24)
    assert range_of((samples, PLAIN), voi=Voi("roi", (8, 8, 50, 50))) == (88, 99)
    with pytest.raises(OptionError, match="10 x 10"):
        range_of((samples, PLAIN), voi=Voi("roi", (10, 0, 1, 1)))


def test_frames_are_taken_one_at_a_time(make_frame: Any) -> None:
    taken = []

    def frames() -> Iterator[Any]:
        for number in range(3):
            taken.append(number)
            yield make_frame(np.full((1, 1), number, np.int16)), PLAIN

    description = PixelDescription(
        "", "", "MR", 1, 1, 1, "MONOCHROME2", 0, 16, 16, 15, True, 3, "PixelData"
    )
    assert modality_range(frames(), description, MINMAX, padding=True) == (0, 2)
    assert taken == [0, 1, 2]
