"""What documents are made of, and what comes out: immutable values that know no DICOM encoding."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = [
    "Attachment",
    "Block",
    "Code",
    "Coordinates",
    "Document",
    "Fact",
    "Item",
    "Link",
    "Moments",
    "Number",
    "Objects",
    "Person",
    "Plain",
    "Reference",
    "RenderedDocument",
    "Section",
    "Table",
    "Value",
]


class Reference(NamedTuple):
    """What a document refers to; ``study`` and ``series`` are empty where it does not say.

    Attributes
    ----------
    frames
        Counted from 1; none means the whole instance.
    media_type
        The one wanted of it; empty for whatever a browser would get.
    """

    sop_class: str
    instance: str
    series: str = ""
    study: str = ""
    frames: tuple[int, ...] = ()
    media_type: str = ""

    def url(self, base: str) -> str | None:
        """Return the address of the rendered resource below a base URI, if there is one.

        >>> Reference("1.2.840.10008.5.1.4.1.1.2", "1.4", "1.3", "1.2", (1, 2)).url("/dicomweb")
        '/dicomweb/studies/1.2/series/1.3/instances/1.4/frames/1,2/rendered'
        """
        uids = (self.study, self.series, self.instance)
        if not all(map(_is_uid, uids)) or not _is_rendered(self.sop_class):
            return None
        path = "/studies/{}/series/{}/instances/{}".format(*uids)
        if self.frames:
            path += f"/frames/{','.join(map(str, sorted(set(self.frames))))}"
        query = f"?accept={self.media_type}" if self.media_type else ""
        return f"{base.rstrip('/')}{path}/rendered{query}"


_STORAGE = "1.2.840.10008.5.1.4.1.1."
_WAVEFORMS = f"{_STORAGE}9."
_NEVER_RENDERED = frozenset(
    f"{_STORAGE}{last}"
    for last in (
        "66", "66.1", "66.2", "66.3", "66.5", "66.6", "67",
        "481.3", "481.4", "481.5", "481.6", "481.7", "481.8", "481.9",
    )
)  # fmt: skip
"""Raw data, registrations, surfaces, plans and the like: neither pictures nor documents."""


def _is_rendered(sop_class: str) -> bool:
    return sop_class not in _NEVER_RENDERED and not sop_class.startswith(_WAVEFORMS)


def _is_uid(text: str) -> bool:
    return 0 < len(text) <= 64 and not text.strip("0123456789.")


Link = Callable[[Reference], "str | None"]


class RenderedDocument(NamedTuple):
    """A document, ready to be sent or written.

    ``charset`` is empty where the bytes say it themselves, or are no text.
    """

    data: bytes
    media_type: str
    charset: str = ""

    @property
    def content_type(self) -> str:
        """Return the value of a Content-Type header."""
        return f"{self.media_type}; charset={self.charset}" if self.charset else self.media_type


class Code(NamedTuple):
    """A coded concept (PS3.3 8)."""

    meaning: str
    value: str = ""
    scheme: str = ""
    version: str = ""


# --- values of content items (PS3.3 C.17.3.2.1) ---------------------------------------------


class Plain(NamedTuple):
    """TEXT, DATE, TIME, DATETIME, UIDREF or PNAME: as people read it, and as it was stored."""

    text: str
    stored: str = ""


class Number(NamedTuple):
    """NUM: one or more numbers as they were stored, none where there is a ``qualifier`` only."""

    numbers: tuple[str, ...]
    units: Code | None = None
    qualifier: Code | None = None


class Coordinates(NamedTuple):
    """SCOORD and SCOORD3D: points of two or three coordinates.

    ``space`` is the Frame of Reference UID of the latter.
    """

    graphic: str
    points: tuple[tuple[float, ...], ...]
    space: str = ""
    origin: str = ""
    fiducial: str = ""


class Moments(NamedTuple):
    """TCOORD: ``unit`` is ``sample``, ``second`` or ``time``."""

    range: str
    unit: str
    values: tuple[str, ...]


class Objects(NamedTuple):
    """COMPOSITE, IMAGE and WAVEFORM: an instance, and what it is shown with.

    ``channels`` are numbers of multiplex group and channel.
    """

    reference: Reference
    presentation: Reference | None = None
    mapping: Reference | None = None
    segments: tuple[int, ...] = ()
    channels: tuple[tuple[int, int], ...] = ()


class Table(NamedTuple):
    """TABLE (PS3.3 C.18.10): names of rows may be missing, cells are texts by row."""

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]


Value = Plain | Code | Number | Coordinates | Moments | Objects | Table


class Item(NamedTuple):
    """A node of the content tree.

    Attributes
    ----------
    position
        Counted from 1 at every level, with points between: the root is ``1``.
    relationship
        To the item above, as it is stored: ``CONTAINS``, ``HAS PROPERTIES`` and so on.
    kind
        Value Type; empty for a reference to ``target``, an item elsewhere in the tree.
    value
        None where it is missing, and for a container.
    moment
        Observation DateTime, as people read it.
    """

    position: str
    relationship: str
    kind: str
    concept: Code | None = None
    value: Value | None = None
    children: tuple[Item, ...] = ()
    target: str = ""
    is_continuous: bool = False
    template: str = ""
    moment: str = ""
    uid: str = ""


# --- documents ------------------------------------------------------------------------------


class Fact(NamedTuple):
    """An attribute of the header: what people call it, its keyword, its value for people."""

    label: str
    keyword: str
    text: str


class Section(NamedTuple):
    """Facts that belong together."""

    title: str
    facts: tuple[Fact, ...]


class Person(NamedTuple):
    """Who or what had to do with a document."""

    role: str
    name: str
    organization: str = ""
    moment: str = ""
    code: Code | None = None


class Attachment(NamedTuple):
    """The document that another encapsulates."""

    media_type: str
    data: bytes


class Block(NamedTuple):
    """An element of a narrative: ``tag`` is one of HTML that runs and fetches nothing.

    ``spans`` are columns and rows that a cell of a table takes.
    """

    tag: str
    children: tuple[Block | str, ...] = ()
    spans: tuple[int, int] = (1, 1)


class Document(NamedTuple):
    """Everything that is shown of an object.

    Attributes
    ----------
    status
        Completion, verification and so on, as people read it.
    notes
        What is missing or cannot be read.
    """

    title: str
    class_name: str
    itself: Reference
    status: tuple[Fact, ...] = ()
    sections: tuple[Section, ...] = ()
    people: tuple[Person, ...] = ()
    content: Item | None = None
    narrative: tuple[Block, ...] = ()
    attachment: Attachment | None = None
    references: tuple[tuple[str, tuple[Reference, ...]], ...] = ()
    notes: tuple[str, ...] = ()
