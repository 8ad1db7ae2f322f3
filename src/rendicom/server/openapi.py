"""The OpenAPI description of the DICOMweb routes, derived from their parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import Response

from rendicom import __version__
from rendicom.dicomweb.mediatypes import animated_types, picture_types
from rendicom.dicomweb.rendered_parameters import (
    QueryParameter,
    rendered_parameters,
    thumbnail_parameters,
)
from rendicom.server.responses import BASE

if TYPE_CHECKING:
    from fastapi import APIRouter
    from fastapi.routing import APIRoute


class LevelPath(NamedTuple):
    """One level of the tree of resources; ``what`` names a resource of it in a sentence."""

    name: str
    path: str
    what: str


_STUDY = BASE + "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"

LEVELS = (
    LevelPath("study", _STUDY, "a study"),
    LevelPath("series", _SERIES, "a series"),
    LevelPath("instance", _INSTANCE, "an instance"),
    LevelPath("frames", _INSTANCE + "/frames/{frames}", "frames"),
)

_VARIABLES = {
    "study": "Study Instance UID",
    "series": "Series Instance UID",
    "instance": "SOP Instance UID",
    "frames": "Frame numbers from 1, ascending, separated by commas",
    "path": "Where the bulk data is, as a BulkDataURI in the metadata says",
}
_UID = {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)*$", "maxLength": 64}
_FRAMES = {"type": "string", "pattern": "^[1-9][0-9]*(,[1-9][0-9]*)*$"}
_SCHEMAS = {"frames": _FRAMES, "path": {"type": "string"}}

RETRIEVE_STATUSES = (
    "206", "304", "400", "401", "404", "406", "410", "413", "416", "500", "501", "503",
)  # fmt: skip
_STATUSES = {
    "304": "The client's copy is current.",
    "400": "A parameter or UID is malformed.",
    "401": "A key or token is missing or invalid.",
    "403": "The key or token does not allow this.",
    "404": "The resource does not exist.",
    "406": "None of the accepted media types is available.",
    "409": "None of the instances can be stored.",
    "410": "The resource was deleted.",
    "413": "It exceeds a size limit.",
    "415": "The media type of the body is not supported.",
    "416": "The range lies outside the resource.",
    "500": "The instance is damaged.",
    "501": "Instances of this kind are not supported.",
    "503": "The server is overloaded; see Retry-After.",
    "507": "There is not enough storage.",
}
_SUCCESSES = {
    "200": "Found.",
    "202": "Some of it is stored, and some is not.",
    "204": "Done; there is nothing to send.",
    "206": "A part of it, as the Range header asks.",
}
_EMPTY = ("204", "304")
_OF_EACH = ("409", "507")
_DOCUMENT_TYPES = ("text/html", "text/plain", "text/xml", "application/pdf")
_PROBLEM_TYPES = ("application/problem+json", "text/html", "text/plain")

_SCHEMES = {
    "apikey": {
        "type": "apiKey",
        "in": "header",
        "name": "apikey",
        "description": "A key that `rendicom key` printed.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "Such a key, or a token of the OpenID provider.",
    },
}
_VERSION = "3.0.3"
"""Some clients do not import documents of version 3.1, whose features are not needed."""
_OPEN = ("/healthz", "/readyz")
"""Paths that need no key."""

_WORDS = {
    "rendered": ("Render", "Pictures, loops, documents or video, as the Accept header asks."),
    "thumbnail": ("Thumbnail", "One small picture without anything that identifies a patient."),
}


def describe(routes: Sequence[APIRoute]) -> dict[str, Any]:
    """Return what FastAPI says of routes."""
    from fastapi.openapi.utils import get_openapi

    return get_openapi(
        title="Rendicom",
        summary="DICOMweb with pictures as people expect to see them",
        version=__version__,
        routes=routes,
    )


def document(whole: Mapping[str, Any], base: str, *, has_auth: bool) -> dict[str, Any]:
    """Return the document of a server at the URL ``base``, for a client to import.

    ``whole`` is what `describe` returned.
    """
    paths = {
        path: {
            method: {**operation, "security": []} if path in _OPEN else operation
            for method, operation in operations.items()
        }
        for path, operations in whole["paths"].items()
    }
    keys: list[dict[str, list[str]]] = [{name: []} for name in _SCHEMES]
    info = dict(whole["info"])
    info["description"] = info.pop("summary")
    return {
        **whole,
        "openapi": _VERSION,
        "info": info,
        "servers": [{"url": base.rstrip("/")}],
        "paths": paths,
        "components": {**whole.get("components", {}), "securitySchemes": _SCHEMES},
        "security": keys if has_auth else [{}, *keys],
    }


def add_rendered_route(
    router: APIRouter, kind: str, level: LevelPath, endpoint: Callable[..., Any]
) -> None:
    """Add the route of rendered resources, or thumbnails, of a level."""
    title, text = _WORDS[kind]
    is_thumbnail = kind == "thumbnail"
    more = () if is_thumbnail else (*animated_types(), "multipart/related", *_DOCUMENT_TYPES)
    add_route(
        router,
        f"{level.path}/{kind}",
        endpoint,
        f"{title} of {level.what}",
        text,
        name=f"{kind}-{level.name}",
        query=thumbnail_parameters() if is_thumbnail else rendered_parameters(),
        content=tuple(dict.fromkeys((*picture_types(), *more))),
        statuses=RETRIEVE_STATUSES[1:] if is_thumbnail else RETRIEVE_STATUSES,
    )


def add_route(
    router: APIRouter,
    path: str,
    endpoint: Callable[..., Any],
    summary: str,
    description: str,
    *,
    name: str,
    method: str = "GET",
    query: Iterable[QueryParameter] = (),
    content: Sequence[str] = (),
    statuses: Sequence[str] = RETRIEVE_STATUSES,
    success: str = "200",
    body: Sequence[str] = (),
    is_listed: bool = True,
) -> None:
    """Add a route to a router, with the description of its operation.

    ``content`` and ``body`` are media types, of the answer and of the request; ``success`` is the
    usual status, ``statuses`` are the others. The document has it if it ``is_listed``.
    """
    variables = [
        {
            "name": variable,
            "in": "path",
            "required": True,
            "description": text,
            "schema": _SCHEMAS.get(variable, _UID),
        }
        for variable, text in _VARIABLES.items()
        if f"{{{variable}" in path
    ]
    extra: dict[str, Any] = {"parameters": [*variables, *map(_query_parameter, query)]}
    if body:
        extra["requestBody"] = {"required": True, "content": {each: {} for each in body}}
    listed = (success, *sorted(statuses, key=lambda each: each not in _SUCCESSES))
    responses: dict[int | str, dict[str, Any]] = {
        status: _answer(status, content) if status in _SUCCESSES else _problem(status)
        for status in listed
    }
    if body:
        # The result of each instance is reported even where nothing was stored.
        for status in set(listed).intersection(_OF_EACH):
            responses[status]["content"].update({each: {} for each in content})
    router.add_api_route(
        path,
        endpoint,
        methods=[method],
        summary=summary,
        description=description,
        name=name,
        operation_id=name,
        status_code=int(success),
        response_class=Response,
        responses=responses,
        openapi_extra=extra,
        include_in_schema=is_listed,
    )


def _answer(status: str, content: Sequence[str]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": _SUCCESSES[status]}
    if content and status not in _EMPTY:
        answer["content"] = {each: {} for each in content}
    return answer


def _problem(status: str) -> dict[str, Any]:
    """Return the description of a response that is a problem document."""
    content: dict[str, Any] = {each: {} for each in _PROBLEM_TYPES}
    content["application/problem+json"] = {"schema": {"type": "object"}}
    found = {"description": _STATUSES[status]}
    return found if status in _EMPTY else {**found, "content": content}


def _query_parameter(parameter: QueryParameter) -> Mapping[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    text = parameter.help + (" (Beyond the standard.)" if parameter.is_extension else "")
    return {
        "name": parameter.name,
        "in": "query",
        "required": False,
        "description": text,
        "schema": schema,
    }
