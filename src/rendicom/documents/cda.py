"""Reads the narrative of a document of HL7's Clinical Document Architecture, release 2.

Narrative blocks (CDA 4.3.5) are mapped to a fixed set of HTML elements: no markup of the document
is passed through. A document type declaration is refused, since it allows entities and external
resources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from xml.parsers import expat

from rendicom.documents.dataset_reader import cleaned
from rendicom.documents.document_model import Block
from rendicom.errors import CorruptDataError

_NAMESPACE = "urn:hl7-org:v3"
_SEPARATOR = "}"
_DEEPEST = 100
_MOST_NODES = 100_000
_MOST_SPAN = 1000
_FIRST_HEADING, _LAST_HEADING = 2, 6

_TAGS = {
    "paragraph": "p",
    "item": "li",
    "table": "table",
    "thead": "thead",
    "tbody": "tbody",
    "tfoot": "tfoot",
    "tr": "tr",
    "th": "th",
    "td": "td",
    "br": "br",
    "sub": "sub",
    "sup": "sup",
    "footnote": "small",
    "content": "span",
    "linkHtml": "span",
}
_STYLES = {"bold": "strong", "italics": "em", "underline": "u"}
_LEFT_OUT = ("renderMultiMedia", "colgroup", "col", "footnoteRef")


class _Element(NamedTuple):
    tag: str
    attributes: Mapping[str, str]
    children: list[_Element | str]

    def each(self, tag: str) -> Iterator[_Element]:
        return (
            child for child in self.children if isinstance(child, _Element) and child.tag == tag
        )

    def first(self, *path: str) -> _Element | None:
        found: _Element | None = self
        for tag in path:
            found = None if found is None else next(found.each(tag), None)
        return found

    def text(self) -> str:
        parts = (part if isinstance(part, str) else part.text() for part in self.children)
        return " ".join("".join(parts).split())


def read_clinical_document(data: bytes) -> tuple[str, tuple[Block, ...]]:
    """Return title and narrative of a document.

    Raises
    ------
    CorruptDataError
        It is not XML, has a document type declaration, is nested too deeply, or is not CDA.
    """
    root = _parsed(data)
    if root.tag != "ClinicalDocument":
        raise CorruptDataError("the encapsulated document is not a CDA document")
    title = root.first("title")
    body = root.first("component", "structuredBody")
    blocks = [block for part in (body.each("component") if body else ()) for block in _part(part)]
    unstructured = root.first("component", "nonXMLBody", "text")
    if unstructured is not None:
        blocks += _unstructured(unstructured)
    return (title.text() if title else ""), tuple(blocks)


def _part(component: _Element, level: int = _FIRST_HEADING) -> Iterator[Block]:
    """Yield heading and text of a section and of its subsections."""
    section = component.first("section")
    if section is None:
        return
    if (title := section.first("title")) is not None:
        yield Block(f"h{min(level, _LAST_HEADING)}", (title.text(),))
    if (text := section.first("text")) is not None:
        yield Block("div", tuple(_narrative(text)))
    for part in section.each("component"):
        yield from _part(part, level + 1)


def _unstructured(text: _Element) -> Iterator[Block]:
    media_type = text.attributes.get("mediaType", "text/plain")
    if text.attributes.get("representation") == "B64" or media_type != "text/plain":
        yield Block("p", ("(The text is a document in another format.)",))
    else:
        words = "".join(part for part in text.children if isinstance(part, str))
        yield Block("pre", (cleaned(words),))


def _narrative(node: _Element) -> Iterator[Block | str]:
    for child in node.children:
        if isinstance(child, str):
            yield cleaned_line(child)
        elif child.tag not in _LEFT_OUT:
            yield from _element(child)
        elif child.tag == "renderMultiMedia":
            yield Block("em", ("(picture)",))


def _element(node: _Element) -> Iterator[Block | str]:
    inside = tuple(_narrative(node))
    if node.tag == "list":
        caption = [child for child in inside if isinstance(child, Block) and child.tag == "caption"]
        yield from (Block("p", each.children) for each in caption)
        items = tuple(each for each in inside if isinstance(each, Block) and each.tag == "li")
        yield Block("ol" if node.attributes.get("listType") == "ordered" else "ul", items)
    elif node.tag == "caption":
        yield Block("caption", inside)
    elif node.tag in _TAGS:
        styles = node.attributes.get("styleCode", "").lower().split()
        tag = next((_STYLES[each] for each in styles if each in _STYLES), "span")
        tag = tag if node.tag == "content" else _TAGS[node.tag]
        yield Block(tag, inside, (_span(node, "colspan"), _span(node, "rowspan")))
    else:
        yield from inside


def _span(node: _Element, name: str) -> int:
    text = node.attributes.get(name, "1")
    is_number = text.isascii() and text.isdigit() and len(text) < 6
    return min(max(int(text), 1), _MOST_SPAN) if is_number else 1


def cleaned_line(text: str) -> str:
    """Return a text with each run of white space as one space, also at its ends."""
    words = " ".join(cleaned(text).split())
    if not words:
        return " " if text else ""
    return f"{' ' * text[0].isspace()}{words}{' ' * text[-1].isspace()}"


# --- reading XML that may be hostile ---------------------------------------------------------


def _parsed(data: bytes) -> _Element:
    builder = _ElementBuilder()
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError):
        raise CorruptDataError("the encapsulated document is not well-formed XML") from None
    return builder.root


class _ElementBuilder:
    """Builds the elements in CDA's namespace, by local name."""

    def __init__(self) -> None:
        self._top = _Element("", {}, [])
        self._open = [self._top]
        self._left = _MOST_NODES

    @property
    def root(self) -> _Element:
        return next(iter(node for node in self._top.children if isinstance(node, _Element)))

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._left -= 1
        if len(self._open) > _DEEPEST or self._left < 0:
            raise CorruptDataError("the encapsulated document is nested too deeply, or is too long")
        namespace, _, tag = name.rpartition(_SEPARATOR)
        node = _Element(tag if namespace in (_NAMESPACE, "") else "", attributes, [])
        self._open[-1].children.append(node)
        self._open.append(node)

    def end(self, _name: str) -> None:
        self._open.pop()

    def characters(self, text: str) -> None:
        self._open[-1].children.append(text)

    def doctype(self, *_: object) -> None:
        raise CorruptDataError(
            "the encapsulated document has a document type declaration, which is not allowed"
        )
