"""Takes a file of explicit VR little endian apart into elements, and puts it together again.

Only files that the harness made itself are read here: what is damaged is damaged afterwards.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from rendicom.testing import EXPLICIT, Element
from rendicom.testing.writer import UNDEFINED

__all__ = ["CELLS", "Tree", "take_apart"]

_LONG = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
CELLS = {"US": 2, "SS": 2, "AT": 2, "OW": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4,
          "FD": 8, "OD": 8, "SV": 8, "UV": 8, "OV": 8}  # fmt: skip
_ITEM, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD


class Tree(NamedTuple):
    """A data set in elements, and the transfer syntax of its pixel data."""

    elements: tuple[Element, ...]
    transfer_syntax: str = EXPLICIT


def take_apart(data: bytes) -> Tree:
    """Return the elements of a file; values are bytes, sequences have their items."""
    meta_end = 144 + struct.unpack_from("<I", data, 140)[0]
    meta = {each.tag: each for each in _elements(data, 132, meta_end)}
    syntax = _value(meta[0x00020010]).rstrip(b"\0").decode()
    elements = {each.tag: each for each in _elements(data, meta_end, len(data))}
    if 0x7FE00010 in elements and 0x00280100 in elements:
        bits = int.from_bytes(_value(elements[0x00280100]), "little")
        if bits > 16:
            # Big endian turns whole cells round (PS3.5 8.1.1).
            elements[0x7FE00010] = replace(elements[0x7FE00010], cell=bits // 8)
    return Tree(tuple(elements.values()), syntax)


def _value(element: Element) -> bytes:
    (found,) = element.values
    return found if isinstance(found, bytes) else b""


def _elements(data: bytes, start: int, end: int) -> Iterator[Element]:
    while start < end:
        element, start = _element(data, start)
        yield element


def _element(data: bytes, at: int) -> tuple[Element, int]:
    group, number = struct.unpack_from("<HH", data, at)
    tag, vr = group << 16 | number, data[at + 4 : at + 6].decode("ascii")
    if vr in _LONG:
        length, at = struct.unpack_from("<I", data, at + 8)[0], at + 12
    else:
        length, at = struct.unpack_from("<H", data, at + 6)[0], at + 8
    if vr == "SQ":
        end = len(data) if length == UNDEFINED else at + length
        items, at = _items(data, at, end)
        return Element(tag, vr, items=items), at
    if length == UNDEFINED:
        end = _end_of_fragments(data, at)
        return Element(tag, vr, (data[at:end],), length=UNDEFINED), end
    return Element(tag, vr, (data[at : at + length],), cell=CELLS.get(vr)), at + length


def _items(data: bytes, at: int, end: int) -> tuple[tuple[tuple[Element, ...], ...], int]:
    found = []
    while at < end:
        group, number, length = struct.unpack_from("<HHI", data, at)
        at += 8
        if group << 16 | number == _SEQUENCE_END:
            break
        if length == UNDEFINED:
            raise ValueError("items of undefined length are not made here")
        found.append(tuple(_elements(data, at, at + length)))
        at += length
    return tuple(found), at


def _end_of_fragments(data: bytes, at: int) -> int:
    """Return where the sequence delimiter of encapsulated pixel data ends."""
    while True:
        group, number, length = struct.unpack_from("<HHI", data, at)
        at += 8 + length
        if group << 16 | number == _SEQUENCE_END:
            return at
