"""What streams say of themselves, read before any decoder is let loose on them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import imagecodecs
import numpy as np
import pytest

from rendicom.dicom.codestreams import StreamInfo, kind_of, parse_jpeg, parse_jpeg_xl
from rendicom.dicom.jpeg2000 import parse_jpeg2000
from rendicom.errors import CorruptDataError

SOI, EOI, SCAN = b"\xff\xd8", b"\xff\xd9", b"\xff\xda\x00\x02coded"


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def start_of_frame(marker: int = 0xC0, names: bytes = b"\1\2\3", *, precision: int = 8) -> bytes:
    """Return a frame header of 20 rows and 30 columns (T.81 B.2.2)."""
    parts = b"".join(bytes((name, 0x11, 0)) for name in names)
    return segment(marker, struct.pack(">BHHB", precision, 20, 30, len(names)) + parts)


JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")


def adobe(transform: int) -> bytes:
    return segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes((transform,)))


# --- JPEG -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marker", "kind"),
    [(0xC0, "jpeg"), (0xC1, "jpeg"), (0xC2, "jpeg"), (0xC3, "jpeg-lossless"), (0xF7, "jpeg-ls")],
)
def test_kinds_of_jpeg(marker: int, kind: str) -> None:
    info = parse_jpeg(SOI + start_of_frame(marker, b"\1", precision=12) + SCAN + EOI)
    assert (info.kind, info.rows, info.columns) == (kind, 20, 30)
    assert (info.components, info.precision, info.unsupported) == (1, 12, "")
    assert info.is_complete


@pytest.mark.parametrize(
    ("marker", "word"), [(0xC5, "hierarchical"), (0xCF, "hierarchical"), (0xC9, "arithmetic")]
)
def test_jpeg_that_nothing_decodes_is_named(marker: int, word: str) -> None:
    assert word in parse_jpeg(SOI + start_of_frame(marker) + SCAN + EOI).unsupported


@pytest.mark.parametrize(
    ("markers", "names", "is_ycbcr"),
    [
        (b"", b"\1\2\3", None),
        (b"", b"RGB", False),
        (JFIF, b"\1\2\3", True),
        (JFIF, b"RGB", True),
        (adobe(0), b"\1\2\3", False),
        (adobe(1), b"\1\2\3", True),
        (JFIF + adobe(0), b"\1\2\3", None),
        (JFIF + adobe(0), b"RGB", False),
        (JFIF + adobe(1), b"\1\2\3", True),
        (adobe(1), b"RGB", True),
    ],
)
def test_colour_model_of_jpeg(markers: bytes, names: bytes, is_ycbcr: bool | None) -> None:
    info = parse_jpeg(SOI + markers + start_of_frame(names=names) + SCAN + EOI)
    assert info.transformed is is_ycbcr


def test_bytes_around_a_jpeg() -> None:
    stream = SOI + start_of_frame() + SCAN + EOI
    info = parse_jpeg(b"\0" + stream + b"\0\0\0")
    assert (info.start, info.stop) == (1, 1 + len(stream))
    assert kind_of(b"\0" + stream[:8]) == "jpeg"


def test_jpeg_without_an_end() -> None:
    stream = SOI + start_of_frame() + SCAN
    info = parse_jpeg(stream)
    assert not info.is_complete
    assert info.stop == len(stream)


def test_marker_may_be_filled_with_ff() -> None:
    assert parse_jpeg(SOI + b"\xff\xff" + start_of_frame() + SCAN + EOI).rows == 20


@pytest.mark.parametrize(
    "stream", [b"", SOI, SOI + EOI, SOI + JFIF, SOI + SCAN, SOI + segment(0xC0, b"\x08\0")]
)
def test_jpeg_without_a_frame_header(stream: bytes) -> None:
    with pytest.raises(CorruptDataError):
        parse_jpeg(stream)


def test_profile_in_pieces() -> None:
    pieces = [b"ICC_PROFILE\0\2\2cd", b"ICC_PROFILE\0\1\2ab"]
    markers = b"".join(segment(0xE2, piece) for piece in pieces)
    assert parse_jpeg(SOI + markers + start_of_frame() + SCAN + EOI).icc_profile == b"abcd"
    first = SOI + segment(0xE2, pieces[0]) + start_of_frame() + SCAN + EOI
    assert parse_jpeg(first).icc_profile is None


@pytest.mark.parametrize(("level", "is_reversible"), [(0, True), (2, False)])
@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)])
def test_loss_of_jpeg_ls(level: int, is_reversible: bool, shape: tuple[int, ...]) -> None:
    stream = bytes(imagecodecs.jpegls_encode(np.zeros(shape, np.uint8), level=level))
    assert parse_jpeg(stream).reversible is is_reversible


def test_lossless_jpeg_is_reversible() -> None:
    assert parse_jpeg(SOI + start_of_frame(0xC3) + SCAN + EOI).reversible
    assert not parse_jpeg(SOI + start_of_frame(0xC0) + SCAN + EOI).reversible


# --- JPEG 2000 --------------------------------------------------------------------------------


def siz(
    *,
    size: tuple[int, int] = (30, 20),
    origin: tuple[int, int] = (0, 0),
    tile: tuple[int, int] = (30, 20),
    tile_origin: tuple[int, int] = (0, 0),
    components: Sequence[tuple[int, int, int]] = ((7, 1, 1),),
    capabilities: int = 0,
) -> bytes:
    """Return an image size segment (T.800 A.5.1); pairs are x, y."""
    numbers = (*size, *origin, *tile, *tile_origin, len(components))
    parts = b"".join(bytes(part) for part in components)
    return segment(0x51, struct.pack(">H8IH", capabilities, *numbers) + parts)


COD = segment(0x52, bytes((0, 0, 0, 1, 1, 5, 4, 4, 0, 1)))
QCD = segment(0x5C, bytes((0x20, *[0x48] * 16)))
TILE = b"\xff\x90\x00\x0a" + bytes(8)


def codestream(size: bytes, *others: bytes) -> bytes:
    return b"\xff\x4f" + size + b"".join(others or (COD, QCD)) + TILE + EOI


def test_header_of_jpeg_2000() -> None:
    info = parse_jpeg2000(codestream(siz(components=((0x8B, 1, 1),))))
    assert (info.kind, info.rows, info.columns, info.components) == ("jpeg2000", 20, 30, 1)
    assert (info.precision, info.signed) == (12, True)
    assert (info.transformed, info.reversible, info.is_complete) == (True, True, True)


def test_origin_is_not_part_of_the_image() -> None:
    info = parse_jpeg2000(codestream(siz(size=(40, 25), origin=(10, 5), tile=(64, 64))))
    assert (info.rows, info.columns) == (20, 30)


def test_high_throughput_is_told_by_the_capabilities() -> None:
    assert parse_jpeg2000(codestream(siz(capabilities=0x4000))).kind == "htj2k"
    cap = segment(0x50, bytes(6))
    assert parse_jpeg2000(codestream(siz(), cap, COD, QCD)).kind == "htj2k"


def test_largest_component_is_the_size() -> None:
    """A first component of few samples must not hide how large the others are."""
    components = ((7, 255, 255), (7, 1, 1), (7, 1, 1))
    info = parse_jpeg2000(codestream(siz(components=components)))
    assert (info.rows, info.columns) == (20, 30)


def test_second_size_does_not_count() -> None:
    stream = codestream(siz(size=(3000, 2000), tile=(3000, 2000)), siz(), COD, QCD)
    info = parse_jpeg2000(stream)
    assert (info.rows, info.columns) == (2000, 3000)


@pytest.mark.parametrize(
    "size",
    [
        siz(origin=(30, 0)),
        siz(origin=(0x10000000, 0)),  # OpenJPH never returns from these three
        siz(tile_origin=(1, 0)),
        siz(tile_origin=(0, 1)),
        siz(tile=(0, 20)),
        siz(size=(1 << 20, 1 << 20), tile=(1, 1)),
        siz(components=()),
        siz(components=((7, 0, 1),)),
        siz(components=((7, 1, 1), (7, 1, 0))),
        siz()[:-3] + b"\xff\x52\x00",
    ],
)
def test_sizes_that_make_no_sense(size: bytes) -> None:
    with pytest.raises(CorruptDataError):
        parse_jpeg2000(codestream(size))


@pytest.mark.parametrize(
    "others",
    [
        (COD,),
        (QCD,),
        (COD, segment(0x5C, b"\x20")),
        (COD, segment(0x5C, bytes((0x20, *[0x48] * 15)))),
        (COD, segment(0x5C, bytes((0x22, *[0x48] * 31)))),
        (COD, segment(0x5C, bytes((0x21, 0x48)))),
        (COD, QCD, segment(0x5D, bytes((0, 0x20, 0x48)))),
        (segment(0x52, bytes((0, 0, 0, 1, 1, 33, 4, 4, 0, 1))), QCD),
        (COD, QCD, segment(0x53, bytes((0, 0, 6, 4, 4, 0, 1)))),
    ],
)
def test_step_sizes_for_too_few_subbands(others: tuple[bytes, ...]) -> None:
    """OpenJPH reads memory that nobody has set, and crashes."""
    with pytest.raises(CorruptDataError):
        parse_jpeg2000(codestream(siz(capabilities=0x4000), *others))


@pytest.mark.parametrize("step", [(0x20, *[0x48] * 16), (0x22, *[0x48] * 32), (0x21, 0x48, 0)])
def test_step_sizes_that_suffice(step: tuple[int, ...]) -> None:
    stream = codestream(siz(capabilities=0x4000), COD, segment(0x5C, bytes(step)))
    assert parse_jpeg2000(stream).rows == 20


def test_boxes_around_a_codestream() -> None:
    profile = bytes(range(128))
    boxes = b"\0\0\0\x0cjP  \r\n\x87\n"
    boxes += struct.pack(">I4s3B", 8 + 3 + 128, b"colr", 2, 0, 0) + profile
    boxes += b"\0\0\0\0jp2c"
    stream = boxes + codestream(siz())
    info = parse_jpeg2000(stream + b"\0")
    assert kind_of(stream[:16]) == "jpeg2000"
    assert stream[info.start : info.stop] == codestream(siz())
    assert info.icc_profile == profile


# --- JPEG XL ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [(1, 1), (8, 8), (256, 256), (8, 300), (300, 700), (512, 512), (1000, 2000), (24, 20)]
)
@pytest.mark.parametrize("container", [False, True])
def test_size_of_jpeg_xl(size: tuple[int, int], container: bool) -> None:
    stream = imagecodecs.jpegxl_encode(np.zeros(size, np.uint8), usecontainer=container)
    info = parse_jpeg_xl(bytes(stream))
    assert (info.rows, info.columns) == size


def box(kind: bytes, content: bytes, *, wide: bool = False) -> bytes:
    if wide:
        return struct.pack(">I4sQ", 1, kind, len(content) + 16) + content
    return struct.pack(">I4s", len(content) + 8, kind) + content


# 2**30 rows and columns: div8 = 0, selectors 3 and 30 bits of ones, ratio 0.
HUGE = b"\xff\x0a" + (0b110 | (2**30 - 1) << 3 | 0b11 << 36 | (2**30 - 1) << 38).to_bytes(
    9, "little"
)
SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("kind", [b"jxlc", b"jxlp"])
def test_codestream_that_counts_is_the_first(kind: bytes, wide: bool) -> None:
    """What looks like a codestream in other boxes must not hide the size of the real one."""
    small = bytes(imagecodecs.jpegxl_encode(np.zeros((8, 8), np.uint8)))
    decoy = box(b"Exif", b"jxlc" + small)
    index = b"\0\0\0\0" if kind == b"jxlp" else b""
    stream = SIGNATURE + decoy + box(kind, index + HUGE, wide=wide) + decoy
    info = parse_jpeg_xl(stream)
    assert (info.rows, info.columns) == (2**30, 2**30)


@pytest.mark.parametrize(
    "stream",
    [
        b"\xff\x0b",
        SIGNATURE,
        SIGNATURE + box(b"Exif", b"\xff\x0a" + bytes(20)),
        SIGNATURE + struct.pack(">I4s", 4, b"ftyp") + b"\xff\x0a",
        SIGNATURE + box(b"jxlc", b""),
    ],
)
def test_no_codestream(stream: bytes) -> None:
    with pytest.raises(CorruptDataError):
        parse_jpeg_xl(stream)


# --- any --------------------------------------------------------------------------------------


@pytest.mark.parametrize("parse", [parse_jpeg, parse_jpeg2000, parse_jpeg_xl])
def test_cut_anywhere(parse: Callable[[bytes], StreamInfo]) -> None:
    streams = {
        parse_jpeg: SOI + JFIF + adobe(1) + start_of_frame() + SCAN + EOI,
        parse_jpeg2000: codestream(siz(capabilities=0x4000)),
        parse_jpeg_xl: SIGNATURE + box(b"Exif", b"x") + box(b"jxlc", HUGE),
    }
    for end in range(len(streams[parse])):
        try:
            info = parse(streams[parse][:end])
        except CorruptDataError:
            continue
        assert info.rows > 0
        assert info.columns > 0


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff", b"\xff\xd8", b"P5\n", bytes(16)])
def test_bytes_of_no_kind(data: bytes) -> None:
    assert kind_of(data) == ""
