"""Reads value fields by their VR (PS3.5 6.2), the same for every parser.

Malformed values never raise: what cannot be read counts as absent, or as nan among numbers.
"""

from __future__ import annotations

import math
import struct
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rendicom.pixels.attributes import Attributes

__all__ = ["StoredValue", "StoredValues", "numeric_format"]

_FORMATS = {
    "US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d",
    "OB": "B", "OW": "H", "OL": "I", "OV": "Q", "OF": "f", "OD": "d", "AT": "H", "XS": "H",
}  # fmt: skip
_STRUCTS = {
    f"{order}{code}": struct.Struct(f"{order}{code}") for order in "<>" for code in "BHhIiQqfd"
}
_ABSENT = ("", b"", "<")
_ONE_VALUE = frozenset(("LT", "ST", "UR", "UT"))
_PADDING = " \0"


StoredValue = tuple[str, bytes, str]
"""VR (``XS`` for "US or SS"), the bytes of the value field, and their order: < or >."""


def numeric_format(vr: str) -> str:
    """Return the `struct` letter of one number, or an empty string for a VR of text or items."""
    return _FORMATS.get(vr, "")


class StoredValues(ABC):
    """`rendicom.pixels.attributes.Attributes` for whoever can find a value field."""

    __slots__ = ()

    @abstractmethod
    def stored(self, tag: int) -> StoredValue | None:
        """Return the value field; None when absent, empty or a sequence."""

    @abstractmethod
    def items(self, tag: int) -> Sequence[Attributes]:
        """Return the items of a sequence, parsed when used; () when absent."""

    def __contains__(self, tag: int) -> bool:
        """Tell whether the element is there with a value, or with an item."""
        return self.stored(tag) is not None or len(self.items(tag)) > 0

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return the values of a text element, each stripped of padding; () when absent."""
        vr, data, _ = self.stored(tag) or _ABSENT
        if vr in _FORMATS:
            return ()
        text = data.decode("latin-1").strip(_PADDING)
        if not text:
            return ()
        if "\\" not in text or vr in _ONE_VALUE:
            return (text,)
        return tuple([value.strip(_PADDING) for value in text.split("\\")])

    def text(self, tag: int, default: str = "") -> str:
        """Return the first text value, or ``default`` when it is absent or blank."""
        values = self.texts(tag)
        return values[0] or default if values else default

    def numbers(self, tag: int) -> tuple[float, ...]:
        """Return the numbers of an element; a value that is no number is nan."""
        vr, data, order = self.stored(tag) or _ABSENT
        if vr in _FORMATS:
            return tuple(map(float, _unpack(data, f"{order}{_FORMATS[vr]}")))
        return tuple(map(_float, self.texts(tag)))

    def number(self, tag: int) -> float | None:
        """Return the first number, or None when absent or not finite."""
        values = self.numbers(tag)
        return values[0] if values and math.isfinite(values[0]) else None

    def integers(self, tag: int, *, signed: bool = False) -> tuple[int, ...]:
        """Return whole numbers, or () when one of them is none.

        ``signed`` decides for "US or SS" where the VR is not known. AT gives tags.
        """
        vr, data, order = self.stored(tag) or _ABSENT
        code = _FORMATS.get(vr)
        if code is None:
            return _whole(map(_integer, self.texts(tag)))
        if code in "fd":
            return _whole(map(_whole_number, _unpack(data, f"{order}{code}")))
        if signed and vr == "XS":
            code = "h"
        values = _unpack(data, f"{order}{code}")
        if vr == "AT":
            pairs = zip(values[::2], values[1::2], strict=False)
            return tuple(group << 16 | number for group, number in pairs)
        return values

    def integer(self, tag: int, default: int | None = None, *, signed: bool = False) -> int | None:
        """Return the first whole number, or ``default`` when there is none."""
        values = self.integers(tag, signed=signed)
        return values[0] if values else default

    def raw(self, tag: int) -> bytes:
        """Return the value bytes as stored, words little endian; b"" when absent."""
        vr, data, order = self.stored(tag) or _ABSENT
        return data if order == "<" else _little_endian(data, _FORMATS.get(vr, "B"))

    def words(self, tag: int) -> NDArray[np.uint16]:
        """Return the bytes as native uint16 words, shape (n,); an odd last byte counts as 0xNN."""
        import numpy as np

        vr, data, order = self.stored(tag) or _ABSENT
        whole = data if len(data) % 2 == 0 else data + b"\0"
        # Bytes know no order: only words are swapped in big endian files (PS3.5 7.3).
        dtype = "<u2" if vr == "OB" else f"{order}u2"
        return np.frombuffer(whole, dtype).astype(np.uint16, copy=False)


def _unpack(data: bytes, number: str) -> tuple[int, ...]:
    """Return the numbers; bytes behind the last whole one are left out."""
    one = _STRUCTS[number]
    if len(data) == one.size:
        return one.unpack(data)
    return struct.unpack_from(f"{number[0]}{len(data) // one.size}{number[1]}", data)


def _float(text: str) -> float:
    # Python's own spellings (1_000, infinity) are none of DICOM's.
    if "_" in text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _integer(text: str) -> int | None:
    if "_" in text:
        return None
    try:
        return int(text)
    except ValueError:
        return _whole_number(_float(text))


def _whole_number(value: float) -> int | None:
    return int(value) if math.isfinite(value) and value == int(value) else None


def _whole(values: map[int | None]) -> tuple[int, ...]:
    found = tuple(values)
    whole = tuple(value for value in found if value is not None)
    return whole if len(whole) == len(found) else ()


def _little_endian(data: bytes, code: str) -> bytes:
    import numpy as np

    size = struct.calcsize(f"<{code}")
    whole = len(data) // size * size
    swapped = np.frombuffer(data[:whole], f">u{size}").astype(f"<u{size}").tobytes()
    return swapped + data[whole:]
