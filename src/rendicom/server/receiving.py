"""Takes in what clients store: one part at a time, whole or not at all (STOW-RS, PS3.18 10.5)."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.requests import ClientDisconnect

from rendicom import storage
from rendicom.dicomweb import storing
from rendicom.dicomweb.headers import parse_media_type
from rendicom.dicomweb.mediatypes import DICOM, DICOM_JSON, DICOM_XML
from rendicom.dicomweb.multipart import MultipartReader
from rendicom.dicomweb.parts import Limits, Part, PartBody
from rendicom.dicomweb.resources import Resource, check_uid
from rendicom.dicomweb.storing import StoreOutcome
from rendicom.errors import (
    BadRequestError,
    OutputExistsError,
    OverloadedError,
    RendicomError,
    UnsupportedMediaTypeError,
    UnwritableOutputError,
)
from rendicom.index.scan import read_indexed

if TYPE_CHECKING:
    from pydicom import Dataset
    from starlette.requests import Request

    from rendicom.server.services import Services

__all__ = ["Receiver", "location_of", "parts_of"]

_MODELS = (DICOM_JSON, DICOM_XML)
_MODEL_BYTES = 64 << 20
_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


async def parts_of(request: Request, *, most: int) -> AsyncIterator[Part]:
    """Yield the parts of a body while it comes in; the caller closes each.

    Raises
    ------
    UnsupportedMediaTypeError
        It is of a type that holds no instances.
    BadRequestError
        It is malformed, or ends too early.
    """
    content_type = request.headers.get("content-type", "")
    if not content_type:
        raise UnsupportedMediaTypeError("the request has no Content-Type")
    media_type = parse_media_type(content_type)
    if media_type.essence in (DICOM, *_MODELS):
        async for part in _single_part(request, content_type, most=most):
            yield part
        return
    with MultipartReader(content_type, limits=Limits(part=most)) as reader:
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
    """Yield a body as it comes in.

    Raises
    ------
    BadRequestError
        The client went away.
    """
    try:
        async for data in request.stream():
            yield data
    except ClientDisconnect:
        raise BadRequestError("the body ends too early") from None


async def _single_part(request: Request, content_type: str, *, most: int) -> AsyncIterator[Part]:
    """Yield a body that is one instance without anything around it."""
    body = PartBody(Limits(part=most), None)
    try:
        async for data in _stream(request):
            body.write(data)
        held, size = body.take()
    finally:
        body.close()
    if not size:
        raise BadRequestError("the body is empty")
    yield Part({"content-type": content_type}, held, size)


class _Identity(NamedTuple):
    """What an instance says it is."""

    sop_class: str
    resource: Resource


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

    async def take(self, part: Part) -> None:
        """Store the instance in a part; what becomes of it is added to ``outcomes``."""
        try:
            self.outcomes.append(await self._stored(part))
        except RendicomError:
            self.fail()

    async def take_model(self, read: Callable[[], Dataset]) -> None:
        """Store an instance that came as JSON or XML, and that a function reads."""
        try:
            data = await asyncio.to_thread(lambda: _file_of(read()))
        except RendicomError:
            self.fail()
        else:
            await self.take(Part({"content-type": DICOM}, data, len(data)))

    def fail(self, reason: int = storing.CANNOT_UNDERSTAND) -> None:
        """Note something that nobody can tell the instance of."""
        self.outcomes.append(StoreOutcome(failure=reason))

    async def _stored(self, part: Part) -> StoreOutcome:
        found = await asyncio.to_thread(_identify, part)
        if isinstance(found, int):
            return StoreOutcome(failure=found)
        resource = found.resource
        outcome = StoreOutcome(found.sop_class, resource.instance)
        if self._study and resource.study != self._study:
            return outcome._replace(failure=storing.STUDY_MISMATCH)
        failure = await self._write(part, resource)
        if failure is not None:
            return outcome._replace(failure=failure)
        return outcome._replace(retrieve_url=resource.url(self._base))

    async def _write(self, part: Part, resource: Resource) -> int | None:
        """Write the file and list it; return the reason where that fails."""
        services = self._services
        known = await asyncio.to_thread(services.catalogue.entry, *resource[:3])
        if known is not None:
            is_same = await asyncio.to_thread(_is_same, known.location, part)
            return None if is_same else storing.DUPLICATE
        location = location_of(services.settings.store_location, resource)
        is_new = True
        try:
            await asyncio.to_thread(_write, location, part)
        except OutputExistsError:
            is_new = False
            if not await asyncio.to_thread(_is_same, location, part):
                return storing.DUPLICATE
        except UnwritableOutputError:
            return storing.OUT_OF_RESOURCES
        failure = await asyncio.to_thread(self._list, location)
        if failure is None:
            services.lookup.forget()
        elif is_new:
            # Half of it would be there: a file that nobody was told is stored.
            await asyncio.to_thread(_take_back, location)
        return failure

    def _list(self, location: str) -> int | None:
        """List a file that was written; return the reason where that fails."""
        try:
            listed = _listed(location)
            if listed is None:
                return storing.CANNOT_UNDERSTAND
            self._services.catalogue.put([listed])
        except (UnwritableOutputError, OverloadedError):
            return storing.OUT_OF_RESOURCES
        except RendicomError:
            return storing.CANNOT_UNDERSTAND
        return None


def location_of(store: str, resource: Resource) -> str:
    """Return where an instance is put; UIDs are digits and points, which lead nowhere else."""
    return storage.join(store, resource.study, resource.series, f"{resource.instance}.dcm")


@contextmanager
def _bytes_of(part: Part) -> Iterator[Any]:
    """Give the body as a buffer, a large one without reading it into memory."""
    if isinstance(part.body, bytes):
        yield part.body
        return
    part.body.seek(0)
    part.body.flush()
    with mmap.mmap(part.body.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped


def _identify(part: Part) -> _Identity | int:
    """Return what the part holds, or the reason why it cannot be stored."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    body = BytesIO(part.body) if isinstance(part.body, bytes) else part.body
    body.seek(0)
    try:
        dataset = pydicom.dcmread(body, stop_before_pixels=True, specific_tags=list(_NEEDED))
        meta = dataset.file_meta
        syntax = str(meta.get("TransferSyntaxUID", ""))
        values = {name: str(dataset.get(name, "")) for name in _NEEDED}
        meta_instance = str(meta.get("MediaStorageSOPInstanceUID", ""))
    except InvalidDicomError:
        return storing.CANNOT_UNDERSTAND
    except Exception:  # noqa: BLE001 - pydicom meets what anybody sent
        return storing.CANNOT_UNDERSTAND
    if not syntax:
        return storing.SYNTAX_NOT_SUPPORTED
    try:
        for name, value in values.items():
            check_uid(value, what=name)
    except BadRequestError:
        return storing.DATA_SET_MISMATCH
    if meta_instance and meta_instance != values["SOPInstanceUID"]:
        return storing.CLASS_MISMATCH
    uids = (values["StudyInstanceUID"], values["SeriesInstanceUID"], values["SOPInstanceUID"])
    return _Identity(values["SOPClassUID"], Resource(*uids))


