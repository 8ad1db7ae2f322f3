"""The fast reader: walks a little endian data set and records the elements a picture needs.

It knows well-formed data sets only. At the first thing it does not know it raises
`HandOverError`, and the slower, wiser parser takes over; so what it does return is right.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from rendicom.errors import CorruptDataError, LimitExceededError
from rendicom.pixels.bytesource import HEAD_BYTES, BufferSource, ByteSource
from rendicom.pixels.elements import (
    PIXEL_KEYWORDS,
    PIXEL_VRS,
    UNDEFINED_LENGTH,
    WANTED,
    Element,
    PixelElement,
)

__all__ = [
    "LONG_VRS",
    "SHORT_VRS",
    "Bounds",
    "HandOverError",
    "Scan",
    "Window",
    "scan_dataset",
    "split_items",
]

SHORT_VRS = {
    vr.encode(): vr
    for vr in (
        "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL",
        "SS", "ST", "TM", "UI", "UL", "US",
    )
}  # fmt: skip
"""VRs with a length of 16 bits (PS3.5 7.1.2)."""
LONG_VRS = {
    vr.encode(): vr
    for vr in ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
}
_WITH_ITEMS = frozenset((b"SQ", b"UN", b"OB", b"OW"))
"""VRs whose value of undefined length is items, fragments among them."""
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_WANTED_OR_PIXEL = frozenset((*WANTED, *PIXEL_KEYWORDS))
_LONGEST_HEADER = 12
_MAX_DEPTH = 64

_EXPLICIT = struct.Struct("<HH2sH")
_IMPLICIT = struct.Struct("<HHI")
_LENGTH = struct.Struct("<I")

Bounds = list[tuple[int, int]]
"""Start and stop of each item's content."""


class HandOverError(CorruptDataError):
    """The fast reader met something that it does not know."""


class Scan(NamedTuple):
    """What was found in one data set."""

    elements: dict[int, Element]
    bounds: dict[int, Bounds]
    """Items of the sequences that had to be walked to find their end."""
    pixel: PixelElement | None


class Window:
    """The part of a source that is in memory, moved along as the walk goes on."""

    __slots__ = ("base", "data", "end", "fetched", "limit", "size", "source", "step")

    def __init__(self, source: ByteSource, *, limit: int, step: int = HEAD_BYTES) -> None:
        self.source = source
        self.size = source.size
        self.limit = limit
        self.step = max(step, 64)
        self.fetched = 0
        self.base = 0
        self.data: bytes | memoryview = source.data if isinstance(source, BufferSource) else b""
        self.end = len(self.data)

    def move_to(self, position: int) -> None:
        """Have the bytes from ``position`` on at hand.

        Raises
        ------
        LimitExceededError
            More than ``limit`` bytes of header were walked through.
        """
        if self.end >= self.size and position >= self.base:
            return
        self.data = self.source.view(position, self.step)
        self.base = position
        self.end = position + len(self.data)
        self.fetched += len(self.data)
        if self.fetched > self.limit:
            raise LimitExceededError(f"the header is longer than {self.limit} bytes")

    def around(self, position: int, stop: int) -> tuple[bytes | memoryview, int, int]:
        """Return bytes, where they begin, and up to where an element header lies in them."""
        if position + _LONGEST_HEADER > self.end or position < self.base:
            self.move_to(position)
        return self.data, self.base, min(self.end, stop) - _LONGEST_HEADER

    def item_at(self, position: int) -> tuple[int, int]:
        """Return tag and length of an item or delimiter (PS3.5 7.5)."""
        if position + 8 > self.end or position < self.base:
            self.move_to(position)
        group, number, length = _IMPLICIT.unpack_from(self.data, position - self.base)
        return group << 16 | number, length


def scan_dataset(
    window: Window, start: int, stop: int, *, explicit_vr: bool, after_tag: int = -1
) -> Scan:
    """Return the wanted elements of a data set or item that lies from ``start`` to ``stop``.

    With ``after_tag`` it is the data set itself, whose tags all follow this one and which ends
    with the pixel data; without, an item of a sequence.

    Raises
    ------
    HandOverError
        Anything that is not plainly well-formed.
    """
    scan = _scan_explicit if explicit_vr else _scan_implicit
    try:
        return scan(window, start, stop, after_tag)
    except struct.error:
        raise HandOverError("the data set ends inside an element") from None


