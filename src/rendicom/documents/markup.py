"""Documents as XML: the whole content tree, also what page and text leave out.

The vocabulary, in no namespace::

    document        @title @class @sop-class @instance @series @study
      status        one ``fact`` for each flag
      section       @title; facts of the header
        fact        @keyword @label; its text is as people read it
      people
        person      @role @name @organization @time, and a ``code``
      content       one ``item``, the root of the tree
        item        @position ("1.2.3") @relationship @type (the Value Type), and where there are
                    such @continuity @template @time (Observation DateTime) @uid; an item by
                    reference has nothing but @relationship and @target (a position)
          concept   a code: @code @scheme @version, its text is the meaning
          value     TEXT, DATE, TIME, DATETIME, UIDREF, PNAME: text, @stored where that differs
          code      the value of a CODE
          number    NUM: text as stored, more than one element for several; ``units`` and
                    ``qualifier`` are codes
          points    SCOORD, SCOORD3D: @graphic @frame-of-reference @origin @fiducial; ``point``s
                    of numbers with blanks between
          times     TCOORD: @range @unit (sample, second, time); ``at``s
          reference IMAGE, COMPOSITE, WAVEFORM: @class @sop-class @instance @series @study
                    @frames @segments @channels @href; inside it ``presentation`` and
                    ``mapping``, of the same attributes
          table     ``column``s, then ``row``s (@name) of ``cell``s
          item      ...
      references    @title; ``reference``s
      attachment    @media-type @size in bytes, @href
      note          what is missing in the file

Attributes that would be empty are left out. Characters that XML cannot hold were replaced when
the document was read.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from rendicom.documents.header import class_name
from rendicom.documents.values import (
    Code,
    Coordinates,
    Document,
    Fact,
    Item,
    Link,
    Moments,
    Number,
    Objects,
    Person,
    Plain,
    Reference,
    Table,
)

__all__ = ["write_xml"]


def write_xml(document: Document, link: Link | None) -> bytes:
    """Return the XML document in UTF-8."""
    root = _Writer(link).document(document)
    indent(root)
    body: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


class _Writer:
    def __init__(self, link: Link | None) -> None:
        self._link = link

    def document(self, document: Document) -> Element:
        root = Element("document", _some(title=document.title) | _identity(document.itself))
        if document.status:
            _facts(SubElement(root, "status"), document.status)
        for section in document.sections:
            _facts(SubElement(root, "section", title=section.title), section.facts)
        if document.people:
            people = SubElement(root, "people")
            for person in document.people:
                _person(people, person)
        if document.content is not None:
            self._item(SubElement(root, "content"), document.content)
        for title, references in document.references:
            parent = SubElement(root, "references", title=title)
            for reference in references:
                self._reference(parent, "reference", reference)
        if document.attachment is not None:
            media_type, data = document.attachment
            href = self._address(document.itself._replace(media_type=media_type))
            more = {"media-type": media_type, "size": str(len(data))} | _some(href=href)
            SubElement(root, "attachment", more)
        for note in document.notes:
            SubElement(root, "note").text = note
        return root

    def _item(self, parent: Element, item: Item) -> None:
        shown = SubElement(
            parent,
            "item",
            _some(
                position=item.position,
                relationship=item.relationship,
                type=item.kind,
                target=item.target,
                continuity=_continuity(item),
                template=item.template,
                time=item.moment,
                uid=item.uid,
            ),
        )
        _code(shown, "concept", item.concept)
        self._value(shown, item)
        for child in item.children:
            self._item(shown, child)

    def _value(self, shown: Element, item: Item) -> None:
        value = item.value
        if isinstance(value, Plain):
            stored = value.stored if value.stored != value.text else ""
            SubElement(shown, "value", _some(stored=stored)).text = value.text
        elif isinstance(value, Code):
            _code(shown, "code", value)
        elif isinstance(value, Number):
            for number in value.numbers:
                SubElement(shown, "number").text = number
            _code(shown, "units", value.units)
            _code(shown, "qualifier", value.qualifier)
        elif isinstance(value, Coordinates):
            _points(shown, value)
        elif isinstance(value, Moments):
            times = SubElement(shown, "times", _some(range=value.range, unit=value.unit))
            for text in value.values:
                SubElement(times, "at").text = text
        elif isinstance(value, Objects):
            self._objects(shown, value)
        elif isinstance(value, Table):
            _table(shown, value)

    def _objects(self, shown: Element, value: Objects) -> None:
        found = self._reference(shown, "reference", value.reference)
        channels = " ".join(f"{group}/{channel}" for group, channel in value.channels)
        found.attrib |= _some(segments=" ".join(map(str, value.segments)), channels=channels)
        if value.presentation is not None:
            self._reference(found, "presentation", value.presentation)
        if value.mapping is not None:
            self._reference(found, "mapping", value.mapping)

    def _reference(self, parent: Element, tag: str, reference: Reference) -> Element:
        more = _some(frames=" ".join(map(str, reference.frames)), href=self._address(reference))
        return SubElement(parent, tag, _identity(reference) | more)

    def _address(self, reference: Reference) -> str:
        return (self._link(reference) if self._link is not None else None) or ""


def _some(**attributes: str) -> dict[str, str]:
    """Return the attributes that are not empty."""
    return {name: value for name, value in attributes.items() if value}


def _identity(reference: Reference) -> dict[str, str]:
    found = {
        "class": class_name(reference.sop_class),
        "sop-class": reference.sop_class,
        "instance": reference.instance,
        "series": reference.series,
        "study": reference.study,
    }
    return _some(**found)


def _continuity(item: Item) -> str:
    if item.kind != "CONTAINER":
        return ""
    return "CONTINUOUS" if item.is_continuous else "SEPARATE"


def _facts(parent: Element, facts: tuple[Fact, ...]) -> None:
    for fact in facts:
        SubElement(parent, "fact", keyword=fact.keyword, label=fact.label).text = fact.text


def _person(parent: Element, person: Person) -> None:
    found = _some(
        role=person.role, name=person.name, organization=person.organization, time=person.moment
    )
    _code(SubElement(parent, "person", found), "code", person.code)


def _code(parent: Element, tag: str, code: Code | None) -> None:
    if code is not None:
        found = _some(code=code.value, scheme=code.scheme, version=code.version)
        SubElement(parent, tag, found).text = code.meaning


def _points(parent: Element, value: Coordinates) -> None:
    found = {
        "graphic": value.graphic,
        "frame-of-reference": value.space,
        "origin": value.origin,
        "fiducial": value.fiducial,
    }
    points = SubElement(parent, "points", _some(**found))
    for point in value.points:
        SubElement(points, "point").text = " ".join(f"{number:.9g}" for number in point)


def _table(parent: Element, value: Table) -> None:
    table = SubElement(parent, "table")
    for name in value.columns:
        SubElement(table, "column").text = name
    for name, cells in zip(value.rows, value.cells, strict=True):
        row = SubElement(table, "row", _some(name=name))
        for cell in cells:
            SubElement(row, "cell").text = cell
