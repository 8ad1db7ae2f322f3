"""Checks search results against the requested keys (attribute matching, PS3.4 C.2.2.2).

A server ignores keys that it does not know, and returns the studies of all patients. Matching here
is never stricter than the standard: any possible match counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rendicom.client.response_models import Model, values
from rendicom.dicom.person_names import name_of_model
from rendicom.dicomweb.query import Match, Query, parse_path, parse_query
from rendicom.dicomweb.search_parameters import FLAGS, LEVELS, RETURNED_KEYS, Pairs, SearchLevel
from rendicom.errors import BadRequestError, OptionError, WireError

_LIKE = 0.6
_OF_PATIENTS = (0x0010, 0x0012)
"""Groups of patients and of clinical trials."""
_IDENTITY = tuple(tag for tag in RETURNED_KEYS["studies"] if tag >> 16 == 0x0010)
"""Attributes of every study in results (PS3.18 Table 10.6.3-3): a missing one has no value."""
_COMPUTED = (0x00080056, 0x00080061, 0x00080062, 0x00201206, 0x00201208, 0x00201209)
"""Servers compute these: no data set has them."""
_TEMPORAL = ("DA", "TM", "DT")
_NUMBERS = frozenset(("DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"))
_LATEST = {"DA": "99991231", "TM": "235959.999999", "DT": "99991231235959.999999"}
_EARLIEST = {"DA": "00000101", "TM": "000000.000000", "DT": "00000101000000.000000"}
_UIDS = re.compile(r"[0-9A-Za-z.,\\*_-]+", re.ASCII)


# --- before asking ------------------------------------------------------------------------------


def check_keys(pairs: Pairs) -> None:
    """Refuse unknown keys and malformed values.

    Raises
    ------
    OptionError
        The message suggests a similar key; values are not repeated, as they may be a patient's.
    """
    for name, _ in pairs:
        if name not in FLAGS and parse_path(name) is None:
            near = _keyword_like(name)
            raise OptionError(
                f"{name} is neither a keyword nor a tag of an attribute",
                hint=f"did you mean {near}?" if near else "such as PatientID, or 00100020",
            )
    if pairs:
        _query_of(pairs)


def _keyword_like(name: str) -> str:
    """Return the most similar keyword, or path of keywords, for a misspelt name; else empty."""
    from difflib import get_close_matches

    from pydicom.datadict import keyword_dict

    by_small = {keyword.lower(): keyword for keyword in keyword_dict if keyword}
    found = []
    for part in name.split("."):
        small = part.lower()
        if parse_path(part) is not None:
            near = [part]
        else:
            near = get_close_matches(small, by_small, n=1, cutoff=_LIKE)
        if not near:
            return ""
        found.append(by_small.get(near[0].lower(), near[0]))
    return ".".join(found)


def _query_of(pairs: Pairs) -> Query:
    """Return the query; invalid UIDs are allowed, as some servers use them."""
    from rendicom.dicom.elements import standard_vr

    odd = [
        (name, value)
        for name, value in pairs
        if name not in FLAGS
        and standard_vr((parse_path(name) or (0,))[-1]) == "UI"
        and _UIDS.fullmatch(value)
    ]
    plain = [pair for pair in pairs if pair not in odd]
    try:
        query = parse_query(plain, level="instances")
    except BadRequestError as error:
        raise OptionError(error.message, hint=error.hint) from None
    uids: dict[str, list[str]] = {}
    for name, value in odd:
        uids.setdefault(name, []).extend(re.split(r"[\\,]", value))
    listed = [
        Match(parse_path(name) or (), "UI", "list", tuple(found))
        for name, found in uids.items()
        if "*" not in found
    ]
    return query._replace(matches=(*query.matches, *listed))


def level_of_key(name: str) -> SearchLevel:
    """Return the level of a key: instances if the standard does not list it."""
    # Not at the top: it loads pydicom, which a run without matches does not need.
    from rendicom.index.search_keys import level_of

    path = parse_path(name) or (0,)
    known = level_of(path[0])
    if known is None and path[0] >> 16 in _OF_PATIENTS:
        return "studies"
    return known or "instances"


# --- after --------------------------------------------------------------------------------------


class MatchReport:
    """Result of checking search results against the requested keys.

    Attributes
    ----------
    left_out
        Results that do not match.
    differing, unchecked
        Keys that did not match, and keys that a result does not contain.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self.differing: dict[str, None] = {}
        self.unchecked: dict[str, None] = {}

    def leave_out(self, count: int, keys: Iterable[str]) -> None:
        """Count results that are left out because of keys."""
        self.left_out += count
        self.differing.update(dict.fromkeys(keys))

    def add(self, other: MatchReport) -> None:
        """Add the counts of another one."""
        self.left_out += other.left_out
        self.differing.update(other.differing)
        self.unchecked.update(other.unchecked)

    def doubts(self, host: str) -> Iterator[str]:
        """Yield sentences about conditions that could not be checked."""
        if self.unchecked:
            yield (
                f"{host} does not return {', '.join(self.unchecked)}: it cannot be checked here "
                "whether it searches by that"
            )

    def failure(self, host: str) -> WireError | None:
        """Return an error where results were left out."""
        if not self.left_out:
            return None
        several = "results that do" if self.left_out > 1 else "result that does"
        keys = ", ".join(self.differing)
        return WireError(
            f"{host} gave {self.left_out} {several} not match {keys}: left out",
            hint="the server may not support these keys",
        )

    def conclude(self, host: str) -> None:
        """Warn of conditions that could not be checked; raise the failure, if there is one."""
        import warnings

        for doubt in self.doubts(host):
            warnings.warn(doubt, stacklevel=3)
        failure = self.failure(host)
        if failure is not None:
            raise failure