def split_items(window: Window, start: int, stop: int, *, explicit_vr: bool) -> Bounds:
    """Return start and stop of each item's content in the value of a sequence.

    Raises
    ------
    HandOverError
        The value is not plainly a run of items.
    """
    bounds: Bounds = []
    position = start
    try:
        while position < stop:
            tag, length = window.item_at(position)
            position += 8
            if tag == _SEQUENCE_END:
                break
            if tag != _ITEM:
                raise HandOverError("a sequence holds something that is no item")
            position = _walk_item(
                window, position, length, explicit_vr=explicit_vr, depth=1, bounds=bounds
            )
    except struct.error:
        raise HandOverError("a sequence ends inside an item") from None
    if position > stop:
        raise HandOverError("an item is longer than its sequence")
    return bounds


def _scan_explicit(window: Window, position: int, stop: int, after_tag: int) -> Scan:
    elements: dict[int, Element] = {}
    scan = Scan(elements, {}, None)
    data: bytes | memoryview = b""
    last, base, safe = after_tag, 0, -1
    wanted_or_pixel, short_vrs, unpack = _WANTED_OR_PIXEL, SHORT_VRS, _EXPLICIT.unpack_from
    while True:
        if position > safe:
            if position >= stop:
                break
            data, base, safe = window.around(position, stop)
        group, number, vr, length = unpack(data, position - base)
        tag = group << 16 | number
        if tag <= last:
            raise HandOverError("the elements are not in the order of their tags")
        last = tag
        if vr in short_vrs:
            if tag in wanted_or_pixel:
                elements[tag] = (short_vrs[vr], position + 8, length)
            position += 8 + length
            continue
        name = _long_vr(vr)
        (length,) = _LENGTH.unpack_from(data, position + 8 - base)
        position += 12
        if tag in PIXEL_KEYWORDS and after_tag >= 0:
            return scan._replace(pixel=_pixel_element(tag, name, position, length))
        if length == UNDEFINED_LENGTH:
            items: Bounds = []
            end = _skip_undefined(window, position, vr, depth=0, bounds=items)
            if name == "SQ":
                _record_sequence(scan, tag, (name, position, end - position), items)
            position, safe = end, -1
            continue
        if tag in WANTED:
            if name == "UN" and WANTED[tag] == "SQ":
                raise HandOverError("a sequence is stored as UN")
            elements[tag] = (name, position, length)
        position += length
    return _whole(scan, position, stop)


def _scan_implicit(window: Window, position: int, stop: int, after_tag: int) -> Scan:
    elements: dict[int, Element] = {}
    scan = Scan(elements, {}, None)
    data: bytes | memoryview = b""
    last, base, safe = after_tag, 0, -1
    wanted, unpack = WANTED, _IMPLICIT.unpack_from
    if position < stop:
        _refuse_explicit(window, position)
    while True:
        if position > safe:
            if position >= stop:
                break
            data, base, safe = window.around(position, stop)
        group, number, length = unpack(data, position - base)
        tag = group << 16 | number
        if tag <= last:
            raise HandOverError("the elements are not in the order of their tags")
        last = tag
        position += 8
        if tag in PIXEL_KEYWORDS and after_tag >= 0:
            vr = PIXEL_VRS[PIXEL_KEYWORDS[tag]]
            return scan._replace(pixel=_pixel_element(tag, vr, position, length))
        if length == UNDEFINED_LENGTH:
            items: Bounds = []
            end = _walk_items(window, position, explicit_vr=False, depth=0, bounds=items)
            if wanted.get(tag) == "SQ":
                _record_sequence(scan, tag, ("", position, end - position), items)
            position, safe = end, -1
            continue
        if tag in wanted:
            elements[tag] = ("", position, length)
        position += length
    return _whole(scan, position, stop)


