"""Instances, frames and bulk data out of stored files, against pydicom and DCMTK."""

from __future__ import annotations

import contextlib
import io
import struct
import subprocess
import warnings
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset

from rendicom.dicomweb import rewriting
from rendicom.dicomweb.jsonreader import read_model
from rendicom.dicomweb.part10 import IMPLEMENTATION_CLASS, Stretch
from rendicom.dicomweb.retrieval import (
    bulk_data,
    frame_bytes,
    instance_bytes,
    metadata,
    read_pieces,
)
from rendicom.dicomweb.rewriting import Retrieved, StoredInstance
from rendicom.errors import (
    CorruptDataError,
    NoPixelDataError,
    NoSuchFrameError,
    NoSuchResourceError,
    NotAcceptableError,
    RendicomError,
    TooLargeError,
    UnreadableSourceError,
    UnsupportedImageError,
)
from rendicom.testing import dicom_file, element, encapsulate, image, rle, sequence
from rendicom.testing.images import pack_bits
from rendicom.testing.strategies import damaged
from rendicom.testing.writer import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT

RLE, JPEG, J2K, JLS = (
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.80",
)
MPEG4 = "1.2.840.10008.1.2.4.102"
GE = "1.2.840.113619.5.2"
Find = Callable[[str], Path]
Run = Callable[..., subprocess.CompletedProcess[bytes]]
GRAY = np.arange(3 * 4 * 5, dtype=np.uint16).reshape(3, 4, 5) * 1000


def sent(source: bytes | Path, retrieved: Retrieved) -> bytes:
    """Return what a client gets, and remove what is to be removed."""
    data = b"".join(read_pieces(retrieved, source if isinstance(source, bytes) else str(source)))
    assert len(data) == retrieved.size
    for path in retrieved.temporary_files:
        Path(path).unlink()
    return data


