"""A source to the bytes of a document."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from rendicom.documents.classes import document_types, kind_of
from rendicom.documents.formats import HTML, TEXT, XML
from rendicom.documents.header import class_name, read_header_of, read_places
from rendicom.documents.reading import Reader, open_document
from rendicom.documents.tree import read_tree
from rendicom.documents.values import Document, Link, RenderedDocument
from rendicom.errors import NotAcceptableError

if TYPE_CHECKING:
    from rendicom.documents.reading import Source

__all__ = ["render"]

_CHARSET = re.compile(
    r"utf-8|ascii|iso8859-[0-9]+|cp125[0-9]|koi8-r|gb2312|gbk|gb18030|big5|euc_kr|euc_jp|shift_jis"
)
"""Those where ``<`` is the byte 3C and nothing else is."""


def render(source: Source, media_type: str, *, link: Link | None, charset: str) -> RenderedDocument:
    """Return a document; see `rendicom.documents.render_document`."""
    with open_document(source) as (sop_class, reader):
        available = document_types(sop_class)
        if media_type not in available:
            raise _unacceptable(sop_class, media_type, available)
        kind = kind_of(sop_class)
        if kind == "report":
            document = _report(reader, sop_class)
        else:
            from rendicom.documents.encapsulated import read_attachment, read_encapsulated

            if media_type not in (HTML, TEXT) and (kind == "cda" or media_type != XML):
                return RenderedDocument(read_attachment(reader, sop_class).data, media_type)
            document = read_encapsulated(reader, sop_class)
        document = document._replace(notes=(*document.notes, *reader.notes))
    return _written(document, media_type, link, _known(charset))


def _unacceptable(
    sop_class: str, media_type: str, available: tuple[str, ...]
) -> NotAcceptableError:
    what = class_name(sop_class)
    if not available:
        return NotAcceptableError(f"{what}: this is neither a report nor an encapsulated document")
    return NotAcceptableError(
        f"{what}: {media_type} cannot be made of it",
        hint=f"what can: {', '.join(available)}",
        available=available,
    )


def _report(reader: Reader, sop_class: str) -> Document:
    places = read_places(reader)
    document = read_header_of(reader, sop_class, places)
    content = read_tree(reader, places)
    concept = content.concept
    if not content.children:
        reader.notes.setdefault("the document has no content")
    title = (concept.meaning or concept.value) if concept else document.class_name
    return document._replace(title=title, content=content)


def _known(charset: str) -> str:
    """Return the charset as asked for where it is one of texts, else UTF-8 (PS3.18 8.3.3.2)."""
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        return "utf-8"
    return charset.lower() if _CHARSET.fullmatch(name) else "utf-8"


def _written(
    document: Document, media_type: str, link: Link | None, charset: str
) -> RenderedDocument:
    if media_type == HTML:
        from rendicom.documents.page import write_page

        # A page can name any character in any charset.
        page = write_page(document, link, charset)
        return RenderedDocument(page.encode(charset, "xmlcharrefreplace"), media_type, charset)
    if media_type == XML:
        from rendicom.documents.markup import write_xml

        return RenderedDocument(write_xml(document, link), media_type, "utf-8")
    from rendicom.documents.plain import write_plain

    text = write_plain(document, link)
    try:
        return RenderedDocument(text.encode(charset), media_type, charset)
    except UnicodeError:
        raise NotAcceptableError(
            f"the text has characters that {charset} does not have", hint="ask for UTF-8"
        ) from None
