"""Writes any DICOM file in memory, valid or not.

It shares no code with the reader, so that tests compare two independent implementations of the
standard. Nothing is checked, since tests also need invalid files.

>>> from rendicom.testing import dicom_file, element
>>> data = dicom_file([element(0x00280010, "US", 512)])
>>> data[128:132]
b'DICM'
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Encoding = Literal["explicit-little", "implicit-little", "explicit-big"]
Value = str | int | float | bytes

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
_DEFLATED_SYNTAXES = (DEFLATED, "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205")
UNDEFINED = 0xFFFFFFFF
"""The length field that means "up to the delimiter"."""

_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_NUMBERS = {
    "AT": "HH", "FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H",
    "UV": "Q",
}  # fmt: skip
_CELLS = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}
# PS3.5 7.1.2: these have two reserved bytes and a length of four bytes.
_LONG = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
_IMPLEMENTATION = "1.2.826.0.1.3680043.8.498.1"


@dataclass(frozen=True, slots=True)
class Element:
    """One data element before it is written.

    Attributes
    ----------
    tag
        For example ``0x00280010``.
    vr
        Two letters; written as they are in explicit encodings.
    values
        Texts or numbers, as the VR requires; or one ``bytes``, little endian, written unchanged.
    items
        Items of a sequence, each a series of elements; ``None`` for everything else.
    length
        Value of the length field; ``None`` for the true length.
    undefined_items
        Items have undefined length and end with a delimiter.
    cell
        Bytes in a unit that big endian reverses; ``None`` for those of the VR (OW 2, OB 1).
    """

    tag: int
    vr: str
    values: tuple[Value, ...] = ()
    items: tuple[tuple[Element, ...], ...] | None = None
    length: int | None = None
    undefined_items: bool = False
    cell: int | None = None


def element(
    tag: int,
    vr: str,
    value: Value | Sequence[Value] = (),
    *,
    length: int | None = None,
    cell: int | None = None,
) -> Element:
    """Return an element of any VR but SQ.

    >>> element(0x00281050, "DS", [40, 300]).values
    (40, 300)
    """
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        return Element(tag, vr, (value,), length=length, cell=cell)
    return Element(tag, vr, tuple(value), length=length, cell=cell)


def sequence(
    tag: int,
    *items: Iterable[Element],
    length: int | None = None,
    undefined_items: bool = False,
    vr: str = "SQ",
) -> Element:
    """Return a sequence; ``length=UNDEFINED`` ends it with a delimiter (PS3.5 7.5).

    ``vr="UN"`` writes a sequence of unknown VR, with its items in implicit VR (PS3.5 6.2.2).
    """
    inside = tuple(tuple(item) for item in items)
    return Element(tag, vr, items=inside, length=length, undefined_items=undefined_items)


def write_elements(
    elements: Iterable[Element], *, encoding: Encoding = "explicit-little", sort: bool = True
) -> bytes:
    """Return the elements as a stream of bytes, in order of tags unless ``sort`` is off."""
    listed = sorted(elements, key=lambda item: item.tag) if sort else elements
    return b"".join(_write(item, encoding) for item in listed)


def dicom_file(
    elements: Iterable[Element],
    *,
    transfer_syntax: str = EXPLICIT,
    encoding: Encoding | None = None,
    preamble: bool = True,
    meta: bool = True,
    meta_elements: Iterable[Element] = (),
    group_length: bool = True,
    zlib_header: bool = False,
    sort: bool = True,
) -> bytes:
    """Return a whole file (PS3.10 7).

    Parameters
    ----------
    elements
        The data set, in any order.
    transfer_syntax
        UID for the meta header; also decides the encoding and whether the data set is deflated.
    encoding
        Encoding of the data set, if it is not that of the transfer syntax.
    preamble, meta, group_length
        Whether the 128 + 4 first bytes, group 0002 and its length element are written.
    meta_elements
        More elements of group 0002; they replace default ones of the same tag.
    zlib_header
        Write a deflated data set with a zlib header, as some writers do contrary to PS3.5 A.5.
    sort
        Put elements in order of tags.
    """
    content = list(elements)
    body = write_elements(content, encoding=encoding or _encoding(transfer_syntax), sort=sort)
    if transfer_syntax in _DEFLATED_SYNTAXES:
        body = deflate(body, zlib_header=zlib_header)
        body += b"\0" * (len(body) % 2)
    head = (b"\0" * 128 + b"DICM") if preamble else b""
    if meta:
        head += _meta(content, transfer_syntax, meta_elements, group_length=group_length)
    return head + body


def deflate(data: bytes, *, zlib_header: bool = False) -> bytes:
    """Return ``data`` as a raw stream of RFC 1951, or in the envelope of RFC 1950."""
    packer = zlib.compressobj(wbits=15 if zlib_header else -15)
    return packer.compress(data) + packer.flush()


def encapsulate(
    frames: Sequence[bytes],
    *,
    offset_table: Literal["empty", "basic", "extended"] | Sequence[int] = "empty",
    fragments_per_frame: int | Sequence[int] = 1,
    delimiter: bool = True,
    pad: bool = True,
) -> tuple[Element, ...]:
    """Return Pixel Data that holds one compressed stream a frame (PS3.5 A.4).

    Parameters
    ----------
    frames
        The streams.
    offset_table
        ``empty``, ``basic`` or ``extended`` (PS3.3 C.7.6.3.1.8, two more elements), or the
        numbers to write into the Basic Offset Table, correct or not.
    fragments_per_frame
        How many pieces each stream is cut into; one number for all frames or one for each.
    delimiter
        Whether the sequence delimiter is written.
    pad
        Whether fragments of odd length are padded with a zero byte.
    """
    counts = fragments_per_frame
    pieces = [
        _cut(stream, counts if isinstance(counts, int) else counts[index])
        for index, stream in enumerate(frames)
    ]
    groups = [b"".join(_item(piece, pad=pad) for piece in stream) for stream in pieces]
    offsets = [sum(map(len, groups[:index])) for index in range(len(groups))]
    table: Sequence[int] = () if isinstance(offset_table, str) else offset_table
    if offset_table == "basic":
        table = offsets
    data = _item(struct.pack(f"<{len(table)}I", *table)) + b"".join(groups)
    if delimiter:
        data += _header(_SEQUENCE_END, 0)
    pixels = element(0x7FE00010, "OB", data, length=UNDEFINED)
    if offset_table != "extended":
        return (pixels,)
    lengths = [len(stream) + len(stream) % 2 for stream in frames]
    return (
        element(0x7FE00001, "OV", struct.pack(f"<{len(offsets)}Q", *offsets)),
        element(0x7FE00002, "OV", struct.pack(f"<{len(lengths)}Q", *lengths)),
        pixels,
    )


def _encoding(transfer_syntax: str) -> Encoding:
    if transfer_syntax == BIG_ENDIAN:
        return "explicit-big"
    # In GE's private syntax, only the pixels are encoded differently from the default syntax.
    implicit = (IMPLICIT, "1.2.840.113619.5.2", "1.2.840.10008.1.20")
    return "implicit-little" if transfer_syntax in implicit else "explicit-little"


def _meta(
    content: list[Element],
    transfer_syntax: str,
    more: Iterable[Element],
    *,
    group_length: bool,
) -> bytes:
    found = {item.tag: item for item in content}
    listed = {
        0x00020001: element(0x00020001, "OB", b"\0\1"),
        0x00020010: element(0x00020010, "UI", transfer_syntax),
        0x00020012: element(0x00020012, "UI", _IMPLEMENTATION),
    }
    for source, target in ((0x00080016, 0x00020002), (0x00080018, 0x00020003)):
        if source in found:
            listed[target] = element(target, "UI", found[source].values)
    listed |= {item.tag: item for item in more}
    body = write_elements(listed.values())
    if not group_length or 0x00020000 in listed:
        return body
    return write_elements([element(0x00020000, "UL", len(body))]) + body


def _write(item: Element, encoding: Encoding) -> bytes:
    order = ">" if encoding == "explicit-big" else "<"
    inner: Encoding = "implicit-little" if item.vr == "UN" else encoding
    data = _value(item, order) if item.items is None else _items(item, inner)
    length = len(data) if item.length is None else item.length
    if item.items is not None and item.length == UNDEFINED:
        data += _header(_SEQUENCE_END, 0, ">" if inner == "explicit-big" else "<")
    return _head(item, encoding, length) + data


def _head(item: Element, encoding: Encoding, length: int) -> bytes:
    order = ">" if encoding == "explicit-big" else "<"
    if encoding == "implicit-little":
        return _header(item.tag, length)
    tag = struct.pack(f"{order}HH", item.tag >> 16, item.tag & 0xFFFF) + item.vr.encode("latin-1")
    if item.vr in _LONG:
        return tag + struct.pack(f"{order}HI", 0, length)
    return tag + struct.pack(f"{order}H", length & 0xFFFF)


def _items(item: Element, encoding: Encoding) -> bytes:
    order = ">" if encoding == "explicit-big" else "<"
    written = []
    for inside in item.items or ():
        body = write_elements(inside, encoding=encoding)
        if item.undefined_items:
            end = _header(_ITEM_END, 0, order)
            written.append(_header(_ITEM, UNDEFINED, order) + body + end)
        else:
            written.append(_header(_ITEM, len(body), order) + body)
    return b"".join(written)


def _value(item: Element, order: str) -> bytes:
    if len(item.values) == 1 and isinstance(item.values[0], bytes):
        data = item.values[0]
        cell = item.cell or _CELLS.get(item.vr, 1)
        data += b"\0" * (len(data) % 2)
        # Encapsulated pixel data are little endian whatever surrounds them (PS3.5 A.4).
        swap = order == ">" and cell > 1 and item.length != UNDEFINED
        return _swap(data, cell) if swap else data
    if item.vr in _NUMBERS:
        return b"".join(_number(value, item.vr, order) for value in item.values)
    return _text(item)


def _number(value: Value, vr: str, order: str) -> bytes:
    if vr == "AT":
        return struct.pack(f"{order}HH", int(value) >> 16, int(value) & 0xFFFF)
    return struct.pack(order + _NUMBERS[vr], value)


def _text(item: Element) -> bytes:
    parts = [
        value if isinstance(value, bytes) else str(value).encode("latin-1", "replace")
        for value in item.values
    ]
    data = b"\\".join(parts)
    return data + (b"\0" if item.vr == "UI" else b" ") * (len(data) % 2)


def _swap(data: bytes, cell: int) -> bytes:
    data += b"\0" * (-len(data) % cell)
    swapped = bytearray(len(data))
    for index in range(cell):
        swapped[index::cell] = data[cell - 1 - index :: cell]
    return bytes(swapped)


def _header(tag: int, length: int, order: str = "<") -> bytes:
    return struct.pack(f"{order}HHI", tag >> 16, tag & 0xFFFF, length)


def _item(data: bytes, *, pad: bool = True) -> bytes:
    padding = b"\0" * (len(data) % 2) if pad else b""
    return _header(_ITEM, len(data + padding)) + data + padding


def _cut(stream: bytes, count: int) -> list[bytes]:
    """Return ``count`` pieces, all of even length but the last."""
    step = -(-len(stream) // count)
    step += step % 2
    return [stream[index * step : (index + 1) * step] for index in range(count)]
