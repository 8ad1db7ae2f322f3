"""The query parameters of a search that are not attributes (PS3.18 8.3.4, Table 8.3.4-1).

The only list: the server, its OpenAPI description and the client derive from it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Pairs = tuple[tuple[str, str], ...]
"""Decoded names and values of query parameters, in their order."""


class SearchParameter(NamedTuple):
    """A query parameter of a search; a ``flag`` is true or false."""

    name: str
    help: str
    kind: Literal["attributes", "count", "flag", "media type"]


SEARCH_PARAMETERS = (
    SearchParameter("includefield", "Additional attributes to return, or all.", "attributes"),
    SearchParameter("limit", "Largest number of results.", "count"),
    SearchParameter("offset", "Number of results to skip.", "count"),
    SearchParameter(
        "orderby",
        "Attributes to sort studies by, with - for descending order: PatientName,-StudyDate. "
        "(Beyond the standard.)",
        "attributes",
    ),
    SearchParameter(
        "fuzzymatching",
        "Match names without accents, and by the beginnings of their parts.",
        "flag",
    ),
    SearchParameter(
        "emptyvaluematching",
        'Let "" (two quotation marks) match attributes without a value.',
        "flag",
    ),
    SearchParameter(
        "multiplevaluematching",
        "Let a backslash separate alternative values.",
        "flag",
    ),
    SearchParameter("accept", "Media type, if the Accept header cannot be set.", "media type"),
)

FLAGS = tuple(each.name for each in SEARCH_PARAMETERS if each.kind == "flag")
_NAMES = frozenset(each.name for each in SEARCH_PARAMETERS)


def is_attribute(name: str) -> bool:
    """Tell whether a query parameter can be a condition on an attribute."""
    return name.lower() not in _NAMES
