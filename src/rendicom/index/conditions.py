"""One condition of a search as SQL (attribute matching, PS3.4 C.2.2.2).

Values of a client become bound parameters or escaped patterns, tags become numbers. One of several
values must match. Text is compared case-sensitively, a person name without case and accents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    and_,
    case,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    type_coerce,
)

from rendicom.dicomweb.query import Match
from rendicom.index.dialects import Dialect
from rendicom.index.locations import short_uid
from rendicom.index.records import Level
from rendicom.index.schema import (
    INSTANCE,
    NO_NUMBER,
    PERSON_COLUMNS,
    STUDY_TAGS,
    file,
    series,
    study,
)
from rendicom.index.search_keys import KEYS, SHADOW, SHADOWED, VIRTUAL, Keys, name_of
from rendicom.index.text_conditions import (
    TIMES,
    TIMEZONE,
    Condition,
    Span,
    TextConditions,
    check_number,
    minutes_of,
    moment_in_zone,
    paired,
    span_of,
    time_of,
    within_clock,
    within_moments,
    within_span,
)

_NUMBERS = frozenset(("DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"))

_OF_STUDY = {tag: study.c[name] for name, tag in STUDY_TAGS.items()}
_NAMES: dict[int, Any] = {STUDY_TAGS[name]: study.c[name] for name in PERSON_COLUMNS}
_TEXTS: dict[int, Any] = {
    **{tag: column for tag, column in _OF_STUDY.items() if tag not in _NAMES},
    0x0020000D: study.c.uid,
    0x0020000E: series.c.uid,
    0x00080060: series.c.modality,
    0x00080018: file.c.uid,
}
_COLUMN_NUMBERS: dict[int, Any] = {
    0x00200011: series.c.number,
    0x00200013: file.c.number,
    0x00280008: case(((file.c.rows > 0) | (file.c.columns > 0), file.c.frames)),
    0x00280010: func.nullif(file.c.rows, 0),
    0x00280011: func.nullif(file.c.columns, 0),
    0x00280100: func.nullif(file.c.bits, 0),
}
"""Numbers that a file does not give are 0 in their column."""
_CONTAINERS: dict[Level, Any] = {
    "studies": study.c.more,
    "series": series.c.more,
    "instances": file.c.more,
}
_SHORT_UIDS: dict[int, Any] = {0x00080016: file.c.sop_class, 0x00083002: file.c.transfer_syntax}


class Conditions(TextConditions):
    """Makes conditions for one database and one search.

    Parameters
    ----------
    is_fuzzy
        A person name matches if each word of the value begins a word of the name.
    offset
        UTC offset in minutes of the dates and times of the search, None for local time.
    offsets
        Timezone Offset From UTC of the studies that have one.
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        is_fuzzy: bool,
        offset: int | None = None,
        offsets: Sequence[str] = (),
    ) -> None:
        super().__init__(dialect, is_fuzzy=is_fuzzy)
        self._offset = offset
        self._offsets = offsets
        self._tables = 0

    def of(self, matches: Iterable[Match], level: Level) -> list[Condition]:
        """Return the conditions for matches on attributes that are kept on this level.

        Those on attributes of one sequence must hold for the same item.
        """
        matches = list(matches)
        found: list[Condition] = []
        for date, time in paired(matches):
            span = span_of(date, time, has_offset=self._offset is not None)
            if span is not None:
                found.append(self._moment(date.path[0], span, level, time))
                matches = [each for each in matches if each not in (date, time)]
        asked = [(match.path, match) for match in matches if match.kind != "universal"]
        found += self._grouped(
            asked, KEYS[level], _CONTAINERS[level], lambda _, match: self._top(match, level)
        )
        return found

    def _grouped(
        self,
        asked: Iterable[tuple[tuple[int, ...], Match]],
        keys: Keys,
        container: Any,
        alone: Callable[[int, Match], Condition],
    ) -> list[Condition]:
        """Return the conditions of ``alone``, and one for each sequence with those in it."""
        found: list[Condition] = []
        inside: dict[int, list[tuple[tuple[int, ...], Match]]] = {}
        for path, match in asked:
            if len(path) > 1:
                inside.setdefault(path[0], []).append((path[1:], match))
            else:
                found.append(alone(path[0], match))
        for tag, below in inside.items():
            keys_below = keys.get(tag)
            is_sequence = isinstance(keys_below, dict)
            found.append(self._item(container, tag, below, keys_below) if is_sequence else false())
        return found

    def _moment(self, tag: int, span: Span, level: Level, time: Match | None) -> Condition:
        """Return the condition that a date and its time lie in a span."""
        times = time.path[0] if time is not None else time_of(tag)
        date, clock = self._first_text(tag, level), self._first_text(times, level)
        if self._offset is None:
            return within_span(date, clock, span)
        in_zones = self._in_zones(lambda minutes: within_span(date, clock, span.moved(minutes)))
        # A date without a time is a day, not a moment: it has no zone.
        return or_(and_(clock != "", in_zones), and_(clock == "", within_span(date, clock, span)))

    def _in_zones(self, condition: Callable[[int], Condition]) -> Condition:
        """Return a condition on moments of each study in the time zone of the study.

        ``condition`` gets the minutes by which its clocks are ahead of those of the search; a
        study without Timezone Offset From UTC counts as being in the zone of the search.
        """
        zone = self._first_text(TIMEZONE, "studies")
        told = [(text, minutes_of(text)) for text in self._offsets]
        known = {text: minutes for text, minutes in told if minutes is not None}
        ahead = self._offset or 0
        in_known = [
            and_(zone == text, condition(minutes - ahead)) for text, minutes in known.items()
        ]
        return or_(*in_known, and_(zone.not_in(known), condition(0)))

    def _time(self, tag: int, level: Level, match: Match) -> Condition:
        """Return the condition on a time of day without its date."""
        ends = _ends_of(match)
        clock = self._first_text(tag, level)
        return self._in_zones(
            lambda minutes: or_(*(within_clock(clock, *each, minutes) for each in ends))
        )

    def _date_time(self, tag: int, level: Level, match: Match) -> Condition:
        """Return the condition on a DT, which may have a UTC offset."""
        offset = self._offset or 0
        ends = [
            (moment_in_zone(first, offset), moment_in_zone(last, offset))
            for first, last in _ends_of(match)
        ]
        container, name = _CONTAINERS[level], name_of(tag)

        def within(minutes: int) -> Condition:
            values = self._dialect.values(container, name + SHADOW, self._name())
            value = self._dialect.text(values.c.value)
            there = or_(*(within_moments(value, *each, minutes) for each in ends))
            return _in(values, there)

        values = self._dialect.values(container, name, self._name())
        with_offset = self.is_like(self._dialect.text(values.c.value), ["*+????", "*-????"])
        has_offset = _in(values, with_offset)
        return or_(
            and_(has_offset, within(-offset)), and_(not_(has_offset), self._in_zones(within))
        )

    def _first_text(self, tag: int, level: Level) -> Any:
        """Return the first value of an attribute as text, empty without a value."""
        if tag in _TEXTS:
            return _TEXTS[tag]
        values = self._dialect.values(_CONTAINERS[level], name_of(tag), self._name())
        first = select(self._dialect.text(values.c.value)).select_from(values).limit(1)
        return func.coalesce(first.scalar_subquery(), "")

    def offsets(self) -> Select[Any]:
        """Return the selection of the Timezone Offset From UTC of all studies."""
        values = self._dialect.values(study.c.more, name_of(TIMEZONE), self._name())
        return select(self._dialect.text(values.c.value)).select_from(study, values).distinct()

    def _top(self, match: Match, level: Level) -> Condition:
        tag = match.path[0]
        if tag in VIRTUAL:
            return self._counted(tag, match)
        if tag in _SHORT_UIDS:
            uids = [short_uid(value) for value in match.values]
            return self._column(_SHORT_UIDS[tag], "UI", match, uids)
        if self._offset is not None and match.kind != "empty" and KEYS[level][tag] in TIMES:
            as_moment = self._time if KEYS[level][tag] == "TM" else self._date_time
            return as_moment(tag, level, match)
        if tag in _TEXTS:
            return self._column(_TEXTS[tag], str(KEYS[level][tag]), match, match.values)
        if tag in _NAMES:
            return self._name_column(_NAMES[tag], match)
        if tag in _COLUMN_NUMBERS:
            return self._number_column(_COLUMN_NUMBERS[tag], match)
        return self._kept(_CONTAINERS[level], tag, KEYS[level][tag], match)

    # --- columns -------------------------------------------------------------------------------

    def _column(self, value: Any, vr: str, match: Match, texts: Sequence[str]) -> Condition:
        if match.kind == "empty":
            return _is(value == "")
        return and_(value != "", self.matches(value, vr, match, texts))

    def _name_column(self, value: Any, match: Match) -> Condition:
        if match.kind == "empty":
            return _is(value == "")
        return self.is_name(value, match)

    def _number_column(self, value: Any, match: Match) -> Condition:
        absent = or_(value.is_(None), value == NO_NUMBER)
        if match.kind == "empty":
            return absent
        wanted = [number for text in match.values if (number := _number(text)) is not None]
        whole = [int(number) for number in wanted if number == int(number)]
        small = [number for number in whole if abs(number) < NO_NUMBER]
        # A number may be larger than any in its column.
        return type_coerce(value, BigInteger).in_(small) if small else false()

    def _counted(self, tag: int, match: Match) -> Condition:
        if tag == 0x00080061:
            chosen = series.alias("of_study")
            is_empty = match.kind == "empty"
            there = _is(chosen.c.modality != "")
            if not is_empty:
                there = self.matches(chosen.c.modality, "CS", match, match.values)
            found = select(chosen.c.id).where(chosen.c.study == study.c.id, there).exists()
            return not_(found) if is_empty else found
        if match.kind == "empty":
            return false()
        if tag == 0x00080062:
            return self._has_class(match)
        lower = series.alias("of_study")
        of_study = lower.c.study == study.c.id
        count: Any = {
            0x00201206: select(func.count()).select_from(lower).where(of_study).scalar_subquery(),
            0x00201208: select(func.sum(lower.c.instances)).where(of_study).scalar_subquery(),
            0x00201209: series.c.instances,
        }[tag]
        return self._number_column(count, match)

    def _has_class(self, match: Match) -> Condition:
        lower, files = series.alias("of_study"), file.alias("of_series")
        uids = [short_uid(value) for value in match.values]
        chosen = select(files.c.id).join(lower, files.c.series == lower.c.id)
        there = (lower.c.study == study.c.id, files.c.kind == INSTANCE, files.c.sop_class.in_(uids))
        return chosen.where(*there).exists()

    # --- attributes kept as JSON ---------------------------------------------------------------

    def _item(
        self,
        container: Any,
        tag: int,
        inside: Sequence[tuple[tuple[int, ...], Match]],
        keys: Any,
    ) -> Condition:
        """Return the condition that one item of a sequence meets all conditions on it."""
        items = self._dialect.values(container, name_of(tag), self._name())
        item = items.c.value

        def alone(below: int, match: Match) -> Condition:
            return self._kept(item, below, keys[below], match) if below in keys else false()

        conditions = self._grouped(inside, keys, item, alone)
        return _in(items, *conditions)

    def _kept(self, container: Any, tag: int, vr: str | Keys, match: Match) -> Condition:
        name = name_of(tag)
        if match.kind == "empty":
            values = self._dialect.values(container, name, self._name())
            return not_(_in(values))
        if not isinstance(vr, str):
            return false()
        compared = name + SHADOW if vr in SHADOWED else name
        values = self._dialect.values(container, compared, self._name())
        if vr in _NUMBERS:
            numbers = [n for text in match.values if (n := _number(text)) is not None]
            equal = [self._dialect.is_number(values.c.value, number) for number in numbers]
            condition = or_(*equal) if equal else false()
        elif vr == "PN":
            condition = self.is_name(self._dialect.text(values.c.value), match)
        else:
            text = self._dialect.text(values.c.value)
            condition = self.matches(text, vr, match, match.values)
        return _in(values, condition)

    def _name(self) -> str:
        self._tables += 1
        return f"values_{self._tables}"


def _in(values: Any, *conditions: Condition) -> Condition:
    """Return the condition that a table of values has a row that meets all conditions."""
    return select(literal_column("1")).select_from(values).where(*conditions).exists()


def _is(condition: Any) -> Condition:
    result: Condition = condition
    return result


def _ends_of(match: Match) -> list[tuple[str, str]]:
    """Return the first and last moment of each value."""
    if match.kind == "range":
        return [(match.values[0], match.values[1])]
    texts = tuple(dict.fromkeys(match.values))
    check_number(texts)
    return [(text, text) for text in texts]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
