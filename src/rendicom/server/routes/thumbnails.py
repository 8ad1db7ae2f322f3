"""Thumbnails (PS3.18 10.4.1.1.4)."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from rendicom.dicomweb.mediatypes import Choice, choose_rendered
from rendicom.dicomweb.rendered_parameters import (
    MOST_VIEWPORT_PIXELS,
    RenderedQuery,
    parse_rendered,
)
from rendicom.dicomweb.resources import Resource
from rendicom.documents import is_document
from rendicom.engine import PictureRequest
from rendicom.errors import BadRequestError
from rendicom.index.catalogue import Entry
from rendicom.selection import FrameSelection
from rendicom.server.choosing import BROKEN, check_frames
from rendicom.server.middlewares.response_cache import note
from rendicom.server.openapi import LEVELS, add_rendered_route
from rendicom.server.pictures import request_for
from rendicom.server.requests import accepts_of, parameters_of, resource_of, services_of
from rendicom.server.responses import base_of, etag, headers_of, is_fresh, not_modified
from rendicom.server.services import Services
from rendicom.server.tasks import Picture

router = APIRouter(tags=["Rendered"])

_DEFAULT_THUMBNAIL = (128, 128)
_MOST_ATTEMPTS = 6


async def _thumbnail(request: Request) -> Response:
    """Answer with one small picture without data that identify a patient (10.4.3.3.4)."""
    services, resource = services_of(request), resource_of(request)
    accepts = accepts_of(request)
    query = parse_rendered(
        parameters_of(request),
        is_thumbnail=True,
        max_viewport_pixels=min(MOST_VIEWPORT_PIXELS, services.settings.max_pixels),
    )
    if len(resource.frames) > 1:
        raise BadRequestError("a thumbnail shows one frame only", parameter="frames")
    choice = choose_rendered(accepts, "single-frame", is_single=True, is_thumbnail=True)
    entry = await services.lookup.representative(resource)
    check_frames(entry, resource.frames)

    making = _ThumbnailMaker(services, resource, query, choice)

    def headers_for(shown: Entry) -> dict[str, str]:
        tag = etag("thumbnail", making.request(shown).cache_key(), resource)
        url = shown.resource._replace(frames=resource.frames).url(base_of(request))
        return headers_of(request, tag=tag, location=url, warnings=query.warnings)

    headers = headers_for(entry)
    if is_fresh(request, headers["ETag"]):
        return not_modified(headers)
    try:
        picture = await making.picture(entry)
    except BROKEN:
        if resource.instance:
            raise
        entry, picture = await making.instead_of(entry)
        headers = headers_for(entry)
    if resource.instance:
        note(request.scope, entry, picture)
    return Response(picture.data, media_type=picture.media_type, headers=headers)


class _ThumbnailMaker(NamedTuple):
    """Makes the thumbnail that a request asks for."""

    services: Services
    resource: Resource
    query: RenderedQuery
    choice: Choice

    def request(self, entry: Entry) -> PictureRequest:
        frames = self.resource.frames or (entry.representative_frame,)
        return request_for(
            entry,
            FrameSelection.of(frames).selection,
            self.query.options,
            self.choice.media_type,
            max_pixels=self.services.settings.max_pixels,
        )

    async def picture(self, entry: Entry) -> Picture:
        if not _is_shown(entry):
            return await self._icon(entry)
        return await self.services.pictures.picture(entry, self.request(entry))

    async def _icon(self, entry: Entry) -> Picture:
        box = self.query.options.viewport
        size = (box.width, box.height) if box else _DEFAULT_THUMBNAIL
        return await self.services.pictures.icon(entry, size, self.choice.media_type)

    async def instead_of(self, broken: Entry) -> tuple[Entry, Picture]:
        """Return the thumbnail of an instance next to a broken one, or an icon if several fail."""
        every = await self.services.lookup.entries(self.resource)
        entries = [each for each in every if _is_shown(each)]
        places = {each.instance: number for number, each in enumerate(entries)}
        middle = places.get(broken.instance, 0)

        def distance(entry: Entry) -> tuple[bool, int]:
            return entry.series != broken.series, abs(places[entry.instance] - middle)

        for entry in sorted(entries, key=distance)[1 : _MOST_ATTEMPTS + 1]:
            with suppress(*BROKEN):
                return entry, await self.picture(entry)
        return broken, await self._icon(broken)


def _is_shown(entry: Entry) -> bool:
    """Tell whether a thumbnail may and can show the pixels."""
    return entry.has_pixels and not entry.burned_in and not is_document(entry.sop_class)


for _level in LEVELS:
    add_rendered_route(router, "thumbnail", _level, _thumbnail)
