"""pydicom reads what the writer writes."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_fragments, generate_frames
from pydicom.pixels import pixel_array
from pydicom.uid import RLELossless

from rendicom.testing import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    dicom_file,
    element,
    encapsulate,
    functional_groups,
    icc_profile,
    image,
    lookup_table,
    overlay,
    pack_bits,
    pack_cells,
    palette,
    rle,
    sequence,
    write_elements,
)

SYNTAXES = [EXPLICIT, IMPLICIT, DEFLATED, BIG_ENDIAN]

# tag, VR, what is written, what pydicom gives back
VALUES = [
    (0x00080005, "CS", "ISO_IR 100", "ISO_IR 100"),
    (0x00080008, "CS", ["ORIGINAL", "PRIMARY"], ["ORIGINAL", "PRIMARY"]),
    (0x00080018, "UI", "1.2.3", "1.2.3"),
    (0x00080020, "DA", "20260101", "20260101"),
    (0x00080030, "TM", "1200", "1200"),
    (0x0008002A, "DT", "20260101120000", "20260101120000"),
    (0x00080050, "SH", "A1", "A1"),
    (0x00080070, "LO", "Maker", "Maker"),
    (0x00080120, "UR", "http://example.org", "http://example.org"),
    (0x00100010, "PN", "Doe^J", "Doe^J"),
    (0x00101010, "AS", "030Y", "030Y"),
    (0x00104000, "LT", "text", "text"),
    (0x00081195, "UT", "longer text", "longer text"),
    (0x00080119, "UC", "unlimited", "unlimited"),
    (0x00080081, "ST", "street", "street"),
    (0x00081197, "AE", "STORE", "STORE"),
    (0x00200013, "IS", 7, 7),
    (0x00281050, "DS", [40, 300.5], [40, 300.5]),
    (0x00280010, "US", 512, 512),
    (0x00280106, "SS", -5, -5),
    (0x00186020, "SL", -70000, -70000),
    (0x00186018, "UL", 70000, 70000),
    (0x0018605A, "FL", 0.5, 0.5),
    (0x00186028, "FD", 0.1, 0.1),
    (0x00280009, "AT", 0x00181063, 0x00181063),
    (0x00080040, "SV", -(2**40), -(2**40)),
    (0x00080041, "UV", 2**40, 2**40),
    (0x00420011, "OB", b"\1\2\3", b"\1\2\3\0"),
    (0x00281201, "OW", b"\1\2\3\4", None),
    (0x00660129, "OL", b"\1\2\3\4", None),
    (0x00640009, "OF", b"\1\2\3\4", None),
    (0x00720073, "OD", b"\1\2\3\4\5\6\7\x08", None),
    (0x00720082, "OV", b"\1\2\3\4\5\6\7\x08", None),
    (0x00091010, "UN", b"\1\2", b"\1\2"),
]


def read(data: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(BytesIO(data))


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN, DEFLATED])
@pytest.mark.parametrize(("tag", "vr", "given", "expected"), VALUES)
def test_every_vr_reads_back(
    tag: int, vr: str, given: object, expected: object, syntax: str
) -> None:
    dataset = read(dicom_file([element(tag, vr, given)], transfer_syntax=syntax))
    written = dataset[tag]
    assert vr == written.VR
    if expected is not None:
        assert written.value == expected


def test_binary_cells_are_reversed_in_big_endian() -> None:
    given = bytes(range(1, 9))
    cells = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8, "OB": 1}
    for vr, size in cells.items():
        written = write_elements([element(0x00091010, vr, given)], encoding="explicit-big")
        expected = b"".join(given[at : at + size][::-1] for at in range(0, 8, size))
        assert written[12:] == expected


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("length", [None, UNDEFINED])
@pytest.mark.parametrize("undefined_items", [False, True])
def test_nested_sequences_read_back(syntax: str, length: int | None, undefined_items: bool) -> None:
    inner = sequence(0x00081140, [element(0x00081155, "UI", "1.2")], [], length=length)
    outer = sequence(
        0x00081115, [inner, element(0x0020000E, "UI", "1.3")],
        length=length, undefined_items=undefined_items,
    )  # fmt: skip
    after = element(0x00280010, "US", 3)
    dataset = read(dicom_file([after, outer], transfer_syntax=syntax))
    item = dataset.ReferencedSeriesSequence[0]
    assert item.SeriesInstanceUID == "1.3"
    assert item.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2"
    assert len(item.ReferencedImageSequence) == 2
    assert dataset.Rows == 3


def test_sequence_of_unknown_vr_is_implicit_inside() -> None:
    unknown = sequence(0x00081140, [element(0x00081155, "UI", "1.2")], vr="UN", length=UNDEFINED)
    dataset = read(dicom_file([unknown, element(0x00280010, "US", 3)]))
    assert dataset.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2"
    assert dataset.Rows == 3


def test_parts_of_the_file_can_be_left_out() -> None:
    bare = dicom_file([element(0x00280010, "US", 3)], preamble=False, meta=False)
    assert bare == bytes.fromhex("28001000 5553 0200 0300")
    lying = write_elements([element(0x00280010, "US", 3, length=4)])
    assert lying == bytes.fromhex("28001000 5553 0400 0300")
    meta = element(0x00020016, "AE", "ME")
    whole = dicom_file([], meta_elements=[meta], group_length=False)
    assert read(whole).file_meta.SourceApplicationEntityTitle == "ME"
    assert "FileMetaInformationGroupLength" not in read(whole).file_meta


def test_meta_header_names_the_instance() -> None:
    meta = read(image(np.zeros((2, 2), np.uint8))).file_meta
    assert meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert meta.FileMetaInformationGroupLength > 0


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_pixels_read_back(syntax: str, dtype: str) -> None:
    if np.dtype(dtype).kind == "f":
        values = np.array([[0.5, -1.25, 3], [4, 5, 1e9]], dtype)
    else:
        info = np.iinfo(dtype)
        values = np.array([[0, 1, info.max], [info.min, 5, 6]], dtype)
    data = image(values, transfer_syntax=syntax, pixel_vr="OW")
    assert np.array_equal(pixel_array(read(data), raw=True), values)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_colour_reads_back(planar: int, syntax: str) -> None:
    values = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    data = image(values, photometric="RGB", planar=planar, transfer_syntax=syntax)
    assert np.array_equal(pixel_array(read(data), raw=True), values)


def test_one_bit_frames_run_on() -> None:
    values = np.array([[1, 0, 1, 0, 0, 0, 0, 0, 1], [1, 1, 0, 0, 0, 0, 0, 0, 0]], np.uint8)
    frames = values.reshape(2, 3, 3)
    assert pack_bits(frames) == bytes([0b00000101, 0b00000111, 0])
    data = image(frames, bits_allocated=1)
    assert np.array_equal(pixel_array(read(data), raw=True), frames)


def test_cells_follow_high_bit_and_keep_garbage() -> None:
    values = np.array([0x123, -1])
    cells = pack_cells(values, bits_allocated=16, bits_stored=12, unused_bits=0xF000)
    assert cells == bytes.fromhex("23f1 ffff")
    cells = pack_cells(values, bits_allocated=16, bits_stored=12, high_bit=15, unused_bits=0xA)
    assert cells == bytes.fromhex("3a12 faff")
    assert pack_cells(np.array([0xABC, 0x123, 5]), bits_allocated=12) == bytes.fromhex(
        "bc3a12 050000"
    )


@pytest.mark.parametrize("table", ["empty", "basic", "extended"])
@pytest.mark.parametrize("pieces", [1, 2, [1, 3]])
def test_encapsulated_frames_read_back(table: str, pieces: int | list[int]) -> None:
    streams = [bytes(range(1, 21)), bytes(range(30, 59))]
    if table == "extended" and pieces != 1:
        pytest.skip("one fragment a frame (PS3.3 C.7.6.3.1.8)")
    pixels = encapsulate(streams, offset_table=table, fragments_per_frame=pieces)
    data = image(pixels, rows=2, columns=2, frames=2, transfer_syntax=RLELossless)
    dataset = read(data)
    count = 2 * pieces if isinstance(pieces, int) else sum(pieces)
    fragments = list(generate_fragments(dataset.PixelData))
    assert len(fragments) == count + 1
    if table == "empty" and pieces != 1:
        assert b"".join(fragments[1:]) == streams[0] + streams[1] + b"\0"
        return
    extended = None
    if table == "extended":
        offsets, lengths = dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths
        extended = (offsets, lengths)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=2, extended_offsets=extended))
    assert frames == [streams[0], streams[1] + b"\0"]


def test_wrong_tables_and_missing_delimiters_can_be_written() -> None:
    (pixels,) = encapsulate([b"\1\2"], offset_table=[99], delimiter=False)
    assert pixels.values[0] == bytes.fromhex("feff00e0 04000000 63000000 feff00e0 02000000 0102")
    (pixels,) = encapsulate([b"\1"], pad=False, delimiter=False)
    assert pixels.values[0].endswith(bytes.fromhex("01000000 01"))


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4"])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("cross_rows", [True, False])
def test_rle_reads_back(dtype: str, samples: int, cross_rows: bool) -> None:
    random = np.random.default_rng(7)
    shape = (9, 200) if samples == 1 else (9, 200, 3)
    values = random.integers(0, 3, shape).astype(dtype)
    values[2:4] = 1
    pixels = encapsulate([rle(values, cross_rows=cross_rows)])
    data = image(
        pixels, rows=9, columns=200, photometric="RGB" if samples == 3 else "MONOCHROME2",
        planar=1 if samples == 3 else None, bits_allocated=values.dtype.itemsize * 8,
        signed=dtype == "i2", transfer_syntax=RLELossless,
    )  # fmt: skip
    assert np.array_equal(pixel_array(read(data), raw=True), values)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_tables_read_back(syntax: str) -> None:
    modality = lookup_table([100, 200, 300, 400], tag=0x00283000, first=-2, vr="SS")
    voi = lookup_table([0, 2048, 4095], bits=12, explanation="SOFT", data_vr="US")
    colours = palette([1, 2, 3], [4, 5, 6], [0, 0, 65535], first=10)
    data = image(
        np.zeros((2, 2), np.int16), extra=[modality, voi, *colours], transfer_syntax=syntax
    )
    dataset = read(data)
    item = dataset.ModalityLUTSequence[0]
    assert list(item.LUTDescriptor) == [4, -2, 16]
    order = ">" if syntax == BIG_ENDIAN else "<"
    words = item["LUTData"].value
    raw = words if isinstance(words, bytes) else np.array(words, f"{order}u2").tobytes()
    assert np.frombuffer(raw, f"{order}u2").tolist() == [100, 200, 300, 400]
    assert dataset.VOILUTSequence[0].LUTExplanation == "SOFT"
    assert list(dataset.RedPaletteColorLookupTableDescriptor) == [3, 10, 16]
    blue = dataset.BluePaletteColorLookupTableData
    assert np.frombuffer(blue, f"{order}u2").tolist() == [0, 0, 65535]


def test_descriptor_of_a_full_table_counts_zero() -> None:
    written = write_elements([lookup_table(range(65536), bits=16)])
    assert bytes.fromhex("28000230 5553 0600 000000001000") in written


def test_packed_tables_have_two_entries_a_word() -> None:
    (_, red, *_) = palette([1, 2, 3], [1], [1], bits=8)
    assert write_elements([red]).endswith(b"\1\2\3\0")
    (_, red, *_) = palette([1, 2, 3], [1], [1], bits=8, packed=False)
    assert write_elements([red]).endswith(bytes.fromhex("010002000300"))
    (_, red, *_) = palette([0, 1, 7], [0, 1, 7], [0, 1, 7], segmented=True, count=256)
    assert red.tag == 0x00281221


def test_overlays_read_back() -> None:
    bitmap = np.zeros((3, 5), np.uint8)
    bitmap[1, 2] = bitmap[2, 4] = 1
    plane = overlay(bitmap, row=-1, column=0)
    dataset = read(image(np.zeros((3, 5), np.uint8), extra=plane))
    assert list(dataset[0x60000050].value) == [-1, 0]
    assert np.array_equal(dataset.overlay_array(0x6000), bitmap)
    # Bits 7 and 14: words of 16 bits, low byte first in little endian (PS3.5 8.1.2).
    assert write_elements(plane[-1:])[12:] == bytes.fromhex("8040")
    assert write_elements(plane[-1:], encoding="explicit-big")[12:] == bytes.fromhex("4080")


def test_multiframe_and_embedded_overlays_say_so() -> None:
    tags = {item.tag: item.values for item in overlay(np.ones((2, 3, 3)), frame_origin=3)}
    assert tags[0x60000015] == (2,)
    assert tags[0x60000051] == (3,)
    tags = {item.tag: item.values for item in overlay(np.ones((3, 3)), embedded_bit=12)}
    assert tags[0x60000102] == (12,)
    assert tags[0x60000100] == (16,)
    assert 0x60003000 not in tags


def test_functional_groups_read_back() -> None:
    def rescale(slope: float) -> list[object]:
        return [sequence(0x00289145, [element(0x00281053, "DS", slope)])]

    groups = functional_groups(shared=rescale(2), per_frame=[rescale(3), rescale(4)])
    dataset = read(image(np.zeros((2, 2, 2), np.uint8), extra=groups))
    shared = dataset.SharedFunctionalGroupsSequence[0]
    assert shared.PixelValueTransformationSequence[0].RescaleSlope == 2
    second = dataset.PerFrameFunctionalGroupsSequence[1]
    assert second.PixelValueTransformationSequence[0].RescaleSlope == 4


def test_icc_profile_is_one_that_pillow_opens() -> None:
    from PIL import ImageCms

    profile = icc_profile(size=70_000)
    assert len(profile) >= 70_000
    opened = ImageCms.ImageCmsProfile(BytesIO(profile))
    assert opened.profile.xcolor_space == "RGB "
    assert opened.profile.device_class == "mntr"
