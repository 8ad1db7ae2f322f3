"""What each codec does beyond the tests that ship for all of them."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from rendicom import registry
from rendicom.errors import (
    CorruptDataError,
    LimitExceededError,
    UnsupportedImageError,
    UnsupportedTransferSyntaxError,
)
from rendicom.pixels import choose
from rendicom.pixels.choose import Stream, decode_stream, in_tree_codecs
from rendicom.pixels.codecs import Codec, Decoded, DecodeRequest

ROOM = "rendicom.pixels.codecs"
ROOT = "1.2.840.10008.1.2"
JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"

REQUEST = DecodeRequest(
    transfer_syntax=f"{ROOT}.5",
    rows=2,
    columns=2,
    samples_per_pixel=1,
    bits_allocated=8,
    bits_stored=8,
    signed=False,
    photometric_interpretation="MONOCHROME2",
    planar_configuration=0,
    max_pixels=10_000,
)


def codec(name: str) -> Codec:
    found: Codec = registry.load(ROOM, name, "CODEC")
    return found


# --- the table of codecs ----------------------------------------------------------------------


def test_modules_of_codecs_import_no_library() -> None:
    modules = [f"{ROOM}.{name}" for name in registry.module_names(ROOM)]
    code = (
        f"import sys, importlib; [importlib.import_module(name) for name in {modules}]; "
        "print([name for name in ('imagecodecs', 'av', 'pydicom') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


# --- the chooser ------------------------------------------------------------------------------


class Foreign:
    """A codec of another distribution."""

    name = "Foreign"
    streams = ("jpeg-ls", "video")
    install = "pip install foreign"
    rank = 5

    def __init__(self, fault: Exception | None = None, version: str | None = "1") -> None:
        self._fault, self._version = fault, version

    def version(self) -> str | None:
        return self._version

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        if self._fault is not None:
            raise self._fault
        return Decoded(np.full((request.rows, request.columns), len(stream), np.uint8))


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a function that makes codecs look as if other distributions brought them."""
    own = registry.discover(ROOM, "CODEC")

    def plug(**codecs: Foreign) -> None:
        def discover(package: str, attribute: str) -> Mapping[str, Any]:
            return {**own, **codecs}

        monkeypatch.setattr(registry, "discover", discover)
        choose._plugins.cache_clear()

    yield plug
    choose._plugins.cache_clear()


def test_plugin_decodes_what_ours_refuse(plug_in: Any) -> None:
    plug_in(foreign=Foreign(), worse=Foreign(ValueError("never asked")))
    decoded = decode_stream(Stream("jpeg-ls", b"12345"), REQUEST)
    assert decoded.samples.tolist() == [[5, 5], [5, 5]]


def test_fault_of_a_plugin_is_the_stream_s(plug_in: Any) -> None:
    plug_in(foreign=Foreign(KeyError("/home/somebody/file")))
    with pytest.raises(CorruptDataError, match="Foreign failed: KeyError") as caught:
        decode_stream(Stream("jpeg-ls", b"12345"), REQUEST)
    assert "somebody" not in str(caught.value)