class _Condition(NamedTuple):
    name: str
    match: Match
    is_below: bool
    """The key is of a lower level than the results, of which one must match."""


class MatchChecks:
    """The conditions of one search.

    Raises
    ------
    OptionError
        A key or value is invalid; see `check_keys`.
    """

    def __init__(self, pairs: Pairs, level: SearchLevel, *, is_fuzzy: bool = False) -> None:
        self._level: SearchLevel = level
        self._conditions: list[_Condition] = []
        if not pairs:
            return
        check_keys(pairs)
        names = {parse_path(name): name for name, _ in pairs if name not in FLAGS}
        query = _query_of(pairs)
        is_fuzzy = is_fuzzy or query.fuzzy
        has_days = any(match.vr == "DA" and match.kind == "range" for match in query.matches)
        self._conditions = [
            _Condition(
                names[match.path],
                match,
                LEVELS.index(level_of_key(names[match.path])) > LEVELS.index(level),
            )
            for match in query.matches
            if match.kind != "universal"
            # Only the server knows its rules for similar names.
            and not (is_fuzzy and match.vr == "PN")
            # The time zone of the dates and times of the query (PS3.18 8.3.4.1.1).
            and not (query.timezone and match.vr in _TEMPORAL)
            # Ranges of a date and its time may form one range.
            and not (has_days and match.vr == "TM" and match.kind == "range")
        ]

    def include(self) -> Iterator[str]:
        """Yield the keys that must be requested to be in the results."""
        for name, match, _ in self._conditions:
            if match.path[0] not in RETURNED_KEYS[self._level]:
                yield name.partition(".")[0]

    def is_met(self, model: Model, report: MatchReport, *, is_whole: bool = False) -> bool:
        """Tell whether a result matches the query.

        A key that it does not contain passes, unless each result has that key, or ``is_whole``
        says that the result is a whole data set.
        """
        differing, unchecked = [], []
        together: dict[int, list[_Condition]] = {}
        for each in self._conditions:
            if len(each.match.path) > 1:
                together.setdefault(each.match.path[0], []).append(each)
                continue
            verdict = _verdict(model, each.match)
            if verdict is False and each.is_below:
                verdict = None
            if verdict is None and self._has_to_be_there(each, is_whole=is_whole):
                verdict = False
            if verdict is None:
                unchecked.append(each.name)
            elif not verdict:
                differing.append(each.name)
        for tag, several in together.items():
            inside = [(each.match.path[1:], each.match) for each in several]
            verdict = _some_item(model, tag, inside)
            names = [each.name for each in several]
            if verdict is None and not is_whole:
                unchecked += names
            elif not verdict:
                differing += names
        report.unchecked.update(dict.fromkeys(unchecked))
        if differing:
            report.leave_out(1, differing)
        return not differing

    def _has_to_be_there(self, condition: _Condition, *, is_whole: bool) -> bool:
        if condition.is_below or condition.match.path[0] in _COMPUTED:
            return False
        return is_whole or (self._level == "studies" and condition.match.path[0] in _IDENTITY)


