"""Conditions on texts, names, dates and times as SQL (PS3.4 C.2.2.2).

A range of dates and one of the times of the same pair form one range (PS3.18 8.3.4.1.1, PS3.4
C.2.2.2.5.4). Timezone Offset From UTC in a search is the offset of its dates and times, not a
condition (PS3.4 C.4.1.1.3.1.1): of pairs, of times alone, whose midnight it defines (PS3.4
C.2.2.2.5.2), and of a DT without a UTC offset (PS3.3 C.12.1.1.8).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, false, func, literal, or_

from rendicom.dicomweb.query import Match
from rendicom.errors import BadRequestError
from rendicom.index.dialects import Dialect
from rendicom.index.search_keys import (
    earliest,
    fold,
    from_day_on,
    instant,
    latest,
    without_case_or_accents,
)

Condition = ColumnElement[bool]

_PAIRS = {
    0x00080020: 0x00080030,  # Study
    0x00080021: 0x00080031,  # Series
    0x00080022: 0x00080032,  # Acquisition
    0x00080023: 0x00080033,  # Content
    0x00100030: 0x00100032,  # Patient's Birth
    0x00400244: 0x00400245,  # Performed Procedure Step Start
}
"""Tag of the time of each date."""
TIMEZONE = 0x00080201
_ANY_DAY = "20000102"
_FIRST, _LAST = "000000", "235959.999999"


class Span(NamedTuple):
    """First and last moment, both included; the date of an open end is empty."""

    first_date: str
    first_time: str
    last_date: str
    last_time: str

    def moved(self, minutes: int) -> Span:
        """Return the same moments on a clock that is ``minutes`` ahead."""
        first, last = self[:2], self[2:]
        return Span(*_moved(*first, minutes), *_moved(*last, minutes))


def span_of(date: Match, time: Match | None, *, has_offset: bool) -> Span | None:
    """Return the combined range of conditions on a date and on its time.

    None if they are separate conditions: one of them is not a range, and no offset is given.
    """
    kinds = ("single", "range")
    if date.kind not in kinds or not (time is None or time.kind in kinds):
        return None
    if not has_offset and (time is None or (date.kind, time.kind) != ("range", "range")):
        return None
    first_time, last_time = _ends(time) if time is not None else ("", "")
    first_date, last_date = _ends(date)
    return Span(
        first_date, earliest("TM", first_time or _FIRST),
        last_date, latest("TM", last_time or _LAST),
    )  # fmt: skip


def _ends(match: Match) -> tuple[str, str]:
    values: Sequence[str] = match.values
    return values[0], values[-1]


def _moved(date: str, time: str, minutes: int) -> tuple[str, str]:
    if not date:
        return date, time
    clock, _, fraction = time.partition(".")
    try:
        moment = datetime.strptime(f"{date}{clock:0<6}", "%Y%m%d%H%M%S")  # noqa: DTZ007
        moment += timedelta(minutes=minutes)
    except (ValueError, OverflowError):  # a leap second, or the end of time
        return date, time
    return f"{moment:%Y%m%d}", f"{moment:%H%M%S}" + (f".{fraction}" if fraction else "")


def within_span(date: Any, time: Any, span: Span) -> Condition:
    """Return the condition that a date and time lie in a span; no time means the whole day."""
    return and_(date != "", *_bounds(date, time, span))


def within_clock(time: Any, first: str, last: str, minutes: int) -> Condition:
    """Return the condition that a time lies in a range, on a clock that is ``minutes`` ahead.

    There the range may include midnight.
    """
    low, high = f"{first or _FIRST:0<6}", latest("TM", last)
    if low > high:
        return false()
    if (low, high) == (_FIRST, _LAST):
        return and_(time != "")
    low, high = (
        earliest("TM", _moved(_ANY_DAY, low, minutes)[1]),
        _moved(_ANY_DAY, high, minutes)[1],
    )
    bounds = (time >= low, time <= high)
    return and_(time != "", and_(*bounds) if low <= high else or_(*bounds))


def within_moments(value: Any, first: str, last: str, minutes: int) -> Condition:
    """Return the condition that a date and time lies in a range, ``minutes`` later.

    The ends are those of `moment_in_zone`.
    """
    bounds = [value != ""]
    if first:
        low = f"{from_day_on(first):0<14}" if "." not in first else first
        bounds.append(value >= earliest("DT", "".join(_moved(low[:8], low[8:], minutes))))
    if last:
        high = latest("DT", last)
        if len(last) == 6:
            high = f"{last}{monthrange(int(last[:4]), int(last[4:]))[1]}{high[8:]}"
        bounds.append(value <= "".join(_moved(high[:8], high[8:], minutes)))
    return and_(*bounds)


def moment_in_zone(text: str, offset: int) -> str:
    """Return a date and time of a search on the clock with this UTC offset, without its own."""
    utc = instant(text)
    return text if utc == text else "".join(_moved(utc[:8], utc[8:], offset))[: len(utc)]


def _bounds(date: Any, time: Any, span: Span) -> Iterator[Condition]:
    if span.first_date:
        least = earliest("TM", span.first_time)
        is_from = time >= least if least > earliest("TM", _FIRST) else time >= ""
        yield or_(date > span.first_date, and_(date == span.first_date, is_from))
    if span.last_date:
        is_until = and_(time != "", time <= span.last_time)
        if span.last_time >= _LAST:
            is_until = time <= span.last_time
        yield or_(date < span.last_date, and_(date == span.last_date, is_until))


def paired(matches: Iterable[Match]) -> Iterator[tuple[Match, Match | None]]:
    """Yield conditions on dates, each with the condition on its time or None."""
    by_tag = {match.path[0]: match for match in matches if len(match.path) == 1}
    for date, time in _PAIRS.items():
        if date in by_tag:
            yield by_tag[date], by_tag.get(time)


def time_of(date: int) -> int:
    """Return the tag of the time of a date of `paired`."""
    return _PAIRS[date]


def minutes_of(offset: str) -> int | None:
    """Return a UTC offset such as ``-0530`` in minutes, None if it is not one."""
    sign, digits = offset[:1], offset[1:]
    if sign not in ("+", "-") or len(digits) != 4 or not (digits.isascii() and digits.isdigit()):
        return None
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return -minutes if sign == "-" else minutes


TIMES = frozenset(("TM", "DT"))
_WORD_BREAKS = "^=-,."
_WILD = re.compile(r"[*?]")
_STARS = re.compile(r"\*+")
MOST_PATTERNS = 500
"""Patterns or times in one condition: each is compared with every value."""
_MOST_VALUES = 20_000
_LONGEST_PATTERN = 4096
"""Characters; no value is as long."""
_MOST_WORDS = 200


class TextConditions:
    """The conditions on texts of `Conditions`."""

    def __init__(self, dialect: Dialect, *, is_fuzzy: bool) -> None:
        self._dialect, self._is_fuzzy = dialect, is_fuzzy

    def matches(self, value: Any, vr: str, match: Match, texts: Sequence[str]) -> Condition:
        """Return the condition that a text, date or time matches one of ``texts``."""
        if match.kind == "range":
            return _within(value, vr, texts[0], texts[1])
        texts = tuple(dict.fromkeys(texts))
        if vr in TIMES:
            check_number(texts)
            return or_(*(_within(value, vr, text, text) for text in texts))
        plain = [text for text in texts if not _is_pattern(text, vr)]
        check_number(plain, _MOST_VALUES)
        equal = [value.in_(plain)] if len(plain) > 1 else [value == text for text in plain]
        return or_(*equal, self.is_like(value, [text for text in texts if _is_pattern(text, vr)]))

    def is_like(self, value: Any, patterns: Sequence[str]) -> Condition:
        """Return the condition that one of the patterns matches."""
        check_number(patterns)
        short = [_STARS.sub("*", text) for text in patterns]
        likes = [
            self._dialect.is_like(value, text) for text in short if len(text) <= _LONGEST_PATTERN
        ]
        return or_(false(), *likes)

    def is_name(self, value: Any, match: Match) -> Condition:
        """Return the condition that a folded name matches (groups between equals signs)."""
        if self._is_fuzzy:
            check_number(match.values)
            return or_(*(self._has_words(value, text) for text in match.values))
        patterns = [fold(text) for text in match.values]
        return self.is_like(value, [f"*{text}*" for text in patterns if text])

    def _has_words(self, value: Any, text: str) -> Condition:
        """Return the condition that each word of ``text`` begins a word of a folded name."""
        for mark in _WORD_BREAKS:
            value = func.replace(value, mark, " ")
        spaced = literal(" ").op("||")(value)
        words = _WILD.sub(" ", without_case_or_accents(text))
        for mark in _WORD_BREAKS:
            words = words.replace(mark, " ")
        several = dict.fromkeys(words.split())
        if not several or len(several) > _MOST_WORDS:
            return false()
        return and_(*(self.is_like(spaced, [f"* {each}*"]) for each in several))


def check_number(values: Sequence[str], most: int = MOST_PATTERNS) -> None:
    """Refuse more values than one condition may have."""
    if len(values) > most:
        raise BadRequestError(f"a search has more than {most} values for one attribute")


def _is_pattern(text: str, vr: str) -> bool:
    return vr != "UI" and ("*" in text or "?" in text)


def _within(value: Any, vr: str, first: str, last: str) -> Condition:
    """Return the condition that a date or time lies in a range, both ends included.

    An end without minutes or seconds includes all of them.
    """
    conditions = []
    if first:
        conditions.append(value >= earliest(vr, first))
    if last:
        conditions.append(value <= latest(vr, last))
    return and_(value != "", *conditions)
