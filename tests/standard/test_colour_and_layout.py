"""Colour models, planes, palettes, bits across frames, ICC (PS3.3 C.7.6.3, C.7.9, C.11.15)."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from rendicom.testing import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    element,
    encapsulate,
    icc_profile,
    image,
    palette,
    rle,
    sequence,
)

Show = Callable[..., Any]

RLE = "1.2.840.10008.1.2.5"
J2K_LOSSLESS, J2K = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
JPEG = "1.2.840.10008.1.2.4.50"
PROFILE = 0x00282000

# YBR_FULL, RGB
FULL = [
    ((76, 85, 255), (254, 0, 0)),
    ((150, 44, 21), (0, 255, 1)),
    ((29, 255, 107), (0, 0, 254)),
    ((128, 128, 128), (128, 128, 128)),
    ((0, 128, 128), (0, 0, 0)),
    ((255, 128, 128), (255, 255, 255)),
]


@pytest.mark.parametrize("planar", [0, 1])
def test_ybr_full(planar: int, display: Show) -> None:
    ybr = np.array([[first for first, _ in FULL]], np.uint8)
    data = image(ybr, photometric="YBR_FULL", planar=planar)
    assert display(data).tolist() == [[list(rgb) for _, rgb in FULL]]


def test_ybr_full_422_shares_chroma_between_two_pixels(display: Show) -> None:
    data = image(bytes([76, 150, 85, 255]), rows=1, columns=2, photometric="YBR_FULL_422")
    assert display(data).tolist() == [[[254, 0, 0], [255, 74, 74]]]


def test_ybr_full_422_of_two_frames(display: Show) -> None:
    data = image(
        bytes([0, 255, 128, 128, 128, 64, 128, 128]), rows=1, columns=2, frames=2,
        photometric="YBR_FULL_422",
    )  # fmt: skip
    assert display(data, 1).tolist() == [[[0, 0, 0], [255, 255, 255]]]
    assert display(data, 2).tolist() == [[[128, 128, 128], [64, 64, 64]]]


def test_ybr_partial_422(display: Show) -> None:
    data = image(
        bytes([16, 235, 128, 128, 82, 82, 90, 240]), rows=2, columns=2,
        photometric="YBR_PARTIAL_422",
    )  # fmt: skip
    assert display(data).tolist() == [
        [[0, 0, 0], [255, 255, 255]],
        [[255, 1, 0], [255, 1, 0]],
    ]


# --- colour in compressed streams -----------------------------------------------------------


def _flat(red: int, green: int, blue: int) -> Any:
    return np.full((16, 16, 3), (red, green, blue), np.uint8)


@pytest.mark.parametrize("header", ["YBR_RCT", "YBR_ICT", "RGB", "YBR_FULL"])
def test_reversible_colour_transform_is_undone_once(header: str, display: Show) -> None:
    from imagecodecs import jpeg2k_encode

    values = np.random.default_rng(3).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    values[0, 0] = (200, 100, 50)
    stream = jpeg2k_encode(values, codecformat="j2k", reversible=True, mct=True)
    data = image(
        encapsulate([stream]), rows=16, columns=16, photometric=header,
        transfer_syntax=J2K_LOSSLESS,
    )  # fmt: skip
    shown = display(data)
    assert shown[0, 0].tolist() == [200, 100, 50]
    assert np.array_equal(shown, values)


def test_stream_without_component_transform_is_rgb_already(display: Show) -> None:
    from imagecodecs import jpeg2k_encode

    values = _flat(200, 100, 50)
    stream = jpeg2k_encode(values, codecformat="j2k", reversible=True, mct=False)
    data = image(
        encapsulate([stream]), rows=16, columns=16, photometric="YBR_RCT",
        transfer_syntax=J2K_LOSSLESS,
    )  # fmt: skip
    assert np.array_equal(display(data), values)


def test_irreversible_colour_transform(display: Show) -> None:
    from imagecodecs import jpeg2k_encode

    values = _flat(200, 100, 50)
    stream = jpeg2k_encode(values, codecformat="j2k", reversible=False, mct=True)
    data = image(
        encapsulate([stream]), rows=16, columns=16, photometric="YBR_ICT", transfer_syntax=J2K
    )
    assert np.abs(display(data).astype(int) - values).max() <= 2


def _jpeg(values: Any, *, model: str, marker: bool, names: bytes) -> bytes:
    """Return a JPEG stream whose samples are ``model``, with or without APPn, components named."""
    from imagecodecs import jpeg8_encode

    colours = {"colorspace": "RGB", "outcolorspace": model}
    stream = bytes(jpeg8_encode(values, level=98, subsampling="444", **colours))
    if not marker:
        while stream[2:4] in (b"\xff\xe0", b"\xff\xee"):
            stream = stream[:2] + stream[4 + struct.unpack(">H", stream[4:6])[0] :]
    frame = stream.index(b"\xff\xc0") + 10
    scan = stream.index(b"\xff\xda") + 5
    edited = bytearray(stream)
    for index, name in enumerate(names):
        edited[frame + 3 * index] = edited[scan + 2 * index] = name
    return bytes(edited)


NUMBERS, LETTERS = b"\1\2\3", b"RGB"


@pytest.mark.parametrize(("header", "model", "marker", "names"), [
    ("RGB", "RGB", True, NUMBERS),  # APP14 says transform 0
    ("YBR_FULL_422", "RGB", True, NUMBERS),
    ("RGB", "YCbCr", True, NUMBERS),  # JFIF is always YCbCr
    ("YBR_FULL_422", "YCbCr", True, NUMBERS),
    ("YBR_FULL", "YCbCr", True, NUMBERS),
    ("RGB", "RGB", False, NUMBERS),  # nothing in the stream: the header decides
    ("YBR_FULL_422", "YCbCr", False, NUMBERS),
    ("YBR_FULL", "YCbCr", False, NUMBERS),
    ("YBR_FULL_422", "RGB", False, LETTERS),  # the names of the components decide
    ("RGB", "RGB", False, LETTERS),
])  # fmt: skip
def test_jpeg_tells_its_colour_model(
    header: str, model: str, marker: bool, names: bytes, display: Show
) -> None:
    values = _flat(200, 100, 50)
    stream = _jpeg(values, model=model, marker=marker, names=names)
    data = image(
        encapsulate([stream]), rows=16, columns=16, photometric=header, transfer_syntax=JPEG
    )
    assert np.abs(display(data).astype(int) - values).max() <= 4


# --- planes, odd sizes, bits ----------------------------------------------------------------


def test_planes(display: Show) -> None:
    data = image(bytes([1, 2, 3, 4, 5, 6]), rows=1, columns=2, photometric="RGB", planar=1)
    assert display(data).tolist() == [[[1, 3, 5], [2, 4, 6]]]


def test_rle_has_planes_whatever_the_header_says(display: Show) -> None:
    values = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    for planar in (0, 1):
        data = image(
            encapsulate([rle(values)]), rows=4, columns=5, photometric="RGB", planar=planar,
            transfer_syntax=RLE,
        )  # fmt: skip
        assert np.array_equal(display(data), values)


def test_sixteen_bit_colour(display: Show) -> None:
    data = image(np.array([[[0, 32768, 65535]]], np.uint16), photometric="RGB")
    assert display(data).tolist() == [[[0, 128, 255]]]
    assert display(data, bit_depth="16").tolist() == [[[0, 32768, 65535]]]
    twelve = image(np.array([[[0, 2048, 4095]]], np.uint16), photometric="RGB", bits_stored=12)
    assert display(twelve).tolist() == [[[0, 128, 255]]]


def test_colour_of_few_bits_spans_the_whole_range(display: Show) -> None:
    six = image(np.array([[[0, 32, 63]]], np.uint8), photometric="RGB", bits_stored=6)
    assert display(six).tolist() == [[[0, 130, 255]]]  # 32 * 255 / 63 = 129.5
    shifted = image(
        np.array([[[0, 65, 127]]], np.uint8), photometric="RGB", bits_stored=7, high_bit=7
    )
    assert display(shifted).tolist() == [[[0, 131, 255]]]  # 65 * 255 / 127 = 130.5


def test_one_bit_frames_start_in_the_middle_of_a_byte(stored: Show, display: Show) -> None:
    bits = [1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 1]
    data = image(
        bytes([0b00000101, 0b00001101, 0b00000010, 0]), rows=3, columns=3, frames=2,
        bits_allocated=1,
    )  # fmt: skip
    assert stored(data, 1).ravel().tolist() == bits[:9]
    assert stored(data, 2).ravel().tolist() == bits[9:]
    assert display(data, 2).ravel().tolist() == [255 * bit for bit in bits[9:]]


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("pixel_vr", ["OB", "OW"])
def test_odd_number_of_bytes(syntax: str, pixel_vr: str, stored: Show) -> None:
    values = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) + 1
    for pixels in (values, values[:1]):
        data = image(pixels, transfer_syntax=syntax, pixel_vr=pixel_vr)
        for number, expected in enumerate(pixels, start=1):
            assert np.array_equal(stored(data, number), expected)


def test_one_bit_in_big_endian_words(stored: Show) -> None:
    values = (np.arange(5 * 7).reshape(5, 7) % 3 == 0).astype(np.uint8)
    data = image(values, bits_allocated=1, pixel_vr="OW", transfer_syntax=BIG_ENDIAN)
    assert np.array_equal(stored(data), values)


# --- palettes -------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
def test_palette_clamps_at_both_ends(syntax: str, display: Show) -> None:
    colours = palette(
        [0xFFFF, 0xABAB, 0xFF00, 0x0100], [0, 0, 0, 0x1111], [1, 2, 3, 0x2222], first=10
    )
    data = image(
        np.array([[5, 10, 11, 12, 20]], np.uint8), photometric="PALETTE COLOR", extra=colours,
        transfer_syntax=syntax,
    )  # fmt: skip
    first, second = [0xFF, 0, 0], [0xAB, 0, 0]
    third, last = [0xFF, 0, 0], [0x01, 0x11, 0x22]
    assert display(data).tolist() == [[first, first, second, third, last]]


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("packed", [True, False])
def test_palette_of_eight_bits(packed: bool, syntax: str, display: Show) -> None:
    colours = palette([1, 2, 3], [4, 5, 6], [7, 8, 255], bits=8, packed=packed)
    data = image(
        np.array([[0, 1, 2, 3]], np.uint8), photometric="PALETTE COLOR", extra=colours,
        transfer_syntax=syntax,
    )  # fmt: skip
    assert display(data).tolist() == [[[1, 4, 7], [2, 5, 8], [3, 6, 255], [3, 6, 255]]]


def test_palette_that_calls_eight_bits_sixteen(display: Show) -> None:
    colours = palette([0, 128], [255, 3], [7, 9], bits=16)
    data = image(np.array([[0, 1]], np.uint8), photometric="PALETTE COLOR", extra=colours)
    assert display(data).tolist() == [[[0, 255, 7], [128, 3, 9]]]


def test_signed_palette(display: Show) -> None:
    colours = palette([0x0A0A, 0x0B0B], [0, 0xFFFF], [0, 0], first=-1, vr="SS")
    data = image(np.array([[-1, 0]], np.int16), photometric="PALETTE COLOR", extra=colours)
    assert display(data).tolist() == [[[10, 0, 0], [11, 255, 0]]]


def test_palette_in_sixteen_bits(display: Show) -> None:
    colours = palette([0xABCD], [0x1234], [0xFFFF])
    data = image(np.array([[0]], np.uint8), photometric="PALETTE COLOR", extra=colours)
    assert display(data, bit_depth="16").tolist() == [[[0xABCD, 0x1234, 0xFFFF]]]


def _segmented(segments: list[int], count: int) -> bytes:
    colours = palette(segments, segments, segments, segmented=True, count=count)
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 256)
    return image(pixels, photometric="PALETTE COLOR", extra=colours)


def test_linear_segments(display: Show) -> None:
    ramp = display(_segmented([0, 1, 0, 1, 255, 65535], 256), bit_depth="16")
    assert ramp[0, :, 0].tolist() == [index * 257 for index in range(256)]


def test_falling_and_discrete_segments(display: Show) -> None:
    ramp = display(_segmented([0, 2, 65535, 1000, 1, 4, 0], 6), bit_depth="16")
    assert ramp[0, :6, 1].tolist() == [65535, 1000, 750, 500, 250, 0]


def test_indirect_segments_copy_earlier_ones(display: Show) -> None:
    # Two segments of 3 + 3 words, then both again from byte 0.
    segments = [0, 1, 100, 1, 3, 400, 2, 2, 0, 0]
    ramp = display(_segmented(segments, 8), bit_depth="16")
    assert ramp[0, :8, 2].tolist() == [100, 200, 300, 400, 100, 200, 300, 400]


@pytest.mark.parametrize("number", range(1, 9))
def test_well_known_palette_by_its_uid(number: int, display: Show) -> None:
    """The palettes of PS3.6 B.1: pydicom ships a copy of each."""
    from pydicom.pixels import apply_color_lut

    uid = f"1.2.840.10008.1.5.{number}"
    indices = np.arange(256, dtype=np.uint8).reshape(1, 256)
    data = image(indices, photometric="PALETTE COLOR", extra=[element(0x00281199, "UI", uid)])
    try:
        expected = apply_color_lut(indices, palette=uid)
    except ValueError:
        pytest.skip("pydicom does not ship this palette")
    assert np.array_equal(display(data), expected)


def test_supplemental_palette_is_above_the_window(display: Show) -> None:
    colours = palette([0xFFFF, 0], [0, 0xFFFF], [0, 0], first=1000)
    data = image(
        np.array([[0, 999, 1000, 1001, 1002]], np.uint16),
        extra=[*colours, element(0x00089205, "CS", "COLOR")],
    )
    black, red, green = [0, 0, 0], [255, 0, 0], [0, 255, 0]
    for window, gray in (("500,1000", 255), ("2000,100", 0)):
        shown = display(data, window=window)
        assert shown.tolist() == [[black, [gray] * 3, red, green, green]]


# --- ICC ------------------------------------------------------------------------------------


def _rgb(**more: Any) -> bytes:
    values = np.arange(2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 3) * 20
    return image(values, photometric="RGB", **more)


def _chunk(png: bytes, name: bytes) -> bytes | None:
    at = 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == name:
            return png[at + 8 : at + 8 + size]
        at += size + 12
    return None


@pytest.mark.parametrize("where", ["top", "optical path"])
def test_own_profile_travels_unchanged(where: str, picture: Show) -> None:
    profile = icc_profile(gamma=1.8)
    own = element(PROFILE, "OB", profile)
    extra = [own] if where == "top" else [sequence(0x00480105, [own])]
    chunk = _chunk(picture(_rgb(extra=extra), icc="yes").data, b"iCCP")
    assert chunk is not None
    name, _, packed = chunk.partition(b"\0")
    assert name
    assert zlib.decompress(packed[1:])[: len(profile)] == profile


def test_large_profile_takes_several_segments(picture: Show) -> None:
    profile = icc_profile(size=150_000)
    data = picture(
        _rgb(extra=[element(PROFILE, "OB", profile)]), media_type="image/jpeg", icc="yes"
    ).data
    assert data.count(b"ICC_PROFILE\0") == 3
    assert Image.open(io.BytesIO(data)).info["icc_profile"][: len(profile)] == profile


def test_named_space_converts_and_is_embedded(picture: Show) -> None:
    profile = icc_profile(gamma=1.8)
    shown = picture(_rgb(extra=[element(PROFILE, "OB", profile)]), icc="srgb")
    opened = Image.open(io.BytesIO(shown.data))
    own = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 20, "RGB")
    expected = ImageCms.profileToProfile(
        own,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    difference = np.asarray(opened).astype(int) - np.asarray(expected)
    assert np.abs(difference).max() <= 3
    assert not np.array_equal(np.asarray(opened), np.asarray(own))
    assert opened.info["icc_profile"]


@pytest.mark.parametrize("name", ["yes", "srgb", "adobergb", "rommrgb", "displayp3"])
def test_every_named_space_is_a_valid_profile(name: str, picture: Show) -> None:
    opened = Image.open(io.BytesIO(picture(_rgb(), icc=name).data))
    profile = ImageCms.ImageCmsProfile(io.BytesIO(opened.info["icc_profile"])).profile
    assert profile.xcolor_space == "RGB "
    assert picture(_rgb(), icc=name).data == picture(_rgb(), icc=name).data


def test_no_profile(picture: Show) -> None:
    data = picture(_rgb(extra=[element(PROFILE, "OB", icc_profile())]), icc="no").data
    assert _chunk(data, b"iCCP") is None


def test_broken_profile_is_a_warning(picture: Show) -> None:
    shown = picture(_rgb(extra=[element(PROFILE, "OB", b"\1" * 300)]))
    assert shown.warnings
    assert _chunk(shown.data, b"iCCP") is None
