"""JPEG streams that libraries refuse or misread, though what they mean is certain."""

from __future__ import annotations

import io
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from losslessjpeg import SYMBOLS, huffman, lossless_jpeg, segment
from rendicom.engine import open_instance
from rendicom.errors import CorruptDataError
from rendicom.options import RenderOptions
from rendicom.pixels.codecs import DecodeRequest, jpegsof3, libjpeg_turbo
from rendicom.testing import encapsulate, image

ROOT = "1.2.840.10008.1.2.4."
STRICT = RenderOptions(strict=True)
CODECS = [libjpeg_turbo.CODEC, jpegsof3.CODEC]
NOISE = np.random.default_rng(4)


def decoded(
    stream: bytes, options: RenderOptions | None = None, *, syntax: str = "57", **said: Any
) -> Any:
    said.setdefault("rows", 18)
    said.setdefault("columns", 23)
    data = image(encapsulate([stream]), transfer_syntax=ROOT + syntax, **said)
    with open_instance(data) as opened:
        return opened.frame(1, options or RenderOptions())


def request(samples: int = 1, bits: int = 16) -> DecodeRequest:
    model = "RGB" if samples == 3 else "MONOCHROME2"
    return DecodeRequest(f"{ROOT}57", 18, 23, samples, 16, bits, False, model, 0, 10_000)


# --- differences that wrap --------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("shape", [(18, 23), (18, 23, 3), (1, 9), (9, 1)], ids=str)
@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("precision", [2, 5, 8, 9, 12, 15, 16])
def test_differences_modulo_the_precision(
    precision: int, predictor: int, shape: tuple[int, ...], codec: Any
) -> None:
    """Both kinds of encoder: T.81 takes differences modulo 2**16 (H.1.2.1)."""
    values = NOISE.integers(0, 1 << precision, shape)
    values.flat[:2] = 0, (1 << precision) - 1
    for modulus in (16, precision):
        stream = lossless_jpeg(values, precision, predictor=predictor, modulus=modulus)
        found = codec.decode(stream, request(3 if len(shape) == 3 else 1))
        assert (found.samples == values).all()
        assert found.samples.dtype == (np.uint8 if precision <= 8 else np.uint16)
    assert not found.warnings or "wrap" in found.warnings[0]


@pytest.mark.parametrize("predictor", [1, 4, 6, 7])
@pytest.mark.parametrize(("shift", "restart_rows"), [(2, 0), (0, 5), (1, 3)])
def test_wrapping_with_point_transform_and_restarts(
    shift: int, restart_rows: int, predictor: int
) -> None:
    values = NOISE.integers(0, 1 << 12, (18, 23)) >> shift << shift
    stream = lossless_jpeg(
        values, 12, predictor=predictor, modulus=12 - shift, shift=shift, restart_rows=restart_rows
    )
    assert (libjpeg_turbo.CODEC.decode(stream, request()).samples == values).all()


@pytest.mark.parametrize("predictor", [1, 5])
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("precision", [8, 10, 12])
def test_wrapped_differences_of_signed_values(precision: int, bits: int, predictor: int) -> None:
    used = min(bits, precision)
    values = NOISE.integers(-(1 << used - 1), 1 << used - 1, (18, 23)).astype(np.int16)
    cells = values & (1 << precision) - 1
    stream = lossless_jpeg(cells, precision, predictor=predictor, modulus=precision)
    said = {"bits_allocated": 16, "bits_stored": bits, "signed": True}
    frame = decoded(stream, **said)
    assert (frame.samples == values).all()
    if precision > 8 or predictor == 5:  # eight bits of a byte: nothing was cut off
        assert "wrap" in frame.warnings[0]
        with pytest.raises(CorruptDataError, match="wrap"):
            decoded(stream, STRICT, **said)


# --- Huffman tables ---------------------------------------------------------------------------

ODD = (*SYMBOLS, 17, 40, 255)


