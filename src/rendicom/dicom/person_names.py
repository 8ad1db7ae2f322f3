"""Formats person names for display (PS3.5 6.2.1)."""

from __future__ import annotations


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
