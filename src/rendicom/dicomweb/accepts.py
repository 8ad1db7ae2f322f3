"""Media types a client accepts: the Accept header, and the query parameter that narrows it.

PS3.18 8.3.3.1 and 8.7.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from rendicom.dicomweb.header_fields import parse_media_type, parse_weight, split_outside_quotes
from rendicom.errors import BadRequestError, NotAcceptableError

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
OCTET_STREAM = "application/octet-stream"

_ANY = "*/*"
_MOST_RANGES = 100
_MOST_LETTERS = 8192
_SYNTAX = re.compile(r"\*|[0-9]+(\.[0-9]+)*", re.ASCII)

_RENDERED = ("image/", "video/", "text/", "application/pdf", "application/rtf")


class Range(NamedTuple):
    """One member of an Accept header."""

    essence: str
    """``image/png``, ``image/*`` or ``*/*``; of a multipart message, the type of its parts."""
    is_multipart: bool = False
    q: float = 1.0
    """Weight, from 0 (not acceptable) to 1."""
    parameters: Mapping[str, str] = MappingProxyType({})
    """Those of the media type, by lower-case names."""

    def __hash__(self) -> int:
        """Return a hash, which mappings lack."""
        given = self.parameters
        return hash((*self[:3], frozenset(given.items()))) if given else hash(self[:3])

    @property
    def is_wildcard(self) -> bool:
        """Tell whether the range has a wildcard."""
        return self.essence.endswith("/*")

    @property
    def transfer_syntax(self) -> str:
        """Return the requested transfer syntax: a UID, ``*``, or empty."""
        value = self.parameters.get("transfer-syntax", "")
        return value if _SYNTAX.fullmatch(value) else ""


class Accepts(NamedTuple):
    """Media types a client accepts: the members of ``accept=`` and of the Accept header."""

    query: tuple[Range, ...]
    header: tuple[Range, ...]
    is_lenient: bool = False

    @classmethod
    def parse(
        cls,
        header: str | None,
        query: str | None = None,
        *,
        is_lenient: bool = False,
        parameter: str = "accept",
    ) -> Accepts:
        """Read the Accept header and the query parameter of the same name.

        Parameters
        ----------
        header
            All Accept headers of the request, separated by commas.
        query
            The query parameter, percent-decoded.
        is_lenient
            Treat a missing header as ``*/*``, and let one picture represent several.
        parameter
            Name of the query parameter, for errors.

        Raises
        ------
        BadRequestError
            A member is malformed, DICOM and rendered media types are mixed, or the query
            parameter has a wildcard.
        NotAcceptableError
            The header is missing, or does not accept a member of the query parameter.
        """
        header = (header or "").strip()
        if not header and not is_lenient:
            raise NotAcceptableError(
                "the request has no Accept header", hint="Accept: */* takes the default"
            )
        for name, text in (("Accept", header), (parameter, query or "")):
            if len(text) > _MOST_LETTERS:
                raise BadRequestError(
                    f"{name} is longer than {_MOST_LETTERS} characters", parameter=name
                )
        ranges = _ranges(header or _ANY, "Accept")
        narrower = () if query is None else _narrower(query, ranges, parameter)
        return cls(narrower, ranges, is_lenient)


@lru_cache(maxsize=512)
def _ranges(text: str, parameter: str) -> tuple[Range, ...]:
    """Return the members of a list of media ranges, all DICOM or all rendered."""
    try:
        members = [member for member in split_outside_quotes(text, ",") if member.strip()]
        ranges = tuple(map(_range, members[: _MOST_RANGES + 1]))
    except BadRequestError as error:
        is_query = parameter != "Accept"
        hint = "write + as %2B in a query" if is_query and " " in text.strip() else ""
        raise BadRequestError(
            f"{parameter}: {error.message}", hint=hint, parameter=parameter
        ) from None
    if not 1 <= len(ranges) <= _MOST_RANGES:
        raise BadRequestError(
            f"{parameter} does not list 1 to {_MOST_RANGES} media types", parameter=parameter
        )
    is_dicom = any(each.essence in (DICOM, DICOM_JSON, DICOM_XML) for each in ranges)
    if is_dicom and any(map(_is_rendered, ranges)):
        raise BadRequestError(
            f"{parameter} mixes DICOM and rendered media types",
            hint="request one kind at a time",
            parameter=parameter,
        )
    return ranges


