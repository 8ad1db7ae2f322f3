"""Stores the instances of a STOW-RS request, each whole or not at all (PS3.18 10.5)."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect

from rendicom import storage
from rendicom.dicomweb import storing
from rendicom.dicomweb.accepts import DICOM, DICOM_JSON, DICOM_XML
from rendicom.dicomweb.header_fields import parse_media_type
from rendicom.dicomweb.identifying import identify
from rendicom.dicomweb.message_parts import Limits, Part, PartBody
from rendicom.dicomweb.multipart import MultipartReader
from rendicom.dicomweb.resources import Resource
from rendicom.dicomweb.storing import StoreOutcome, reason_of
from rendicom.errors import (
    BadRequestError,
    OutputExistsError,
    OverloadedError,
    RendicomError,
    UnsupportedMediaTypeError,
    UnwritableOutputError,
)
from rendicom.index.scan_scheduler import read_indexed

if TYPE_CHECKING:
    from starlette.requests import Request

    from rendicom.dicomweb.composing import Made
    from rendicom.server.services import Services

_MODELS = (DICOM_JSON, DICOM_XML)
_STEP = 1 << 20


async def parts_of(request: Request, *, most: int, directory: str) -> AsyncIterator[Part]:
    """Yield the parts of a body as it arrives; the caller closes each.

    Large parts are kept in temporary files in ``directory``.

    Raises
    ------
    UnsupportedMediaTypeError
        No instances come in this media type.
    BadRequestError
        It is malformed, or ends too early.
    """
    content_type = request.headers.get("content-type", "")
    if not content_type:
        raise UnsupportedMediaTypeError("the request has no Content-Type")
    media_type = parse_media_type(content_type)
    if media_type.essence in (DICOM, *_MODELS):
        body = PartBody(Limits(part=most), directory)
        async for part in _single_part(request, content_type, body):
            yield part
        return
    with MultipartReader(content_type, limits=Limits(part=most), directory=directory) as reader:
        if reader.type not in (DICOM, *_MODELS, ""):
            raise UnsupportedMediaTypeError(
                f"parts of type {reader.type} hold no instances",
                hint=f"send {DICOM}, {DICOM_JSON} or {DICOM_XML}",
            )
        async for data in _stream(request):
            for part in reader.feed(data):
                yield part
        reader.finish()


async def _stream(request: Request) -> AsyncIterator[bytes]:
    """Yield a body as it arrives.

    Raises
    ------
    BadRequestError
        The client disconnected.
    """
    try:
        async for data in request.stream():
            yield data
    except ClientDisconnect:
        raise BadRequestError("the body ends too early") from None


async def _single_part(request: Request, content_type: str, body: PartBody) -> AsyncIterator[Part]:
    """Yield the one part of a body that is not multipart."""
    try:
        async for data in _stream(request):
            body.write(data)
        held, size = body.take()
    finally:
        body.close()
    if not size:
        raise BadRequestError("the body is empty")
    yield Part({"content-type": content_type}, held, size)


class Receiver:
    """Stores the instances of one request.

    Parameters
    ----------
    study
        The study that the request names; empty for any.
    base
        Base of the URLs in the response.
    """

    def __init__(self, services: Services, *, study: str, base: str) -> None:
        self._services = services
        self._study = study
        self._base = base
        self.outcomes: list[StoreOutcome] = []

    async def take(self, part: Part, varying: slice = slice(0, 0)) -> None:
        """Store the instance in a part and add the result to ``outcomes``.

        ``varying`` are the bytes in which a stored instance may differ and still be the same.
        """
        try:
            self.outcomes.append(await self._stored(part, varying))
        except OverloadedError as error:
            if not self.outcomes:
                raise
            self.fail(reason_of(error))
        except RendicomError as error:
            self.fail(reason_of(error))

    async def take_made(self, made: Made) -> None:
        """Store an instance sent as metadata and bulk data."""
        outcome = StoreOutcome(made.sop_class, made.instance)
        if made.composed is None:
            if made.error is not None:
                outcome = outcome._replace(note=str(made.error), failure=reason_of(made.error))
            self.outcomes.append(outcome)
            return
        path, body = made.composed.path, made.composed.data
        size = Path(path).stat().st_size if path else len(body)
        content = Path(path).open("rb") if path else body  # noqa: SIM115 - `close` of the part
        part = Part({"content-type": DICOM}, content, size)
        try:
            await self.take(part, made.composed.moment)
        finally:
            part.close()
        corrected = ", ".join(made.composed.corrected)
        if corrected and self.outcomes[-1].failure is None:
            self.outcomes[-1] = self.outcomes[-1]._replace(
                warning=storing.COERCED, note=f"corrected: {corrected}"
            )

    def fail(self, reason: int = storing.CANNOT_UNDERSTAND) -> None:
        """Add a failure of an instance that cannot be identified."""
        self.outcomes.append(StoreOutcome(failure=reason))

    async def _stored(self, part: Part, varying: slice) -> StoreOutcome:
        found = await self._services.renderers.call(identify, source_of(part), kind="store")
        if isinstance(found, int):
            return StoreOutcome(failure=found)
        resource = found.resource
        outcome = StoreOutcome(found.sop_class, resource.instance)
        if self._study and resource.study != self._study:
            return outcome._replace(failure=storing.STUDY_MISMATCH)
        failure = await self._write(part, resource, varying)
        if failure is not None:
            return outcome._replace(failure=failure)
        return outcome._replace(retrieve_url=resource.url(self._base))

    async def _write(self, part: Part, resource: Resource, varying: slice) -> int | None:
        """Write the file and list it; return the reason where that fails."""
        services = self._services
        known = await asyncio.to_thread(services.catalogue.entry, *resource[:3])
        if known is not None:
            is_same = await asyncio.to_thread(_is_same, known.location, part, varying)
            return None if is_same else storing.DUPLICATE
        location = location_of(services.settings.store_location, resource)
        is_new = True
        try:
            await asyncio.to_thread(_write, location, part, is_durable=services.settings.fsync)
        except OutputExistsError:
            is_new = False
            if not await asyncio.to_thread(_is_same, location, part, varying):
                return storing.DUPLICATE
        except UnwritableOutputError:
            return storing.OUT_OF_RESOURCES
        failure = await self._list(location)
        if failure is None:
            services.lookup.forget()
        elif is_new:
            # Otherwise a file would remain although the client was told that it was not stored.
            await asyncio.to_thread(_take_back, location)
        return failure

    async def _list(self, location: str) -> int | None:
        """List a file that was written; return the reason where that fails."""
        try:
            version = await asyncio.to_thread(storage.version_of, location)
            listed = await self._services.renderers.call(
                read_indexed, location, version, 0, kind="store"
            )
            if listed is None:
                return storing.CANNOT_UNDERSTAND
            await asyncio.to_thread(self._services.catalogue.put, [listed])
        except (UnwritableOutputError, OverloadedError):
            return storing.OUT_OF_RESOURCES
        except RendicomError as error:
            return reason_of(error)
        return None


def location_of(store: str, resource: Resource) -> str:
    """Return the path of an instance in the store; UIDs hold digits and dots only."""
    return storage.join(store, resource.study, resource.series, f"{resource.instance}.dcm")


@contextmanager
def _bytes_of(part: Part) -> Iterator[Any]:
    """Provide the body as a buffer; a temporary file is mapped, not read."""
    if isinstance(part.body, bytes):
        yield part.body
        return
    part.body.seek(0)
    part.body.flush()
    with mmap.mmap(part.body.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped


def _is_same(location: str, part: Part, varying: slice) -> bool:
    """Tell whether the stored file has the same bytes, ``varying`` left out."""
    from rendicom.dicom.byte_source import open_source

    try:
        stored = open_source(storage.open_bytes(location))
    except RendicomError:
        return False
    try:
        if stored.size != part.size:
            return False
        with _bytes_of(part) as sent:
            stretches = ((0, varying.start), (varying.stop, part.size))
            return all(
                bytes(stored.read(at, min(_STEP, end - at)))
                == bytes(sent[at : min(at + _STEP, end)])
                for begin, end in stretches
                for at in range(begin, end, _STEP)
            )
    finally:
        stored.close()


def _write(location: str, part: Part, *, is_durable: bool) -> None:
    with _bytes_of(part) as data:
        storage.write(location, data, existing="fail", is_durable=is_durable)


def _take_back(location: str) -> None:
    with suppress(RendicomError):
        storage.remove(location)


def source_of(part: Part) -> bytes | str:
    """Return the body for a worker: bytes, or the path of its temporary file."""
    if isinstance(part.body, bytes):
        return part.body
    part.body.flush()
    return part.body.name


def spooled(part: Part, directory: str) -> Part:
    """Return the part with its body in a temporary file.

    Raises
    ------
    UnwritableOutputError
        There is not enough space for it.
    """
    if not isinstance(part.body, bytes):
        return part
    body = PartBody(Limits(memory=0), directory)
    body.write(part.body)
    return Part(part.headers, *body.take())