_Inside = tuple[tuple[int, ...], Match]


def _some_item(model: Model, tag: int, inside: Sequence[_Inside]) -> bool | None:
    """Tell whether one item of a sequence meets all conditions; None where unknown."""
    name = f"{tag:08X}"
    if name not in model:
        return None
    verdicts = [_item(item, inside) for item in values(model, name) if isinstance(item, Mapping)]
    if any(verdicts):
        return True
    return None if None in verdicts else False


def _item(item: Model, inside: Sequence[_Inside]) -> bool | None:
    deeper: dict[int, list[_Inside]] = {}
    verdicts: list[bool | None] = []
    for path, match in inside:
        if len(path) > 1:
            deeper.setdefault(path[0], []).append((path[1:], match))
        else:
            verdicts.append(_verdict(item, match._replace(path=path)))
    verdicts += [_some_item(item, tag, below) for tag, below in deeper.items()]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _verdict(model: Model, match: Match) -> bool | None:
    tag = f"{match.path[-1]:08X}"
    if tag not in model:
        return True if match.kind == "empty" else None
    found = [text for value in values(model, tag) if (text := _text(value).strip(" \0"))]
    if match.kind == "empty":
        return not found
    if match.vr == "PN":
        return any(_is_name(each, wanted) for each in found for wanted in match.values)
    return any(_is_value(match, each) for each in (*found, "\\".join(found)))


def _text(value: Any) -> str:
    """Return a value as text; the groups of a name with equals signs between."""
    if isinstance(value, Mapping):
        return name_of_model(value)
    return "" if value is None else str(value)


def _is_name(value: str, wanted: str) -> bool:
    """Tell whether a name, or one of its groups, matches, without case and accents."""
    from rendicom.index.search_keys import fold

    pattern = fold(wanted).strip("=")
    groups = fold(value).strip("=")
    candidates = (groups, *groups.split("="))
    return any(_is_like(each, pattern) for each in candidates) or (
        "=" in pattern and _is_like(f"={groups}=", f"*={pattern}=*")
    )


def _is_value(match: Match, value: str) -> bool:
    if match.vr in _TEMPORAL:
        first, last = match.values[0], match.values[-1]
        ranges = [(first, last)] if match.kind == "range" else [(e, e) for e in match.values]
        return any(_is_within(match.vr, value, *ends) for ends in ranges)
    if match.vr in _NUMBERS:
        return any(_number(value) == _number(each) for each in match.values)
    if match.vr == "UI":
        return value in match.values
    if match.vr in ("CS", "AT"):
        value = value.upper()
        return any(_is_like(value, each.upper()) for each in match.values)
    return any(_is_like(value, each.strip(" ")) for each in match.values)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _is_like(value: str, pattern: str) -> bool:
    """Tell whether a value matches a pattern with ``*`` and ``?``."""
    if "*" not in pattern and "?" not in pattern:
        return value == pattern
    pieces = [re.escape(piece).replace(r"\?", ".") for piece in re.split(r"\*+", pattern)]
    # Possessive quantifiers avoid backtracking.
    if len(pieces) == 1:
        return re.fullmatch(pieces[0], value, re.DOTALL) is not None
    first, *middle, last = pieces
    steps = "".join(f"(?>.*?{piece})" for piece in middle)
    return re.fullmatch(f"{first}{steps}.*{last}", value, re.DOTALL) is not None


def _is_within(vr: str, value: str, first: str, last: str) -> bool:
    """Tell whether a date or time lies between two others, both included; "" is an open end."""
    moment = _filled(vr, value, _EARLIEST)
    return (not first or _filled(vr, first, _EARLIEST) <= moment) and (
        not last or moment <= _filled(vr, last, _LATEST)
    )


def _filled(vr: str, text: str, ends: Mapping[str, str]) -> str:
    """Return a date or time in full, completed from the least or greatest one."""
    if vr == "DA":
        text = text.replace(".", "").replace("-", "")
    elif vr == "TM":
        text = text.replace(":", "")
    else:
        from rendicom.index.search_keys import instant

        text = instant(text)
    return text + ends[vr][len(text) :]