def _whole(scan: Scan, position: int, stop: int) -> Scan:
    if position > stop:
        raise HandOverError("an element is longer than what is left")
    if not scan.elements.keys().isdisjoint(PIXEL_KEYWORDS):
        raise HandOverError("the pixel data have no VR that fits them")
    return scan


def _long_vr(vr: bytes) -> str:
    name = LONG_VRS.get(vr)
    if name is None:
        raise HandOverError("an element has no VR that is known")
    return name


def _record_sequence(scan: Scan, tag: int, element: Element, items: Bounds) -> None:
    if tag in WANTED:
        scan.elements[tag] = element
        scan.bounds[tag] = items


def _pixel_element(tag: int, vr: str, offset: int, length: int) -> PixelElement:
    stored = None if length == UNDEFINED_LENGTH else length
    return PixelElement(PIXEL_KEYWORDS[tag], vr, offset, stored)


def _skip_undefined(window: Window, position: int, vr: bytes, *, depth: int, bounds: Bounds) -> int:
    """Return where an explicit VR value of undefined length ends, delimiter included."""
    if vr not in _WITH_ITEMS:
        raise HandOverError("an element of undefined length is no sequence")
    # The content of UN is implicit VR whatever the transfer syntax (PS3.5 6.2.2).
    return _walk_items(window, position, explicit_vr=vr != b"UN", depth=depth, bounds=bounds)


def _walk_items(
    window: Window, position: int, *, explicit_vr: bool, depth: int, bounds: Bounds
) -> int:
    """Return the position behind the sequence delimiter; append where the items lie."""
    if depth > _MAX_DEPTH:
        raise CorruptDataError(f"sequences are nested more than {_MAX_DEPTH} deep")
    while True:
        tag, length = window.item_at(position)
        position += 8
        if tag == _SEQUENCE_END:
            return position
        if tag != _ITEM:
            raise HandOverError("a sequence holds something that is no item")
        position = _walk_item(
            window, position, length, explicit_vr=explicit_vr, depth=depth + 1, bounds=bounds
        )
        if position > window.size:
            raise HandOverError("an item is longer than what is left")


def _walk_item(
    window: Window, start: int, length: int, *, explicit_vr: bool, depth: int, bounds: Bounds
) -> int:
    """Return the position behind an item whose content begins at ``start``; append its bounds."""
    if length != UNDEFINED_LENGTH:
        bounds.append((start, start + length))
        return start + length
    walk = _walk_explicit if explicit_vr else _walk_implicit
    position = walk(window, start, depth)
    bounds.append((start, position - 8))
    return position


def _walk_explicit(window: Window, position: int, depth: int) -> int:
    """Return the position behind the delimiter of an item of undefined length."""
    data: bytes | memoryview = b""
    base, safe = 0, -1
    short_vrs, unpack = SHORT_VRS, _EXPLICIT.unpack_from
    while True:
        if position > safe:
            data, base, safe = window.around(position, window.size)
        group, number, vr, length = unpack(data, position - base)
        if vr in short_vrs:
            position += 8 + length
            continue
        if group == 0xFFFE and number == 0xE00D:
            return position + 8
        _long_vr(vr)
        (length,) = _LENGTH.unpack_from(data, position + 8 - base)
        position += 12
        if length == UNDEFINED_LENGTH:
            position = _skip_undefined(window, position, vr, depth=depth, bounds=[])
            safe = -1
        else:
            position += length


def _walk_implicit(window: Window, position: int, depth: int) -> int:
    """Return the position behind the delimiter of an item of undefined length."""
    _refuse_explicit(window, position)
    while True:
        tag, length = window.item_at(position)
        position += 8
        if tag == _ITEM_END:
            return position
        if length == UNDEFINED_LENGTH:
            position = _walk_items(window, position, explicit_vr=False, depth=depth, bounds=[])
        else:
            position += length


def _refuse_explicit(window: Window, position: int) -> None:
    """Hand over when what should be implicit VR starts with two capital letters."""
    if position + 8 > window.end or position < window.base:
        window.move_to(position)
    start = position - window.base
    letters = bytes(window.data[start + 4 : start + 6])
    if letters.isalpha() and letters.isupper():
        raise HandOverError("explicit VR where implicit VR should be")
