"""Formats dates and times for display; invalid values are returned unchanged."""

from __future__ import annotations

import re

_DATE = re.compile(r"([0-9]{4})[.-]?([0-9]{2})[.-]?([0-9]{2})")
_TIME = re.compile(r"([0-9]{2}):?([0-9]{2})?:?([0-9]{2})?(\.[0-9]{1,6})?")
_MOMENT = re.compile(
    r"([0-9]{4})([0-9]{2})?([0-9]{2})?([0-9]{2,6}(?:\.[0-9]{1,6})?)?([+-][0-9]{4})?"
)
_AGE = re.compile(r"([0-9]{1,10})([DWMY])")
_AGES = {"D": "day", "W": "week", "M": "month", "Y": "year"}


def plain_date(text: str) -> str:
    """Return a date (DA) with dashes.

    >>> plain_date("20240229"), plain_date("yesterday")
    ('2024-02-29', 'yesterday')
    """
    found = _DATE.fullmatch(text)
    return "-".join(found.groups()) if found else text


def plain_time(text: str) -> str:
    """Return a time (TM) with colons, and with a fraction unless it is zero.

    >>> plain_time("1430"), plain_time("143015.000000"), plain_time("143015.250")
    ('14:30', '14:30:15', '14:30:15.25')
    """
    found = _TIME.fullmatch(text)
    if not found:
        return text
    hour, minute, second, fraction = found.groups()
    clock = ":".join(filter(None, (hour, minute, second)))
    return clock + (fraction or "").rstrip("0").rstrip(".") if second else clock


def plain_datetime(text: str) -> str:
    """Return a date and time (DT), with its offset from UTC if it has one.

    >>> plain_datetime("20240229143015.5+0100"), plain_datetime("202402")
    ('2024-02-29 14:30:15.5 +01:00', '2024-02')
    """
    found = _MOMENT.fullmatch(text)
    if not found:
        return text
    year, month, day, time, offset = found.groups()
    date = "-".join(filter(None, (year, month, day)))
    zone = f"{offset[:3]}:{offset[3:]}" if offset else ""
    return " ".join(filter(None, (date, plain_time(time or ""), zone)))


def plain_age(text: str) -> str:
    """Return an age (AS) in words.

    >>> plain_age("042Y"), plain_age("001M")
    ('42 years', '1 month')
    """
    found = _AGE.fullmatch(text)
    if not found:
        return text
    number, unit = found[1].lstrip("0") or "0", found[2]
    return f"{number} {_AGES[unit]}{'' if number == '1' else 's'}"
