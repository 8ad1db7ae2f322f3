"""Converts rows of the catalogue to the DICOM JSON model (PS3.18 Annex F)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rendicom.dicom.person_names import name_model
from rendicom.index.records import Level
from rendicom.index.search_keys import KEYS, RETURNED, VIRTUAL, Keys, name_of

COMMON: dict[str, Any] = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},  # Specific Character Set
    "00080056": {"vr": "CS", "Value": ["ONLINE"]},  # Instance Availability
}
"""Elements of every match: JSON is UTF-8, and all instances are online."""


class ResponseAttribute(NamedTuple):
    """One attribute of a match: its name, and its VR or the kept attributes of its items.

    ``is_owed``: it is returned even without a value.
    """

    name: str
    below: str | Keys
    is_owed: bool


class Chosen:
    """Selection of the attributes that a search returns.

    Parameters
    ----------
    unasked
        Levels whose default attributes are returned.
    include
        Requested attributes, or ``"all"``.
    """

    def __init__(self, unasked: Sequence[Level], include: Sequence[tuple[int, ...]] | str) -> None:
        self._is_all = include == "all"
        tags = {path[0] for path in include if not isinstance(path, str)}
        self._owed = tags.union(*(RETURNED[level] for level in unasked))

    def __call__(self, tag: int) -> bool:
        """Return whether an attribute is returned if it has a value."""
        return self._is_all or tag in self._owed

    def parts(self, level: Level) -> tuple[ResponseAttribute, ...]:
        """Return the returned attributes of a level."""
        return tuple(
            ResponseAttribute(name_of(tag), below, tag in self._owed)
            for tag, below in KEYS[level].items()
            if self(tag)
        )


def model_of(
    attributes: Mapping[str, Sequence[Any]], parts: Iterable[ResponseAttribute]
) -> dict[str, Any]:
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
    """Return one element with its values, or with its items."""
    if isinstance(below, dict):
        parts = [
            ResponseAttribute(name_of(tag), each, is_owed=False) for tag, each in below.items()
        ]
        return {"vr": "SQ", "Value": [model_of(item, parts) for item in values]}
    if below == "PN":
        values = [name_model(value) if isinstance(value, str) else None for value in values]
    return (
        {"vr": below, "Value": list(values)}
        if any(v is not None for v in values)
        else {"vr": below}
    )


def counted(tag: int, values: Sequence[Any]) -> dict[str, Any]:
    """Return the element of a counted attribute."""
    return element(VIRTUAL[tag][1], values)
