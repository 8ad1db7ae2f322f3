"""Responses and the headers all of them have in common."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from starlette.responses import Response

from rendicom import __version__
from rendicom.dicomweb.problems import (
    Problem,
    problem_headers,
    problem_of,
    represent,
    warning_header,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Scope, Send

    from rendicom.errors import RendicomError

BASE = "/dicomweb"
"""Path of the DICOMweb services."""

_MOST_BASES = 64
_MOST_NAMES = 64
_bases: dict[tuple[str, str, str], str] = {}
"""URLs by scheme, host and root path."""
_WINDOW = re.compile(r"window [-+.,0-9e]+[a-z-]+", re.ASCII)
_CACHE_CONTROL = "private, max-age=0, must-revalidate"
"""Only the client may store it, and must revalidate: the data are a patient's."""


class Whole(Response):
    """A response of bytes with status 200, whose headers have neither their type nor length."""

    def __init__(self, data: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        # Without the checks of the base class, which take longer than all the rest.
        self.status_code, self.background = 200, None
        self.body, self.media_type = data, media_type
        kind, length = _type_of(media_type), b"%d" % len(data)
        self.raw_headers = [
            *((_name_of(name), value.encode("latin-1")) for name, value in headers.items()),
            (b"content-length", length),
            (b"content-type", kind),
        ]


@lru_cache(_MOST_NAMES)
def _name_of(name: str) -> bytes:
    return name.lower().encode("latin-1")


@lru_cache(_MOST_NAMES)
def _type_of(media_type: str) -> bytes:
    """Return a media type, text with its character set."""
    is_bare = media_type.startswith("text/") and "charset=" not in media_type.lower()
    return f"{media_type}; charset=utf-8".encode() if is_bare else media_type.encode("latin-1")


def base_of(request: Request) -> str:
    """Return the URL of the DICOMweb services, as the client sees it."""
    scope = request.scope
    host = header_of(request, b"host") or str(scope.get("server"))
    key = scope["scheme"], host, scope.get("root_path", "")
    found = _bases.get(key)
    if found is None:
        if len(_bases) >= _MOST_BASES:
            _bases.clear()
        found = _bases[key] = str(request.base_url).rstrip("/") + BASE
    return found


def header_of(request: Request, name: bytes) -> str | None:
    """Return the first header of a name in lower case, or None.

    A missing header, which is usual, costs Starlette's mapping an exception.
    """
    for each, value in request.scope["headers"]:
        if each == name:
            found: str = value.decode("latin-1")
            return found
    return None


def etag(*parts: object) -> str:
    """Return an entity tag that is equal for equal parts and this version of the program."""
    text = "\0".join(map(str, (__version__, *parts)))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def is_fresh(request: Request, tag: str) -> bool:
    """Tell whether the client has the version with this tag (RFC 9110 13.1.2)."""
    given = header_of(request, b"if-none-match")
    return given is not None and is_fresh_tag(given, tag)


def is_fresh_tag(given: str, tag: str) -> bool:
    """Tell whether an If-None-Match header names the tag."""
    tags = {each.strip().removeprefix("W/") for each in given.split(",")}
    return tag in tags or "*" in tags


def headers_of(
    request: Request,
    *,
    tag: str = "",
    location: str = "",
    warnings: Sequence[str] = (),
    vary: str = "Accept",
) -> dict[str, str]:
    """Return the headers of a successful response."""
    headers = {"Cache-Control": _CACHE_CONTROL, "Vary": vary}
    if tag:
        headers["ETag"] = tag
    if location:
        headers["Content-Location"] = location
    if warnings:
        headers["Warning"] = warning_header(warnings, service=base_of(request))
    return headers


def voi_header(voi: str) -> dict[str, str]:
    """Return the header with the window of a picture, if it has one.

    Not part of the standard. Other descriptions of the transform may quote the file.
    """
    found = _WINDOW.match(voi)
    return {"Rendicom-Voi": found[0]} if found is not None else {}


def not_modified(headers: Mapping[str, str]) -> Response:
    """Return status 304 (RFC 9110 15.4.5)."""
    kept = ("Cache-Control", "Vary", "ETag", "Content-Location")
    return Response(
        status_code=304, headers={name: headers[name] for name in kept if name in headers}
    )


async def refuse(
    scope: Scope,
    send: Send,
    error: RendicomError | None,
    *,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Answer a request that fails before or after its route, with additional ``headers``.

    None is an unexpected error: status 500 and no details.
    """
    if error is None:
        problem = Problem(500, "Internal Server Error", "a fault inside Rendicom", "internal-error")
        response = problem_response(scope, problem, {})
    else:
        said = {**problem_headers(error), **(headers or {})}
        response = problem_response(scope, problem_of(error), said)
    await send({
        "type": "http.response.start", "status": response.status_code,
        "headers": response.raw_headers,
    })  # fmt: skip
    body = b"" if scope["method"] == "HEAD" else response.body
    await send({"type": "http.response.body", "body": body})


def problem_response(scope: Scope, problem: Problem, headers: Mapping[str, str]) -> Response:
    """Return the response with a problem document, in a form that the client accepts."""
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"*/*")
    body, media_type = represent(problem, accept.decode("latin-1"))
    said = {"Cache-Control": "no-store", "Vary": "Accept", **headers}
    return Response(body, status_code=problem.status, media_type=media_type, headers=said)
