"""Attribute matching in the plainest way, over pydicom's data sets (PS3.4 C.2.2.2, PS3.18 10.6).

It knows nothing of databases, and shares no code with the index: what both find must be the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

__all__ = ["UIDS", "counted", "found_by"]

UIDS = {
    "studies": "StudyInstanceUID", "series": "SeriesInstanceUID", "instances": "SOPInstanceUID",
}  # fmt: skip
_NUMBERS = ("IS", "DS", "US")


def found_by(
    archive: Iterable[Dataset], level: str, conditions: Mapping[str, str], *, is_fuzzy: bool = False
) -> set[str]:
    """Return the UIDs of studies, series or instances that meet all of the conditions.

    ``archive`` has its instances as `counted` returns them. ``conditions`` maps keywords, with
    dots between sequences and what is in them, to values as in the query of a URL; ``'""'`` is
    an empty value.
    """
    return {
        str(whole[UIDS[level]].value)
        for whole in archive
        if _meets_all(whole, conditions, is_fuzzy)
    }


def counted(archive: Sequence[Dataset]) -> list[Dataset]:
    """Return instances with what is counted in their studies and series (PS3.4 C.3.4)."""
    return [_counted(archive, each) for each in archive]


def _counted(archive: Sequence[Dataset], instance: Dataset) -> Dataset:
    whole = Dataset()
    whole.update(instance)
    of_study = [each for each in archive if each.StudyInstanceUID == instance.StudyInstanceUID]
    of_series = [each for each in of_study if each.SeriesInstanceUID == instance.SeriesInstanceUID]
    whole.ModalitiesInStudy = sorted({each.Modality for each in of_study})
    whole.SOPClassesInStudy = sorted({str(each.SOPClassUID) for each in of_study})
    whole.NumberOfStudyRelatedSeries = len({each.SeriesInstanceUID for each in of_study})
    whole.NumberOfStudyRelatedInstances = len(of_study)
    whole.NumberOfSeriesRelatedInstances = len(of_series)
    return whole


def _meets_all(dataset: Dataset, conditions: Mapping[str, str], is_fuzzy: bool) -> bool:
    """Tell whether all conditions are met, those on a sequence by one and the same item."""
    of_items: dict[str, dict[str, str]] = {}
    conditions, is_met = _without_moments(dataset, conditions)
    if not is_met:
        return False
    for path, wanted in conditions.items():
        first, _, rest = path.partition(".")
        if wanted == "":
            continue
        if rest:
            of_items.setdefault(first, {})[rest] = wanted
        elif not _meets(dataset, first, wanted, is_fuzzy):
            return False
    return all(
        any(_meets_all(item, below, is_fuzzy) for item in dataset.get(sequence, ()))
        for sequence, below in of_items.items()
    )


def _meets(dataset: Dataset, keyword: str, wanted: str, is_fuzzy: bool) -> bool:
    values = _values(dataset, keyword)
    vr = dictionary_VR(tag_for_keyword(keyword))
    if wanted == '""':
        return not values
    if set(wanted) == {"*"} and vr not in _NUMBERS:
        return True
    several = re.split(r"[,\\]", wanted) if vr in ("UI", "CS") else [wanted]
    return any(_is_match(vr, value, each, is_fuzzy) for value in values for each in several)


def _values(dataset: Dataset, keyword: str) -> list[str]:
    value = dataset.get(keyword)
    many: Sequence[Any] = value if isinstance(value, MultiValue | list) else [value]
    return [str(each) for each in many if each is not None and str(each).strip()]


def _is_match(vr: str, value: str, wanted: str, is_fuzzy: bool) -> bool:
    if vr in _NUMBERS:
        return Decimal(value) == Decimal(wanted)
    if vr == "UI":
        return value == wanted
    if vr == "PN":
        return _is_name(value, wanted, is_fuzzy)
    if vr in _RANGES:
        return _is_within(_RANGES[vr], value, wanted)
    return _is_like(value.strip(), wanted.strip())


def _is_like(value: str, wanted: str) -> bool:
    """Tell whether wildcards match: any characters, or one; all else is itself."""
    signs = {"*": ".*", "?": "."}
    pattern = "".join(signs.get(sign) or re.escape(sign) for sign in wanted)
    return re.fullmatch(pattern, value, re.DOTALL) is not None


# --- person names ------------------------------------------------------------------------------


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(sign for sign in decomposed if not "\u0300" <= sign <= "\u036f")


def _is_name(value: str, wanted: str, is_fuzzy: bool) -> bool:
    if is_fuzzy:
        words = re.split(r"[\^= ,.-]+", _plain(value))
        sought = [word for word in re.split(r"[\^= ,.*?-]+", _plain(wanted)) if word]
        return all(any(word.startswith(each) for word in words) for each in sought)
    groups = [group.rstrip("^ ") for group in (*_plain(value).split("="), _plain(value))]
    return any(_is_like(group, _plain(wanted).rstrip("^ ")) for group in groups)


# --- dates and times ---------------------------------------------------------------------------


def _moments(text: str, shape: Sequence[tuple[int, str, str]]) -> tuple[str, str]:
    """Return the first and last moment that a text stands for, in full."""
    first = last = ""
    for length, least, greatest in shape:
        part, text = text[:length], text[length:]
        first, last = first + (part or least), last + (part or greatest)
    fraction = text.lstrip(".")
    return f"{first}.{fraction:0<6}", f"{last}.{fraction:9<6}"


_DAY = ((4, "0000", "9999"), (2, "01", "12"), (2, "01", "31"))
_CLOCK = ((2, "00", "23"), (2, "00", "59"), (2, "00", "59"))
_RANGES: dict[str, Callable[[str], tuple[str, str]]] = {
    "DA": lambda text: _moments(text, _DAY),
    "TM": lambda text: _moments(text, _CLOCK),
    "DT": lambda text: _moments(text, (*_DAY, *_CLOCK)),
}


def _is_within(moments: Callable[[str], tuple[str, str]], value: str, wanted: str) -> bool:
    """Tell whether the first moment of a value is one of those that are wanted."""
    moment = moments(value)[0]
    first, dash, last = wanted.partition("-")
    last = last if dash else first
    return (not first or moments(first)[0] <= moment) and (not last or moment <= moments(last)[1])


_PAIRED = (
    "Study",
    "Series",
    "Acquisition",
    "Content",
    "PatientBirth",
    "PerformedProcedureStepStart",
)


def _without_moments(
    dataset: Dataset, conditions: Mapping[str, str]
) -> tuple[dict[str, str], bool]:
    """Return the conditions but for ranges of a date and its time, and whether those are met."""
    rest, is_met = dict(conditions), True
    for name in _PAIRED:
        date = "PatientBirthDate" if name == "PatientBirth" else f"{name}Date"
        time = date.removesuffix("Date") + "Time"
        if "-" in rest.get(date, "") and "-" in rest.get(time, ""):
            is_met &= _is_in_span(dataset, date, time, rest.pop(date), rest.pop(time))
    return rest, is_met


def _is_in_span(dataset: Dataset, date: str, time: str, dates: str, times: str) -> bool:
    """Tell whether date and time, as one moment, lie in one range of moments."""
    day, clock = str(dataset.get(date) or ""), str(dataset.get(time) or "")
    if not day:
        return False
    (first_day, _, last_day), (first, _, last) = dates.partition("-"), times.partition("-")
    # A day without a time lies in no part of that day.
    moment = _RANGES["TM"](clock)[0] if clock else ""
    least = _RANGES["TM"](first or "000000")[0]
    most = _RANGES["TM"](last or "235959")[1]
    is_late = moment >= least if moment else least == "000000.000000"
    is_early = moment <= most if moment else most == "235959.999999"
    after = not first_day or day > first_day or (day == first_day and is_late)
    before = not last_day or day < last_day or (day == last_day and is_early)
    return after and before
