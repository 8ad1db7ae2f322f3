"""Reads the header of a document: patient, study, people, status and references."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from rendicom.dicom.date_times import plain_age, plain_date, plain_datetime, plain_time
from rendicom.dicom.uids import class_name
from rendicom.documents.content_tree import Places, read_reference
from rendicom.documents.dataset_reader import DatasetReader
from rendicom.documents.document_model import Document, Fact, ObjectReference, Person, Section

_Row = tuple[str, str, Callable[[str], str]]


def _row(label: str, keyword: str, shown: Callable[[str], str] = str) -> _Row:
    return label, keyword, shown


_SECTIONS: tuple[tuple[str, tuple[_Row, ...]], ...] = (
    (
        "Patient",
        (
            _row("Name", "PatientName"),
            _row("ID", "PatientID"),
            _row("Born", "PatientBirthDate", plain_date),
            _row("Sex", "PatientSex"),
            _row("Age", "PatientAge", plain_age),
        ),
    ),
    (
        "Study",
        (
            _row("Description", "StudyDescription"),
            _row("Date", "StudyDate", plain_date),
            _row("Time", "StudyTime", plain_time),
            _row("Accession", "AccessionNumber"),
            _row("Study ID", "StudyID"),
            _row("Referred by", "ReferringPhysicianName"),
        ),
    ),
    (
        "Document",
        (
            _row("Title", "DocumentTitle"),
            _row("Date", "ContentDate", plain_date),
            _row("Time", "ContentTime", plain_time),
            _row("Acquired", "AcquisitionDateTime", plain_datetime),
            _row("Series", "SeriesDescription"),
            _row("Number", "InstanceNumber"),
            _row("Institution", "InstitutionName"),
            _row("Device", "Manufacturer"),
            _row("Model", "ManufacturerModelName"),
        ),
    ),
)
_NAMES = ("PatientName", "ReferringPhysicianName")

_STATUS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("Completion", "CompletionFlag", {"COMPLETE": "Complete", "PARTIAL": "Partial"}),
    ("Completion description", "CompletionFlagDescription", {}),
    ("Verification", "VerificationFlag", {"VERIFIED": "Verified", "UNVERIFIED": "Not verified"}),
    ("Version", "PreliminaryFlag", {"PRELIMINARY": "Preliminary", "FINAL": "Final"}),
)

_EVIDENCE = (
    ("Predecessor documents", "PredecessorDocumentsSequence"),
    ("Identical documents", "IdenticalDocumentsSequence"),
    ("Evidence of this procedure", "CurrentRequestedProcedureEvidenceSequence"),
    ("Other evidence", "PertinentOtherEvidenceSequence"),
)
"""Hierarchical SOP Instance Reference Macro (PS3.3 10.29 and C.17.2.1)."""


def read_places(reader: DatasetReader) -> Places:
    """Return study and series of every instance in the evidence of the document."""
    places: Places = {}
    own = reader.text("StudyInstanceUID"), reader.text("SeriesInstanceUID")
    for _title, keyword in _EVIDENCE:
        for study, series, item in _hierarchical(reader, keyword):
            places.setdefault(item.text("ReferencedSOPInstanceUID"), (study, series))
    places[reader.text("SOPInstanceUID")] = own
    places.pop("", None)
    return places


def _hierarchical(reader: DatasetReader, keyword: str) -> Iterator[tuple[str, str, DatasetReader]]:
    for study in reader.items(keyword):
        for series in study.items("ReferencedSeriesSequence"):
            for item in series.items("ReferencedSOPSequence"):
                yield study.text("StudyInstanceUID"), series.text("SeriesInstanceUID"), item


def read_header_of(reader: DatasetReader, sop_class: str, places: Places) -> Document:
    """Return a document without its content; its title is the class name."""
    study, series = reader.text("StudyInstanceUID"), reader.text("SeriesInstanceUID")
    sections = ((title, tuple(_facts(reader, rows))) for title, rows in _SECTIONS)
    return Document(
        class_name(sop_class),
        class_name(sop_class),
        ObjectReference(sop_class, reader.text("SOPInstanceUID"), series, study),
        _status(reader),
        tuple(Section(title, facts) for title, facts in sections if facts),
        tuple(_people(reader)),
        references=tuple(_references(reader, places)),
    )


def _facts(reader: DatasetReader, rows: tuple[_Row, ...]) -> Iterator[Fact]:
    for label, keyword, shown in rows:
        text = "; ".join(reader.names(keyword)) if keyword in _NAMES else reader.text(keyword)
        if text:
            yield Fact(label, keyword, shown(text))


def _status(reader: DatasetReader) -> tuple[Fact, ...]:
    found = ((label, keyword, reader.text(keyword), words) for label, keyword, words in _STATUS)
    return tuple(
        Fact(label, keyword, words.get(text.upper(), text))
        for label, keyword, text, words in found
        if text
    )


# --- people (PS3.3 C.17.2) ------------------------------------------------------------------


def _people(reader: DatasetReader) -> Iterator[Person]:
    for item in reader.items("VerifyingObserverSequence"):
        yield Person(
            "Verified by",
            "; ".join(item.names("VerifyingObserverName")),
            item.text("VerifyingOrganization"),
            plain_datetime(item.text("VerificationDateTime")),
            item.code("VerifyingObserverIdentificationCodeSequence"),
        )
    for item in reader.items("AuthorObserverSequence"):
        yield _observer("Author", item, "")
    for item in reader.items("ParticipantSequence"):
        role = _PARTICIPATION.get(item.text("ParticipationType").upper(), "Participant")
        yield _observer(role, item, plain_datetime(item.text("ParticipationDateTime")))
    for item in reader.items("CustodialOrganizationSequence"):
        yield Person("Kept by", "", item.text("InstitutionName"))


_PARTICIPATION = {
    "SOURCE": "Source of information",
    "ENT": "Entered by",
    "ATTEST": "Attested by",
    "VERF": "Verified by",
}


def _observer(role: str, item: DatasetReader, moment: str) -> Person:
    """Return an observing person or device (PS3.3 Table C.17-3b)."""
    device = " ".join(filter(None, map(item.text, ("Manufacturer", "ManufacturerModelName"))))
    names = item.names("PersonName")
    return Person(
        role,
        "; ".join(names) or device or item.text("StationName") or item.text("DeviceUID"),
        item.text("InstitutionName"),
        moment,
        item.code("PersonIdentificationCodeSequence"),
    )


# --- references -----------------------------------------------------------------------------


def _references(
    reader: DatasetReader, places: Places
) -> Iterator[tuple[str, tuple[ObjectReference, ...]]]:
    for title, keyword in _EVIDENCE:
        found = tuple(
            read_reference(item, places)._replace(study=study, series=series)
            for study, series, item in _hierarchical(reader, keyword)
        )
        if found:
            yield title, found
    sources = tuple(read_reference(item, places) for item in reader.items("SourceInstanceSequence"))
    if sources:
        yield "Made from", sources
