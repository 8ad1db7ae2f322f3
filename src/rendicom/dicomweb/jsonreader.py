"""The DICOM JSON model as a client sends it, read into a data set (PS3.18 Annex F)."""

from __future__ import annotations

import math
import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any

from rendicom.dicom.person_names import NAME_GROUPS
from rendicom.dicom.pydicom_calls import pydicom_raises, quiet_pydicom
from rendicom.dicomweb.jsonmodel import BINARY_VRS, BULK_VRS, values_of
from rendicom.errors import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydicom import DataElement, Dataset

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_MAX_DEPTH = 64
_TEXT = frozenset(
    ("AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT")
)
_RANGES = {
    "SS": (-(1 << 15), 1 << 15), "US": (0, 1 << 16), "SL": (-(1 << 31), 1 << 31),
    "UL": (0, 1 << 32), "SV": (-(1 << 63), 1 << 63), "UV": (0, 1 << 64),
}  # fmt: skip
_FLOATS = frozenset(("FD", "FL"))
_DIGITS = frozenset(("DS", "IS"))
_VRS = frozenset((*_TEXT, *BINARY_VRS, *_RANGES, *_FLOATS, *_DIGITS, "AT", "PN", "SQ"))
_NO_NUMBERS = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
_ONE_VALUE = frozenset(("LT", "ST", "UR", "UT"))
_DECIMAL_BYTES = 16
_UTF8 = "ISO_IR 192"


def read_model(model: Any, *, bulk: Callable[[str], bytes] | None = None) -> Dataset:
    """Return the data set of a DICOM JSON model; elements of group 0002 as its ``file_meta``.

    Given a BulkDataURI, ``bulk`` returns the bytes; without it the element stays empty.

    Raises
    ------
    BadRequestError
        It is not a DICOM JSON model.
    """
    from pydicom.dataset import FileMetaDataset

    dataset = _read_item(model, bulk, 0)
    meta = FileMetaDataset()
    for tag in [tag for tag in dataset.keys() if tag.group == 2]:  # noqa: SIM118 - Dataset is not a dict
        meta.add(dataset[tag])
        del dataset[tag]
    if len(meta):
        dataset.file_meta = meta
    return dataset


def _read_item(model: Any, bulk: Callable[[str], bytes] | None, depth: int) -> Dataset:
    from pydicom import Dataset

    if not isinstance(model, dict):
        raise BadRequestError("a data set is not a JSON object")
    if depth > _MAX_DEPTH:
        raise BadRequestError(f"sequences are nested more than {_MAX_DEPTH} deep")
    dataset = Dataset()
    has_text = False
    for name in sorted(model):
        if not _TAG.fullmatch(name):
            raise BadRequestError("an attribute is not named by eight hexadecimal digits")
        tag = int(name, 16)
        if not tag & 0xFFFF:
            continue  # group lengths are computed when written
        vr, value = _read_attribute(name.upper(), model[name], bulk, depth)
        values = value if isinstance(value, list) else [value]
        has_text |= any(isinstance(each, str) and not each.isascii() for each in values)
        dataset.add(_element(name, vr, value))
    if has_text or "SpecificCharacterSet" in dataset:
        # JSON is UTF-8, and its text is stored as UTF-8.
        dataset.SpecificCharacterSet = _UTF8
    return dataset


def _element(name: str, vr: str, value: Any) -> DataElement:
    from pydicom import DataElement
    from pydicom.config import IGNORE

    try:
        with quiet_pydicom():
            return DataElement(int(name, 16), vr, value, validation_mode=IGNORE)
    except pydicom_raises():
        raise BadRequestError(f"a value of attribute {name} does not fit VR {vr}") from None


def _read_attribute(
    name: str, attribute: Any, bulk: Callable[[str], bytes] | None, depth: int
) -> tuple[str, Any]:
    """Return VR and value for pydicom."""
    if not isinstance(attribute, dict):
        raise BadRequestError(f"attribute {name} is not a JSON object")
    vr = attribute.get("vr") or _known_vr(name)
    kinds = [kind for kind in ("Value", "InlineBinary", "BulkDataURI") if kind in attribute]
    if len(kinds) > 1:
        raise BadRequestError(f"attribute {name} has more than one of {', '.join(kinds)}")
    if name[:4] == "0002" or name == "00080005":
        vr = _known_vr(name)  # it determines the VR of other elements
    if not isinstance(vr, str) or vr not in _VRS:
        raise BadRequestError(f"attribute {name} has an unknown VR")
    if kinds in (["InlineBinary"], ["BulkDataURI"]):
        data = (
            _binary(name, vr, attribute["InlineBinary"])
            if kinds == ["InlineBinary"]
            else _referred(name, vr, attribute["BulkDataURI"], bulk)
        )
        known = _known_vr(name) if vr == "UN" else vr
        vr = known if known not in ("", "SQ") else vr
        return vr, data if vr in BINARY_VRS else _unpacked(vr, data)
    values = attribute.get("Value")
    values = [] if values is None else values
    if not isinstance(values, list):
        raise BadRequestError(f"Value of attribute {name} is not an array")
    if vr == "SQ":
        return vr, [_read_item(item or {}, bulk, depth + 1) for item in values]
    if vr in BINARY_VRS:
        if values:
            raise BadRequestError(f"attribute {name} is binary and has a Value")
        return vr, b""
    if len(values) > 1 and name[:4] == "0002":
        raise BadRequestError(f"attribute {name} has more than one value")
    read = [None if value is None else _value(name, vr, value) for value in values]
    return vr, _joined(vr, read)


