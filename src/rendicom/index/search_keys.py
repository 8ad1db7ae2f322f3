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

from pydicom.datadict import dictionary_VR
from pydicom.tag import Tag

from rendicom.dicomweb.search_parameters import LEVELS, RETURNED_KEYS
from rendicom.index.records import Level

Keys = dict[int, "str | Keys"]
"""VR of each attribute; for a sequence, the kept attributes of its items."""

SHADOW = "~"
SHADOWED = frozenset(("DT", "PN"))
"""VRs whose compared form differs from the returned one."""


def _keys(keywords: str, **sequences: Keys) -> Keys:
    """Return the tags of keywords with their VRs; those of ``sequences`` with their items."""
    tags = {keyword: int(Tag(keyword)) for keyword in keywords.split()}
    return {tag: sequences.get(keyword) or dictionary_VR(tag) for keyword, tag in tags.items()}


_CODE = _keys("CodeValue CodingSchemeDesignator CodeMeaning")
_REQUEST = _keys(
    """
    AccessionNumber StudyInstanceUID RequestedProcedureDescription RequestedProcedureCodeSequence
    ScheduledProcedureStepDescription ScheduledProtocolCodeSequence ScheduledProcedureStepID
    RequestedProcedureID
    """,
    RequestedProcedureCodeSequence=_CODE,
    ScheduledProtocolCodeSequence=_CODE,
)

KEYS: dict[Level, Keys] = {
    "studies": _keys(
        """
        StudyDate StudyTime AccessionNumber ReferringPhysicianName TimezoneOffsetFromUTC
        StudyDescription ProcedureCodeSequence PhysiciansOfRecord NameOfPhysiciansReadingStudy
        PatientName PatientID IssuerOfPatientID PatientBirthDate PatientBirthTime PatientSex
        OtherPatientIDs OtherPatientNames PatientAge PatientSize PatientWeight
        ClinicalTrialProtocolID ClinicalTrialSiteID ClinicalTrialSubjectID PatientIdentityRemoved
        StudyInstanceUID StudyID RequestedProcedureDescription
        """,
        ProcedureCodeSequence=_CODE,
    ),
    "series": _keys(
        """
        SeriesDate SeriesTime Modality Manufacturer InstitutionName StationName SeriesDescription
        InstitutionalDepartmentName PerformingPhysicianName OperatorsName ManufacturerModelName
        BodyPartExamined ProtocolName PatientPosition SeriesInstanceUID SeriesNumber
        FrameOfReferenceUID Laterality PerformedProcedureStepStartDate
        PerformedProcedureStepStartTime PerformedProcedureStepID PerformedProcedureStepDescription
        RequestAttributesSequence
        """,
        RequestAttributesSequence=_REQUEST,
    ),
    "instances": _keys(
        """
        ImageType SOPClassUID SOPInstanceUID AcquisitionDate ContentDate AcquisitionDateTime
        AcquisitionTime ContentTime AvailableTransferSyntaxUID ViewPosition AcquisitionNumber
        InstanceNumber ImageLaterality SamplesPerPixel PhotometricInterpretation NumberOfFrames Rows
        Columns BitsAllocated BurnedInAnnotation ConceptNameCodeSequence CompletionFlag
        VerificationFlag DocumentTitle MIMETypeOfEncapsulatedDocument ContentLabel
        ContentDescription
        """,
        ConceptNameCodeSequence=_CODE,
    ),
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
    level: frozenset(tags) & (KEYS[level].keys() | VIRTUAL.keys())
    for level, tags in RETURNED_KEYS.items()
}
RETURNED["studies"] |= {0x00081030}  # Study Description
"""Attributes of the catalogue that are returned by default."""

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