def _range(text: str) -> Range:
    star, semicolon, rest = text.partition(";")
    if star.strip() == "*":  # the default of Java's HTTP client
        text = _ANY + semicolon + rest
    essence, given = parse_media_type(text)
    parameters = dict(given)
    q = parse_weight(parameters.pop("q", ""))
    is_multipart = essence in ("multipart/related", "multipart/*")
    if is_multipart:
        # Some clients write parameters of the parts inside the quotes of their type.
        essence, inner = parse_media_type(parameters.pop("type", _ANY))
        parameters = {**inner, **parameters}
    return Range(essence, is_multipart, q, MappingProxyType(parameters))


def _is_rendered(each: Range) -> bool:
    """Tell whether a media type is rendered, not bulk data in a transfer syntax (8.7.3)."""
    return each.essence.startswith(_RENDERED) and not each.is_wildcard and not each.transfer_syntax


def _narrower(query: str, header: tuple[Range, ...], parameter: str) -> tuple[Range, ...]:
    """Return the members of the query parameter; each must be compatible with the header."""
    ranges = _ranges(query, parameter)
    if any(each.is_wildcard for each in ranges):
        raise BadRequestError(
            f"{parameter} has a wildcard", hint="name the media types", parameter=parameter
        )
    for each in ranges:
        asked = Candidate(each.essence, each.is_multipart, each.transfer_syntax)
        found = match(header, asked)
        if found is None or not found.q:
            raise NotAcceptableError(
                f"{parameter} names a media type that the Accept header does not accept",
                hint="Accept: */* accepts everything",
            )
    return ranges


class Candidate(NamedTuple):
    """A representation that can be sent, for media ranges to match."""

    media_type: str
    is_multipart: bool = False
    transfer_syntax: str = ""
    """A UID, ``*`` for "as stored", or empty."""
    is_default_syntax: bool = True
    is_stored_syntax: bool = True
    """A range without a transfer syntax, or with ``*``, selects it."""
    is_representative: bool = False
    """See `rendicom.dicomweb.mediatypes.Choice`."""
    is_alternative: bool = False
    """A multipart form of a single item, which ``*/*`` does not match."""

    def __str__(self) -> str:
        syntax = f"; transfer-syntax={self.transfer_syntax}" if self.transfer_syntax else ""
        if self.is_multipart:
            return f'multipart/related; type="{self.media_type}"{syntax}'
        return self.media_type + syntax


def match(ranges: Iterable[Range], candidate: Candidate) -> Range | None:
    """Return the most specific range that matches a candidate."""
    ranked = ((_specificity(each, candidate), each.q, each) for each in ranges)
    best = max(ranked, key=lambda item: item[:2], default=None)
    return best[2] if best is not None and best[0] > 0 else None


def _specificity(each: Range, candidate: Candidate) -> int:
    """Return how specifically a range matches a candidate; 0 for no match."""
    if each.is_multipart != candidate.is_multipart:
        is_meant = candidate.is_multipart and not candidate.is_alternative
        return 1 if each.essence == _ANY and is_meant else 0
    media_type = candidate.media_type.lower()  # that of HEVC is written video/H265
    if each.essence == media_type:
        closeness = 6
    elif each.essence == _ANY:
        closeness = 2
    elif each.is_wildcard and media_type.startswith(each.essence[:-1]):
        closeness = 4
    else:
        return 0
    return closeness + _specificity_of_syntax(each.transfer_syntax, candidate)


def _specificity_of_syntax(asked: str, candidate: Candidate) -> int:
    """Return 1 for the same transfer syntax, 0 for an acceptable one, or a negative number."""
    if not candidate.transfer_syntax:
        return 0
    if asked == candidate.transfer_syntax:
        return 1
    will_do = (
        candidate.is_stored_syntax if asked == "*" else not asked and candidate.is_default_syntax
    )
    return 0 if will_do else -100
