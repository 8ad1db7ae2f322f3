"""The Capabilities Description of this server (PS3.18 8.9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import Request
from starlette.responses import Response

from rendicom.dicomweb.capabilities import (
    WADL_JSON,
    WADL_XML,
    Method,
    ParameterDescription,
    resource_tree,
    wadl_json,
    wadl_xml,
)
from rendicom.dicomweb.mediatypes import Offer, choose
from rendicom.server.openapi import described
from rendicom.server.requests import accepts_of
from rendicom.server.responses import BASE, base_of, etag, headers_of, is_fresh, not_modified
from rendicom.server.routing import plain_router

router = plain_router()

_OFFERS = (Offer(WADL_XML), Offer(WADL_JSON), Offer("application/wadl+xml"))


async def _capabilities(request: Request) -> Response:
    choice = choose(accepts_of(request), offers=_OFFERS)
    resources = resource_tree(_methods(request.app.state.openapi()))
    write = wadl_json if choice.media_type == WADL_JSON else wadl_xml
    body = write(base_of(request), resources, title="Rendicom")
    tag = etag("capabilities", body)
    headers = headers_of(request, tag=tag)
    if is_fresh(request, tag):
        return not_modified(headers)
    return Response(body, media_type=choice.media_type, headers=headers)


def _methods(description: Mapping[str, Any]) -> Iterator[tuple[str, Method]]:
    """Yield every operation below the base, as `/openapi.json` describes it."""
    for path, operations in description["paths"].items():
        if path.startswith(BASE):
            for name, operation in operations.items():
                yield path.removeprefix(BASE) or "/", _method(name.upper(), operation)


def _method(name: str, operation: Mapping[str, Any]) -> Method:
    query = [each for each in operation.get("parameters", ()) if each["in"] == "query"]
    successes = {
        status: answer for status, answer in operation["responses"].items() if status[0] == "2"
    }
    produced = [media for answer in successes.values() for media in answer.get("content", ())]
    return Method(
        name,
        id=operation["operationId"],
        doc=operation["summary"],
        parameters=tuple(map(_parameter, query)),
        accepts=tuple(operation.get("requestBody", {}).get("content", ())),
        produces=tuple(dict.fromkeys(produced)),
        statuses=tuple(map(int, successes)),
    )


def _parameter(parameter: Mapping[str, Any]) -> ParameterDescription:
    return ParameterDescription(
        parameter["name"],
        options=tuple(parameter["schema"].get("enum", ())),
        doc=parameter["description"],
    )


for _path in (BASE, f"{BASE}/"):
    router.add_api_route(
        _path,
        _capabilities,
        methods=["OPTIONS"],
        include_in_schema=_path == BASE,
        **described(
            "Capabilities",
            "What this server can do, as WADL.",
            name="capabilities" if _path == BASE else "capabilities-root",
            tag="Service",
            content=(WADL_XML, WADL_JSON),
            statuses=("304", "400", "401", "406"),
        ),
    )
