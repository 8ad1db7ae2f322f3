"""Values of a search: UIDs, numbers, dates and times, checked and normalized."""

from __future__ import annotations

import calendar
import re

_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_TIME = re.compile(
    r"([01][0-9]|2[0-3])(:?[0-5][0-9](:?([0-5][0-9]|60)(\.[0-9]{1,6})?)?)?", re.ASCII
)
_DATE = re.compile(r"([0-9]{4})([.]?)([0-9]{2})\2([0-9]{2})", re.ASCII)
_MOMENT = (
    r"[0-9]{4}(?:(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12][0-9]|3[01])(?:(?:[01][0-9]|2[0-3])"
    r"(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?)?)?)?"
)
_OFFSET = r"(?:[+-](?:0[0-9]|1[0-4])[0-5][0-9])"
_DATE_TIME = re.compile(f"{_MOMENT}{_OFFSET}?", re.ASCII)
_DATE_TIME_RANGE = re.compile(f"({_MOMENT}{_OFFSET}?)?-({_MOMENT}{_OFFSET}?)?", re.ASCII)


def read_uid(text: str) -> str | None:
    """Return a UID, or None if it is invalid (leading zeros are allowed)."""
    return text if _UID.fullmatch(text) else None


def read_number(text: str) -> str | None:
    """Return the text of a number, or None if it is not one."""
    return text if _NUMBER.fullmatch(text) else None


def matched_range(vr: str, text: str) -> tuple[str, ...] | None:
    """Return one date or time, or the two ends of a range; None for other texts.

    Ends are inclusive, an empty one is open (PS3.4 C.2.2.2.5). Separators of ACR-NEMA are removed.
    """
    if vr == "DT":
        return _date_time_range(text)
    read = _date if vr == "DA" else _time
    if "-" not in text:
        value = read(text)
        return None if value is None else (value,)
    first, _, last = text.partition("-")
    ends = tuple("" if not end.strip() else read(end.strip()) for end in (first, last))
    found = tuple(end for end in ends if end is not None)
    return found if len(found) == 2 and any(found) else None


def _date(text: str) -> str | None:
    parts = _DATE.fullmatch(text)
    if parts is None:
        return None
    year, month, day = (int(parts[group]) for group in (1, 3, 4))
    if not (year and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]):
        return None
    return text.replace(".", "")


def _time(text: str) -> str | None:
    return text.replace(":", "") if _TIME.fullmatch(text) else None


def _date_time_range(text: str) -> tuple[str, ...] | None:
    """Return a date and time or a range of them.

    Four digits after a hyphen are an offset from UTC if they are a valid one.
    """
    if _DATE_TIME.fullmatch(text):
        return (text,)
    ends = _DATE_TIME_RANGE.fullmatch(text)
    if ends is None or not any(ends.groups()):
        return None
    return ends[1] or "", ends[2] or ""