@pytest.mark.parametrize(
    "tables",
    [
        [segment(0xC4, huffman(ODD))],
        [segment(0xC4, huffman((99,), where=1) + huffman(ODD))],
        [segment(0xC4, huffman(ODD[::-1], where=1)), segment(0xC4, huffman(ODD))],
        [segment(0xE0, b"\xff\xc4\x00\x13"), segment(0xC4, huffman(ODD) + huffman((1,), where=3))],
    ],
    ids=["one", "two in a segment", "two segments", "decoy"],
)
def test_symbols_that_no_code_uses(tables: list[bytes]) -> None:
    values = NOISE.integers(0, 1 << 12, (18, 23))
    stream = lossless_jpeg(values, 12, tables=tables, symbols=ODD)
    found = libjpeg_turbo.CODEC.decode(stream, request())
    assert (found.samples == values).all()
    assert "Huffman table" in found.warnings[0]
    with pytest.raises(CorruptDataError, match="Huffman"):
        decoded(stream, STRICT, bits_allocated=16)


def test_symbols_in_the_middle_and_wrapped_differences() -> None:
    symbols = (17, *range(9), 18, *range(9, 17))
    values = NOISE.integers(0, 1 << 12, (18, 23))
    tables = [segment(0xC4, huffman(symbols))]
    for predictor in (1, 7):
        stream = lossless_jpeg(
            values, 12, predictor=predictor, modulus=12, tables=tables, symbols=symbols
        )
        assert (libjpeg_turbo.CODEC.decode(stream, request()).samples == values).all()


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_symbols_that_codes_use(codec: Any) -> None:
    values = NOISE.integers(0, 1 << 12, (18, 23))
    table = bytearray(huffman(SYMBOLS))
    table[table.index(bytes(SYMBOLS)) + 11] = 17
    stream = lossless_jpeg(values, 12, tables=[segment(0xC4, bytes(table))])
    with pytest.raises(CorruptDataError):
        codec.decode(stream, request())


def _lossy(bits: int, mode: str) -> tuple[bytes, Any]:
    y, x = np.mgrid[0:48, 0:64]
    top = (1 << bits) - 1
    values = (top * (0.5 + 0.4 * np.sin(x / 9) * np.cos(y / 7))).astype(np.uint16)
    if mode == "progressive":
        buffer = io.BytesIO()
        Image.fromarray(values.astype(np.uint8)).save(buffer, "JPEG", quality=95, progressive=True)
        return buffer.getvalue(), values
    dtype = np.uint8 if bits == 8 else np.uint16
    stream = imagecodecs.jpeg8_encode(
        values.astype(dtype), level=95, **({"bitspersample": 12} if bits == 12 else {})
    )
    return bytes(stream), values


def _with_more_symbols(stream: bytes, more: bytes, at: int = 16) -> bytes:
    """Return a stream whose first DC table has ``more`` symbols with codes of ``at`` bits."""
    start = stream.index(b"\xff\xc4")
    length = int.from_bytes(stream[start + 2 : start + 4], "big")
    content = bytearray(stream[start + 4 : start + 2 + length])
    end = 17 + sum(content[1:17])
    assert content[0] >> 4 == 0
    content[at] += len(more)
    content[end:end] = more
    return stream[:start] + segment(0xC4, bytes(content)) + stream[start + 2 + length :]


@pytest.mark.parametrize(
    ("bits", "mode", "syntax"),
    [(8, "baseline", "50"), (8, "progressive", "55"), (12, "extended", "51")],
)
def test_symbols_that_no_code_of_a_lossy_stream_uses(bits: int, mode: str, syntax: str) -> None:
    plain, values = _lossy(bits, mode)
    stream = _with_more_symbols(plain, b"\x11\x20")
    said = {"rows": 48, "columns": 64, "bits_allocated": 8 if bits == 8 else 16}
    said["bits_stored"] = bits
    expected = decoded(plain, syntax=syntax, **said)
    assert np.abs(expected.samples.astype(int) - values).max() < 1 << bits - 4
    frame = decoded(stream, syntax=syntax, **said)
    assert (frame.samples == expected.samples).all()
    assert "Huffman table" in frame.warnings[0]
    with pytest.raises(CorruptDataError, match="Huffman"):
        decoded(stream, STRICT, syntax=syntax, **said)


def test_symbol_that_a_lossy_stream_uses() -> None:
    plain, _ = _lossy(8, "baseline")
    start = plain.index(b"\xff\xc4") + 5
    symbols = start + 16
    for at in range(symbols, symbols + sum(plain[start:symbols])):
        if plain[at] == 3:
            stream = plain[:at] + b"\x13" + plain[at + 1 :]
    with pytest.raises(CorruptDataError):
        decoded(stream, syntax="50", rows=48, columns=64)


