"""JPEG by its markers: baseline, JFIF, profile."""

from __future__ import annotations

import io
import re

import av
import imagecodecs
import numpy as np
import pytest
from PIL import Image

from rendicom.encode import encode, format_named
from rendicom.encode.formats import EncodeSettings, jpg
from rendicom.errors import EncodeError
from rendicom.values import DisplayImage


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """Parse marker segments from SOI to SOS."""
    assert data[:2] == b"\xff\xd8"
    assert data[-2:] == b"\xff\xd9"
    found, at = [], 2
    while not found or found[-1][0] != 0xDA:
        assert data[at] == 0xFF
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((data[at + 1], data[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


def by_ffmpeg(data: bytes) -> np.ndarray:
    """Return the samples as the decoder of FFmpeg reads them, which does not use libjpeg."""
    with av.open(io.BytesIO(data), format="mjpeg") as container:
        return next(container.decode(video=0)).to_ndarray()


def written(image: DisplayImage, quality: int) -> bytes:
    return encode(image, format_named("jpg"), EncodeSettings(quality=quality))


@pytest.mark.parametrize("quality", [1, 50, 74, 75, 90, 100])
@pytest.mark.parametrize("shape", [(17, 9), (17, 9, 3)])
def test_baseline_only(shape, quality, samples):
    found = segments(written(DisplayImage(samples(shape, "uint8")), quality))
    markers = [marker for marker, _ in found]
    assert markers[0] == 0xE0
    assert found[0][1][:5] == b"JFIF\0"
    frame_headers = [marker for marker in markers if 0xC0 <= marker <= 0xCF and marker != 0xC4]
    assert frame_headers == [0xC0]  # SOF0, and no arithmetic tables (DAC, CC)
    assert markers.count(0xDA) == 1
    header = dict(found)[0xC0]
    assert header[0] == 8
    assert (header[1:3], header[3:5]) == tuple(side.to_bytes(2, "big") for side in shape[:2])
    assert header[5] == (3 if len(shape) == 3 else 1)
    # One scan over the whole spectrum: Ss 0, Se 63, Ah and Al 0.
    assert dict(found)[0xDA][-3:] == bytes([0, 63, 0])


@pytest.mark.parametrize(("quality", "factors"), [(74, 0x22), (75, 0x11), (90, 0x11)])
def test_chroma_is_whole_from_75(quality, factors, samples):
    header = dict(segments(written(DisplayImage(samples((16, 16, 3), "uint8")), quality)))[0xC0]
    assert header[7] == factors


def test_thin_coloured_lines_keep_their_colour():
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:, ::4, 0] = 255
    read = np.asarray(Image.open(io.BytesIO(written(DisplayImage(picture), 90))))
    assert read[:, ::4, 0].min() > 200
    assert read[:, 2::4, 0].max() < 55


@pytest.mark.parametrize("size", [500, 65519, 65520, 200_000])
def test_profile_is_whole_again_when_put_together(size, samples, rgb_profile):
    profile = rgb_profile.ljust(size, b"\x5a")[:size]
    data = written(DisplayImage(samples((9, 9, 3), "uint8"), profile), 90)
    found = segments(data)
    parts = [body for marker, body in found if marker == 0xE2]
    assert [marker for marker, _ in found][: len(parts) + 1] == [0xE0, *[0xE2] * len(parts)]
    assert all(part[:12] == b"ICC_PROFILE\0" for part in parts)
    assert [part[12] for part in parts] == list(range(1, len(parts) + 1))
    assert {part[13] for part in parts} == {len(parts)}
    assert b"".join(part[14:] for part in parts) == profile
    assert Image.open(io.BytesIO(data)).info["icc_profile"] == profile


def test_profile_too_big(samples, rgb_profile):
    profile = rgb_profile.ljust(65519 * 255 + 1, b"\0")
    with pytest.raises(EncodeError, match="ICC profile is too big"):
        written(DisplayImage(samples((9, 9, 3), "uint8"), profile), 90)


@pytest.mark.parametrize(("shape", "quality"), [((1500, 1004), 90), ((1030, 1100, 3), 60)])
def test_a_large_picture_in_strips_has_the_pixels_of_one_piece(shape, quality, samples):
    written = samples(shape, "uint8", "smooth") ^ (samples(shape, "uint8") & 7)
    streams = {
        encode(DisplayImage(written), format_named("jpg"), EncodeSettings(quality, threads=threads))
        for threads in (1, 2, 5)
    }
    (data,) = streams
    chroma = {"subsampling": "420"} if written.ndim == 3 else {}
    whole = imagecodecs.jpeg8_encode(written, quality, **chroma)
    assert np.array_equal(imagecodecs.jpeg8_decode(data), imagecodecs.jpeg8_decode(whole))
    assert np.array_equal(by_ffmpeg(data), by_ffmpeg(whole))
    # Between strips, and there alone, is a restart marker; they are numbered.
    assert re.findall(rb"\xff[\xd0-\xd7]", data) == [b"\xff\xd0", b"\xff\xd1"]


def test_a_strip_has_no_more_blocks_than_its_marker_can_say(samples, monkeypatch):
    monkeypatch.setattr(jpg, "_MOST_UNITS", 300)
    written = samples((1100, 1004), "uint8", "smooth")
    data = encode(DisplayImage(written), format_named("jpg"), EncodeSettings(threads=2))
    at = data.index(b"\xff\xdd\x00\x04")
    assert int.from_bytes(data[at + 4 : at + 6]) == 2 * 126  # rows of blocks
    whole = imagecodecs.jpeg8_encode(written, 90)
    assert np.array_equal(imagecodecs.jpeg8_decode(data), imagecodecs.jpeg8_decode(whole))
