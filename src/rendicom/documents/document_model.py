"""Immutable values of documents, independent of DICOM encoding."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rendicom.dicom.uids import is_uid


class ObjectReference(NamedTuple):
    """A referenced instance; ``study`` and ``series`` are empty if unknown."""

    sop_class: str
    instance: str
    series: str = ""
    study: str = ""
    frames: tuple[int, ...] = ()
    """Frame numbers; empty means the whole instance."""
    media_type: str = ""
    """The requested media type; empty for the default."""

    def url(self, base: str) -> str | None:
        """Return the URL of the rendered resource below a base URI, or None.

        >>> image = ObjectReference("1.2.840.10008.5.1.4.1.1.2", "1.4", "1.3", "1.2", (1, 2))
        >>> image.url("/dicomweb")
        '/dicomweb/studies/1.2/series/1.3/instances/1.4/frames/1,2/rendered'
        """
        path = self._path(base)
        query = f"?accept={self.media_type}" if self.media_type else ""
        return f"{path}/rendered{query}" if path else None

    def thumbnail_url(self, base: str) -> str | None:
        """Return the URL of a small picture below a base URI, or None."""
        path = self._path(base)
        return f"{path}/thumbnail" if path else None

    def _path(self, base: str) -> str:
        uids = (self.study, self.series, self.instance)
        if not all(map(is_uid, uids)) or not _is_rendered(self.sop_class):
            return ""
        path = "{}/studies/{}/series/{}/instances/{}".format(base.rstrip("/"), *uids)
        numbers = ",".join(map(str, sorted(set(self.frames))))
        return f"{path}/frames/{numbers}" if numbers else path


_STORAGE = "1.2.840.10008.5.1.4.1.1."
_WAVEFORMS = f"{_STORAGE}9."
_NEVER_RENDERED = frozenset(
    f"{_STORAGE}{last}"
    for last in (
        "66", "66.1", "66.2", "66.3", "66.5", "66.6", "67",
        "481.3", "481.4", "481.5", "481.6", "481.7", "481.8", "481.9",
    )
)  # fmt: skip
"""Raw data, registrations, surfaces, plans and similar: not rendered."""


def _is_rendered(sop_class: str) -> bool:
    return sop_class not in _NEVER_RENDERED and not sop_class.startswith(_WAVEFORMS)


Link = Callable[[ObjectReference], "str | None"]


class RenderedDocument(NamedTuple):
    """The bytes of a document.

    ``charset`` is empty if the content declares it or is not text.
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
    """TEXT, DATE, TIME, DATETIME, UIDREF or PNAME: formatted for display, and as stored."""

    text: str
    stored: str = ""


class Number(NamedTuple):
    """NUM: numbers as stored; empty if there is only a ``qualifier``."""

    numbers: tuple[str, ...]
    units: Code | None = None
    qualifier: Code | None = None


class Coordinates(NamedTuple):
    """SCOORD and SCOORD3D: points of two or three coordinates.

    ``space`` is the Frame of Reference UID of SCOORD3D.
    """

    graphic: str
    points: tuple[tuple[float, ...], ...]
    space: str = ""
    origin: str = ""
    fiducial: str = ""


class TimePoints(NamedTuple):
    """TCOORD: ``unit`` is ``sample``, ``second`` or ``time``."""

    range: str
    unit: str
    values: tuple[str, ...]


class Objects(NamedTuple):
    """COMPOSITE, IMAGE and WAVEFORM: an instance, its presentation state and value mapping.

    ``channels`` are pairs of multiplex group and channel number.
    """

    reference: ObjectReference
    presentation: ObjectReference | None = None
    mapping: ObjectReference | None = None
    segments: tuple[int, ...] = ()
    channels: tuple[tuple[int, int], ...] = ()


class Table(NamedTuple):
    """TABLE (PS3.3 C.18.10): column names, row names (may be empty), and cells by row."""

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]


Value = Plain | Code | Number | Coordinates | TimePoints | Objects | Table


class Item(NamedTuple):
    """A node of the content tree."""

    position: str
    """Numbers from 1 at each level, separated by dots: the root is ``1``."""
    relationship: str
    """Relationship Type to the parent: ``CONTAINS``, ``HAS PROPERTIES`` and so on."""
    kind: str
    """Value Type; empty for an item by reference, whose ``target`` is the position of another."""
    concept: Code | None = None
    value: Value | None = None
    """None if it is missing, and for containers."""
    children: tuple[Item, ...] = ()
    target: str = ""
    is_continuous: bool = False
    template: str = ""
    moment: str = ""
    """Observation DateTime, formatted for display."""
    uid: str = ""


# --- documents ------------------------------------------------------------------------------


class Fact(NamedTuple):
    """An attribute of the header: label, keyword, and value formatted for display."""

    label: str
    keyword: str
    text: str


class Section(NamedTuple):
    """A titled group of facts."""

    title: str
    facts: tuple[Fact, ...]


class Person(NamedTuple):
    """A person, device or organization involved in a document."""

    role: str
    name: str
    organization: str = ""
    moment: str = ""
    code: Code | None = None


class Attachment(NamedTuple):
    """An encapsulated document."""

    media_type: str
    data: bytes


class Block(NamedTuple):
    """An element of a narrative; ``tag`` is a safe HTML tag.

    ``spans`` are the column and row span of a table cell.
    """

    tag: str
    children: tuple[Block | str, ...] = ()
    spans: tuple[int, int] = (1, 1)


class Document(NamedTuple):
    """All displayed values of an object."""

    title: str
    class_name: str
    itself: ObjectReference
    status: tuple[Fact, ...] = ()
    """Completion, verification and other flags, formatted for display."""
    sections: tuple[Section, ...] = ()
    people: tuple[Person, ...] = ()
    content: Item | None = None
    narrative: tuple[Block, ...] = ()
    attachment: Attachment | None = None
    references: tuple[tuple[str, tuple[ObjectReference, ...]], ...] = ()
    notes: tuple[str, ...] = ()
    """Missing and unreadable values."""
