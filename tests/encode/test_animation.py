"""Loops: frames, their order, and the time each is shown."""

from __future__ import annotations

import io
import struct
from typing import ClassVar

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from rendicom.encode import encode, encode_animation, format_named
from rendicom.encode.formats import EncodeSettings
from rendicom.encode.timing import seconds_fraction, ticks
from rendicom.errors import EncodeError
from rendicom.values import DisplayImage

ANIMATED = ["apng", "avif", "gif", "webp"]
LOSSLESS = EncodeSettings(quality=100)


def animation(name, frames, durations, settings=LOSSLESS) -> bytes:
    images = [DisplayImage(frame) for frame in frames]
    return encode_animation(images, durations, format_named(name), settings)


def shown(data: bytes) -> tuple[list[np.ndarray], list[float]]:
    picture = Image.open(io.BytesIO(data))
    frames, durations = [], []
    for index in range(picture.n_frames):
        picture.seek(index)
        picture.load()
        frames.append(np.asarray(picture.convert("RGB")))
        durations.append(picture.info["duration"])
    return frames, durations


@pytest.mark.parametrize("name", ANIMATED)
@pytest.mark.parametrize("colour", [False, True])
def test_frames_and_durations_come_back(name, colour, samples):
    first = samples((31, 45), "uint8", "smooth")
    if colour:
        # Few colours a frame, others in each: exact in GIF too.
        first = np.stack([first & 0xE0, np.full_like(first, 9), first[::-1] & 0xC0], axis=-1)
    written = [first, 255 - first, np.ascontiguousarray(first[:, ::-1])]
    frames, durations = shown(animation(name, written, [40, 100, 1000]))
    assert durations == [40, 100, 1000]
    for frame, expected in zip(frames, written, strict=True):
        assert np.array_equal(frame, expected if colour else np.repeat(expected[..., None], 3, 2))


@pytest.mark.parametrize("name", ANIMATED)
def test_one_frame_is_a_picture(name, samples):
    written = samples((31, 45), "uint8")
    data = animation(name, [written], [40])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data)).convert("L")), written)


@pytest.mark.parametrize("name", ANIMATED)
def test_same_frames_same_bytes(name, samples):
    frames = [samples((16, 16), "uint8"), samples((16, 16), "uint8", "smooth")]
    first = animation(name, frames, [33.3, 33.4])
    assert animation(name, frames, [33.3, 33.4]) == first


@pytest.mark.parametrize("name", ["apng", "gif", "webp"])
def test_loops_for_ever(name, samples):
    data = animation(name, [samples((4, 4), "uint8")] * 2, [40, 40])
    assert Image.open(io.BytesIO(data)).info["loop"] == 0


def test_gif_keeps_the_total_time(samples):
    # 30 frames a second: 3 or 4 hundredths each, 100 hundredths in all.
    _, durations = shown(
        animation(
            "gif",
            list(np.arange(30, dtype=np.uint8)[:, None, None] * np.ones((4, 4), np.uint8)),
            [1000 / 30] * 30,
        )
    )
    assert set(durations) == {30, 40}
    assert sum(durations) == 1000


def test_gif_structure(samples):
    frames = [samples((6, 5), "uint8"), samples((6, 5), "uint8", "smooth")]
    data = animation("gif", frames, [5, 515])
    assert data[:6] == b"GIF89a"
    assert data[6:10] == struct.pack("<HH", 5, 6)
    assert data[10] == 0xF7
    assert data[13 : 13 + 768] == bytes(level for level in range(256) for _ in range(3))
    assert data[781:800] == b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
    # Graphic control: leave the frame, no transparency, at least two hundredths.
    assert data[800:808] == b"\x21\xf9\x04\x04\x02\x00\x00\x00"
    assert data[-1] == 0x3B
    assert data.count(b"\x21\xf9\x04\x04\x32\x00\x00\x00") == 1


def test_gif_colour_frames_have_their_own_tables(samples):
    frames = [samples((40, 40, 3), "uint8"), samples((40, 40, 3), "uint8", "smooth")]
    read, _ = shown(animation("gif", frames, [40, 40]))
    # 1600 random colours in 256: the error a cube of 6.35 levels a side allows, twice over.
    assert np.abs(read[0].astype(int) - frames[0]).mean() < 25
    assert np.abs(read[1].astype(int) - frames[1]).mean() < 3


