"""WADO-URI: one instance by query parameters (PS3.18 9)."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from rendicom.dicomweb.categories import Category, category_of
from rendicom.dicomweb.mediatypes import DICOM, choose_charset, picture_types
from rendicom.dicomweb.rendered_parameters import QueryParameter
from rendicom.dicomweb.resources import Resource
from rendicom.dicomweb.wadouri import WADO_PARAMETERS, WadoUri, parse_wado_uri
from rendicom.documents import is_document
from rendicom.errors import NotAcceptableError, NotSupportedError
from rendicom.index.catalogue import Entry
from rendicom.selection import FrameSelection
from rendicom.server import tasks
from rendicom.server.files import send_bytes
from rendicom.server.openapi import add_route
from rendicom.server.parts import Content, send_content
from rendicom.server.pictures import other_types, place_of, request_for
from rendicom.server.requests import check_number, parameters_of, services_of
from rendicom.server.responses import (
    BASE,
    base_of,
    etag,
    headers_of,
    is_fresh,
    not_modified,
)
from rendicom.server.routes.landing import is_landing, landing_page

router = APIRouter(tags=["WADO-URI"])

PATHS = (BASE, f"{BASE}/", "/wado")


async def _wado(request: Request) -> Response:
    services = services_of(request)
    if is_landing(request):
        return landing_page(request)
    asked = parse_wado_uri(
        parameters_of(request),
        request.headers.get("accept"),
        is_lenient=services.settings.lenient,
    )
    entry = await services.lookup.entry(asked.resource)
    if asked.wants_dicom:
        return await _object(request, asked, entry)
    asked.check_frame(entry.number_of_frames)
    category = _category(entry)
    offers = other_types(entry, category)
    choice = asked.choose(category, offers=offers)
    options = asked.options
    if entry.has_pixels:
        options = replace(options, viewport=asked.viewport(entry.rows, entry.columns))
    state = await services.lookup.entry(asked.presentation) if asked.presentation else None
    resource = Resource(entry.study, entry.series, entry.instance, asked.resource.frames)
    chosen = FrameSelection.of(asked.resource.frames)
    if not asked.resource.frames and (choice.is_representative or entry.number_of_frames == 1):
        chosen = FrameSelection.of((1,))
    wanted = request_for(
        entry,
        chosen.selection,
        options,
        choice.media_type,
        max_pixels=services.settings.max_pixels,
        presentation=state,
    )
    tag = etag("wado", wanted.cache_key(), choice, resource)
    location = resource.url(base_of(request))
    headers = headers_of(request, tag=tag, location=location, warnings=asked.warnings)
    if is_fresh(request, tag):
        return not_modified(headers)
    pictures = services.pictures
    if choice.media_type.startswith("video/"):
        found = await pictures.video(entry, choice.media_type)
        content = Content(found, found.media_type, resource, entry.location)
        return await send_content(request, content, headers)
    if category == "text":
        picture = await pictures.document(
            entry, choice.media_type, base_of(request), choose_charset(query=asked.charset)
        )
    else:
        if not chosen.ranges:
            check_number(services, entry.number_of_frames)
        picture = await pictures.picture(entry, wanted)
    said = headers_of(
        request, tag=tag, location=location, warnings=(*asked.warnings, *picture.warnings)
    )
    return send_bytes(request, picture.data, picture.media_type, said)


def _category(entry: Entry) -> Category:
    category = category_of(
        entry.sop_class,
        entry.transfer_syntax,
        frames=entry.number_of_frames,
        has_pixels=entry.has_pixels,
        is_document=is_document(entry.sop_class),
    )
    if category == "presentation-state":
        raise NotAcceptableError(
            "a presentation state is not a picture",
            hint="name it as presentationUID of an image",
        )
    return category


async def _object(request: Request, asked: WadoUri, entry: Entry) -> Response:
    """Answer with the DICOM file."""
    if asked.is_anonymous:
        raise NotSupportedError("this server does not anonymize objects")
    services = services_of(request)
    resource = Resource(entry.study, entry.series, entry.instance)
    found = await services.renderers.call(
        tasks.read_instance, place_of(entry), resource[:3], asked.transfer_syntax,
        services.spool.place(), kind="retrieve",
    )  # fmt: skip
    tag = etag("wado", entry.location, entry.version, found.transfer_syntax)
    headers = headers_of(
        request, tag=tag, location=resource.url(base_of(request)), warnings=found.warnings
    )
    if is_fresh(request, tag):
        return not_modified(headers)
    content = Content(found, DICOM, resource, entry.location)
    return await send_content(request, content, headers)


for _path in PATHS:
    add_route(
        router,
        _path,
        _wado,
        "WADO-URI",
        "One instance, as a picture or as a DICOM file.",
        name=f"wado-uri-{PATHS.index(_path)}",
        query=[QueryParameter(name, "See PS3.18 9.") for name in WADO_PARAMETERS],
        content=(*picture_types(), DICOM, "text/html", "text/plain", "text/xml"),
        is_listed=_path == "/wado",
    )