def test_plugin_that_is_too_old_to_import_does_no_harm(
    plug_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(package: str, attribute: str) -> Mapping[str, Any]:
        raise ImportError("no such module")

    plug_in()
    monkeypatch.setattr(registry, "discover", broken)
    with pytest.raises(CorruptDataError):
        decode_stream(Stream("jpeg-ls", b"12345"), REQUEST)


def test_missing_library_is_named(plug_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in()
    monkeypatch.setattr(type(codec("ffmpeg")), "version", lambda self: None)
    with pytest.raises(UnsupportedTransferSyntaxError) as caught:
        decode_stream(Stream("video", b""), replace(REQUEST, transfer_syntax=f"{ROOT}.4.102"))
    assert "H.264" in caught.value.message
    assert "[video]" in caught.value.hint


# --- RLE --------------------------------------------------------------------------------------


def literal(values: bytes) -> bytes:
    return bytes((len(values) - 1,)) + values


def rle(*segments: bytes) -> bytes:
    starts = [64 + sum(map(len, segments[:index])) for index in range(len(segments))]
    header = struct.pack("<16I", len(segments), *starts, *[0] * (15 - len(segments)))
    return header + b"".join(segments)


def unrolled(stream: bytes, **other: Any) -> Decoded:
    return codec("rle").decode(stream, replace(REQUEST, **other))


def test_rle_runs() -> None:
    # A run that crosses the row's end, one that does nothing, one literal, padding.
    assert unrolled(rle(b"\xfe\x07\x80\x00\x09\x00")).samples.tolist() == [[7, 7], [7, 9]]


@pytest.mark.parametrize(
    ("bits", "planes", "value"),
    [(16, (b"\x12", b"\x34"), 0x1234), (32, (b"\x12", b"\x34", b"\x56", b"\x78"), 0x12345678)],
)
def test_rle_puts_the_high_byte_first(bits: int, planes: tuple[bytes, ...], value: int) -> None:
    decoded = unrolled(rle(*(literal(plane * 4) for plane in planes)), bits_allocated=bits)
    assert decoded.samples.tolist() == [[value] * 2] * 2
    assert decoded.samples.dtype == np.dtype(f"u{bits // 8}")
    assert decoded.bits_stored is None


def test_rle_of_single_bits() -> None:
    decoded = unrolled(rle(literal(b"\x0d\x01")), rows=3, columns=3, bits_allocated=1)
    assert decoded.samples.tolist() == [[1, 0, 1], [1, 0, 0], [0, 0, 1]]


COLOURS = [[[97, 101, 105], [98, 102, 106]], [[99, 103, 107], [100, 104, 108]]]


@pytest.mark.parametrize("tail", [b"", b"X", b"XYZ"])
def test_rle_segments_longer_than_their_planes(tail: bytes) -> None:
    planes = (b"abcd", b"efgh", b"ijkl")
    stream = rle(*(literal(plane + tail) for plane in planes))
    decoded = unrolled(stream, samples_per_pixel=3)
    assert decoded.samples.tolist() == COLOURS
    assert not decoded.warnings


def test_rle_segment_in_the_middle_too_short() -> None:
    stream = rle(literal(b"abcd"), literal(b"ef"), literal(b"ijkl"))
    decoded = unrolled(stream, samples_per_pixel=3)
    assert decoded.samples[0].tolist() == COLOURS[0]
    assert decoded.samples[1].tolist() == [[99, 0, 107], [100, 0, 108]]
    assert "10 of 12 bytes" in decoded.warnings[0]
    with pytest.raises(CorruptDataError, match="10 of 12"):
        unrolled(stream, samples_per_pixel=3, strict=True)


def test_rle_high_bytes_too_short() -> None:
    stream = rle(literal(b"\1\2"), literal(b"\1\2\3\4"))
    decoded = unrolled(stream, bits_allocated=16)
    assert decoded.samples.tolist() == [[0x101, 0x202], [3, 4]]


@pytest.mark.parametrize("cut", [64 + 5, 64 + 7])
def test_rle_cut_in_a_segment(cut: int) -> None:
    stream = rle(literal(b"\1\1\1\1"), literal(b"abcd"))[:cut]
    decoded = unrolled(stream, bits_allocated=16)
    low = [97, 0, 0, 0] if cut == 71 else [0] * 4
    assert decoded.samples.ravel().tolist() == [256 + value for value in low]
    assert decoded.warnings


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        rle(literal(b"abcd"))[:63],
        rle(literal(b"abcd"))[:64],
        rle(literal(b"abcd"), literal(b"abcd")),
        struct.pack("<16I", 0, *[0] * 15),
        struct.pack("<16I", 1, 10, *[0] * 14) + literal(b"abcd"),
        struct.pack("<16I", 1, 0xFFFFFFF0, *[0] * 14) + literal(b"abcd"),
    ],
)
def test_rle_headers_that_lie(stream: bytes) -> None:
    with pytest.raises(CorruptDataError):
        unrolled(stream)


def test_rle_segments_out_of_order() -> None:
    stream = struct.pack("<16I", 2, 80, 64, *[0] * 13) + bytes(40)
    with pytest.raises(CorruptDataError, match="order"):
        unrolled(stream, bits_allocated=16)


