"""Images that recommend to be shown less a mask (PS3.3 C.7.6.10), against numpy."""

from __future__ import annotations

import numpy as np
import pytest

import rendicom
from rendicom.dicom.byte_source import open_source
from rendicom.dicom.header import read_header
from rendicom.engine import Instance
from rendicom.errors import CorruptDataError
from rendicom.pixels.describe import describe
from rendicom.pixels.source import FrameSource
from rendicom.testing import element, encapsulate, image, rle, sequence

XA = "1.2.840.10008.5.1.4.1.1.12.1"
RLE = "1.2.840.10008.1.2.5"
FRAMES = np.random.default_rng(8).integers(300, 900, (6, 9, 11)).astype(np.int16)
WINDOW = (element(0x00281050, "DS", "512"), element(0x00281051, "DS", "1024"))


def masked(*items, mode="SUB", pixels=FRAMES, **more):
    extra = [*WINDOW, *more.pop("extra", ()), element(0x00281090, "CS", mode)]
    extra.append(sequence(0x00286100, *items))
    return image(pixels, frames=6, sop_class=XA, modality="XA", extra=extra, **more)


def item(operation="AVG_SUB", *, frames=(3, 6), masks=(1, 2), more=()):
    inside = [element(0x00286101, "CS", operation), *more]
    if frames:
        inside.append(element(0x00286102, "US", list(frames)))
    if masks:
        inside.append(element(0x00286110, "US", list(masks)))
    return inside


def shown(data, number, **texts):
    with rendicom.open_instance(data) as instance:
        return instance.display(number, rendicom.RenderOptions(**texts)).astype(int)


def stretched(values, low, high):
    return np.floor(np.clip((values - low) / (high - low), 0, 1) * 255 + 0.5)


PLAIN = np.floor(np.clip((FRAMES - 511.5) / 1023 + 0.5, 0, 1) * 255 + 0.5)
DIFFERENCE = FRAMES[2:] - FRAMES[:2].astype(float).mean(0)
RANGE = DIFFERENCE.min(), DIFFERENCE.max()


@pytest.mark.parametrize("signed", [True, False])
def test_frames_are_shown_less_the_mean_of_the_masks(signed):
    """By their whole range: the window of the file is that of frames as stored."""
    pixels = FRAMES if signed else FRAMES.astype(np.uint16)
    with rendicom.open_instance(masked(item(), pixels=pixels)) as instance:
        for number in (1, 3, 2, 6, 5, 1):  # plans of both kinds in turn
            expected = PLAIN[number - 1]
            if number > 2:
                expected = stretched(DIFFERENCE[number - 3], *RANGE)
            np.testing.assert_array_equal(instance.display(number), expected)
        assert "differences" in instance.explain(4).voi
        assert "window 1 of the file" in instance.explain(1).voi


def test_an_earlier_frame_may_be_the_mask():
    data = masked(item("TID", frames=(), masks=(), more=[element(0x00286120, "SS", 2)]))
    difference = FRAMES[2:].astype(float) - FRAMES[:-2]
    expected = stretched(difference[1], difference.min(), difference.max())
    np.testing.assert_array_equal(shown(data, 4), expected)
    np.testing.assert_array_equal(shown(data, 2), PLAIN[1])


def test_transforms_and_padding_are_for_frames_as_stored():
    extra = [
        element(0x00281052, "DS", "-300"), element(0x00281053, "DS", "-2"),
        element(0x00280120, "SS", 0), element(0x00280121, "SS", 50),
    ]  # fmt: skip
    data = masked(item(), extra=extra)
    np.testing.assert_array_equal(shown(data, 4), stretched(DIFFERENCE[1], *RANGE))


@pytest.mark.parametrize("mode", ["NAT", ""])
def test_other_viewing_modes_show_frames_as_stored(mode):
    np.testing.assert_array_equal(shown(masked(item(), mode=mode), 4), PLAIN[3])


def test_requested_windows_and_values_are_of_frames_as_stored():
    data = masked(item())
    np.testing.assert_array_equal(shown(data, 4, window="512,1024"), PLAIN[3])
    np.testing.assert_array_equal(shown(data, 4, voi="window:1"), PLAIN[3])
    np.testing.assert_array_equal(shown(data, 4, values="stored"), FRAMES[3])
    with rendicom.open_instance(data) as instance:
        np.testing.assert_array_equal(instance.frame(4).samples, FRAMES[3])


@pytest.mark.parametrize("masks", [(0,), (7,), (1, 99)])
def test_masks_that_are_no_frames_are_not_used(masks):
    np.testing.assert_array_equal(shown(masked(item(masks=masks)), 4), PLAIN[3])


def test_masks_that_cannot_be_decoded_leave_the_frame_as_stored():
    streams = [rle(each) for each in FRAMES]
    streams[1] = streams[1][:64]
    data = masked(
        item(), pixels=encapsulate(streams), rows=9, columns=11, bits_allocated=16, signed=True,
        transfer_syntax=RLE,
    )  # fmt: skip
    with rendicom.open_instance(data) as instance:
        picture = instance.render(4, media_type="image/png")
        np.testing.assert_array_equal(picture.array, PLAIN[3])
        assert any("mask" in warning for warning in picture.warnings)
        with pytest.raises(CorruptDataError):
            instance.render(4, rendicom.RenderOptions(strict=True))


class CountingReader:
    """Reads frames of another reader and notes their numbers."""

    def __init__(self, reader):
        self.reader, self.numbers = reader, []

    def frame(self, number):
        self.numbers.append(number)
        return self.reader.frame(number)


def test_masks_are_decoded_once_for_a_loop():
    header = read_header(open_source(masked(item())))
    reader = CountingReader(FrameSource(header, describe(header)))
    instance = Instance(header, frames=reader)
    instance.display(3)  # measures the range of all frames
    del reader.numbers[:]
    for number in (4, 5, 6):
        instance.display(number)
    assert reader.numbers == [4, 5, 6]


def test_a_hostile_number_of_masks_is_limited():
    header = read_header(open_source(masked(item(masks=[1] * 65 + [2] * 20_000))))
    reader = CountingReader(FrameSource(header, describe(header)))
    Instance(header, frames=reader).display(4)
    assert len(reader.numbers) < 100
