"""Small DICOM files for the tests of the index, made with pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from rendicom.dicomweb.query import parse_query
from rendicom.index.catalogue import Catalogue
from rendicom.index.reading import read_indexed
from rendicom.index.records import Indexed
from rendicom.storage import version_of

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"


def dataset(**attributes: Any) -> Dataset:
    """Return an instance by keyword; a list of mappings is a sequence, None leaves out."""
    made = Dataset()
    for name, value in attributes.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = [dataset(**item) for item in value]
        if value is not None:
            setattr(made, name, value)
    return made


def write(path: Path, *, syntax: str = ExplicitVRLittleEndian, **attributes: Any) -> Path:
    """Write a file; without UIDs of its own it is instance 1.2.3.1.1 of series 1.2.3.1."""
    given = {
        "SOPClassUID": CT, "StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.1",
        "SOPInstanceUID": "1.2.3.1.1", "Modality": "CT", **attributes,
    }  # fmt: skip
    made = dataset(**given)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPInstanceUID = made.get("SOPInstanceUID", "1.2.3")
    if "Rows" in made and "PixelData" not in made:
        made.PixelData = bytes(made.Rows * made.Columns * made.BitsAllocated // 8)
        made["PixelData"].VR = "OW"
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)
    return path


IMAGE = {
    "Rows": 2, "Columns": 4, "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11,
    "PixelRepresentation": 0, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2",
}  # fmt: skip
"""Attributes of a small image."""


def indexed(path: Path, **attributes: Any) -> Indexed:
    """Write a file and return what the index keeps of it."""
    write(path, **attributes)
    return read(path)


def read(path: Path) -> Indexed:
    """Return what the index keeps of a file."""
    found = read_indexed(str(path), version_of(str(path)))
    assert found is not None
    return found


def copy_of(one: Indexed, *, study: int, series: int, number: int) -> Indexed:
    uid = f"1.2.{study}"
    return one._replace(
        study=uid,
        series=f"{uid}.{series}",
        instance=f"{uid}.{series}.{number}",
        location=f"{Path(one.location).parent}/{study}/{number}.dcm",
        of_study={**one.of_study, "0020000D": [uid]},
        of_series={**one.of_series, "0020000E": [f"{uid}.{series}"]},
        instance_number=number,
    )


def listed(catalogue: Catalogue) -> set[str]:
    query = parse_query([], level="instances")
    return {each["00080018"]["Value"][0] for each in catalogue.search("instances", query).models}


def check_counts(catalogue: Catalogue) -> None:
    """See to it that what is counted is what is there, on each level."""
    query = parse_query([], level="series")
    models = catalogue.search("series", query).models
    below = [
        len(catalogue.entries(each["0020000D"]["Value"][0], each["0020000E"]["Value"][0]))
        for each in models
    ]
    assert [each["00201209"]["Value"][0] for each in models] == below
    assert 0 not in below
    counts = catalogue.counts()
    assert (counts.series, counts.instances) == (len(models), sum(below))
    assert counts.instances == len(listed(catalogue))
    assert counts.studies == len({each["0020000D"]["Value"][0] for each in models})
