"""How large a frame is, and where its values lie in the cells: shared chroma, High Bit, padding.

Expected values are computed from the formulas of PS3.3 C.7.6.3.1.2 in whole numbers.
"""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from rendicom.dicomweb.retrieval import bulk_data, frame_bytes, instance_bytes, read_pieces
from rendicom.engine import open_instance
from rendicom.errors import (
    CorruptDataError,
    LimitExceededError,
    RendicomError,
    UnsupportedImageError,
)
from rendicom.options import RenderOptions
from rendicom.pixels.framesize import check_filling, check_frame, native_samples
from rendicom.testing import BIG_ENDIAN, EXPLICIT, IMPLICIT, element, encapsulate, image, rle
from rendicom.testing.images import pack_cells, palette

Array = NDArray[Any]
RLE, J2K, DEFLATED_FRAME = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.8.1"
UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
STRICT = RenderOptions(strict=True)

# In millionths: added to Y for Cb and Cr, by channel.
FULL = ((1, 0, 1_402_000), (1, -344_136, -714_136), (1, 1_772_000, 0))
# In ten-thousandths, Y less its foot of 16.
PARTIAL = ((11_644, 0, 15_960), (11_644, -3_917, -8_130), (11_644, 20_173, 0))


def to_rgb(ybr: Array, model: str, bits: int) -> Array:
    """Return what the formula gives, rounded halves up, of (..., 3) samples."""
    y, cb, cr = (ybr[..., channel].astype(object) for channel in range(3))
    half, top = 1 << bits - 1, (1 << bits) - 1
    rgb = np.empty(ybr.shape, object)
    for channel in range(3):
        if model.startswith("YBR_FULL"):
            _, blue, red = FULL[channel]
            value = y + (blue * (cb - half) + red * (cr - half) + 500_000) // 1_000_000
        else:
            luminance, blue, red = PARTIAL[channel]
            total = luminance * (y - (16 << bits - 8)) + blue * (cb - half) + red * (cr - half)
            value = (total + 5_000) // 10_000
        rgb[..., channel] = np.clip(value.astype(np.int64), 0, top)
    return rgb.astype(np.int64)


def subsampled(frames: int, rows: int, columns: int, *, layout: str, bits: int) -> tuple[Any, Any]:
    """Return cells as ``layout`` has them, and the (frames, rows, columns, 3) YBR they stand for.

    ``by-row``: each row ends with a whole pair. ``run-on``: pairs run on over the ends of rows.
    ``full``: not subsampled at all.
    """
    random = np.random.default_rng(rows * columns + frames)
    ybr = random.integers(0, 1 << bits, (frames, rows, columns, 3))
    if layout == "full":
        return ybr.ravel(), ybr
    lines = ybr if layout == "by-row" else ybr.reshape(frames, 1, rows * columns, 3)
    if lines.shape[2] % 2:
        lines = np.concatenate((lines, lines[:, :, -1:]), axis=2)
    lines[:, :, 1::2, 1:] = lines[:, :, 0::2, 1:]
    pairs = lines.reshape(frames, lines.shape[1], -1, 2, 3)
    cells = np.concatenate((pairs[..., 0], pairs[..., 0, 1:]), axis=-1).ravel()
    if layout == "by-row":
        return cells, lines[:, :, :columns]
    return cells, lines[:, :, : rows * columns].reshape(frames, rows, columns, 3)


