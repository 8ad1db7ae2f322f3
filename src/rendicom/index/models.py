"""Rows of the catalogue to the DICOM JSON model (PS3.18 Annex F)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rendicom.index.keys import KEYS, RETURNED, VIRTUAL, Keys, name_of
from rendicom.index.values import Level

__all__ = ["COMMON", "Chosen", "Part", "counted", "model_of"]

_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")

COMMON: dict[str, Any] = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},  # Specific Character Set
    "00080056": {"vr": "CS", "Value": ["ONLINE"]},  # Instance Availability
}
"""What every match has: JSON is UTF-8, and there is no archive behind the catalogue."""


class Part(NamedTuple):
    """One attribute of a match: its name, its VR or what is kept of its items.

    ``is_owed`` where it is returned even without a value.
    """

    name: str
    below: str | Keys
    is_owed: bool


class Chosen:
    """Which attributes a search returns.

    Parameters
    ----------
    unasked
        Levels whose usual attributes are returned.
    include
        Attributes that were asked for, or ``"all"``.
    """

    def __init__(self, unasked: Sequence[Level], include: Sequence[tuple[int, ...]] | str) -> None:
        self._is_all = include == "all"
        tags = {path[0] for path in include if not isinstance(path, str)}
        self._owed = tags.union(*(RETURNED[level] for level in unasked))

    def __call__(self, tag: int) -> bool:
        """Tell whether an attribute is returned, if there is a value."""
        return self._is_all or tag in self._owed

    def parts(self, level: Level) -> tuple[Part, ...]:
        """Return the attributes kept on a level that are returned."""
        return tuple(
            Part(name_of(tag), below, tag in self._owed)
            for tag, below in KEYS[level].items()
            if self(tag)
        )


def model_of(attributes: Mapping[str, Sequence[Any]], parts: Iterable[Part]) -> dict[str, Any]:
    """Return the elements of kept attributes."""
    found: dict[str, Any] = {}
    for name, below, is_owed in parts:
        values = attributes.get(name)
        if values:
            found[name] = element(below, values)
        elif is_owed:
            found[name] = {"vr": "SQ" if isinstance(below, dict) else below}
    return found


def element(below: str | Keys, values: Sequence[Any]) -> dict[str, Any]:
    """Return one element with the values of the catalogue, or items with theirs."""
    if isinstance(below, dict):
        parts = [Part(name_of(tag), each, is_owed=False) for tag, each in below.items()]
        return {"vr": "SQ", "Value": [model_of(item, parts) for item in values]}
    if below == "PN":
        values = [_person_name(value) if isinstance(value, str) else None for value in values]
    return (
        {"vr": below, "Value": list(values)}
        if any(v is not None for v in values)
        else {"vr": below}
    )


def _person_name(text: str) -> dict[str, str] | None:
    groups = zip(_NAME_GROUPS, text.split("="), strict=False)
    return {name: group.strip() for name, group in groups if group.strip()} or None


def counted(tag: int, values: Sequence[Any]) -> dict[str, Any]:
    """Return the element of an attribute that is counted."""
    return element(VIRTUAL[tag][1], values)
