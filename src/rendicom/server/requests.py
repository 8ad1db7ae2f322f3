"""What every route takes from a request."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

from rendicom.dicomweb.mediatypes import Accepts
from rendicom.dicomweb.resources import Resource, check_uid, parse_frames

if TYPE_CHECKING:
    from starlette.requests import Request

    from rendicom.server.services import Services

__all__ = ["accepts_of", "parameters_of", "resource_of", "services_of"]

_SHORT = 500
"""Bytes of a query worth to be kept: one client asks much the same of many instances."""


def services_of(request: Request) -> Services:
    """Return what the application works with."""
    return cast("Services", request.app.state.services)


def resource_of(request: Request) -> Resource:
    """Return what the path names; BadRequestError for what is no UID and no list of frames."""
    given = request.path_params
    uids = {
        name: check_uid(given[name], what=name)
        for name in ("study", "series", "instance")
        if name in given
    }
    frames = parse_frames(given["frames"]) if "frames" in given else ()
    return Resource(**uids, frames=frames)


def parameters_of(request: Request) -> tuple[tuple[str, str], ...]:
    """Return names and values of the query, taken out of their percent signs."""
    query: bytes = request.scope["query_string"]
    return _parsed(query) if len(query) <= _SHORT else _parsed.__wrapped__(query)


@lru_cache(maxsize=256)
def _parsed(query: bytes) -> tuple[tuple[str, str], ...]:
    return tuple(parse_qsl(query.decode("latin-1"), keep_blank_values=True))


def accepts_of(request: Request) -> Accepts:
    """Return what the client accepts, by its header and the parameter ``accept``."""
    # A header that stands several times is one list (RFC 9110 5.3).
    given = request.headers.getlist("accept")
    return Accepts.parse(
        ", ".join(given) if given else None,
        dict(parameters_of(request)).get("accept"),
        is_lenient=services_of(request).settings.lenient,
    )