@pytest.mark.parametrize("model", ["YBR_FULL_422", "YBR_PARTIAL_422"])
@pytest.mark.parametrize("layout", ["run-on", "by-row", "full"])
@pytest.mark.parametrize(("frames", "columns"), [(1, 6), (3, 6), (4, 2), (1, 5), (3, 5), (5, 7)])
@pytest.mark.parametrize(
    ("bits", "syntax", "planar"),
    [
        (8, EXPLICIT, 0),
        (8, IMPLICIT, 1),
        (8, BIG_ENDIAN, 0),
        (16, EXPLICIT, 1),
        (16, BIG_ENDIAN, 0),
    ],
)
def test_shared_chroma(
    model: str, layout: str, frames: int, columns: int, bits: int, syntax: str, planar: int
) -> None:
    planar = 0 if layout == "full" else planar  # there the claim is true of some file
    cells, ybr = subsampled(frames, 4, columns, layout=layout, bits=bits)
    data = image(
        pack_cells(cells, bits_allocated=bits),
        rows=4, columns=columns, frames=frames, photometric=model, planar=planar,
        bits_allocated=bits, transfer_syntax=syntax, pixel_vr="OW",
    )  # fmt: skip
    with open_instance(data) as instance:
        assert instance.description.number_of_frames == frames
        assert instance.description.warnings == ()
        for number in range(1, frames + 1):
            frame = instance.frame(number, STRICT)
            assert (frame.samples == to_rgb(ybr[number - 1], model, bits)).all(), number
    # Retrieved frames are the stored cells, one after the other, whoever cuts them.
    wire = cells.astype(f"<u{bits // 8}").tobytes()
    parts = frame_bytes(data, range(1, frames + 1))
    assert b"".join(part.data for part in parts) == wire
    whole = b"".join(read_pieces(bulk_data(data, "7FE00010"), data))
    assert whole[: len(wire)] == wire


@pytest.mark.parametrize("frames", [2, 4])
def test_an_odd_number_of_pixels_runs_on_in_two_samples_a_pixel(frames: int) -> None:
    """Three rows of five pixels: the last one has a luminance and no chroma of its own."""
    cells, ybr = subsampled(frames, 3, 5, layout="run-on", bits=8)
    cut = cells.reshape(frames, -1)[:, :30].astype(np.uint8).tobytes()
    data = image(cut, rows=3, columns=5, frames=frames, photometric="YBR_FULL_422")
    with open_instance(data) as instance:
        assert instance.description.number_of_frames == frames
        for number in range(1, frames + 1):
            frame = instance.frame(number)
            expected = to_rgb(ybr[number - 1], "YBR_FULL_422", 8)
            assert (frame.samples.reshape(-1, 3)[:14] == expected.reshape(-1, 3)[:14]).all()
            assert frame.samples[2, 4].tolist() == [ybr[number - 1, 2, 4, 0]] * 3
            assert "short" in frame.warnings[0]


@pytest.mark.parametrize("columns", [5, 6])
def test_a_file_that_ends_early_keeps_its_layout(columns: int) -> None:
    """The length of the element tells the layout, though not all of it is there."""
    cells, ybr = subsampled(3, 4, columns, layout="by-row", bits=8)
    data = image(
        cells.astype(np.uint8).tobytes(), rows=4, columns=columns, frames=3,
        photometric="YBR_FULL_422",
    )[:-20]  # fmt: skip
    with open_instance(data) as instance:
        assert instance.description.number_of_frames == 3
        frame = instance.frame(3)
    expected = to_rgb(ybr[2], "YBR_FULL_422", 8)
    assert (frame.samples[0] == expected[0]).all()
    assert "short" in frame.warnings[0]


def test_one_promised_frame_too_many_is_said() -> None:
    cells, _ = subsampled(2, 4, 6, layout="run-on", bits=8)
    data = image(
        cells.astype(np.uint8).tobytes(), rows=4, columns=6, frames=3, photometric="YBR_FULL_422"
    )
    with open_instance(data) as instance:
        assert instance.description.number_of_frames == 2
        assert "declares 3 frames" in instance.description.warnings[0]


