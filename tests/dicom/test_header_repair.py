"""Data sets whose elements do not say how long they are, or that have no file meta information."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset

import rendicom
from rendicom.batch.identity import patient_fields
from rendicom.dicomweb.retrieval import frame_bytes, metadata
from rendicom.documents.dataset_reader import open_document
from rendicom.engine import open_instance
from rendicom.errors import CorruptDataError, RendicomError
from rendicom.index.reading import read_indexed
from rendicom.options import RenderOptions
from rendicom.testing import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    Element,
    element,
    encapsulate,
    image,
    rle,
    sequence,
)

PIXELS = np.arange(12, dtype=np.uint16).reshape(3, 4) * 300
NAME = element(0x00100010, "PN", "Doe^J")
ORDERS = {EXPLICIT: "<", BIG_ENDIAN: ">"}


def refuses_strictly(data: bytes) -> bool:
    try:
        with open_instance(data) as instance:
            instance.render(1, RenderOptions(strict=True))
    except CorruptDataError:
        return True
    return False


def long_unknown(tag: int, vr: str, value: bytes, order: str) -> Element:
    """Return an element whose writer thought that its VR has a length of four bytes."""
    # The short length field is 0: what follows are the length of four bytes and the value.
    return element(tag, vr, struct.pack(f"{order}I", len(value)) + value, length=0)


def assert_read(data: bytes, *, slope: float = 1, tmp_path: Path | None = None) -> None:
    """Check pixels, a nested attribute, a name and metadata through every reader there is."""
    with open_instance(data) as instance:
        assert (instance.frame(1).samples == PIXELS).all()
        assert instance.display_attributes(1).slope == slope
    model: Any = metadata(data, "http://x")
    assert model["00280010"]["Value"] == [3]
    assert model["00280011"]["Value"] == [4]
    (part,) = frame_bytes(data, [1])
    assert part.data == PIXELS.astype("<u2").tobytes()
    assert patient_fields(data, ["PatientName"])["PatientName"] == "Doe^J"
    with open_document(data) as (_, reader):
        assert reader.text("PatientName") == "Doe^J"
    if tmp_path is not None:
        path = tmp_path / "a.dcm"
        path.write_bytes(data)
        found = read_indexed(str(path), "1")
        assert found is not None
        assert (found.rows, found.columns, found.has_pixels) == (3, 4, True)


@pytest.mark.parametrize("vr", ["??", "QQ", "ZZ", "\0\0", "  ", "ux", "--"])
@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("is_long", [False, True])
@pytest.mark.parametrize("place", ["top", "defined", "undefined", "deep", "last"])
def test_unknown_vr(vr: str, syntax: str, is_long: bool, place: str, tmp_path: Path) -> None:
    def unknown(tag: int, value: bytes) -> Element:
        if is_long:
            return long_unknown(tag, vr, value, ORDERS[syntax])
        return element(tag, vr, value)

    inside = [element(0x00281053, "DS", "3"), unknown(0x00291010, b"abcdefgh")]
    groups = sequence(0x00289145, inside)
    extra = [NAME, unknown(0x00091010, b"0123456789"), unknown(0x00111020, b"")]
    slope = 1
    if place != "top":
        slope = 3
        length = UNDEFINED if place in ("undefined", "deep") else None
        extra = [
            NAME,
            sequence(0x52009229, [groups], length=length, undefined_items=place == "undefined"),
        ]
        if place == "deep":
            deep = sequence(0x00400555, [sequence(0x0040A730, inside)], length=UNDEFINED)
            extra.append(sequence(0x00400260, [deep, unknown(0x00410010, b"xx")]))
        if place == "last":
            extra.append(unknown(0x7FDF0010, b"12345678"))
    data = image(PIXELS, transfer_syntax=syntax, extra=extra)
    assert_read(data, slope=slope, tmp_path=tmp_path)
    if place == "top":
        with open_instance(data) as instance:
            assert "unknown VR" in instance.description.warnings[0]
        assert refuses_strictly(data)


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
def test_unknown_vr_of_attributes_that_a_picture_needs(syntax: str) -> None:
    order = ORDERS[syntax]
    extra = [
        NAME,
        element(0x00280010, "??", struct.pack(f"{order}H", 3)),
        element(0x00281053, "??", b"3 "),
    ]
    assert_read(image(PIXELS, transfer_syntax=syntax, extra=extra), slope=3)


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
def test_unknown_vr_without_preamble(syntax: str) -> None:
    extra = [NAME, element(0x00091010, "??", "12345678")]
    data = image(PIXELS, transfer_syntax=syntax, extra=extra, preamble=False, meta=False)
    assert_read(data)


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN, IMPLICIT])
def test_a_file_that_begins_with_dicm_lacks_its_preamble_only(syntax: str, tmp_path: Path) -> None:
    data = image(PIXELS, transfer_syntax=syntax, extra=[NAME])
    assert_read(data[128:], tmp_path=tmp_path)


# --- UN of undefined length ---------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("undefined_items", [False, True])
@pytest.mark.parametrize("place", ["top", "nested", "itself nested"])
def test_un_of_undefined_length_is_implicit_little_endian(
    syntax: str, undefined_items: bool, place: str, tmp_path: Path
) -> None:
    deeper = sequence(
        0x00291020, [element(0x00291021, "US", 5)], length=UNDEFINED, undefined_items=True
    )
    private = sequence(
        0x00291010,
        [element(0x00291011, "LO", "abc"), *([deeper] if place == "itself nested" else [])],
        [],
        vr="UN", length=UNDEFINED, undefined_items=undefined_items,
    )  # fmt: skip
    extra = [NAME, private]
    slope = 1
    if place == "nested":
        slope = 3
        rescale = [element(0x00281053, "DS", "3"), private]
        extra = [NAME, sequence(0x52009229, [sequence(0x00289145, rescale)], length=UNDEFINED)]
    data = image(PIXELS, transfer_syntax=syntax, extra=extra)
    assert_read(data, slope=slope, tmp_path=tmp_path)
    with open_instance(data) as instance:
        assert instance.description.warnings == ()  # the standard has it so


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
def test_what_such_a_sequence_holds_counts(syntax: str) -> None:
    rescale = sequence(0x00289145, [element(0x00281053, "DS", "7")], vr="UN", length=UNDEFINED)
    data = image(PIXELS, transfer_syntax=syntax, extra=[NAME, sequence(0x52009229, [rescale])])
    assert_read(data, slope=7)


def test_a_damaged_one_is_no_crash() -> None:
    private = sequence(0x00291010, [element(0x00291011, "LO", "abc")], vr="UN", length=UNDEFINED)
    whole = image(PIXELS, transfer_syntax=BIG_ENDIAN, extra=[private])
    at = whole.index(b"UN\0\0\xff\xff\xff\xff")
    for cut in range(at, len(whole), 3):
        try:
            rendicom.render(whole[:cut])
        except RendicomError:
            continue


# --- DICM by chance -----------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN, IMPLICIT])
@pytest.mark.parametrize("tag", [0x00081010, 0x00081030, 0x00090010])
def test_dicm_at_byte_128_by_chance(syntax: str, tag: int, tmp_path: Path) -> None:
    for before in range(128):
        text = "x" * before + "DICM" + "y" * 120
        extra = [NAME, element(tag, "LO", text)]
        data = image(
            PIXELS, transfer_syntax=syntax, extra=extra, without=[0x00080060],
            preamble=False, meta=False,
        )  # fmt: skip
        if data[128:132] == b"DICM":
            break
    assert data[128:132] == b"DICM"
    assert_read(data, tmp_path=tmp_path)
    model: Any = metadata(data, "http://x")
    assert model[f"{tag:08X}"]["Value"] == [text]


def test_a_preamble_may_hold_anything() -> None:
    data = image(PIXELS)
    for start in (b"II*\0" + bytes(124), b"\x08\0\x05\0CS\x0a\0" + bytes(120), b"\xff" * 128):
        with open_instance(start + data[128:]) as instance:
            assert (instance.frame(1).samples == PIXELS).all()


# --- data sets in memory ------------------------------------------------------------------------


def pixels_of(dataset: Dataset) -> Any:
    with open_instance(dataset) as instance:
        return instance.frame(1).samples


def read(data: bytes, *, force: bool = True) -> Any:
    return pydicom.dcmread(io.BytesIO(data), force=force)


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN, IMPLICIT])
@pytest.mark.parametrize("how", ["bare", "empty", "deleted", "none", "copied", "said"])
def test_data_set_without_file_meta(syntax: str, how: str) -> None:
    is_bare = how == "bare"
    dataset = read(image(PIXELS, transfer_syntax=syntax, preamble=not is_bare, meta=not is_bare))
    if how == "empty":
        dataset.file_meta = FileMetaDataset()
    elif how == "deleted":
        del dataset.file_meta
    elif how == "none":
        dataset.file_meta = None
    elif how == "copied":
        plain = Dataset()
        plain.update(dataset)
        plain.set_original_encoding(*dataset.original_encoding)
        dataset = plain
    assert (pixels_of(dataset) == PIXELS).all()
    with open_instance(dataset) as instance:
        assert instance.transfer_syntax == syntax
        assert bool(instance.description.warnings) is (how != "said")
    assert rendicom.render(dataset).width == 4


def built() -> Dataset:
    """Return a data set that never was in a file."""
    dataset = Dataset()
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 3, 4, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelData = PIXELS.astype("<u2").tobytes()
    return dataset


def test_data_set_that_never_was_in_a_file() -> None:
    dataset = built()
    assert (pixels_of(dataset) == PIXELS).all()
    picture = rendicom.render(dataset, options=RenderOptions(), media_type="image/png")
    assert "transfer syntax" in picture.warnings[0]
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = EXPLICIT
    assert rendicom.render(dataset).warnings == ()
    with pytest.raises(CorruptDataError, match="transfer syntax"):
        rendicom.render(built(), options=RenderOptions(strict=True))


def test_float_pixels_in_memory() -> None:
    dataset = built()
    del dataset.PixelData, dataset.BitsStored
    dataset.BitsAllocated = 32
    dataset.FloatPixelData = PIXELS.astype("<f4").tobytes()
    assert (pixels_of(dataset) == PIXELS).all()


GRAY = PIXELS.astype(np.uint8)


@pytest.mark.parametrize(
    ("stream", "syntax"),
    [
        (bytes(imagecodecs.jpeg8_encode(GRAY, level=100)), "1.2.840.10008.1.2.4.50"),
        (bytes(imagecodecs.jpeg8_encode(GRAY, lossless=True)), "1.2.840.10008.1.2.4.57"),
        (bytes(imagecodecs.jpegls_encode(GRAY)), "1.2.840.10008.1.2.4.80"),
        (bytes(imagecodecs.jpegls_encode(GRAY, level=2)), "1.2.840.10008.1.2.4.81"),
        (
            bytes(imagecodecs.jpeg2k_encode(GRAY, codecformat="j2k", reversible=True)),
            "1.2.840.10008.1.2.4.90",
        ),
        (bytes(imagecodecs.htj2k_encode(GRAY, reversible=True)), "1.2.840.10008.1.2.4.201"),
        (rle(GRAY), "1.2.840.10008.1.2.5"),
    ],
)
@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("source", ["file", "data set", "copy"])
def test_compressed_pixels_without_a_transfer_syntax(
    stream: bytes, syntax: str, frames: int, source: str
) -> None:
    data = image(
        encapsulate([stream] * frames), rows=3, columns=4, frames=frames, preamble=False, meta=False
    )
    opened: Any = data if source == "file" else read(data)
    if source == "copy":
        value = opened.PixelData
        opened = built()
        opened.BitsAllocated = opened.BitsStored = 8
        opened.HighBit, opened.NumberOfFrames = 7, frames
        opened.PixelData = value
    with open_instance(opened) as instance:
        assert instance.transfer_syntax == syntax
        found = instance.frame(frames)
        assert np.abs(found.samples.astype(int) - GRAY).max() <= (
            8 if syntax.endswith(("50", "81")) else 0
        )
        assert any("guessed" in warning for warning in found.warnings)


def test_objects_that_are_no_data_sets_are_still_refused() -> None:
    with pytest.raises((RendicomError, TypeError)):
        open_instance(object())  # type: ignore[arg-type]