def parsed(data: bytes | Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = io.BytesIO(data) if isinstance(data, bytes) else data
        return pydicom.dcmread(source, force=True)


def converted(source: bytes | Path, syntax: str = EXPLICIT, **options: Any) -> Dataset:
    """Return the instance as a client gets and parses it."""
    retrieved = instance_bytes(source, syntax, **options)
    found = parsed(sent(source, retrieved))
    assert found.file_meta.TransferSyntaxUID == retrieved.transfer_syntax
    return found


def alike(one: Dataset, other: Dataset, *, but: Iterable[str] = ()) -> bool:
    """Tell whether two data sets say the same, pixel data and the words of ``but`` left out."""
    models = []
    for dataset in (one, other):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = dataset.to_json_dict(bulk_data_threshold=1 << 30, suppress_invalid_tags=True)
        for name in ("7FE00010", "FFFCFFFC", *but):
            model.pop(name, None)
        models.append({key: value for key, value in model.items() if key[4:] != "0000"})
    return models[0] == models[1]


# --- instances ---------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", ["", "*", EXPLICIT])
def test_explicit_little_endian_files_go_out_unchanged(syntax: str, pydicom_file: Find) -> None:
    path = pydicom_file("CT_small.dcm")
    retrieved = instance_bytes(path, syntax)
    assert retrieved.pieces == (Stretch(0, path.stat().st_size),)
    assert retrieved.transfer_syntax == EXPLICIT
    assert retrieved.media_type == "application/dicom"
    assert sent(path, retrieved) == path.read_bytes()


@pytest.mark.parametrize("syntax", ["", "*", EXPLICIT])
@pytest.mark.parametrize("stored", [IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_what_must_not_be_sent_becomes_explicit_little_endian(stored: str, syntax: str) -> None:
    extra = [
        element(0x00080005, "CS", "ISO_IR 144"),
        element(0x00100010, "PN", b"\xbb\xee\xda"),
        element(0x00280106, "SS", -5),
        element(0x00186028, "FD", [0.1, 2]),
        element(0x00281201, "OW", struct.pack("<4H", 1, 2, 3, 4)),
        element(0x00190010, "LO", "GEMS_ACQU_01"),
        element(0x00191002, "SL", 77),
        sequence(0x00081140, [element(0x00081155, "UI", "1.2.3")], []),
    ]
    plain = image(GRAY, bits_stored=16, signed=True, extra=extra)
    data = image(GRAY, bits_stored=16, signed=True, extra=extra, transfer_syntax=stored)
    found = converted(data, syntax)
    assert found.file_meta.TransferSyntaxUID == EXPLICIT
    assert alike(found, parsed(plain))
    assert found.PixelData == GRAY.tobytes()
    assert found["SmallestImagePixelValue"].VR == "SS"
    assert found["PixelData"].VR in ("OW", "OB or OW")


def test_file_meta_information_is_right_for_what_we_wrote() -> None:
    data = image(GRAY, transfer_syntax=IMPLICIT)
    out = sent(data, instance_bytes(data))
    assert out[128:132] == b"DICM"
    meta = parsed(out).file_meta
    # (0002,0000) takes 12 bytes; the data set starts where it says.
    assert out[132 + 12 + meta.FileMetaInformationGroupLength :][:4] == b"\x08\x00\x16\x00"
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert meta.MediaStorageSOPClassUID == parsed(data).SOPClassUID
    assert meta.MediaStorageSOPInstanceUID == parsed(data).SOPInstanceUID
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS
    assert len(IMPLEMENTATION_CLASS) <= 64
    assert meta.ImplementationVersionName == "RENDICOM"


@pytest.mark.parametrize("syntax", ["", "*"])
def test_files_without_preamble_or_meta_information_get_them(syntax: str) -> None:
    for options in ({"meta": False, "preamble": False}, {"preamble": False}):
        data = image(GRAY, **options)
        out = sent(data, instance_bytes(data, syntax))
        assert out[128:132] == b"DICM"
        found = parsed(out)
        assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
        assert found.PixelData == GRAY.tobytes()


def test_pixel_data_of_old_ge_files_are_swapped() -> None:
    cells = GRAY.astype(">u2").tobytes()
    data = image(cells, rows=4, columns=5, frames=3, bits_allocated=16, transfer_syntax=GE,
                 encoding="implicit-little")  # fmt: skip
    assert converted(data, "*").PixelData == GRAY.tobytes()


@pytest.mark.dcmtk
@pytest.mark.parametrize(
    "name",
    ["MR_small_implicit.dcm", "MR_small_bigendian.dcm", "rtplan.dcm", "image_dfl.dcm",
     "ExplVR_BigEnd.dcm", "SC_rgb_expb_16bit_2frame.dcm", "SC_rgb_expb_32bit.dcm",
     "liver_expb_1frame.dcm", "OBXXXX1A_expb.dcm"],
)  # fmt: skip
def test_conversions_are_those_of_dcmconv(
    name: str, pydicom_file: Find, dcmtk: Run, tmp_path: Path
) -> None:
    path = pydicom_file(name)
    done = dcmtk("dcmconv", "+te", path, tmp_path / "out.dcm")
    assert done.returncode == 0, done.stderr
    theirs, ours = parsed(tmp_path / "out.dcm"), converted(path)
    assert alike(ours, theirs)
    assert ours.get("PixelData") == theirs.get("PixelData")


def test_long_words_of_big_endian_files_come_as_the_original_has_them(pydicom_file: Find) -> None:
    """dcmconv swaps the halves of a 32-bit cell apart: the file was made from this one."""
    original = parsed(pydicom_file("rtdose.dcm")).PixelData
    assert converted(pydicom_file("rtdose_expb.dcm")).PixelData == original


@pytest.mark.dcmtk
@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("dcmdrle", "MR_small_RLE.dcm"),
        ("dcmdrle", "SC_rgb_rle_16bit_2frame.dcm"),
        ("dcmdrle", "OBXXXX1A_rle_2frame.dcm"),
        ("dcmdrle", "emri_small_RLE.dcm"),
        ("dcmdjpls", "MR_small_jpeg_ls_lossless.dcm"),
        ("dcmdjpls", "emri_small_jpeg_ls_lossless.dcm"),
        ("dcmdjpeg", "SC_rgb_jpeg_gdcm.dcm"),
        ("dcmdjpeg", "JPGLosslessP14SV1_1s_1f_8b.dcm"),
    ],
)
def test_lossless_streams_come_decoded_as_dcmtk_decodes_them(
    program: str, name: str, pydicom_file: Find, dcmtk: Run, tmp_path: Path
) -> None:
    path = pydicom_file(name)
    done = dcmtk(program, path, tmp_path / "out.dcm")
    assert done.returncode == 0, done.stderr
    theirs, ours = parsed(tmp_path / "out.dcm"), converted(path, "")
    assert ours.file_meta.TransferSyntaxUID == EXPLICIT
    assert alike(ours, theirs, but=("00280006",))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.array_equal(ours.pixel_array, theirs.pixel_array)


@pytest.mark.parametrize(
    "name", ["JPEG2000.dcm", "emri_small_jpeg_2k_lossless.dcm", "US1_J2KR.dcm", "MR2_J2KR.dcm"]
)
def test_lossless_jpeg_2000_comes_decoded_as_pydicom_decodes_it(
    name: str, pydicom_file: Find
) -> None:
    path = pydicom_file(name)
    ours, stored = converted(path), parsed(path)
    assert np.array_equal(ours.pixel_array, stored.pixel_array)
    assert ours.PhotometricInterpretation in ("RGB", "MONOCHROME2")
    changed = ("00280004", "00280006", "00282110", "7FE00001", "7FE00002")
    assert alike(ours, stored, but=changed)


def test_colours_coded_with_loss_become_rgb_and_are_said_to_be_lossy(pydicom_file: Find) -> None:
    path = pydicom_file("SC_rgb_dcmtk_+eb+cy+np.dcm")
    ours, stored = converted(path), parsed(path)
    assert stored.PhotometricInterpretation == "YBR_FULL_422"
    assert (ours.PhotometricInterpretation, ours.PlanarConfiguration) == ("RGB", 0)
    assert ours.LossyImageCompression == "01"
    assert np.abs(ours.pixel_array.astype(int) - stored.pixel_array).max() <= 1


def test_lossless_ybr_stays_ybr() -> None:
    cells = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 9
    for planar in (0, 1):
        data = image(encapsulate([rle(cells)]), rows=2, columns=3, photometric="YBR_FULL",
                     planar=planar, transfer_syntax=RLE)  # fmt: skip
        found = converted(data)
        assert (found.PhotometricInterpretation, found.PlanarConfiguration) == ("YBR_FULL", planar)
        kept = cells.transpose(2, 0, 1) if planar else cells
        assert found.PixelData == kept.tobytes()


@pytest.mark.parametrize("syntax", ["", "*", JPEG])
def test_lossy_files_stay_as_they_are_unless_decoding_is_asked_for(
    syntax: str, pydicom_file: Find
) -> None:
    path = pydicom_file("SC_rgb_dcmtk_+eb+cy+np.dcm")
    retrieved = instance_bytes(path, syntax)
    assert retrieved.transfer_syntax == JPEG
    assert sent(path, retrieved) == path.read_bytes()


def test_lossless_files_stay_as_they_are_when_asked_for(pydicom_file: Find) -> None:
    path = pydicom_file("MR_small_RLE.dcm")
    for syntax in ("*", RLE):
        assert sent(path, instance_bytes(path, syntax)) == path.read_bytes()


@pytest.mark.parametrize("syntax", [JPEG, IMPLICIT, BIG_ENDIAN, DEFLATED, "1.2.3"])
def test_other_transfer_syntaxes_cannot_be_had(syntax: str, pydicom_file: Find) -> None:
    with pytest.raises(NotAcceptableError) as caught:
        instance_bytes(pydicom_file("MR_small_RLE.dcm"), syntax)
    assert caught.value.available == (
        f"application/dicom;transfer-syntax={RLE}",
        f"application/dicom;transfer-syntax={EXPLICIT}",
    )
    with pytest.raises(NotAcceptableError) as caught:
        instance_bytes(image(GRAY, transfer_syntax=IMPLICIT), syntax)
    assert caught.value.available == (f"application/dicom;transfer-syntax={EXPLICIT}",)


def test_videos_are_sent_as_they_are_and_never_decoded() -> None:
    data = image(encapsulate([b"stream of a video"]), rows=4, columns=4, frames=9,
                 photometric="YBR_PARTIAL_420", transfer_syntax=MPEG4)  # fmt: skip
    assert sent(data, instance_bytes(data)) == data
    with pytest.raises(NotAcceptableError) as caught:
        instance_bytes(data, EXPLICIT)
    assert caught.value.available == (f"application/dicom;transfer-syntax={MPEG4}",)


def test_offset_tables_go_with_the_fragments() -> None:
    streams = [rle(frame) for frame in GRAY]
    data = image(encapsulate(streams, offset_table="extended"), rows=4, columns=5, frames=3,
                 bits_allocated=16, transfer_syntax=RLE)  # fmt: skip
    found = converted(data)
    assert "ExtendedOffsetTable" in parsed(data)
    assert "ExtendedOffsetTable" not in found
    assert found.PixelData == GRAY.tobytes()


def test_what_follows_the_pixel_data_is_kept() -> None:
    last = element(0xFFFCFFFC, "OB", bytes(6))
    for syntax, pixels in ((IMPLICIT, GRAY), (RLE, encapsulate([rle(frame) for frame in GRAY]))):
        data = image(pixels, rows=4, columns=5, frames=3, bits_allocated=16, extra=[last],
                     transfer_syntax=syntax)  # fmt: skip
        found = converted(data)
        assert found[0xFFFCFFFC].value == bytes(6)
        assert found.PixelData == GRAY.tobytes()


def test_one_bit_frames_are_packed_without_padding_between_them() -> None:
    frames = np.arange(3 * 9).reshape(3, 3, 3) % 5 % 2
    streams = [bytes(frame) for frame in (pack_bits(frame) for frame in frames)]
    data = image(encapsulate([one + b"\0" * (len(one) % 2) for one in streams]), rows=3, columns=3,
                 frames=3, bits_allocated=1, transfer_syntax="1.2.840.10008.1.2.1.98")  # fmt: skip
    found = converted(data)
    bits = np.unpackbits(np.frombuffer(found.PixelData, np.uint8), bitorder="little")
    assert bits[:27].tolist() == frames.ravel().tolist()
    assert len(found.PixelData) == 4


def test_streams_with_more_bits_or_signs_than_the_header_correct_it(pydicom_file: Find) -> None:
    path = pydicom_file("J2K_pixelrep_mismatch.dcm")
    stored, found = parsed(path), converted(path)
    assert stored.PixelRepresentation == 1
    assert np.array_equal(found.pixel_array, stored.pixel_array)


def test_values_too_long_for_their_vr_become_unknown() -> None:
    text = b"x" * 70000
    data = dicom_file(
        [element(0x00080018, "UI", "1.2"), element(0x00104000, "LT", text)],
        transfer_syntax=IMPLICIT,
    )
    out = sent(data, instance_bytes(data))
    at = out.index(b"\x10\x00\x00\x40")
    assert out[at + 4 : at + 12] == b"UN\0\0" + struct.pack("<I", 70000)
    assert out[at + 12 : at + 12 + 70000] == text


def test_more_decoded_bytes_than_allowed_are_refused() -> None:
    data = image(encapsulate([rle(frame) for frame in GRAY]), rows=4, columns=5, frames=3,
                 bits_allocated=16, transfer_syntax=RLE)  # fmt: skip
    assert converted(data, max_bytes=120).PixelData == GRAY.tobytes()
    with pytest.raises(TooLargeError):
        instance_bytes(data, EXPLICIT, max_bytes=119)
    with pytest.raises(TooLargeError):
        bulk_data(data, "7FE00010", max_bytes=119)


def test_large_decoded_pixel_data_go_through_a_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewriting, "_SPOOLED", 100)
    streams = [rle(frame) for frame in GRAY]
    data = image(encapsulate(streams), rows=4, columns=5, frames=3, bits_allocated=16,
                 transfer_syntax=RLE)  # fmt: skip
    retrieved = instance_bytes(data, EXPLICIT, spool_folder=str(tmp_path))
    (path,) = retrieved.temporary_files
    assert Path(path).parent == tmp_path
    assert parsed(sent(data, retrieved)).PixelData == GRAY.tobytes()
    damaged = image(encapsulate([*streams[:2], b"no stream!"]), rows=4, columns=5, frames=3,
                    bits_allocated=16, transfer_syntax=RLE)  # fmt: skip
    with pytest.raises(CorruptDataError):
        instance_bytes(damaged, EXPLICIT, spool_folder=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_large_file_is_not_read_to_be_converted(tmp_path: Path) -> None:
    """Three GiB in a sparse file: what goes out are a header and a stretch of the file."""
    path, size = tmp_path / "large.dcm", 3 << 30
    whole = image(b"", rows=1024, columns=1024, frames=3 << 10, transfer_syntax=IMPLICIT)
    head = whole[: whole.rindex(b"\xe0\x7f\x10\x00")]
    with path.open("wb") as file:
        file.write(head + struct.pack("<HHI", 0x7FE0, 0x10, size))
        file.seek(size - 2, io.SEEK_CUR)
        file.write(b"\7\7")
    with StoredInstance(str(path)) as stored:
        retrieved = instance_bytes(stored)
        header, pixels = retrieved.pieces
        assert isinstance(header, bytes)
        assert pixels == Stretch(len(head) + 8, size)
        assert header.endswith(struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, size))
        assert next(read_pieces(retrieved, stored)) == header
        (frame,) = frame_bytes(stored, [3 << 10])
        assert frame.data.endswith(b"\7\7")
        metadata(stored, "http://a")
        assert bulk_data(stored, "7FE00010").pieces == (pixels,)
        assert stored.source.bytes_read < 4 << 20


