"""Formats names and values of content items, and groups items, for the templates."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from rendicom.dicom.uids import class_name
from rendicom.documents.document_model import (
    Code,
    Coordinates,
    Item,
    Number,
    ObjectReference,
    Objects,
    Person,
    Plain,
    TimePoints,
    Value,
)

MISSING = "(no value)"

_NAMES = {
    "IMAGE": "Image",
    "COMPOSITE": "Object",
    "WAVEFORM": "Waveform",
    "SCOORD": "Region",
    "SCOORD3D": "Region",
    "TCOORD": "Time range",
    "CONTAINER": "Section",
    "TABLE": "Table",
    "NUM": "Measurement",
}
_LINKS = {"INFERRED FROM": "inferred from", "SELECTED FROM": "selected from"}
"""Relationships that are written out; others are clear from the nesting."""
_PLAIN_UNIT = re.compile(r"[A-Za-z%][A-Za-z0-9%/.\-]*", re.ASCII)
_MOST_POINTS = 12


def name_of(item: Item) -> str:
    """Return the name of an item: its concept, or else its type."""
    return code_text(item.concept) or _NAMES.get(item.kind, "Text")


def link_words(item: Item) -> str:
    """Return the relationship of an item to its parent if it is written out."""
    return _LINKS.get(item.relationship, "")


def code_text(code: Code | None) -> str:
    """Return the meaning of a code, or else its value."""
    return "" if code is None else code.meaning or code.value


def value_text(value: Value | None) -> str:
    """Return a value as one string: for objects the class name, for tables nothing."""
    if isinstance(value, Plain):
        return value.text
    if isinstance(value, Code):
        return code_text(value)
    if isinstance(value, Number):
        return _number_text(value)
    if isinstance(value, Coordinates):
        return _coordinates_text(value)
    if isinstance(value, TimePoints):
        return _moments_text(value)
    if isinstance(value, Objects):
        return reference_name(value.reference)
    return ""


def _number_text(value: Number) -> str:
    number = " \\ ".join(value.numbers)
    qualifier = code_text(value.qualifier)
    measured = " ".join(filter(None, (number, _unit_text(value.units))) if number else ())
    return f"{measured} ({qualifier})" if measured and qualifier else measured or qualifier


def _unit_text(units: Code | None) -> str:
    """Return the usual notation of a unit: ``mm`` and ``%``, but ``Hounsfield unit``."""
    if units is None or (units.scheme == "UCUM" and units.value == "1"):
        return ""
    is_plain = units.scheme == "UCUM" and _PLAIN_UNIT.fullmatch(units.value)
    return units.value if is_plain else code_text(units)


def _coordinates_text(value: Coordinates) -> str:
    shown = (f"({', '.join(coordinates(point))})" for point in value.points)
    return _counted(value.graphic.capitalize(), shown, len(value.points))


def _moments_text(value: TimePoints) -> str:
    units = {"sample": "samples", "second": "seconds", "time": "times"}
    title = f"{value.range.capitalize()}, {units[value.unit]}".removeprefix(", ")
    return _counted(title, iter(value.values), len(value.values))


def _counted(title: str, texts: Iterator[str], count: int) -> str:
    shown = ", ".join(itertools.islice(texts, _MOST_POINTS))
    more = f" and {count - _MOST_POINTS} more" if count > _MOST_POINTS else ""
    return ": ".join(filter(None, (title, shown + more)))


def reference_name(reference: ObjectReference) -> str:
    """Return the class name of a referenced instance."""
    return class_name(reference.sop_class) or "Object"


def numbers_text(numbers: Sequence[int], what: str, *, most: int = 50) -> str:
    """Return ``frame 3`` or ``frames 1, 2, 5``; empty without numbers."""
    if not numbers:
        return ""
    shown = ", ".join(map(str, numbers[:most]))
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return f"{what}{'s' if len(numbers) > 1 else ''} {shown}{more}"


def channels_text(value: Objects) -> str:
    """Return the referenced channels of a waveform."""
    shown = ", ".join(f"{group}/{channel}" for group, channel in value.channels)
    return f"channels {shown}" if shown else ""


def size_text(size: int) -> str:
    """Return a number of bytes with its unit.

    >>> size_text(900), size_text(2_500_000)
    ('900 bytes', '2.5 MB')
    """
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:.0f} kB" if size < 1_000_000 else f"{size / 1e6:.1f} MB"


def indexed(root: Item) -> dict[str, Item]:
    """Return every item by its position."""
    found: dict[str, Item] = {}
    waiting = [root]
    while waiting:
        item = waiting.pop()
        found[item.position] = item
        waiting += item.children
    return found


_CLOSING = tuple(".,;:!?)")


# --- groups of items ------------------------------------------------------------------------

Group = tuple[Literal["container", "objects", "flow", "rows"], tuple[Item, ...]]

_FLOWING = ("TEXT", "NUM", "CODE", "DATE", "TIME", "DATETIME", "PNAME")


def grouped(parent: Item, is_continuous: bool) -> Iterator[Group]:
    """Yield the children of an item in groups that are displayed together.

    A container is a separate group; objects without a name form a list; in a continuous
    container (PS3.3 C.18.8) text and values form prose; all others are rows of name and value.
    """
    kinds = (_group_of(item, is_continuous=is_continuous) for item in parent.children)
    pairs = zip(kinds, parent.children, strict=True)
    for kind, run in itertools.groupby(pairs, key=lambda pair: pair[0]):
        items = tuple(item for _kind, item in run)
        if kind == "container":
            yield from (("container", (item,)) for item in items)
        elif kind == "flow" and not any(item.kind == "TEXT" for item in items):
            yield "rows", items
        else:
            yield kind, items


def _group_of(
    item: Item, *, is_continuous: bool
) -> Literal["container", "objects", "flow", "rows"]:
    if item.kind == "CONTAINER":
        return "container"
    is_plain_part = item.relationship == "CONTAINS"
    if isinstance(item.value, Objects):
        is_bare = is_plain_part and item.concept is None and not item.children
        return "objects" if is_bare else "rows"
    flows = is_continuous and is_plain_part and item.kind in _FLOWING and item.value is not None
    return "flow" if flows and all(map(_is_aside, item.children)) else "rows"


def _is_aside(item: Item) -> bool:
    """Return whether an item can be written in parentheses."""
    return item.kind in _FLOWING and not item.children


def is_closing(item: Item) -> bool:
    """Return whether an item of prose follows its predecessor without a space."""
    return value_text(item.value)[:1] in _CLOSING


def prose(items: Iterable[Item]) -> str:
    """Return items of prose as one text, with the children of each in parentheses."""
    text = ""
    for item in items:
        asides = "; ".join(f"{name_of(each)}: {value_text(each.value)}" for each in item.children)
        words = value_text(item.value) + (f" ({asides})" if asides else "")
        text += words if is_closing(item) or not text else f" {words}"
    return text


def person_text(person: Person) -> str:
    """Return name, code, organization and time of a person."""
    texts = (person.name or "(no name)", code_text(person.code), person.organization, person.moment)
    return ", ".join(filter(None, texts))


def coordinates(point: Sequence[float]) -> list[str]:
    """Return the coordinates of a point as texts."""
    return [f"{number:.9g}" for number in point]
