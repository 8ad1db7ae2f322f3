"""Writes a data set as a DICOM file, explicit VR little endian (PS3.10 7).

Unchanged parts of the stored file are not read, but returned as stretches of it.
"""

from __future__ import annotations

import struct
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from rendicom.dicom.elements import DataElement
from rendicom.dicom.picture_tags import PIXEL_KEYWORDS, UNDEFINED_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rendicom.dicom.elements import DataSet

IMPLEMENTATION_CLASS = "2.25.288113424712868117853129474083213241183"
"""Ours: made of a random UUID once (PS3.5 B.2)."""
_IMPLEMENTATION_VERSION = "RENDICOM"
_LONG = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
_SHORT_LIMIT = 0xFFFF
_SOP_INSTANCE = 0x00080018
_ITEM = b"\xfe\xff\x00\xe0"
_INLINE = 256 << 10
"""Size in bytes below which a stretch is copied."""


class Stretch(NamedTuple):
    """``length`` bytes from ``offset`` of the stored file, or of a temporary file at ``path``."""

    offset: int
    length: int
    path: str = ""


Piece = bytes | Stretch


def file_meta(
    dataset: DataSet, transfer_syntax: str, instance: tuple[str, bytes] | None = None
) -> bytes:
    """Return preamble, DICM and file meta information of a file written here.

    ``instance`` is VR and value of a new SOP Instance UID.
    """
    kept = {each.tag: (each.vr, each.value or b"") for each in dataset.meta}
    if instance is not None:
        kept[0x00020003] = instance
    for tag, source_tag in ((0x00020002, 0x00080016), (0x00020003, _SOP_INSTANCE)):
        if not kept.get(tag, ("", b""))[1]:
            element = dataset.element(source_tag)
            kept[tag] = ("UI", (element.value or b"") if element else b"")
    kept[0x00020001] = ("OB", b"\0\1")
    kept[0x00020010] = ("UI", _uid(transfer_syntax))
    kept[0x00020012] = ("UI", _uid(IMPLEMENTATION_CLASS))
    kept[0x00020013] = ("SH", _IMPLEMENTATION_VERSION.encode())
    group = b"".join(element_bytes(tag, vr, value) for tag, (vr, value) in sorted(kept.items()))
    return bytes(128) + b"DICM" + element_bytes(0x00020000, "UL", _LENGTH.pack(len(group))) + group


_LENGTH = struct.Struct("<I")


def _uid(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)


def element_header(tag: int, vr: str, length: int) -> bytes:
    """Return tag, VR and length; a value too long for its VR is UN (PS3.5 6.2.2)."""
    if vr not in _LONG and length > _SHORT_LIMIT:
        vr = "UN"
    group, number = tag >> 16, tag & 0xFFFF
    if vr in _LONG:
        return struct.pack("<HH2sHI", group, number, vr.encode(), 0, length)
    return struct.pack("<HH2sH", group, number, vr.encode(), length)


def element_bytes(tag: int, vr: str, value: bytes) -> bytes:
    """Return a whole element; a value of odd length is padded according to its VR (PS3.5 6.2)."""
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB", "UN") else b" "
    return element_header(tag, vr, len(value)) + value


def written(
    dataset: DataSet,
    transfer_syntax: str,
    *,
    changes: Mapping[int, tuple[str, bytes] | None],
    pixels: Sequence[Piece] | None = None,
) -> list[Piece]:
    """Return the file, in pieces.

    Parameters
    ----------
    dataset
        Read with ``up_to_pixels=False``, for nothing to be left out.
    transfer_syntax
        Transfer Syntax UID: explicit VR little endian, compressed or not.
    changes
        Elements of the top level to replace; None removes one.
    pixels
        The value of the pixel data, of even length; the stored one by default.
    """
    pieces: list[Piece] = [file_meta(dataset, transfer_syntax, changes.get(_SOP_INSTANCE))]
    added = dict(changes)
    for element in sorted(dataset.elements, key=itemgetter(0)):
        tag = element.tag
        if not tag & 0xFFFF or tag >> 16 in (0, 2):
            continue
        for earlier in sorted(each for each in added if each < tag):
            pieces += _changed(earlier, added.pop(earlier))
        if tag in added:
            pieces += _changed(tag, added.pop(tag))
        elif tag in PIXEL_KEYWORDS and pixels is not None:
            length = sum(piece_length(piece) for piece in pixels)
            vr = element.vr if element.vr in ("OB", "OW", "OF", "OD") else "OW"
            pieces += [element_header(tag, vr, length), *pixels]
        else:
            pieces += _pieces(dataset, element)
    for tag in sorted(added):
        pieces += _changed(tag, added[tag])
    return merged(pieces)


def _changed(tag: int, change: tuple[str, bytes] | None) -> list[Piece]:
    return [] if change is None else [element_bytes(tag, *change)]


def _pieces(dataset: DataSet, element: DataElement) -> list[Piece]:
    """Return an element as stored, or converted to explicit VR little endian."""
    if dataset.is_verbatim and element.start >= 0:
        end = min(element.end, dataset.source.size)
        return [_stretch(dataset, element.start, end - element.start)]
    if element.items is not None:
        content = merged(_item_pieces(dataset, element.items))
        length = sum(piece_length(piece) for piece in content)
        return [element_header(element.tag, "SQ", length), *content]
    if element.length == UNDEFINED_LENGTH:
        fragments = _stretch(dataset, element.offset, element.end - element.offset)
        return [element_header(element.tag, element.vr, UNDEFINED_LENGTH), fragments]
    if element.value is None and dataset.little_endian:
        length = min(element.length, dataset.source.size - element.offset)
        value = _stretch(dataset, element.offset, length)
        padding = [b"\0"] if length % 2 else []
        return [element_header(element.tag, element.vr, length + length % 2), value, *padding]
    return [element_bytes(element.tag, element.vr, dataset.value(element))]


def _item_pieces(dataset: DataSet, items: Iterable[Iterable[DataElement]]) -> Iterator[Piece]:
    for item in items:
        content = merged(piece for each in item for piece in _pieces(dataset, each))
        yield _ITEM + _LENGTH.pack(sum(piece_length(piece) for piece in content))
        yield from content


def _stretch(dataset: DataSet, offset: int, length: int) -> Piece:
    if not dataset.is_file or length <= _INLINE:
        return dataset.source.read(offset, length)
    return Stretch(offset, length)


def piece_length(piece: Piece) -> int:
    """Return the length of a piece in bytes."""
    return piece.length if isinstance(piece, Stretch) else len(piece)


def merged(pieces: Iterable[Piece]) -> list[Piece]:
    """Return the pieces with adjacent ones merged."""
    out: list[Piece] = []
    texts: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, bytes):
            texts.append(piece)
            continue
        if texts:
            out.append(b"".join(texts))
            texts = []
        last = out[-1] if out else b""
        if isinstance(last, Stretch) and (last.path, last.offset + last.length) == (
            piece.path,
            piece.offset,
        ):
            out[-1] = last._replace(length=last.length + piece.length)
        else:
            out.append(piece)
    if texts:
        out.append(b"".join(texts))
    return out