def test_a_file_cut_short_while_it_is_sent_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "ct.dcm"
    path.write_bytes(image(GRAY))
    retrieved = instance_bytes(path, "*")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorruptDataError):
        b"".join(read_pieces(retrieved, path))


@pytest.mark.parametrize("syntax", ["", "*"])
def test_files_that_cannot_be_read_to_their_end_still_go_out_as_they_are(syntax: str) -> None:
    data = dicom_file([element(0x00104000, "LT", "x" * 100)])[:-50]
    assert sent(data, instance_bytes(data, syntax)) == data
    with pytest.raises(CorruptDataError):
        metadata(data, "u")


def test_missing_files_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSourceError):
        instance_bytes(tmp_path / "none.dcm")


# --- frames ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stored", [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED])
@pytest.mark.parametrize("syntax", ["", "*", EXPLICIT])
def test_native_frames_come_little_endian(stored: str, syntax: str) -> None:
    parts = frame_bytes(image(GRAY, transfer_syntax=stored), [1, 3], syntax)
    assert [part.data for part in parts] == [GRAY[0].tobytes(), GRAY[2].tobytes()]
    assert {part.media_type for part in parts} == {"application/octet-stream"}
    assert {part.transfer_syntax for part in parts} == {EXPLICIT}


def test_eight_bit_frames_in_big_endian_words_come_in_order() -> None:
    cells = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)
    data = image(cells, pixel_vr="OW", transfer_syntax=BIG_ENDIAN)
    assert [part.data for part in frame_bytes(data, [1, 2])] == [
        cells[0].tobytes(),
        cells[1].tobytes(),
    ]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_one_bit_frames_start_with_their_own_first_bit(number: int) -> None:
    frames = np.random.default_rng(7).integers(0, 2, (4, 3, 5))
    data = image(pack_bits(frames), rows=3, columns=5, frames=4, bits_allocated=1)
    (part,) = frame_bytes(data, [number])
    assert part.data == np.packbits(frames[number - 1].ravel(), bitorder="little").tobytes()


