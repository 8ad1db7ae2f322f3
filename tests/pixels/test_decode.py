"""Frames from their bytes: cells, planes and colour models, and what a stream decides (PS3.5 8)."""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import numpy as np
import pytest

from rendicom.errors import CorruptDataError, LimitExceededError, UnsupportedImageError
from rendicom.pixels.colour import ybr_to_rgb
from rendicom.pixels.decode import decode_frame
from rendicom.pixels.stored_frames import FrameBytes
from rendicom.testing import rle
from rendicom.values import Frame, PixelDescription

EXPLICIT = "1.2.840.10008.1.2.1"


def described(rows: int, columns: int, **other: Any) -> PixelDescription:
    allocated = other.get("bits_allocated", 8)
    stored = other.get("bits_stored", allocated)
    given: dict[str, Any] = {
        "sop_class": "",
        "transfer_syntax": EXPLICIT,
        "modality": "OT",
        "rows": rows,
        "columns": columns,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "planar_configuration": 0,
        "bits_allocated": allocated,
        "bits_stored": stored,
        "high_bit": stored - 1,
        "signed": False,
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
        **other,
    }
    return PixelDescription(**given)


def native(
    data: bytes, description: PixelDescription, *, strict: bool = False, **stored: Any
) -> Frame:
    frame = FrameBytes(data, encapsulated=False, **stored)
    return decode_frame(frame, description, max_pixels=10_000, strict=strict)


# --- cells ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "bits_stored", "high_bit", "signed", "value"),
    [
        (0xF123, 12, 11, False, 0x123),
        (0x0800, 12, 11, True, -2048),
        (0xF7FF, 12, 11, True, 2047),
        (0x1230, 12, 15, False, 0x123),
        (0x800F, 12, 15, True, -2048),
        (0x8000, 16, 15, True, -32768),
        (0xFFFF, 1, 0, False, 1),
        (0x0008, 1, 3, False, 1),
        (0x4000, 15, 14, True, -16384),
    ],
)
@pytest.mark.parametrize("order", "<>")
def test_stored_bits(
    cell: int, bits_stored: int, high_bit: int, signed: bool, value: int, order: str
) -> None:
    description = described(
        1, 1, bits_allocated=16, bits_stored=bits_stored, high_bit=high_bit, signed=signed
    )
    frame = native(struct.pack(f"{order}H", cell), description, big_endian=order == ">")
    assert frame.samples.tolist() == [[value]]
    assert frame.samples.dtype == np.dtype("i2" if signed else "u2")
    assert frame.samples.dtype.isnative
    assert (frame.bits_stored, frame.signed) == (bits_stored, signed)


@pytest.mark.parametrize("allocated", [8, 16, 32, 64])
@pytest.mark.parametrize("signed", [False, True])
def test_whole_cells_are_a_view_of_the_bytes(allocated: int, signed: bool) -> None:
    code = {8: "b", 16: "h", 32: "i", 64: "q"}[allocated]
    data = struct.pack(f"<4{code}", -1, 1, 2, -3)
    frame = native(data, described(2, 2, bits_allocated=allocated, signed=signed))
    top = 1 << allocated
    assert frame.samples.tolist() == (
        [[-1, 1], [2, -3]] if signed else [[top - 1, 1], [2, top - 3]]
    )
    assert np.shares_memory(frame.samples, np.frombuffer(data, np.uint8))


def test_cells_are_kept_for_embedded_overlays() -> None:
    description = described(1, 2, bits_allocated=16, bits_stored=12)
    stored = FrameBytes(struct.pack("<2H", 0x1005, 0x0006), encapsulated=False)
    frame = decode_frame(stored, description, max_pixels=10, keep_cells=True)
    assert frame.samples.tolist() == [[5, 6]]
    assert frame.cells is not None
    assert frame.cells.tolist() == [[0x1005, 0x0006]]


def test_one_bit_pixels_start_at_any_bit() -> None:
    # 3 x 3 pixels: the second frame of 18 bits starts at bit 9, least significant first.
    data = (0b101 << 9).to_bytes(3, "little")
    frame = native(data[1:], described(3, 3, bits_allocated=1), bit_offset=1)
    assert frame.samples.tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("signed", [False, True])
