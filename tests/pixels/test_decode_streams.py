"""Compressed frames: which bytes are believed, whose sign and size count, what is refused."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from rendicom.errors import (
    CorruptDataError,
    LimitExceededError,
    UnsupportedImageError,
    UnsupportedTransferSyntaxError,
)
from rendicom.pixels.decode import decode_frame
from rendicom.pixels.stored_frames import FrameBytes
from rendicom.values import Frame, PixelDescription

ROOT = "1.2.840.10008.1.2"
GRAY = np.arange(24 * 40, dtype=np.uint8).reshape(24, 40)
COLOUR = np.stack([GRAY, GRAY[::-1], GRAY[:, ::-1]], axis=-1)

DESCRIPTION = PixelDescription(
    sop_class="",
    transfer_syntax=f"{ROOT}.4.50",
    modality="OT",
    rows=24,
    columns=40,
    samples_per_pixel=1,
    photometric_interpretation="MONOCHROME2",
    planar_configuration=0,
    bits_allocated=8,
    bits_stored=8,
    high_bit=7,
    signed=False,
    number_of_frames=1,
    pixel_keyword="PixelData",
)


def decoded(stream: bytes, *, strict: bool = False, keep_cells: bool = False, **said: Any) -> Frame:
    """Decode ``stream`` under a header that differs from `DESCRIPTION` by ``said``."""
    if "bits_stored" in said:
        said.setdefault("high_bit", said["bits_stored"] - 1)
    stored = FrameBytes(bytes(stream), encapsulated=True)
    return decode_frame(
        stored,
        DESCRIPTION._replace(**said),
        max_pixels=10_000,
        strict=strict,
        keep_cells=keep_cells,
    )


def in_colour(stream: bytes, model: str = "RGB", **said: Any) -> Frame:
    return decoded(stream, samples_per_pixel=3, photometric_interpretation=model, **said)


def words(values: Any, bits: int) -> dict[str, Any]:
    return {"bits_allocated": 16, "bits_stored": bits, "signed": values.dtype.kind == "i"}


BASELINE = bytes(imagecodecs.jpeg8_encode(GRAY, level=100))
LOSSLESS = bytes(imagecodecs.jpegls_encode(GRAY))


# --- what kind of stream it is ----------------------------------------------------------------

STREAMS = {
    "jpeg-ls": LOSSLESS,
    "jpeg-lossless": bytes(imagecodecs.jpeg8_encode(GRAY, lossless=True, predictor=1)),
    "jpeg2000": bytes(imagecodecs.jpeg2k_encode(GRAY, codecformat="j2k", reversible=True)),
    "htj2k": bytes(imagecodecs.htj2k_encode(GRAY, reversible=True)),
    "jpeg-xl": bytes(imagecodecs.jpegxl_encode(GRAY, lossless=True)),
}


@pytest.mark.parametrize("suffix", ["4.50", "4.70", "4.80", "4.90", "4.110", "4.201", "5"])
@pytest.mark.parametrize("kind", STREAMS)
def test_stream_is_told_by_its_bytes(kind: str, suffix: str) -> None:
    frame = decoded(STREAMS[kind], transfer_syntax=f"{ROOT}.{suffix}")
    assert np.array_equal(frame.samples, GRAY)


@pytest.mark.parametrize("uid", ["1.3.46.670589.33.1.4.1", f"{ROOT}.1"])
def test_stream_under_a_syntax_that_says_nothing_of_it(uid: str) -> None:
    frame = decoded(LOSSLESS, transfer_syntax=uid)
    assert np.array_equal(frame.samples, GRAY)
    assert "jpeg-ls" in frame.warnings[0]
    with pytest.raises(CorruptDataError, match="jpeg-ls"):
        decoded(LOSSLESS, transfer_syntax=uid, strict=True)


def test_private_syntax_that_nobody_knows() -> None:
    with pytest.raises(UnsupportedTransferSyntaxError, match="670589"):
        decoded(GRAY.tobytes(), transfer_syntax="1.3.46.670589.33.1.4.1")


@pytest.mark.parametrize("padding", [b"", b"\0"])
def test_native_bytes_in_a_fragment(padding: bytes) -> None:
    frame = decoded(GRAY.tobytes() + padding)
    assert np.array_equal(frame.samples, GRAY)
    assert frame.warnings == ("the frame is not compressed",)


@pytest.mark.parametrize("stream", [b"", b"\0\0", GRAY.tobytes()[:-2], b"\xff\xd8\xff"])
@pytest.mark.parametrize("suffix", ["4.50", "4.80", "4.90", "4.110", "5"])
def test_bytes_of_no_stream(stream: bytes, suffix: str) -> None:
    with pytest.raises(CorruptDataError):
        decoded(stream, transfer_syntax=f"{ROOT}.{suffix}")


def test_encapsulated_uncompressed_is_native_whatever_it_starts_with() -> None:
    data = b"\xff\xd8\xff\xe0" + bytes(956)
    frame = decoded(data, transfer_syntax=f"{ROOT}.1.98")
    assert frame.samples.ravel()[:5].tolist() == [255, 216, 255, 224, 0]


def test_view_of_a_larger_buffer() -> None:
    stored = FrameBytes(memoryview(b"xx" + LOSSLESS + b"\0")[2:], encapsulated=True)
    assert np.array_equal(decode_frame(stored, DESCRIPTION, max_pixels=960).samples, GRAY)


# --- size and samples -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", STREAMS)
def test_size_of_the_stream_counts(kind: str) -> None:
    frame = decoded(STREAMS[kind], rows=10, columns=11)
    assert np.array_equal(frame.samples, GRAY)
    assert frame.warnings == ("the stream is 40 x 24 pixels, the header says 11 x 10",)


@pytest.mark.parametrize("kind", STREAMS)
def test_size_of_the_stream_is_limited(kind: str) -> None:
    stored = FrameBytes(STREAMS[kind], encapsulated=True)
    small = DESCRIPTION._replace(rows=10, columns=11)
    with pytest.raises(LimitExceededError, match="40 x 24"):
        decode_frame(stored, small, max_pixels=959)


def test_samples_of_the_stream_count() -> None:
    stream = bytes(imagecodecs.jpegls_encode(COLOUR))
    frame = decoded(stream)
    assert np.array_equal(frame.samples, COLOUR)
    assert frame.photometric_interpretation == "RGB"
    assert "3 samples a pixel" in frame.warnings[0]
    frame = in_colour(LOSSLESS)
    assert np.array_equal(frame.samples, GRAY)
    assert frame.photometric_interpretation == "MONOCHROME2"
    assert "1 samples a pixel" in frame.warnings[0]


def test_four_components() -> None:
    stream = imagecodecs.jpeg8_encode(
        np.zeros((24, 40, 4), np.uint8), colorspace="CMYK", outcolorspace="CMYK"
    )
    with pytest.raises(UnsupportedImageError, match="4 samples"):
        in_colour(bytes(stream))


# --- sign and bits ----------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [10, 12, 15, 16])
@pytest.mark.parametrize("coder", ["jpeg-ls", "jpeg-lossless", "rle"])
def test_sign_comes_from_the_header(coder: str, bits: int) -> None:
    """Coded as cells, in the precision of Bits Stored or of the whole cell."""
    top = 1 << (bits - 1)
    values = np.array([[-top, -1, 0], [1, top - 2, top - 1]], np.int16)
    cells = (values.astype(np.int64) & ((1 << bits) - 1)).astype(np.uint16)
    for stream in _coded(cells, coder, bits):
        frame = decoded(
            stream, rows=2, columns=3, transfer_syntax=_syntax(coder), **words(values, bits)
        )
        assert frame.samples.tolist() == values.tolist()
        assert (frame.bits_stored, frame.signed) == (bits, True)
        assert frame.samples.dtype == np.int16


def _syntax(coder: str) -> str:
    return f"{ROOT}.{ {'jpeg-ls': '4.80', 'jpeg-lossless': '4.70', 'rle': '5'}[coder] }"


def _coded(cells: Any, coder: str, bits: int) -> list[bytes]:
    if coder == "rle":
        planes = [(cells >> shift & 255).astype(np.uint8).tobytes() for shift in (8, 0)]
        header = struct.pack("<16I", 2, 64, 64 + 8, *[0] * 13)
        return [header + b"".join(b"\x05" + plane + b"\x80" for plane in planes)]
    if coder == "jpeg-ls":
        return [bytes(imagecodecs.jpegls_encode(cells))]
    return [
        bytes(imagecodecs.jpeg8_encode(cells, lossless=True, predictor=1, bitspersample=each))
        for each in (bits, 16)
    ]


def test_sign_of_whole_cells_that_hold_fewer_bits() -> None:
    """A stream of 16 bits with sign extension: the unused bits are the sign again."""
    values = np.array([[-2048, -1], [0, 2047]], np.int16)
    stream = bytes(imagecodecs.jpegls_encode(values.view(np.uint16)))
    frame = decoded(stream, rows=2, columns=2, **words(values, 12))
    assert frame.samples.tolist() == values.tolist()


@pytest.mark.parametrize("says_signed", [False, True])
def test_signed_jpeg_2000_stream_wins(says_signed: bool) -> None:
    values = np.array([[-1000, -1] * 8, [0, 1000] * 8] * 8, np.int16)
    stream = bytes(imagecodecs.jpeg2k_encode(values, codecformat="j2k", reversible=True))
    said = words(values, 16) | {"signed": says_signed}
    frame = decoded(stream, rows=16, columns=16, transfer_syntax=f"{ROOT}.4.90", **said)
    assert frame.samples.tolist() == values.tolist()
    assert frame.signed


def test_unsigned_jpeg_2000_stream_under_a_signed_header() -> None:
    values = np.array([[-1000, -1] * 8, [0, 1000] * 8] * 8, np.int16)
    cells = values.view(np.uint16)
    stream = bytes(imagecodecs.jpeg2k_encode(cells, codecformat="j2k", reversible=True))
    frame = decoded(
        stream, rows=16, columns=16, transfer_syntax=f"{ROOT}.4.90", **words(values, 16)
    )
    assert frame.samples.tolist() == values.tolist()


def test_cells_are_kept_for_embedded_overlays() -> None:
    cells = np.full((24, 40), 0x1005, np.uint16)
    stream = bytes(imagecodecs.jpegls_encode(cells))
    frame = decoded(stream, keep_cells=True, bits_allocated=16, bits_stored=12)
    assert (frame.samples == 5).all()
    assert frame.cells is not None
    assert (frame.cells == 0x1005).all()


def test_one_bit_frames_deflated() -> None:
    values = np.random.default_rng(4).integers(0, 2, (5, 7)).astype(np.uint8)
    packed = np.packbits(values.ravel(), bitorder="little").tobytes()
    packer = zlib.compressobj(wbits=-15)
    stream = packer.compress(packed) + packer.flush() + b"\0"
    said = {"rows": 5, "columns": 7, "bits_allocated": 1, "bits_stored": 1}
    frame = decoded(stream, transfer_syntax=f"{ROOT}.8.1", **said)
    assert np.array_equal(frame.samples, values)


# --- colour -----------------------------------------------------------------------------------


def test_jpeg_equals_pillow() -> None:
    """Smooth, so that two ways to interpolate chroma do not matter."""
    smooth = np.stack(np.broadcast_arrays(
        np.arange(40)[None] * 3, np.arange(24)[:, None] * 5, np.arange(40)[None] + 60
    ), axis=-1).astype(np.uint8)  # fmt: skip
    for subsampling in (0, 1, 2):
        file = io.BytesIO()
        Image.fromarray(smooth).save(file, "JPEG", quality=95, subsampling=subsampling)
        theirs = np.asarray(Image.open(file)).astype(int)
        for model in ("RGB", "YBR_FULL", "YBR_FULL_422"):
            ours = in_colour(file.getvalue(), model).samples
            assert np.abs(ours - theirs).max() <= 2


def test_ybr_that_was_coded_without_loss_is_turned_to_rgb() -> None:
    ybr = np.empty((24, 40, 3), np.uint8)
    ybr[:] = (76, 85, 255)
    lossless = bytes(imagecodecs.jpeg8_encode(ybr, lossless=True, predictor=1))
    wavelet = bytes(imagecodecs.jpeg2k_encode(ybr, codecformat="j2k", reversible=True, mct=False))
    for stream in (lossless, wavelet, bytes(imagecodecs.jpegls_encode(ybr))):
        assert in_colour(stream, "YBR_FULL").samples[3, 4].tolist() == [254, 0, 0]
        assert in_colour(stream, "RGB").samples[3, 4].tolist() == [76, 85, 255]


def test_profile_of_a_jpeg() -> None:
    profile = bytes(range(256)) * 300  # more than one segment
    file = io.BytesIO()
    Image.fromarray(COLOUR).save(file, "JPEG", icc_profile=profile)
    assert in_colour(file.getvalue()).icc_profile == profile


# --- damage -----------------------------------------------------------------------------------


def test_cut_jpeg_shows_what_is_there() -> None:
    cut = BASELINE[: len(BASELINE) * 2 // 3]
    frame = decoded(cut)
    assert np.abs(frame.samples[:8].astype(int) - GRAY[:8]).max() <= 2
    assert any("cut short" in warning for warning in frame.warnings)
    with pytest.raises(CorruptDataError, match="cut short"):
        decoded(cut, strict=True)


def test_zero_before_and_bytes_behind_a_jpeg() -> None:
    for stream in (b"\0" + BASELINE, BASELINE + b"\0", BASELINE + b"\0\0\xff\0"):
        frame = decoded(stream, strict=True)
        assert np.abs(frame.samples.astype(int) - GRAY).max() <= 2


def test_reason_names_the_library_s_words_only() -> None:
    damaged = STREAMS["jpeg2000"][:60]
    with pytest.raises(CorruptDataError) as caught:
        decoded(damaged, transfer_syntax=f"{ROOT}.4.90")
    assert "\n" not in caught.value.message
    assert "JPEG 2000" in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("suffix", "marker", "word"), [("4.52", 0xC9, "arithmetic"), ("4.59", 0xC5, "hierarchical")]
)
def test_retired_processes(suffix: str, marker: int, word: str) -> None:
    stream = BASELINE.replace(b"\xff\xc0", bytes((0xFF, marker)))
    with pytest.raises(UnsupportedTransferSyntaxError, match=word):
        decoded(stream, transfer_syntax=f"{ROOT}.{suffix}")


@pytest.mark.parametrize("is_lossless", [True, False])
def test_values_above_bits_stored_are_kept_with_a_warning(is_lossless: bool) -> None:
    """A header that says 6 bits over a stream of 8 bits whose values need them all."""
    stream = imagecodecs.jpegls_encode(COLOUR) if is_lossless else BASELINE
    syntax = f"{ROOT}.4.{80 if is_lossless else 50}"
    samples, model = (3, "RGB") if is_lossless else (1, "MONOCHROME2")
    said = {"transfer_syntax": syntax, "samples_per_pixel": samples, "bits_stored": 6}
    frame = decoded(stream, photometric_interpretation=model, **said)
    assert np.abs(frame.samples.astype(int) - (COLOUR if is_lossless else GRAY)).max() <= 2
    assert (frame.bits_stored, len(frame.warnings)) == (8, 1)
    assert "exceed Bits Stored" in frame.warnings[0]
    dark = np.asarray(COLOUR if is_lossless else GRAY) // 8
    stream = (imagecodecs.jpegls_encode if is_lossless else imagecodecs.jpeg8_encode)(dark)
    frame = decoded(stream, photometric_interpretation=model, **said)
    assert (frame.bits_stored, frame.warnings) == (6, ())
