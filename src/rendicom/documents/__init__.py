"""Objects without pixels: reports, key object selections and encapsulated documents.

What can be made of them (PS3.18 Table 8.7.4-1, category Text): HTML that holds no script and
fetches nothing, plain text, XML, and the encapsulated document itself, byte for byte. The same
source, media type and links give the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.documents.classes import document_types, is_document
from rendicom.documents.formats import (
    DocumentFormat,
    document_format_named,
    document_format_of_extension,
    document_formats,
)
from rendicom.documents.values import Link, Reference, RenderedDocument

if TYPE_CHECKING:
    from rendicom.documents.reading import Source

__all__ = [
    "DocumentFormat",
    "Link",
    "Reference",
    "RenderedDocument",
    "document_format_named",
    "document_format_of_extension",
    "document_formats",
    "document_types",
    "is_document",
    "render_document",
    "style_source",
]


def render_document(
    source: Source, media_type: str, *, link: Link | None = None, charset: str = "utf-8"
) -> RenderedDocument:
    """Return a report or an encapsulated document as ``media_type``.

    Parameters
    ----------
    source
        Path, bytes, binary file object, `rendicom.pixels.bytesource.ByteSource` or pydicom
        Dataset.
    media_type
        One of `document_types` of its class.
    link
        Gives the address of what the document refers to, or None for what has none; such
        references, and all of them without ``link``, are shown by their UIDs.
    charset
        Of texts; one that nobody knows is taken for UTF-8.

    Raises
    ------
    NotAcceptableError
        The object is no document, the media type cannot be made of it, or ``charset`` cannot
        hold the text.
    UnreadableSourceError, NotDicomError, CorruptDataError, LimitExceededError
    """
    from rendicom.documents.rendering import render

    return render(source, media_type, link=link, charset=charset)


def style_source() -> str:
    """Return what a Content-Security-Policy lists under ``style-src`` for the HTML made here."""
    from rendicom.documents.style import STYLE_SOURCE

    return STYLE_SOURCE