# --- colour model -----------------------------------------------------------------------------


def _colour_jpeg(subsampling: str, names: bytes) -> tuple[bytes, Any]:
    """Return YCbCr without markers, components called ``names``, and Pillow's picture of it."""
    y, x = np.mgrid[0:48, 0:64]
    rgb = np.stack([x * 4, y * 5, 255 - x * 2], axis=-1).clip(0, 255).astype(np.uint8)
    stream = bytes(imagecodecs.jpeg8_encode(rgb, level=95, subsampling=subsampling))
    with Image.open(io.BytesIO(stream)) as picture:
        shown = np.asarray(picture.convert("RGB"))
    start = stream.index(b"\xff\xe0")
    length = int.from_bytes(stream[start + 2 : start + 4], "big")
    bare = bytearray(stream[:start] + stream[start + 2 + length :])
    frame, scan = bare.index(b"\xff\xc0"), bare.index(b"\xff\xda")
    bare[frame + 10 : frame + 19 : 3] = names
    bare[scan + 5 : scan + 11 : 2] = names
    return bytes(bare), shown


@pytest.mark.parametrize("names", [b"\1\2\3", b"\0\1\2", b"\1\x22\3"], ids=repr)
@pytest.mark.parametrize("subsampling", ["420", "422", "440"])
def test_subsampled_colour_is_ycbcr(subsampling: str, names: bytes) -> None:
    stream, shown = _colour_jpeg(subsampling, names)
    said = {"rows": 48, "columns": 64, "photometric": "RGB", "syntax": "50"}
    frame = decoded(stream, **said)
    assert np.abs(frame.samples.astype(int) - shown).max() <= 2
    assert "subsampled" in frame.warnings[0]
    with pytest.raises(CorruptDataError, match="subsampled"):
        decoded(stream, STRICT, **said)
    labelled = decoded(stream, **said | {"photometric": "YBR_FULL_422"})
    assert (labelled.samples == frame.samples).all()
    assert not labelled.warnings


@pytest.mark.parametrize(
    ("subsampling", "names"), [("444", b"\1\2\3"), ("444", b"RGB"), ("420", b"RGB")]
)
def test_colour_that_stays_rgb(subsampling: str, names: bytes) -> None:
    """Components called R, G and B say what they are."""
    stream, shown = _colour_jpeg(subsampling, names)
    frame = decoded(stream, syntax="50", rows=48, columns=64, photometric="RGB")
    assert not frame.warnings
    with Image.fromarray(shown).convert("YCbCr") as picture:
        raw = np.asarray(picture).astype(int)
    assert np.abs(frame.samples - raw).max() <= (60 if subsampling == "420" else 4)


# --- rows and columns swapped -----------------------------------------------------------------


@pytest.mark.parametrize("shape", [(18, 23), (23, 18), (18, 23, 3)], ids=str)
def test_swapped_size_of_a_lossless_stream(shape: tuple[int, ...]) -> None:
    values = NOISE.integers(0, 1 << 12, shape)
    rows, columns, *samples = shape
    stream = lossless_jpeg(values.reshape(columns, rows, *samples), 12)
    said = {
        "rows": rows, "columns": columns, "bits_allocated": 16, "bits_stored": 12,
        "photometric": "RGB" if samples else "MONOCHROME2",
    }  # fmt: skip
    frame = decoded(stream, **said)
    assert (frame.samples == values).all()
    assert "swapped" in frame.warnings[0]
    with pytest.raises(CorruptDataError, match="swapped"):
        decoded(stream, STRICT, **said)


def test_swapped_size_of_other_streams_counts() -> None:
    values = NOISE.integers(0, 256, (23, 18)).astype(np.uint8)
    for stream, syntax in (
        (imagecodecs.jpegls_encode(values), "80"),
        (imagecodecs.jpeg2k_encode(values, codecformat="j2k", reversible=True), "90"),
    ):
        frame = decoded(bytes(stream), syntax=syntax)
        assert (frame.samples == values).all()
        assert "the stream is 18 x 23" in frame.warnings[0]


def test_other_sizes_of_a_lossless_stream_count() -> None:
    values = NOISE.integers(0, 256, (9, 46))
    assert decoded(lossless_jpeg(values, 8)).samples.shape == (9, 46)
