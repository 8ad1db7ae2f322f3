"""A small archive with values that are hard to search for, and what to ask of each attribute."""

from __future__ import annotations

from random import Random
from typing import Any

from indexedfiles import CT, IMAGE, MR

__all__ = ["ARCHIVE", "ASKED"]

SR = "1.2.840.10008.5.1.4.1.1.88.11"

NAMES = (
    "Doe^Jane",
    "DOE^JANE^^Dr.",
    "doe^john",
    "Doe-Smith^Jan",
    "O'Neill^Pat",
    "Müller^Jürgen",
    "MULLER^Jurgen",
    "Łuk^Ænne",
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "100%^_",
    "a[b]c^*",
    "A\\B^C",
    "Οδυσσεύς^Ἰθάκη",
    "Ö^",
    None,
)
IDS = ("A1", "a1", "A_1", "A%1", "[A]1", "A1 2", "A'; DROP x--", "0", "", None)
DATES = ("20231231", "20240101", "20240229", "20240301", None)
TIMES = ("10", "1015", "101500", "101500.5", "101559.999999", "235959", "000000", None)
MOMENTS = ("2024010110", "20240101101500", "20240101101500.25", "20240229", "20231231235959", None)
DESCRIPTIONS = (
    "Head CT",
    "HEAD",
    "50% done",
    "a_b",
    "a?b*c",
    "two\nlines",
    "kopf — ☃",
    "😀 ok",
    None,
)
PARTS = ("HEAD", "CHEST", "HEADNECK", None)


def _archive() -> list[dict[str, Any]]:
    """Return some studies; what belongs to a study or series is the same in all below it."""
    draw = Random(20240229)  # noqa: S311
    found = []
    for study in range(18):
        of_study = {
            "StudyInstanceUID": f"1.2.{study}",
            "PatientName": NAMES[study % len(NAMES)],
            "PatientID": IDS[study % len(IDS)],
            "StudyDate": draw.choice(DATES),
            "StudyTime": draw.choice(TIMES),
            "AccessionNumber": draw.choice(IDS),
            "StudyID": draw.choice(IDS),
            "StudyDescription": draw.choice(DESCRIPTIONS),
            "ReferringPhysicianName": draw.choice(NAMES),
            "PatientWeight": draw.choice(("70.5", "80", None)),
            "NameOfPhysiciansReadingStudy": draw.choice(NAMES),
            "PatientSex": draw.choice("MFO"),
            "OtherPatientIDs": draw.choice((["X", "Y1"], "X", None)),
        }
        for series in range(draw.randint(1, 3)):
            modality = draw.choice(("CT", "MR", "SR"))
            asked = [
                {
                    "RequestedProcedureID": draw.choice(IDS),
                    "ScheduledProcedureStepID": each,
                    "ScheduledProtocolCodeSequence": [
                        {"CodeValue": draw.choice("PQ"), "CodeMeaning": draw.choice(DESCRIPTIONS)}
                    ],
                }
                for each in draw.choice(((), ("S1",), ("S1", "S2")))
            ]
            of_series = {
                "SeriesInstanceUID": f"1.2.{study}.{series}",
                "Modality": modality,
                "SeriesNumber": draw.choice((1, 2, -3, None)),
                "RequestAttributesSequence": asked or None,
                "SeriesDescription": draw.choice(DESCRIPTIONS),
                "BodyPartExamined": draw.choice(PARTS),
                "PerformedProcedureStepStartDate": draw.choice(DATES),
                "PerformedProcedureStepStartTime": draw.choice(TIMES),
            }
            for number in range(draw.randint(1, 3)):
                uid = f"1.2.{study}.{series}.{number}"
                image = {} if modality == "SR" else {**IMAGE, "Columns": draw.choice((4, 8))}
                found.append(
                    {
                        "SOPInstanceUID": uid,
                        "SOPClassUID": {"CT": CT, "MR": MR, "SR": SR}[modality],
                        "InstanceNumber": draw.choice((1, 2, 3, None)),
                        "SpecificCharacterSet": "ISO_IR 192",
                        "ImageType": draw.choice(
                            (["ORIGINAL", "PRIMARY"], ["DERIVED", "PRIMARY", "MPR"])
                        ),
                        "ContentDate": draw.choice(DATES),
                        "ContentTime": draw.choice(TIMES),
                        "AcquisitionDateTime": draw.choice(MOMENTS),
                        **of_study,
                        **of_series,
                        **image,
                    }
                )
    return found


ARCHIVE = _archive()