def test_rle_gives_no_more_than_the_frame() -> None:
    """64 times what is read would come out otherwise."""
    stream = rle(b"\x81\x05" * 1_000_000)
    assert unrolled(stream).samples.tolist() == [[5, 5], [5, 5]]


def test_rle_of_odd_bits() -> None:
    with pytest.raises(UnsupportedImageError, match="12 bits"):
        unrolled(rle(literal(b"abcd")), bits_allocated=12)


# --- deflate ----------------------------------------------------------------------------------


def test_deflate_gives_no_more_than_the_frame() -> None:
    packer = zlib.compressobj(wbits=-15)
    bomb = packer.compress(b"\x07" * 50_000_000) + packer.flush()
    decoded = codec("deflate").decode(bomb, REQUEST)
    assert decoded.samples.tolist() == [[7, 7], [7, 7]]


# --- JPEG -------------------------------------------------------------------------------------


def colour_request(model: str = "RGB", **other: Any) -> DecodeRequest:
    return replace(
        REQUEST, rows=8, columns=8, samples_per_pixel=3, photometric_interpretation=model, **other
    )


def test_lossless_colour_is_never_transformed() -> None:
    values = np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    stream = bytes(imagecodecs.jpeg8_encode(values, lossless=True, predictor=1))
    for marked in (stream, stream[:2] + JFIF + stream[2:]):
        for model in ("RGB", "YBR_FULL"):
            decoded = codec("libjpeg_turbo").decode(marked, colour_request(model))
            assert np.array_equal(decoded.samples, values)
            assert decoded.photometric_interpretation == ""  # the header's to say


@pytest.mark.parametrize(("model", "coded"), [("RGB", "RGB"), ("YBR_FULL_422", "YCBCR")])
def test_the_header_settles_what_markers_contradict(model: str, coded: str) -> None:
    """JFIF says YCbCr and Adobe says RGB; libjpeg, as in Pillow, goes by the first."""
    values = np.repeat(np.repeat([[[200, 30, 60], [20, 90, 240]]], 8, 0), 4, 1).astype(np.uint8)
    stream = bytes(imagecodecs.jpeg8_encode(values, 98, outcolorspace=coded, subsampling="444"))
    adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"
    bare = stream[stream.index(b"\xff\xdb") :]
    marked = stream[:2] + JFIF + adobe + bare
    decoded = codec("libjpeg_turbo").decode(marked, colour_request(model))
    assert np.abs(decoded.samples.astype(int) - values).max() <= 4
    if coded == "YCBCR":
        with Image.open(io.BytesIO(marked)) as image:
            found = np.asarray(image.convert("RGB")).astype(int)
        assert np.abs(found - decoded.samples).max() <= 4


def test_fallback_for_lossless_jpeg_agrees() -> None:
    values = np.random.default_rng(2).integers(0, 4096, (24, 40)).astype(np.uint16)
    request = replace(REQUEST, rows=24, columns=40, bits_allocated=16, bits_stored=12)
    for predictor in range(1, 8):
        stream = bytes(
            imagecodecs.jpeg8_encode(values, lossless=True, predictor=predictor, bitspersample=12)
        )
        for name in in_tree_codecs("jpeg-lossless"):
            decoded = codec(name).decode(stream, request)
            assert np.array_equal(decoded.samples, values), (name, predictor)
            assert decoded.bits_stored == 12


@pytest.mark.parametrize("kind", ["sequential", "progressive"])
def test_jpeg_of_endless_scans(kind: str) -> None:
    """Ten bytes of a scan cost the time of a whole image."""
    stream = bytes(imagecodecs.jpeg8_encode(np.zeros((8, 8), np.uint8)))
    start = stream.index(b"\xff\xda")
    head = stream[:start]
    if kind == "progressive":
        head = head.replace(b"\xff\xc0", b"\xff\xc2")
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    with pytest.raises(CorruptDataError, match="scans"):
        codec("libjpeg_turbo").decode(head + scan * 101 + b"\xff\xd9", REQUEST)


