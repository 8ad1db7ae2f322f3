"""The fast way for large images gives the table's own values, or stands aside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rendicom.rendering.linear_window import linear_window
from rendicom.rendering.lut import Modality, Tone, look_up, tone_table
from rendicom.rendering.stages.tone import apply_tone
from rendicom.rendering.voi import ValueRange
from rendicom.values import Window

WINDOWS = [
    Window(40, 400),
    Window(2048, 4096),
    Window(-600, 1500),
    Window(128.5, 77, "linear-exact"),
]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("dtype", "bits"), [("uint16", 12), ("uint16", 16), ("int16", 16)])
@pytest.mark.parametrize("is_inverted", [False, True])
@pytest.mark.parametrize("slope", [1.0, -1.0, 2.5])
def test_every_value_of_common_windows(
    window: Window, dtype: str, bits: int, is_inverted: bool, slope: float
) -> None:
    tone = Tone(Modality(slope, -1024.0 * slope), window, is_inverted)
    line = linear_window(tone, dtype, bits)
    every = np.arange(np.iinfo(dtype).min, np.iinfo(dtype).max + 1).astype(dtype)
    table = tone_table(tone, dtype, bits)
    assert line is None or np.array_equal(line.display(every), look_up(every, table))


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
@pytest.mark.parametrize("is_inverted", [False, True])
@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_narrow_windows_need_no_floats(dtype: str, is_inverted: bool, slope: float) -> None:
    for width in (2, 80, 256, 350, 400, 450):
        tone = Tone(Modality(slope, -1000.0 * slope), Window(40, width), is_inverted)
        line = linear_window(tone, dtype, 16)
        assert type(line).__name__ == "_FractionWindow"
        every = np.arange(np.iinfo(dtype).min, np.iinfo(dtype).max + 1).astype(dtype)
        assert line is not None
        assert np.array_equal(line.display(every), tone.display(every))


def test_the_usual_window_has_a_line() -> None:
    for window in WINDOWS[:3]:
        assert linear_window(Tone(Modality(1.0, -1024.0), window), "uint16", 12) is not None


@pytest.mark.parametrize(
    "tone",
    [
        pytest.param(Tone(Modality(), Window(40, 1)), id="threshold"),
        pytest.param(Tone(Modality(), Window(40, 400, "sigmoid")), id="curve"),
        pytest.param(Tone(Modality(), Window(40, 400), padding=(50, 60)), id="padding-inside"),
        pytest.param(Tone(Modality(), Window(40, 400), bit_depth=16), id="16-bit"),
        pytest.param(Tone(Modality(), ValueRange(5, 5)), id="flat"),
    ],
)
def test_what_is_no_line_has_none(tone: Tone) -> None:
    assert linear_window(tone, "uint16", 16) is None


@settings(max_examples=25, deadline=None)
@given(
    center=st.integers(-3000, 5000),
    width=st.integers(2, 6000),
    dtype=st.sampled_from(["uint16", "int16", "uint8", "int8"]),
    is_inverted=st.booleans(),
)
def test_large_images_look_like_their_parts(
    center: int, width: int, dtype: str, is_inverted: bool
) -> None:
    tone = Tone(Modality(1.0, -100.0), Window(center, width), is_inverted)
    info = np.iinfo(dtype)
    row = np.linspace(info.min, info.max, 4096).astype(dtype)
    large = np.tile(row, (257, 1))
    bits = info.bits
    assert large.size >= 1 << 20
    assert np.array_equal(apply_tone(large, tone, bits=bits)[256], apply_tone(row, tone, bits=bits))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32"])
@pytest.mark.parametrize("function", ["linear", "sigmoid"])
def test_any_number_of_threads_gives_the_same_values(dtype: str, function: Any) -> None:
    values = np.random.default_rng(5).integers(-2000, 6000, (1025, 1031))
    samples = values.astype(dtype)
    tone = Tone(Modality(1.0, -100.0), Window(410, 1517, function), padding=(7, 9))
    one = apply_tone(samples, tone, bits=8 * samples.dtype.itemsize)
    assert one.shape == samples.shape
    # Row by row there is nothing to share.
    rows = [tone.display(row) for row in samples]
    assert np.array_equal(one, rows)
    for threads in (2, 3, 50):
        several = apply_tone(samples, tone, bits=8 * samples.dtype.itemsize, threads=threads)
        assert several.dtype == one.dtype
        assert np.array_equal(several, one)


@pytest.mark.parametrize("size", [(300, 300), (40, 40)])
def test_an_image_shown_often_stays_as_it_was(monkeypatch, size: tuple[int, int]) -> None:
    """Within a series arithmetic takes the place of the table: nobody may see it."""
    from rendicom.rendering.stages import tone as stage

    tables: list[int] = []
    monkeypatch.setattr(stage, "look_up", lambda *given: tables.append(1) or look_up(*given))
    samples = np.random.default_rng(11).integers(0, 4096, size, dtype=np.uint16)
    tone = Tone(Modality(1.0, -1024.0), Window(41, 417))
    first = apply_tone(samples, tone, bits=12)
    for _ in range(30):
        assert np.array_equal(apply_tone(samples, tone, bits=12), first)
    assert len(tables) == (31 if samples.size < 1 << 16 else 12)