@pytest.mark.parametrize("layout", ["run-on", "by-row", "full"])
@pytest.mark.parametrize("syntax", [DEFLATED_FRAME, UNCOMPRESSED])
def test_shared_chroma_in_fragments(layout: str, syntax: str) -> None:
    cells, ybr = subsampled(2, 4, 5, layout=layout, bits=8)
    streams = [cells.reshape(2, -1)[index].astype(np.uint8).tobytes() for index in (0, 1)]
    if syntax == DEFLATED_FRAME:
        streams = [_deflated(stream) for stream in streams]
    data = image(
        encapsulate(streams, offset_table="basic"), rows=4, columns=5, frames=2,
        photometric="YBR_FULL_422", transfer_syntax=syntax,
    )  # fmt: skip
    with open_instance(data) as instance:
        for number in (1, 2):
            found = instance.frame(number, STRICT).samples
            assert (found == to_rgb(ybr[number - 1], "YBR_FULL_422", 8)).all()


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def test_length_tells_the_layout() -> None:
    def found(held: int | None, *, frames: int = 1, bits: int = 8, columns: int = 5) -> int:
        return native_samples(
            4, columns, 3, "YBR_FULL_422", cell_bits=bits, held_bytes=held, frames=frames
        )

    assert [found(held) for held in (40, 48, 60)] == [40, 48, 60]
    assert [found(held, frames=3) for held in (120, 144, 180, 181)] == [40, 48, 60, 60]
    assert [found(held, bits=16) for held in (80, 96, 120)] == [40, 48, 60]
    assert [found(held) for held in (None, 13, 53, 70)] == [40, 40, 40, 60]
    assert native_samples(4, 5, 1, "MONOCHROME2", cell_bits=8, held_bytes=3) == 20
    # A pad byte behind an odd number of 3 x 1 pixels.
    assert native_samples(3, 1, 3, "YBR_FULL_422", cell_bits=8, held_bytes=10) == 9


# --- High Bit in color ------------------------------------------------------------------------


def _wrapped(cells: Array, form: str) -> tuple[Any, str]:
    if form == "rle":
        return encapsulate([rle(cells)]), RLE
    if form == "deflated":
        return encapsulate([_deflated(cells.astype("<u2").tobytes())]), DEFLATED_FRAME
    if form == "j2k":
        stream = imagecodecs.jpeg2k_encode(cells, codecformat="j2k", reversible=True, mct=False)
        return encapsulate([bytes(stream)]), J2K
    syntax = BIG_ENDIAN if form == "big endian" else EXPLICIT
    return cells.astype("<u2").tobytes(), syntax


@pytest.mark.parametrize("form", ["native", "big endian", "rle", "deflated", "j2k"])
@pytest.mark.parametrize(("stored", "high"), [(12, 15), (12, 13), (10, 15), (8, 15), (8, 9)])
def test_high_bit_of_rgb(form: str, stored: int, high: int) -> None:
    random = np.random.default_rng(stored * high)
    values = random.integers(0, 1 << stored, (16, 16, 3))
    shift = high + 1 - stored
    unused = random.integers(0, 1 << 16, values.shape) & ~(((1 << stored) - 1) << shift)
    cells = (values << shift | unused).astype(np.uint16)
    pixels, syntax = _wrapped(cells, form)
    data = image(
        pixels, rows=16, columns=16, photometric="RGB", bits_allocated=16, bits_stored=stored,
        high_bit=high, transfer_syntax=syntax,
    )  # fmt: skip
    with open_instance(data) as instance:
        frame = instance.frame(1)
    assert (frame.samples == values).all()
    assert frame.bits_stored == stored
    # Retrieved cells lie where the metadata say.
    (part,) = frame_bytes(data, [1])
    got = np.frombuffer(part.data, "<u2").reshape(values.shape)
    assert (got >> shift & (1 << stored) - 1 == values).all()


@pytest.mark.parametrize("form", ["native", "rle"])
@pytest.mark.parametrize("high", [11, 15])
def test_high_bit_of_ybr(form: str, high: int) -> None:
    values = np.random.default_rng(5).integers(0, 4096, (4, 6, 3))
    cells = (values << high - 11).astype(np.uint16)
    pixels, syntax = _wrapped(cells, form)
    data = image(
        pixels, rows=4, columns=6, photometric="YBR_FULL", bits_allocated=16, bits_stored=12,
        high_bit=high, transfer_syntax=syntax,
    )  # fmt: skip
    with open_instance(data) as instance:
        assert (instance.frame(1).samples == to_rgb(values, "YBR_FULL", 12)).all()


@pytest.mark.parametrize("high", [11, 15])
def test_missing_chroma_lies_at_the_high_bit_too(high: int) -> None:
    shift = high - 11
    cells = np.array([[1000, 2048, 2048]], np.uint16) << shift
    data = image(
        cells.tobytes(), rows=1, columns=2, photometric="YBR_FULL", bits_allocated=16,
        bits_stored=12, high_bit=high,
    )  # fmt: skip
    with open_instance(data) as instance:
        assert instance.frame(1).samples.tolist() == [[[1000] * 3, [0] * 3]]


