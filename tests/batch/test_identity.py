"""What an instance is, from files that say it well, badly or not at all."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from rendicom.batch.identity import InstanceSummary, identity_of, patient_fields
from rendicom.dicom.byte_source import open_source
from rendicom.engine import open_instance
from rendicom.errors import CorruptDataError, UnreadableSourceError
from rendicom.testing import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, dicom_file, element, image

PIXELS = np.zeros((2, 2), np.uint8)
STUDY, SERIES, INSTANCE = "1.2.840.1", "1.2.840.2", "1.2.840.3"
SYNTAXES = [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED]


def file_with(*more, **options) -> bytes:
    elements = (
        element(0x0020000D, "UI", STUDY),
        element(0x0020000E, "UI", SERIES),
        element(0x00080018, "UI", INSTANCE),
        element(0x00200011, "IS", "3"),
        element(0x00200013, "IS", "17"),
        element(0x00280301, "CS", "NO"),
        *more,
    )
    return image(PIXELS, extra=elements, modality="CT", **options)


def identity(data: bytes) -> InstanceSummary:
    with open_instance(data) as instance:
        return identity_of(instance)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_header_says_what_an_instance_is(syntax: str) -> None:
    expected = InstanceSummary(STUDY, SERIES, INSTANCE, "CT", "3", "17", "", is_image=True)
    assert identity(file_with(transfer_syntax=syntax)) == expected


def test_what_is_absent_is_empty() -> None:
    assert identity(dicom_file([element(0x00080060, "CS", "SR")])) == InstanceSummary(modality="SR")
    assert identity(file_with(element(0x0020000E, "UI", ""))).series == ""


@pytest.mark.parametrize("reader_syntax", [EXPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"1.2\\1.3 ", "1.2"),
        (b"\\1.3 ", ""),
        (b" 1.2.3\0\0\0", "1.2.3"),
        (b"1.2\n/../3\x1b[31m", "1.2_/../3_[31m"),
        ("1.2.é".encode(), "1.2.__"),
        ("患者".encode("shift-jis"), "__" + "患者".encode("shift-jis")[2:].decode("latin-1")),
        (b"\xff\xfe\xff\xfe", "____"),
    ],
)
def test_a_value_of_anything_becomes_plain_text(
    reader_syntax: str, value: bytes, expected: str
) -> None:
    found = identity(file_with(element(0x0020000E, "UI", value), transfer_syntax=reader_syntax))
    expected = "".join(letter if letter.isascii() else "_" for letter in expected)
    assert found.series == expected
    assert found.instance == INSTANCE


def test_a_value_without_end_is_cut_and_still_one_of_its_own() -> None:
    def series(last: str) -> str:
        return identity(file_with(element(0x0020000E, "UI", f"1.{'2' * 10_000}{last}"))).series

    assert len(series("3")) == 128
    assert series("3") != series("4")
    assert series("3")[:119] == series("4")[:119]
    # Two characters more than there may be (PS3.5 9.1), as some write them.
    long_one = "1." + "2" * 64
    assert identity(file_with(element(0x0020000E, "UI", long_one))).series == long_one


def test_numbers_and_codes_of_anything_are_plain_and_short() -> None:
    data = file_with(
        element(0x00200011, "IS", "1\\2"),
        element(0x00200013, "IS", "x" * 5000),
        element(0x00080060, "CS", b"C\0\xe9T\\MR"),
        element(0x00280301, "CS", "YES "),
    )
    found = identity(data)
    assert (found.series_number, found.modality, found.burned_in) == (
        "1",
        "C__T",
        "burned-in annotation",
    )
    assert len(found.instance_number) == 32


def test_no_value_of_a_patient_is_read() -> None:
    data = file_with(
        element(0x00100010, "PN", "DOE^JOHN"),
        element(0x00100020, "LO", "4711"),
        element(0x00080020, "DA", "19991231"),
    )
    with open_instance(data) as instance:
        assert not any("DOE" in text or "4711" in text for text in map(str, identity_of(instance)))
        assert 0x00100010 not in instance.header.attributes


PATIENT = ("PatientName", "PatientID", "StudyDate", "StudyDescription")


def patient_file(*more, **options) -> bytes:
    elements = (
        element(0x00100010, "PN", "DOE^JOHN"),
        element(0x00100020, "LO", "4711 "),
        element(0x00080020, "DA", "19991231"),
    )
    return file_with(*elements, *more, **options)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_patient_fields_are_read_on_request(syntax: str) -> None:
    expected = dict(zip(PATIENT, ("DOE^JOHN", "4711", "19991231", ""), strict=True))
    assert patient_fields(patient_file(transfer_syntax=syntax), PATIENT) == expected


def test_patient_fields_come_from_whatever_can_be_opened(tmp_path: Path) -> None:
    data = patient_file()
    path = tmp_path / "a.dcm"
    path.write_bytes(data)
    opened = open_source(data)
    for source in (path, str(path), data, memoryview(data), io.BytesIO(data), opened):
        assert patient_fields(source, ["PatientID"]) == {"PatientID": "4711"}
    assert opened.size == 0, "closed"
    with pytest.raises(UnreadableSourceError):
        patient_fields(str(tmp_path / "none.dcm"), ["PatientID"])


def test_names_come_in_the_character_set_of_the_file() -> None:
    name = element(0x00100010, "PN", "Müller^Jörg".encode())
    utf_8 = element(0x00080005, "CS", "ISO_IR 192")
    assert patient_fields(file_with(utf_8, name), PATIENT)["PatientName"] == "Müller^Jörg"


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (element(0x00100010, "PN", "DOE^JOHN\\DOE^JIM"), "DOE^JOHN"),
        (element(0x00100010, "PN", b"\xff\xfe\x80"), None),
        (element(0x00100010, "SQ", b""), ""),
        (element(0x00100010, "US", 7), ""),
        (element(0x00100010, "OB", b"\1\2"), ""),
        (element(0x00100010, "LO", "x" * 10_000), "x" * 1024),
        (element(0x00080005, "CS", "KLINGON"), "DOE^JOHN"),
    ],
)
def test_bad_values_are_no_failure(bad, expected: str | None) -> None:
    found = patient_fields(patient_file(bad), PATIENT)
    assert found["PatientID"] == "4711"
    assert isinstance(found["PatientName"], str)
    assert expected is None or found["PatientName"] == expected


def test_a_file_that_ends_too_early_is_one_sentence() -> None:
    data = patient_file()
    with pytest.raises(CorruptDataError, match="ends inside a data element") as raised:
        patient_fields(data[: data.index(b"4711") - 4], PATIENT)
    assert "DOE" not in str(raised.value)


def test_bytes_that_make_no_sense_are_one_sentence() -> None:
    data = patient_file(transfer_syntax=DEFLATED)
    start = data.index(DEFLATED.encode()) + len(DEFLATED) + 10
    with pytest.raises(CorruptDataError) as raised:
        patient_fields(data[:start] + b"\xff" * 40, PATIENT)
    assert "DOE" not in str(raised.value)


def test_pydicom_stays_out_of_it() -> None:
    import subprocess

    code = (
        "import sys\n"
        "from rendicom.batch.identity import identity_of\n"
        "from rendicom.engine import open_instance\n"
        "identity_of(open_instance(sys.stdin.buffer.read()))\n"
        "assert 'pydicom' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], input=file_with(), check=True, timeout=60)
