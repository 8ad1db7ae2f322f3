"""Documents inside of objects: PDF, CDA and 3D models (PS3.3 A.45, C.24)."""

from __future__ import annotations

from rendicom.documents.classes import kind_of
from rendicom.documents.formats import PDF, XML
from rendicom.documents.header import read_header_of, read_places
from rendicom.documents.reading import Reader
from rendicom.documents.values import Attachment, Document
from rendicom.errors import CorruptDataError

__all__ = ["read_attachment", "read_encapsulated"]

_MEDIA_TYPES = {
    "pdf": PDF,
    "cda": XML,
    "stl": "model/stl",
    "obj": "model/obj",
    "mtl": "model/mtl",
}


def read_attachment(reader: Reader, sop_class: str) -> Attachment:
    """Return the document an object encapsulates, without the byte that pads it to even length.

    Encapsulated Document Length (0042,0015) says where it ends; without that, one zero byte at
    the end counts as padding.

    Raises
    ------
    CorruptDataError
        There is none.
    """
    data = reader.octets("EncapsulatedDocument")
    if not data:
        raise CorruptDataError("the object holds no encapsulated document")
    length = next(iter(reader.integers("EncapsulatedDocumentLength")), 0)
    if 0 < length <= len(data):
        data = data[:length]
    else:
        if length:
            reader.notes.setdefault("the encapsulated document is shorter than it is said to be")
        data = data.removesuffix(b"\0")
    return Attachment(_MEDIA_TYPES.get(kind_of(sop_class) or "", "application/octet-stream"), data)


def read_encapsulated(reader: Reader, sop_class: str) -> Document:
    """Return what is said of an encapsulated document, and the text of one of CDA."""
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
        reader.notes.setdefault("the encapsulated document does not start as a PDF does")
    if kind_of(sop_class) != "cda":
        return document
    from rendicom.documents.clinical import read_clinical_document

    try:
        title, narrative = read_clinical_document(attachment.data)
    except CorruptDataError as error:
        reader.notes.setdefault(error.message)
        return document
    return document._replace(title=title or document.title, narrative=narrative)
