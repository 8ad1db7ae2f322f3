"""JPEG 2000 streams that libraries refuse or misread, though what they mean is certain."""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import numpy as np
import pytest

from jpeg2000parts import coded, merged, with_depth, with_open_length, with_steps
from rendicom.engine import open_instance
from rendicom.errors import CorruptDataError, RendicomError, UnsupportedImageError
from rendicom.options import RenderOptions
from rendicom.testing import encapsulate, image

ROOT = "1.2.840.10008.1.2.4."
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
ROWS, COLUMNS = 96, 128
STRICT = RenderOptions(strict=True)


def waves(rows: int, columns: int, phase: int = 0, dtype: str = "u1") -> Any:
    y, x = np.mgrid[0:rows, 0:columns]
    size = 100 if dtype == "u1" else 1500
    return (1.28 * size + size * np.sin(x / 19 + phase) * np.cos(y / 17 + phase)).astype(dtype)


def decoded(stream: bytes, options: RenderOptions | None = None, **said: Any) -> Any:
    said.setdefault("rows", ROWS)
    said.setdefault("columns", COLUMNS)
    data = image(encapsulate([stream]), transfer_syntax=f"{ROOT}90", **said)
    with open_instance(data) as opened:
        return opened.frame(1, options or RenderOptions())


def rgb_of(planes: Any) -> Any:
    """Return RGB by the formula of PS3.3 C.7.6.3.1.2, chroma repeated."""
    y, cb, cr = (
        plane.repeat(ROWS // plane.shape[0], 0).repeat(COLUMNS // plane.shape[1], 1).astype(float)
        for plane in planes
    )
    cb, cr = cb - 128, cr - 128
    rgb = (y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb)
    return np.stack(rgb, axis=-1).clip(0, 255)


def ycbcr(step: tuple[int, int], **how: Any) -> tuple[bytes, Any]:
    steps = [(1, 1), step, step]
    planes = [waves(ROWS // dy, COLUMNS // dx, phase) for phase, (dx, dy) in enumerate(steps)]
    return merged([coded(plane, **how) for plane in planes], steps, ROWS, COLUMNS), planes


# --- colour model -----------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "RGB"])
@pytest.mark.parametrize("reversible", [True, False])
@pytest.mark.parametrize("high_throughput", [False, True])
@pytest.mark.parametrize("step", [(2, 1), (2, 2), (1, 2), (4, 1)])
def test_subsampled_components_are_turned_into_rgb_once(
    step: tuple[int, int], high_throughput: bool, reversible: bool, label: str
) -> None:
    stream, planes = ycbcr(step, high_throughput=high_throughput, reversible=reversible)
    frame = decoded(stream, photometric=label)
    assert np.abs(frame.samples - rgb_of(planes)).max() <= (1.5 if reversible else 12)
    assert any("subsampled" in note for note in frame.warnings) == (
        not label.startswith("YBR_FULL")
    )


@pytest.mark.parametrize("high_throughput", [False, True])
def test_components_of_one_size_are_what_the_header_says(high_throughput: bool) -> None:
    stream, planes = ycbcr((1, 1), high_throughput=high_throughput)
    frame = decoded(stream, photometric="YBR_FULL")
    assert np.abs(frame.samples - rgb_of(planes)).max() <= 1.5
    assert not frame.warnings
    assert (decoded(stream, photometric="RGB").samples == np.stack(planes, axis=-1)).all()


def test_subsampling_that_no_library_decodes_is_named() -> None:
    planes = [np.full((ROWS // step, COLUMNS), 2000, np.uint16) for step in (1, 2, 2)]
    steps = [(1, 1), (1, 2), (1, 2)]
    stream = merged([coded(plane) for plane in planes], steps, ROWS, COLUMNS)
    with pytest.raises(UnsupportedImageError, match="subsampling"):
        decoded(stream, photometric="YBR_FULL", bits_allocated=16, bits_stored=12)


@pytest.mark.parametrize("high_throughput", [False, True])
@pytest.mark.parametrize(
    ("label", "sop_class", "is_ycbcr"),
    [
        ("YBR_ICT", None, False),
        ("YBR_RCT", None, False),
        ("YBR_ICT", WHOLE_SLIDE, True),
        ("YBR_RCT", WHOLE_SLIDE, False),
    ],
)
def test_label_of_a_transform_that_is_not_there(
    label: str, sop_class: str | None, is_ycbcr: bool, high_throughput: bool
) -> None:
    stream, planes = ycbcr((1, 1), high_throughput=high_throughput)
    said = {"sop_class": sop_class} if sop_class else {}
    frame = decoded(stream, photometric=label, **said)
    expected = rgb_of(planes) if is_ycbcr else np.stack(planes, axis=-1)
    assert np.abs(frame.samples - expected).max() <= (1.5 if is_ycbcr else 0)
    assert "no color transform" in frame.warnings[0]
    with pytest.raises(CorruptDataError, match="no color transform"):
        decoded(stream, STRICT, photometric=label, **said)


# --- one step for all components --------------------------------------------------------------


@pytest.mark.parametrize("step", [(2, 2), (2, 1), (1, 3), (4, 2)])
@pytest.mark.parametrize("high_throughput", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
def test_step_of_one_component(dtype: str, high_throughput: bool, step: tuple[int, int]) -> None:
    values = waves(ROWS, COLUMNS, dtype=dtype)
    stream = with_steps(coded(values, high_throughput=high_throughput), *step, ROWS, COLUMNS)
    said = {"bits_allocated": values.dtype.itemsize * 8, "signed": dtype == "i2"}
    frame = decoded(stream, **said)
    assert (frame.samples == values).all()
    assert "subsampled" in frame.warnings[0]
    with pytest.raises(CorruptDataError, match="subsampled"):
        decoded(stream, STRICT, **said)


def test_grid_that_is_no_multiple_of_the_step() -> None:
    """The component has half the columns of the grid, rounded up (T.800 B.2)."""
    values = waves(ROWS, COLUMNS)
    stream = bytearray(with_steps(coded(values), 2, 2, ROWS, COLUMNS))
    struct.pack_into(">II", stream, 8, 2 * COLUMNS - 1, 2 * ROWS - 1)
    assert (decoded(bytes(stream)).samples == values).all()


def test_step_of_three_components() -> None:
    stream, planes = ycbcr((1, 1))
    frame = decoded(with_steps(stream, 2, 2, ROWS, COLUMNS), photometric="YBR_FULL")
    assert np.abs(frame.samples - rgb_of(planes)).max() <= 1.5


def test_step_that_divides_the_tiles() -> None:
    values = waves(ROWS, COLUMNS, dtype="u2")
    tiled = imagecodecs.htj2k_encode(values, reversible=True, tile=(32, 64), resolutions=3)
    stream = bytearray(with_steps(bytes(tiled), 2, 2, ROWS, COLUMNS))
    struct.pack_into(">II", stream, 24, 64, 128)
    assert (decoded(bytes(stream), bits_allocated=16).samples == values).all()
    struct.pack_into(">II", stream, 24, 63, 127)
    with pytest.raises(RendicomError):
        decoded(bytes(stream), bits_allocated=16)


# --- the end ----------------------------------------------------------------------------------

VALUES = waves(ROWS, COLUMNS, dtype="u2")
WHOLE = {
    "J2K": coded(VALUES),
    "HTJ2K": coded(VALUES, high_throughput=True),
    "HTJ2K in tiles": bytes(imagecodecs.htj2k_encode(VALUES, reversible=True, tile=(32, 64))),
}


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("padding", [b"", b"\0", b"\0\0\xff\xd9"])
@pytest.mark.parametrize("is_open", [False, True])
def test_stream_without_an_end_marker(kind: str, padding: bytes, is_open: bool) -> None:
    stream = WHOLE[kind][:-2] + (b"" if is_open else padding)
    if is_open:
        stream = with_open_length(stream)
    frame = decoded(stream, bits_allocated=16)
    assert (frame.samples == VALUES).all()
    assert frame.warnings == ("the JPEG 2000 stream has no end marker: added",)
    with pytest.raises(CorruptDataError, match="no end marker"):
        decoded(stream, STRICT, bits_allocated=16)


@pytest.mark.parametrize("kind", WHOLE)
def test_open_length_and_an_end_marker(kind: str) -> None:
    frame = decoded(with_open_length(WHOLE[kind]), bits_allocated=16)
    assert (frame.samples == VALUES).all()
    assert not frame.warnings


@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
@pytest.mark.parametrize("kind", WHOLE)
def test_tile_part_that_is_cut_short_is_said(kind: str, end: bytes) -> None:
    stream = WHOLE[kind][:-40] + end
    with pytest.raises(CorruptDataError, match="cut short"):
        decoded(stream, STRICT, bits_allocated=16)
    try:
        frame = decoded(stream, bits_allocated=16)
    except CorruptDataError:
        return
    assert "cut short" in frame.warnings[0]


# --- values that exceed Bits Stored -----------------------------------------------------------


@pytest.mark.parametrize("high_throughput", [False, True])
@pytest.mark.parametrize("bits", [10, 12])
def test_overshoot_of_white_is_clamped(bits: int, high_throughput: bool) -> None:
    """As a truncated stream of 16 bits gives it; the numbers were chosen, not coded with loss."""
    top = (1 << bits) - 1
    values = waves(ROWS, COLUMNS, dtype="u2") >> 12 - bits
    values[20:40, 30:60] = top
    values[22:38:3, 31:59:2] += 29
    frame = decoded(
        coded(values, high_throughput=high_throughput), bits_allocated=16, bits_stored=bits
    )
    assert (frame.samples == np.minimum(values, top)).all()
    assert frame.bits_stored == bits
    assert "clamped" in frame.warnings[0]


@pytest.mark.parametrize(("bits", "level"), [(10, 54), (12, 42), (14, 30)])
def test_hard_overshoot_of_a_truncated_checkerboard_is_clamped(bits: int, level: int) -> None:
    """Really coded with loss: beside the edges values exceed white by a third of the range."""
    rows, columns = np.indices((96, 96)) // 12
    values = ((rows + columns) % 2 * ((1 << bits) - 1)).astype(np.uint16)
    stream = bytes(
        imagecodecs.jpeg2k_encode(
            values, level=level, reversible=True, codecformat="j2k", mct=False
        )
    )
    by_library = imagecodecs.jpeg2k_decode(stream)
    assert by_library.max() > (1 << bits) * 1.1
    frame = decoded(stream, bits_allocated=16, bits_stored=bits)
    assert (frame.samples == np.minimum(by_library, (1 << bits) - 1)).all()


@pytest.mark.parametrize("high_throughput", [False, True])
@pytest.mark.parametrize("stream_is_signed", [True, False])
def test_overshoot_of_both_ends_of_signed_values(
    stream_is_signed: bool, high_throughput: bool
) -> None:
    values = waves(ROWS, COLUMNS, dtype="i2") - 1900
    values[20:40, 30:60] = 2047
    values[22:38:3, 31:59:2] = 2060
    values[60:80, 30:60] = -2048
    values[62:78:3, 31:59:2] = -2100
    cells = values if stream_is_signed else values.view(np.uint16)
    frame = decoded(
        coded(cells, high_throughput=high_throughput),
        bits_allocated=16, bits_stored=12, signed=True,
    )  # fmt: skip
    assert (frame.samples == values.clip(-2048, 2047)).all()
    assert (frame.bits_stored, frame.signed) == (12, True)
    with pytest.raises(CorruptDataError, match="clamped"):
        decoded(coded(cells), STRICT, bits_allocated=16, bits_stored=12, signed=True)


def test_overshoot_below_zero_of_a_signed_stream() -> None:
    values = waves(ROWS, COLUMNS, dtype="i2")
    values[:10] = 4095
    values[50:60, 3::4] = -12
    frame = decoded(coded(values), bits_allocated=16, bits_stored=12)
    assert (frame.samples == values.clip(0, 4095)).all()
    assert not frame.signed


@pytest.mark.parametrize("high_throughput", [False, True])
def test_overshoot_of_colour(high_throughput: bool) -> None:
    values = np.stack([waves(ROWS, COLUMNS, phase, "u2") for phase in range(3)], axis=-1)
    values[20:40, 30:60] = 4095
    values[22:38:3, 31:59:2] += 15
    encode = imagecodecs.htj2k_encode if high_throughput else imagecodecs.jpeg2k_encode
    named: dict[str, Any] = {} if high_throughput else {"codecformat": "j2k", "mct": False}
    stream = bytes(encode(values, reversible=True, **named))
    frame = decoded(stream, photometric="RGB", bits_allocated=16, bits_stored=12)
    assert (frame.samples == np.minimum(values, 4095)).all()
    assert frame.bits_stored == 12


@pytest.mark.parametrize("bit", [12, 13, 15])
@pytest.mark.parametrize("brightness", [1, 8])
def test_overlay_in_unused_bits_is_cut_off(bit: int, brightness: int) -> None:
    values = waves(ROWS, COLUMNS, dtype="u2") // brightness
    cells = values.copy()
    cells[20:40, 30:60] |= 1 << bit
    frame = decoded(coded(cells), bits_allocated=16, bits_stored=12)
    assert (frame.samples == values).all()
    assert not frame.warnings


@pytest.mark.parametrize("bits", [1, 7, 8, 9, 12, 15])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3)])
def test_high_throughput_samples_beyond_the_precision(
    shape: tuple[int, ...], signed: bool, bits: int
) -> None:
    """Black does not turn white; the values were chosen, not coded with loss."""
    half = 1 << bits - 1
    low, high = (-half, half - 1) if signed else (0, 2 * half - 1)
    values = np.random.default_rng(1).integers(low - half // 8 - 1, high + half // 8 + 2, shape)
    words = values.astype(np.int16) if signed else (values + 32768 - half).astype(np.uint16)
    stream = with_depth(bytes(imagecodecs.htj2k_encode(words, reversible=True)), bits)
    frame = decoded(
        stream, rows=40, columns=50, photometric="RGB" if len(shape) == 3 else "MONOCHROME2",
        bits_allocated=8 if bits <= 8 else 16, bits_stored=bits, signed=signed,
    )  # fmt: skip
    shift = half if signed and len(shape) == 3 else 0  # colour starts at black
    assert (frame.samples.astype(int) - shift == values.clip(low, high)).all()


def test_high_throughput_colour_without_a_transform() -> None:
    values = np.random.default_rng(1).integers(0, 256, (ROWS, COLUMNS, 3)).astype(np.uint8)
    stream = bytes(imagecodecs.htj2k_encode(values, rgb=False, reversible=True))
    assert (decoded(stream, photometric="RGB").samples == values).all()
