"""Encodes pydicom's data sets in explicit VR little endian, for the element walker.

Values that were not converted are taken as stored, even malformed ones. Elements that cannot be
encoded are left out.
"""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any

from rendicom.dicom.byte_window import LONG_VRS, SHORT_VRS
from rendicom.dicom.character_sets import AFFECTED_VRS, Repertoire, is_plain, repertoire_of
from rendicom.dicom.elements import little_endian_value, standard_vr
from rendicom.dicom.picture_tags import UNDEFINED_LENGTH
from rendicom.dicom.pydicom_calls import pydicom_raises, quiet_pydicom
from rendicom.dicom.value_fields import numeric_format

if TYPE_CHECKING:
    from collections.abc import Container

    from pydicom import Dataset

_CHARACTER_SET = 0x00080005
_ITEM, _SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"
_SHORT_LIMIT = 0xFFFF


def encode_dataset(dataset: Dataset, wanted: Container[int] | None = None) -> bytes:
    """Return the elements with one of the ``wanted`` tags, or all, in items too.

    If a program has set text that is not ASCII, all text is written as UTF-8.
    """
    is_swapped = dataset.original_encoding[1] is False
    with quiet_pydicom():
        try:
            return _encoded(dataset, wanted, None, is_swapped=is_swapped)
        except UnicodeEncodeError:
            around = Repertoire()
            return _encoded(dataset, wanted, around, is_swapped=is_swapped, is_item=False)


def encode_item(data: bytes, *, explicit_vr: bool, little_endian: bool = True) -> bytes:
    """Return an item that only pydicom can read; empty if it cannot."""
    from pydicom.filereader import read_dataset

    stream = BytesIO(data)
    try:
        with quiet_pydicom():
            item = read_dataset(stream, not explicit_vr, little_endian, len(data))
    except pydicom_raises():
        return b""
    return encode_dataset(item)


def encode_sequence(data: bytes, *, explicit_vr: bool, little_endian: bool = True) -> bytes:
    """Return the items of a sequence that only pydicom can read; empty if it cannot."""
    from pydicom.filereader import read_sequence

    # The content of UN should have implicit VR (PS3.5 6.2.2), but not all writers do so.
    explicit_vr = explicit_vr or data[12:14] in SHORT_VRS or data[12:14] in LONG_VRS
    stream = BytesIO(data)
    try:
        with quiet_pydicom():
            items: Any = read_sequence(stream, not explicit_vr, little_endian, len(data), "iso8859")
    except pydicom_raises():
        return b""
    return b"".join(_item(encode_dataset(item)) for item in items)


def value_bytes(element: Any) -> bytes:
    """Return the value of a pydicom element as bytes: stored ones, or else little endian.

    Raises
    ------
    UnicodeEncodeError
        The text is not ASCII.
    """
    value = element.value
    if value is None:
        return b""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if hasattr(value, "read"):
        value.seek(0)
        return bytes(value.read())
    values = _listed(value)
    vr = str(element.VR).split(" or ")[0]
    code = numeric_format(vr)
    if not code:
        return _text(value).encode("ascii")
    if vr == "AT":
        return b"".join(struct.pack("<HH", int(tag) >> 16, int(tag) & 0xFFFF) for tag in values)
    if code == "H" and _has_negative(values):
        code = "h"
    return struct.pack(f"<{len(values)}{code}", *values)


def _encoded(
    dataset: Dataset,
    wanted: Container[int] | None,
    around: Repertoire | None,
    *,
    is_swapped: bool,
    is_item: bool = True,
) -> bytes:
    """Return a data set or item; with the character sets ``around`` it, its text as UTF-8.

    ``is_swapped``: words that pydicom holds as bytes are big endian.
    """
    parts: list[bytes] = []
    # Iteration over the data set itself would convert its elements.
    keys = dataset.keys()
    tags = {int(tag) for tag in keys if wanted is None or tag in wanted}
    if around is not None:
        own: Any = dataset.get_item(_CHARACTER_SET)
        around = around if own is None else _repertoire(own.value)
        tags |= set() if is_item else {_CHARACTER_SET}
    for tag in sorted(tags):
        try:
            if around is not None and tag == _CHARACTER_SET:
                parts.append(_element(tag, "CS", b"ISO_IR 192"))
            else:
                parts.append(_one(dataset, tag, wanted, around, is_swapped=is_swapped))
        except UnicodeEncodeError:
            raise
        except pydicom_raises():
            continue
    return b"".join(parts)


