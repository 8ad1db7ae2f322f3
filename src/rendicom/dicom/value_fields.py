"""Reads numbers from value fields by their VR (PS3.5 6.2).

Malformed values never raise: what cannot be read counts as absent, or as nan among numbers.
"""

from __future__ import annotations

import math
import struct

FORMATS = {
    "US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d",
    "OB": "B", "OW": "H", "OL": "I", "OV": "Q", "OF": "f", "OD": "d", "AT": "H", "XS": "H",
}  # fmt: skip
AMBIGUOUS_VRS = {"US or SS": "XS", "US or OW": "OW", "OB or OW": "OW", "US or SS or OW": "OW"}
"""The VR used where PS3.6 allows several."""
_STRUCTS = {
    f"{order}{code}": struct.Struct(f"{order}{code}") for order in "<>" for code in "BHhIiQqfd"
}
_MOST = 1 << 63
PADDING = " \0"


def numeric_format(vr: str) -> str:
    """Return the `struct` letter of one number, or an empty string for a VR of text or items."""
    return FORMATS.get(vr, "")


def unpack(data: bytes, number: str) -> tuple[int, ...]:
    """Return the numbers; bytes after the last complete one are left out."""
    one = _STRUCTS[number]
    if len(data) == one.size:
        return one.unpack(data)
    return struct.unpack_from(f"{number[0]}{len(data) // one.size}{number[1]}", data)


def read_float(text: str) -> float:
    """Return the number of a DS value; nan if it is invalid."""
    # Python's spellings (1_000, infinity) are not valid in DICOM.
    if "_" in text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def read_integer(text: str) -> int | None:
    """Return the number of an IS value; None if it is not a whole number."""
    if "_" in text:
        return None
    try:
        return int(text)
    except ValueError:
        return whole_number(read_float(text))


def whole_number(value: float) -> int | None:
    """Return a float as an integer; None if it is not a whole number."""
    return int(value) if math.isfinite(value) and value == int(value) else None


def whole_numbers(values: map[int | None]) -> tuple[int, ...]:
    """Return the numbers; () if one is invalid or needs more than 64 bits."""
    found = tuple(values)
    whole = tuple(value for value in found if value is not None and abs(value) < _MOST)
    return whole if len(whole) == len(found) else ()
