"""Compares what is kept with what is searched for (PS3.4 C.2.2.2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rendicom.dicomweb.query import Match
    from rendicom.index.entries import JsonModel

__all__ = ["folded", "matches"]


def matches(model: JsonModel, condition: Match, *, is_fuzzy: bool) -> bool:
    """Tell whether a condition holds for attributes.

    Names are compared without regard to case. With ``is_fuzzy`` also without accents, and each
    word that is searched for may be the beginning of any part of the name.
    """
    if condition.kind == "universal":
        return True
    values = list(_values(model, condition.path))
    if condition.kind == "empty":
        return not values
    if condition.vr == "PN":
        texts = [group for value in values for group in _groups(value)]
        if is_fuzzy:
            return any(_is_alike(text, condition.values[0]) for text in texts)
        return any(_pattern(condition.values[0].upper()).fullmatch(text.upper()) for text in texts)
    if condition.kind == "range":
        low, high = condition.values
        return any(_lies_in(_plain(value), low, high) for value in values)
    wanted = condition.values
    if condition.vr in ("IS", "DS", "US", "SS", "UL", "SL", "FL", "FD", "UV", "SV"):
        return any(_is_number(value, each) for value in values for each in wanted)
    if condition.vr in ("DA", "TM", "DT"):
        return any(_plain(value).startswith(each) for value in values for each in wanted)
    if condition.kind == "wildcard" or any("*" in each or "?" in each for each in wanted):
        return any(_pattern(each).fullmatch(str(v).strip()) for v in values for each in wanted)
    return any(str(value).strip() == each for value in values for each in wanted)


def _values(model: JsonModel, path: Sequence[int]) -> Iterator[Any]:
    """Yield the values at a path, of all items of sequences on the way."""
    attribute = model.get(f"{path[0]:08X}", {})
    values = attribute.get("Value", ())
    if len(path) == 1:
        yield from (value for value in values if value is not None)
        return
    for item in values:
        if isinstance(item, dict):
            yield from _values(item, path[1:])


def _groups(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (str(group).strip() for group in value.values())
    else:
        yield str(value).strip()


def folded(text: str) -> str:
    """Return a text without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


_BETWEEN = re.compile(r"[\^=\s,.\-]+")


def _is_alike(text: str, wanted: str) -> bool:
    parts = [part for part in _BETWEEN.split(folded(text)) if part]
    words = [word for word in _BETWEEN.split(folded(wanted.replace("*", " "))) if word]
    return all(any(_pattern(word + "*").fullmatch(part) for part in parts) for word in words)


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    pieces = {"*": ".*", "?": "."}
    # Runs of stars would let a hostile pattern take for ever.
    plain = re.sub(r"\*+", "*", text)
    return re.compile(
        "".join(pieces.get(letter) or re.escape(letter) for letter in plain), re.DOTALL
    )


def _plain(value: Any) -> str:
    return str(value).strip().replace(":", "").replace(".", "", 2 if "." in str(value)[:8] else 0)


def _lies_in(value: str, low: str, high: str) -> bool:
    """Tell whether a date or time is within; ``2024`` as the end means to the end of 2024."""
    return bool(value) and value >= low and (not high or value[: len(high)] <= high)


def _is_number(value: Any, wanted: str) -> bool:
    try:
        return float(value) == float(wanted)
    except (TypeError, ValueError):
        return False