def test_planes_stay_planes_as_the_metadata_say() -> None:
    cells = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    native = image(cells, photometric="RGB", planar=1)
    coded = image(encapsulate([rle(cells)]), rows=2, columns=3, photometric="RGB", planar=1,
                  transfer_syntax=RLE)  # fmt: skip
    for data in (native, coded):
        assert frame_bytes(data, [1])[0].data == cells.transpose(2, 0, 1).tobytes()


def test_native_422_stays_422() -> None:
    cells = bytes([76, 150, 85, 255, 29, 30, 128, 127])
    data = image(cells, rows=2, columns=2, photometric="YBR_FULL_422")
    assert frame_bytes(data, [1])[0].data == cells


def test_embedded_overlays_stay_in_the_cells() -> None:
    cells = np.array([[0x1FFF, 0x8001], [0xF000, 0x0FFF]], np.uint16)
    coded = image(encapsulate([rle(cells)]), rows=2, columns=2, bits_allocated=16, bits_stored=12,
                  transfer_syntax=RLE)  # fmt: skip
    assert frame_bytes(coded, [1])[0].data == cells.tobytes()
    assert converted(coded).PixelData == cells.tobytes()


def test_stored_streams_come_without_fragments_box_or_padding(pydicom_file: Find) -> None:
    stream = b"\xff\xd8\xff\xe0\0\2\xff\xc0\0\x0b\x08\0\4\0\4\1\1\x11\0\xff\xda\0\x08x\xff\xd9"
    data = image(encapsulate([stream, stream + b"\0"], fragments_per_frame=2), rows=4, columns=4,
                 frames=2, transfer_syntax=JPEG)  # fmt: skip
    for syntax in ("*", JPEG):
        parts = frame_bytes(data, [1, 2], syntax)
        assert [part.data for part in parts] == [stream, stream]
        assert {(part.media_type, part.transfer_syntax) for part in parts} == {("image/jpeg", JPEG)}
    path = pydicom_file("JPEG2000.dcm")
    codestream = frame_bytes(path, [1], "*")[0]
    assert codestream.media_type == "image/jp2"
    assert codestream.data.startswith(b"\xff\x4f\xff\x51")
    assert codestream.data.endswith(b"\xff\xd9")


