"""Rendered resources (PS3.18 10.4.1.1.3)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from rendicom.dicomweb.mediatypes import is_presentation_state
from rendicom.dicomweb.rendered_parameters import (
    MOST_VIEWPORT_PIXELS,
    check_media_type,
    parse_rendered,
)
from rendicom.server.choosing import choose_instances, choose_layers
from rendicom.server.negotiating import negotiate
from rendicom.server.openapi import LEVELS, add_rendered_route
from rendicom.server.requests import accepts_of, parameters_of, resource_of, services_of
from rendicom.server.sending import send_rendered

router = APIRouter(tags=["Rendered"])


async def _rendered(request: Request) -> Response:
    services, resource = services_of(request), resource_of(request)
    accepts = accepts_of(request)
    entries = await services.lookup.entries(resource)
    is_state = bool(resource.instance) and is_presentation_state(entries[0].sop_class)
    query = parse_rendered(
        parameters_of(request),
        is_presentation_state=is_state,
        max_viewport_pixels=min(MOST_VIEWPORT_PIXELS, services.settings.max_pixels),
    )
    instances = await choose_instances(services, entries, resource, accepts, query)
    parts, choice = negotiate(
        services,
        accepts,
        query,
        instances,
        is_instance=bool(resource.instance),
        layers=await choose_layers(services, query.layers) if query.layers else (),
    )
    check_media_type(query.options, choice.media_type)
    skipped = []
    missing = len(entries) - len({id(part.entry) for part in parts})
    if missing and not resource.instance:
        of_all = f"{missing} of {len(entries)} instances"
        skipped = [f"{of_all} are left out: not of a requested type"]
    return await send_rendered(
        request, resource, query, parts, choice, warnings=(*query.warnings, *skipped)
    )


for _level in sorted(LEVELS, key=lambda each: each.name != "instance"):  # requested most often
    add_rendered_route(router, "rendered", _level, _rendered)
