"""Search results as rows of text, for `rendicom find`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rendicom.client.response_models import values
from rendicom.dicom.person_names import NAME_GROUPS
from rendicom.errors import OptionError

if TYPE_CHECKING:
    from rendicom.client.response_models import Model
    from rendicom.dicomweb.search_parameters import SearchLevel

COLUMNS: dict[SearchLevel, tuple[str, ...]] = {
    "studies": (
        "StudyDate", "PatientName", "PatientID", "ModalitiesInStudy", "StudyDescription",
        "AccessionNumber", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances",
        "StudyInstanceUID",
    ),
    "series": (
        "Modality", "SeriesNumber", "SeriesDescription", "NumberOfSeriesRelatedInstances",
        "StudyInstanceUID", "SeriesInstanceUID",
    ),
    "instances": (
        "InstanceNumber", "SOPClassUID", "Rows", "Columns", "NumberOfFrames",
        "SeriesInstanceUID", "SOPInstanceUID",
    ),
}  # fmt: skip
"""Keywords of the columns at each level; the UIDs come last."""


def keyword_of(name: str) -> str:
    """Return the keyword of an attribute that is named by its keyword or tag.

    Raises
    ------
    OptionError
        The dictionary has no such attribute.
    """
    from pydicom.datadict import keyword_for_tag, tag_for_keyword

    if tag_for_keyword(name) is not None:
        return name
    try:
        found = keyword_for_tag(int(name, 16)) if len(name) == 8 else ""
    except ValueError:
        found = ""
    if not found:
        raise OptionError(f"{name} is neither a keyword nor a tag of an attribute")
    return found


def row(model: Model, keywords: tuple[str, ...]) -> tuple[str, ...]:
    """Return the attributes of a result as texts; values have backslashes between them."""
    from pydicom.datadict import tag_for_keyword

    tags = (f"{tag_for_keyword(keyword) or 0:08X}" for keyword in keywords)
    return tuple("\\".join(map(_text, values(model, tag))) for tag in tags)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        # Of a name the first group is shown; a sequence has no text.
        names = (value.get(each) for each in NAME_GROUPS)
        return next((name for name in names if isinstance(name, str) and name), "")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)
