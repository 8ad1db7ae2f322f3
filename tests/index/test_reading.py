"""What is read of a file for the index, against files of pydicom and of other archives."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from indexedfiles import CT, IMAGE, indexed, read, write
from rendicom.engine import open_instance
from rendicom.errors import CorruptDataError, UnreadableSourceError
from rendicom.index.reading import read_files, read_indexed
from rendicom.storage import version_of


def test_the_facts_of_an_image(tmp_path):
    found = indexed(
        tmp_path / "a.dcm", **IMAGE, NumberOfFrames=7, RepresentativeFrameNumber=2,
        BurnedInAnnotation="YES", SeriesNumber=3, InstanceNumber=-4,
        PixelData=bytes(2 * 4 * 2 * 7),
    )  # fmt: skip
    assert found[:5] == (
        "1.2.3", "1.2.3.1", "1.2.3.1.1",
        str(tmp_path / "a.dcm"), version_of(str(tmp_path / "a.dcm")),
    )  # fmt: skip
    assert found.size == (tmp_path / "a.dcm").stat().st_size
    assert found.sop_class == CT
    assert found.transfer_syntax == ExplicitVRLittleEndian
    assert (found.number_of_frames, found.representative_frame) == (7, 2)
    assert (found.rows, found.columns, found.bits_allocated) == (2, 4, 16)
    assert found.has_pixels
    assert found.burned_in
    assert (found.series_number, found.instance_number) == (3, -4)


def test_an_object_without_pixels(tmp_path):
    found = indexed(tmp_path / "a.dcm", Modality="SR")
    assert not found.has_pixels
    assert not found.burned_in
    assert (found.number_of_frames, found.representative_frame) == (1, 1)
    assert (found.series_number, found.instance_number) == (None, None)


@pytest.mark.parametrize(
    ("stated", "frames", "expected"), [(None, 5, 3), (0, 5, 3), (6, 5, 3), (5, 5, 5), (None, 1, 1)]
)
def test_the_frame_that_stands_for_all(tmp_path, stated, frames, expected):
    found = indexed(
        tmp_path / "a.dcm", **IMAGE, NumberOfFrames=frames, RepresentativeFrameNumber=stated,
        PixelData=bytes(16 * frames),
    )  # fmt: skip
    assert found.representative_frame == expected


@pytest.mark.parametrize(
    "stated",
    ["\\1  ", "1\\2 ", "\\\\\\1", "    ", "x   ", "2.0 ", "-1  ", "0   ", "3\\  ", "1   ", "01  "],
)
def test_the_engine_finds_as_many_frames(tmp_path, stated):
    path = write(tmp_path / "a.dcm", **IMAGE, NumberOfFrames="111", PixelData=bytes(16 * 3))
    path.write_bytes(path.read_bytes().replace(b"IS\4\x00111 ", b"IS\4\0" + stated.encode()))
    assert read(path).number_of_frames == open_instance(str(path)).description.number_of_frames


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)  # fmt: skip
def test_all_encodings_say_the_same(tmp_path, syntax):
    found = indexed(
        tmp_path / "a.dcm", syntax=syntax, **IMAGE, PatientName="Doe^Jane", StudyDate="20240229",
        RequestAttributesSequence=[{"ScheduledProcedureStepID": "7"}],
    )  # fmt: skip
    assert found.transfer_syntax == syntax
    assert (found.rows, found.columns) == (2, 4)
    assert found.has_pixels
    assert found.of_study["00100010"] == ["Doe^Jane"]
    assert found.of_study["00080020"] == ["20240229"]
    assert found.of_series["00400275"] == [{"00400009": ["7"]}]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Values as the names stand in PS3.5 Annexes H to K.
        ("chrH31.dcm", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("chrH32.dcm", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        ("chrI2.dcm", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("chrX1.dcm", "Wang^XiaoDong=王^小東"),
        ("chrX2.dcm", "Wang^XiaoDong=王^小东"),
        ("chrGreek.dcm", "Διονυσιος"),
        ("chrRuss.dcm", "Люкceмбypг"),
        ("chrGerm.dcm", "Äneas^Rüdiger"),
        ("chrFren.dcm", "Buc^Jérôme"),
        ("chrArab.dcm", "قباني^لنزار"),
        ("chrHbrw.dcm", "שרון^דבורה"),
    ],
)
def test_names_in_every_script(name, expected):
    from pydicom.data import get_charset_files

    path = Path(get_charset_files(name)[0])
    assert read(path).of_study["00100010"] == [expected]


def test_values_are_put_into_one_form(tmp_path):
    path = tmp_path / "a.dcm"
    found = indexed(
        path, StudyDate="20240102", PatientID=" 47 11 ", PatientWeight="70.50",
        AcquisitionDateTime="20240102101500+0200", ImageType=["ORIGINAL", "", "AXIAL"],
    )  # fmt: skip
    assert found.of_study["00100020"] == ["47 11"]
    assert found.of_study["00101030"] == [70.5]
    assert found.more["0008002A"] == ["20240102101500+0200"]
    assert found.more["0008002A~"] == ["20240102081500"]
    assert found.more["00080008"] == ["ORIGINAL", None, "AXIAL"]
    assert "00080050" not in found.of_study


def test_dates_and_times_of_acr_nema(tmp_path):
    data = write(tmp_path / "a.dcm", StudyDate="20240102", StudyTime="101500").read_bytes()
    # Written into the bytes: pydicom would not write them.
    data = data.replace(b"DA\x08\x0020240102", b"DA\x0a\x002024.01.02")
    data = data.replace(b"TM\x06\x00101500", b"TM\x08\x0010:15:00")
    (tmp_path / "b.dcm").write_bytes(data)
    found = read(tmp_path / "b.dcm")
    assert found.of_study["00080020"] == ["20240102"]
    assert found.of_study["00080030"] == ["101500"]


def test_zeros_and_endless_values_do_no_harm(tmp_path):
    found = indexed(
        tmp_path / "a.dcm", PatientID="A\0B", StudyDescription="x" * 5000, SeriesNumber=None
    )
    assert found.of_study["00100020"] == ["AB"]
    assert "00081030" not in found.of_study


@pytest.mark.parametrize("number", [b"abc ", b"9" * 12, b"1e99", b"    "])
def test_numbers_that_are_none(tmp_path, number):
    path = write(tmp_path / "a.dcm", InstanceNumber=1234)
    data = path.read_bytes()
    field = b"\x20\x00\x13\x00IS"
    assert data.count(field + b"\x04\x001234") == 1
    new = field + len(number).to_bytes(2, "little") + number
    path.write_bytes(data.replace(field + b"\x04\x001234", new))
    assert read(path).instance_number is None


# --- what is no instance -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"", b"DICM", bytes(4096), b"\x89PNG\r\n\x1a\n" + bytes(500), b"%PDF-1.7\n" * 50,
        b"Dear colleague, " * 40, b"\x08\x00\x05\x00 a letter that begins oddly" * 20,
        b"PK\3\4" + bytes(300),
    ],
)  # fmt: skip
def test_other_files(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    assert read_indexed(str(tmp_path / "a"), "1") is None


def test_a_dicomdir_is_no_instance(pydicom_file):
    assert read_indexed(str(pydicom_file("DICOMDIR")), "1") is None


def test_files_are_known_by_their_content(tmp_path):
    path = write(tmp_path / "letter.txt")
    assert read(path).instance == "1.2.3.1.1"


def test_a_file_without_preamble(tmp_path):
    data = write(tmp_path / "a.dcm", syntax=ImplicitVRLittleEndian, **IMAGE).read_bytes()
    start = data.index(b"\x08\x00\x16\x00", 132)
    (tmp_path / "b.dcm").write_bytes(data[start:])
    found = read(tmp_path / "b.dcm")
    assert found.instance == "1.2.3.1.1"
    assert found.rows == 2


def test_uids_that_are_missing_are_made_of_the_place(tmp_path):
    gone = {"StudyInstanceUID": None, "SeriesInstanceUID": None, "SOPInstanceUID": None}
    one = indexed(tmp_path / "x/one.dcm", **gone)
    two = indexed(tmp_path / "x/two.dcm", **gone)
    other = indexed(tmp_path / "y/one.dcm", **gone)
    for each in (one, two, other):
        for uid in each[:3]:
            assert uid.startswith("2.25.")
            assert len(uid) <= 64
        assert len({*each[:3]}) == 3
    assert one[:2] == two[:2]
    assert one.instance != two.instance
    assert other.study != one.study
    assert read(tmp_path / "x/one.dcm") == one
    assert one.of_study["0020000D"] == [one.study]


def test_dicom_that_cannot_be_read(tmp_path):
    data = write(tmp_path / "a.dcm", PatientName="Doe^Jane").read_bytes()
    (tmp_path / "b.dcm").write_bytes(data[:-5])
    with pytest.raises(CorruptDataError):
        read_indexed(str(tmp_path / "b.dcm"), "1")


def test_what_is_not_there(tmp_path):
    for path in (tmp_path / "gone.dcm", tmp_path):
        with pytest.raises(UnreadableSourceError) as caught:
            read_indexed(str(path), "1")
        assert str(tmp_path) not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableSourceError):
        read_indexed(str(tmp_path / "pipe"), "1")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts bytes by /proc")
def test_pixels_are_not_read(tmp_path):
    path = write(tmp_path / "a.dcm", **{**IMAGE, "Rows": 1000, "Columns": 1000})
    read(path)

    def bytes_read() -> int:
        return int(Path("/proc/self/io").read_text().split("rchar: ")[1].split()[0])

    before = bytes_read()
    found = read(path)
    assert found.has_pixels
    assert bytes_read() - before < 100_000
    assert path.stat().st_size > 2_000_000


def test_a_large_header_is_read_whole(tmp_path):
    many = [{"CodeValue": str(n), "CodeMeaning": "m" * 60} for n in range(3000)]
    path = tmp_path / "a.dcm"
    found = indexed(path, **IMAGE, ProcedureCodeSequence=many, PatientID="behind it")
    assert path.stat().st_size > 200_000
    assert found.of_study["00100020"] == ["behind it"]
    assert found.has_pixels
    # Of a long sequence the first items are enough to find it by.
    assert found.of_study["00081032"][0] == {"00080100": ["0"], "00080104": ["m" * 60]}
    assert len(found.of_study["00081032"]) == 64


def test_compressed_pixels_count_as_pixels(tmp_path):
    from pydicom.encaps import encapsulate

    data = encapsulate([b"\xff\xd8\xff\xd9"])
    path = tmp_path / "a.dcm"
    write(path, syntax=JPEGBaseline8Bit, **IMAGE, PixelData=data)
    found = read(path)
    assert found.has_pixels
    assert found.transfer_syntax == JPEGBaseline8Bit


def test_files_from_anywhere(corpus):
    """Nothing of what other programs ship makes reading fail in another way than it says."""
    paths = [path for path in corpus.rglob("*") if path.is_file()]
    files = [(str(path), version_of(str(path)), 0) for path in sorted(paths)[:400]]
    chunk = read_files(files)
    assert len(chunk.indexed) > 200
    assert len(chunk.indexed) + len(chunk.rejected) + chunk.unreadable == len(files)
    for each in chunk.indexed:
        assert all((each.study, each.series, each.instance))
        assert each.number_of_frames >= each.representative_frame >= 1


# --- workers -----------------------------------------------------------------------------------


def test_a_chunk_says_what_became_of_each_file(tmp_path):
    old = 1_000_000_000
    good = write(tmp_path / "good.dcm")
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(good.read_bytes()[:-3])
    text = tmp_path / "text"
    text.write_text("a letter")
    for path in (cut, text):
        os.utime(path, (old, old))
    missing = (str(tmp_path / "missing"), "1", 1)
    files = [(str(path), version_of(str(path)), 0) for path in (good, cut, text)]
    chunk = read_files([*files, missing])
    assert [each.location for each in chunk.indexed] == [str(good)]
    assert [(each.location, each.is_dicom) for each in chunk.rejected] == [
        (str(cut), True), (str(text), False),
    ]  # fmt: skip
    assert chunk.unreadable == 1


def test_a_file_in_the_middle_of_being_written_is_left_for_later(tmp_path):
    path = write(tmp_path / "a.dcm")
    stale = read_files([(str(path), "1-1", 1)])
    assert (stale.indexed, stale.rejected, stale.unreadable) == ([], [], 1)
    # Half a file, a moment ago: the rest may follow without a change of size or time.
    path.write_bytes(path.read_bytes()[:-3])
    half = read_files([(str(path), version_of(str(path)), 0)])
    assert (half.indexed, half.rejected, half.unreadable) == ([], [], 1)


def test_pixel_data_without_rows_are_no_image(tmp_path):
    found = indexed(tmp_path / "a.dcm", PixelData=bytes(8), BitsAllocated=8)
    assert not found.has_pixels