def test_rle_has_the_media_type_of_its_transfer_syntax() -> None:
    data = image(encapsulate([rle(GRAY[0])]), rows=4, columns=5, bits_allocated=16,
                 transfer_syntax=RLE)  # fmt: skip
    (part,) = frame_bytes(data, [1], "*")
    assert (part.media_type, part.transfer_syntax) == ("image/dicom-rle", RLE)


def test_streams_without_a_media_type_come_uncompressed() -> None:
    squeezed = zlib.compressobj(wbits=-15)
    stream = squeezed.compress(GRAY[0].tobytes()) + squeezed.flush()
    deflated = image(encapsulate([stream]), rows=4, columns=5, bits_allocated=16,
                     transfer_syntax="1.2.840.10008.1.2.8.1")  # fmt: skip
    (part,) = frame_bytes(deflated, [1], "*")
    assert (part.media_type, part.transfer_syntax) == ("application/octet-stream", EXPLICIT)
    assert part.data == GRAY[0].tobytes()


@pytest.mark.parametrize("syntax", ["51", "55", "70", "80", "90", "110"])
def test_streams_that_are_not_what_the_file_says_come_uncompressed(syntax: str) -> None:
    pixels = np.arange(20, dtype=np.uint8).reshape(4, 5)
    uid = f"1.2.840.10008.1.2.4.{syntax}"
    kinds = {"80": imagecodecs.ljpeg_encode, "70": imagecodecs.jpegls_encode}
    stream = kinds.get(syntax, imagecodecs.jpegls_encode)(pixels)
    data = image(encapsulate([bytes(stream)]), rows=4, columns=5, transfer_syntax=uid)
    (part,) = frame_bytes(data, [1], "*")
    assert (part.media_type, part.transfer_syntax) == ("application/octet-stream", EXPLICIT)
    assert part.data == pixels.tobytes()
    with pytest.raises(NotAcceptableError):
        frame_bytes(data, [1], uid)


