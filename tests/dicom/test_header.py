"""Headers are found in files that keep the rules, and in those that do not."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from rendicom.dicom.byte_source import open_source
from rendicom.dicom.byte_window import HandOverError
from rendicom.dicom.header import Header, header_of_dataset, read_header
from rendicom.dicom.picture_tags import WANTED
from rendicom.errors import CorruptDataError, LimitExceededError, NotDicomError
from rendicom.testing import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    Element,
    dicom_file,
    element,
    encapsulate,
    sequence,
    write_elements,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
JPEG = "1.2.840.10008.1.2.4.50"
ROWS, COLUMNS, PIXELS = 0x00280010, 0x00280011, 0x7FE00010
BASIC = (
    element(0x00080016, "UI", CT),
    element(0x00080060, "CS", "CT"),
    element(ROWS, "US", 2),
    element(COLUMNS, "US", 3),
)
NATIVE = (*BASIC, element(PIXELS, "OW", bytes(range(12))))


def read(
    data: bytes, *, reader: Literal["auto", "fast", "pydicom"] = "auto", limit: int = 1 << 20
) -> Header:
    return read_header(
        open_source(data), reader=reader, max_header_bytes=limit, max_inflated_bytes=limit
    )


def pixels_of(header: Header) -> bytes:
    assert header.pixel is not None
    return header.source.read(header.pixel.offset, header.pixel.length or 1 << 20)


@pytest.mark.parametrize("reader", ["fast", "pydicom"])
@pytest.mark.parametrize(
    ("syntax", "explicit"), [(EXPLICIT, True), (IMPLICIT, False), (DEFLATED, True)]
)
def test_native_files(
    syntax: str,
    explicit: bool,
    reader: Literal["fast", "pydicom"],
) -> None:
    header = read(dicom_file(NATIVE, transfer_syntax=syntax), reader=reader)
    assert header.reader == reader
    assert header.transfer_syntax == syntax
    assert header.sop_class == CT
    assert header.explicit_vr is explicit
    assert header.little_endian
    assert header.warnings == ()
    assert header.attributes.integer(ROWS) == 2
    assert header.attributes.integer(COLUMNS) == 3
    assert header.pixel is not None
    assert (header.pixel.keyword, header.pixel.vr) == ("PixelData", "OW")
    assert pixels_of(header) == bytes(range(12))


@pytest.mark.parametrize("reader", ["fast", "pydicom"])
def test_encapsulated_files(reader: Literal["fast", "pydicom"]) -> None:
    pixels = encapsulate([b"\xff\xd8\xff one", b"\xff\xd8\xff two"], offset_table="extended")
    header = read(dicom_file((*BASIC, *pixels), transfer_syntax=JPEG), reader=reader)
    assert header.pixel is not None
    assert (header.pixel.vr, header.pixel.length) == ("OB", None)
    assert header.source.read(header.pixel.offset, 8) == b"\xfe\xff\x00\xe0\0\0\0\0"
    assert struct.unpack("<2Q", header.attributes.raw(0x7FE00001)) == (0, 16)
    assert struct.unpack("<2Q", header.attributes.raw(0x7FE00002)) == (8, 8)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_fragments_under_a_native_syntax_and_the_reverse(syntax: str) -> None:
    header = read(dicom_file((*BASIC, *encapsulate([b"1234"])), transfer_syntax=syntax))
    assert header.pixel is not None
    assert header.pixel.length is None
    header = read(dicom_file(NATIVE, transfer_syntax=JPEG), reader="fast")
    assert header.pixel is not None
    assert header.pixel.length == 12


@pytest.mark.parametrize(
    ("tag", "vr", "keyword"),
    [(0x7FE00008, "OF", "FloatPixelData"), (0x7FE00009, "OD", "DoubleFloatPixelData")],
)
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_float_pixel_data(tag: int, vr: str, keyword: str, syntax: str) -> None:
    data = dicom_file((*BASIC, element(tag, vr, bytes(48))), transfer_syntax=syntax)
    for reader in ("fast", "pydicom"):
        pixel = read(data, reader=reader).pixel
        assert pixel is not None
        assert (pixel.keyword, pixel.vr, pixel.length) == (keyword, vr, 48)


def test_big_endian_is_read() -> None:
    lut = element(0x00283006, "OW", struct.pack("<2H", 0x0102, 0x0304))
    data = dicom_file((*NATIVE, lut), transfer_syntax=BIG_ENDIAN)
    header = read(data)
    assert (header.reader, header.little_endian, header.explicit_vr) == ("fast", False, True)
    assert header.attributes.integer(ROWS) == 2
    assert header.attributes.raw(0x00283006) == b"\x02\x01\x04\x03"
    assert header.attributes.words(0x00283006).tolist() == [0x0102, 0x0304]
    assert pixels_of(header) == bytes([1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10])


@pytest.mark.parametrize("group_length", [True, False])
def test_the_group_length_of_the_meta_information_does_not_matter(
    group_length: bool,
) -> None:
    assert read(dicom_file(NATIVE, group_length=group_length), reader="fast").sop_class == CT
    wrong = element(0x00020000, "UL", 3)
    data = dicom_file(NATIVE, meta_elements=[wrong])
    assert read(data, reader="fast").sop_class == CT


@pytest.mark.parametrize(
    ("encoding", "syntax"),
    [("explicit-little", EXPLICIT), ("implicit-little", IMPLICIT), ("explicit-big", BIG_ENDIAN)],
)
def test_the_transfer_syntax_of_a_bare_data_set_is_guessed(
    encoding: Literal["explicit-little", "implicit-little", "explicit-big"], syntax: str
) -> None:
    header = read(write_elements(NATIVE, encoding=encoding))
    assert header.transfer_syntax == syntax
    assert header.sop_class == CT
    assert header.pixel is not None
    assert header.pixel.length == 12
    assert header.warnings == ("the file has no transfer syntax: it was guessed",)


def test_the_sop_class_may_stand_in_the_meta_information_only() -> None:
    meta = [element(0x00020002, "UI", CT)]
    data = dicom_file(NATIVE[2:], meta_elements=meta)
    assert read(data, reader="fast").sop_class == CT
    assert read(data, reader="pydicom").sop_class == CT


@pytest.mark.parametrize("encoding", ["implicit-little", "explicit-big"])
def test_a_data_set_that_is_not_what_the_transfer_syntax_says(
    encoding: Literal["implicit-little", "explicit-big"],
) -> None:
    data = dicom_file(NATIVE, transfer_syntax=EXPLICIT, encoding=encoding)
    with pytest.raises(HandOverError):
        read(data, reader="fast")


def test_implicit_vr_under_an_explicit_syntax_is_read() -> None:
    header = read(dicom_file(NATIVE, transfer_syntax=EXPLICIT, encoding="implicit-little"))
    assert (header.explicit_vr, header.attributes.integer(ROWS)) == (False, 2)
    assert pixels_of(header) == bytes(range(12))


def test_explicit_vr_under_the_implicit_syntax_is_read() -> None:
    header = read(dicom_file(NATIVE, transfer_syntax=IMPLICIT, encoding="explicit-little"))
    assert (header.explicit_vr, header.attributes.integer(ROWS)) == (True, 2)
    assert pixels_of(header) == bytes(range(12))


# --- deflated ---------------------------------------------------------------------------------


@pytest.mark.parametrize("zlib_header", [True, False])
def test_a_deflated_file_may_have_a_zlib_header(zlib_header: bool) -> None:
    data = dicom_file(NATIVE, transfer_syntax=DEFLATED, zlib_header=zlib_header)
    assert pixels_of(read(data, reader="fast")) == bytes(range(12))
    assert pixels_of(read(data + b"\0\0\0", reader="pydicom")) == bytes(range(12))


def test_a_deflated_file_has_a_limit() -> None:
    data = dicom_file((*BASIC, element(PIXELS, "OW", bytes(1 << 21))), transfer_syntax=DEFLATED)
    assert len(data) < 1 << 13
    for reader in ("fast", "pydicom"):
        with pytest.raises(LimitExceededError, match="inflates to more than 1048576 bytes"):
            read(data, reader=reader)
    assert read(data, limit=3 << 20).pixel is not None


def test_a_deflated_file_cut_short_gives_what_is_there() -> None:
    noise = b"".join(zlib.crc32(bytes([n & 255, n >> 8])).to_bytes(4) for n in range(5000))
    data = dicom_file((*BASIC, element(PIXELS, "OW", noise)), transfer_syntax=DEFLATED)
    header = read(data[:-9000])
    assert header.warnings == ("the deflated data set is damaged or cut short",)
    assert header.attributes.integer(ROWS) == 2
    assert header.pixel is not None
    assert header.pixel.length == 20_000
    assert 5000 < len(pixels_of(header)) < 20_000


def test_a_deflated_file_that_is_not_deflated() -> None:
    start = dicom_file((), transfer_syntax=DEFLATED)
    data = start[: start.index(DEFLATED.encode()) + len(DEFLATED)] + b"\xff" * 30
    with pytest.raises(CorruptDataError):
        read(data)


# --- what it knows ------------------------------------------------------------------------------


def shared_groups(*, undefined: bool) -> Element:
    length = UNDEFINED if undefined else None
    window = [element(0x00281050, "DS", "40"), element(0x00281051, "DS", "400")]
    voi = sequence(0x00289132, window, length=length, undefined_items=undefined)
    private = sequence(
        0x00091001, [sequence(0x00091002, [element(0x00091003, "LO", "X")], length=length)],
        length=length, undefined_items=undefined,
    )  # fmt: skip
    return sequence(0x52009229, [private, voi], length=length, undefined_items=undefined)


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("reader", ["fast", "pydicom"])
def test_nested_sequences(
    undefined: bool,
    syntax: str,
    reader: Literal["fast", "pydicom"],
) -> None:
    data = dicom_file((*NATIVE, shared_groups(undefined=undefined)), transfer_syntax=syntax)
    header = read(data, reader=reader)
    (groups,) = header.attributes.items(0x52009229)
    (voi,) = groups.items(0x00289132)
    assert voi.numbers(0x00281050) == (40.0,)
    assert 0x52009229 in header.attributes
    assert 0x00289145 not in groups
    assert groups.items(0x00289145) == ()
    assert pixels_of(header) == bytes(range(12))


@pytest.mark.parametrize("reader", ["fast", "pydicom"])
def test_items_behave_like_a_sequence(reader: Literal["fast", "pydicom"]) -> None:
    frames = [[element(0x00281050, "DS", str(n))] for n in range(5)]
    data = dicom_file((*NATIVE, sequence(0x52009230, *frames)))
    items = read(data, reader=reader).attributes.items(0x52009230)
    assert len(items) == 5
    assert [item.number(0x00281050) for item in items] == [0, 1, 2, 3, 4]
    assert [item.number(0x00281050) for item in items[1:3]] == [1, 2]
    assert items[-1].number(0x00281050) == 4
    with pytest.raises(IndexError):
        items[5]


@pytest.mark.parametrize("length", [None, UNDEFINED])
def test_an_empty_sequence_is_absent(length: int | None) -> None:
    data = dicom_file((*NATIVE, sequence(0x52009229, length=length)))
    for reader in ("fast", "pydicom"):
        header = read(data, reader=reader)
        assert 0x52009229 not in header.attributes
        assert len(header.attributes.items(0x52009229)) == 0


def test_an_encapsulated_icon_is_passed_by() -> None:
    icon = [element(ROWS, "US", 9), *encapsulate([b"icon"])]
    data = dicom_file((*NATIVE, sequence(0x00880200, icon, length=UNDEFINED, undefined_items=True)))
    header = read(data, reader="fast")
    assert header.attributes.integer(ROWS) == 2
    assert pixels_of(header) == bytes(range(12))


def test_an_unknown_sequence_stored_as_un_is_passed_by() -> None:
    private = sequence(
        0x00091001, [element(0x00091002, "LO", "X")], length=UNDEFINED, vr="UN",
        undefined_items=True,
    )  # fmt: skip
    header = read(dicom_file((*NATIVE, private)), reader="fast")
    assert pixels_of(header) == bytes(range(12))


def test_a_wanted_sequence_stored_as_un_is_read() -> None:
    lut = [element(0x00283003, "LO", "SHARP")]
    data = dicom_file((*NATIVE, sequence(0x00283010, lut, vr="UN")))
    (item,) = read(data).attributes.items(0x00283010)
    assert item.text(0x00283003) == "SHARP"


def test_objects_without_pixels() -> None:
    text = sequence(0x0040A730, [element(0x0040A160, "UT", "finding")])
    header = read(dicom_file((*BASIC, text)), reader="fast")
    assert header.pixel is None
    assert 0x0040A730 in header.attributes


def test_a_dicomdir_is_dicom_without_pixels(tmp_path: Path) -> None:
    records = sequence(0x00041220, [element(0x00041430, "CS", "PATIENT")])
    meta = [element(0x00020002, "UI", "1.2.840.10008.1.3.10")]
    header = read(dicom_file([records], meta_elements=meta))
    assert header.sop_class == "1.2.840.10008.1.3.10"
    assert header.pixel is None


@pytest.mark.parametrize(
    ("damaged", "reason"),
    [
        ((*NATIVE, element(0x00091001, "ZZ", "X", length=77)), "unknown VR"),
        ((*BASIC, element(PIXELS, "US", 7)), "no VR that fits"),
        ((*NATIVE, element(0x00091001, "UT", "X", length=UNDEFINED)), "not a sequence"),
        ((*BASIC, element(0x00091001, "UT", "X", length=5000)), "longer than the rest of the data"),
        ((*BASIC, element(0x30040002, "LO", "X", length=5000)), "longer than the rest of the data"),
        ((*NATIVE, element(0x00091001, "OB", b"12345678", length=UNDEFINED)), "other than items"),
    ],
)
def test_what_is_handed_over(damaged: tuple[Element, ...], reason: str) -> None:
    with pytest.raises(HandOverError, match=reason):
        read(dicom_file(damaged), reader="fast")


def test_disorder_is_handed_over() -> None:
    with pytest.raises(HandOverError, match="order"):
        read(dicom_file((NATIVE[3], *NATIVE), sort=False), reader="fast")


@pytest.mark.parametrize("reader", ["auto", "pydicom"])
def test_a_damaged_item_is_read_as_far_as_pydicom_can(
    reader: Literal["auto", "pydicom"],
) -> None:
    # The second element has no VR: pydicom takes it for implicit VR.
    good = write_elements([element(0x00281050, "DS", "40")])
    odd = write_elements([element(0x00281051, "DS", "400 ")], encoding="implicit-little")
    item = good + odd
    value = struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item
    data = dicom_file((*NATIVE, Element(0x00283010, "SQ", (value,))))
    (found,) = read(data, reader=reader).attributes.items(0x00283010)
    assert found.number(0x00281050) == 40
    assert found.number(0x00281051) == 400


@pytest.mark.parametrize("reader", ["fast", "pydicom"])
@pytest.mark.parametrize("value", [b"no items here!!!", b"\xfe\xff\x00\xe0", b"\0" * 8])
def test_a_sequence_of_junk_holds_nothing(value: bytes, reader: Literal["fast", "pydicom"]) -> None:
    data = dicom_file((*NATIVE, Element(0x00283010, "SQ", (value,))))
    header = read(data, reader=reader)
    # pydicom makes an item of anything with a length.
    assert not any(tag in item for item in header.attributes.items(0x00283010) for tag in WANTED)
    assert header.attributes.texts(0x00283010) == ()
    assert header.attributes.raw(0x00283010) == b""
    assert pixels_of(header) == bytes(range(12))


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_deep_nesting_is_refused(syntax: str) -> None:
    def nested(depth: int) -> Element:
        inside = [nested(depth - 1)] if depth else []
        return sequence(0x00091001, inside, length=UNDEFINED, undefined_items=True)

    assert read(dicom_file((*NATIVE, nested(40)), transfer_syntax=syntax)).reader == "fast"
    with pytest.raises(CorruptDataError, match="nested more than 64 deep"):
        read(dicom_file((*NATIVE, nested(100)), transfer_syntax=syntax))


# --- what is no DICOM ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"Dear Sir or Madam,\n\n" * 50,
        b"\xff\xd8\xff\xe0\x00\x10JFIF\0" + bytes(500),
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
        bytes(4000),
        b"{}",
    ],
)
def test_other_files_are_not_dicom(data: bytes) -> None:
    with pytest.raises(NotDicomError):
        read(data)


def test_a_preamble_alone_is_corrupt() -> None:
    with pytest.raises(CorruptDataError):
        read(bytes(128) + b"DICM")


def test_a_header_that_ends_too_soon_is_corrupt() -> None:
    data = dicom_file((*BASIC, element(0x30060020, "OB", bytes(500)), NATIVE[-1]))
    with pytest.raises(CorruptDataError, match="ends inside a data element"):
        read(data[:-300])


# --- size ---------------------------------------------------------------------------------------


def sparse_file(path: Path, *, syntax: str, before: int) -> int:
    """Write a file with a private value of ``before`` bytes that take no room on the disk."""
    start = dicom_file(
        (*BASIC[:2], element(0x00091001, "OB", b"", length=before)), transfer_syntax=syntax
    )
    explicit = syntax != IMPLICIT
    rest = (*BASIC[2:], NATIVE[-1])
    end = write_elements(rest, encoding="explicit-little" if explicit else "implicit-little")
    with path.open("wb") as file:
        file.write(start)
        file.seek(before, 1)
        file.write(end)
    return path.stat().st_size


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("reader", ["fast", "pydicom"])
def test_long_values_are_passed_over(
    tmp_path: Path, syntax: str, reader: Literal["fast", "pydicom"]
) -> None:
    path = tmp_path / "sparse.dcm"
    size = sparse_file(path, syntax=syntax, before=200_000_000)
    assert size > 200_000_000
    source = open_source(path)
    header = read_header(source, reader=reader)
    assert header.attributes.integer(ROWS) == 2
    assert pixels_of(header) == bytes(range(12))
    assert source.bytes_read < 500_000
    source.close()


def test_long_values_inside_sequences_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "sparse.dcm"
    blob, marker = 100_000_000, b"<blob>"
    item = [element(0x00091002, "OB", marker, length=blob), element(0x00281050, "DS", "40")]
    voi = sequence(0x00283010, item, length=UNDEFINED, undefined_items=True)
    before, after = dicom_file((*NATIVE, voi)).split(marker)
    with path.open("wb") as file:
        file.write(before)
        file.seek(blob, 1)
        file.write(after)
    source = open_source(path)
    header = read_header(source, reader="fast")
    assert header.attributes.items(0x00283010)[0].number(0x00281050) == 40
    assert pixels_of(header) == bytes(range(12))
    assert source.bytes_read < 1_000_000
    source.close()


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_headers_longer_than_a_window(tmp_path: Path, syntax: str) -> None:
    path = tmp_path / "long.dcm"
    groups = [
        [sequence(0x00289132, [element(0x00281050, "DS", f"{n:06d}")], length=UNDEFINED)]
        for n in range(8000)
    ]
    notes = [element(0x00090000 | n, "LO", "x" * 64) for n in range(0x1000, 0xF000)]
    frames = sequence(0x52009230, *groups, length=UNDEFINED, undefined_items=True)
    pixels = element(PIXELS, "OW", bytes(2_000_000))
    path.write_bytes(dicom_file((*BASIC, *notes, frames, pixels), transfer_syntax=syntax))
    source = open_source(path)
    header = read_header(source, reader="fast")
    items = header.attributes.items(0x52009230)
    assert len(items) == 8000
    for n in (0, 4321, 7999):
        assert items[n].items(0x00289132)[0].number(0x00281050) == n
    assert header.attributes.integer(ROWS) == 2
    assert header.pixel is not None
    assert header.pixel.length == 2_000_000
    assert source.bytes_read < path.stat().st_size - 1_500_000
    with pytest.raises(LimitExceededError, match="longer than 1000000 bytes"):
        read_header(source, reader="fast", max_header_bytes=1_000_000)
    source.close()


def test_pydicom_is_held_to_the_limit() -> None:
    lut = element(0x00283006, "OW", bytes(2_000_000))
    data = dicom_file((*NATIVE, lut))
    with pytest.raises(LimitExceededError, match="longer than 1048576 bytes"):
        read(data, reader="pydicom")
    private = [
        sequence(0x00091001, [element(0x00091002, "OB", bytes(2_000_000))], length=UNDEFINED)
    ]
    with pytest.raises(LimitExceededError):
        read(dicom_file((*NATIVE, *private)), reader="pydicom")


def test_a_length_of_four_gigabytes_takes_no_memory() -> None:
    for tag, vr in ((0x00283006, "OW"), (0x00091001, "UT"), (0x00283010, "SQ")):
        data = dicom_file((*BASIC, element(tag, vr, b"1234", length=0xFFFFFFF0)))
        with pytest.raises(CorruptDataError):
            read(data)


def test_the_fast_reader_imports_neither_pydicom_nor_numpy(tmp_path: Path) -> None:
    path = tmp_path / "ct.dcm"
    path.write_bytes(dicom_file((*NATIVE, shared_groups(undefined=True))))
    script = f"""
