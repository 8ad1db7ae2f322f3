"""Attributes that the catalogue keeps: their levels and stored forms.

All keys required by PS3.18 10.6 and other common ones, by tag (eight hexadecimal digits), as lists
of plain values: a person name as text, a number as a number if it is valid, an item of a sequence
as such a mapping. The compared form of a person name, or of a date and time that may have an
offset, is stored beside it under the tag and ``~``.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from rendicom.index.records import Level

Keys = dict[int, "str | Keys"]
"""VR of each attribute; for a sequence, the kept attributes of its items."""

LEVELS: tuple[Level, ...] = ("studies", "series", "instances")
SHADOW = "~"
SHADOWED = frozenset(("DT", "PN"))
"""VRs whose compared form differs from the returned one."""

_CODE: Keys = {
    0x00080100: "SH",  # Code Value
    0x00080102: "SH",  # Coding Scheme Designator
    0x00080104: "LO",  # Code Meaning
}

KEYS: dict[Level, Keys] = {
    "studies": {
        0x00080020: "DA",  # Study Date
        0x00080030: "TM",  # Study Time
        0x00080050: "SH",  # Accession Number
        0x00080090: "PN",  # Referring Physician's Name
        0x00080201: "SH",  # Timezone Offset From UTC
        0x00081030: "LO",  # Study Description
        0x00081032: _CODE,  # Procedure Code Sequence
        0x00081048: "PN",  # Physician(s) of Record
        0x00081060: "PN",  # Name of Physician(s) Reading Study
        0x00100010: "PN",  # Patient's Name
        0x00100020: "LO",  # Patient ID
        0x00100021: "LO",  # Issuer of Patient ID
        0x00100030: "DA",  # Patient's Birth Date
        0x00100032: "TM",  # Patient's Birth Time
        0x00100040: "CS",  # Patient's Sex
        0x00101000: "LO",  # Other Patient IDs
        0x00101001: "PN",  # Other Patient Names
        0x00101010: "AS",  # Patient's Age
        0x00101020: "DS",  # Patient's Size
        0x00101030: "DS",  # Patient's Weight
        0x00120020: "LO",  # Clinical Trial Protocol ID
        0x00120030: "LO",  # Clinical Trial Site ID
        0x00120040: "LO",  # Clinical Trial Subject ID
        0x00120062: "CS",  # Patient Identity Removed
        0x0020000D: "UI",  # Study Instance UID
        0x00200010: "SH",  # Study ID
        0x00321060: "LO",  # Requested Procedure Description
    },
    "series": {
        0x00080021: "DA",  # Series Date
        0x00080031: "TM",  # Series Time
        0x00080060: "CS",  # Modality
        0x00080070: "LO",  # Manufacturer
        0x00080080: "LO",  # Institution Name
        0x00081010: "SH",  # Station Name
        0x0008103E: "LO",  # Series Description
        0x00081040: "LO",  # Institutional Department Name
        0x00081050: "PN",  # Performing Physician's Name
        0x00081070: "PN",  # Operators' Name
        0x00081090: "LO",  # Manufacturer's Model Name
        0x00180015: "CS",  # Body Part Examined
        0x00181030: "LO",  # Protocol Name
        0x00185100: "CS",  # Patient Position
        0x0020000E: "UI",  # Series Instance UID
        0x00200011: "IS",  # Series Number
        0x00200052: "UI",  # Frame of Reference UID
        0x00200060: "CS",  # Laterality
        0x00400244: "DA",  # Performed Procedure Step Start Date
        0x00400245: "TM",  # Performed Procedure Step Start Time
        0x00400253: "SH",  # Performed Procedure Step ID
        0x00400254: "LO",  # Performed Procedure Step Description
        0x00400275: {  # Request Attributes Sequence
            0x00080050: "SH",  # Accession Number
            0x0020000D: "UI",  # Study Instance UID
            0x00321060: "LO",  # Requested Procedure Description
            0x00321064: _CODE,  # Requested Procedure Code Sequence
            0x00400007: "LO",  # Scheduled Procedure Step Description
            0x00400008: _CODE,  # Scheduled Protocol Code Sequence
            0x00400009: "SH",  # Scheduled Procedure Step ID
            0x00401001: "SH",  # Requested Procedure ID
        },
    },
    "instances": {
        0x00080008: "CS",  # Image Type
        0x00080016: "UI",  # SOP Class UID
        0x00080018: "UI",  # SOP Instance UID
        0x00080022: "DA",  # Acquisition Date
        0x00080023: "DA",  # Content Date
        0x0008002A: "DT",  # Acquisition DateTime
        0x00080032: "TM",  # Acquisition Time
        0x00080033: "TM",  # Content Time
        0x00083002: "UI",  # Available Transfer Syntax UID
        0x00185101: "CS",  # View Position
        0x00200012: "IS",  # Acquisition Number
        0x00200013: "IS",  # Instance Number
        0x00200062: "CS",  # Image Laterality
        0x00280002: "US",  # Samples per Pixel
        0x00280004: "CS",  # Photometric Interpretation
        0x00280008: "IS",  # Number of Frames
        0x00280010: "US",  # Rows
        0x00280011: "US",  # Columns
        0x00280100: "US",  # Bits Allocated
        0x00280301: "CS",  # Burned In Annotation
        0x0040A043: _CODE,  # Concept Name Code Sequence
        0x0040A491: "CS",  # Completion Flag
        0x0040A493: "CS",  # Verification Flag
        0x00420010: "ST",  # Document Title
        0x00420012: "LO",  # MIME Type of Encapsulated Document
        0x00700080: "CS",  # Content Label
        0x00700081: "LO",  # Content Description
    },
}

VIRTUAL: dict[int, tuple[Level, str]] = {
    0x00080061: ("studies", "CS"),  # Modalities in Study
    0x00080062: ("studies", "UI"),  # SOP Classes in Study
    0x00201206: ("studies", "IS"),  # Number of Study Related Series
    0x00201208: ("studies", "IS"),  # Number of Study Related Instances
    0x00201209: ("series", "IS"),  # Number of Series Related Instances
}
"""Counted attributes, which are in no file (PS3.4 C.3.4)."""

RETURNED: dict[Level, frozenset[int]] = {
    "studies": frozenset((
        0x00080020, 0x00080030, 0x00080050, 0x00080061, 0x00080090, 0x00080201, 0x00081030,
        0x00100010, 0x00100020, 0x00100030, 0x00100040, 0x0020000D, 0x00200010, 0x00201206,
        0x00201208,
    )),
    "series": frozenset((
        0x00080060, 0x0008103E, 0x0020000E, 0x00200011, 0x00201209, 0x00400244, 0x00400245,
        0x00400275,
    )),
    "instances": frozenset((
        0x00080016, 0x00080018, 0x00200013, 0x00280008, 0x00280010, 0x00280011, 0x00280100,
    )),
}  # fmt: skip
"""Attributes returned by default (PS3.18 Tables 10.6.3-3 to 10.6.3-5, and Study Description)."""

_LATEST = {"TM": "235959.999999", "DT": "99991231235959.999999"}
_MARKS = re.compile("[\u0300-\u036f]")
_LIGATURES = str.maketrans({
    "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h",
})  # fmt: skip
_OFFSET = re.compile(r"([0-9]{10,14})(\.[0-9]{1,6})?([+-])([0-9]{2})([0-9]{2})", re.ASCII)


def level_of(tag: int) -> Level | None:
    """Return the level on which an attribute is kept or counted, None for others."""
    if tag in VIRTUAL:
        return VIRTUAL[tag][0]
    return next((level for level in LEVELS if tag in KEYS[level]), None)


def name_of(tag: int) -> str:
    """Return a tag in the form of the DICOM JSON model."""
    return f"{tag:08X}"


@lru_cache(maxsize=4096)
def without_case_or_accents(text: str) -> str:
    """Return a text without differences of case, accents and character width.

    Ligatures and letters with a stroke become plain letters; ä and ae stay different. Combining
    marks of scripts other than Latin, Greek and Cyrillic are kept: they form other letters.
    """
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return unicodedata.normalize("NFC", plain).casefold().translate(_LIGATURES)


def fold(text: str) -> str:
    """Return the compared form of a person name: its non-empty groups between equals signs.

    Case, accents, spaces around components and trailing delimiters are ignored
    (PS3.4 C.2.2.2.1 leaves that to implementations).
    """
    groups = [group for group in map(_group, text.split("=")) if group]
    return f"={'='.join(groups)}=" if groups else ""


def _group(text: str) -> str:
    parts = (" ".join(part.split()) for part in without_case_or_accents(text).split("^"))
    return "^".join(parts).rstrip("^")


def instant(text: str) -> str:
    """Return a date and time in UTC if it has an offset, else unchanged."""
    parts = _OFFSET.fullmatch(text)
    if parts is None:
        return text.partition("+")[0]
    digits, fraction, sign, hours, minutes = parts.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    try:
        local = datetime.strptime(f"{digits:0<14}", "%Y%m%d%H%M%S")  # noqa: DTZ007
        moment = local - offset if sign == "+" else local + offset
    except (ValueError, OverflowError):
        return digits
    return f"{moment:%Y%m%d%H%M%S}"[: len(digits)] + (fraction or "")


def shadow_of(vr: str, values: list[Any]) -> list[str]:
    """Return the compared form of the values of a VR of `SHADOWED`."""
    texts = [value for value in values if isinstance(value, str)]
    return [fold(text) if vr == "PN" else from_day_on(instant(text)) for text in texts]


def from_day_on(text: str) -> str:
    """Return a date and time with the first month and day if they are missing."""
    return text + "0101"[len(text) - 4 :] if len(text) in (4, 6) else text


def earliest(vr: str, text: str) -> str:
    """Return the smallest text for this moment: trailing zeros may be omitted."""
    if vr == "DA":
        return text
    text = instant(text) if vr == "DT" else text
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    shortest = 8 if vr == "DT" else 2
    while "." not in text and len(text) > shortest and text.endswith("00"):
        text = text[:-2]
    return text


def latest(vr: str, text: str) -> str:
    """Return the largest text for this moment, or within it."""
    if vr == "DA":
        return text
    text = instant(text) if vr == "DT" else text
    if "." in text:
        return f"{text:9<{text.index('.') + 7}}"
    return text + _LATEST[vr][len(text) :]
