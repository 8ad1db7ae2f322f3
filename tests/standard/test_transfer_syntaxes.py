"""The same image through every transfer syntax and every way to cut it up (PS3.5 A, 8.2)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rendicom.engine import open_instance
from rendicom.errors import RendicomError, UnsupportedTransferSyntaxError
from rendicom.testing import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    element,
    encapsulate,
    image,
    pack_bits,
    rle,
    sequence,
    write_elements,
)
from rendicom.testing import dicom_file as any_file

Show = Callable[..., Any]

ROOT = "1.2.840.10008.1.2"
ENCAPSULATED, DEFLATED_FRAMES = f"{ROOT}.1.98", f"{ROOT}.8.1"
RLE = f"{ROOT}.5"
GE = "1.2.840.113619.5.2"


def _values(dtype: str, *, samples: int = 1, bits: int | None = None) -> Any:
    """Return 20 x 31 values with flat parts, steps and noise."""
    info = np.iinfo(dtype)
    low, high = int(info.min), int(info.max)
    if bits is not None:
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if low else (0, (1 << bits) - 1)
    shape = (20, 31) if samples == 1 else (20, 31, samples)
    noise = np.random.default_rng(11).integers(low, high, shape, endpoint=True)
    noise[:6] = low
    noise[6:9] = high
    noise[:, 15:] //= 3
    return noise.astype(dtype)


def _file(stream: bytes | list[bytes], values: Any, *, syntax: str, **more: Any) -> bytes:
    streams = [stream] if isinstance(stream, bytes) else stream
    rows, columns = values.shape[-3:-1] if values.shape[-1] == 3 else values.shape[-2:]
    defaults: dict[str, Any] = {
        "photometric": "RGB" if values.shape[-1] == 3 else "MONOCHROME2",
        "bits_allocated": values.dtype.itemsize * 8,
        "signed": values.dtype.kind == "i",
    }
    return image(
        encapsulate(streams), rows=rows, columns=columns, transfer_syntax=syntax,
        **defaults | more,
    )  # fmt: skip


# --- lossless: exact ------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4"])
def test_native(syntax: str, dtype: str, stored: Show) -> None:
    values = _values(dtype)
    data = image(values, transfer_syntax=syntax, pixel_vr="OW")
    assert np.array_equal(stored(data), values)


def test_pixels_of_ge_are_big_endian(stored: Show) -> None:
    values = _values("i2")
    data = image(
        values.astype(">i2").tobytes(), rows=20, columns=31, bits_allocated=16, signed=True,
        transfer_syntax=GE,
    )  # fmt: skip
    assert np.array_equal(stored(data), values)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4"])
def test_rle(dtype: str, stored: Show) -> None:
    values = _values(dtype)
    for cross_rows in (True, False):
        data = _file(rle(values, cross_rows=cross_rows), values, syntax=RLE)
        assert np.array_equal(stored(data), values)


@pytest.mark.parametrize("tail", [b"", b"\0\0", b"\x80\x80"])
def test_rle_segment_too_long_or_padded(tail: bytes, stored: Show) -> None:
    values = _values("u1")
    assert np.array_equal(stored(_file(rle(values) + tail, values, syntax=RLE)), values)


@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
def test_jpeg_lossless(predictor: int, dtype: str, stored: Show) -> None:
    from imagecodecs import jpeg8_encode

    values = _values(dtype)
    stream = bytes(
        jpeg8_encode(
            values.view(f"u{dtype[1]}"),
            lossless=True,
            predictor=predictor,
            bitspersample=8 * int(dtype[1]),
        )
    )
    suffix = "4.70" if predictor == 1 else "4.57"
    data = _file(stream, values, syntax=f"{ROOT}.{suffix}")
    assert np.array_equal(stored(data), values)


@pytest.mark.parametrize(("dtype", "bits"), [("u2", 12), ("i2", 12), ("u2", 10)])
def test_jpeg_lossless_of_fewer_bits(dtype: str, bits: int, stored: Show) -> None:
    from imagecodecs import jpeg8_encode

    values = _values(dtype, bits=bits)
    cells = values.astype(np.int64) & (1 << bits) - 1
    stream = jpeg8_encode(cells.astype(np.uint16), lossless=True, predictor=1, bitspersample=bits)
    data = _file(bytes(stream), values, syntax=f"{ROOT}.4.70", bits_stored=bits)
    assert np.array_equal(stored(data), values)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
def test_jpeg_ls(dtype: str, stored: Show) -> None:
    from imagecodecs import jpegls_encode

    values = _values(dtype)
    stream = bytes(jpegls_encode(values.view(f"u{dtype[1]}")))
    assert np.array_equal(stored(_file(stream, values, syntax=f"{ROOT}.4.80")), values)


def test_jpeg_ls_of_colour(stored: Show) -> None:
    from imagecodecs import jpegls_encode

    values = _values("u1", samples=3)
    stream = bytes(jpegls_encode(values))
    assert stream[stream.index(b"\xff\xda") :][12] in (1, 2)  # interleaved by line or sample
    for data in (stream, _separate_scans(values)):
        assert np.array_equal(stored(_file(data, values, syntax=f"{ROOT}.4.80")), values)


def _separate_scans(values: Any) -> bytes:
    """Return a JPEG-LS stream of three scans, not interleaved (ISO 14495-1 C.2.3)."""
    from imagecodecs import jpegls_encode

    scans = b""
    for index in range(3):
        plane = bytes(jpegls_encode(np.ascontiguousarray(values[..., index])))
        scan = bytearray(plane[plane.index(b"\xff\xda") : -2])
        scan[5] = index + 1
        scans += bytes(scan)
    parts = bytes(part for index in range(3) for part in (index + 1, 0x11, 0))
    frame = struct.pack(">HHBHHB", 0xFFF7, 17, 8, *values.shape[:2], 3) + parts
    return b"\xff\xd8" + frame + scans + b"\xff\xd9"


@pytest.mark.parametrize("codecformat", ["j2k", "jp2"])
@pytest.mark.parametrize(("dtype", "samples"), [("u1", 1), ("u2", 1), ("i2", 1), ("u1", 3)])
def test_jpeg_2000(codecformat: str, dtype: str, samples: int, stored: Show) -> None:
    """With the boxes of a JP2 file too, though PS3.5 A.4.4 forbids them."""
    from imagecodecs import jpeg2k_encode

    values = _values(dtype, samples=samples)
    stream = bytes(jpeg2k_encode(values, codecformat=codecformat, reversible=True))
    for suffix in ("4.90", "4.91", "4.92", "4.93"):
        data = _file(stream, values, syntax=f"{ROOT}.{suffix}")
        assert np.array_equal(stored(data), values)


@pytest.mark.parametrize(("dtype", "bits"), [("u1", 1), ("u2", 12), ("i2", 12)])
def test_jpeg_2000_of_fewer_bits(dtype: str, bits: int, stored: Show) -> None:
    from imagecodecs import jpeg2k_encode

    values = _values(dtype, bits=bits)
    stream = bytes(jpeg2k_encode(values, codecformat="j2k", reversible=True, bitspersample=bits))
    data = _file(stream, values, syntax=f"{ROOT}.4.90", bits_stored=bits)
    assert np.array_equal(stored(data), values)


@pytest.mark.parametrize(("dtype", "samples"), [("u1", 1), ("u2", 1), ("i2", 1), ("u1", 3)])
def test_high_throughput_jpeg_2000(dtype: str, samples: int, stored: Show) -> None:
    from imagecodecs import htj2k_encode

    values = _values(dtype, samples=samples)
    stream = bytes(htj2k_encode(values, reversible=True))
    for suffix in ("4.201", "4.202", "4.203"):
        data = _file(stream, values, syntax=f"{ROOT}.{suffix}")
        assert np.array_equal(stored(data), values)


@pytest.mark.parametrize("usecontainer", [False, True])
@pytest.mark.parametrize(("dtype", "samples"), [("u1", 1), ("u2", 1), ("u1", 3)])
def test_jpeg_xl(usecontainer: bool, dtype: str, samples: int, stored: Show) -> None:
    from imagecodecs import jpegxl_encode

    values = _values(dtype, samples=samples)
    stream = bytes(jpegxl_encode(values, lossless=True, usecontainer=usecontainer))
    for suffix in ("4.110", "4.112"):
        data = _file(stream, values, syntax=f"{ROOT}.{suffix}")
        assert np.array_equal(stored(data), values)


def test_jpeg_inside_jpeg_xl(stored: Show) -> None:
    from imagecodecs import jpeg8_encode, jpegxl_encode_jpeg

    values = _smooth()
    inside = bytes(jpeg8_encode(values, level=95))
    stream = bytes(jpegxl_encode_jpeg(inside, usecontainer=True))
    shown = stored(_file(stream, values, syntax=f"{ROOT}.4.111"))
    assert np.abs(shown.astype(int) - values).max() <= 4


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
def test_deflated_frames(dtype: str, stored: Show) -> None:
    frames = np.stack([_values(dtype), _values(dtype)[::-1]])
    streams = [_deflated(frame.tobytes()) for frame in frames]
    data = _file(streams, frames[0], syntax=DEFLATED_FRAMES, frames=2)
    for number in (1, 2):
        assert np.array_equal(stored(data, number), frames[number - 1])


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("syntax", [DEFLATED_FRAMES, ENCAPSULATED])
def test_encapsulated_one_bit_frames_begin_with_a_byte_each(syntax: str, stored: Show) -> None:
    frames = np.array([[[1, 0, 1], [0, 0, 0], [0, 0, 1]], [[0, 1, 1], [1, 0, 0], [0, 0, 1]]])
    streams = [pack_bits(frame) for frame in frames]
    if syntax == DEFLATED_FRAMES:
        streams = [_deflated(stream) for stream in streams]
    data = image(
        encapsulate(streams), rows=3, columns=3, frames=2, bits_allocated=1,
        transfer_syntax=syntax,
    )  # fmt: skip
    for number in (1, 2):
        assert np.array_equal(stored(data, number), frames[number - 1])


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
@pytest.mark.parametrize("table", ["empty", "basic", "extended"])
def test_encapsulated_uncompressed(dtype: str, table: Any, stored: Show) -> None:
    frames = np.stack([_values(dtype), _values(dtype)[:, ::-1]])
    data = image(
        encapsulate([frame.tobytes() for frame in frames], offset_table=table),
        rows=20, columns=31, frames=2, bits_allocated=frames.dtype.itemsize * 8,
        signed=dtype == "i2", transfer_syntax=ENCAPSULATED,
    )  # fmt: skip
    for number in (1, 2):
        assert np.array_equal(stored(data, number), frames[number - 1])


# --- lossy: a floor of quality --------------------------------------------------------------


def _smooth(top: int = 255, dtype: str = "u1") -> Any:
    rows, columns = np.mgrid[0:64, 0:96]
    return ((np.sin(rows / 9) + np.cos(columns / 13) + 2) / 4 * top).astype(dtype)


def _decibels(shown: Any, values: Any, top: int) -> float:
    error = np.mean((shown.astype(float) - values.astype(float)) ** 2)
    return float(10 * np.log10(top**2 / max(error, 1e-9)))


def test_jpeg_baseline_and_extended(stored: Show) -> None:
    from imagecodecs import jpeg8_encode

    values = _smooth()
    stream = bytes(jpeg8_encode(values, level=90))
    for suffix in ("4.50", "4.51"):
        shown = stored(_file(stream, values, syntax=f"{ROOT}.{suffix}"))
        assert _decibels(shown, values, 255) > 40
    values = _smooth(4095, "u2")
    stream = bytes(jpeg8_encode(values, level=95, bitspersample=12))
    shown = stored(_file(stream, values, syntax=f"{ROOT}.4.51", bits_stored=12))
    assert _decibels(shown, values, 4095) > 45


def test_jpeg_progressive(stored: Show) -> None:
    import io

    from PIL import Image

    values = _smooth()
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "JPEG", quality=90, progressive=True)
    assert b"\xff\xc2" in buffer.getvalue()
    for suffix in ("4.50", "4.53", "4.55"):
        shown = stored(_file(buffer.getvalue(), values, syntax=f"{ROOT}.{suffix}"))
        assert _decibels(shown, values, 255) > 40


@pytest.mark.parametrize("subsampling", ["444", "422", "420"])
@pytest.mark.parametrize("header", ["YBR_FULL_422", "YBR_FULL", "RGB"])
def test_jpeg_of_colour(subsampling: str, header: str, stored: Show) -> None:
    from imagecodecs import jpeg8_encode

    values = np.stack([_smooth(), _smooth()[::-1], _smooth()[:, ::-1]], axis=-1)
    stream = bytes(jpeg8_encode(values, level=92, subsampling=subsampling))
    shown = stored(_file(stream, values, syntax=f"{ROOT}.4.50", photometric=header))
    assert _decibels(shown, values, 255) > 35


def test_near_lossless_jpeg_ls(stored: Show) -> None:
    from imagecodecs import jpegls_encode

    values = _values("u1")
    stream = bytes(jpegls_encode(values, level=2))
    shown = stored(_file(stream, values, syntax=f"{ROOT}.4.81"))
    assert 0 < np.abs(shown.astype(int) - values).max() <= 2


@pytest.mark.parametrize("top", [255, 4095, 65535])
def test_lossy_wavelets_do_not_wrap(top: int, stored: Show) -> None:
    """Overshoot beside an edge between black and white stays black and white."""
    from imagecodecs import htj2k_encode, jpeg2k_encode

    values = np.zeros((64, 64), "u1" if top == 255 else "u2")
    values[:, 20:40] = top
    values[30:, :10] = top // 2
    bits = top.bit_length()
    coarse = jpeg2k_encode(values, level=30, codecformat="j2k", reversible=False,
                           bitspersample=bits)  # fmt: skip
    shown = stored(_file(bytes(coarse), values, syntax=f"{ROOT}.4.91", bits_stored=bits))
    assert np.abs(shown.astype(int) - values).max() < top // 3
    if bits == 12:
        return
    coarse = htj2k_encode(values, level=0.02, reversible=False)
    shown = stored(_file(bytes(coarse), values, syntax=f"{ROOT}.4.203"))
    assert np.abs(shown.astype(int) - values).max() < top // 3


def test_lossy_jpeg_xl(stored: Show) -> None:
    from imagecodecs import jpegxl_encode

    values = np.stack([_smooth(), _smooth()[::-1], _smooth()[:, ::-1]], axis=-1)
    stream = bytes(jpegxl_encode(values, lossless=False, distance=1.0))
    for header in ("XYB", "RGB"):
        shown = stored(_file(stream, values, syntax=f"{ROOT}.4.112", photometric=header))
        assert _decibels(shown, values, 255) > 30


@pytest.mark.parametrize(("codec", "container", "suffix"), [
    ("mpeg2video", "mpeg2video", "4.100"),
    ("libx264", "h264", "4.102"),
    ("libx265", "hevc", "4.107"),
])  # fmt: skip
def test_video(codec: str, container: str, suffix: str, stored: Show) -> None:
    import io

    av = pytest.importorskip("av")
    if codec not in av.codecs_available:
        pytest.skip(f"av has no {codec} to write with")
    gray = [np.full((64, 96), level, np.uint8) for level in (40, 120, 200)]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for level in gray:
            colour = np.stack([level] * 3, axis=-1)
            packets = stream.encode(av.VideoFrame.from_ndarray(colour, format="rgb24"))
            for packet in packets:
                output.mux(packet)
        for packet in stream.encode():
            output.mux(packet)
    data = image(
        encapsulate([buffer.getvalue()]), rows=64, columns=96, frames=3,
        photometric="YBR_PARTIAL_420", transfer_syntax=f"{ROOT}.{suffix}",
    )  # fmt: skip
    for number, level in enumerate((40, 120, 200), start=1):
        shown = stored(data, number)
        assert shown.shape == (64, 96, 3)
        assert abs(float(shown.mean()) - level) < 4


# --- finding frames -------------------------------------------------------------------------

FRAMES = np.stack([_values("u1"), _values("u1")[::-1], 255 - _values("u1")])
STREAMS = [rle(frame) for frame in FRAMES]


def _frames(**how: Any) -> bytes:
    more = how.pop("extra", ())
    return image(
        encapsulate(how.pop("streams", STREAMS), **how), rows=20, columns=31, frames=3,
        transfer_syntax=RLE, extra=more,
    )  # fmt: skip


@pytest.mark.parametrize("how", [
    {},
    {"offset_table": "basic"},
    {"offset_table": "extended"},
    {"offset_table": "basic", "fragments_per_frame": 2},
    {"offset_table": "basic", "fragments_per_frame": [1, 3, 2]},
    {"fragments_per_frame": 2},
    {"fragments_per_frame": [2, 1, 3]},
    {"delimiter": False},
    {"delimiter": False, "offset_table": "basic", "fragments_per_frame": 3},
    {"offset_table": [0, 0, 0]},
    {"offset_table": [0, 7, 13]},
    {"offset_table": [0, 10**9, 2 * 10**9]},
    {"offset_table": [0]},
], ids=str)  # fmt: skip
def test_frames_are_found(how: dict[str, Any], stored: Show) -> None:
    data = _frames(**how)
    for number in (3, 1, 2):
        assert np.array_equal(stored(data, number), FRAMES[number - 1])


@pytest.mark.parametrize("start", ["jpeg", "jpeg2000", "jpeg-xl", "jpeg-ls"])
@pytest.mark.parametrize("pieces", [[2, 1, 3], 2])
def test_fragmented_frames_without_a_table(start: str, pieces: Any, stored: Show) -> None:
    """The first bytes of a stream tell where frames begin."""
    import imagecodecs as codecs

    encoders: dict[str, tuple[Callable[[Any], Any], str]] = {
        "jpeg": (lambda frame: codecs.jpeg8_encode(frame, lossless=True, predictor=1), "4.70"),
        "jpeg-ls": (codecs.jpegls_encode, "4.80"),
        "jpeg2000": (
            lambda frame: codecs.jpeg2k_encode(frame, codecformat="j2k", reversible=True),
            "4.90",
        ),
        "jpeg-xl": (lambda frame: codecs.jpegxl_encode(frame, lossless=True), "4.110"),
    }
    encode, suffix = encoders[start]
    pixels = encapsulate([bytes(encode(frame)) for frame in FRAMES], fragments_per_frame=pieces)
    data = image(pixels, rows=20, columns=31, frames=3, transfer_syntax=f"{ROOT}.{suffix}")
    for number in (3, 1, 2):
        assert np.array_equal(stored(data, number), FRAMES[number - 1])


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("table", ["empty", "basic"])
def test_one_frame_over_several_fragments(pieces: int, table: Any, stored: Show) -> None:
    pixels = encapsulate(STREAMS[:1], fragments_per_frame=pieces, offset_table=table)
    data = image(pixels, rows=20, columns=31, transfer_syntax=RLE)
    assert np.array_equal(stored(data), FRAMES[0])


def test_empty_fragment_at_the_end(stored: Show) -> None:
    data = image(encapsulate([*STREAMS, b""]), rows=20, columns=31, frames=3, transfer_syntax=RLE)
    for number in (1, 2, 3):
        assert np.array_equal(stored(data, number), FRAMES[number - 1])


def test_fragments_of_odd_length(stored: Show) -> None:
    streams = [stream + b"\0" for stream in STREAMS]
    data = _frames(streams=streams, pad=False)
    for number in (1, 2, 3):
        assert np.array_equal(stored(data, number), FRAMES[number - 1])


def test_icon_is_not_the_image(stored: Show) -> None:
    icon = sequence(
        0x00880200,
        [
            element(0x00280002, "US", 1), element(0x00280004, "CS", "MONOCHROME2"),
            element(0x00280010, "US", 2), element(0x00280011, "US", 2),
            element(0x00280100, "US", 8), element(0x7FE00010, "OW", b"\1\2\3\4"),
        ],
        length=UNDEFINED, undefined_items=True,
    )  # fmt: skip
    data = _frames(extra=[icon])
    assert np.array_equal(stored(data, 2), FRAMES[1])


def test_native_pixels_under_a_compressed_syntax(stored: Show, picture: Show) -> None:
    data = image(FRAMES[0], transfer_syntax=RLE)
    assert np.array_equal(stored(data), FRAMES[0])
    assert picture(data).warnings


def test_compressed_pixels_under_a_native_syntax(stored: Show) -> None:
    from imagecodecs import jpegls_encode

    pixels = encapsulate([bytes(jpegls_encode(FRAMES[0]))])
    data = image(pixels, rows=20, columns=31, transfer_syntax=EXPLICIT)
    assert np.array_equal(stored(data), FRAMES[0])


# --- files that leave parts out -------------------------------------------------------------


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize(("preamble", "meta"), [(False, True), (False, False), (True, False)])
def test_without_preamble_or_meta_header(
    syntax: str, preamble: bool, meta: bool, stored: Show
) -> None:
    values = _values("u2")
    data = image(values, transfer_syntax=syntax, preamble=preamble, meta=meta)
    assert np.array_equal(stored(data), values)


def test_wrong_group_length(stored: Show) -> None:
    values = _values("u2")
    whole = image(values)
    at = whole.index(b"UL\4\0") + 4
    broken = whole[:at] + struct.pack("<I", 12) + whole[at + 4 :]
    assert np.array_equal(stored(broken), values)


def test_data_set_in_another_encoding_than_stated(stored: Show) -> None:
    values = _values("u2")
    data = image(values, transfer_syntax=EXPLICIT, encoding="implicit-little")
    assert np.array_equal(stored(data), values)
    data = image(values, transfer_syntax=IMPLICIT, encoding="explicit-little")
    assert np.array_equal(stored(data), values)


def test_deflated_in_a_zlib_envelope(stored: Show) -> None:
    values = _values("u2")
    plain = image(values)
    start = plain.index(b"\x08\x00\x16\x00UI")
    inside = plain[start:]
    listed = [element(0x00020010, "UI", DEFLATED)]
    head = b"\0" * 128 + b"DICM" + write_elements(listed)
    assert np.array_equal(stored(head + zlib.compress(inside)), values)
    assert np.array_equal(stored(head + _deflated(inside) + b"\0"), values)


def test_big_tables_of_unknown_vr(display: Show) -> None:
    """Explicit files may hold LUT Data longer than 64 KB as UN (PS3.5 6.2.2)."""
    entries = np.arange(65536, dtype="<u2")[::-1].tobytes()
    inside = [
        element(0x00283002, "US", [0, 0, 16]),
        element(0x00283006, "UN", entries),
    ]
    data = image(np.array([[0, 65535]], np.uint16), extra=[sequence(0x00283010, inside)])
    assert display(data).tolist() == [[255, 0]]


# --- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["4.58", "4.59", "4.66", "4.94", "4.95", "4.204", "4.205"])
def test_syntaxes_nobody_decodes_are_named(suffix: str) -> None:
    url = element(0x00287FE0, "UR", "http://192.0.2.1/must-not-be-fetched")
    pixels = () if suffix in ("4.94", "4.95", "4.204", "4.205") else encapsulate([b"\xff\xd8"])
    data = image(pixels, rows=2, columns=2, extra=[url], transfer_syntax=f"{ROOT}.{suffix}")
    with pytest.raises(UnsupportedTransferSyntaxError) as caught:
        open_instance(data).frame(1)
    assert "192.0.2.1" not in str(caught.value)


def test_unknown_private_syntax() -> None:
    data = image(encapsulate([b"\1\2\3\4"]), rows=2, columns=2, transfer_syntax="1.2.3.4.5")
    with pytest.raises(RendicomError) as caught:
        open_instance(data).frame(1)
    assert caught.value.code in ("unsupported-transfer-syntax", "corrupt-data")


def test_meta_header_alone() -> None:
    with pytest.raises(RendicomError) as caught:
        open_instance(any_file([])).frame(1)
    assert caught.value.code in ("no-pixel-data", "not-dicom")


# --- streams that end early -----------------------------------------------------------------


@pytest.mark.parametrize("coder", ["jpeg", "jpeg-lossless", "jpeg-ls", "rle", "deflate"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_what_is_there_of_a_cut_stream(
    coder: str, share: float, stored: Show, picture: Show
) -> None:
    """The first rows come out as in the whole stream, with a warning."""
    import imagecodecs as codecs

    values = _smooth()
    encoders: dict[str, tuple[Callable[[Any], Any], str]] = {
        "jpeg": (lambda samples: codecs.jpeg8_encode(samples, level=90), "4.50"),
        "jpeg-lossless": (
            lambda samples: codecs.jpeg8_encode(samples, lossless=True, predictor=1),
            "4.70",
        ),
        "jpeg-ls": (codecs.jpegls_encode, "4.80"),
        "rle": (rle, "5"),
        "deflate": (lambda samples: _deflated(samples.tobytes()), "8.1"),
    }
    encode, suffix = encoders[coder]
    stream = bytes(encode(values))
    whole = stored(_file(stream, values, syntax=f"{ROOT}.{suffix}"))
    data = _file(stream[: int(len(stream) * share)], values, syntax=f"{ROOT}.{suffix}")
    rows = int(64 * share * 0.6) // 8 * 8
    assert np.array_equal(stored(data)[:rows], whole[:rows])
    assert picture(data).warnings
    with pytest.raises(RendicomError) as caught:
        picture(data, strict="yes")
    assert caught.value.code == "corrupt-data"
