"""Forms that documents come in, by name and by the extension of a file."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "HTML",
    "PDF",
    "TEXT",
    "XML",
    "DocumentFormat",
    "document_format_named",
    "document_format_of_extension",
    "document_formats",
]

HTML, TEXT, XML, PDF = "text/html", "text/plain", "text/xml", "application/pdf"


class DocumentFormat(NamedTuple):
    """What a document can be written as.

    Attributes
    ----------
    name
        Value of ``--format``.
    extensions
        Start with a dot and are lower case; the first one is used for new files.
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


def document_format_named(name: str) -> DocumentFormat | None:
    """Return the format of that name, if one has it."""
    return document_formats().get(name)


def document_format_of_extension(extension: str) -> DocumentFormat | None:
    """Return the format of an extension such as ``.html``, without regard to case, or None."""
    wanted = extension.lower()
    return next((each for each in _FORMATS if wanted in each.extensions), None)
