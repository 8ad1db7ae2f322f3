"""What is told of a study when one of its files holds another instance than before."""

from __future__ import annotations

from pathlib import Path

from indexedfiles import indexed
from postgresserver import postgres_server
from rendicom.dicomweb.query import parse_query
from rendicom.index.catalogue import Catalogue
from rendicom.index.file_records import FileRecords

__all__ = ["postgres_server"]


def found(catalogue: Catalogue, *pairs: tuple[str, str]) -> list[tuple[str, str]]:
    """Return Patient ID and Series Description of the series that match."""
    fields = ("includefield", "PatientID,SeriesDescription")
    models = catalogue.search("series", parse_query([*pairs, fields], level="series")).models
    return [(m["00100020"]["Value"][0], m["0008103E"]["Value"][0]) for m in models]


def to_read_again(catalogue: Catalogue, folder: Path) -> set[str]:
    """Return the names of files that the next look opens though they are the same."""
    names = [each.name for each in folder.iterdir()]
    known = FileRecords(catalogue.database).known(str(folder) + "/", names)
    assert known, "the folder is known by this path"
    return {name for name, row in known.items() if not row.version}


def test_the_patient_of_a_file_that_was_overwritten_is_forgotten_at_once(catalogue, tmp_path):
    """The new UID is higher, so that of the old one would still be believed."""
    path = tmp_path / "a.dcm"
    first = {"PatientID": "OLD", "SeriesDescription": "before"}
    second = {"PatientID": "NEWER", "SeriesDescription": "after"}
    catalogue.put([indexed(path, SOPInstanceUID="1.2.3.1.1", **first)])
    catalogue.put([indexed(path, SOPInstanceUID="1.2.3.1.9", **second)])
    assert [each.instance for each in catalogue.entries("1.2.3")] == ["1.2.3.1.9"]
    assert found(catalogue, ("PatientID", "OLD")) == []
    assert found(catalogue, ("PatientID", "NEWER")) == [("NEWER", "after")]
    assert found(catalogue, ("SeriesDescription", "before")) == []


def test_then_the_lowest_that_is_left_is_believed(catalogue, tmp_path):
    folder = tmp_path / "in"
    said = {"PatientID": "one", "SeriesDescription": "of one"}
    catalogue.put([indexed(folder / "a.dcm", SOPInstanceUID="1.2.3.1.1", **said)])
    said = {"PatientID": "five", "SeriesDescription": "of five"}
    five = indexed(folder / "b.dcm", SOPInstanceUID="1.2.3.1.5", **said)
    catalogue.put([five])
    assert found(catalogue) == [("one", "of one")]
    assert to_read_again(catalogue, folder) == set()
    said = {"PatientID": "nine", "SeriesDescription": "of nine"}
    catalogue.put([indexed(folder / "a.dcm", SOPInstanceUID="1.2.3.1.9", **said)])
    assert found(catalogue, ("PatientID", "one")) == []
    assert to_read_again(catalogue, folder) == {"b.dcm"}
    catalogue.put([five], is_scanned=True)
    assert found(catalogue) == [("five", "of five")]
    assert to_read_again(catalogue, folder) == set()


def test_a_file_that_goes_to_another_series_while_its_own_gets_more(catalogue, tmp_path):
    """Both series are in one change: neither is missing from what was put."""
    folder = tmp_path / "in"
    for name, number in (("a.dcm", 1), ("b.dcm", 5)):
        said = {"PatientID": "P", "SeriesDescription": str(number)}
        catalogue.put([indexed(folder / name, SOPInstanceUID=f"1.2.3.1.{number}", **said)])
    there = {"SeriesInstanceUID": "1.2.3.2", "SeriesDescription": "elsewhere", "PatientID": "P"}
    more = {"SOPInstanceUID": "1.2.3.1.7", "SeriesDescription": "7", "PatientID": "P"}
    catalogue.put([indexed(folder / "a.dcm", **there), indexed(folder / "c.dcm", **more)])
    assert found(catalogue, ("SeriesInstanceUID", "1.2.3.2")) == [("P", "elsewhere")]
    assert "b.dcm" in to_read_again(catalogue, folder)