import sys
from rendicom.dicom.byte_source import open_source
from rendicom.dicom.header import read_header
header = read_header(open_source({str(path)!r}))
assert header.attributes.items(0x52009229)[0].items(0x00289132)[0].number(0x00281050) == 40
assert header.reader == "fast"
assert not {{"pydicom", "numpy", "asyncio", "email"}} & set(sys.modules), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


# --- data sets in memory ------------------------------------------------------------------------


def made_dataset() -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = CT
    dataset.Rows, dataset.Columns = 2, 3
    dataset.PixelPaddingValue = -2000
    dataset.WindowCenter = [40, "300.5"]
    dataset.FrameIncrementPointer = 0x00181063
    dataset.add_new(0x00280121, "US", 65535)
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.PixelData = bytes(range(12))
    item = Dataset()
    item.LUTDescriptor = [256, -1024, 16]
    item.LUTData = struct.pack("<3H", 1, 2, 3)
    dataset.ModalityLUTSequence = [item]
    return dataset


def test_a_data_set_that_a_program_made() -> None:
    header = header_of_dataset(made_dataset())
    attributes = header.attributes
    assert (header.transfer_syntax, header.sop_class) == (EXPLICIT, CT)
    assert attributes.integer(ROWS) == 2
    assert attributes.integers(0x00280120) == (-2000,)
    assert attributes.integer(0x00280121) == 65535
    assert attributes.numbers(0x00281050) == (40.0, 300.5)
    assert attributes.integers(0x00280009) == (0x00181063,)
    assert attributes.texts(0x00080008) == ("DERIVED", "PRIMARY")
    (lut,) = attributes.items(0x00283000)
    assert lut.integers(0x00283002, signed=True) == (256, -1024, 16)
    assert lut.words(0x00283006).tolist() == [1, 2, 3]
    assert header.pixel is not None
    assert header.pixel.length == 12
    assert pixels_of(header) == bytes(range(12))


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm"])
def test_a_data_set_read_by_pydicom(name: str) -> None:
    path = Path(pydicom.__file__).parent / "data" / "test_files" / name
    from_file = read_header(open_source(path), reader="pydicom")
    dataset = pydicom.dcmread(path)
    for _ in range(2):
        in_memory = header_of_dataset(dataset)
        assert in_memory.transfer_syntax == from_file.transfer_syntax
        assert in_memory.little_endian == from_file.little_endian
        assert in_memory.attributes.integer(ROWS) == from_file.attributes.integer(ROWS)
        assert in_memory.pixel is not None
        assert from_file.pixel is not None
        assert in_memory.pixel.length == from_file.pixel.length
        assert pixels_of(from_file).startswith(pixels_of(in_memory))
        assert in_memory.source.size > 200
        for known in dataset.iterall():  # converts every value
            str(known.value)


