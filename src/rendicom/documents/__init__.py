"""Objects without pixels: reports, key object selections and encapsulated documents.

They are rendered as HTML without scripts and external resources, as plain text, as XML, or as the
encapsulated document itself (PS3.18 Table 8.7.4-1, category Text). The same source, media type
and links give the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.documents.document_model import Link, ObjectReference, RenderedDocument
from rendicom.documents.formats import (
    DocumentFormat,
    document_format_of_extension,
    document_formats,
    document_types,
    is_document,
)

if TYPE_CHECKING:
    from rendicom.documents.dataset_reader import Source

__all__ = [
    "DocumentFormat",
    "Link",
    "ObjectReference",
    "RenderedDocument",
    "document_format_of_extension",
    "document_formats",
    "document_types",
    "is_document",
    "render_document",
]


def render_document(
    source: Source,
    media_type: str,
    *,
    link: Link | None = None,
    charset: str = "utf-8",
    picture: Link | None = None,
) -> RenderedDocument:
    """Return a report or an encapsulated document as ``media_type``.

    Parameters
    ----------
    source
        Path, bytes, binary file object, `rendicom.dicom.byte_source.ByteSource` or pydicom
        Dataset.
    media_type
        One of `document_types` of its class.
    link
        Returns the URL of a referenced instance, or None. References without a URL are shown by
        their UIDs.
    charset
        Character set of text formats; UTF-8 is used instead of an unknown one.
    picture
        Returns the address of a small picture of a referenced image, or of a single frame of it;
        None for none. The HTML page of a key object selection shows them.

    Raises
    ------
    NotAcceptableError
        The object is not a document, is not available as the media type, or has characters
        that ``charset`` lacks.
    UnreadableSourceError, NotDicomError, CorruptDataError, LimitExceededError
    """
    from rendicom.documents.document_rendering import render

    return render(source, media_type, link=link, charset=charset, picture=picture)
