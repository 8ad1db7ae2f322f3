"""One condition of a search as SQL (attribute matching, PS3.4 C.2.2.2).

Whatever a client gives is a bound value or a pattern with its special characters escaped; tags
are numbers. Of several values one must match. Text is compared in its own case, a person name
without case and accents.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    case,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    type_coerce,
)

from rendicom.errors import BadRequestError
from rendicom.index.dialects import Dialect
from rendicom.index.keys import (
    KEYS,
    SHADOW,
    SHADOWED,
    VIRTUAL,
    Keys,
    fold,
    instant,
    name_of,
    without_case_or_accents,
)
from rendicom.index.places import short_uid
from rendicom.index.schema import INSTANCE, NO_NUMBER, file, series, study
from rendicom.index.values import Level, Match

__all__ = ["Conditions"]

Condition = ColumnElement[bool]

_NUMBERS = frozenset(("DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"))
_TIMES = frozenset(("TM", "DT"))
_LATEST = {"TM": "235959.999999", "DT": "99991231235959.999999"}
_WORD_BREAKS = "^=-,."
_WILD = re.compile(r"[*?]")
_STARS = re.compile(r"\*+")
_MOST_PATTERNS = 500
"""Patterns or times in one condition: each is compared with every value."""
_MOST_VALUES = 20_000
_LONGEST_PATTERN = 4096
"""Letters; no value has as many."""
_MOST_WORDS = 200

_STUDY_TEXTS = {
    0x0020000D: study.c.uid,
    0x00100020: study.c.patient_id,
    0x00080020: study.c.study_date,
    0x00080030: study.c.study_time,
    0x00080050: study.c.accession_number,
    0x00200010: study.c.study_id,
}
_TEXTS: dict[int, Any] = {
    **_STUDY_TEXTS,
    0x0020000E: series.c.uid,
    0x00080060: series.c.modality,
    0x00080018: file.c.uid,
}
_NAMES: dict[int, Any] = {0x00100010: study.c.patient_name, 0x00080090: study.c.referring}
_COLUMN_NUMBERS: dict[int, Any] = {
    0x00200011: series.c.number,
    0x00200013: file.c.number,
    0x00280008: case(((file.c.rows > 0) | (file.c.columns > 0), file.c.frames)),
    0x00280010: func.nullif(file.c.rows, 0),
    0x00280011: func.nullif(file.c.columns, 0),
    0x00280100: func.nullif(file.c.bits, 0),
}
"""What is not said is zero in a column."""
_CONTAINERS: dict[Level, Any] = {
    "studies": study.c.more,
    "series": series.c.more,
    "instances": file.c.more,
}
_SHORT_UIDS: dict[int, Any] = {0x00080016: file.c.sop_class, 0x00083002: file.c.transfer_syntax}


class Conditions:
    """Makes conditions for one database and one search.

    Parameters
    ----------
    is_fuzzy
        A person name matches where each word of what is sought begins a word of the name.
    """

    def __init__(self, dialect: Dialect, *, is_fuzzy: bool) -> None:
        self._dialect = dialect
        self._is_fuzzy = is_fuzzy
        self._tables = 0

    def of(self, matches: Iterable[Match], level: Level) -> list[Condition]:
        """Return the conditions for matches on attributes that are kept on this level.

        Those on attributes of one sequence must hold for the same item.
        """
        found: list[Condition] = []
        in_sequences: dict[int, list[tuple[tuple[int, ...], Match]]] = {}
        for match in matches:
            if match.kind == "universal":
                continue
            if len(match.path) > 1:
                in_sequences.setdefault(match.path[0], []).append((match.path[1:], match))
            else:
                found.append(self._top(match, level))
        for tag, inside in in_sequences.items():
            keys = KEYS[level].get(tag)
            held = isinstance(keys, dict)
            found.append(self._item(_CONTAINERS[level], tag, inside, keys) if held else false())
        return found

    def _top(self, match: Match, level: Level) -> Condition:
        tag = match.path[0]
        if tag in VIRTUAL:
            return self._counted(tag, match)
        if tag in _SHORT_UIDS:
            uids = [short_uid(value) for value in match.values]
            return self._column(_SHORT_UIDS[tag], "UI", match, uids)
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
        return and_(value != "", self._text(value, vr, match, texts))

    def _name_column(self, value: Any, match: Match) -> Condition:
        if match.kind == "empty":
            return _is(value == "")
        return self._is_name(value, match)

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
                there = self._text(chosen.c.modality, "CS", match, match.values)
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

    # --- what is kept as JSON ------------------------------------------------------------------

    def _item(
        self,
        container: Any,
        tag: int,
        inside: Sequence[tuple[tuple[int, ...], Match]],
        keys: Any,
    ) -> Condition:
        """Return that some item of a sequence meets all of the conditions on it."""
        items = self._dialect.values(container, name_of(tag), self._name())
        item = items.c.value
        conditions: list[Condition] = []
        deeper: dict[int, list[tuple[tuple[int, ...], Match]]] = {}
        for path, match in inside:
            below = keys.get(path[0])
            if below is None:
                conditions.append(false())
            elif len(path) > 1:
                deeper.setdefault(path[0], []).append((path[1:], match))
            else:
                conditions.append(self._kept(item, path[0], below, match))
        for below_tag, below_inside in deeper.items():
            below_keys = keys[below_tag]
            is_sequence = isinstance(below_keys, dict)
            conditions.append(
                self._item(item, below_tag, below_inside, below_keys) if is_sequence else false()
            )
        return select(literal_column("1")).select_from(items).where(*conditions).exists()

    def _kept(self, container: Any, tag: int, vr: str | Keys, match: Match) -> Condition:
        name = name_of(tag)
        if match.kind == "empty":
            values = self._dialect.values(container, name, self._name())
            return not_(select(literal_column("1")).select_from(values).exists())
        if not isinstance(vr, str):
            return false()
        compared = name + SHADOW if vr in SHADOWED else name
        values = self._dialect.values(container, compared, self._name())
        if vr in _NUMBERS:
            numbers = [n for text in match.values if (n := _number(text)) is not None]
            equal = [self._dialect.is_number(values.c.value, number) for number in numbers]
            condition = or_(*equal) if equal else false()
        elif vr == "PN":
            condition = self._is_name(self._dialect.text(values.c.value), match)
        else:
            condition = self._text(self._dialect.text(values.c.value), vr, match, match.values)
        return select(literal_column("1")).select_from(values).where(condition).exists()

    # --- values --------------------------------------------------------------------------------

    def _text(self, value: Any, vr: str, match: Match, texts: Sequence[str]) -> Condition:
        if match.kind == "range":
            return _within(value, vr, texts[0], texts[1])
        texts = tuple(dict.fromkeys(texts))
        if vr in _TIMES:
            _check_number(texts, _MOST_PATTERNS)
            return or_(*(_within(value, vr, text, text) for text in texts))
        plain = [text for text in texts if not _is_pattern(text, vr)]
        _check_number(plain, _MOST_VALUES)
        equal = [value.in_(plain)] if len(plain) > 1 else [value == text for text in plain]
        return or_(*equal, self._is_like(value, [text for text in texts if _is_pattern(text, vr)]))

    def _is_like(self, value: Any, patterns: Sequence[str]) -> Condition:
        """Return that one of the patterns matches."""
        _check_number(patterns, _MOST_PATTERNS)
        short = [_STARS.sub("*", text) for text in patterns]
        likes = [
            self._dialect.is_like(value, text) for text in short if len(text) <= _LONGEST_PATTERN
        ]
        return or_(false(), *likes)

    def _is_name(self, value: Any, match: Match) -> Condition:
        """Return that a folded name matches: it has all of its groups between equals signs."""
        if self._is_fuzzy:
            _check_number(match.values, _MOST_PATTERNS)
            return or_(*(self._has_words(value, text) for text in match.values))
        patterns = [fold(text) for text in match.values]
        return self._is_like(value, [f"*{text}*" for text in patterns if text])

    def _has_words(self, value: Any, text: str) -> Condition:
        """Return that each word of ``text`` begins a word of a folded name, in whatever order."""
        for mark in _WORD_BREAKS:
            value = func.replace(value, mark, " ")
        spaced = literal(" ").op("||")(value)
        words = _WILD.sub(" ", without_case_or_accents(text))
        for mark in _WORD_BREAKS:
            words = words.replace(mark, " ")
        several = dict.fromkeys(words.split())
        if not several or len(several) > _MOST_WORDS:
            return false()
        return and_(*(self._is_like(spaced, [f"* {each}*"]) for each in several))

    def _name(self) -> str:
        self._tables += 1
        return f"values_{self._tables}"


def _is(condition: Any) -> Condition:
    result: Condition = condition
    return result


def _check_number(values: Sequence[str], most: int) -> None:
    if len(values) > most:
        raise BadRequestError(f"a search has more than {most} values for one attribute")


def _is_pattern(text: str, vr: str) -> bool:
    return vr != "UI" and ("*" in text or "?" in text)


def _within(value: Any, vr: str, first: str, last: str) -> Condition:
    """Return that a date or time lies in a range, both ends included.

    An end that leaves out minutes or seconds stands for all of them.
    """
    conditions = []
    if first:
        conditions.append(value >= _earliest(vr, first))
    if last:
        conditions.append(value <= _latest(vr, last))
    return and_(value != "", *conditions)


def _earliest(vr: str, text: str) -> str:
    """Return the least text that stands for this moment: zeros at the end may be left out."""
    if vr == "DA":
        return text
    text = instant(text) if vr == "DT" else text
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    shortest = 8 if vr == "DT" else 2
    while "." not in text and len(text) > shortest and text.endswith("00"):
        text = text[:-2]
    return text


def _latest(vr: str, text: str) -> str:
    """Return the greatest text that stands for this moment, or lies in it."""
    if vr == "DA":
        return text
    text = instant(text) if vr == "DT" else text
    if "." in text:
        return f"{text:9<{text.index('.') + 7}}"
    return text + _LATEST[vr][len(text) :]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
