"""Documents as HTML: one page that runs nothing, fetches nothing and prints well.

Every value is escaped here and nowhere else. The one ``<style>`` element is `STYLE`, whose hash
is `STYLE_SOURCE`; there is no ``style`` attribute.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from html import escape

from rendicom.documents.formats import PDF
from rendicom.documents.style import STYLE, STYLE_SOURCE
from rendicom.documents.values import (
    Block,
    Code,
    Document,
    Fact,
    Item,
    Link,
    Objects,
    Person,
    Reference,
    Section,
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

__all__ = ["write_page"]

_POLICY = f"default-src 'none'; object-src data:; frame-src data:; style-src {STYLE_SOURCE}"
_MOST_EMBEDDED = 32 << 20
"""Bytes of a PDF that are put into a page with no link to it."""
_MOST_LINKED_FRAMES = 50
_MOST_OPEN = 10
"""References of a kind in the header; longer lists are folded."""
_DEEPEST_HEADING = 6


def write_page(document: Document, link: Link | None, charset: str) -> str:
    """Return the page; ``charset`` is what it says of itself."""
    return "".join(_Page(document, link).parts(charset))


class _Page:
    def __init__(self, document: Document, link: Link | None) -> None:
        self._document = document
        self._link = link
        self._items = indexed(document.content) if document.content else {}
        self._targets = {item.target for item in self._items.values()} - {""}

    def parts(self, charset: str) -> Iterator[str]:
        document = self._document
        title = escape(document.title)
        yield f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="{escape(charset)}">\n'
        yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        yield '<meta name="referrer" content="no-referrer">\n'
        yield f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        yield f'<h1 dir="auto">{title}</h1>\n'
        yield from self._status()
        if document.sections:
            yield '<div class="facts">\n'
            for section in document.sections:
                yield from _section(section)
            yield "</div>\n"
        yield from self._attachment()
        if document.content is not None:
            yield from self._children(document.content, 2)
        yield from (_block(block) for block in document.narrative)
        yield from _people(document.people)
        yield from self._references()
        yield from _notes(document.notes)
        yield "</main>\n</body>\n</html>\n"

    def _status(self) -> Iterator[str]:
        words = [fact.text for fact in self._document.status]
        if self._document.class_name != self._document.title:
            words.insert(0, self._document.class_name)
        if words:
            yield f'<p class="status">{escape(" · ".join(words))}</p>\n'

    # --- the content tree -----------------------------------------------------------------

    def _children(self, parent: Item, level: int) -> Iterator[str]:
        for kind, items in grouped(parent):
            if kind == "container":
                yield from self._container(items[0], level)
            elif kind == "objects":
                yield from self._objects(items)
            elif kind == "flow":
                spoken = joined(zip(items, map(self._spoken, items), strict=True))
                yield f'<p class="text" dir="auto">{spoken}</p>\n'
            else:
                yield "<dl>\n"
                for item in items:
                    yield from self._row(item, level)
                yield "</dl>\n"

    def _container(self, item: Item, level: int) -> Iterator[str]:
        yield f"<section{self._anchor(item)}>\n"
        if item.concept is not None:
            number = min(level, _DEEPEST_HEADING)
            aria = f' aria-level="{level}"' if level > number else ""
            heading = f"{_how(item)}{escape(name_of(item))}"
            yield f'<h{number}{aria} dir="auto">{heading}</h{number}>\n'
        yield from self._children(item, level + 1 if item.concept is not None else level)
        yield "</section>\n"

    def _row(self, item: Item, level: int) -> Iterator[str]:
        if not item.kind:
            how = _how(item).rstrip() or "see"
            yield f"<div><dt>{how}</dt><dd>{self._see(item)}</dd></div>\n"
            return
        name = f"{_how(item)}{escape(name_of(item))}"
        yield f'<div{self._anchor(item)}><dt dir="auto">{name}</dt><dd>{self._value(item)}'
        if item.moment:
            yield f' <span class="when">{escape(item.moment)}</span>'
        if item.children:
            yield "\n"
            yield from self._children(item._replace(is_continuous=False), level)
        yield "</dd></div>\n"

    def _objects(self, items: Iterable[Item]) -> Iterator[str]:
        yield "<ol>\n"
        yield from (f"<li{self._anchor(item)}>{self._value(item)}</li>\n" for item in items)
        yield "</ol>\n"

    def _spoken(self, item: Item) -> str:
        """Return an item of prose, what is said of it in parentheses."""
        title = escape(name_of(item), quote=True)
        asides = "; ".join(
            f"{escape(name_of(child))}: {self._value(child)}" for child in item.children
        )
        more = f" ({asides})" if asides else ""
        return f'<span{self._anchor(item)} title="{title}">{self._value(item)}</span>{more}'

    def _value(self, item: Item) -> str:
        value = item.value
        if value is None:
            return f'<span class="missing">{MISSING}</span>'
        if isinstance(value, Objects):
            return self._object(value)
        if isinstance(value, Table):
            return "".join(_table(value))
        title = _code_title(value) if isinstance(value, Code) else ""
        return f'<span class="text" dir="auto"{title}>{escape(value_text(value))}</span>'

    def _object(self, value: Objects) -> str:
        parts = [self._reference(value.reference)]
        if segments := numbers_text(value.segments, "segment"):
            parts.append(escape(segments))
        if channels := channels_text(value):
            parts.append(escape(channels))
        if value.presentation is not None:
            parts.append(f"shown as {self._reference(value.presentation)} says")
        if value.mapping is not None:
            parts.append(f"values by {self._reference(value.mapping)}")
        return ", ".join(parts)

    def _see(self, item: Item) -> str:
        found = self._items.get(item.target)
        if found is None:
            return f'<span class="missing">{escape(item.target)}, which is not there</span>'
        return f'<a href="#i{escape(item.target)}">{escape(name_of(found))}</a>'

    def _anchor(self, item: Item) -> str:
        return f' id="i{item.position}"' if item.position in self._targets else ""

    # --- references -----------------------------------------------------------------------

    def _references(self) -> Iterator[str]:
        for title, references in self._document.references:
            yield f"<section>\n<h2>{escape(title)}</h2>\n"
            is_long = len(references) > _MOST_OPEN
            yield f"<details>\n<summary>{len(references)} objects</summary>\n" if is_long else ""
            yield "<ol>\n"
            yield from (f"<li>{self._reference(each)}</li>\n" for each in references)
            yield "</ol>\n"
            yield "</details>\n" if is_long else ""
            yield "</section>\n"

    def _reference(self, reference: Reference) -> str:
        frames, name = reference.frames, escape(reference_name(reference))
        uid = f'<code class="uid">{escape(reference.instance or "no UID")}</code>'
        if len(frames) == 1:
            return f"{self._linked(f'{name}, frame {frames[0]}', reference)} {uid}"
        whole = self._linked(name, reference._replace(frames=()))
        if not frames:
            return f"{whole} {uid}"
        each = (
            self._linked(str(number), reference._replace(frames=(number,)))
            for number in frames[:_MOST_LINKED_FRAMES]
        )
        left = len(frames) - _MOST_LINKED_FRAMES
        more = f" and {left} more" if left > 0 else ""
        return f"{whole}, frames {', '.join(each)}{more} {uid}"

    def _linked(self, html: str, reference: Reference) -> str:
        address = self._link(reference) if self._link is not None else None
        return html if address is None else f'<a href="{escape(address)}">{html}</a>'

    # --- what is encapsulated -------------------------------------------------------------

    def _attachment(self) -> Iterator[str]:
        attachment = self._document.attachment
        if attachment is None:
            return
        what = f"{escape(attachment.media_type)}, {size_text(len(attachment.data))}"
        itself = self._document.itself._replace(media_type=attachment.media_type)
        address = self._link(itself) if self._link is not None else None
        if address is not None:
            yield f'<p><a href="{escape(address)}">Open the document</a> ({what})</p>\n'
        elif attachment.media_type == PDF and len(attachment.data) <= _MOST_EMBEDDED:
            data = base64.b64encode(attachment.data).decode("ascii")
            title = escape(self._document.title)
            yield f'<object data="data:{PDF};base64,{data}" type="{PDF}" aria-label="{title}">'
            yield f"<p>This browser shows no PDF ({what}).</p></object>\n"
        else:
            yield f"<p>The object holds a document ({what}).</p>\n"


def _how(item: Item) -> str:
    words = link_words(item)
    return f'<span class="how">{words}</span> ' if words else ""


def _code_title(code: Code) -> str:
    where = ", ".join(filter(None, (code.value, code.scheme)))
    return f' title="{escape(where)}"' if code.meaning and where else ""


def _section(section: Section) -> Iterator[str]:
    yield f"<section>\n<h2>{escape(section.title)}</h2>\n<dl>\n"
    yield from map(_fact, section.facts)
    yield "</dl>\n</section>\n"


def _fact(fact: Fact) -> str:
    return (
        f'<div><dt>{escape(fact.label)}</dt><dd class="text" dir="auto">'
        f"{escape(fact.text)}</dd></div>\n"
    )


def _people(people: Iterable[Person]) -> Iterator[str]:
    rows = [_person(person) for person in people]
    if rows:
        yield "<section>\n<h2>People</h2>\n<dl>\n"
        yield from rows
        yield "</dl>\n</section>\n"


def _person(person: Person) -> str:
    texts = (person.name or "(no name)", code_text(person.code), person.organization, person.moment)
    said = escape(", ".join(filter(None, texts)))
    return f'<div><dt>{escape(person.role)}</dt><dd dir="auto">{said}</dd></div>\n'


def _notes(notes: Iterable[str]) -> Iterator[str]:
    items = [f"<li>{escape(note)}</li>\n" for note in notes]
    if items:
        yield '<section class="notes">\n<h2>Notes on the file</h2>\n<ul>\n'
        yield from items
        yield "</ul>\n</section>\n"


def _table(table: Table) -> Iterator[str]:
    has_names = any(table.rows)
    yield "<table>\n"
    if any(table.columns):
        names = ("", *table.columns) if has_names else table.columns
        yield f"<tr>{''.join(_head(name, 'col') for name in names)}</tr>\n"
    for name, cells in zip(table.rows, table.cells, strict=True):
        head = _head(name, "row") if has_names else ""
        texts = (f'<td class="text" dir="auto">{escape(cell)}</td>' for cell in cells)
        yield f"<tr>{head}{''.join(texts)}</tr>\n"
    yield "</table>\n"


def _head(name: str, scope: str) -> str:
    return f'<th scope="{scope}" dir="auto">{escape(name)}</th>'


_VOID = ("br", "hr")


def _block(block: Block | str) -> str:
    """Return an element of a narrative; its tag was chosen by us and not by the document."""
    if isinstance(block, str):
        return escape(block)
    if block.tag in _VOID:
        return f"<{block.tag}>"
    columns, rows = block.spans
    spans = f' colspan="{columns}"' * (columns > 1) + f' rowspan="{rows}"' * (rows > 1)
    inside = "".join(map(_block, block.children))
    return f"<{block.tag}{spans}>{inside}</{block.tag}>"