def _one(
    dataset: Dataset,
    tag: int,
    wanted: Container[int] | None,
    around: Repertoire | None,
    *,
    is_swapped: bool,
) -> bytes:
    """Return one element.

    Raises
    ------
    UnicodeEncodeError
        Its text is not ASCII, and ``around`` is None.
    """
    element: Any = dataset.get_item(tag)
    if element.is_raw and element.value is None and element.length:
        element = dataset[tag]  # deferred: still in the file
    vr = str(element.VR or "UN")
    known_vr = standard_vr(tag) if vr == "UN" else vr
    is_plain_sequence = around is None and (
        (element.is_raw and element.is_little_endian) or vr == "UN"
    )
    if element.is_raw and (known_vr != "SQ" or is_plain_sequence):
        data = bytes(element.value or b"")
        if not element.is_little_endian and vr != "UN":
            data = little_endian_value(vr, data)
        if around is not None and known_vr in AFFECTED_VRS and not is_plain(data):
            data = around.text(data, known_vr).encode()
        if element.length == UNDEFINED_LENGTH and vr != "UN":
            return _element(tag, vr, data, UNDEFINED_LENGTH) + _SEQUENCE_END
        return _element(tag, vr, data)
    element = dataset[tag]
    vr = str(element.VR)
    if vr == "SQ":
        items = (
            _item(_encoded(item, wanted, around, is_swapped=is_swapped))
            for item in element.value or ()
        )
        return _element(tag, "SQ", b"".join(items))
    if vr == "US or SS" and _has_negative(element.value):
        vr = "SS"
    if is_swapped and isinstance(element.value, bytes):
        return _element(tag, vr, little_endian_value(vr, element.value))
    if around is None or numeric_format(vr) or isinstance(element.value, bytes):
        return _element(tag, vr, value_bytes(element))
    text = _text(element.value).encode("utf-8" if vr in AFFECTED_VRS else "latin-1", "replace")
    return _element(tag, vr, text)


def _element(tag: int, vr: str, value: bytes, length: int = -1) -> bytes:
    """Return an element, as UN if its VR is unknown or too short for its value."""
    name, place = vr.encode(), (tag >> 16, tag & 0xFFFF)
    length = len(value) if length < 0 else length
    if name in SHORT_VRS and length <= _SHORT_LIMIT:
        return struct.pack("<HH2sH", *place, name, length) + value
    name = name if name in LONG_VRS else b"UN"
    return struct.pack("<HH2s2xI", *place, name, length) + value


def _item(content: bytes) -> bytes:
    return _ITEM + struct.pack("<I", len(content)) + content


def _has_negative(value: Any) -> bool:
    """Tell whether one of the values is a negative number."""
    return any(isinstance(number, (int, float)) and number < 0 for number in _listed(value))


def _repertoire(character_set: Any) -> Repertoire:
    """Return the repertoire for a value of Specific Character Set, which may hold any letters."""
    is_stored = isinstance(character_set, bytes)
    return repertoire_of(
        character_set if is_stored else _text(character_set).encode("latin-1", "replace")
    )


def _text(value: Any) -> str:
    return "\\".join(map(str, _listed("" if value is None else value)))


def _listed(value: Any) -> list[Any]:
    # Texts and person names are iterable, by letter.
    is_one = hasattr(value, "encode") or not hasattr(value, "__iter__")
    return [value] if is_one else list(value)
