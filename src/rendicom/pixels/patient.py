"""Reads whom a file shows: only when somebody wants that written into the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rendicom.errors import RendicomError
from rendicom.pixels.datasetattributes import DatasetAttributes, pydicom_raises, quiet_pydicom
from rendicom.pixels.headerpydicom import first_text, read_elements
from rendicom.pixels.technique import plain_date
from rendicom.values import Patient

if TYPE_CHECKING:
    from pydicom import Dataset

    from rendicom.pixels.bytesource import ByteSource
    from rendicom.pixels.header import Header

__all__ = ["read_patient"]

_CHARACTER_SET = 0x00080005
_NAME, _IDENTIFIER, _BIRTH_DATE, _SEX = 0x00100010, 0x00100020, 0x00100030, 0x00100040
_LONGEST = 256


def read_patient(header: Header, opened: ByteSource | None) -> Patient:
    """Return the patient of an instance; ``opened`` is its file, None for a data set in memory.

    Of a name the alphabetic group counts, else the phonetic, else the ideographic one
    (PS3.5 6.2.1). What cannot be read counts as absent.
    """
    dataset = _dataset(header, opened)
    if dataset is None:
        return Patient()
    return Patient(
        name=_name(dataset)[:_LONGEST],
        identifier=_plain(first_text(dataset, _IDENTIFIER)),
        birth_date=plain_date(_plain(first_text(dataset, _BIRTH_DATE))),
        sex=_plain(first_text(dataset, _SEX)),
    )


def _dataset(header: Header, opened: ByteSource | None) -> Dataset | None:
    if opened is not None:
        tags = (_CHARACTER_SET, _NAME, _IDENTIFIER, _BIRTH_DATE, _SEX)
        try:
            return read_elements(opened, tags)
        except RendicomError:
            return None
    attributes = header.attributes
    return attributes.dataset if isinstance(attributes, DatasetAttributes) else None


def _name(dataset: Dataset) -> str:
    """Return a name as people write it: family name, then given names, then what follows them."""
    from pydicom.multival import MultiValue
    from pydicom.valuerep import PersonName

    try:
        with quiet_pydicom():
            value: Any = dataset[_NAME].value if _NAME in dataset else None
            if isinstance(value, MultiValue):
                value = next(iter(value), None)
            if not isinstance(value, PersonName):
                return _plain(value) if isinstance(value, str) else ""
            groups = [str(value.alphabetic), str(value.phonetic), str(value.ideographic)]
    except pydicom_raises():
        return ""
    return next(filter(None, map(_written, groups)), "")


def _written(group: str) -> str:
    parts = [_plain(part) for part in group.split("^")]
    family, given, middle, prefix, suffix = (*parts, "", "", "", "", "")[:5]
    first_names = " ".join(filter(None, (prefix, given, middle)))
    return ", ".join(filter(None, (family, first_names, suffix)))


def _plain(text: str) -> str:
    """Return one line without control characters."""
    letters = (letter if letter.isprintable() else " " for letter in text[:_LONGEST])
    return " ".join("".join(letters).split())
