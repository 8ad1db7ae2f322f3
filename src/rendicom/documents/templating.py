"""Renders a document as an HTML page, as plain text, or as XML.

The templates are in ``templates``; the template engine escapes HTML and XML. A page has one
``<style>`` element, ``style.css``, and no ``style`` attributes.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache, partial
from importlib import resources
from inspect import getmembers, isfunction
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

from rendicom.documents import item_text, text_lines
from rendicom.documents.formats import PDF

if TYPE_CHECKING:
    from jinja2 import Environment

    from rendicom.documents.document_model import Document, Item, Link, ObjectReference

_MOST_EMBEDDED = 32 << 20
"""Largest PDF that is embedded in a page without a link to it."""


def write_page(document: Document, link: Link | None, charset: str, picture: Link | None) -> str:
    """Return the HTML page; ``charset`` is the one it declares.

    ``picture`` returns the addresses of small pictures of references, which are shown beside them.
    """
    from markupsafe import Markup

    style = {"style": Markup(_style()), "style_source": Markup(style_source())}  # noqa: S704 - ours
    more = {"charset": charset, "small_picture": partial(_address, picture), **style}
    return _filled("document.html", document, link, **more)


def write_plain(document: Document, link: Link | None) -> str:
    """Return the plain text."""
    return text_lines.without_extra_blanks(_filled("document.txt", document, link))


def write_xml(document: Document, link: Link | None) -> bytes:
    """Return the XML document in UTF-8, indented."""
    root = ET.fromstring(_filled("document.xml", document, link))  # noqa: S314 - ours
    for element in root.iter():
        if element.text and not element.text.strip():
            element.text = None
    ET.indent(root)
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


@cache
def style_source() -> str:
    """Return the hash of the style sheet as a Content-Security-Policy lists it."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest())
    return f"'sha256-{digest.decode('ascii')}'"


@cache
def _style() -> str:
    return (resources.files("rendicom.documents") / "templates/style.css").read_text("utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("rendicom.documents"),
        autoescape=select_autoescape(("html", "xml")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["type_name"] = lambda value: type(value).__name__
    for module in (item_text, text_lines):
        environment.globals.update(getmembers(module, isfunction))
    environment.globals.update(
        missing=item_text.MISSING,
        of_frames=lambda reference, *frames: reference._replace(frames=frames),
        attributes=_attributes,
        quoted=_quoted,
        continuity=_continuity,
        channel_pairs=lambda value: [f"{group}/{channel}" for group, channel in value.channels],
    )
    return environment


def _filled(template: str, document: Document, link: Link | None, **more: Any) -> str:
    items = item_text.indexed(document.content) if document.content else {}
    address = partial(_address, link)
    if (attachment := document.attachment) is not None:
        itself = document.itself._replace(media_type=attachment.media_type)
        size = item_text.size_text(len(attachment.data))
        more["attachment_text"] = f"{attachment.media_type}, {size}"
        more["attachment_address"] = address(itself)
        is_embedded = attachment.media_type == PDF and len(attachment.data) <= _MOST_EMBEDDED
        more["embedded"] = base64.b64encode(attachment.data).decode("ascii") if is_embedded else ""
    status = [fact.text for fact in document.status]
    if document.class_name != document.title:
        status.insert(0, document.class_name)
    return _environment().get_template(template).render(
        document=document,
        attachment=attachment,
        status=status,
        address=address,
        item_at=items,
        targets={item.target for item in items.values()} - {""},
        **more,
    )  # fmt: skip


def _address(link: Link | None, reference: ObjectReference) -> str | None:
    return link(reference) if link is not None else None


# --- XML ------------------------------------------------------------------------------------


def _quoted(value: object) -> str:
    from markupsafe import Markup

    return Markup(quoteattr(str(value)))  # noqa: S704 - quoted


def _attributes(found: dict[str, object] | None = None, **more: object) -> str:
    """Return XML attributes, each preceded by a space; empty ones are left out."""
    from markupsafe import Markup

    pairs = ((found or {}) | more).items()
    return Markup("").join(Markup(f" {name}=") + _quoted(text) for name, text in pairs if text)  # noqa: S704


def _continuity(item: Item) -> str:
    if item.kind != "CONTAINER":
        return ""
    return "CONTINUOUS" if item.is_continuous else "SEPARATE"
