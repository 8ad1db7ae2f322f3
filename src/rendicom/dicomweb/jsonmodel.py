"""Data set to the DICOM JSON model and back (PS3.18 Annex F).

Where pydicom's `Dataset.to_json_dict` differs, the standard is followed: an empty value among
others is null, NaN and infinity are text (JSON has no such numbers), group 0002 and group
lengths are left out, and the output is UTF-8, which Specific Character Set then says.
"""

from __future__ import annotations

import math
import struct
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from rendicom.dicomweb.characters import AFFECTED_VRS, Repertoire, repertoire_of
from rendicom.pixels.elements import PIXEL_KEYWORDS, UNDEFINED_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydicom import Dataset

    from rendicom.dicomweb.dataelements import DataElement, DataSet

__all__ = [
    "BULK_THRESHOLD",
    "JsonModel",
    "from_json_model",
    "model_of",
    "to_json_model",
    "values_of",
]

JsonModel = dict[str, Any]

BULK_THRESHOLD = 1024
"""Binary values longer than this are referred to rather than inlined, in bytes."""
_LONG_TEXT = 64 << 10
_UNICODE = {"vr": "CS", "Value": ["ISO_IR 192"]}
_CHARACTER_SET = 0x00080005
_BINARY = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
_ONE_VALUE = frozenset(("LT", "ST", "UR", "UT"))
_TRAILING_ONLY = frozenset(("LT", "ST", "UC", "UR", "UT"))
_BULK_VRS = _BINARY | frozenset(
    ("DS", "FD", "FL", "IS", "LT", "SL", "SS", "ST", "SV", "UC", "UL", "US", "UT", "UV")
)
"""VRs that may be referred to (PS3.18 F.2.2); a sequence may not."""
_NUMBERS = {
    "FD": struct.Struct("<d"), "FL": struct.Struct("<f"), "SL": struct.Struct("<i"),
    "SS": struct.Struct("<h"), "SV": struct.Struct("<q"), "UL": struct.Struct("<I"),
    "US": struct.Struct("<H"), "UV": struct.Struct("<Q"),
}  # fmt: skip
_EXACT = 1 << 53
"""Beyond it a JSON number may lose its last digits."""
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


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
        What to represent; it is not changed.
    bulk_uri
        Given the place of a value (``7FE00010``, ``54000100/1/54001010`` with items counted
        from 1), returns its BulkDataURI. Without it every value is inlined, and pixel data in
        fragments, which cannot be, are left empty.
    bulk_threshold
        Binary values longer than this, in bytes, become BulkDataURI; pixel data always do.
    """
    from rendicom.dicomweb.datasets import elements_of

    return _Writer(None, bulk_uri, bulk_threshold).item(elements_of(dataset))


def model_of(
    dataset: DataSet,
    *,
    bulk_uri: Callable[[str], str] | None = None,
    bulk_threshold: int = BULK_THRESHOLD,
) -> JsonModel:
    """Return a data set that was read from a file; see `to_json_model`."""
    return _Writer(dataset, bulk_uri, bulk_threshold).item(dataset.elements)


def from_json_model(model: JsonModel, *, bulk: Callable[[str], bytes] | None = None) -> Dataset:
    """Return the data set of a DICOM JSON model; elements of group 0002 as its ``file_meta``.

    Given a BulkDataURI, ``bulk`` returns the bytes; without it the element stays empty.

    Raises
    ------
    BadRequestError
        It is no DICOM JSON model.
    """
    from rendicom.dicomweb.jsonreader import read_model

    return read_model(model, bulk=bulk)


class _Writer:
    """One walk over a tree of elements."""

    def __init__(
        self, dataset: DataSet | None, bulk_uri: Callable[[str], str] | None, threshold: int
    ) -> None:
        self._dataset = dataset
        self._bulk_uri = bulk_uri
        self._threshold = threshold

    def item(
        self,
        elements: Sequence[DataElement],
        place: str = "",
        repertoire: Repertoire | None = None,
    ) -> JsonModel:
        """Return one data set or item; ``place`` ends with a slash where it is an item."""
        repertoire = _repertoire(elements, repertoire)
        is_unicode = place != ""
        model: JsonModel = {}
        for element in sorted(elements, key=_tag_of):
            tag = element.tag
            if not tag & 0xFFFF or tag >> 16 <= 2:
                continue
            name = f"{tag:08X}"
            vr = element.vr
            if element.items is not None:
                model[name] = self._sequence(element, place + name, repertoire)
            elif vr in AFFECTED_VRS:
                data = self._text_value(element)
                if data is None:
                    model[name] = {"vr": vr, "BulkDataURI": self._uri(place + name)}
                    continue
                is_unicode = is_unicode or not data.isascii() or b"\x1b" in data
                values = _texts(vr, repertoire.text(data))
                model[name] = {"vr": vr, "Value": values} if values else {"vr": vr}
            elif tag == _CHARACTER_SET and element.length:
                model[name] = _UNICODE
            else:
                model[name] = self._plain(element, vr, place + name)
        if not is_unicode or "00080005" in model:
            return model
        return _with_character_set(model)

    def _sequence(self, element: DataElement, place: str, repertoire: Repertoire) -> JsonModel:
        items = element.items or ()
        if not items:
            return {"vr": "SQ"}
        values = [
            self.item(item, f"{place}/{number}/", repertoire)
            for number, item in enumerate(items, start=1)
        ]
        return {"vr": "SQ", "Value": values}

    def _plain(self, element: DataElement, vr: str, place: str) -> JsonModel:
        if element.length == 0:
            return {"vr": vr}
        if element.tag in PIXEL_KEYWORDS or vr in _BINARY:
            return self._binary(element, vr, place)
        data = self._text_value(element)
        if data is None:
            return {"vr": vr, "BulkDataURI": self._uri(place)}
        values = values_of(vr, data)
        return {"vr": vr, "Value": values} if values else {"vr": vr}

    def _binary(self, element: DataElement, vr: str, place: str) -> JsonModel:
        is_long = element.length > self._threshold or element.tag in PIXEL_KEYWORDS
        if is_long and self._bulk_uri is not None:
            return {"vr": vr, "BulkDataURI": self._bulk_uri(place)}
        if element.length == UNDEFINED_LENGTH:
            return {"vr": vr}
        return {"vr": vr, "InlineBinary": b64encode(self._value(element)).decode("ascii")}

    def _text_value(self, element: DataElement) -> bytes | None:
        """Return the value, or None where it is better referred to."""
        if element.value is not None and len(element.value) <= _LONG_TEXT:
            return element.value
        if self._bulk_uri is not None and element.vr in _BULK_VRS:
            return None
        return self._value(element)

    def _uri(self, place: str) -> str:
        return self._bulk_uri(place) if self._bulk_uri is not None else ""

    def _value(self, element: DataElement) -> bytes:
        if element.value is not None or self._dataset is None:
            return element.value or b""
        return self._dataset.value(element)


def _tag_of(element: DataElement) -> int:
    return element.tag


def _with_character_set(model: JsonModel) -> JsonModel:
    """Say that the text is UTF-8 where some of it is more than ASCII and nothing says so."""
    return dict(sorted({**model, "00080005": _UNICODE}.items()))


def _repertoire(elements: Sequence[DataElement], outer: Repertoire | None) -> Repertoire:
    for element in elements:
        if element.tag == _CHARACTER_SET and element.value:
            return repertoire_of(element.value)
    return outer if outer is not None else Repertoire()


# --- values ------------------------------------------------------------------------------------


def values_of(vr: str, data: bytes) -> list[Any]:
    """Return the values of an element that is not binary, as JSON has them.

    Text is taken to be ASCII or UTF-8, else Latin-1: the VRs that have a character set of their
    data set are decoded before.
    """
    number = _NUMBERS.get(vr)
    if number is not None:
        whole = len(data) // number.size * number.size
        found = [value for (value,) in number.iter_unpack(data[:whole])]
        if vr in ("FL", "FD"):
            return [value if math.isfinite(value) else _no_number(value) for value in found]
        if vr in ("SV", "UV"):
            return [value if -_EXACT <= value <= _EXACT else str(value) for value in found]
        return found
    if vr == "AT":
        whole = len(data) // 4 * 4
        pairs = struct.iter_unpack("<HH", data[:whole])
        return [f"{group:04X}{number:04X}" for group, number in pairs]
    texts = _texts(vr, data.decode("latin-1"))
    if vr == "DS":
        return [None if text is None else _decimal(text) for text in texts]
    if vr == "IS":
        return [None if text is None else _integer(text) for text in texts]
    return texts


def _no_number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _texts(vr: str, text: str) -> list[Any]:
    """Return the values of a text, null for an empty one among others; [] when all is empty."""
    if vr in _ONE_VALUE:
        text = text.rstrip(" \0")
        return [text] if text else []
    if "\\" not in text:
        text = _stripped(vr, text)
        if not text:
            return []
        return [_person_name(text)] if vr == "PN" else [text]
    texts = [_stripped(vr, each) or None for each in text.split("\\")]
    if vr == "PN":
        return [None if each is None else _person_name(each) for each in texts]
    return texts


def _stripped(vr: str, text: str) -> str:
    return text.rstrip(" \0") if vr in _TRAILING_ONLY else text.strip(" \0")


def _person_name(text: str) -> JsonModel | None:
    """Return the component groups that are there (PS3.5 6.2.1)."""
    if "=" not in text:
        return {"Alphabetic": text}
    groups = zip(_NAME_GROUPS, text.split("="), strict=False)
    return {name: group.strip(" ") for name, group in groups if group.strip(" ")} or None


def _decimal(text: str) -> int | float | str:
    """Return a number, or the text itself where it is none or too large for one."""
    try:
        if "." not in text and "e" not in text and "E" not in text:
            return _integer(text)
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
