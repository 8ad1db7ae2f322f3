"""Gray values against the formulas of PS3.3 C.11, worked out pixel by pixel in exact numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rendicom.rendering.lut import Modality, Tone, tone_table
from rendicom.rendering.stages.tone import apply_tone
from rendicom.rendering.voi import ValueRange, levels
from rendicom.values import LookupTable, Window

Show = Callable[..., Any]


@pytest.mark.parametrize(("window", "values"), [
    ("40,400", {-160: 0, -159: 1, 40: 128, 239: 255, 240: 255}),
    ("2048,4096", {0: 0, 2047: 127, 2048: 128, 4095: 255}),
    ("0,100", {-50: 0, -49: 3, 0: 129, 48: 252, 49: 255, 50: 255}),
    ("2048,1", {2047: 0, 2048: 255}),
    ("2048,2", {2047: 0, 2048: 255}),
    ("0,100,linear-exact", {-50: 0, 0: 128, 49: 252, 50: 255}),
    ("40,400,linear-exact", {-60: 64, 40: 128}),
    ("0,100,sigmoid", {-100: 5, -50: 30, 0: 128, 50: 225, 100: 250}),
    ("-30000,10", {0: 255, 5: 255}),
    ("30000,10", {0: 0, 5: 0}),
    ("1e300,1", {0: 0}),
    ("-1e300,1e299", {0: 255}),
])  # fmt: skip
@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_windows(window: str, values: dict[int, int], dtype: type, show: Show) -> None:
    assert show(np.array([list(values)], dtype), window=window).tolist() == [list(values.values())]


def test_identity_of_stored_bits(show: Show) -> None:
    assert show(np.array([[291]], np.uint16), bits=12, voi="identity").tolist() == [[18]]
    signed = np.array([[-2048, 0, 2047]], np.int16)
    assert show(signed, bits=12, voi="identity").tolist() == [[0, 128, 255]]


@pytest.mark.parametrize(("slope", "intercept", "window", "values"), [
    (1, -1024, "40,400", {864: 0, 865: 1, 1064: 128, 1263: 255}),
    (-1, 0, "0,100", {50: 0, -50: 255}),
    (1 / 65535, 0, "0.5,1,linear-exact", {0: 0, 32768: 128, 65535: 255}),
])  # fmt: skip
def test_rescale(
    slope: float, intercept: float, window: str, values: dict[int, int], show: Show
) -> None:
    for dtype in (np.int16 if min(values) < 0 else np.uint16, np.int32):
        samples = np.array([list(values)], dtype)
        shown = show(samples, slope=slope, intercept=intercept, window=window)
        assert shown.tolist() == [list(values.values())]


# --- one table equals the formulas ----------------------------------------------------------


def _reference(stored: int, tone: Tone) -> Fraction | float:
    """Return the display level before rounding, straight from the standard's words."""
    modality, voi, top = tone.modality, tone.voi, tone.top
    if modality.table is not None:
        index = min(max(stored - modality.table.first, 0), len(modality.table.entries) - 1)
        x = Fraction(int(modality.table.entries[index]))
    else:
        x = Fraction(modality.slope) * stored + Fraction(modality.intercept)
    if isinstance(voi, LookupTable):
        index = min(max(math.floor(x + Fraction(1, 2)) - voi.first, 0), len(voi.entries) - 1)
        level: Fraction | float = Fraction(int(voi.entries[index]) * top, (1 << voi.bits) - 1)
    elif isinstance(voi, ValueRange):
        low, high = Fraction(voi.low), Fraction(voi.high)
        level = top * (x > low) if low == high else (x - low) / (high - low) * top
    elif voi.function == "sigmoid":
        exponent = -4 * (float(x) - voi.center) / voi.width
        level = top / (1 + math.exp(min(exponent, 700)))
    else:
        c, w = Fraction(voi.center), Fraction(voi.width)
        if voi.function == "linear":
            c, w = c - Fraction(1, 2), w - 1
        if x <= c - w / 2:
            level = 0
        elif x > c + w / 2:
            level = top
        else:
            level = ((x - c) / w + Fraction(1, 2)) * top
    return min(max(level, 0), top)


def _table(entries: list[int], first: int, bits: int) -> LookupTable:
    return LookupTable(np.array(entries, np.uint16), first, bits)


_luts = st.builds(
    _table,
    st.lists(st.integers(0, 1023), min_size=1, max_size=40),
    st.integers(-300, 300),
    st.just(10),
)
_modalities = st.one_of(
    st.builds(
        Modality,
        st.sampled_from([1.0, -1.0, 0.5, 2.0, -2.5, 0.0009765625, 1000.0]),
        st.integers(-2000, 2000).map(float),
        st.none(),
    ),
    _luts.map(lambda table: Modality(table=table)),
)
_windows = st.builds(
    Window,
    st.integers(-40000, 40000).map(lambda n: n / 2),
    st.integers(2, 60000).map(lambda n: n / 2),
    st.sampled_from(["linear", "linear-exact", "sigmoid"]),
)
_ranges = st.builds(
    lambda low, extent: ValueRange(low, low + extent),
    st.integers(-5000, 5000).map(float),
    st.integers(0, 5000).map(float),
)
_tones = st.builds(
    Tone,
    _modalities,
    st.one_of(_windows, _ranges, _luts),
    is_inverted=st.booleans(),
    padding=st.none() | st.tuples(st.integers(-300, 0), st.integers(0, 300)),
    bit_depth=st.sampled_from([8, 16]),
    presentation=st.none(),
    least=st.just(0),
)


