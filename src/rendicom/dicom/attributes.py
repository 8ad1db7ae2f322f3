"""Attributes of a data set or item, read from the bytes of the element walk."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, overload

from rendicom.coded_warnings import CodedWarning
from rendicom.dicom.character_sets import AFFECTED_VRS, Repertoire, is_plain, repertoire_of
from rendicom.dicom.elements import little_endian_value, standard_vr
from rendicom.dicom.picture_tags import COLUMNS, IDENTIFYING_UIDS, ROWS, WANTED, PixelElement
from rendicom.dicom.value_fields import (
    AMBIGUOUS_VRS,
    FORMATS,
    PADDING,
    read_float,
    read_integer,
    unpack,
    whole_number,
    whole_numbers,
)
from rendicom.records import NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rendicom.dicom.byte_source import ByteSource
    from rendicom.dicom.file_meta import FileMeta
    from rendicom.dicom.lazy_items import Index, ItemReader, LazyItems

_ABSENT = ("", b"", "<")
_NO_PLACE = ("", 0, 0, 0, None)
_ONE_VALUE = frozenset(("LT", "ST", "UR", "UT"))
_CHARACTER_SET = 0x00080005
_SOP_CLASS_UID = 0x00080016
_UID = r"[0-9]+(\.[0-9]+){3,}"

StoredValue = tuple[str, bytes, str]
"""VR (``XS`` for "US or SS"), the bytes of the value field, and their order: < or >."""
NotedValue = tuple[str, bytes]
"""VR and value field, which may be empty."""
_LONGEST_NOTED = 1024


def attribute_vr(tag: int) -> str:
    """Return the VR of an attribute without a VR in its file; it may be ``XS``."""
    vr = WANTED.get(tag)
    if vr is None:
        vr = standard_vr(tag)
        vr = AMBIGUOUS_VRS.get(vr, vr)
    return vr


class Attributes:
    """One data set or sequence item, by tag as a 32-bit integer (0x00280010).

    Values are converted, and items parsed, on demand. Malformed values never raise: they count as
    absent, or as nan among numbers.
    """

    __slots__ = ("_index", "_parent", "_sequences", "_walker")

    def __init__(
        self, walker: ItemReader, index: Index, *, parent: Attributes | None = None
    ) -> None:
        """Take the positions of values, and the enclosing data set or item."""
        self._walker = walker
        self._index = index
        self._parent = parent
        self._sequences: dict[int, Sequence[Attributes]] = {}

    @property
    def repertoire(self) -> Repertoire:
        """Return the character sets of this item, or else of the enclosing data set."""
        own = self.stored(_CHARACTER_SET)
        if own is not None:
            return repertoire_of(own[1])
        return self._parent.repertoire if self._parent is not None else Repertoire()

    def __contains__(self, tag: int) -> bool:
        """Tell whether the element has a value or an item."""
        place = self._index.get(tag)
        if place is None or place[3] == 0:
            return False
        return place[4] is None or len(self.items(tag)) > 0

    def tags(self) -> tuple[int, ...]:
        """Return the tags of all elements that were read, with a value or without."""
        return tuple(self._index)

    def stored(self, tag: int) -> StoredValue | None:
        """Return the value field; None if absent, empty or a sequence."""
        place = self._index.get(tag)
        if place is None:
            return None  # as most are
        vr, _, offset, length, items = place
        if length == 0 or items is not None:
            return None
        order = "<" if self._walker.little_endian else ">"
        return vr, self._walker.source.read(offset, length), order

    def items(self, tag: int) -> Sequence[Attributes]:
        """Return the items of a sequence, parsed when used; () when absent."""
        found = self._sequences.get(tag)
        if found is None:
            _, _, _, length, items = self._index.get(tag, _NO_PLACE)
            found = () if length == 0 or items is None else _Items(items, self)
            self._sequences[tag] = found
        return found

    def numbers_containing(self, tag: int, data: bytes) -> list[int]:
        """Return the numbers from 0 of the items of a sequence in whose bytes ``data`` occurs."""
        items = self.items(tag)
        return items.lazy.containing(data) if isinstance(items, _Items) else []

    def passing_items(self, tag: int, numbers: Iterable[int] | None = None) -> Iterator[Attributes]:
        """Yield items of a sequence, which may be many; unlike those of `items` they are not kept.

        ``numbers`` counts from 0; by default they are all.
        """
        items = self.items(tag)
        if isinstance(items, _Items):
            yield from map(items.parsed, range(len(items)) if numbers is None else numbers)

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return the values of a text element, each stripped of padding; () when absent."""
        stored = self.stored(tag)
        if stored is None or stored[0] in FORMATS:
            return ()
        vr, data, _ = stored
        if vr in AFFECTED_VRS and not is_plain(data):
            text = self.repertoire.text(data, vr)
        else:
            text = data.decode("latin-1")
        if vr in _ONE_VALUE:
            text = text.rstrip(PADDING)  # blanks at the start count (PS3.5 6.2)
            return (text,) if text else ()
        text = text.strip(PADDING)
        if not text:
            return ()
        if "\\" not in text:
            return (text,)
        return tuple([value.strip(PADDING) for value in text.split("\\")])

    def text(self, tag: int, default: str = "") -> str:
        """Return the first text value, or ``default`` when it is absent or blank."""
        values = self.texts(tag)
        return values[0] or default if values else default

    def numbers(self, tag: int) -> tuple[float, ...]:
        """Return the numbers of an element; a value that is not a number is nan."""
        stored = self.stored(tag)
        if stored is None:
            return ()
        vr, data, order = stored
        if vr in FORMATS:
            return tuple(map(float, unpack(data, f"{order}{FORMATS[vr]}")))
        return tuple(map(read_float, self.texts(tag)))

    def number(self, tag: int) -> float | None:
        """Return the first number, or None when absent or not finite."""
        values = self.numbers(tag)
        return values[0] if values and math.isfinite(values[0]) else None

    def integers(self, tag: int, *, signed: bool = False) -> tuple[int, ...]:
        """Return whole numbers, or () if one of them is not whole.

        ``signed`` determines the type of "US or SS" without a VR. AT gives tags.
        """
        stored = self.stored(tag)
        if stored is None:
            return ()
        vr, data, order = stored
        code = FORMATS.get(vr)
        if code is None:
            return whole_numbers(map(read_integer, self.texts(tag)))
        if code in "fd":
            return whole_numbers(map(whole_number, unpack(data, f"{order}{code}")))
        if signed and vr == "XS":
            code = "h"
        values = unpack(data, f"{order}{code}")
        if vr == "AT":
            pairs = zip(values[::2], values[1::2], strict=False)
            return tuple(group << 16 | number for group, number in pairs)
        return values

    def integer(self, tag: int, default: int | None = None, *, signed: bool = False) -> int | None:
        """Return the first whole number, or ``default`` without a value."""
        values = self.integers(tag, signed=signed)
        return values[0] if values else default

    def raw(self, tag: int) -> bytes:
        """Return the value bytes as stored, words little endian; b"" when absent."""
        vr, data, order = self.stored(tag) or _ABSENT
        return data if order == "<" else little_endian_value(vr, data)

    def noted(self) -> NotedAttributes:
        """Return the same attributes, which note the elements that are read from now on."""
        return NotedAttributes(self._walker, self._index, parent=self._parent)

    def has_equal(self, present: Iterable[tuple[int, NotedValue]], absent: frozenset[int]) -> bool:
        """Tell whether elements have these values, and others are absent."""
        index = self._index
        if not index.keys().isdisjoint(absent):
            return False
        find, read = index.get, self._walker.source.read
        for tag, (vr, data) in present:
            place = find(tag)
            if place is None:
                return False
            found, _, offset, length, items = place
            if found != vr or items is not None or length != len(data):
                return False
            if length and read(offset, length) != data:
                return False
        return True

    def words(self, tag: int) -> NDArray[np.uint16]:
        """Return the bytes as native uint16 words, shape (n,); an odd last byte counts as 0xNN."""
        import numpy as np

        data = self.raw(tag)
        whole = data if len(data) % 2 == 0 else data + b"\0"
        return np.frombuffer(whole, "<u2").astype(np.uint16, copy=False)


