"""Reports and encapsulated documents made with pydicom, for tests of what is made of them."""

from __future__ import annotations

import io
from typing import Any

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from brokenparts import part

__all__ = [
    "ENHANCED_SR",
    "KEY_OBJECTS",
    "code",
    "container",
    "encapsulated",
    "item",
    "number",
    "objects",
    "part10",
    "report",
    "sequence_of",
]

ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"
KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def code(meaning: str, value: str = "T1", scheme: str = "99TEST") -> list[Dataset]:
    """Return a code sequence of one item."""
    return [part(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)]


def item(
    kind: str, name: str = "", relationship: str = "CONTAINS", children: Any = (), **attributes: Any
) -> Dataset:
    """Return a content item; its value is given by keyword."""
    made = part(RelationshipType=relationship, ValueType=kind, **attributes)
    if name:
        made.ConceptNameCodeSequence = code(name)
    if children:
        made.ContentSequence = list(children)
    return made


def container(name: str, *children: Dataset, continuity: str = "SEPARATE", **more: Any) -> Dataset:
    return item("CONTAINER", name, children=children, ContinuityOfContent=continuity, **more)


def number(name: str, value: str, unit: str = "mm", **more: Any) -> Dataset:
    units = code("millimeter" if unit == "mm" else unit, unit, "UCUM")
    measured = part(NumericValue=value, MeasurementUnitsCodeSequence=units)
    return item("NUM", name, MeasuredValueSequence=[measured], **more)


def objects(kind: str, instance: str, name: str = "", **more: Any) -> Dataset:
    """Return an IMAGE, COMPOSITE or WAVEFORM; attributes beyond those of `item` go inside."""
    outside = {key: more.pop(key) for key in ("relationship", "children") if key in more}
    sop_class = more.pop("sop_class", CT_IMAGE)
    found = part(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=instance, **more)
    return item(kind, name, ReferencedSOPSequence=[found], **outside)


def sequence_of(study: str, series: str, *instances: str) -> list[Dataset]:
    """Return a hierarchical SOP instance reference sequence."""
    found = [
        part(ReferencedSOPClassUID=CT_IMAGE, ReferencedSOPInstanceUID=each) for each in instances
    ]
    held = part(SeriesInstanceUID=series, ReferencedSOPSequence=found)
    return [part(StudyInstanceUID=study, ReferencedSeriesSequence=[held])]


def report(
    *children: Dataset, sop_class: str = ENHANCED_SR, title: str = "Chest report", **more: Any
) -> Dataset:
    """Return a report with a patient, a study, and what is given."""
    made = container(title, *children)
    del made.RelationshipType
    own = {
        "SOPClassUID": sop_class, "SOPInstanceUID": "1.2.3.4", "SeriesInstanceUID": "1.2.3",
        "StudyInstanceUID": "1.2", "SpecificCharacterSet": "ISO_IR 192", "Modality": "SR",
        "PatientName": "Doe^Jane^M^Dr", "PatientID": "ID-7", "PatientBirthDate": "19700102",
        "StudyDate": "20240229", "CompletionFlag": "COMPLETE", "VerificationFlag": "UNVERIFIED",
    }  # fmt: skip
    for keyword, value in (own | more).items():
        setattr(made, keyword, value)
    return made


def encapsulated(data: bytes, last: int, **more: Any) -> Dataset:
    """Return an object of class ...104.``last`` that holds a document, padded to even length."""
    return part(
        SOPClassUID=f"1.2.840.10008.5.1.4.1.1.104.{last}", SOPInstanceUID="1.2.3.5",
        SeriesInstanceUID="1.2.3", StudyInstanceUID="1.2", PatientName="Doe^Jane",
        DocumentTitle="Discharge letter",
        EncapsulatedDocument=data + b"\0" * (len(data) % 2),
        **{"EncapsulatedDocumentLength": len(data)} | more,
    )  # fmt: skip


def part10(dataset: Dataset) -> bytes:
    """Return the bytes of a file."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "1.2")
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2")
    file = FileDataset("", dataset, preamble=b"\0" * 128, file_meta=meta)
    stream = io.BytesIO()
    file.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
