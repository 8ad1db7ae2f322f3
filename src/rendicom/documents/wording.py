"""What page and plain text have in common: names and values as texts, items that go together."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from rendicom.documents.header import class_name
from rendicom.documents.values import (
    Code,
    Coordinates,
    Item,
    Moments,
    Number,
    Objects,
    Plain,
    Reference,
    Value,
)

__all__ = [
    "MISSING",
    "Group",
    "channels_text",
    "code_text",
    "grouped",
    "indexed",
    "joined",
    "link_words",
    "name_of",
    "numbers_text",
    "reference_name",
    "size_text",
    "value_text",
]

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
"""Relationships that a reader has to be told; the others show by what stands below what."""
_PLAIN_UNIT = re.compile(r"[A-Za-z%][A-Za-z0-9%/.\-]*", re.ASCII)
_MOST_POINTS = 12


def name_of(item: Item) -> str:
    """Return what an item is called, by its concept or else by its type."""
    return code_text(item.concept) or _NAMES.get(item.kind, "Text")


def link_words(item: Item) -> str:
    """Return how an item relates to the one above, where that is to be said."""
    return _LINKS.get(item.relationship, "")


def code_text(code: Code | None) -> str:
    """Return the meaning of a code, or else the code itself."""
    return "" if code is None else code.meaning or code.value


def value_text(value: Value | None, *, most_points: int = _MOST_POINTS) -> str:
    """Return a value as one text; of objects and tables nothing but that they are there."""
    if isinstance(value, Plain):
        return value.text
    if isinstance(value, Code):
        return code_text(value)
    if isinstance(value, Number):
        return _number_text(value)
    if isinstance(value, Coordinates):
        return _coordinates_text(value, most_points)
    if isinstance(value, Moments):
        return _moments_text(value, most_points)
    if isinstance(value, Objects):
        return reference_name(value.reference)
    return ""


def _number_text(value: Number) -> str:
    number = " \\ ".join(value.numbers)
    qualifier = code_text(value.qualifier)
    measured = " ".join(filter(None, (number, _unit_text(value.units))) if number else ())
    return f"{measured} ({qualifier})" if measured and qualifier else measured or qualifier


def _unit_text(units: Code | None) -> str:
    """Return a unit as people write it: ``mm`` and ``%``, but ``Hounsfield unit``."""
    if units is None or (units.scheme == "UCUM" and units.value == "1"):
        return ""
    is_plain = units.scheme == "UCUM" and _PLAIN_UNIT.fullmatch(units.value)
    return units.value if is_plain else code_text(units)


def _coordinates_text(value: Coordinates, most: int) -> str:
    shown = (f"({', '.join(f'{number:.9g}' for number in point)})" for point in value.points)
    return _counted(value.graphic.capitalize(), shown, len(value.points), most)


def _moments_text(value: Moments, most: int) -> str:
    units = {"sample": "samples", "second": "seconds", "time": "times"}
    title = f"{value.range.capitalize()}, {units[value.unit]}".removeprefix(", ")
    return _counted(title, iter(value.values), len(value.values), most)


def _counted(title: str, texts: Iterator[str], count: int, most: int) -> str:
    shown = ", ".join(itertools.islice(texts, most))
    more = f" and {count - most} more" if count > most else ""
    return ": ".join(filter(None, (title, shown + more)))


def reference_name(reference: Reference) -> str:
    """Return what kind of object is referred to."""
    return class_name(reference.sop_class)


def numbers_text(numbers: Sequence[int], what: str, *, most: int = 50) -> str:
    """Return ``frame 3`` or ``frames 1, 2, 5``, or nothing."""
    if not numbers:
        return ""
    shown = ", ".join(map(str, numbers[:most]))
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return f"{what}{'s' if len(numbers) > 1 else ''} {shown}{more}"


def channels_text(value: Objects) -> str:
    """Return which channels of a waveform are meant."""
    shown = ", ".join(f"{group}/{channel}" for group, channel in value.channels)
    return f"channels {shown}" if shown else ""


def size_text(size: int) -> str:
    """Return a number of bytes.

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


# --- what goes together ---------------------------------------------------------------------

Group = tuple[Literal["container", "objects", "flow", "rows"], tuple[Item, ...]]

_FLOWING = ("TEXT", "NUM", "CODE", "DATE", "TIME", "DATETIME", "PNAME")


def grouped(parent: Item) -> Iterator[Group]:
    """Yield the items below one as they are shown together.

    A container stands alone; objects without a name make a list; of a continuous container
    (PS3.3 C.18.8) what reads as prose flows; the rest are rows of name and value.
    """
    kinds = (_group_of(item, is_continuous=parent.is_continuous) for item in parent.children)
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
    """Tell whether an item can be said in parentheses."""
    return item.kind in _FLOWING and not item.children


def joined(spoken: Iterable[tuple[Item, str]]) -> str:
    """Return items of prose as one text: a blank between two, but none before a full stop."""
    text = ""
    for item, words in spoken:
        is_closing = value_text(item.value)[:1] in _CLOSING
        text += words if is_closing or not text else f" {words}"
    return text
