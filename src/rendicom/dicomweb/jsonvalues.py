"""Value fields to the values of the DICOM JSON model (PS3.18 F.2.3 to F.2.5)."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import partial
from typing import Any

from rendicom.dicom.person_names import name_model

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


def _uri(data: bytes) -> list[Any]:
    text = data.decode("latin-1").rstrip(_PADDING)
    return [text] if text else []


def _decimals(data: bytes) -> list[Any]:
    return [each if each is None else _decimal(each) for each in _codes(data)]


def _integers(data: bytes) -> list[Any]:
    return [each if each is None else _integer(each) for each in _codes(data)]


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
    return [each if math.isfinite(each) else _no_number(each) for each in _numbers(code, data)]


def _no_number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


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
    "DS": _decimals,
    "FD": partial(_floats, "d"),
    "FL": partial(_floats, "f"),
    "IS": _integers,
    "SL": partial(_numbers, "i"),
    "SS": partial(_numbers, "h"),
    "SV": partial(_long_integers, "q"),
    "UL": partial(_numbers, "I"),
    "UR": _uri,
    "US": partial(_numbers, "H"),
    "UV": partial(_long_integers, "Q"),
}
"""Readers for VRs of numbers and of text in the default repertoire."""
