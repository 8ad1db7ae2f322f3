"""PNG by its specification: chunks, CRC, filters, profile."""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from rendicom.encode import encode, format_named, scanlines, zlib_streams
from rendicom.encode.formats import EncodeSettings, png
from rendicom.values import DisplayImage


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Parse a PNG datastream, checking every CRC with zlib's own."""
    assert data[:8] == bytes.fromhex("89504e470d0a1a0a")
    found, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        crc = int.from_bytes(data[at + 8 + length : at + 12 + length], "big")
        assert crc == zlib.crc32(kind + body)
        found.append((kind, body))
        at += 12 + length
    assert at == len(data)
    return found


@pytest.mark.parametrize(
    ("shape", "dtype", "depth", "colour_type"),
    [
        ((3, 5), "uint8", 8, 0),
        ((3, 5), "uint16", 16, 0),
        ((3, 5, 3), "uint8", 8, 2),
        ((3, 5, 3), "uint16", 16, 2),
    ],
)
def test_header(shape, dtype, depth, colour_type, samples):
    data = encode(DisplayImage(samples(shape, dtype)), format_named("png"), EncodeSettings())
    found = chunks(data)
    assert [kind for kind, _ in found] == [b"IHDR", b"IDAT", b"IEND"]
    assert found[0][1] == struct.pack(">IIBBBBB", 5, 3, depth, colour_type, 0, 0, 0)


def test_scanlines_of_a_known_picture():
    written = np.array([[1, 2], [4, 4], [3, 255]], np.uint8)
    data = encode(DisplayImage(written), format_named("png"), EncodeSettings())
    # Filter 2 (up): each byte less the one above, modulo 256.
    assert zlib.decompress(chunks(data)[1][1]) == bytes([2, 1, 2, 2, 3, 2, 2, 255, 251])


def test_sixteen_bits_are_most_significant_byte_first():
    written = np.array([[0x1234]], np.uint16)
    data = encode(DisplayImage(written), format_named("png"), EncodeSettings())
    assert zlib.decompress(chunks(data)[1][1]) == bytes([2, 0x12, 0x34])


def test_no_compression_stores():
    written = np.zeros((100, 100), np.uint8)
    data = encode(DisplayImage(written), format_named("png"), EncodeSettings(compression=0))
    assert len(chunks(data)[1][1]) > written.nbytes


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_more_effort_is_no_bigger(dtype, samples):
    picture = samples((128, 128), dtype, "smooth") ^ (samples((128, 128), dtype) & 3)
    sizes = {
        compression: len(
            encode(
                DisplayImage(picture), format_named("png"), EncodeSettings(compression=compression)
            )
        )
        for compression in (0, 1, 6, 9)
    }
    assert sizes[9] <= sizes[6] < sizes[1] < sizes[0]


@pytest.mark.parametrize("band_bytes", [1, 100, 1000])
@pytest.mark.parametrize("compression", [None, 9])
def test_bands_change_nothing_in_the_picture(band_bytes, compression, samples, monkeypatch):
    monkeypatch.setattr(scanlines, "_BAND_BYTES", band_bytes)
    written = samples((41, 37, 3), "uint16", "smooth")
    data = encode(
        DisplayImage(written), format_named("png"), EncodeSettings(compression=compression)
    )
    assert np.array_equal(imagecodecs.png_decode(data), written)


def test_pillow_and_libpng_agree(samples):
    written = samples((257, 129), "uint16", "smooth")
    data = encode(DisplayImage(written), format_named("png"), EncodeSettings())
    assert np.array_equal(imagecodecs.png_decode(data), written)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), written)


def test_long_streams_are_split(samples, monkeypatch):
    monkeypatch.setattr(png, "_IDAT_BYTES", 1000)
    written = samples((60, 60), "uint8")
    data = encode(DisplayImage(written), format_named("png"), EncodeSettings())
    lengths = [len(body) for kind, body in chunks(data) if kind == b"IDAT"]
    assert len(lengths) > 2
    assert max(lengths) == 1000
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), written)


