"""Reads encapsulated documents: PDF, CDA and 3D models (PS3.3 A.45, C.24)."""

from __future__ import annotations

from rendicom.documents.dataset_reader import DatasetReader
from rendicom.documents.document_header import read_header_of, read_places
from rendicom.documents.document_model import Attachment, Document
from rendicom.documents.sop_classes import document_types, kind_of
from rendicom.errors import CorruptDataError


def read_attachment(reader: DatasetReader, sop_class: str) -> Attachment:
    """Return the encapsulated document without its padding byte.

    The end is given by Encapsulated Document Length (0042,0015); without it, one trailing zero
    byte counts as padding.

    Raises
    ------
    CorruptDataError
        The object has no encapsulated document.
    """
    data = reader.octets("EncapsulatedDocument")
    if not data:
        raise CorruptDataError("the object holds no encapsulated document")
    length = next(iter(reader.integers("EncapsulatedDocumentLength")), 0)
    if 0 < length <= len(data):
        data = data[:length]
    else:
        if length:
            reader.notes.setdefault(
                "the encapsulated document is shorter than its Encapsulated Document Length"
            )
        data = data.removesuffix(b"\0")
    return Attachment(document_types(sop_class)[-1], data)


def read_encapsulated(reader: DatasetReader, sop_class: str) -> Document:
    """Return the header of an encapsulated document, and the narrative of a CDA document."""
    document = read_header_of(reader, sop_class, read_places(reader))
    concept = reader.code("ConceptNameCodeSequence")
    title = reader.text("DocumentTitle") or (concept.meaning if concept else "")
    document = document._replace(title=title or document.class_name)
    try:
        attachment = read_attachment(reader, sop_class)
    except CorruptDataError as error:
        reader.notes.setdefault(error.message)
        return document
    document = document._replace(attachment=attachment)
    if kind_of(sop_class) == "pdf" and b"%PDF-" not in attachment.data[:1024]:
        reader.notes.setdefault("the encapsulated document does not start with a PDF header")
    if kind_of(sop_class) != "cda":
        return document
    from rendicom.documents.cda import read_clinical_document

    try:
        title, narrative = read_clinical_document(attachment.data)
    except CorruptDataError as error:
        reader.notes.setdefault(error.message)
        return document
    return document._replace(title=title or document.title, narrative=narrative)
