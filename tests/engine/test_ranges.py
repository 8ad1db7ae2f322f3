"""Over which frames of an instance the range of its values is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rendicom.engine import open_instance
from rendicom.errors import CorruptDataError
from rendicom.options import RenderOptions
from rendicom.testing import (
    element,
    encapsulate,
    functional_groups,
    image,
    lookup_table,
    rle,
    sequence,
)

FRAMES = 40
SAMPLED = ("the range is that of 32 of the 40 frames",)


def frames_of(values: dict[int, int], *, count: int = FRAMES, dtype: type = np.int16) -> Any:
    """Return frames of 0 and 100, and of one other value in those that have one."""
    pixels = np.zeros((count, 2, 2), dtype)
    pixels[:, 0, 1] = 100
    for frame, value in values.items():
        pixels[frame - 1, 1, 1] = value
    return pixels


def explained(data: bytes, frame: int = 1, **options: str) -> tuple[str, tuple[str, ...]]:
    with open_instance(data) as instance:
        found = instance.explain(frame, RenderOptions.parse(options))
    return found.voi, found.warnings


# 32 of 40 frames are every frame but about each fifth one.
UNSEEN = next(
    number
    for number in range(1, FRAMES + 1)
    if number not in {1 + round(index * (FRAMES - 1) / 31) for index in range(32)}
)


@pytest.mark.parametrize("frame", [1, UNSEEN, FRAMES])
@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32])
def test_a_range_asked_for_is_that_of_every_frame(frame: int, dtype: type) -> None:
    data = image(frames_of({UNSEEN: -7, UNSEEN - 1: 4545}, dtype=dtype))
    assert explained(data, frame, voi="minmax") == ("min..max -7..4545", ())
    assert explained(data, frame, voi="roi:1,1,1,1") == ("roi:1,1,1,1 -7..4545", ())


@pytest.mark.parametrize("voi", ["auto", "percentile:0,100"])
def test_a_sample_of_frames_says_so(voi: str) -> None:
    data = image(frames_of({UNSEEN: -7, UNSEEN - 1: 4545}))
    text, warnings = explained(data, voi=voi)
    assert text.endswith("0..4545")
    assert warnings == SAMPLED
    assert explained(data, voi=voi, strict="yes")[1] == SAMPLED
    few = image(frames_of({2: -7}, count=32))
    assert explained(few, voi=voi)[1] == ()


def test_every_frame_has_its_own_modality_values() -> None:
    groups = [
        [sequence(0x00289145, [element(0x00281052, "DS", 0), element(0x00281053, "DS", slope)])]
        for slope in ([1] * 7 + [30] + [1] * 32)
    ]
    data = image(frames_of({}), extra=functional_groups(per_frame=groups))
    assert explained(data, voi="minmax") == ("min..max 0..3000", ())


def test_a_modality_lut_over_many_frames() -> None:
    table = lookup_table(range(1000, 1101), tag=0x00283000)
    data = image(frames_of({UNSEEN: 50}, dtype=np.uint16), extra=[table])
    assert explained(data, voi="minmax") == ("min..max 1000..1100", ())


def test_float_frames_are_whole_numbers_only_if_all_are() -> None:
    """One decision for all frames: the same window is no threshold in some of them only."""
    window = [element(0x00281050, "DS", 50), element(0x00281051, "DS", 1)]
    window.append(element(0x00281056, "CS", "LINEAR"))
    whole = frames_of({}, count=3, dtype=np.float32)
    assert explained(image(whole, extra=window)) == ("window 1 of the file 50,1,linear", ())
    whole[2, 0, 0] = 0.5
    for frame in (1, 2, 3):
        text, warnings = explained(image(whole, extra=window), frame)
        assert text == "window 1 of the file 50,1,linear-exact"
        assert len(warnings) == 1


def test_frames_that_cannot_be_decoded_are_told_or_refused() -> None:
    streams = [rle(np.full((4, 4), value, np.uint8)) for value in (10, 20, 30)]
    streams[1] = b"\xff" * 80
    data = image(
        encapsulate(streams),
        rows=4,
        columns=4,
        frames=3,
        transfer_syntax="1.2.840.10008.1.2.5",
    )
    text, warnings = explained(data, voi="minmax")
    assert text == "min..max 10..30"
    assert warnings == ("1 frame is left out of the range of values: not decodable",)
    with open_instance(data) as instance, pytest.raises(CorruptDataError):
        instance.explain(1, RenderOptions.parse({"voi": "minmax", "strict": "yes"}))
