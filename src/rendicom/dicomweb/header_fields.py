"""The grammar of header fields: media types, lists, weights, links (RFC 9110 5.6, RFC 8288)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from rendicom.errors import BadRequestError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_ESSENCE = re.compile(rf"{_TOKEN.pattern}/{_TOKEN.pattern}", re.ASCII)
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[^",;]+|(?P<stop>[,;])', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_WEIGHT = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", re.ASCII)


class MediaType(NamedTuple):
    """A media type: lower-case ``essence``, parameters by lower-case names, quotes taken off."""

    essence: str
    parameters: Mapping[str, str] = MappingProxyType({})


def parse_media_type(text: str) -> MediaType:
    """Return a media type and its parameters; of parameters given twice the first.

    Pieces whose name is not a token are ignored.

    Raises
    ------
    BadRequestError
        It is not of the form type/subtype, or a quotation mark is not closed.
    """
    essence, *rest = split_outside_quotes(text, ";")
    essence = essence.strip().lower()
    if not _ESSENCE.fullmatch(essence):
        raise BadRequestError("a media type is not of the form type/subtype")
    parameters: dict[str, str] = {}
    for piece in rest:
        name, _equals, value = piece.partition("=")
        if _TOKEN.fullmatch(name.strip()):
            parameters.setdefault(name.strip().lower(), _unquoted(value.strip()))
    return MediaType(essence, MappingProxyType(parameters))


def format_media_type(essence: str, parameters: Mapping[str, str]) -> str:
    """Return the text of a media type; values that are not tokens are quoted.

    >>> format_media_type("multipart/related", {"type": "image/png", "boundary": "b"})
    'multipart/related; type="image/png"; boundary=b'
    """
    return "; ".join((essence, *(f"{name}={_quoted(it)}" for name, it in parameters.items())))


def split_outside_quotes(text: str, separator: Literal[",", ";"]) -> list[str]:
    """Return the parts between separators, except those inside quoted strings.

    Raises
    ------
    BadRequestError
        A quotation mark has no partner.
    """
    pieces: list[str] = []
    start = end = 0
    for found in _PIECE.finditer(text):
        if found.start() != end:
            break
        end = found.end()
        if found["stop"] == separator:
            pieces.append(text[start : found.start()])
            start = end
    if end != len(text):
        raise BadRequestError("a quotation mark is not closed")
    return [*pieces, text[start:]]


def parse_weight(text: str) -> float:
    """Return a quality value from 0 to 1; 1 for one that is malformed or absent."""
    return min(float(text), 1.0) if _WEIGHT.fullmatch(text) else 1.0


def weights_of(text: str) -> dict[str, float]:
    """Return the weights of a list such as Accept-Encoding, by lower-case names, in their order.

    The first weight of a repeated name counts.
    """
    weights: dict[str, float] = {}
    for member in text.split(","):
        name, _, parameter = member.partition(";")
        key, _, value = parameter.partition("=")
        weight = parse_weight(value.strip()) if key.strip().lower() == "q" else 1.0
        if name.strip():
            weights.setdefault(name.strip().lower(), weight)
    return weights


def _quoted(value: str) -> str:
    if _TOKEN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return _QUOTED_PAIR.sub(r"\1", value[1:-1])
    return value
