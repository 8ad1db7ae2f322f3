"""Output formats of documents, and the SOP classes that are available as each."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

HTML, TEXT, XML, PDF = "text/html", "text/plain", "text/xml", "application/pdf"


class DocumentFormat(NamedTuple):
    """An output format of documents."""

    name: str
    """Value of ``--format``."""
    title: str
    media_type: str
    extensions: tuple[str, ...]
    """In lower case with a leading dot; the first is used for new files."""


_FORMATS = (
    DocumentFormat("html", "HTML page", HTML, (".html", ".htm")),
    DocumentFormat("txt", "plain text", TEXT, (".txt",)),
    DocumentFormat("xml", "XML", XML, (".xml",)),
    DocumentFormat("pdf", "the encapsulated PDF", PDF, (".pdf",)),
    DocumentFormat("stl", "the encapsulated STL model", "model/stl", (".stl",)),
    DocumentFormat("obj", "the encapsulated OBJ model", "model/obj", (".obj",)),
    DocumentFormat("mtl", "the encapsulated MTL materials", "model/mtl", (".mtl",)),
)


def document_formats() -> dict[str, DocumentFormat]:
    """Return every format by name."""
    return {each.name: each for each in _FORMATS}


def document_format_of_extension(extension: str) -> DocumentFormat | None:
    """Return the format of an extension such as ``.html`` in any case, or None."""
    wanted = extension.lower()
    return next((each for each in _FORMATS if wanted in each.extensions), None)


# --- SOP classes ---------------------------------------------------------------------------------

Kind = Literal["report", "pdf", "cda", "stl", "obj", "mtl"]

KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"

_REPORT = re.compile(r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.88\.[0-9]+")
"""All classes with an SR Document Content Module (PS3.4 B.5), also of later editions."""

_ENCAPSULATED: dict[str, Kind] = {
    "1.2.840.10008.5.1.4.1.1.104.1": "pdf",
    "1.2.840.10008.5.1.4.1.1.104.2": "cda",
    "1.2.840.10008.5.1.4.1.1.104.3": "stl",
    "1.2.840.10008.5.1.4.1.1.104.4": "obj",
    "1.2.840.10008.5.1.4.1.1.104.5": "mtl",
}


def kind_of(sop_class: str) -> Kind | None:
    """Return the kind of document of a class; None for other objects."""
    if _REPORT.fullmatch(sop_class):
        return "report"
    return _ENCAPSULATED.get(sop_class)


def is_document(sop_class: str) -> bool:
    """Return whether a class is a report or an encapsulated document.

    Those are the classes of the category Text (PS3.18 Table 8.7.2-1).

    >>> is_document("1.2.840.10008.5.1.4.1.1.88.59"), is_document("1.2.840.10008.5.1.4.1.1.2")
    (True, False)
    """
    return kind_of(sop_class) is not None


def document_types(sop_class: str) -> tuple[str, ...]:
    """Return the media types a class is available as, the default first.

    >>> document_types("1.2.840.10008.5.1.4.1.1.104.1")
    ('text/html', 'text/plain', 'text/xml', 'application/pdf')
    """
    kind = kind_of(sop_class)
    if kind is None:
        return ()
    own = document_formats().get(kind)  # kinds of encapsulated documents are formats too
    return (HTML, TEXT, XML, *([own.media_type] if own is not None else []))