class NotedAttributes(Attributes):
    """Attributes that note which elements were read."""

    __slots__ = ("_asked",)

    def __init__(
        self, walker: ItemReader, index: Index, *, parent: Attributes | None = None
    ) -> None:
        super().__init__(walker, index, parent=parent)
        self._asked: set[int] = set()

    def __contains__(self, tag: int) -> bool:
        self._asked.add(tag)
        return super().__contains__(tag)

    def stored(self, tag: int) -> StoredValue | None:
        """Return the value field; None if absent, empty or a sequence."""
        self._asked.add(tag)
        return super().stored(tag)

    def items(self, tag: int) -> Sequence[Attributes]:
        """Return the items of a sequence, parsed when used; () when absent."""
        self._asked.add(tag)
        return super().items(tag)

    def values_read(self) -> dict[int, NotedValue | None] | None:
        """Return the noted elements, by tag; None if they include items or a long value."""
        values: dict[int, NotedValue | None] = {}
        for tag in self._asked:
            values[tag] = None
            if tag in self._index:
                vr, _, offset, length, items = self._index[tag]
                if items is not None or length > _LONGEST_NOTED:
                    return None
                values[tag] = vr, self._walker.source.read(offset, length)
        return values


class _Items(Sequence[Attributes]):
    """The items of one sequence; there may be one for each of many frames."""

    __slots__ = ("_parent", "_parsed", "_size", "lazy")

    def __init__(self, items: LazyItems, parent: Attributes) -> None:
        self.lazy = items
        self._parent = parent
        self._size = len(items.bounds)
        self._parsed: dict[int, Attributes] = {}

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> Attributes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Attributes]: ...
    def __getitem__(self, index: int | slice) -> Attributes | Sequence[Attributes]:
        if isinstance(index, slice):
            return tuple(self[place] for place in range(*index.indices(len(self))))
        place = index + len(self) if index < 0 else index
        found = self._parsed.get(place)
        if found is None:
            found = self._parsed[place] = self.parsed(place)
        return found

    def parsed(self, place: int) -> Attributes:
        """Return an item, parsed anew."""
        walker, index = self.lazy.walker.index_item(self.lazy, place)
        return Attributes(walker, index, parent=self._parent)


