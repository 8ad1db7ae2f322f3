"""Documents as plain text: lines of at most 79 columns, indented by how they belong together."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator

from rendicom.documents.narrative import narrative_lines
from rendicom.documents.values import (
    Document,
    Fact,
    Item,
    Link,
    Objects,
    Person,
    Reference,
    Table,
)
from rendicom.documents.wording import (
    MISSING,
    channels_text,
    code_text,
    grouped,
    indexed,
    joined,
    link_words,
    name_of,
    numbers_text,
    reference_name,
    size_text,
    value_text,
)

__all__ = ["write_plain"]

_WIDTH = 79
_STEP = 2
_DEEPEST = 20
"""Steps after which a line is indented no further: there must be room for words."""


def write_plain(document: Document, link: Link | None) -> str:
    """Return the text, its lines ended with a newline."""
    return "".join(f"{line}\n" for line in _once_empty(_Text(document, link).lines()))


def _once_empty(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines without blanks at their ends, never two empty ones."""
    before = ""
    for line in map(str.rstrip, lines):
        if line or before:
            yield line
        before = line


class _Text:
    def __init__(self, document: Document, link: Link | None) -> None:
        self._document = document
        self._link = link
        self._items = indexed(document.content) if document.content else {}

    def lines(self) -> Iterator[str]:
        document = self._document
        yield from _wrapped(document.title, 0)
        yield "=" * min(_WIDTH, _columns(document.title))
        words = [fact.text for fact in document.status]
        if document.class_name != document.title:
            words.insert(0, document.class_name)
        for word in words:
            yield from _wrapped(word, 0)
        for section in document.sections:
            yield from _titled(section.title)
            yield from _facts(section.facts)
        if document.attachment is not None:
            yield ""
            what = f"{document.attachment.media_type}, {size_text(len(document.attachment.data))}"
            yield from _wrapped(f"The object holds a document ({what}).", 0)
            itself = document.itself._replace(media_type=document.attachment.media_type)
            yield from self._address(itself, 1)
        if document.content is not None:
            yield ""
            yield from self._children(document.content, 0)
        for block in document.narrative:
            yield from narrative_lines(block, _WIDTH)
        if document.people:
            yield from _titled("People")
            yield from _facts(map(_person, document.people))
        for title, references in document.references:
            yield from _titled(title)
            for reference in references:
                yield from self._reference("- ", reference, "", 1)
        if document.notes:
            yield from _titled("Notes on the file")
            for note in document.notes:
                yield from _wrapped(f"- {note}", 1)

    # --- the content tree -----------------------------------------------------------------

    def _children(self, parent: Item, depth: int) -> Iterator[str]:
        for kind, items in grouped(parent):
            if kind == "container":
                yield from self._container(items[0], depth)
            elif kind == "objects":
                for item in items:
                    yield from self._object("- ", item, depth)
            elif kind == "flow":
                spoken = joined(zip(items, map(_spoken, items), strict=True))
                yield from _wrapped(spoken, depth)
            else:
                for item in items:
                    yield from self._row(item, depth)

    def _container(self, item: Item, depth: int) -> Iterator[str]:
        if item.concept is None:
            yield from self._children(item, depth)
            return
        yield ""
        name = " ".join(filter(None, (link_words(item), name_of(item))))
        yield from _wrapped(name, depth)
        yield _indent(depth) + "-" * min(_columns(name), _WIDTH - len(_indent(depth)))
        yield from self._children(item, depth + 1)

    def _row(self, item: Item, depth: int) -> Iterator[str]:
        how = link_words(item)
        if not item.kind:
            found = self._items.get(item.target)
            what = name_of(found) if found else f"{item.target}, which is not there"
            yield from _wrapped(f"{how or 'see'}: {what}", depth)
            return
        name = " ".join(filter(None, (how, name_of(item)))) + ": "
        if isinstance(item.value, Objects):
            yield from self._object(name, item, depth)
        elif isinstance(item.value, Table):
            yield from _wrapped(name, depth)
            yield from _table(item.value, depth + 1)
        else:
            when = f" [{item.moment}]" if item.moment else ""
            yield from _wrapped(f"{name}{value_text(item.value) or MISSING}{when}", depth)
        yield from self._children(item._replace(is_continuous=False), depth + 1)

    def _object(self, name: str, item: Item, depth: int) -> Iterator[str]:
        value = item.value
        if not isinstance(value, Objects):
            return
        more = ", ".join(
            filter(None, (numbers_text(value.segments, "segment"), channels_text(value)))
        )
        yield from self._reference(name, value.reference, more, depth)
        if value.presentation is not None:
            yield from self._reference("shown as: ", value.presentation, "", depth + 1)
        if value.mapping is not None:
            yield from self._reference("values by: ", value.mapping, "", depth + 1)

    def _reference(self, name: str, reference: Reference, more: str, depth: int) -> Iterator[str]:
        parts = (reference_name(reference), numbers_text(reference.frames, "frame"), more)
        yield from _wrapped(f"{name}{', '.join(filter(None, parts))}", depth)
        yield from self._address(reference, depth + 1)

    def _address(self, reference: Reference, depth: int) -> Iterator[str]:
        """Yield where it is, or its UID: whole, since both are there to be copied."""
        address = self._link(reference) if self._link is not None else None
        yield _indent(depth) + (address or reference.instance or "no UID")


def _spoken(item: Item) -> str:
    asides = "; ".join(f"{name_of(each)}: {value_text(each.value)}" for each in item.children)
    return value_text(item.value) + (f" ({asides})" if asides else "")


def _person(person: Person) -> Fact:
    texts = (person.name or "(no name)", code_text(person.code), person.organization, person.moment)
    return Fact(person.role, "", ", ".join(filter(None, texts)))


def _titled(title: str) -> Iterator[str]:
    yield ""
    yield title
    yield "-" * len(title)


def _facts(facts: Iterable[Fact]) -> Iterator[str]:
    for fact in facts:
        yield from _wrapped(f"{fact.label}: {fact.text}", 0)


def _table(table: Table, depth: int) -> Iterator[str]:
    if any(table.columns):
        yield from _wrapped(" | ".join(table.columns), depth)
    for name, cells in zip(table.rows, table.cells, strict=True):
        yield from _wrapped(" | ".join((*filter(None, (name,)), *cells)), depth)


def _indent(depth: int) -> str:
    return " " * (_STEP * min(depth, _DEEPEST))


def _wrapped(text: str, depth: int) -> Iterator[str]:
    """Yield a text in lines; what follows its first line stands one step further in."""
    for number, paragraph in enumerate(text.split("\n")):
        first = _indent(depth) if number == 0 else _indent(depth + 1)
        # Ideographs take two columns, and textwrap counts letters.
        width = _WIDTH * len(paragraph) // max(_columns(paragraph), 1)
        yield from textwrap.wrap(
            paragraph,
            max(width, len(first) + _STEP + 20),
            initial_indent=first,
            subsequent_indent=_indent(depth + 1),
            break_on_hyphens=False,
        ) or [""]


def _columns(text: str) -> int:
    """Return how wide a text is: ideographs take two columns."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