@settings(max_examples=80, deadline=None)
@given(
    tone=_tones, dtype=st.sampled_from(["uint8", "int8", "uint16", "int16"]),
    spare=st.integers(0, 6), data=st.data(),
)  # fmt: skip
def test_table_and_formula_agree(tone: Tone, dtype: str, spare: int, data: Any) -> None:
    info = np.iinfo(dtype)
    bits = info.bits - spare
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if info.min else (0, (1 << bits) - 1)
    near = st.integers(max(low, -400), min(high, 400))
    values = data.draw(st.lists(near | st.integers(low, high), min_size=1, max_size=12))
    samples = np.array([values], dtype)
    by_table = apply_tone(samples, tone, bits=bits)
    directly = apply_tone(samples.astype(np.int32), tone, bits=bits)
    assert by_table.dtype == directly.dtype == (np.uint8 if tone.bit_depth == 8 else np.uint16)
    assert by_table.tolist() == directly.tolist()
    for value, shown in zip(values, by_table[0].tolist(), strict=True):
        if tone.padding and tone.padding[0] <= value <= tone.padding[1]:
            assert shown == 0
            continue
        level = tone.top - shown if tone.is_inverted else shown
        # Half-way between two levels binary arithmetic may fall to either side.
        assert abs(_reference(value, tone) - level) <= Fraction(1, 2) + Fraction(1, 10**6)


@settings(max_examples=60, deadline=None)
@given(window=_windows, slope=st.sampled_from([1.0, 0.25, 3.0]), depth=st.sampled_from([8, 16]))
def test_brighter_never_gets_darker(window: Window, slope: float, depth: int) -> None:
    tone = Tone(Modality(slope), window, bit_depth=depth)
    shown = tone_table(tone, "uint16", 16).astype(np.int64)
    assert (np.diff(shown) >= 0).all()


@settings(max_examples=40, deadline=None)
@given(tone=_tones)
def test_inverting_is_the_complement(tone: Tone) -> None:
    plain = tone._replace(padding=None, is_inverted=False)
    other = tone._replace(padding=None, is_inverted=True)
    every = tone_table(plain, "int16", 16).astype(int) + tone_table(other, "int16", 16)
    assert (every == tone.top).all()


def test_tables_cannot_be_changed() -> None:
    table = tone_table(Tone(Modality(), Window(0, 10)), "int8", 8)
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 1


def test_values_beyond_the_bits_stored_are_clamped(show: Show) -> None:
    lut = LookupTable(np.arange(4096, dtype=np.uint16), 0, 12)
    assert show(np.array([[5000, 65535]], np.uint16), bits=12, voi_luts=(lut,)).tolist() == [
        [255, 255]
    ]


def test_big_endian_samples(show: Show) -> None:
    samples = np.array([[-160, 40, 240]], ">i2")
    assert show(samples, window="40,400").tolist() == [[0, 128, 255]]


# --- lookup tables, polarity, padding, floats -----------------------------------------------


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32])
def test_padding_is_black(photometric: str, dtype: type, show: Show) -> None:
    samples = np.array([[-2001, -2000, -1700, -1500, -1499]], dtype)
    shown = show(
        samples, photometric=photometric, padding=(-2000, -1500),
        window="-3000,10" if photometric == "MONOCHROME2" else "3000,10",
    )  # fmt: skip
    assert shown.tolist() == [[255, 0, 0, 0, 255]]


def test_padding_outside_the_type_changes_nothing(show: Show) -> None:
    samples = np.array([[0, 128, 255]], np.uint8)
    for padding in ((-70000.0, -60000.0), (300.0, 1e30), (-math.inf, -1.0)):
        assert show(samples, padding=padding, window="128,256").tolist() == [[0, 128, 255]]
    assert show(samples, padding=(-5.0, 0.0), window="-128,2").tolist() == [[0, 255, 255]]


def test_floats_that_are_no_numbers_are_black(show: Show) -> None:
    for dtype in (np.float32, np.float64):
        samples = np.array([[np.nan, -1, 0, 1, np.inf, -np.inf]], dtype)
        assert show(samples).tolist() == [[0, 0, 128, 255, 0, 0]]
        assert show(samples, invert="yes").tolist() == [[0, 255, 127, 0, 0, 0]]
    everything = np.array([[np.nan, np.nan]], np.float32)
    assert show(everything).tolist() == [[0, 0]]


def test_range_from_end_to_end_of_double_precision(show: Show) -> None:
    samples = np.array([[-1.7e308, 0.0, 1.7e308]])
    assert show(samples).tolist() == [[0, 128, 255]]


def test_many_rows_in_chunks(show: Show) -> None:
    samples = np.arange(300 * 300, dtype=np.int32).reshape(300, 300)
    shown = show(samples, window="45000,90000,linear-exact")
    expected = np.floor(samples * 255 / 90000 + 0.5)
    assert np.array_equal(shown, expected)
    values = show(samples, slope=0.5, intercept=-7, values="modality")
    assert np.array_equal(values, (samples * 0.5 - 7).astype(np.float32))


@pytest.mark.parametrize("center", [1e308, -1e308, 3.0])
@pytest.mark.parametrize("function", ["linear-exact", "sigmoid"])
def test_windows_too_narrow_for_any_scale_are_thresholds(center: float, function: Any) -> None:
    around = np.array([center - abs(center) / 2, center + abs(center) / 2])
    shown = levels(around, Window(center, 1e-320, function), 255)
    assert shown.tolist() == pytest.approx([0.0, 255.0])
    at = levels(np.array([center] * 3), Window(center, 1e-320, function), 255)
    assert np.isfinite(at).all()
