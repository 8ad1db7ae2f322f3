"""The text form of --frames."""

import pytest

from rendicom.errors import NoSuchFrameError, OptionError
from rendicom.selection import FrameSelection


@pytest.mark.parametrize(
    ("text", "count", "frames"),
    [
        ("7", 9, (7,)),
        ("all", 3, (1, 2, 3)),
        ("1-3,5", 5, (1, 2, 3, 5)),
        ("5,1-3", 5, (5, 1, 2, 3)),
        ("2,1-3,2", 3, (2, 1, 3)),
        ("4-4", 4, (4,)),
        ("007", 7, (7,)),
    ],
)
def test_frames_come_in_the_order_asked_for(text: str, count: int, frames: tuple[int, ...]) -> None:
    assert FrameSelection.parse(text).resolve(count) == frames


@pytest.mark.parametrize(
    "text",
    ["", "0", "0-3", "3-1", "1-", "-1", "1,,2", "a", "1-2-3", " 1", "1.5", "ALL", "²", "9" * 30],
)
def test_malformed_selections_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match="frames"):
        FrameSelection.parse(text)


def test_a_frame_beyond_the_last_is_refused_before_anything_is_counted_out() -> None:
    with pytest.raises(NoSuchFrameError, match=r"frame 9999999999 is requested.* has 5 frames"):
        FrameSelection.parse("1-9999999999").resolve(5)


@pytest.mark.parametrize(
    ("text", "is_single"), [("7", True), ("7-7,7", True), ("7,8", False), ("all", False)]
)
def test_one_frame_is_known_without_the_instance(text: str, is_single: bool) -> None:
    assert FrameSelection.parse(text).is_single is is_single
