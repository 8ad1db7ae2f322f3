"""DICOMDIRs: which files they list, and where those are."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from rendicom.batch.outcomes import Ignored
from rendicom.batch.output_paths import find
from rendicom.batch.sources import Unit, is_folder_like, open_unit
from rendicom.dicom.dicomdir import nothing_but
from rendicom.dicom.folder_walk import Unreadable
from rendicom.engine import open_instance
from rendicom.errors import NotDicomError, UnreadableSourceError
from rendicom.testing.writer import BIG_ENDIAN, EXPLICIT, IMPLICIT, dicom_file, element, sequence

SAMPLE = Path(str(get_testdata_file("dicomdirtests/DICOMDIR", download=False)))
MEDIA_DIRECTORY = element(0x00020002, "UI", "1.2.840.10008.1.3.10")
DICOM = bytes(128) + b"DICM"
pytestmark = pytest.mark.usefixtures("here")


def directory(
    *file_ids: str | Sequence[str] | None,
    path: str = "cd/DICOMDIR",
    transfer_syntax: str = EXPLICIT,
) -> str:
    """Write a DICOMDIR with a record for each File ID, None for one that refers to nothing."""
    records = [
        [
            element(0x00041410, "US", 0),
            element(0x00041430, "CS", "PATIENT" if file_id is None else "IMAGE"),
            *([] if file_id is None else [element(0x00041500, "CS", file_id)]),
        ]
        for file_id in file_ids
    ]
    data = dicom_file(
        [sequence(0x00041220, *records)],
        transfer_syntax=transfer_syntax,
        meta_elements=[MEDIA_DIRECTORY],
    )
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)
    return path


def files(*names: str) -> None:
    for name in names:
        Path("cd", name).parent.mkdir(parents=True, exist_ok=True)
        Path("cd", name).write_bytes(DICOM)


def found(*sources: str) -> list[Unit | Ignored | Unreadable]:
    return list(find(sources, "out", extension=".jpg"))


def places(*sources: str) -> list[str]:
    return [entry.place for entry in found(*sources) if isinstance(entry, Unit)]


@pytest.mark.parametrize(
    "name",
    ["DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-implicit", "DICOMDIR-nooffset", "DICOMDIR-nopatient"],
)
def test_every_file_of_the_samples_comes_in_the_order_of_its_record(name: str) -> None:
    source = str(SAMPLE.with_name(name))
    records = dcmread(source).DirectoryRecordSequence
    expected = [list(record.ReferencedFileID) for record in records if "ReferencedFileID" in record]
    assert len(expected) == 31
    entries = found(source)
    assert [entry.place for entry in entries] == ["/".join(parts) for parts in expected]
    for entry in entries:
        assert isinstance(entry, Unit)
        assert Path(entry.source).stat().st_size == entry.size > 0
        with open_instance(open_unit(entry)) as instance:
            assert instance.header is not None


def test_a_copy_of_the_sample_in_another_case_gives_the_same_places() -> None:
    shutil.copytree(SAMPLE.parent, "copy")
    expected = places("copy/DICOMDIR")
    for path in sorted(Path("copy").rglob("*"), key=lambda path: -len(path.parts)):
        path.rename(path.with_name(path.name.swapcase()))
    found_places = places("copy/dicomdir")
    assert len(found_places) == 31
    assert [place.casefold() for place in found_places] == [place.casefold() for place in expected]


def test_a_directory_without_images_holds_none() -> None:
    source = str(SAMPLE.with_name("DICOMDIR-empty.dcm"))
    assert found(source) == [Unreadable(source, "the DICOMDIR lists no files")]


def test_what_is_said_of_a_folder_with_nothing_but_a_dicomdir() -> None:
    missing = nothing_but(directory("IM1", ("SUB", "IM2"), None))
    assert isinstance(missing, UnreadableSourceError)
    assert "nothing but cd/DICOMDIR, which lists 2 files: none of them exists" in str(missing)
    assert "lists 1 file: none" in str(nothing_but(directory("IM1")))
    assert "the DICOMDIR lists no files" in str(nothing_but(directory(None)))
    Path("cd/IM1").write_bytes(b"no DICOM")
    other = nothing_but(directory("IM1", "IM2"))
    assert isinstance(other, NotDicomError)
    assert str(other) == "none of the files that cd/DICOMDIR lists is DICOM"
    Path("cd/DICOMDIR").write_bytes(Path("cd/DICOMDIR").read_bytes()[:200])
    assert "the DICOMDIR is damaged" in str(nothing_but("cd/DICOMDIR"))


@pytest.mark.parametrize("transfer_syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
def test_version_numbers_dots_and_case_make_no_difference(transfer_syntax: str) -> None:
    files("dicom/im1", "dicom/im2.;1", "dicom/IM3;1", "dicom/Im4.")
    ids = (["DICOM", f"IM{number}"] for number in (1, 2, 3, 4))
    entries = found(directory(*ids, transfer_syntax=transfer_syntax))
    assert [Path(entry.source).name for entry in entries] == ["im1", "im2.;1", "IM3;1", "Im4."]
    assert all(isinstance(entry, Unit) for entry in entries)


def test_a_path_in_one_component_is_split() -> None:
    files("A/B/IM1", "A/B/IM2")
    assert places(directory("A/B/IM1", "./A\\B\\IM2 ")) == ["A/B/IM1", "A/B/IM2"]


def test_what_is_listed_twice_comes_once() -> None:
    files("A/IM1")
    assert places(directory(["A", "IM1"], ["A", "IM1"])) == ["A/IM1"]


def test_what_is_not_there_is_said_and_the_rest_comes() -> None:
    files("A/IM2")
    said, unit = found(directory(["A", "IM1"], ["A", "IM2"]))
    assert said == Unreadable(str(Path("cd/A/IM1")), "listed in the DICOMDIR, but not there")
    assert isinstance(unit, Unit)


@pytest.mark.parametrize("file_id", [["..", "secret"], "../secret", ["A", "..", "..", "secret"]])
def test_no_file_id_leads_out_of_the_folder(file_id: str | list[str]) -> None:
    Path("secret").write_bytes(DICOM)
    files("A/IM1")
    (said,) = found(directory(file_id))
    assert isinstance(said, Unreadable)
    assert "outside" in said.reason


def test_an_absolute_file_id_is_looked_for_in_the_folder(here: Path) -> None:
    Path("secret").write_bytes(DICOM)
    (said,) = found(directory(str(here / "secret")))
    assert isinstance(said, Unreadable)
    assert "not there" in said.reason


def test_a_folder_in_the_place_of_a_file_is_not_there() -> None:
    files("A/IM1")
    (said,) = found(directory(["A"]))
    assert isinstance(said, Unreadable)


def test_several_discs_get_a_folder_each() -> None:
    for disc in ("one", "two"):
        shutil.copytree(SAMPLE.parent, disc)
    assert is_folder_like("one/DICOMDIR")
    found_places = places("one/DICOMDIR", "two/DICOMDIR")
    assert found_places[0] == "one/77654033/CR1/6154"
    assert found_places[31] == "two/77654033/CR1/6154"


def test_in_a_folder_the_files_come_and_not_the_directory() -> None:
    files("A/IM1")
    directory(["A", "IM1"])
    entries = found("cd")
    assert [type(entry) for entry in entries] == [Ignored, Unit]


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.503, 0.9])
def test_a_directory_that_is_cut_short_is_said(keep: float) -> None:
    names = [f"A/IM{number}" for number in range(30)]
    files(*names)
    source = directory(*(name.split("/") for name in names))
    data = Path(source).read_bytes()
    Path(source).write_bytes(data[: int(len(data) * keep)])
    *units, said = found(source)
    assert [unit.source for unit in units] == [f"cd/{name}" for name in names[: len(units)]]
    assert isinstance(said, Unreadable)
    assert said.source == source


def test_a_directory_without_records_is_said() -> None:
    data = dicom_file([element(0x00041130, "CS", "DISC")], meta_elements=[MEDIA_DIRECTORY])
    Path("DICOMDIR").write_bytes(data)
    assert found("DICOMDIR") == [
        Unreadable("DICOMDIR", "the DICOMDIR is damaged, or holds no records")
    ]


def test_thousands_of_records_take_no_time() -> None:
    Path("cd/A").mkdir(parents=True)
    source = directory(*(["A", f"IM{number}"] for number in range(5000)))
    began = perf_counter()
    assert len(found(source)) == 5000
    assert perf_counter() - began < 10
