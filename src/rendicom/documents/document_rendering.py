"""Renders a source as the bytes of a document."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from rendicom.dicom.uids import class_name
from rendicom.documents.content_tree import read_tree
from rendicom.documents.dataset_reader import DatasetReader, open_document
from rendicom.documents.document_header import read_header_of, read_places
from rendicom.documents.document_model import Attachment, Document, Link, RenderedDocument
from rendicom.documents.formats import (
    HTML,
    KEY_OBJECT_SELECTION,
    TEXT,
    XML,
    document_types,
    kind_of,
)
from rendicom.errors import CorruptDataError, NotAcceptableError

if TYPE_CHECKING:
    from rendicom.documents.dataset_reader import Source

_CHARSET = re.compile(
    r"utf-8|ascii|iso8859-[0-9]+|cp125[0-9]|koi8-r|gb2312|gbk|gb18030|big5|euc_kr|euc_jp|shift_jis"
)
"""Character sets in which the byte 3C always is ``<``."""


def render(
    source: Source, media_type: str, *, link: Link | None, charset: str, picture: Link | None
) -> RenderedDocument:
    """Render a document; see `rendicom.documents.render_document`."""
    with open_document(source) as (sop_class, reader):
        available = document_types(sop_class)
        if media_type not in available:
            raise _unacceptable(sop_class, media_type, available)
        kind = kind_of(sop_class)
        if kind == "report":
            document = _report(reader, sop_class)
        else:
            if media_type not in (HTML, TEXT) and (kind == "cda" or media_type != XML):
                return RenderedDocument(_read_attachment(reader, sop_class).data, media_type)
            document = _encapsulated(reader, sop_class)
        document = document._replace(notes=(*document.notes, *reader.notes))
    shown = picture if sop_class == KEY_OBJECT_SELECTION else None
    return _written(document, media_type, link, _known(charset), shown)


def _unacceptable(
    sop_class: str, media_type: str, available: tuple[str, ...]
) -> NotAcceptableError:
    what = class_name(sop_class) or "Object"
    if not available:
        return NotAcceptableError(f"{what}: this is neither a report nor an encapsulated document")
    return NotAcceptableError(
        f"{what}: not available as {media_type}",
        hint=f"available: {', '.join(available)}",
        available=available,
    )


def _report(reader: DatasetReader, sop_class: str) -> Document:
    places = read_places(reader)
    document = read_header_of(reader, sop_class, places)
    content = read_tree(reader, places)
    concept = content.concept
    if not content.children:
        reader.notes.setdefault("the document has no content")
    title = (concept.meaning or concept.value) if concept else document.class_name
    return document._replace(title=title, content=content)


def _read_attachment(reader: DatasetReader, sop_class: str) -> Attachment:
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


def _encapsulated(reader: DatasetReader, sop_class: str) -> Document:
    """Return the header of an encapsulated document, and the narrative of a CDA document."""
    document = read_header_of(reader, sop_class, read_places(reader))
    concept = reader.code("ConceptNameCodeSequence")
    title = reader.text("DocumentTitle") or (concept.meaning if concept else "")
    document = document._replace(title=title or document.class_name)
    try:
        attachment = _read_attachment(reader, sop_class)
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


def _known(charset: str) -> str:
    """Return the requested charset if it is supported, else UTF-8 (PS3.18 8.3.3.2)."""
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        return "utf-8"
    return charset.lower() if _CHARSET.fullmatch(name) else "utf-8"


def _written(
    document: Document, media_type: str, link: Link | None, charset: str, picture: Link | None
) -> RenderedDocument:
    if media_type == HTML:
        from rendicom.documents.templating import write_page

        # HTML can escape characters that the charset lacks.
        page = write_page(document, link, charset, picture)
        return RenderedDocument(page.encode(charset, "xmlcharrefreplace"), media_type, charset)
    if media_type == XML:
        from rendicom.documents.templating import write_xml

        return RenderedDocument(write_xml(document, link), media_type, "utf-8")
    from rendicom.documents.templating import write_plain

    text = write_plain(document, link)
    try:
        return RenderedDocument(text.encode(charset), media_type, charset)
    except UnicodeError:
        raise NotAcceptableError(
            f"the text has characters that {charset} does not have", hint="request UTF-8"
        ) from None