def test_jpeg_of_four_components() -> None:
    values = np.zeros((8, 8, 4), np.uint8)
    stream = bytes(imagecodecs.jpeg8_encode(values, colorspace="CMYK", outcolorspace="CMYK"))
    decoded = codec("libjpeg_turbo").decode(stream, colour_request())
    assert decoded.samples.shape == (8, 8, 4)  # for the caller to refuse


def test_arithmetic_coding_is_named() -> None:
    stream = bytes(imagecodecs.jpeg8_encode(np.zeros((8, 8), np.uint8)))
    stream = stream.replace(b"\xff\xc0", b"\xff\xc9")
    with pytest.raises(UnsupportedTransferSyntaxError, match="arithmetic"):
        codec("libjpeg_turbo").decode(stream, REQUEST)


# --- JPEG 2000 and JPEG XL --------------------------------------------------------------------


def test_irreversible_high_throughput_is_left_to_openjpeg() -> None:
    values = np.full((16, 16), 255, np.uint8)
    values[::3] = 0
    stream = bytes(imagecodecs.htj2k_encode(values, reversible=False, level=0.1))
    request = replace(REQUEST, rows=16, columns=16)
    with pytest.raises(CorruptDataError, match="OpenJPEG"):
        codec("openjph").decode(stream, request)
    decoded = decode_stream(Stream("htj2k", stream), request)
    worst = np.abs(decoded.samples.astype(int) - values).max()
    assert worst < 100  # a value that wraps around is off by 200 and more


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2"])
def test_both_decoders_of_high_throughput_agree(dtype: str) -> None:
    info = np.iinfo(dtype)
    values = np.random.default_rng(3).integers(info.min, info.max, (30, 50), dtype, endpoint=True)
    stream = bytes(imagecodecs.htj2k_encode(values, reversible=True))
    for name in in_tree_codecs("htj2k"):
        decoded = codec(name).decode(stream, replace(REQUEST, rows=30, columns=50))
        assert np.array_equal(decoded.samples, values), name
        assert decoded.signed is (info.min < 0)


def test_jpeg_xl_gives_one_frame_of_an_animation() -> None:
    frames = np.stack([np.full((8, 9), value, np.uint8) for value in (3, 5, 7)])
    stream = bytes(imagecodecs.jpegxl_encode(frames, lossless=True))
    decoded = codec("libjxl").decode(stream, REQUEST)
    assert decoded.samples.tolist() == frames[0].tolist()


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_jpeg_xl_of_fewer_bits(bits: int) -> None:
    values = np.arange(24 * 40, dtype=np.uint16).reshape(24, 40) + ((1 << bits) - 960)
    stream = bytes(imagecodecs.jpegxl_encode(values, lossless=True, bitspersample=bits))
    decoded = codec("libjxl").decode(stream, REQUEST)
    assert np.array_equal(decoded.samples, values)


# --- video ------------------------------------------------------------------------------------


def video(frames: int) -> bytes:
    """Return MPEG-2 of black, then ever lighter frames of 64 x 32 pixels."""
    import io
    from fractions import Fraction

    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="mpeg2video") as container:
        stream = container.add_stream("mpeg2video", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        for index in range(frames):
            gray = np.full((32, 64, 3), 40 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(gray, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def test_frames_of_a_video() -> None:
    stream = video(5)
    request = colour_request("YBR_PARTIAL_420", frame=4)
    samples = codec("ffmpeg").decode(stream, request).samples
    assert samples.shape == (32, 64, 3)
    assert abs(int(samples.mean()) - 120) <= 3
    with pytest.raises(CorruptDataError, match="frame 6"):
        codec("ffmpeg").decode(stream, replace(request, frame=6))
    with pytest.raises(LimitExceededError):
        codec("ffmpeg").decode(stream, replace(request, max_pixels=64 * 32 - 1))


def test_playlist_opens_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "local.m2v").write_bytes(video(3))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorruptDataError):
        codec("ffmpeg").decode(b"ffconcat version 1.0\nfile local.m2v\n", colour_request())


@pytest.mark.parametrize("stream", [b"", b"no video at all", bytes(1000)])
def test_what_is_no_video(stream: bytes) -> None:
    pytest.importorskip("av")
    with pytest.raises(CorruptDataError):
        codec("ffmpeg").decode(stream, colour_request())