class Header(NamedTuple):
    """The header of a file: everything before its pixels.

    Attributes
    ----------
    transfer_syntax
        As stated in the file, or guessed from the bytes.
    sop_class
        SOP Class UID, of the data set or else of the file meta information.
    pixel
        Position of the pixel data; None for an object without them.
    source
        Source of ``pixel.offset``: the file, or the inflated data set of a deflated one.
    little_endian, explicit_vr
        Actual encoding of the data set.
    reader
        The reader that was used.
    """

    transfer_syntax: str
    sop_class: str
    attributes: Attributes
    pixel: PixelElement | None
    source: ByteSource
    little_endian: bool
    explicit_vr: bool
    reader: Literal["fast", "pydicom"]
    warnings: tuple[CodedWarning, ...] = ()


def header_of(
    meta: FileMeta,
    attributes: Attributes,
    pixel: PixelElement | None,
    source: ByteSource,
    *,
    little_endian: bool,
    explicit_vr: bool,
    reader: Literal["fast", "pydicom"],
    warnings: tuple[CodedWarning, ...] = (),
) -> Header:
    """Return the header of a data set; guesses a transfer syntax that ``meta`` does not give."""
    syntax = meta.transfer_syntax
    if not syntax:
        from rendicom.dicom.syntax_guess import GUESSED, guessed_syntax

        syntax = guessed_syntax(source, pixel, explicit_vr=explicit_vr, little_endian=little_endian)
        warnings = (GUESSED, *warnings)
    return Header(
        transfer_syntax=syntax,
        sop_class=attributes.text(_SOP_CLASS_UID) or meta.sop_class,
        attributes=attributes,
        pixel=pixel,
        source=source,
        little_endian=little_endian,
        explicit_vr=explicit_vr,
        reader=reader,
        warnings=warnings,
    )


def is_long_uid(text: str) -> bool:
    """Tell whether a text has the form of a UID with at least four components."""
    return re.fullmatch(_UID, text) is not None


def is_plausible(attributes: Attributes) -> bool:
    """Tell whether attributes look like DICOM: any bytes can be read as elements."""
    if any(is_long_uid(attributes.text(tag)) for tag in IDENTIFYING_UIDS):
        return True
    return bool(attributes.integer(ROWS) and attributes.integer(COLUMNS))
