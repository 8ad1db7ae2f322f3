"""Formats person names for display (PS3.5 6.2.1)."""

from __future__ import annotations

from collections.abc import Mapping

NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
"""Component groups of a name, as the DICOM JSON model and the Native DICOM Model call them."""
NAME_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
"""Components of a group, as the Native DICOM Model calls them."""


def name_model(stored: str) -> dict[str, str] | None:
    """Return the groups of a name in the DICOM JSON model; None if all are empty.

    >>> name_model("Yamada^Tarou==やまだ")
    {'Alphabetic': 'Yamada^Tarou', 'Phonetic': 'やまだ'}
    """
    groups = zip(NAME_GROUPS, stored.split("="), strict=False)
    return {name: group.strip(" ") for name, group in groups if group.strip(" ")} or None


def name_of_model(model: Mapping[str, object]) -> str:
    """Return a name of the DICOM JSON model as it is stored."""
    return "=".join(str(model.get(group) or "") for group in NAME_GROUPS).rstrip("=")


def name_groups(stored: str) -> tuple[str, ...]:
    """Return the alphabetic, ideographic and phonetic form of a name, without empty ones.

    >>> name_groups("Yamada^Tarou^^Dr.=山田^太郎")
    ('Yamada, Dr. Tarou', '山田 太郎')
    """
    groups = zip(stored.split("=", 2), (", ", " ", " "), strict=False)
    return tuple(filter(None, (_formatted(*group) for group in groups)))


def _formatted(group: str, separator: str) -> str:
    """Return family name, given names with the prefix, and suffix."""
    parts = [" ".join(part.split()) for part in group.split("^")]
    family, given, middle, prefix, suffix = (*parts, "", "", "", "", "")[:5]
    given_names = " ".join(filter(None, (prefix, given, middle)))
    return separator.join(filter(None, (family, given_names, suffix)))
