"""Conditions on texts, names, dates and times as SQL (PS3.4 C.2.2.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, literal, or_

from rendicom.dicomweb.query import Match
from rendicom.errors import BadRequestError
from rendicom.index.dialects import Dialect
from rendicom.index.search_keys import earliest, fold, latest, without_case_or_accents

Condition = ColumnElement[bool]

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
    """Makes conditions on values for one database and one search; see `Conditions`."""

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