def test_webp_structure(samples, rgb_profile):
    frames = [samples((7, 5, 3), "uint8"), samples((7, 5, 3), "uint8", "smooth")]
    images = [DisplayImage(frame, rgb_profile) for frame in frames]
    data = encode_animation(images, [33.4, 33.4], format_named("webp"), EncodeSettings())
    assert data[:4] + data[8:12] == b"RIFFWEBP"
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    kinds, at = [], 12
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        kinds.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    assert at == len(data)
    assert [kind for kind, _ in kinds] == [b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ANMF"]
    assert kinds[0][1] == bytes([0x22, 0, 0, 0, 4, 0, 0, 6, 0, 0])
    assert kinds[1][1] == rgb_profile
    assert [body[12:15] for _, body in kinds[3:]] == [b"\x21\0\0", b"\x22\0\0"]


def test_webp_still_with_profile(samples, rgb_profile):
    image = DisplayImage(samples((7, 5, 3), "uint8"), rgb_profile)
    data = encode(image, format_named("webp"), LOSSLESS)
    picture = Image.open(io.BytesIO(data))
    assert picture.info["icc_profile"] == rgb_profile
    assert np.array_equal(np.asarray(picture), image.samples)


def test_avif_carries_hundredths_of_milliseconds(samples):
    frames = [samples((16, 16), "uint8"), samples((16, 16), "uint8", "smooth")] * 3
    data = animation("avif", frames, [33.33] * 4 + [50] * 2)
    at = data.rindex(b"stts")
    assert struct.unpack(">IIIIII", data[at + 4 : at + 28]) == (0, 2, 4, 3333, 2, 5000)
    at = data.rindex(b"mdhd")
    assert struct.unpack(">QQIQ", data[at + 8 : at + 36]) == (0, 0, 100_000, 4 * 3333 + 2 * 5000)
    assert imagecodecs.avif_decode(data).shape[:3] == (6, 16, 16)
    # The library writes the time of day into three boxes: none of it may be left.
    for box in (b"mvhd", b"tkhd", b"mdhd"):
        assert data.count(box) == 1
        at = data.index(box)
        assert data[at + 8 : at + 24] == bytes(16)


def test_frames_are_taken_once_and_in_order(samples):
    class Lazy(list):
        taken: ClassVar[list[int]] = []

        def __getitem__(self, index):
            self.taken.append(index)
            return DisplayImage(samples((4, 4), "uint8"))

        def __iter__(self):
            raise AssertionError

    lazy = Lazy([None] * 5)
    encode_animation(lazy, [40] * 5, format_named("gif"), EncodeSettings())
    assert lazy.taken == [0, 1, 2, 3, 4]


def test_still_formats_refuse_loops_and_name_those_that_do_not(samples):
    with pytest.raises(EncodeError) as caught:
        animation("png", [samples((4, 4), "uint8")] * 2, [40, 40])
    assert caught.value.code == "cannot-encode"
    assert caught.value.hint == "formats that can: apng, avif, gif, webp"


@pytest.mark.parametrize("durations", [[], [40], [40, 40, 40], [40, -1], [40, float("nan")]])
def test_durations_must_fit(durations, samples):
    with pytest.raises(EncodeError, match="duration"):
        animation("gif", [samples((4, 4), "uint8")] * 2, durations)


def test_no_frames():
    with pytest.raises(EncodeError, match="0 durations do not fit 0 frames"):
        animation("gif", [], [])


@pytest.mark.parametrize("name", ANIMATED)
@pytest.mark.parametrize("other", [(4, 5), (4, 4, 3)])
def test_frames_must_match_the_first(name, other, samples):
    with pytest.raises(EncodeError, match="differs in size or type") as caught:
        animation(name, [samples((4, 4), "uint8"), samples(other, "uint8")], [40, 40])
    assert caught.value.frame == 2


def test_ticks_never_drift():
    counts = ticks([33.33] * 300, 10, least=2, most=65535)
    assert sum(counts) == round(33.33 * 300 / 10)
    assert set(counts) == {3, 4}


def test_ticks_limits():
    assert ticks([0, 0, 1e9], 10, least=2, most=65535) == [2, 2, 65535]
    # What a short frame took too much, the next gives back.
    assert ticks([5, 55], 10, least=2, most=65535) == [2, 4]


@pytest.mark.parametrize(
    ("milliseconds", "seconds"),
    [(0, (0, 1)), (40, (1, 25)), (1000, (1, 1)), (0.5, (1, 2000)), (1e9, (65535, 1))],
)
def test_seconds_fraction(milliseconds, seconds):
    assert seconds_fraction(milliseconds) == seconds


@pytest.mark.parametrize("milliseconds", [33.33, 1000 / 3, 66.667, 1234.5678, 70_123.4])
def test_seconds_fraction_fits_and_is_near(milliseconds):
    numerator, denominator = seconds_fraction(milliseconds)
    assert max(numerator, denominator) <= 65535
    assert 1000 * numerator / denominator == pytest.approx(milliseconds, rel=1e-4)