@pytest.mark.parametrize("form", ["native", "rle"])
def test_high_bit_of_a_palette(form: str) -> None:
    index = np.arange(16).reshape(4, 4)
    pixels, syntax = _wrapped((index << 12).astype(np.uint16), form)
    ramp = [entry << 8 for entry in range(16)]
    data = image(
        pixels, rows=4, columns=4, photometric="PALETTE COLOR", bits_allocated=16, bits_stored=4,
        high_bit=15, transfer_syntax=syntax, extra=palette(ramp, ramp[::-1], ramp),
    )  # fmt: skip
    with open_instance(data) as instance:
        assert (instance.frame(1).samples == index).all()
        assert instance.display(1)[..., 1].tolist() == (15 - index).tolist()


def test_deep_lossless_color_is_as_bright_as_bits_stored_say() -> None:
    """A coder told of 16 bits, values of 12: white is 4095."""
    values = np.full((16, 16, 3), 4095, np.uint16)
    pixels, syntax = _wrapped(values, "j2k")
    data = image(
        pixels, rows=16, columns=16, photometric="RGB", bits_allocated=16, bits_stored=12,
        transfer_syntax=syntax,
    )  # fmt: skip
    with open_instance(data) as instance:
        assert (instance.display(1) == 255).all()


# --- padding ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allocated", "stored", "signed", "vr", "value", "expected"),
    [
        (16, 12, False, "US", 63536, None),
        (16, 12, False, "SS", -2000, None),
        (16, 12, False, "US", 4096, None),
        (16, 12, False, "US", 4095, 4095),
        (16, 16, False, "SS", -2000, 63536),
        (16, 12, True, "US", 63536, -2000),
        (16, 12, True, "SS", -2000, -2000),
        (16, 12, True, "SS", -2049, None),
        (16, 12, True, "US", 2048, None),
        (16, 16, True, "US", 63536, -2000),
        (8, 8, False, "US", 65408, None),
        (8, 8, False, "SS", -128, None),  # the bytes of 65408, whatever the VR
        (8, 8, False, "US", 255, 255),
        (8, 8, True, "US", 128, -128),
        (8, 8, True, "US", 0xFF80, -128),
        (32, 32, True, "SS", -2000, -2000),
    ],
)
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
def test_padding_is_a_value_that_bits_stored_can_hold(
    allocated: int, stored: int, signed: bool, vr: str, value: int, expected: int | None,
    syntax: str,
) -> None:  # fmt: skip
    pixels = np.zeros((1, 4), f"{'i' if signed else 'u'}{allocated // 8}")
    data = image(
        pixels, bits_stored=stored, transfer_syntax=syntax, extra=[element(0x00280120, vr, value)]
    )
    with open_instance(data) as instance:
        display = instance.display_attributes(1)
    assert display.padding == (None if expected is None else (expected, expected))
    assert bool(display.warnings) is (expected is None)


@pytest.mark.parametrize(
    ("value", "limit", "expected"),
    [(63536, 65535, None), (5, 63536, (5, 5)), (4000, 4095, (4000, 4095)), (9, 2, (2, 9))],
)
def test_padding_range(value: int, limit: int, expected: tuple[int, int] | None) -> None:
    extra = [element(0x00280120, "US", value), element(0x00280121, "US", limit)]
    data = image(np.zeros((1, 4), np.uint16), bits_stored=12, extra=extra)
    with open_instance(data) as instance:
        assert instance.display_attributes(1).padding == expected


def test_tissue_is_not_painted_black() -> None:
    """63536 modulo 4096 is 2096, a value of this image."""
    extra = [
        element(0x00280120, "US", 63536),
        element(0x00281050, "DS", "2048"),
        element(0x00281051, "DS", "4096"),
    ]
    data = image(np.array([[2095, 2096, 2097]], np.uint16), bits_stored=12, extra=extra)
    with open_instance(data) as instance:
        # ((x - 2047.5) / 4095 + 0.5) * 255
        assert instance.display(1).tolist() == [[130, 131, 131]]
        assert "Pixel Padding Value" in " ".join(instance.render(1).warnings)


# --- limits -----------------------------------------------------------------------------------