def test_a_data_set_without_pixels_or_meta_information() -> None:
    dataset = Dataset()
    dataset.SOPClassUID = CT
    header = header_of_dataset(dataset)
    assert header.pixel is None
    assert (header.transfer_syntax, header.sop_class) == (EXPLICIT, CT)


def test_of_two_pixel_elements_the_first_counts_in_files_and_in_memory() -> None:
    both = dicom_file((*NATIVE, element(0x7FE00008, "OF", struct.pack("<6f", *range(6)))))
    for reader in ("fast", "pydicom"):
        pixel = read(both, reader=reader).pixel  # type: ignore[arg-type]
        assert pixel is not None
        assert pixel.keyword == "FloatPixelData"
    held = header_of_dataset(pydicom.dcmread(io.BytesIO(both))).pixel
    assert held is not None
    assert held.keyword == "FloatPixelData"


def test_values_of_a_data_set_that_cannot_be_stored_are_absent() -> None:
    dataset = Dataset()
    dataset.add_new(ROWS, "US", 2)
    dataset[ROWS]._value = 1 << 40
    dataset.add_new(COLUMNS, "US", 2)
    dataset[COLUMNS]._value = object()
    attributes = header_of_dataset(dataset).attributes
    assert ROWS not in attributes
    assert attributes.integers(ROWS) == ()
    assert attributes.integer(COLUMNS, 7) == 7


def test_private_syntaxes_are_read_by_what_the_bytes_look_like() -> None:
    ge = "1.2.840.113619.5.2"
    header = read(dicom_file(NATIVE, transfer_syntax=ge, encoding="implicit-little"))
    assert (header.transfer_syntax, header.reader, header.explicit_vr) == (ge, "pydicom", False)
    assert pixels_of(header) == bytes(range(12))
    header = read(dicom_file(NATIVE, transfer_syntax="1.2.3.4.5", encoding="explicit-little"))
    assert (header.explicit_vr, header.attributes.integer(ROWS)) == (True, 2)


def test_threads_may_share_a_header() -> None:
    frames = [[element(0x00281050, "DS", str(n))] for n in range(300)]
    for reader in ("fast", "pydicom"):
        header = read(dicom_file((*NATIVE, sequence(0x52009230, *frames))), reader=reader)

        def centers(_: int, header: Header = header) -> list[float | None]:
            return [item.number(0x00281050) for item in header.attributes.items(0x52009230)]

        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(centers, range(8)):
                assert found == list(range(300))
