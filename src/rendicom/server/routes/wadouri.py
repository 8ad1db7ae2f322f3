"""WADO-URI: one instance by query parameters (PS3.18 9)."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import Response

from rendicom import __version__
from rendicom.dicomweb.accepts import DICOM
from rendicom.dicomweb.mediatypes import choose_charset, picture_types
from rendicom.dicomweb.rendered_parameters import QueryParameter
from rendicom.dicomweb.wadouri import WADO_PARAMETERS, WadoUri, parse_wado_uri
from rendicom.errors import NotAcceptableError, NotSupportedError
from rendicom.index.catalogue import Entry
from rendicom.selection import FrameSelection
from rendicom.server import tasks
from rendicom.server.choosing import category_for
from rendicom.server.files import send_bytes
from rendicom.server.openapi import add_route
from rendicom.server.parts import Content, send_content
from rendicom.server.pictures import other_types, place_of, request_for
from rendicom.server.requests import check_number, parameters_of, services_of
from rendicom.server.responses import BASE, base_of, etag, headers_of, is_fresh, not_modified

if TYPE_CHECKING:
    from starlette.requests import Request


router = APIRouter(tags=["WADO-URI"])

PATHS = (BASE, f"{BASE}/", "/wado")


async def _wado(request: Request) -> Response:
    services = services_of(request)
    accept = request.headers.get("accept")
    if not request.scope["query_string"] and "text/html" in (accept or ""):
        return _landing_page(request)
    asked = parse_wado_uri(parameters_of(request), accept, is_lenient=services.settings.lenient)
    entry = await services.lookup.entry(asked.resource)
    if asked.wants_dicom:
        return await _object(request, asked, entry)
    asked.check_frame(entry.number_of_frames)
    category = category_for(entry)
    if category == "presentation-state":
        raise NotAcceptableError(
            "a presentation state is not a picture", hint="name it as presentationUID of an image"
        )
    offers = other_types(entry, category)
    choice = asked.choose(category, offers=offers)
    options = asked.options
    if entry.has_pixels:
        options = replace(options, viewport=asked.viewport(entry.rows, entry.columns))
    state = await services.lookup.entry(asked.presentation) if asked.presentation else None
    resource = entry.resource._replace(frames=asked.resource.frames)
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


async def _object(request: Request, asked: WadoUri, entry: Entry) -> Response:
    """Answer with the DICOM file."""
    if asked.is_anonymous:
        raise NotSupportedError("this server does not anonymize objects")
    services = services_of(request)
    spool, syntax = services.spool.place(), asked.transfer_syntax
    found = await services.renderers.call(
        tasks.read_instance, place_of(entry), entry[:3], syntax, spool, kind="retrieve"
    )
    tag = etag("wado", entry.location, entry.version, found.transfer_syntax)
    headers = headers_of(
        request, tag=tag, location=entry.resource.url(base_of(request)), warnings=found.warnings
    )
    if is_fresh(request, tag):
        return not_modified(headers)
    content = Content(found, DICOM, entry.resource, entry.location)
    return await send_content(request, content, headers)


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Rendicom: DICOMweb services</title>
<link rel="icon" href="{root}/static/icon.svg" type="image/svg+xml">
<style>
html {{ background: Canvas; color: CanvasText }}
body {{ max-width: 40em; margin: 12vh auto; padding: 0 1.5em }}
body {{ font: 16px/1.6 system-ui, sans-serif }}
code {{ overflow-wrap: anywhere }}
</style>
</head>
<body>
<main>
<h1>DICOMweb services</h1>
<p>Rendicom {version} answers here.
Give DICOMweb clients this address: <code>{base}</code></p>
<ul>
{links}
</ul>
</main>
</body>
</html>
"""
_LINKS = (
    ("docs", "All resources and parameters"),
    ("openapi.json", "The same as an OpenAPI document"),
    ("dicomweb/studies?limit=10", "Ten studies, as DICOM JSON"),
)


def _landing_page(request: Request) -> Response:
    """Return the page for a browser at the base URL; it reveals nothing about the studies."""
    root = escape(str(request.base_url).rstrip("/"))
    first = (("", "Look at the studies"),) if services_of(request).settings.page else ()
    links = "\n".join(
        f'<li><a href="{root}/{escape(path)}">{text}</a></li>' for path, text in (*first, *_LINKS)
    )
    page = _PAGE.format(root=root, version=__version__, base=f"{root}/dicomweb", links=links)
    return Response(page, media_type="text/html", headers={"Vary": "Accept"})


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