@contextmanager
def little_memory(megabytes: int = 160) -> Iterator[None]:
    """Fail where more is allocated at a time, NumPy's arrays included."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < megabytes << 20


def _bombs() -> dict[str, bytes]:
    """Return small files whose attributes multiply to gigabytes."""
    sides = [element(0x00280010, "US", 20_000), element(0x00280011, "US", 12_000)]
    deflated = _deflated(bytes(1 << 20))
    more: dict[str, Any] = {"rows": 100, "columns": 100, "samples": 65534, "bits_allocated": 32}
    gray: dict[str, Any] = {"photometric": "MONOCHROME2"}
    big: dict[str, Any] = {"rows": 1, "columns": 1, "bits_allocated": 16, "extra": sides}
    return {
        "samples, native": image(bytes(64), **more, **gray),
        "samples, big endian": image(bytes(64), **more, **gray, transfer_syntax=BIG_ENDIAN),
        "samples, deflated": image(
            encapsulate([deflated]), **more, **gray, transfer_syntax=DEFLATED_FRAME
        ),
        "samples, rle": image(encapsulate([bytes(64)]), **more, **gray, transfer_syntax=RLE),
        "samples, of 1 bit": image(bytes(64), **{**more, "bits_allocated": 1}, **gray),
        "short, native": image(bytes(64), **big),
        "short, RGB": image(bytes(64), photometric="RGB", **big),
        "short, 4:2:2": image(bytes(64), photometric="YBR_FULL_422", **big),
        "short, 64 bits": image(bytes(64), **{**big, "bits_allocated": 64}),
        "short, rle": image(
            encapsulate([rle(np.zeros((2, 2), np.uint16))]), **big, transfer_syntax=RLE
        ),
        "short, deflated": image(
            encapsulate([_deflated(bytes(64))]), **big, transfer_syntax=DEFLATED_FRAME
        ),
        "short, many frames": image(bytes(64), frames=2**31 - 1, **big),
    }


BOMBS = _bombs()


@pytest.mark.parametrize("name", BOMBS)
def test_products_of_the_header_are_checked_before_anything_is_allocated(name: str) -> None:
    data = BOMBS[name]
    with little_memory():
        with open_instance(data) as instance, pytest.raises(RendicomError) as refused:
            instance.render(1)
        assert refused.value.code in ("limit-exceeded", "unsupported-image", "corrupt-data")
        for retrieve in (
            lambda: frame_bytes(data, [1]),
            lambda: list(read_pieces(bulk_data(data, "7FE00010"), data)),
            lambda: list(read_pieces(instance_bytes(data), data)),
        ):
            with suppress(RendicomError):
                retrieve()


def test_filling_has_a_plausible_end() -> None:
    check_filling(64 << 20, 0)
    check_filling(640 << 20, 10 << 20)
    with pytest.raises(LimitExceededError, match="671088641 bytes, and only 10485760"):
        check_filling((640 << 20) + 1, 10 << 20)


def test_frames_no_image_can_have() -> None:
    check_frame(100, 100, 4, cell_bits=16, max_pixels=10_000)
    check_frame(50, 50, 3, cell_bits=64, max_pixels=10_000)
    with pytest.raises(LimitExceededError):
        check_frame(100, 101, 1, cell_bits=8, max_pixels=10_000)
    with pytest.raises(LimitExceededError, match="64 bits"):
        check_frame(100, 100, 4, cell_bits=64, max_pixels=10_000)
    with pytest.raises(UnsupportedImageError, match="5 samples"):
        check_frame(1, 1, 5, cell_bits=8, max_pixels=10_000)


@pytest.mark.parametrize(
    ("without", "extra", "text"),
    [
        ([0x00280010], [], "Rows is missing"),
        ([0x00280011], [], "Columns is missing"),
        ([], [element(0x00280010, "US", 0)], "Rows is 0"),
        ([], [element(0x00280011, "US", 0)], "Columns is 0"),
    ],
)
def test_what_is_wrong_with_the_size_is_said(without: Any, extra: Any, text: str) -> None:
    data = image(np.zeros((2, 2), np.uint8), without=without, extra=extra)
    with open_instance(data) as instance, pytest.raises(CorruptDataError, match=text):
        _ = instance.description
