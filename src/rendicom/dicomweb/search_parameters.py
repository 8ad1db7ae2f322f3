"""The attributes that searches match and return, and their other parameters (PS3.18 8.3.4, 10.6).

The only lists: the server, its OpenAPI description and the client derive from them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Pairs = tuple[tuple[str, str], ...]
"""Decoded names and values of query parameters, in their order."""


class SearchParameter(NamedTuple):
    """A query parameter of a search; a ``flag`` is true or false."""

    name: str
    help: str
    kind: Literal["attributes", "count", "flag", "media type"]


SEARCH_PARAMETERS = (
    SearchParameter("includefield", "Additional attributes to return, or all.", "attributes"),
    SearchParameter("limit", "Largest number of results.", "count"),
    SearchParameter("offset", "Number of results to skip.", "count"),
    SearchParameter(
        "orderby",
        "Attributes to sort studies by, with - for descending order: PatientName,-StudyDate. "
        "(Beyond the standard.)",
        "attributes",
    ),
    SearchParameter(
        "fuzzymatching",
        "Match names without accents, and by the beginnings of their parts.",
        "flag",
    ),
    SearchParameter(
        "emptyvaluematching",
        'Let "" (two quotation marks) match attributes without a value.',
        "flag",
    ),
    SearchParameter(
        "multiplevaluematching", "Let a backslash separate alternative values.", "flag"
    ),
    SearchParameter("accept", "Media type, if the Accept header cannot be set.", "media type"),
)

FLAGS = tuple(each.name for each in SEARCH_PARAMETERS if each.kind == "flag")
_NAMES = frozenset(each.name for each in SEARCH_PARAMETERS)


def is_attribute(name: str) -> bool:
    """Tell whether a query parameter can be a condition on an attribute."""
    return name.lower() not in _NAMES


SearchLevel = Literal["studies", "series", "instances"]
TagPath = tuple[int, ...]

LEVELS: tuple[SearchLevel, ...] = ("studies", "series", "instances")

REQUIRED_KEYS: dict[SearchLevel, tuple[TagPath, ...]] = {
    "studies": (
        (0x00080020,),  # Study Date
        (0x00080030,),  # Study Time
        (0x00080050,),  # Accession Number
        (0x00080061,),  # Modalities in Study
        (0x00080090,),  # Referring Physician's Name
        (0x00100010,),  # Patient's Name
        (0x00100020,),  # Patient ID
        (0x0020000D,),  # Study Instance UID
        (0x00200010,),  # Study ID
    ),
    "series": (
        (0x00080060,),  # Modality
        (0x0020000E,),  # Series Instance UID
        (0x00200011,),  # Series Number
        (0x00400244,),  # Performed Procedure Step Start Date
        (0x00400245,),  # Performed Procedure Step Start Time
        (0x00400275, 0x00400009),  # Request Attributes: Scheduled Procedure Step ID
        (0x00400275, 0x00401001),  # Request Attributes: Requested Procedure ID
    ),
    "instances": (
        (0x00080016,),  # SOP Class UID
        (0x00080018,),  # SOP Instance UID
        (0x00200013,),  # Instance Number
    ),
}
"""Attributes that a server must match, for each level (Table 10.6.1-5)."""

RETURNED_KEYS: dict[SearchLevel, tuple[int, ...]] = {
    "studies": (
        0x00080005,  # Specific Character Set
        0x00080020,  # Study Date
        0x00080030,  # Study Time
        0x00080050,  # Accession Number
        0x00080056,  # Instance Availability
        0x00080061,  # Modalities in Study
        0x00080090,  # Referring Physician's Name
        0x00080201,  # Timezone Offset From UTC
        0x00081190,  # Retrieve URL
        0x00100010,  # Patient's Name
        0x00100020,  # Patient ID
        0x00100030,  # Patient's Birth Date
        0x00100040,  # Patient's Sex
        0x0020000D,  # Study Instance UID
        0x00200010,  # Study ID
        0x00201206,  # Number of Study Related Series
        0x00201208,  # Number of Study Related Instances
    ),
    "series": (
        0x00080005,  # Specific Character Set
        0x00080060,  # Modality
        0x00080201,  # Timezone Offset From UTC
        0x0008103E,  # Series Description
        0x00081190,  # Retrieve URL
        0x0020000E,  # Series Instance UID
        0x00200011,  # Series Number
        0x00201209,  # Number of Series Related Instances
        0x00400244,  # Performed Procedure Step Start Date
        0x00400245,  # Performed Procedure Step Start Time
        0x00400275,  # Request Attributes Sequence
    ),
    "instances": (
        0x00080005,  # Specific Character Set
        0x00080016,  # SOP Class UID
        0x00080018,  # SOP Instance UID
        0x00080056,  # Instance Availability
        0x00080201,  # Timezone Offset From UTC
        0x00081190,  # Retrieve URL
        0x00200013,  # Instance Number
        0x00280008,  # Number of Frames
        0x00280010,  # Rows
        0x00280011,  # Columns
        0x00280100,  # Bits Allocated
    ),
}
"""Attributes that a server returns by default, for each level (Tables 10.6.3-3 to 10.6.3-5)."""

KEY_LEVELS: dict[int, SearchLevel] = {
    **{path[0]: level for level, paths in REQUIRED_KEYS.items() for path in paths},
    **{
        tag: level
        for level in LEVELS
        for tag in RETURNED_KEYS[level]
        if tag not in (0x00080005, 0x00080056, 0x00080201, 0x00081190)
    },
}
"""Level of each of these attributes, except those of every level."""