@pytest.mark.parametrize("columns", [4, 5])
def test_native_pixels_that_share_their_chroma(columns: int) -> None:
    luma = np.arange(2 * columns, dtype=np.uint8).reshape(2, columns) * 9 + 60
    pairs = -(-columns // 2)
    padded = np.pad(luma, ((0, 0), (0, 2 * pairs - columns)), mode="edge")
    cells = np.empty((2, pairs, 4), np.uint8)
    cells[..., :2] = padded.reshape(2, pairs, 2)
    cells[..., 2:] = (128, 140)
    data = image(cells.tobytes(), rows=2, columns=columns, samples=3, photometric="YBR_FULL_422")
    (part,) = frame_bytes(data, [1])
    assert part.data == cells.tobytes(), "asked for by name it is as it lies"
    (part,) = frame_bytes(data, [1], "*")
    assert (part.media_type, part.transfer_syntax) == ("image/jp2", J2K)
    shown = np.asarray(imagecodecs.jpeg2k_decode(part.data)).astype(int)
    # PS3.3 C.7.6.3.1.2: R = Y + 1.402 (Cr - 128), and so on; Cb is 128.
    wanted = np.stack([luma + 1.402 * 12, luma - 0.714136 * 12, luma + 0.0], axis=-1)
    assert np.abs(shown - wanted).max() <= 1
    assert part.warnings


def test_frames_in_fragments_that_are_not_compressed_are_not_called_so() -> None:
    plain = encapsulate([frame.tobytes() for frame in GRAY])
    data = image(plain, rows=4, columns=5, frames=3, bits_allocated=16, transfer_syntax=J2K)
    (part,) = frame_bytes(data, [2], "*")
    assert (part.media_type, part.transfer_syntax) == ("application/octet-stream", EXPLICIT)
    assert part.data == GRAY[1].tobytes()


def test_frames_stored_otherwise_cannot_be_had(pydicom_file: Find) -> None:
    with pytest.raises(NotAcceptableError) as caught:
        frame_bytes(pydicom_file("MR_small_RLE.dcm"), [1], JPEG)
    assert caught.value.available == (
        "application/octet-stream",
        f"image/dicom-rle;transfer-syntax={RLE}",
    )
    with pytest.raises(NotAcceptableError) as caught:
        frame_bytes(pydicom_file("CT_small.dcm"), [1], JPEG)
    assert JPEG not in "".join(caught.value.available)


def test_frames_that_are_not_there_are_errors() -> None:
    with pytest.raises(NoSuchFrameError):
        frame_bytes(image(GRAY), [1, 4])
    with pytest.raises(NoPixelDataError):
        frame_bytes(dicom_file([element(0x00080018, "UI", "1.2")]), [1])


def test_a_short_frame_is_filled_up_and_said_to_be() -> None:
    whole = image(GRAY[0])
    (part,) = frame_bytes(whole[:-10], [1])
    assert part.data == GRAY[0].tobytes()[:-10] + bytes(10)
    assert len(part.warnings) == 1
    assert frame_bytes(whole, [1])[0].warnings == ()
    with pytest.raises(CorruptDataError):
        frame_bytes(whole[:-40], [1])


def test_a_stream_of_another_size_than_the_metadata_say_is_refused(pydicom_file: Find) -> None:
    dataset = parsed(pydicom_file("MR_small_jpeg_ls_lossless.dcm"))
    dataset.Rows += 1
    out = io.BytesIO()
    dataset.save_as(out)
    with pytest.raises(CorruptDataError):
        frame_bytes(out.getvalue(), [1])


@pytest.mark.parametrize("bits", [7, 12, 24, 40, 128])
def test_streams_in_cells_that_no_client_reads_are_refused(bits: int) -> None:
    coded = image(
        encapsulate([rle(GRAY[0])]), rows=GRAY.shape[1], columns=GRAY.shape[2],
        transfer_syntax=RLE, extra=[element(0x00280100, "US", bits)],
    )  # fmt: skip
    with pytest.raises((UnsupportedImageError, CorruptDataError)):
        frame_bytes(coded, [1])


# What a client makes of metadata and frames is what is in the file.


def assembled(source: Path) -> NDArray[Any]:
    """Return the pixels a client sees that has the metadata and uncompressed frames only."""
    with StoredInstance(str(source)) as stored:
        dataset = read_model(metadata(stored, "http://a"))
        count = int(dataset.get("NumberOfFrames") or 1)
        parts = frame_bytes(stored, range(1, count + 1))
    data = b"".join(part.data for part in parts)
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = EXPLICIT
    if dataset.PhotometricInterpretation in ("YBR_RCT", "YBR_ICT"):
        dataset.PhotometricInterpretation = "RGB"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(dataset.pixel_array)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("CT_small.dcm", 0), ("MR_small_bigendian.dcm", 0), ("image_dfl.dcm", 0),
        ("MR_small_RLE.dcm", 0), ("SC_rgb_rle_2frame.dcm", 0), ("SC_rgb_rle_32bit.dcm", 0),
         ("emri_small_jpeg_2k_lossless.dcm", 0),
        ("US1_J2KR.dcm", 0), ("US1_J2KI.dcm", 0), ("SC_ybr_full_422_uncompressed.dcm", 0),
        ("SC_ybr_full_uncompressed.dcm", 0), ("examples_palette.dcm", 0),
        ("SC_rgb_jpeg_dcmtk.dcm", 1), ("SC_rgb_dcmtk_+eb+cr.dcm", 0),
        ("SC_rgb_dcmtk_+eb+cy+np.dcm", 2),  ("J2K_pixelrep_mismatch.dcm", 0),

         ("rtdose_expb_1frame.dcm", 0),
    ],
)  # fmt: skip
def test_frames_fit_the_metadata(name: str, tolerance: int, pydicom_file: Find) -> None:
    path = pydicom_file(name)
    stored = parsed(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = stored.pixel_array
    found = assembled(path)
    assert found.shape == want.shape
    assert np.abs(found.astype(np.int64) - want).max() <= tolerance


# --- bulk data and metadata --------------------------------------------------------------------


def test_all_bulk_data_that_metadata_name_can_be_had(pydicom_file: Find) -> None:
    for name in ("waveform_ecg.dcm", "examples_overlay.dcm", "OBXXXX1A_expb.dcm", "test-SR.dcm"):
        path = pydicom_file(name)
        dataset = parsed(path)
        for place in places(metadata(path, "http://a/i", bulk_threshold=100)):
            base, _, rest = place.partition("/bulkdata/")
            assert base == "http://a/i"
            value: Any = dataset
            for part in rest.split("/"):
                value = value[int(part, 16)].value if len(part) == 8 else value[int(part) - 1]
            found = sent(path, bulk_data(path, rest))
            if name == "OBXXXX1A_expb.dcm" and rest.startswith("0028"):
                value = np.frombuffer(value, ">u2").astype("<u2").tobytes()
            if rest != "7FE00010":
                assert found == value, place
            else:
                assert len(found) == len(value)


def places(model: dict[str, Any]) -> list[str]:
    found = []
    for attribute in model.values():
        if "BulkDataURI" in attribute:
            found.append(attribute["BulkDataURI"])
        if attribute["vr"] == "SQ":
            for item in attribute.get("Value", ()):
                found += places(item)
    return found


def test_pixel_data_in_fragments_come_decoded_as_bulk_data(pydicom_file: Find) -> None:
    path = pydicom_file("SC_rgb_rle_2frame.dcm")
    retrieved = bulk_data(path, "7fe00010")
    assert retrieved.media_type == "application/octet-stream"
    frames = frame_bytes(path, [1, 2])
    assert sent(path, retrieved) == b"".join(frame.data for frame in frames)


def test_the_stream_of_a_video_is_its_bulk_data() -> None:
    data = image(encapsulate([b"stream of a video!"], fragments_per_frame=3), rows=4, columns=4,
                 frames=9, photometric="YBR_PARTIAL_420", transfer_syntax=MPEG4)  # fmt: skip
    retrieved = bulk_data(data, "7FE00010")
    assert (retrieved.media_type, retrieved.transfer_syntax) == ("video/mp4", MPEG4)
    assert sent(data, retrieved) == b"stream of a video!"


@pytest.mark.parametrize(
    "path",
    ["", "/", "7FE00010/", "00420011/1", "00420012", "54000100", "54000100/1",
     "54000100/0/54001010",
     "54000100/3/54001010", "54000100/1/54001010", "54000100/x/54001010",
     "54000100/²/54001010",
     "../../etc", "0042001", "00420011/1/00420011", "00080016/"],
)  # fmt: skip
def test_bulk_data_that_are_not_there_are_errors(path: str) -> None:
    data = dicom_file(
        [
            element(0x00080016, "UI", "1.2"),
            element(0x00420011, "OB", b"ab"),
            sequence(0x54000100, [element(0x54001010, "OW", b"")],
                     [element(0x54001010, "OW", b"cd")]),
        ]
    )  # fmt: skip
    with pytest.raises(NoSuchResourceError):
        bulk_data(data, path)
    assert sent(data, bulk_data(data, "54000100/2/54001010")) == b"cd"


def test_one_opened_file_answers_everything() -> None:
    with StoredInstance(image(GRAY)) as stored:
        assert metadata(stored, "u")["00280010"]["Value"] == [4]
        assert frame_bytes(stored, [2])[0].data == GRAY[1].tobytes()
        assert instance_bytes(stored).transfer_syntax == EXPLICIT
        assert stored.transfer_syntax == EXPLICIT


@given(data=st.data(), name=st.sampled_from(["CT_small.dcm", "emri_small_RLE.dcm", "reportsi.dcm"]))
@settings(max_examples=15, deadline=None)
def test_damaged_files_raise_our_errors_only(
    data: st.DataObject, name: str, pydicom_file: Find
) -> None:
    whole = pydicom_file(name).read_bytes()
    head = data.draw(damaged(whole[:4000]))
    broken = head + whole[4000:20000]
    asked: list[Callable[[], object]] = [
        lambda: metadata(broken, "u"),
        lambda: sent(broken, instance_bytes(broken, EXPLICIT, max_bytes=1 << 24)),
        lambda: frame_bytes(broken, [1]),
        lambda: bulk_data(broken, "7FE00010", max_bytes=1 << 24),
    ]
    for ask in asked:
        with contextlib.suppress(RendicomError):
            ask()
