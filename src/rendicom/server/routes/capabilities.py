"""The Capabilities Description of this server (PS3.18 8.9)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from rendicom.dicomweb.capabilities import WADL_JSON, WADL_XML, wadl_json, wadl_xml
from rendicom.dicomweb.mediatypes import Offer, choose
from rendicom.server.openapi import add_route
from rendicom.server.requests import accepts_of
from rendicom.server.responses import BASE, base_of, etag, headers_of, is_fresh, not_modified

router = APIRouter(tags=["Service"])

_OFFERS = (Offer(WADL_XML), Offer(WADL_JSON), Offer("application/wadl+xml"))


async def _capabilities(request: Request) -> Response:
    choice = choose(accepts_of(request), offers=_OFFERS)
    paths = {
        path.removeprefix(BASE) or "/": operations
        for path, operations in request.app.state.openapi()["paths"].items()
        if path.startswith(BASE)
    }
    write = wadl_json if choice.media_type == WADL_JSON else wadl_xml
    body = write(base_of(request), paths, title="Rendicom")
    tag = etag("capabilities", body)
    headers = headers_of(request, tag=tag)
    if is_fresh(request, tag):
        return not_modified(headers)
    return Response(body, media_type=choice.media_type, headers=headers)


for _path in (BASE, f"{BASE}/"):
    add_route(
        router,
        _path,
        _capabilities,
        "Capabilities",
        "What this server can do, as WADL.",
        name="capabilities" if _path == BASE else "capabilities-root",
        method="OPTIONS",
        content=(WADL_XML, WADL_JSON),
        statuses=("304", "400", "401", "406"),
        is_listed=_path == BASE,
    )