def test_twelve_bits_packed(signed: bool) -> None:
    # 0x123, 0xFFF, 0x001: two cells in three bytes, low bits first.
    data = (0x123 | 0xFFF << 12 | 0x001 << 24).to_bytes(5, "little")
    frame = native(data, described(1, 3, bits_allocated=12, signed=signed))
    assert frame.samples.tolist() == [[0x123, -1 if signed else 0xFFF, 1]]


def test_twenty_four_bits() -> None:
    description = described(1, 2, bits_allocated=24)
    little = native(bytes((3, 2, 1, 255, 255, 255)), description)
    assert little.samples.tolist() == [[0x010203, 0xFFFFFF]]
    big = native(bytes((1, 2, 3, 255, 255, 255)), description, big_endian=True)
    assert big.samples.tolist() == [[0x010203, 0xFFFFFF]]


@pytest.mark.parametrize(("bits", "code"), [(32, "f"), (64, "d")])
@pytest.mark.parametrize("order", "<>")
def test_floats(bits: int, code: str, order: str) -> None:
    keyword = "FloatPixelData" if bits == 32 else "DoubleFloatPixelData"
    data = struct.pack(f"{order}2{code}", -0.5, 1e30)
    description = described(1, 2, bits_allocated=bits, pixel_keyword=keyword)
    frame = native(data, description, big_endian=order == ">")
    assert frame.samples.dtype == np.dtype(f"f{bits // 8}")
    assert frame.samples.tolist() == [
        [-0.5, struct.unpack(f"<{code}", struct.pack(f"<{code}", 1e30))[0]]
    ]


def test_bits_nobody_allocates() -> None:
    with pytest.raises(UnsupportedImageError, match="20 bits"):
        native(bytes(3), described(1, 1, bits_allocated=20))


# --- short and empty data ---------------------------------------------------------------------


def test_missing_pixels_are_black_and_said() -> None:
    data = struct.pack("<3h", -5, 7, 100)
    frame = native(data, described(2, 2, bits_allocated=16, signed=True))
    assert frame.samples.tolist() == [[-5, 7], [100, -5]]  # the darkest there is
    assert "6 of 8 bytes" in frame.warnings[0]


def test_half_a_pixel_counts_as_missing() -> None:
    frame = native(struct.pack("<2H", 9, 9) + b"\x01", described(1, 3, bits_allocated=16))
    assert frame.samples.tolist() == [[9, 9, 9]]


def test_missing_pixels_of_monochrome1_are_black() -> None:
    description = described(1, 3, photometric_interpretation="MONOCHROME1")
    assert native(b"\x10\x20", description).samples.tolist() == [[0x10, 0x20, 0x20]]


def test_strict_refuses_short_data() -> None:
    with pytest.raises(CorruptDataError, match="3 of 4 bytes"):
        native(b"abc", described(2, 2), strict=True)


@pytest.mark.parametrize("strict", [False, True])
def test_no_data_at_all(strict: bool) -> None:
    with pytest.raises(CorruptDataError):
        native(b"", described(2, 2), strict=strict)


def test_bytes_behind_the_frame_do_not_matter() -> None:
    frame = native(b"\x01\x02\x03\x00", described(1, 3), strict=True)
    assert frame.samples.tolist() == [[1, 2, 3]]
    assert not frame.warnings


def test_size_is_refused_before_anything_is_done() -> None:
    stored = FrameBytes(b"", encapsulated=False)
    with pytest.raises(LimitExceededError, match="60000 x 60000"):
        decode_frame(stored, described(60_000, 60_000), max_pixels=10_000)


