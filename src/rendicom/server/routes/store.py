"""Store and delete, where the server is writable (STOW-RS, PS3.18 10.5)."""

from __future__ import annotations

import asyncio
import json

from fastapi import APIRouter, Request
from starlette.responses import Response

from rendicom import storage
from rendicom.dicomweb.accepts import DICOM, DICOM_JSON, DICOM_XML, Accepts
from rendicom.dicomweb.header_fields import parse_media_type
from rendicom.dicomweb.mediatypes import Offer, choose
from rendicom.dicomweb.message_parts import Part
from rendicom.dicomweb.problems import warning_header
from rendicom.dicomweb.storing import reason_of, store_response, store_status
from rendicom.dicomweb.xmlmodel import to_native_xml
from rendicom.errors import BadRequestError, ForbiddenError, RendicomError, TooLargeError
from rendicom.server import tasks
from rendicom.server.openapi import LEVELS, add_route
from rendicom.server.receiving import Receiver, parts_of, source_of, spooled
from rendicom.server.requests import resource_of, services_of
from rendicom.server.responses import BASE, base_of

router = APIRouter(tags=["Store"])

_OFFERS = (Offer(DICOM_JSON), Offer("application/json"), Offer(DICOM_XML))
_MODELS = (DICOM_JSON, DICOM_XML)
_MODEL_BYTES = 256 << 20


async def _store(request: Request) -> Response:
    services, resource = services_of(request), resource_of(request)
    accept = request.headers.get("accept") or "*/*"
    choice = choose(Accepts.parse(accept, is_lenient=True), offers=_OFFERS)
    base = base_of(request)
    receiver = Receiver(services, study=resource.study, base=base)
    try:
        await _take(request, receiver)
    except RendicomError as error:
        # Instances stored before the error remain stored: the response lists them.
        if not receiver.outcomes:
            raise
        receiver.fail(reason_of(error))
    if not receiver.outcomes:
        raise BadRequestError("the body holds no instance")
    studies = {url.rsplit("/series/", 1)[0] for o in receiver.outcomes if (url := o.retrieve_url)}
    model = store_response(
        receiver.outcomes, retrieve_url=studies.pop() if len(studies) == 1 else ""
    )
    if choice.media_type == DICOM_XML:
        body = to_native_xml(model)
    else:
        body = json.dumps(model, separators=(",", ":")).encode()
    status = store_status(receiver.outcomes)
    notes = [" ".join((each.instance, each.note)) for each in receiver.outcomes if each.note]
    headers = {"Warning": warning_header(notes, service=base)} if notes else {}
    return Response(body, status_code=status, media_type=choice.media_type, headers=headers)


async def _take(request: Request, receiver: Receiver) -> None:
    """Store the instances of the body: files at once, metadata when the whole body is there."""
    services, held = services_of(request), list[Part]()
    directory = services.spool.place()
    size = 0
    try:
        async for part in parts_of(request, most=services.settings.max_body, directory=directory):
            if _essence(part) == DICOM:
                try:
                    await receiver.take(part)
                finally:
                    part.close()
                continue
            size += part.size
            held.append(spooled(part, directory) if size > tasks.IN_MEMORY else part)
            if size > _MODEL_BYTES:
                raise TooLargeError(f"metadata and bulk data exceed {_MODEL_BYTES} bytes")
        await _take_models(request, receiver, held)
    finally:
        for part in held:
            part.close()


def _essence(part: Part) -> str:
    return parse_media_type(part.content_type or DICOM).essence


async def _take_models(request: Request, receiver: Receiver, parts: list[Part]) -> None:
    """Store instances sent as metadata and bulk data."""
    models = [(_essence(part), source_of(part)) for part in parts if _essence(part) in _MODELS]
    others = [part for part in parts if _essence(part) not in _MODELS]
    if not models:
        for _ in others:
            receiver.fail()
        return
    bulk = [(part.location, part.content_type, source_of(part)) for part in others]
    services = services_of(request)
    outcomes = await services.renderers.call(
        tasks.compose_instances, models, bulk, services.spool.place(), kind="store"
    )
    for made in outcomes:
        await receiver.take_made(made)


async def _delete(request: Request) -> Response:
    """Delete stored instances; files in the served folders are never deleted."""
    services, resource = services_of(request), resource_of(request)
    entries = await services.lookup.entries(resource)
    store = services.settings.store_location
    inside = storage.join(store, "")
    if any(not each.location.startswith(inside) for each in entries):
        raise ForbiddenError(
            "files of the folders served are not deleted",
            hint="only instances stored over the network can be",
        )
    await asyncio.to_thread(
        services.catalogue.delete, resource.study, resource.series, resource.instance
    )
    is_durable = services.settings.fsync
    for each in entries:
        await asyncio.to_thread(storage.remove, each.location, is_durable=is_durable)
    services.lookup.forget()
    return Response(status_code=204)


_BODIES = tuple(f'multipart/related; type="{each}"' for each in (DICOM, DICOM_JSON, DICOM_XML))

for _path, _word in (("/studies", ""), ("/studies/{study}", " into a study")):
    add_route(
        router,
        BASE + _path,
        _store,
        f"Store instances{_word}",
        "Each part is an instance; the response lists the outcome of each.",
        name=f"store{_word}".replace(" ", "-"),
        method="POST",
        content=(DICOM_JSON, DICOM_XML),
        statuses=("202", "400", "401", "403", "406", "409", "413", "415", "503", "507"),
        body=_BODIES,
    )

for _level in LEVELS[:3]:
    add_route(
        router,
        _level.path,
        _delete,
        f"Delete {_level.what}",
        "Only instances stored over the network. An extension of the standard.",
        name=f"delete-{_level.name}",
        method="DELETE",
        statuses=("400", "401", "403", "404", "410", "503"),
        success="204",
    )
