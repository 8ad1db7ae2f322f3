"""Data set to the DICOM JSON model and back (PS3.18 Annex F).

Where pydicom's `Dataset.to_json_dict` differs, the standard is followed: an empty value among
others is null, NaN and infinity are text (JSON has no such numbers), group 0002 and group lengths
are left out, and the output is UTF-8, as Specific Character Set then states.
"""

from __future__ import annotations

import math
import struct
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from rendicom.dicom.character_sets import AFFECTED_VRS, Repertoire, repertoire_of
from rendicom.dicom.person_names import name_model
from rendicom.dicom.picture_tags import PIXEL_KEYWORDS, UNDEFINED_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydicom import Dataset

    from rendicom.dicom.elements import DataElement, DataSet


JsonModel = dict[str, Any]

BULK_THRESHOLD = 1024
"""Size in bytes above which binary values are referred to instead of inlined."""
_UNICODE = {"vr": "CS", "Value": ["ISO_IR 192"]}
_CHARACTER_SET = 0x00080005
_NOT_IN_MODEL = (0x0000, 0x0002)
"""Groups of commands and of file meta information."""
_tag_of = itemgetter(0)


BINARY_VRS = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
BULK_VRS = BINARY_VRS | frozenset(
    ("DS", "FD", "FL", "IS", "LT", "SL", "SS", "ST", "SV", "UC", "UL", "US", "UT", "UV")
)
"""VRs that may be referred to (PS3.18 F.2.2); a sequence may not."""
_ONE_VALUE = frozenset(("LT", "ST", "UR", "UT"))
_TRAILING_ONLY = frozenset(("LT", "ST", "UC", "UR", "UT"))
_EXACT = 1 << 53
"""Largest integer that a JSON number represents exactly in all programs."""
_PADDING = " \0"


def values_of(vr: str, data: bytes) -> list[Any]:
    """Return the values of an element of numbers or text; text is UTF-8."""
    reader = READERS.get(vr)
    return reader(data) if reader is not None else read_text(vr, data.decode("utf-8", "replace"))


def read_text(vr: str, text: str) -> list[Any]:
    """Return the values of a text, null for an empty one among others; [] when all is empty."""
    if vr in _ONE_VALUE:
        text = text.rstrip(_PADDING)
        return [text] if text else []
    if "\\" not in text:
        text = text.strip(_PADDING) if vr not in _TRAILING_ONLY else text.rstrip(_PADDING)
        if not text:
            return []
        return [name_model(text)] if vr == "PN" else [text]
    texts = [
        each.strip(_PADDING) if vr not in _TRAILING_ONLY else each.rstrip(_PADDING)
        for each in text.split("\\")
    ]
    if vr == "PN":
        return [name_model(each) if each else None for each in texts]
    return [each or None for each in texts]


# --- readers of VRs that know no character set -------------------------------------------------


def _codes(data: bytes) -> list[Any]:
    text = data.decode("latin-1").strip(_PADDING)
    if "\\" not in text:
        return [text] if text else []
    return [each.strip(_PADDING) or None for each in text.split("\\")]


def _numerals(read: Callable[[str], Any], data: bytes) -> list[Any]:
    return [each if each is None else read(each) for each in _codes(data)]


def _decimal(text: str) -> float | str:
    """Return a number, or the text itself if it is not a number or is too large."""
    if "." not in text and "e" not in text and "E" not in text:
        return _integer(text)
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) and "_" not in text else text


def _integer(text: str) -> int | str:
    if "_" in text:
        return text
    try:
        value = int(text)
    except ValueError:
        return text
    return value if -_EXACT <= value <= _EXACT else text


def _numbers(code: str, data: bytes) -> list[Any]:
    one = _STRUCTS[code]
    if len(data) == one.size:
        return list(one.unpack(data))
    return list(struct.unpack_from(f"<{len(data) // one.size}{code}", data))


_STRUCTS = {code: struct.Struct(f"<{code}") for code in "HhIiQqfd"}


def _floats(code: str, data: bytes) -> list[Any]:
    names = {math.inf: "Infinity", -math.inf: "-Infinity"}
    return [
        each if math.isfinite(each) else names.get(each, "NaN") for each in _numbers(code, data)
    ]


def _long_integers(code: str, data: bytes) -> list[Any]:
    return [each if -_EXACT <= each <= _EXACT else str(each) for each in _numbers(code, data)]


def _tags(data: bytes) -> list[Any]:
    words = _numbers("H", data)
    return [
        f"{group:04X}{number:04X}" for group, number in zip(words[::2], words[1::2], strict=False)
    ]


READERS: dict[str, Callable[[bytes], list[Any]]] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "TM", "UI"), _codes),
    "AT": _tags,
    "DS": partial(_numerals, _decimal),
    "FD": partial(_floats, "d"),
    "FL": partial(_floats, "f"),
    "IS": partial(_numerals, _integer),
    "SL": partial(_numbers, "i"),
    "SS": partial(_numbers, "h"),
    "SV": partial(_long_integers, "q"),
    "UL": partial(_numbers, "I"),
    "UR": lambda data: read_text("UR", data.decode("latin-1")),
    "US": partial(_numbers, "H"),
    "UV": partial(_long_integers, "Q"),
}
"""Readers for VRs of numbers and of text in the default repertoire."""


