"""A whole data set as a tree of its elements: what metadata and conversions are made from.

Values stay bytes, little endian whatever the file is; long ones stay in the file and are read by
range. The pixel data are found and not read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from rendicom.errors import CorruptDataError, LimitExceededError
from rendicom.pixels.elements import PIXEL_KEYWORDS, UNDEFINED_LENGTH
from rendicom.pixels.headerscan import LONG_VRS, SHORT_VRS, HandOverError, Window
from rendicom.pixels.valuerepresentation import numeric_format

if TYPE_CHECKING:
    from rendicom.pixels.bytesource import ByteSource

__all__ = [
    "KEPT_BYTES",
    "DataElement",
    "DataSet",
    "ElementReader",
    "Items",
    "little_endian_value",
    "resolve_vrs",
    "standard_vr",
]

KEPT_BYTES = 64 << 10
"""Values up to this length are read along with the header."""
_MAX_ELEMENTS = 2_000_000
_MAX_DEPTH = 64
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_VRS = {**SHORT_VRS, **LONG_VRS}
_WITH_ITEMS = frozenset(("SQ", "UN"))


class DataElement(NamedTuple):
    """One data element.

    ``start`` and ``end`` bound the whole element in the source, ``offset`` is where its value
    begins; all are -1 for an element that never was in a file. ``length`` is of the value in
    bytes, UNDEFINED_LENGTH for fragments. ``value`` is None where it is long and still in the
    source, and for fragments and sequences.
    """

    tag: int
    vr: str
    start: int
    offset: int
    end: int
    length: int
    value: bytes | None
    items: Items | None = None


Items = tuple[tuple[DataElement, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """A data set and the file around it.

    Attributes
    ----------
    meta
        File meta information, group length left out; empty where there is none.
    elements
        In the order of the file.
    source
        What offsets count in: the file, or the inflated data set of a deflated one.
    is_verbatim
        Elements lie in the source as explicit VR little endian would have them.
    is_file
        ``source`` is the stored file itself.
    """

    transfer_syntax: str
    sop_class: str
    meta: tuple[DataElement, ...]
    elements: tuple[DataElement, ...]
    source: ByteSource
    little_endian: bool
    is_verbatim: bool
    is_file: bool
    warnings: tuple[str, ...] = field(default=())

    def value(self, element: DataElement) -> bytes:
        """Return the value of an element, little endian, wherever it is."""
        if element.value is not None:
            return element.value
        if element.items is not None or element.length == UNDEFINED_LENGTH:
            return b""
        data = self.source.read(element.offset, element.length)
        return data if self.little_endian else little_endian_value(element.vr, data)

    def element(self, tag: int) -> DataElement | None:
        """Return the element with a tag at the top level."""
        return next((each for each in self.elements if each.tag == tag), None)


class ElementReader:
    """Reads elements from a source; one walk, each byte of the header once."""

    def __init__(
        self, source: ByteSource, *, explicit_vr: bool, little_endian: bool, limit: int
    ) -> None:
        order = "<" if little_endian else ">"
        self._source = source
        self._window = Window(source, limit=limit)
        self._explicit = explicit_vr
        self._little_endian = little_endian
        self._short = struct.Struct(f"{order}HH2sH")
        self._plain = struct.Struct(f"{order}HHI")
        self._length = struct.Struct(f"{order}I")
        self._left = _MAX_ELEMENTS
        self._up_to_pixels = False
        self._is_open = False

    def read(self, start: int, stop: int, *, up_to_pixels: bool) -> tuple[DataElement, ...]:
        """Return the elements from ``start`` to ``stop``, or up to and with the pixel data.

        Raises
        ------
        HandOverError
            Something is not plainly well-formed.
        CorruptDataError, LimitExceededError
        """
        self._up_to_pixels = up_to_pixels
        try:
            elements, _ = self._elements(start, stop, 0, explicit=self._explicit)
        except struct.error:
            raise HandOverError("the data set ends inside an element") from None
        return resolve_vrs(elements) if self._is_open else elements

    def _elements(
        self, position: int, stop: int, depth: int, *, explicit: bool
    ) -> tuple[tuple[DataElement, ...], int]:
        """Return elements and where they end; without ``stop`` (-1) an item delimiter ends them."""
        if depth > _MAX_DEPTH:
            raise CorruptDataError(f"sequences are nested more than {_MAX_DEPTH} deep")
        found: list[DataElement] = []
        end = stop if stop >= 0 else self._source.size
        is_plain, is_ended = explicit and self._little_endian, False
        while position < end:
            if is_plain:
                position = self._short_elements(found, position, end)
                if position >= end:
                    break
            if len(found) > self._left:
                break
            header = self._header(position, end, explicit=explicit)
            tag = header[0]
            if tag == _ITEM_END and stop < 0:
                position += 8
                is_ended = True
                break
            if depth == 0 and tag == 0:
                break  # the file is filled up with zeros
            element = self._element(header, position, end, depth, explicit=explicit)
            found.append(element)
            position = element.end
            if depth == 0 and self._up_to_pixels and tag in PIXEL_KEYWORDS:
                break
        if stop < 0 and not is_ended:
            raise HandOverError("an item is never ended")
        self._left -= len(found)
        if self._left < 0:
            raise LimitExceededError(f"there are more than {_MAX_ELEMENTS} data elements")
        return tuple(found), position

    def _short_elements(self, found: list[DataElement], position: int, end: int) -> int:
        """Append elements that need no second look, and return where one does: most are such."""
        data, base, safe = self._window.around(position, end)
        last = min(base + len(data), end)
        short, unpack, make, cls = SHORT_VRS, self._short.unpack_from, tuple.__new__, DataElement
        most = self._left
        while position <= safe and len(found) <= most:
            group, number, vr, length = unpack(data, position - base)
            name = short.get(vr)
            offset = position + 8
            stop = offset + length
            if name is None or stop > last or group == 0xFFFE:
                return position
            value = bytes(data[offset - base : stop - base])
            tag = group << 16 | number
            found.append(make(cls, (tag, name, position, offset, stop, length, value, None)))
            position = stop
        return position

    def _header(self, position: int, stop: int, *, explicit: bool) -> tuple[int, str, int, int]:
        """Return tag, VR (empty where left out), offset and length of the value."""
        data, base, _ = self._window.around(position, stop)
        group, number, vr, short = self._short.unpack_from(data, position - base)
        tag = group << 16 | number
        if not explicit or group == 0xFFFE:
            (length,) = self._length.unpack_from(data, position + 4 - base)
            return tag, "", position + 8, length
        name = SHORT_VRS.get(vr)
        if name is not None:
            return tag, name, position + 8, short
        name = LONG_VRS.get(vr)
        if name is None:
            if tag == 0 and short == 0:
                return 0, "", position + 8, 0
            raise HandOverError("an element has no VR that is known")
        (length,) = self._length.unpack_from(data, position + 8 - base)
        return tag, name, position + 12, length

    def _element(
        self,
        header: tuple[int, str, int, int],
        start: int,
        stop: int,
        depth: int,
        *,
        explicit: bool,
    ) -> DataElement:
        tag, vr, offset, length = header
        is_unknown = vr == "UN"
        if tag >> 16 == 0xFFFE:
            raise HandOverError("an item lies outside of a sequence")
        if not vr or is_unknown:
            vr = standard_vr(tag) or vr
            self._is_open |= vr not in _KNOWN or vr == "UN"
        if length == UNDEFINED_LENGTH:
            if tag in PIXEL_KEYWORDS and vr != "SQ":
                return self._fragments(tag, vr, start, offset, depth)
            if vr and vr not in _WITH_ITEMS:
                raise HandOverError("an element of undefined length is no sequence")
            # The content of UN is implicit VR whatever the transfer syntax (PS3.5 6.2.2).
            inside = explicit and not is_unknown
            items, end = self._items(offset, -1, depth, explicit=inside)
            return DataElement(tag, "SQ", start, offset, end, length, None, items)
        end = offset + length
        if end > stop and not (depth == 0 and tag in PIXEL_KEYWORDS):
            raise HandOverError("an element is longer than what is left")
        if vr == "SQ":
            inside = explicit and not is_unknown
            items, _ = self._items(offset, end, depth, explicit=inside)
            return DataElement(tag, vr, start, offset, end, length, None, items)
        kept = None
        if length <= KEPT_BYTES and tag not in PIXEL_KEYWORDS:
            kept = self._value("UN" if is_unknown else vr, offset, length)
        return DataElement(tag, vr, start, offset, end, length, kept)

    def _value(self, vr: str, offset: int, length: int) -> bytes:
        window = self._window
        if offset >= window.base and offset + length <= window.end:
            first = offset - window.base
            data = bytes(window.data[first : first + length])
        else:
            data = self._source.read(offset, length)
        return data if self._little_endian else little_endian_value(vr, data)

    def _items(self, position: int, stop: int, depth: int, *, explicit: bool) -> tuple[Items, int]:
        items: list[tuple[DataElement, ...]] = []
        end = stop if stop >= 0 else self._source.size
        while position < end:
            data, base, _ = self._window.around(position, end)
            group, number, length = self._plain.unpack_from(data, position - base)
            tag = group << 16 | number
            position += 8
            if tag == _SEQUENCE_END:
                return tuple(items), position
            if tag != _ITEM:
                raise HandOverError("a sequence holds something that is no item")
            until = -1 if length == UNDEFINED_LENGTH else position + length
            if until > end:
                raise HandOverError("an item is longer than its sequence")
            elements, position = self._elements(position, until, depth + 1, explicit=explicit)
            items.append(elements)
        if stop < 0:
            raise HandOverError("a sequence is never ended")
        return tuple(items), end

    def _fragments(self, tag: int, vr: str, start: int, offset: int, depth: int) -> DataElement:
        """Return pixel data in fragments; where they end is looked for only if it matters."""
        end = self._source.size
        if depth > 0 or not self._up_to_pixels:
            end = self._end_of_fragments(offset)
        return DataElement(tag, vr, start, offset, end, UNDEFINED_LENGTH, None)

    def _end_of_fragments(self, position: int) -> int:
        while True:
            header = self._source.read(position, 8)
            if len(header) < 8:
                return self._source.size  # cut short: the frames that are there still count
            group, number, length = self._plain.unpack(header)
            position += 8
            if group << 16 | number == _SEQUENCE_END:
                return position
            if group << 16 | number != _ITEM or length == UNDEFINED_LENGTH:
                return self._source.size
            position += length


# --- value representations ---------------------------------------------------------------------


@cache
def standard_vr(tag: int) -> str:
    """Return the VR of a standard element by PS3.6, empty for others; may be ``US or SS``."""
    group, number = tag >> 16, tag & 0xFFFF
    if number == 0:
        return "UL"
    if group % 2:
        return "LO" if 0x10 <= number <= 0xFF else ""
    from pydicom.datadict import dictionary_VR

    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return ""


def resolve_vrs(
    elements: tuple[DataElement, ...], *, signed: bool = False
) -> tuple[DataElement, ...]:
    """Give elements without a VR of their own the one that the dictionaries have for them.

    ``signed`` is what Pixel Representation says further up.
    """
    creators: dict[int, str] = {}
    for each in elements:
        if each.tag == 0x00280103:
            signed = (each.value or b"")[:1] == b"\x01"
        elif each.tag >> 16 & 1 and 0x10 <= each.tag & 0xFFFF <= 0xFF:
            creators[each.tag] = (each.value or b"").decode("latin-1").strip(" \0")
    return tuple(_resolved(each, creators, signed=signed) for each in elements)


_KNOWN = frozenset(_VRS.values())


def _resolved(element: DataElement, creators: dict[int, str], *, signed: bool) -> DataElement:
    if element.items is not None:
        return element._replace(
            items=tuple(resolve_vrs(item, signed=signed) for item in element.items)
        )
    if element.vr in _KNOWN and element.vr != "UN":
        return element
    is_private = element.tag >> 16 & 1
    vr = _private_vr(element, creators) if is_private else _chosen_vr(element, signed=signed)
    return element._replace(vr=vr)


def _private_vr(element: DataElement, creators: dict[int, str]) -> str:
    group, block = element.tag & 0xFFFF0000, element.tag >> 8 & 0xFF
    creator = creators.get(group | block)
    if not creator:
        return "UN"
    from pydicom.datadict import private_dictionary_VR

    try:
        vr = str(private_dictionary_VR(element.tag, creator))
    except KeyError:
        return "UN"
    # A sequence of defined length was not walked: as UN its bytes are right.
    return vr if vr in _KNOWN and vr != "SQ" else "UN"


def _chosen_vr(element: DataElement, *, signed: bool) -> str:
    """Decide where PS3.6 leaves a choice, as PS3.5 A.1 says."""
    choices = element.vr.split(" or ") if element.vr else []
    if "OW" in choices:
        # Lookup table data: words, and one value where US is a choice too.
        return "US" if element.length == 2 and "US" in choices else "OW"
    if choices == ["US", "SS"]:
        return "SS" if signed else "US"
    return "UN"


def little_endian_value(vr: str, data: bytes) -> bytes:
    """Return a value of a big endian file as little endian has it (PS3.5 7.3)."""
    letter = "H" if vr in ("US or SS", "OB or OW", "US or OW") else numeric_format(vr)
    size = struct.calcsize(f"<{letter}") if letter else 1
    if size == 1:
        return data
    swapped = bytearray(data)
    whole = len(data) // size * size
    for place in range(size):
        swapped[place:whole:size] = data[size - 1 - place : whole : size]
    return bytes(swapped)
