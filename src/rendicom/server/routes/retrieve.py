"""Instances, frames, bulk data and metadata as they are stored (PS3.18 10.4.1.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from rendicom.dicom.transfer_syntaxes import (
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    is_encapsulated,
    is_video,
)
from rendicom.dicomweb.accepts import DICOM, DICOM_JSON, DICOM_XML, OCTET_STREAM, Accepts
from rendicom.dicomweb.mediatypes import Offer, Packaging, choose
from rendicom.dicomweb.pixeldata import frame_media_type
from rendicom.dicomweb.resources import Resource
from rendicom.documents import document_types, is_document
from rendicom.errors import NoPixelDataError, NoSuchResourceError
from rendicom.server import tasks
from rendicom.server.choosing import check_frames
from rendicom.server.openapi import LEVELS, add_route
from rendicom.server.parts import ZIP, Content, send_array, send_content, send_parts, send_zip
from rendicom.server.pictures import place_of
from rendicom.server.requests import accepts_of, check_number, resource_of, services_of
from rendicom.server.responses import base_of, etag, headers_of, is_fresh, not_modified

if TYPE_CHECKING:
    from rendicom.dicomweb.mediatypes import Choice
    from rendicom.index.catalogue import Entry

router = APIRouter(tags=["Retrieve"])

_AS_STORED = "*"
_PIXEL_DATA = "7FE00010"
_DOCUMENT = "00420011"
_NEVER_SENT = (IMPLICIT_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN)


class _FramePart(NamedTuple):
    """One part of a response with frames."""

    resource: Resource


def _tag(entries: Sequence[Entry], *more: object) -> str:
    return etag(*(f"{each.location} {each.version}" for each in entries), *more)


# --- instances ------------------------------------------------------------------------------


async def _instances(request: Request) -> Response:
    services, resource = services_of(request), resource_of(request)
    accepts = accepts_of(request)
    entries = await services.lookup.entries(resource)
    choice = _choose_instances(accepts, entries, is_single=bool(resource.instance))
    tag = _tag(entries, "instances", choice, base_of(request))
    headers = headers_of(request, tag=tag)
    if is_fresh(request, tag):
        return not_modified(headers)
    make = _instance_maker(request, choice)
    if choice.media_type == ZIP:
        return await send_zip(request, entries, make, headers, name=resource.path.split("/")[-1])
    if choice.is_multipart:
        return await send_parts(request, entries, make, headers, media_type=choice.media_type)
    return await _send_single(request, await make(entries[0]), tag)


def _choose_instances(accepts: Accepts, entries: Sequence[Entry], *, is_single: bool) -> Choice:
    """Return DICOM files in the requested transfer syntax, or all pixel data as bytes (A.9)."""
    stored = {each.transfer_syntax for each in entries} - {EXPLICIT_LITTLE_ENDIAN, *_NEVER_SENT}
    syntaxes = (EXPLICIT_LITTLE_ENDIAN, _AS_STORED, *sorted(stored))
    offers = (
        Offer(DICOM, "either" if is_single else "multipart", syntaxes),
        Offer(OCTET_STREAM, "multipart", (EXPLICIT_LITTLE_ENDIAN,)),
        Offer(ZIP, "single", (_AS_STORED, *syntaxes[:1], *syntaxes[2:])),
    )
    return choose(accepts, offers=offers)


def _instance_maker(request: Request, choice: Choice) -> Callable[[Entry], Awaitable[Content]]:
    services = services_of(request)
    call, spool = services.renderers.call, services.spool
    # Lossy pixel data are not decompressed unless the client asks for that (8.7.3.5.2).
    is_asked = choice.is_syntax_asked or choice.media_type == ZIP
    syntax = choice.transfer_syntax if is_asked else ""

    async def make(entry: Entry) -> Content:
        place = place_of(entry)
        if choice.media_type == OCTET_STREAM:
            found = await call(
                tasks.read_bulk_data, place, _PIXEL_DATA, spool.place(), kind="retrieve"
            )
            kind, below = found.media_type, f"/bulkdata/{_PIXEL_DATA}"
        else:
            found = await call(
                tasks.read_instance, place, entry[:3], syntax, spool.place(), kind="retrieve"
            )
            kind, below = f"{DICOM}; transfer-syntax={found.transfer_syntax}", ""
        return Content(found, kind, entry.resource, entry.location, found.warnings, below=below)

    return make


async def _send_single(request: Request, content: Content, tag: str) -> Response:
    url = content.url(base_of(request))
    headers = headers_of(request, tag=tag, location=url, warnings=content.warnings)
    return await send_content(request, content, headers)


# --- frames ---------------------------------------------------------------------------------


async def _frames(request: Request) -> Response:
    services, resource = services_of(request), resource_of(request)
    accepts = accepts_of(request)
    entry = await services.lookup.entry(resource)
    if not entry.has_pixels:
        raise NoPixelDataError("the instance has no frames")
    check_frames(entry, resource.frames)
    check_number(services, len(resource.frames))
    choice = choose(accepts, offers=_frame_offers(entry, is_single=len(resource.frames) == 1))
    tag = _tag([entry], "frames", choice, resource.path)
    headers = headers_of(request, tag=tag)
    if is_fresh(request, tag):
        return not_modified(headers)

    async def make(item: _FramePart) -> Content:
        frames, syntax = item.resource.frames, choice.transfer_syntax
        (part,) = await services.renderers.call(
            tasks.read_frames, place_of(entry), frames, syntax, kind="retrieve"
        )
        kind = f"{part.media_type}; transfer-syntax={part.transfer_syntax}"
        return Content(part.data, kind, item.resource, warnings=part.warnings)

    items = [_FramePart(resource.frame(each)) for each in resource.frames]
    if choice.is_multipart:
        # With "as stored" the frames have their own media types.
        kind = "" if choice.transfer_syntax == _AS_STORED else choice.media_type
        return await send_parts(request, items, make, headers, media_type=kind)
    return await _send_single(request, await make(items[0]), tag)


def _frame_offers(entry: Entry, *, is_single: bool) -> tuple[Offer, ...]:
    """Return frames as bytes, or as stored codestreams (Table 8.7.3-5)."""
    uid = entry.transfer_syntax
    packaging: Packaging = "either" if is_single else "multipart"
    plain = Offer(OCTET_STREAM, packaging, (EXPLICIT_LITTLE_ENDIAN, _AS_STORED))
    if not is_encapsulated(uid) or is_video(uid):
        return (plain,)
    media_type = frame_media_type(uid)
    if media_type == OCTET_STREAM:
        return (plain,)
    # A request for any transfer syntax gets the stored one.
    return (plain, Offer(media_type, packaging, (uid, _AS_STORED)))


# --- bulk data ------------------------------------------------------------------------------


async def _bulk_data(request: Request) -> Response:
    resource = resource_of(request)
    return await _send_bulk(request, resource, request.path_params["path"])


async def _pixel_data(request: Request) -> Response:
    """Answer with the pixel data of all instances, one part each (10.4.1.1.6)."""
    services, resource = services_of(request), resource_of(request)
    if resource.instance:
        return await _send_bulk(request, resource, _PIXEL_DATA)
    accepts = accepts_of(request)
    entries = [each for each in await services.lookup.entries(resource) if each.has_pixels]
    if not entries:
        raise NoSuchResourceError("the resource has no pixel data")
    choice = choose(accepts, offers=(Offer(OCTET_STREAM, "multipart", (EXPLICIT_LITTLE_ENDIAN,)),))
    tag = _tag(entries, "pixeldata", choice)
    headers = headers_of(request, tag=tag)
    if is_fresh(request, tag):
        return not_modified(headers)
    make = _instance_maker(request, choice)
    return await send_parts(request, entries, make, headers, media_type=OCTET_STREAM)


async def _send_bulk(request: Request, resource: Resource, path: str) -> Response:
    services = services_of(request)
    accepts = accepts_of(request)
    entry = await services.lookup.entry(resource)
    choice = choose(accepts, offers=_bulk_offers(entry, path))
    tag = _tag([entry], "bulkdata", path, choice)
    headers = headers_of(request, tag=tag)
    if is_fresh(request, tag):
        return not_modified(headers)
    found = await services.renderers.call(
        tasks.read_bulk_data, place_of(entry), path, services.spool.place(), kind="retrieve"
    )
    kind = choice.media_type if choice.media_type in document_types(entry.sop_class) else ""
    content = Content(
        found, kind or found.media_type, resource, entry.location, found.warnings,
        below=f"/bulkdata/{path}",
    )  # fmt: skip
    if not choice.is_multipart:
        return await _send_single(request, content, tag)

    async def make(_entry: Entry) -> Content:
        return content

    return await send_parts(request, [entry], make, headers)


def _bulk_offers(entry: Entry, path: str) -> tuple[Offer, ...]:
    plain = Offer(OCTET_STREAM, "either", (EXPLICIT_LITTLE_ENDIAN, _AS_STORED))
    if path == _DOCUMENT and is_document(entry.sop_class):
        return (plain, Offer(document_types(entry.sop_class)[-1], "either"))
    uid = entry.transfer_syntax
    if not is_video(uid):
        return (plain,)
    return (Offer(frame_media_type(uid), "either", (uid, _AS_STORED)), plain)


# --- metadata -------------------------------------------------------------------------------


async def _metadata(request: Request) -> Response:
    services, resource = services_of(request), resource_of(request)
    accepts, base = accepts_of(request), base_of(request)
    offers = (Offer(DICOM_JSON), Offer("application/json"), Offer(DICOM_XML, "multipart"))
    choice = choose(accepts, offers=offers)
    entries = await services.lookup.entries(resource)
    tag = _tag(entries, "metadata", choice, base)
    headers = headers_of(request, tag=tag)
    if is_fresh(request, tag):
        return not_modified(headers)
    is_xml = choice.media_type == DICOM_XML

    async def model(entry: Entry) -> bytes:
        task = tasks.read_metadata_xml if is_xml else tasks.read_metadata
        return await services.pictures.metadata(entry, task, entry.resource.url(base))

    if not is_xml:
        return await send_array(request, entries, model, headers, media_type=choice.media_type)

    async def make(entry: Entry) -> Content:
        return Content(await model(entry), DICOM_XML, entry.resource)

    return await send_parts(request, entries, make, headers, media_type=DICOM_XML)


# --- paths ----------------------------------------------------------------------------------

_INSTANCE_TYPES = (f"multipart/related; type={DICOM}", DICOM, ZIP)
_FRAME_TYPES = (f"multipart/related; type={OCTET_STREAM}", OCTET_STREAM)
_METADATA_TYPES = (DICOM_JSON, f"multipart/related; type={DICOM_XML}")


for _level in LEVELS[:3]:
    add_route(
        router,
        _level.path,
        _instances,
        f"Retrieve {_level.what}",
        "DICOM files in the requested transfer syntax; in a ZIP archive as they are stored.",
        name=f"retrieve-{_level.name}",
        content=_INSTANCE_TYPES,
    )
    add_route(
        router,
        f"{_level.path}/metadata",
        _metadata,
        f"Metadata of {_level.what}",
        "All attributes; long values by reference.",
        name=f"metadata-{_level.name}",
        content=_METADATA_TYPES,
    )
    add_route(
        router,
        f"{_level.path}/pixeldata",
        _pixel_data,
        f"Pixel data of {_level.what}",
        "Uncompressed, little endian.",
        name=f"pixeldata-{_level.name}",
        content=_FRAME_TYPES,
    )

add_route(
    router,
    LEVELS[3].path,
    _frames,
    "Retrieve frames",
    "Uncompressed, or as they are stored with transfer-syntax=*.",
    name="retrieve-frames",
    content=_FRAME_TYPES,
)
add_route(
    router,
    LEVELS[2].path + "/bulkdata/{path:path}",
    _bulk_data,
    "Retrieve bulk data",
    "The value of one attribute.",
    name="retrieve-bulkdata",
    content=_FRAME_TYPES,
)