def to_json_model(
    dataset: Dataset,
    *,
    bulk_uri: Callable[[str], str] | None = None,
    bulk_threshold: int = BULK_THRESHOLD,
) -> JsonModel:
    """Return a pydicom data set in the DICOM JSON model, keys ascending.

    Parameters
    ----------
    dataset
        The data set; it is not changed.
    bulk_uri
        Returns the BulkDataURI of a value, given its path (``7FE00010``, ``54000100/1/54001010``
        with items counted from 1). Without it every value is inlined, and pixel data in fragments,
        which cannot be, are left empty.
    bulk_threshold
        Binary values longer than this, in bytes, become BulkDataURI; pixel data always do.
    """
    from rendicom.dicom.data_sets import elements_of

    return _Writer(None, bulk_uri, bulk_threshold).model(elements_of(dataset))


def model_of(
    dataset: DataSet,
    *,
    bulk_uri: Callable[[str], str] | None = None,
    bulk_threshold: int = BULK_THRESHOLD,
) -> JsonModel:
    """Return a data set that was read from a file; see `to_json_model`."""
    return _Writer(dataset, bulk_uri, bulk_threshold).model(dataset.elements)


class _Writer:
    """One walk over a tree of elements."""

    def __init__(
        self, dataset: DataSet | None, bulk_uri: Callable[[str], str] | None, threshold: int
    ) -> None:
        self._dataset = dataset
        self._bulk_uri = bulk_uri
        self._threshold = threshold
        self._is_unicode = False

    def model(self, elements: Sequence[DataElement]) -> JsonModel:
        """Return the data set itself."""
        model = self.item(elements)
        if not self._is_unicode or "Value" in model.get("00080005", {}):
            return model
        # Some text is not ASCII, and no character set is declared.
        return dict(sorted({**model, "00080005": _UNICODE}.items()))

    def item(
        self, elements: Sequence[DataElement], place: str = "", repertoire: Repertoire | None = None
    ) -> JsonModel:
        """Return one data set or item; the ``place`` of an item ends with a slash."""
        repertoire = _repertoire(elements, repertoire)
        model: JsonModel = {}
        for element in sorted(elements, key=_tag_of):
            tag, vr, value = element.tag, element.vr, element.value
            if not tag & 0xFFFF or tag >> 16 in _NOT_IN_MODEL:
                continue
            name = f"{tag:08X}"
            reader = READERS.get(vr)
            if reader is not None and value is not None:
                values = reader(value)
                model[name] = {"vr": vr, "Value": values} if values else {"vr": vr}
                if tag == _CHARACTER_SET and values:
                    model[name] = _UNICODE
            elif vr in AFFECTED_VRS and value is not None:
                self._is_unicode |= not value.isascii() or b"\x1b" in value
                values = read_text(vr, repertoire.text(value, vr))
                model[name] = {"vr": vr, "Value": values} if values else {"vr": vr}
            elif element.items is not None:
                items = [
                    self.item(item, f"{place}{name}/{number}/", repertoire)
                    for number, item in enumerate(element.items, start=1)
                ]
                model[name] = {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
            else:
                model[name] = self._other(element, vr, place + name, repertoire)
        return model

    def _other(
        self, element: DataElement, vr: str, place: str, repertoire: Repertoire
    ) -> JsonModel:
        """Return an attribute with a value that is binary, or too long to have been read."""
        if element.length == 0:
            return {"vr": vr}
        if vr in BINARY_VRS or element.tag in PIXEL_KEYWORDS:
            return self._binary(element, vr, place)
        if self._bulk_uri is not None and vr in BULK_VRS:
            return {"vr": vr, "BulkDataURI": self._bulk_uri(place)}
        data = self._value(element)
        self._is_unicode |= not data.isascii()
        reader = READERS.get(vr)
        values = reader(data) if reader is not None else read_text(vr, repertoire.text(data, vr))
        return {"vr": vr, "Value": values} if values else {"vr": vr}

    def _binary(self, element: DataElement, vr: str, place: str) -> JsonModel:
        is_long = element.length > self._threshold or element.tag in PIXEL_KEYWORDS
        if is_long and self._bulk_uri is not None:
            return {"vr": vr, "BulkDataURI": self._bulk_uri(place)}
        if element.length == UNDEFINED_LENGTH:
            return {"vr": vr}
        return {"vr": vr, "InlineBinary": b64encode(self._value(element)).decode("ascii")}

    def _value(self, element: DataElement) -> bytes:
        if element.value is not None or self._dataset is None:
            return element.value or b""
        return self._dataset.value(element)


def _repertoire(elements: Sequence[DataElement], outer: Repertoire | None) -> Repertoire:
    for element in elements:
        if element.tag == _CHARACTER_SET and element.value:
            return repertoire_of(element.value)
    return outer if outer is not None else Repertoire()
