"""Search parameters to a query (PS3.18 8.3.4 and 10.6.1, matching of PS3.4 C.2.2.2)."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from rendicom.dicom.elements import standard_vr
from rendicom.dicomweb.search_parameters import (
    FLAGS,
    KEY_LEVELS,
    LEVELS,
    SearchLevel,
    TagPath,
    is_attribute,
)
from rendicom.errors import BadRequestError

MatchKind = Literal["single", "list", "wildcard", "range", "universal", "empty"]

_MAX_DEPTH = 8
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_WILDCARD_VRS = frozenset(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UN", "UR", "UT"))
_RANGE_VRS = frozenset(("DA", "DT", "TM"))
_NUMBER_VRS = frozenset(("DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"))
_BINARY_VRS = frozenset(("OB", "OD", "OF", "OL", "OV", "OW"))
_EMPTY = '""'
_TIMEZONE = 0x00080201
_ALL = "all"


class Match(NamedTuple):
    """One condition; all conditions of a query must hold.

    ``path`` is one tag, or the tags of sequences and then one: some item of each must match.
    ``values`` depend on ``kind``:

    - ``single``: one value, to be equal. Names are compared without case.
    - ``list``: several, one of which must be equal; with wildcards if the VR allows them.
    - ``wildcard``: one, with ``*`` for any characters and ``?`` for one.
    - ``range``: first and last of dates or times, inclusive; an empty one leaves the end open.
    - ``universal``, ``empty``: none. Universal matches everything, even a missing attribute; empty
    matches a missing value.
    """

    path: TagPath
    vr: str
    kind: MatchKind
    values: tuple[str, ...] = ()


class Query(NamedTuple):
    """A parsed search.

    ``include`` has the attributes to return in addition to the default ones, or is ``"all"``.
    ``flags`` names the parameters that are true (see `search_parameters.FLAGS`).
    ``order`` has the tags to sort by, the first first, each with whether it is descending.
    ``timezone`` is the offset from UTC in which dates and times are meant, such as ``+0100``.
    ``warnings`` are sentences for Warning headers.
    """

    matches: tuple[Match, ...] = ()
    include: tuple[TagPath, ...] | Literal["all"] = ()
    limit: int | None = None
    offset: int = 0
    flags: frozenset[str] = frozenset()
    timezone: str = ""
    warnings: tuple[str, ...] = ()
    order: tuple[tuple[int, bool], ...] = ()

    @property
    def fuzzy(self) -> bool:
        """Tell whether similar names match, too."""
        return "fuzzymatching" in self.flags


def parse_query(pairs: Iterable[tuple[str, str]], *, level: SearchLevel) -> Query:
    """Return the query of decoded parameters; names that are not DICOM attributes are ignored.

    Conditions on attributes of a lower level than ``level`` are left out, with a warning.

    Raises
    ------
    BadRequestError
        A value is malformed, or a parameter is given twice; ``parameter`` names it.
    """
    by_name: dict[str, list[str]] = {}
    for name, value in pairs:
        by_name.setdefault(name, []).append(value)
    flags = frozenset(name for name in FLAGS if _flag(by_name, name))
    matches: dict[TagPath, Match] = {}
    warnings: list[str] = []
    timezone = ""
    for name, values in by_name.items():
        path = parse_path(name) if is_attribute(name) else None
        if path is None:
            continue
        if path == (_TIMEZONE,):
            if timezone or len(values) > 1:
                raise _twice(name)
            timezone = _offset(name, values[0])
            continue
        if _is_below(path, level):
            warnings.append(f"The following attribute is not searched for {level}: {name}")
            continue
        if path in matches:
            raise _twice(name)
        matches[path] = _How(name, flags).match(path, values)
    return Query(
        matches=tuple(matches.values()),
        include=_include(by_name.get("includefield", [])),
        limit=_count(by_name, "limit"),
        offset=_count(by_name, "offset") or 0,
        flags=flags,
        timezone=timezone,
        warnings=tuple(warnings),
        order=_order(by_name),
    )


def parse_path(text: str) -> TagPath | None:
    """Return the tags of an attribute by keyword, 8 hexadecimal digits or a dotted path.

    None if a part is not an attribute, or one before the last is not a sequence.

    >>> parse_path("RequestAttributesSequence.00401001")
    (4194933, 4198401)
    """
    parts = text.split(".")
    if len(parts) > _MAX_DEPTH:
        return None
    tags = [_tag_of(part) for part in parts]
    path = tuple(tag for tag in tags if tag is not None)
    if len(path) < len(parts) or any(tag >> 16 <= 2 for tag in path):
        return None
    # The VR of private sequences is unknown here: they are accepted.
    return path if all(standard_vr(tag) in ("SQ", "") for tag in path[:-1]) else None


def _tag_of(text: str) -> int | None:
    from pydicom.datadict import tag_for_keyword

    if _TAG.fullmatch(text):
        return int(text, 16)
    return tag_for_keyword(text) if text else None


def _is_below(path: TagPath, level: SearchLevel) -> bool:
    """Tell whether an attribute is known to be of a lower level only."""
    of_key = KEY_LEVELS.get(path[0])
    return of_key is not None and LEVELS.index(of_key) > LEVELS.index(level)


class _How:
    """Reads the values of one parameter."""

    def __init__(self, name: str, flags: frozenset[str]) -> None:
        self._name, self._flags = name, flags

    def match(self, path: TagPath, values: Sequence[str]) -> Match:
        vr = standard_vr(path[-1]).partition(" ")[0] or "UN"
        if len(values) > 1 and vr not in ("UI", "CS"):
            raise _twice(self._name)
        value = "\\".join(values)
        if "\0" in value:
            # NUL is only padding in attributes, and databases refuse it.
            raise self._bad("contains a NUL", "")
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise self._bad("is not text", "its bytes do not form characters")
        if value == "" or (set(value) == {"*"} and vr not in _NUMBER_VRS):
            return Match(path, vr, "universal")
        if value == _EMPTY and "emptyvaluematching" in self._flags:
            return Match(path, vr, "empty")
        if vr == "SQ" or vr in _BINARY_VRS:
            raise self._bad("is not searched by a value", "give an attribute of its items")
        if vr in _RANGE_VRS and "\\" not in value:
            return self._dated(path, vr, value)
        texts = self._several(vr, value)
        read = tuple(self._value(vr, text) for text in texts)
        if len(read) > 1:
            return Match(path, vr, "list", read)
        is_wildcard = vr in _WILDCARD_VRS and ("*" in read[0] or "?" in read[0])
        return Match(path, vr, "wildcard" if is_wildcard else "single", read)

    def _several(self, vr: str, value: str) -> list[str]:
        """Return the values of a list.

        A comma separates UIDs, and codes too: neither may contain one. So does a backslash, which
        separates other values only if the client requests it.
        """
        if vr in ("UI", "CS"):
            return [text for text in re.split(r"[\\,]", value) if text.strip()] or [value]
        if "\\" in value and "multiplevaluematching" in self._flags:
            return [text for text in value.split("\\") if text] or [value]
        return [value]

    def _value(self, vr: str, text: str) -> str:
        if vr == "UI":
            return self._checked(_UID, text, "is not a UID")
        if vr in _NUMBER_VRS:
            return self._checked(_NUMBER, text, "is not a number")
        if vr in _RANGE_VRS:
            return self._dated((0,), vr, text).values[0]
        if vr == "AT":
            if not _TAG.fullmatch(text):
                raise self._bad("is not a tag", "give eight hexadecimal digits")
            return text.upper()
        # Leading spaces are significant in texts (PS3.5 Table 6.2-1).
        return text.rstrip(" ") if vr in ("LT", "ST", "UT") else text.strip(" ")

    def _dated(self, path: TagPath, vr: str, text: str) -> Match:
        ends = matched_range(vr, text.strip())
        if ends is None:
            what = {"DA": "date", "TM": "time", "DT": "date and time"}[vr]
            raise self._bad(f"is neither a {what} nor a range", "for example 20240101-20241231")
        return Match(path, vr, "range" if len(ends) == 2 else "single", ends)

    def _checked(self, form: re.Pattern[str], text: str, what: str) -> str:
        if not form.fullmatch(text.strip()):
            raise self._bad(what, "")
        return text.strip()

    def _bad(self, what: str, hint: str) -> BadRequestError:
        return BadRequestError(f"the value of {self._name} {what}", hint=hint, parameter=self._name)


# --- the other parameters ----------------------------------------------------------------------


def _include(values: Sequence[str]) -> tuple[TagPath, ...] | Literal["all"]:
    """Return the attributes of all includefield parameters; unknown ones are ignored."""
    names = [name.strip() for value in values for name in value.split(",")]
    if _ALL in names:
        return "all"
    paths = (parse_path(name) for name in names)
    return tuple(dict.fromkeys(path for path in paths if path is not None))


def _order(by_name: dict[str, list[str]]) -> tuple[tuple[int, bool], ...]:
    """Return the tags to sort by; unknown names are ignored."""
    names = [name.strip() for name in (_one(by_name, "orderby") or "").split(",")]
    found = ((parse_path(name.removeprefix("-")), name.startswith("-")) for name in names)
    return tuple((path[0], is_falling) for path, is_falling in found if path and len(path) == 1)


def _offset(name: str, value: str) -> str:
    """Return an offset from UTC; a plus that was not escaped arrives as a blank."""
    text = value.strip()
    text = f"+{text}" if value.startswith(" ") and text[:1].isdigit() else text
    if text in ("", "*", _EMPTY):
        return ""
    if not re.fullmatch(_OFFSET, text, re.ASCII):
        raise BadRequestError(
            f"the value of {name} is not an offset from UTC",
            hint="for example +0100",
            parameter=name,
        )
    return text


def _flag(by_name: dict[str, list[str]], name: str) -> bool:
    value = _one(by_name, name)
    if value not in (None, "true", "false"):
        raise BadRequestError(f"{name} is neither true nor false", parameter=name)
    return value == "true"


def _count(by_name: dict[str, list[str]], name: str) -> int | None:
    value = _one(by_name, name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise BadRequestError(f"{name} is not a whole number, 0 or more", parameter=name)
    return int(value)


def _one(by_name: dict[str, list[str]], name: str) -> str | None:
    values = by_name.get(name, [])
    if len(values) > 1:
        raise _twice(name)
    return values[0] if values else None


def _twice(name: str) -> BadRequestError:
    return BadRequestError(f"{name} is given more than once", parameter=name)


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
