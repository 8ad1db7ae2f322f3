"""Reads the parts of a request that all routes use."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

from rendicom.dicomweb.accepts import Accepts
from rendicom.dicomweb.resources import Resource, check_uid, parse_frames
from rendicom.errors import BadRequestError, TooLargeError

if TYPE_CHECKING:
    from starlette.requests import Request

    from rendicom.server.services import Services

_SHORT = 500
"""Bytes of a query above which its result is not cached."""


def services_of(request: Request) -> Services:
    """Return the services of the application."""
    return cast("Services", request.scope["app"].services)


def resource_of(request: Request) -> Resource:
    """Return the resource of the path; BadRequestError for a malformed UID or list of frames."""
    given = request.path_params
    uids = {
        name: check_uid(given[name], what=name)
        for name in ("study", "series", "instance")
        if name in given
    }
    frames = parse_frames(given["frames"]) if "frames" in given else ()
    return Resource(**uids, frames=frames)


def parameters_of(request: Request) -> tuple[tuple[str, str], ...]:
    """Return names and values of the query, percent-decoded."""
    query: bytes = request.scope["query_string"]
    return _parsed(query) if len(query) <= _SHORT else _parsed.__wrapped__(query)


@lru_cache(maxsize=256)
def _parsed(query: bytes) -> tuple[tuple[str, str], ...]:
    return tuple(parse_qsl(query.decode("latin-1"), keep_blank_values=True))


def accepts_of(request: Request) -> Accepts:
    """Return the accepted media types, from the header and the parameter ``accept``."""
    # A header that stands several times is one list (RFC 9110 5.3).
    text = b", ".join([value for name, value in request.scope["headers"] if name == b"accept"])
    is_short = len(text) + len(request.scope["query_string"]) <= _SHORT
    parse = _accepts if is_short else _accepts.__wrapped__
    return parse(text, parameters_of(request), services_of(request).settings.lenient)


@lru_cache(maxsize=256)
def _accepts(header: bytes, parameters: tuple[tuple[str, str], ...], is_lenient: bool) -> Accepts:
    narrower = [value for name, value in parameters if name == "accept"]
    if len(narrower) > 1:
        raise BadRequestError("accept is given twice", parameter="accept")
    named = narrower[0] if narrower else None
    return Accepts.parse(header.decode("latin-1"), named, is_lenient=is_lenient)


def check_number(services: Services, number: int) -> None:
    """Refuse a response of too many parts; called before work that is done for each part.

    Raises
    ------
    TooLargeError
        It would be more than ``--max-frames``.
    """
    most = services.settings.max_frames
    if number > most:
        raise TooLargeError(
            f"that would be {number} pictures, and {most} is the limit",
            hint="request some of the frames or series",
        )