def _known_vr(name: str) -> str:
    from rendicom.dicom.elements import standard_vr

    return standard_vr(int(name, 16)).partition(" ")[0]


def _joined(vr: str, values: list[Any]) -> Any:
    """Return a single value, or several as a list, empty ones as in pydicom."""
    if vr in _TEXT or vr in ("PN", *_DIGITS):
        values = ["" if value is None else value for value in values]
        if vr in _ONE_VALUE or not values:
            return "\\".join(values)
    else:
        values = [value for value in values if value is not None]
    if not values:
        return None
    return values[0] if len(values) == 1 else values


def _value(name: str, vr: str, value: Any) -> Any:
    """Return one value that is not null."""
    if isinstance(value, str) and not _is_unicode(value):
        raise BadRequestError(f"a value of attribute {name} is not Unicode text")
    if vr == "UI" and "\\" in str(value):
        raise BadRequestError(f"a value of attribute {name} is not a UID")
    if vr in _TEXT and isinstance(value, str):
        return value
    if vr == "PN":
        return _person_name(name, value)
    if vr == "AT" and isinstance(value, str) and _TAG.fullmatch(value):
        return int(value, 16)
    if vr in _DIGITS and isinstance(value, str | int | float) and not isinstance(value, bool):
        return _digits(name, vr, value)
    number = _number(vr, value)
    if number is None:
        raise BadRequestError(f"a value of attribute {name} does not fit VR {vr}")
    return number


def _is_unicode(text: str) -> bool:
    """Tell whether a text can be encoded; JSON may contain lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number(vr: str, value: Any) -> int | float | None:
    """Return a number for a binary VR, or None if the value is not one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        if vr in _FLOATS:
            return float(_NO_NUMBERS.get(value, value) if isinstance(value, str) else value)
        low, high = _RANGES.get(vr, (0, 0))
        whole = int(value)
    except (ValueError, OverflowError):
        return None
    return whole if low <= whole < high and float(whole) == float(value) else None


def _digits(name: str, vr: str, value: str | float) -> str:
    """Return a number as the text that a decimal or integer string holds."""
    if isinstance(value, str):
        return value
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or (vr == "IS" and number != int(number)):
        raise BadRequestError(f"a value of attribute {name} is not a number of VR {vr}")
    if vr == "IS":
        return str(int(value))
    text = repr(value)
    if len(text) <= _DECIMAL_BYTES:
        return text
    from pydicom.valuerep import format_number_as_ds

    return format_number_as_ds(number)


def _person_name(name: str, value: Any) -> str:
    """Return the component groups joined (PS3.5 6.2.1)."""
    if isinstance(value, str):
        return value  # sent by servers before the 2014 edition
    if not isinstance(value, dict):
        raise BadRequestError(f"a value of attribute {name} is not a person name")
    groups = [value.get(group) or "" for group in NAME_GROUPS]
    if not all(isinstance(group, str) and _is_unicode(group) for group in groups):
        raise BadRequestError(f"a value of attribute {name} is not a person name")
    return "=".join(groups).rstrip("=")


def _binary(name: str, vr: str, value: Any) -> bytes:
    if vr not in BINARY_VRS or not isinstance(value, str):
        raise BadRequestError(f"attribute {name} is not binary, or its InlineBinary is not text")
    try:
        return b64decode(value, validate=True)
    except ValueError:
        raise BadRequestError(f"InlineBinary of attribute {name} is not base64") from None


def _referred(name: str, vr: str, uri: Any, bulk: Callable[[str], bytes] | None) -> bytes:
    if vr not in BULK_VRS or not isinstance(uri, str):
        raise BadRequestError(
            f"attribute {name}: VR {vr} cannot be bulk data, or its URI is not text"
        )
    return b"" if bulk is None else bulk(uri)


def _unpacked(vr: str, data: bytes) -> Any:
    """Return bulk data of numbers or text as values."""
    values = values_of(vr, data)
    if vr in _FLOATS:
        values = [_number(vr, value) for value in values]
    elif vr in _RANGES:
        values = [int(value) for value in values]
    elif vr in _DIGITS:
        values = [None if value is None else str(value) for value in values]
    return _joined(vr, values)
