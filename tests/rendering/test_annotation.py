"""What is written into which corner, and how it looks there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rendicom.rendering.lut import Modality, Tone
from rendicom.rendering.plan import RenderPlan
from rendicom.rendering.stages.annotation import corners_of, write_corners
from rendicom.rendering.voi import ValueRange
from rendicom.values import Corners, LookupTable, Patient, Technique, Window

SOMEBODY = Patient("Doe, Jane", "4711", "1970-03-01", "F")
CT = Technique(
    "CT", "2004-01-19", "2", "17", (("120 kVp", "170 mA"), ("5 mm", "B40f")), ("L", "HFS")
)
WINDOWED = RenderPlan(tone=Tone(Modality(), Window(40, 400)))


def _corners(
    plan: RenderPlan = WINDOWED,
    patient: Patient | None = SOMEBODY,
    technique: Technique | None = CT,
    frame: int = 1,
    count: int = 1,
) -> Corners:
    return corners_of(plan, patient, technique, frame=frame, number_of_frames=count)


def test_each_in_its_corner() -> None:
    assert _corners(frame=3, count=12) == Corners(
        ("Doe, Jane", "4711", "1970-03-01  F"),
        ("CT  2004-01-19", "Series 2  Image 17", "120 kVp  170 mA", "5 mm  B40f"),
        ("L  HFS", "C 40  W 400"),
        ("Frame 3/12",),
    )


def test_only_what_was_asked_for() -> None:
    assert _corners(technique=None, count=5) == Corners(_corners().top_left)
    assert _corners(patient=None) == _corners()._replace(top_left=())


def test_nothing_known_is_nothing_written() -> None:
    empty = corners_of(RenderPlan(), Patient(), Technique(), frame=1, number_of_frames=1)
    assert empty == Corners()


@pytest.mark.parametrize(("voi", "expected"), [
    (Window(-600.5, 1500, "sigmoid"), "C -600.5  W 1500  sigmoid"),
    (Window(0.5, 1, "linear-exact"), "C 0.5  W 1  linear-exact"),
    (ValueRange(-1024, 3071), "-1024 to 3071"),
    (LookupTable(np.zeros(2, np.uint16), 0, 8, "BONE\x07"), "LUT BONE"),
])  # fmt: skip
def test_the_window_used(voi: Window | ValueRange | LookupTable, expected: str) -> None:
    plan = RenderPlan(tone=Tone(Modality(), voi))
    assert _corners(plan, technique=Technique()).bottom_left == (expected,)


def test_color_has_no_window() -> None:
    plan = RenderPlan(tone=Tone(Modality(), ValueRange(0, 65535)), voi="none (color)")
    assert _corners(plan, technique=Technique()).bottom_left == ()


# --- on the picture -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("ground", [0.0, 0.5, 1.0])
def test_letters_can_be_read_on_any_ground(
    dtype: type, channels: tuple[int, ...], ground: float
) -> None:
    top = np.iinfo(dtype).max
    picture = np.full((200, 300, *channels), round(ground * top), dtype)
    before = picture.copy()
    written = write_corners(picture, Corners(("HHHH",), (), (), ()))
    assert np.array_equal(picture, before)
    assert (written.dtype, written.shape) == (picture.dtype, picture.shape)
    corner = written[:25, :60].astype(float) / top
    assert corner.max() > 0.9
    beside = written[3:14, 5:40].astype(float) / top
    assert beside.min() < 0.25  # the halo, also on white
    if channels:
        assert np.array_equal(written[..., 0], written[..., 2])


def test_each_corner_and_nothing_else() -> None:
    picture = np.full((240, 320), 128, np.uint8)
    places = {
        "top_left": np.s_[:60, :120], "top_right": np.s_[:60, 200:],
        "bottom_left": np.s_[180:, :120], "bottom_right": np.s_[180:, 200:],
    }  # fmt: skip
    for name, place in places.items():
        written = write_corners(picture, Corners(**{name: ("Text", "below")}))
        changed = written != 128
        assert changed[place].any()
        changed[place] = False
        assert not changed.any()


def test_right_corners_end_at_the_right() -> None:
    picture = np.zeros((200, 400), np.uint8)
    for line in ("II", "a rather long line"):
        columns = np.nonzero(write_corners(picture, Corners((), (line,))).max(axis=0))[0]
        assert 390 <= columns[-1] < 400


def test_lines_beside_each_other_never_touch() -> None:
    long = "M" * 200
    picture = np.full((300, 300), 128, np.uint8)
    left = write_corners(picture, Corners((long,) * 9, ())) != 128
    assert left[:, -2:].max() == 0
    both = write_corners(picture, Corners((long,) * 20, (long,) * 20))
    profile = (both != 128).any(axis=0)
    gap = np.nonzero(~profile)[0]
    assert ((gap > 100) & (gap < 200)).any()


def test_a_short_line_leaves_its_room_to_the_other() -> None:
    picture = np.full((60, 300), 128, np.uint8)
    written = write_corners(picture, Corners(("H",), ("M" * 100,)))
    columns = np.nonzero((written != 128).any(axis=0))[0]
    assert columns[(columns > 15)].min() < 60


def test_narrow_pictures_put_the_right_lines_below_the_left_ones() -> None:
    picture = np.full((128, 128), 128, np.uint8)
    written = write_corners(picture, Corners(("Somebody, Anybody",), ("CT  2004-01-19",))) != 128
    rows = np.nonzero(written[:, 90:].any(axis=1))[0]
    first_line = np.nonzero(written[:, :20].any(axis=1))[0]
    assert first_line.max() < 20
    assert rows.max() > 20


def test_letters_grow_with_the_picture() -> None:
    heights = []
    for side in (128, 512, 1024, 4096):
        written = write_corners(np.zeros((side, side), np.uint8), Corners(("H",)))
        rows = np.nonzero(written.max(axis=1) > 128)[0]
        heights.append(int(rows[-1] - rows[0] + 1))
    assert heights[0] >= 7
    assert heights == sorted(heights)
    assert 4096 / 80 < heights[-1] < 4096 / 40


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 140), st.integers(1, 140),
    st.lists(st.text(max_size=12), max_size=6), st.lists(st.text(max_size=12), max_size=6),
)  # fmt: skip
def test_any_text_on_any_picture(
    rows: int, columns: int, left: list[str], right: list[str]
) -> None:
    picture = np.zeros((rows, columns), np.uint8)
    written = write_corners(picture, Corners(*(tuple(side) for side in (left, right, left, right))))
    assert written.shape == picture.shape
