"""Attributes of a pydicom data set, read from the bytes that were stored wherever they still are.

pydicom converts a value when it is asked for, and some malformed values raise then. The stored
bytes do not, so they are read first; what a program put there itself is put back into bytes.
"""

from __future__ import annotations

import struct
import threading
import warnings
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from rendicom.pixels.elements import WANTED
from rendicom.pixels.valuerepresentation import StoredValue, StoredValues, numeric_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydicom import Dataset

    from rendicom.pixels.attributes import Attributes

__all__ = [
    "DatasetAttributes",
    "item_from_bytes",
    "items_from_bytes",
    "pydicom_raises",
    "quiet_pydicom",
    "value_bytes",
]

_AMBIGUOUS = {"US or SS": "XS", "US or OW": "OW", "OB or OW": "OW", "US or SS or OW": "OW"}


_QUIET = threading.RLock()


@cache
def pydicom_raises() -> tuple[type[Exception], ...]:
    """Return what comes out of pydicom when the bytes are not what they should be."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (
        ArithmeticError, AssertionError, AttributeError, EOFError, LookupError,
        NotImplementedError, OSError, RecursionError, TypeError, ValueError, struct.error,
        BytesLengthException, InvalidDicomError,
    )  # fmt: skip


@contextmanager
def quiet_pydicom() -> Iterator[None]:
    """Keep pydicom's warnings from the person: they may quote values.

    One thread at a time, since the filters that are put back are the process's.
    """
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class DatasetAttributes(StoredValues):
    """`rendicom.pixels.attributes.Attributes` of a data set or item that pydicom holds."""

    __slots__ = ("_dataset", "_little_endian", "_sequences")

    def __init__(self, dataset: Dataset, *, little_endian: bool = True) -> None:
        self._dataset = dataset
        self._little_endian = little_endian
        self._sequences: dict[int, Sequence[Attributes]] = {}

    @property
    def dataset(self) -> Dataset:
        """Return the data set itself."""
        return self._dataset

    def stored(self, tag: int) -> StoredValue | None:
        """Return the value field; None when absent, empty or a sequence."""
        try:
            element: Any = self._dataset.get_item(tag)
            if element is None:
                return None
            if element.is_raw and element.value is None and element.length:
                element = self._dataset[tag]  # deferred: still in the file
            return stored_value(element, little_endian=self._little_endian)
        except pydicom_raises():
            return None

    def items(self, tag: int) -> Sequence[Attributes]:
        """Return the items of a sequence; () when absent."""
        found = self._sequences.get(tag)
        if found is None:
            found = self._sequences[tag] = self._find_items(tag)
        return found

    def _find_items(self, tag: int) -> Sequence[Attributes]:
        try:
            element: Any = self._dataset.get_item(tag)
            if element is None or _vr_of(element) != "SQ":
                return ()
            with quiet_pydicom():
                items: Any = self._dataset[tag].value
            return tuple(
                DatasetAttributes(item, little_endian=self._little_endian) for item in items
            )
        except pydicom_raises():
            return ()


def item_from_bytes(data: bytes, *, explicit_vr: bool) -> DatasetAttributes:
    """Return the attributes of one little endian sequence item that only pydicom can read.

    An item that pydicom cannot read either has no attributes.
    """
    from pydicom import Dataset
    from pydicom.filereader import read_dataset

    try:
        with quiet_pydicom():
            item = read_dataset(
                BytesIO(data), not explicit_vr, True, bytelength=len(data), at_top_level=False
            )
    except pydicom_raises():
        item = Dataset()
    return DatasetAttributes(item)


def items_from_bytes(data: bytes, *, explicit_vr: bool) -> tuple[DatasetAttributes, ...]:
    """Return the items in the value of a little endian sequence that only pydicom can read."""
    from pydicom.filereader import read_sequence

    try:
        with quiet_pydicom():
            items = read_sequence(BytesIO(data), not explicit_vr, True, len(data), "iso8859")
    except pydicom_raises():
        return ()
    return tuple(DatasetAttributes(item) for item in items)


def stored_value(element: Any, *, little_endian: bool) -> StoredValue | None:
    """Return VR and bytes of a pydicom element, raw or converted; None for a sequence."""
    vr = _vr_of(element)
    if vr == "SQ":
        return None
    data = value_bytes(element)
    if not data:
        return None
    if getattr(element, "is_raw", False):
        return vr, data, "<" if element.is_little_endian else ">"
    as_stored = isinstance(element.value, (bytes, bytearray)) or hasattr(element.value, "read")
    if vr == "XS" and has_negative(element.value):
        vr = "SS"
    return vr, data, "<" if little_endian or not as_stored else ">"


def value_bytes(element: Any) -> bytes:
    """Return the value of a pydicom element as bytes: stored ones, or else little endian."""
    value = element.value
    if value is None:
        return b""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if hasattr(value, "read"):
        value.seek(0)
        return bytes(value.read())
    values = _listed(value)
    code = numeric_format(_vr_of(element))
    if not code:
        text = "\\".join(map(str, values)).encode("latin-1", "replace")
        return text + (b"\0" if element.VR == "UI" else b" ") * (len(text) % 2)
    if _vr_of(element) == "AT":
        return b"".join(struct.pack("<HH", int(tag) >> 16, int(tag) & 0xFFFF) for tag in values)
    if code == "H" and has_negative(values):
        code = "h"
    return struct.pack(f"<{len(values)}{code}", *values)


def has_negative(value: Any) -> bool:
    """Tell whether there is a negative number among the values."""
    return any(isinstance(number, (int, float)) and number < 0 for number in _listed(value))


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)


def _vr_of(element: Any) -> str:
    """Return the VR, that of the table where the file does not tell."""
    vr = element.VR
    if vr is None or vr == "UN":
        known = WANTED.get(int(element.tag))
        return known or _dictionary_vr(element.tag)
    return _AMBIGUOUS.get(str(vr), str(vr))


def _dictionary_vr(tag: Any) -> str:
    from pydicom.datadict import dictionary_VR

    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return "UN"
    return _AMBIGUOUS.get(vr, vr)
