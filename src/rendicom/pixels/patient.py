"""Reads the patient of a file, for annotation only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.dicom.date_times import plain_date
from rendicom.dicom.header import Header, read_header
from rendicom.dicom.person_names import name_groups
from rendicom.dicom.picture_tags import PATIENT_TAGS
from rendicom.errors import RendicomError
from rendicom.values import Patient

if TYPE_CHECKING:
    from rendicom.dicom.byte_source import ByteSource

_CHARACTER_SET = 0x00080005
_NAME, _IDENTIFIER, _BIRTH_DATE, _SEX = 0x00100010, 0x00100020, 0x00100030, 0x00100040
_LONGEST = 256


def read_patient(header: Header, opened: ByteSource | None) -> Patient:
    """Return the patient of an instance; ``opened`` is its file, None for a data set in memory.

    The name is its alphabetic group, or else the ideographic or phonetic one (PS3.5 6.2.1); the
    remaining groups are the other names. Unreadable values count as absent.
    """
    attributes = header.attributes
    if opened is not None:
        try:
            attributes = read_header(opened, wanted={_CHARACTER_SET, *PATIENT_TAGS}).attributes
        except RendicomError:
            return Patient()
    forms = map(_plain, name_groups(attributes.text(_NAME)))
    name, *others = tuple(dict.fromkeys(filter(None, forms))) or ("",)
    return Patient(
        name=name,
        identifier=_plain(attributes.text(_IDENTIFIER)),
        birth_date=plain_date(_plain(attributes.text(_BIRTH_DATE))),
        sex=_plain(attributes.text(_SEX)),
        other_names=tuple(others),
    )


def _plain(text: str) -> str:
    """Return one line without control characters."""
    letters = (letter if letter.isprintable() else " " for letter in text[:_LONGEST])
    return " ".join("".join(letters).split())
