"""Data elements and data sets as stored in a file."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from rendicom.coded_warnings import CodedWarning
from rendicom.dicom.byte_window import LONG_VRS, SHORT_VRS
from rendicom.dicom.picture_tags import UNDEFINED_LENGTH
from rendicom.dicom.value_fields import numeric_format
from rendicom.records import NamedTuple

if TYPE_CHECKING:
    from rendicom.dicom.byte_source import ByteSource

_PIXEL_REPRESENTATION = 0x00280103


class DataElement(NamedTuple):
    """One data element.

    ``start`` and ``end`` bound the element in the source, ``offset`` is the start of its value; all
    are -1 for an element that is not in a file. ``length`` is of the value in bytes,
    UNDEFINED_LENGTH for fragments. ``value`` is None if it was not read, and for fragments and
    sequences.
    """

    tag: int
    vr: str
    start: int
    offset: int
    end: int
    length: int
    value: bytes | None
    items: Items | None = None


Items = Sequence[tuple[DataElement, ...]]


class DataSet(NamedTuple):
    """A data set and its file."""

    transfer_syntax: str
    sop_class: str
    meta: tuple[DataElement, ...]
    """File meta information without its group length; may be empty."""
    elements: tuple[DataElement, ...]
    """In the order of the file."""
    source: ByteSource
    """Source of the offsets: the file, or the inflated data set of a deflated one."""
    explicit_vr: bool
    little_endian: bool
    """How the data set is encoded in ``source``."""
    is_parsed_by_pydicom: bool
    """The elements are from pydicom, with values instead of positions in the source."""
    is_file: bool
    """``source`` is the stored file itself."""
    warnings: tuple[CodedWarning, ...] = ()

    @property
    def is_verbatim(self) -> bool:
        """Tell whether the source stores the elements as explicit VR little endian."""
        return self.explicit_vr and self.little_endian and not self.is_parsed_by_pydicom

    def value(self, element: DataElement) -> bytes:
        """Return the value of an element, little endian, from memory or the source."""
        if element.value is not None:
            return element.value
        if element.items is not None or element.length == UNDEFINED_LENGTH:
            return b""
        data = self.source.read(element.offset, element.length)
        return data if self.little_endian else little_endian_value(element.vr, data)

    def element(self, tag: int) -> DataElement | None:
        """Return the element with a tag at the top level."""
        return next((each for each in self.elements if each.tag == tag), None)


def little_endian_value(vr: str, data: bytes) -> bytes:
    """Return a value of a big endian file in little endian (PS3.5 7.3)."""
    letter = "H" if vr in ("US or SS", "OB or OW", "US or OW") else numeric_format(vr)
    size = struct.calcsize(f"<{letter}") if letter else 1
    if size == 1:
        return data
    swapped = bytearray(data)
    whole = len(data) // size * size
    for place in range(size):
        swapped[place:whole:size] = data[size - 1 - place : whole : size]
    return bytes(swapped)


# --- value representations that the file does not state (PS3.6, PS3.5 A.1) --------------------


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


def is_signed(elements: tuple[DataElement, ...], default: bool) -> bool:
    """Tell whether Pixel Representation says signed; ``default`` if it is absent."""
    for each in elements:
        if each.tag == _PIXEL_REPRESENTATION:
            return (each.value or b"")[:1] == b"\x01"
    return default


def resolve_vrs(
    elements: tuple[DataElement, ...], *, signed: bool = False
) -> tuple[DataElement, ...]:
    """Set missing VRs of elements from the data dictionaries.

    ``signed``: Pixel Representation of the enclosing data set says signed. Items that were not read
    are left unchanged.
    """
    signed = is_signed(elements, signed)
    creators: dict[int, str] = {}
    for each in elements:
        if each.tag >> 16 & 1 and 0x10 <= each.tag & 0xFFFF <= 0xFF:
            creators[each.tag] = (each.value or b"").decode("latin-1").strip(" \0")
    return tuple(_resolved(each, creators, signed=signed) for each in elements)


_KNOWN = frozenset((*SHORT_VRS.values(), *LONG_VRS.values()))


def _resolved(element: DataElement, creators: dict[int, str], *, signed: bool) -> DataElement:
    if isinstance(element.items, tuple):
        return element._replace(
            items=tuple(resolve_vrs(item, signed=signed) for item in element.items)
        )
    if element.items is not None:
        return element
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
    """Choose between several VRs of PS3.6 by the rules of PS3.5 A.1."""
    choices = element.vr.split(" or ") if element.vr else []
    if "OW" in choices:
        # Lookup table data: words, and one value where US is a choice too.
        return "US" if element.length == 2 and "US" in choices else "OW"
    if choices == ["US", "SS"]:
        return "SS" if signed else "US"
    return "UN"