# Of each attribute, the level it is of and what to ask for: the values there are, and these.
_NAME_PATTERNS = (
    "doe*",
    "*^jan*",
    "D?E^*",
    "*'*",
    "*%*",
    "*_*",
    "*[*",
    "*\\*",
    "mü*",
    "*山*",
    "?*",
    "doe^jane^^dr.",
    "ö",
    "οδυσσ*",
    "nobody",
    "*]*",
    "łuk*",
)
_ID_PATTERNS = ("a*", "A?1", "*%*", "*_*", "[A]?", "*[*", "*'*", "*;*", "A_?", "?", "??", "A1*")
_DATE_RANGES = ("20240101-20240229", "-20240101", "20240301-", "20240102-20240228", "20990101-")
_TIME_RANGES = (
    "10-11",
    "1015-1015",
    "101500-101500.4",
    "-1014",
    "1016-",
    "101500.500000",
    "23-",
    "000000-000001",
    "1015",
    "10",
)
_MOMENT_RANGES = (
    "2024010110-2024010111",
    "20240101-",
    "-2023",
    "2024-2024",
    "202402",
    "20240101",
    "20240101101500-20240101101500.2",
)
_TEXT_PATTERNS = (
    "head*",
    "HEAD*",
    "*%*",
    "*_*",
    "a?b?c",
    "*—*",
    "*☃",
    "😀*",
    "?? ok",
    "*\n*",
    "two*",
)
ASKED: dict[str, tuple[str, tuple[Any, ...]]] = {
    "StudyInstanceUID": ("studies", ("1.2.3", "1.2.3,1.2.5,9.9", "1.2")),
    "PatientName": ("studies", (*NAMES, *_NAME_PATTERNS)),
    "ReferringPhysicianName": ("studies", (*NAMES, *_NAME_PATTERNS)),
    "NameOfPhysiciansReadingStudy": ("studies", (*NAMES, *_NAME_PATTERNS)),
    "PatientID": ("studies", (*IDS, *_ID_PATTERNS)),
    "AccessionNumber": ("studies", (*IDS, *_ID_PATTERNS)),
    "StudyID": ("studies", (*IDS, *_ID_PATTERNS)),
    "OtherPatientIDs": ("studies", ("X", "Y?", "Z", "*1")),
    "PatientWeight": ("studies", ("70.5", "7.05e1", "80", "80.0", "81")),
    "PatientSex": ("studies", ("M", "F,O", "m")),
    "StudyDate": ("studies", (*DATES, *_DATE_RANGES)),
    "StudyTime": ("studies", (*TIMES, *_TIME_RANGES)),
    "StudyDescription": ("studies", (*DESCRIPTIONS, *_TEXT_PATTERNS)),
    "ModalitiesInStudy": ("studies", ("CT", "MR,SR", "?R", "ct", "US")),
    "SOPClassesInStudy": ("studies", (CT, f"{MR},{SR}", "1.2")),
    "NumberOfStudyRelatedSeries": ("studies", ("1", "2", "3", "4")),
    "NumberOfStudyRelatedInstances": ("studies", ("1", "4", "5", "99999999999999")),
    "SeriesInstanceUID": ("series", ("1.2.3.0", "1.2.3.0\\1.2.4.0")),
    "Modality": ("series", ("CT", "CT,SR", "?R", "*T", "XA")),
    "SeriesNumber": ("series", ("1", "-3", "2.0", "0", "99999999999999999999")),
    "SeriesDescription": ("series", (*DESCRIPTIONS, *_TEXT_PATTERNS)),
    "BodyPartExamined": ("series", ("HEAD", "HEAD*", "CHEST,HEAD", "?????")),
    "PerformedProcedureStepStartDate": ("series", (*DATES, *_DATE_RANGES)),
    "PerformedProcedureStepStartTime": ("series", (*TIMES, *_TIME_RANGES)),
    "NumberOfSeriesRelatedInstances": ("series", ("1", "2", "3", "4")),
    "RequestAttributesSequence.RequestedProcedureID": ("series", (*IDS, *_ID_PATTERNS)),
    "RequestAttributesSequence.ScheduledProcedureStepID": ("series", ("S1", "S2", "S?", "T")),
    "RequestAttributesSequence.ScheduledProtocolCodeSequence.CodeValue": (
        "series",
        ("P", "Q", "R"),
    ),
    "SOPInstanceUID": ("instances", ("1.2.3.0.0", "1.2.3.0.0,1.2.4.0.0")),
    "SOPClassUID": ("instances", (CT, f"{CT},{MR}", SR, "1.2")),
    "InstanceNumber": ("instances", ("1", "3", "7")),
    "ImageType": ("instances", ("ORIGINAL", "MPR", "*D", "ORIGINAL,MPR")),
    "Rows": ("instances", ("2", "3", "0", "3000000000", "1e300")),
    "Columns": ("instances", ("4", "8.0", "4.5")),
    "BitsAllocated": ("instances", ("16", "8")),
    "ContentDate": ("instances", (*DATES, *_DATE_RANGES)),
    "ContentTime": ("instances", (*TIMES, *_TIME_RANGES)),
    "AcquisitionDateTime": ("instances", (*MOMENTS, *_MOMENT_RANGES)),
}