def test_profile_is_embedded_unchanged(samples, rgb_profile):
    for name in ("png", "apng"):
        image = DisplayImage(samples((8, 8, 3), "uint8"), rgb_profile)
        data = encode(image, format_named(name), EncodeSettings())
        kinds = [kind for kind, _ in chunks(data)]
        assert kinds.index(b"iCCP") < kinds.index(b"IDAT")
        assert Image.open(io.BytesIO(data)).info["icc_profile"] == rgb_profile


def test_without_isal_the_picture_is_the_same(samples, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "isal", None)
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    written = samples((33, 61), "uint8", "smooth")
    data = encode(DisplayImage(written), format_named("png"), EncodeSettings())
    chunks(data)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), written)


def test_crc_goes_on_from_where_it_was():
    assert zlib_streams.crc32(b"456", zlib_streams.crc32(b"123")) == zlib.crc32(b"123456")


def test_animation_chunks(samples):
    from rendicom.encode import encode_animation

    frames = [samples((5, 7), "uint16", kind) for kind in ("noise", "smooth", "noise")]
    durations = [33.33, 40.0, 100_000.0]
    data = encode_animation(
        [DisplayImage(frame) for frame in frames], durations, format_named("apng"), EncodeSettings()
    )
    found = chunks(data)
    kinds = [kind for kind, _ in found]
    assert kinds == [
        *(b"IHDR", b"acTL", b"fcTL", b"IDAT"),
        *(b"fcTL", b"fdAT", b"fcTL", b"fdAT", b"IEND"),
    ]
    assert found[1][1] == struct.pack(">II", 3, 0)
    numbers = [
        int.from_bytes(body[:4], "big") for kind, body in found if kind in (b"fcTL", b"fdAT")
    ]
    assert numbers == [0, 1, 2, 3, 4]
    controls = [struct.unpack(">IIIIIHHBB", body) for kind, body in found if kind == b"fcTL"]
    delays = [1000 * Fraction(control[5], control[6]) for control in controls]
    assert delays[0] == pytest.approx(33.33, abs=1e-3)
    assert delays[1:] == [40, 100_000]
    assert {control[1:5] + control[7:] for control in controls} == {(7, 5, 0, 0, 0, 0)}
    read = imagecodecs.apng_decode(data)
    assert np.array_equal(read, np.stack(frames))


def test_the_bytes_do_not_depend_on_addresses_in_memory() -> None:
    pytest.importorskip("isal")
    rows = np.zeros((85, 1317), np.uint8)
    rows[:, 0] = 2
    rows[2:80:3, 100:160] = np.random.default_rng(0).integers(0, 256, (26, 60))
    # What is held moves the compressor. ISA-L by itself gives other bytes for 1 address in 4000.
    held, found = [], set()
    for _ in range(30_000):
        found.add(zlib_streams.zlib_stream([rows], 1))
        held.append(np.empty(70_000, np.uint8))
    (stream,) = found
    assert zlib.decompress(stream) == rows.tobytes()


@pytest.mark.parametrize("compression", [None, 2])
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((1500, 1003), "uint8"), ((1100, 1030), "uint16"), ((1030, 1100, 3), "uint8")],
)
def test_any_number_of_threads_writes_the_same_large_picture(shape, dtype, compression, samples):
    written = samples(shape, dtype, "smooth") ^ (samples(shape, dtype) & 7)
    streams = {
        encode(DisplayImage(written), format_named("png"), EncodeSettings(90, compression, threads))
        for threads in (1, 2, 5)
    }
    (data,) = streams
    # zlib checks the combined checksum.
    row = 1 + written[0].nbytes
    assert len(
        zlib.decompress(b"".join(body for kind, body in chunks(data) if kind == b"IDAT"))
    ) == (row * shape[0])
    assert np.array_equal(imagecodecs.png_decode(data), written)
