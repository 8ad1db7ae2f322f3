"""Output formats of documents, by name and by file extension."""

from __future__ import annotations

from typing import NamedTuple

HTML, TEXT, XML, PDF = "text/html", "text/plain", "text/xml", "application/pdf"


class DocumentFormat(NamedTuple):
    """An output format of documents.

    Attributes
    ----------
    name
        Value of ``--format``.
    extensions
        In lower case with a leading dot; the first is used for new files.
    """

    name: str
    title: str
    media_type: str
    extensions: tuple[str, ...]


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