@pytest.mark.parametrize("model", ["YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("held", [3, 4, 5, 7])
def test_missing_colour_is_black_or_gray_and_not_green(model: str, planar: int, held: int) -> None:
    """Three pixels of Y = 90 with chroma of no colour, cut after ``held`` cells."""
    cells = bytes([90] * 3 + [128] * 6) if planar else bytes([90, 128, 128] * 3)
    if model == "YBR_FULL_422":
        cells, held = bytes((90, 90, 128, 128) * 2), min(held, 6)
    frame = colour(cells[:held], 3, model, planar_configuration=planar)
    there = 3 if planar else -(-held // 3)
    if model == "YBR_FULL_422":
        there = held // 4 * 2 + min(held % 4, 2)
    expected = [[90] * 3] * min(there, 3) + [[0] * 3] * (3 - there)
    assert frame.samples.tolist() == [expected]
    assert frame.warnings


# --- colour -----------------------------------------------------------------------------------


def colour(data: bytes, columns: int, model: str, **other: Any) -> Frame:
    other = {"samples_per_pixel": 3, "photometric_interpretation": model, **other}
    return native(data, described(1, columns, **other))


def test_unused_bits_of_colour() -> None:
    data = struct.pack("<3H", 0xF123, 0x0FFF, 0x8000)
    frame = colour(data, 1, "RGB", bits_allocated=16, bits_stored=12)
    assert frame.samples.tolist() == [[[0x123, 0xFFF, 0]]]


def test_unused_bits_of_ybr_do_not_reach_the_formula() -> None:
    data = struct.pack("<3H", 0xF000 | 1000, 0x8000 | 2048, 0x7000 | 2048)
    frame = colour(data, 1, "YBR_FULL", bits_allocated=16, bits_stored=12)
    assert frame.samples.tolist() == [[[1000] * 3]]


def test_ybr_full_422_of_an_odd_width() -> None:
    data = bytes((128, 128, 128, 128, 76, 0, 85, 255))
    frame = colour(data, 3, "YBR_FULL_422")
    assert frame.samples.tolist() == [[[128] * 3, [128] * 3, [254, 0, 0]]]


def test_ybr_full_422_that_is_not_subsampled() -> None:
    frame = colour(bytes((76, 85, 255, 128, 128, 128)), 2, "YBR_FULL_422")
    assert frame.samples.tolist() == [[[254, 0, 0], [128, 128, 128]]]


def test_ybr_of_sixteen_bits_is_centred_on_half() -> None:
    data = struct.pack("<3H", 1000, 32768, 32768)
    frame = colour(data, 1, "YBR_FULL", bits_allocated=16)
    assert frame.samples.tolist() == [[[1000, 1000, 1000]]]


def test_tables_of_ybr_equal_the_formula() -> None:
    """Every chroma pair, with the luminances at which clamping starts and ends."""
    cb, cr = np.mgrid[0:256, 0:256].astype(np.int64)
    for y in (0, 1, 77, 128, 200, 254, 255):
        samples = np.stack([np.full_like(cb, y), cb, cr], axis=-1).astype(np.uint8)
        # In millionths, so that halves are halves.
        red = 1_402_000 * (cr - 128)
        green = -344_136 * (cb - 128) - 714_136 * (cr - 128)
        blue = 1_772_000 * (cb - 128)
        exact = y + (np.stack([red, green, blue], axis=-1) + 500_000) // 1_000_000
        assert (ybr_to_rgb(samples, model="YBR_FULL", bits=8) == exact.clip(0, 255)).all()


def test_wide_ybr_image_is_converted_in_bands() -> None:
    samples = np.full((3, 70_000, 3), 128, np.uint8)
    samples[2, 69_999] = (76, 85, 255)
    rgb = ybr_to_rgb(samples, model="YBR_FULL", bits=8)
    assert rgb[2, 69_999].tolist() == [254, 0, 0]
    assert rgb[0, 0].tolist() == [128, 128, 128]


@pytest.mark.parametrize(
    ("hsv", "rgb"),
    [((0, 255, 255), (255, 0, 0)), ((85, 255, 255), (0, 255, 0)), ((9, 0, 77), (77, 77, 77))],
)
def test_hsv(hsv: tuple[int, ...], rgb: tuple[int, ...]) -> None:
    assert colour(bytes(hsv), 1, "HSV").samples.tolist() == [[list(rgb)]]


def test_alpha_is_dropped() -> None:
    frame = colour(b"\x80\x01\x02\x03", 1, "ARGB", samples_per_pixel=4)
    assert frame.samples.tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize(("samples", "model"), [(4, "CMYK"), (2, "RGB"), (5, "MONOCHROME2")])
def test_other_numbers_of_samples(samples: int, model: str) -> None:
    with pytest.raises(UnsupportedImageError, match=str(samples)):
        colour(bytes(samples), 1, model, samples_per_pixel=samples)


def test_three_samples_called_gray() -> None:
    frame = colour(b"\x01\x02\x03", 1, "MONOCHROME2")
    assert frame.photometric_interpretation == "RGB"
    assert frame.samples.tolist() == [[[1, 2, 3]]]
    assert "MONOCHROME2" in frame.warnings[0]


def test_one_sample_called_colour() -> None:
    frame = native(b"\x07", described(1, 1, photometric_interpretation="RGB"))
    assert frame.photometric_interpretation == "MONOCHROME2"
    assert frame.samples.tolist() == [[7]]
    assert "RGB" in frame.warnings[0]


def test_indices_of_a_palette_stay() -> None:
    frame = native(b"\x07\x00", described(1, 2, photometric_interpretation="PALETTE COLOR"))
    assert frame.photometric_interpretation == "PALETTE COLOR"
    assert frame.samples.tolist() == [[7, 0]]


# --- compressed -------------------------------------------------------------------------------


def coded(stream: bytes, description: PixelDescription, **how: Any) -> Frame:
    stored = FrameBytes(stream, encapsulated=True)
    return decode_frame(stored, description, max_pixels=10_000, **how)


J2K, JPEG_LS, RLE = (f"1.2.840.10008.1.2.{last}" for last in ("4.90", "4.81", "5"))
RAMP = np.arange(600, dtype=np.uint16).reshape(20, 30)


def jpeg_2000(samples: Any) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(samples, codecformat="j2k", reversible=True))


@pytest.mark.parametrize("header", [True, False])
def test_sign_of_jpeg_2000_is_the_streams(header: bool) -> None:
    values = RAMP.astype(np.int16) - 300
    description = described(20, 30, transfer_syntax=J2K, bits_allocated=16, signed=header)
    frame = coded(jpeg_2000(values), description)
    assert (frame.samples == values).all()
    assert frame.signed


def test_cells_in_an_unsigned_stream_are_signed_by_the_header() -> None:
    values = RAMP.astype(np.int16) - 300
    description = described(20, 30, transfer_syntax=J2K, bits_allocated=16, signed=True)
    assert (coded(jpeg_2000(values.view(np.uint16)), description).samples == values).all()


def test_unused_bits_of_a_lossless_stream_are_an_overlay() -> None:
    cells = RAMP | ((RAMP % 7 == 0) * 0x8000).astype(np.uint16)
    description = described(20, 30, transfer_syntax=J2K, bits_allocated=16, bits_stored=12)
    frame = coded(jpeg_2000(cells), description, keep_cells=True)
    assert (frame.samples == RAMP).all()
    assert frame.cells is not None
    assert (frame.cells == cells).all()


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits_stored", [10, 12])
def test_near_lossless_values_above_bits_stored_do_not_wrap_around(
    signed: bool, bits_stored: int
) -> None:
    """White turns black where they are read as cells with unused bits."""
    least, count = (-(1 << bits_stored - 1) if signed else 0), 1 << bits_stored
    ends = np.random.default_rng(3).integers(0, 16, (40, 40)) + least
    ends[:, 20:] += count - 16
    stream = bytes(imagecodecs.jpegls_encode(ends.astype(np.int16).view(np.uint16), level=9))
    decoded = imagecodecs.jpegls_decode(stream).view(np.int16 if signed else np.uint16)
    assert int(decoded.max()) >= least + count
    description = described(
        40, 40, transfer_syntax=JPEG_LS, bits_allocated=16, bits_stored=bits_stored, signed=signed
    )
    frame = coded(stream, description)
    assert (frame.samples == decoded.clip(least, least + count - 1)).all()
    assert np.abs(frame.samples.astype(int) - ends).max() <= 9
    assert frame.bits_stored == bits_stored


@pytest.mark.parametrize("signed", [False, True])
def test_lossy_wavelets_beyond_bits_stored_are_clamped(signed: bool) -> None:
    least = -2048 if signed else 0
    edges = (np.indices((40, 40)).sum(0) // 8 % 2 * 4095 + least).astype(
        np.int16 if signed else np.uint16
    )
    stream = bytes(imagecodecs.jpeg2k_encode(edges, 60, codecformat="j2k", reversible=False))
    decoded = imagecodecs.jpeg2k_decode(stream)
    assert decoded.dtype == edges.dtype
    assert int(decoded.max()) > least + 4095
    description = described(
        40, 40, transfer_syntax=J2K, bits_allocated=16, bits_stored=12, signed=signed
    )
    frame = coded(stream, description)
    assert (frame.samples == np.where(decoded > 60000, 0, decoded).clip(least, least + 4095)).all()
    assert frame.bits_stored == 12


def test_signed_colours_of_jpeg_2000_start_at_black() -> None:
    values = np.array([[[-128, 0, 127]] * 16] * 16, np.int8)
    description = described(
        16, 16, transfer_syntax=J2K, samples_per_pixel=3, photometric_interpretation="RGB"
    )
    frame = coded(jpeg_2000(values), description)
    assert frame.samples.dtype == np.uint8
    assert frame.samples[3, 3].tolist() == [0, 128, 255]


def test_floating_point_colours_are_refused() -> None:
    stream = bytes(imagecodecs.jpegxl_encode(np.full((8, 8, 3), 0.5, np.float32)))
    description = described(
        8, 8, transfer_syntax=J2K, samples_per_pixel=3, photometric_interpretation="RGB"
    )
    with pytest.raises(UnsupportedImageError, match="floating"):
        coded(stream, description)


def test_stream_of_another_size_wins_and_is_said() -> None:
    description = described(10, 30, transfer_syntax=J2K, bits_allocated=16)
    frame = coded(jpeg_2000(RAMP), description)
    assert frame.samples.shape == (20, 30)
    assert "30 x 20" in frame.warnings[0]
    assert "30 x 10" in frame.warnings[0]


def test_stream_of_another_number_of_samples_wins_and_is_said() -> None:
    description = described(
        20, 30, transfer_syntax=J2K, bits_allocated=16, samples_per_pixel=3,
        photometric_interpretation="RGB",
    )  # fmt: skip
    frame = coded(jpeg_2000(RAMP), description)
    assert (frame.samples == RAMP).all()
    assert frame.photometric_interpretation == "MONOCHROME2"
    assert "1 samples a pixel" in frame.warnings[0]


def test_stream_larger_than_the_limit() -> None:
    with pytest.raises(LimitExceededError, match="200 x 200"):
        coded(jpeg_2000(np.zeros((200, 200), np.uint8)), described(2, 2, transfer_syntax=J2K))


def test_missing_planes_of_rle_are_not_green() -> None:
    stream = bytearray(rle(np.full((4, 4, 3), (90, 128, 128), np.uint8)))
    description = described(
        4, 4, transfer_syntax=RLE, samples_per_pixel=3, photometric_interpretation="YBR_FULL",
        planar_configuration=1,
    )  # fmt: skip
    start_of_cr = struct.unpack_from("<I", stream, 12)[0]
    frame = coded(bytes(stream[:start_of_cr]), description)
    assert (frame.samples == 90).all()
    assert "32 of 48" in frame.warnings[0]


@pytest.mark.parametrize(("samples", "bits"), [(2, 32), (3, 32), (4, 64)])
def test_floating_point_pixels_of_several_samples_are_refused(samples: int, bits: int) -> None:
    keyword = "FloatPixelData" if bits == 32 else "DoubleFloatPixelData"
    description = described(
        4, 5, bits_allocated=bits, pixel_keyword=keyword, samples_per_pixel=samples,
        photometric_interpretation="RGB" if samples == 3 else "MONOCHROME2",
    )  # fmt: skip
    with pytest.raises(UnsupportedImageError, match="samples"):
        native(bytes(20 * samples * bits // 8), description)