def _is_same(location: str, part: Part) -> bool:
    """Tell whether the stored file has the same bytes."""
    from rendicom.pixels.bytesource import open_source

    try:
        stored = open_source(storage.open_bytes(location))
    except RendicomError:
        return False
    try:
        if stored.size != part.size:
            return False
        with _bytes_of(part) as sent:
            step = 1 << 20
            return all(
                bytes(stored.read(at, min(step, part.size - at))) == bytes(sent[at : at + step])
                for at in range(0, part.size, step)
            )
    finally:
        stored.close()


def _write(location: str, part: Part) -> None:
    with _bytes_of(part) as data:
        storage.write(location, data, existing="fail")


def _take_back(location: str) -> None:
    with suppress(RendicomError):
        storage.remove(location)


def _listed(location: str) -> Any:
    version = storage.version_of(location)
    return read_indexed(location, version, 0)


def _file_of(dataset: Dataset) -> bytes:
    """Return the file of an instance that came as a model, explicit little endian."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    given = getattr(dataset, "file_meta", None)
    meta = FileMetaDataset()
    syntax = given.get("TransferSyntaxUID") if given is not None else None
    meta.TransferSyntaxUID = syntax or ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "")
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "")
    dataset.file_meta = meta
    target = BytesIO()
    try:
        dataset.save_as(target, enforce_file_format=True)
    except Exception as error:
        raise BadRequestError("the metadata do not make an instance") from error
    return target.getvalue()


def bulk_by_location(parts: Mapping[str, bytes]) -> Any:
    """Return what finds bulk data by the URI that the metadata name."""

    def find(uri: str) -> bytes:
        try:
            return parts[uri]
        except KeyError:
            raise BadRequestError("bulk data that the metadata name is not in the body") from None

    return find
