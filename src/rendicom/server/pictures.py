"""Cached pictures, metadata and documents of instances in the index."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rendicom.dicomweb.pixeldata import frame_media_type
from rendicom.dicomweb.rendered_parameters import rendered_parameters
from rendicom.documents import document_types
from rendicom.engine import InstanceLocation, PictureRequest
from rendicom.errors import (
    BadRequestError,
    CorruptDataError,
    OptionError,
    UnsupportedTransferSyntaxError,
)
from rendicom.server import layer_tasks, tasks
from rendicom.server.tasks import Picture

if TYPE_CHECKING:
    from rendicom.composition.references import Mentioned
    from rendicom.dicomweb.mediatypes import Category
    from rendicom.dicomweb.rewriting import Retrieved
    from rendicom.index.catalogue import Entry
    from rendicom.options import RenderOptions
    from rendicom.selection import Selection
    from rendicom.server.cache import ByteCache
    from rendicom.server.layer_tasks import Targets
    from rendicom.server.singleflight import SingleFlight
    from rendicom.server.telemetry import Telemetry
    from rendicom.server.worker_pool import WorkerPool
    from rendicom.workers.async_worker import Answer

_STAGES = ("decode", "render", "encode")


class Pictures:
    """Makes each picture once, in a worker, and caches it.

    `rendicom.server.tasks` has the work itself.
    """

    def __init__(
        self, cache: ByteCache, flights: SingleFlight, renderers: WorkerPool, telemetry: Telemetry
    ) -> None:
        self._cache, self._flights = cache, flights
        self._renderers, self._telemetry = renderers, telemetry

    async def picture(self, entry: Entry, request: PictureRequest) -> Picture:
        """Return the picture request for an instance in the index."""
        render = layer_tasks.render_layered if request.layers else tasks.render_picture
        # Several frames at a time would take as much more memory.
        has_threads = request.selection.frame is not None
        return await self._made(
            entry, render, (request,), request.cache_key(), has_threads=has_threads
        )

    async def document(self, entry: Entry, media_type: str, base: str, charset: str) -> Picture:
        """Return a report or an encapsulated document, its links below ``base``."""
        arguments = (place_of(entry), media_type, base, charset)
        return await self._made(entry, tasks.write_document, arguments)

    async def video(self, entry: Entry, media_type: str) -> Retrieved:
        """Return the stream of a video, where it is of that type.

        Raises
        ------
        NotAcceptableError
            It is of another one.
        """
        found: Retrieved = await self._renderers.call(
            tasks.read_video, place_of(entry), media_type, kind="retrieve"
        )
        return found

    async def metadata(self, entry: Entry, read: Callable[..., bytes], base: str) -> bytes:
        """Return the attributes of an instance whose own address is ``base``."""
        key = (read, place_of(entry), base)
        kept: bytes | None = self._cache.get(key)
        if kept is None:
            call = self._renderers.call
            kept = await call(read, place_of(entry), base, kind="metadata")
            self._cache.put(key, kept, len(kept))
        return kept

    async def sequence(self, entry: Entry, requests: tuple[PictureRequest, ...]) -> Picture:
        """Return a loop of the pictures that requests ask for, made for an instance."""
        return await self._made(entry, layer_tasks.render_sequence, (requests,))

    async def mentioned(self, entry: Entry) -> Mentioned:
        """Return the images that an instance refers to."""
        found: Mentioned = await self._known(layer_tasks.list_references, place_of(entry))
        return found

    async def targets(
        self, entry: Entry, images: Sequence[Entry], options: RenderOptions
    ) -> Targets:
        """Return the images that an instance annotates, by index, each with a frame."""
        places = tuple(map(place_of, images))
        found: Targets = await self._known(
            layer_tasks.find_targets, place_of(entry), places, options
        )
        return found

    async def count(self, entry: Entry) -> int:
        """Return the number of pictures of an instance without the images it refers to."""
        found: int = await self._known(layer_tasks.count_pictures, place_of(entry))
        return found

    async def layers(
        self, objects: Sequence[tuple[str, Sequence[Entry]]], images: Sequence[Entry]
    ) -> list[dict[str, Any]]:
        """Return what objects draw on images; see `rendicom.server.layer_tasks.list_layers`.

        It is found once for each object: who opens a segmentation asks for its place, and then
        for all layers of that series.
        """
        on = tuple(map(place_of, images))
        among = hashlib.sha256(repr(on).encode()).digest()
        places = {uid: tuple(map(place_of, entries)) for uid, entries in objects}
        keys = {uid: (layer_tasks.list_layers, uid, places[uid], among) for uid in places}
        found = {uid: self._cache.get(key) for uid, key in keys.items()}
        missing = tuple((uid, places[uid]) for uid in places if found[uid] is None)
        if missing:
            listed = await self._flights.do(
                (layer_tasks.list_layers, missing, among),
                lambda answer: self._renderers.begin(answer, layer_tasks.list_layers, missing, on),
            )
            for (uid, _), told in zip(missing, listed, strict=True):
                found[uid] = told
                self._cache.put(keys[uid], told, len(pickle.dumps(told)))
        return [told for told in found.values() if told is not None]

    async def _known(self, find: Callable[..., Any], *arguments: Hashable) -> Any:
        """Return the result of a task on files, computed once while they stay unchanged."""
        key = (find, arguments)
        found = self._cache.get(key)
        if found is None:
            found = await self._renderers.call(find, *arguments)
            self._cache.put(key, found, len(pickle.dumps(found)))
        return found

    async def icon(self, entry: Entry, size: tuple[int, int], media_type: str) -> Picture:
        """Return the icon of an instance without a picture, or whose picture is not shown."""
        return await self._made(entry, tasks.draw_icon, (entry.modality, size, media_type))

    async def _made(
        self,
        entry: Entry,
        make: Callable[..., Picture],
        arguments: tuple[Hashable, ...],
        key: Hashable = None,
        *,
        has_threads: bool = False,
    ) -> Picture:
        key = (make, arguments) if key is None else key
        kept: Picture | None = self._cache.get(key)
        if kept is not None:
            return kept
        picture: Picture = await self._flights.do(
            key,
            lambda answer: self._renderers.begin(
                _Counted(answer, entry, self._telemetry),
                make,
                *arguments,
                has_threads=has_threads,
            ),
        )
        # The key of an instance that changed since it was indexed is unknown yet.
        if picture.version in (entry.version, ""):
            picture = picture._replace(key=key)
            self._cache.put(key, picture, len(picture.data))
        return picture


class _Counted:
    """Counts the result of a call in a worker, then passes it on."""

    __slots__ = ("_answer", "_entry", "_telemetry")

    def __init__(self, answer: Answer, entry: Entry, telemetry: Telemetry) -> None:
        self._answer, self._entry, self._telemetry = answer, entry, telemetry

    def done(self) -> bool:
        return self._answer.done()

    def set_result(self, picture: Picture) -> None:
        for stage, seconds in zip(_STAGES, picture.seconds, strict=False):
            self._telemetry.stage(stage, seconds)
        self._answer.set_result(picture)

    def set_exception(self, error: BaseException) -> None:
        if isinstance(error, (CorruptDataError, UnsupportedTransferSyntaxError)):
            self._telemetry.decode_failed(self._entry.transfer_syntax, error.code)
        elif isinstance(error, OptionError):
            error = _blamed(error)
        self._answer.set_exception(error)


def request_for(
    entry: Entry,
    selection: Selection,
    options: RenderOptions,
    media_type: str,
    *,
    max_pixels: int,
    presentation: Entry | None = None,
    layers: Sequence[Entry] = (),
) -> PictureRequest:
    """Return the request for a picture of an instance in the index, within the server's limit."""
    return PictureRequest(
        selection,
        options if options.max_pixels == max_pixels else _limited(options, max_pixels),
        media_type,
        place_of(entry),
        None if presentation is None else place_of(presentation),
        tuple(map(place_of, layers)) if layers else (),
    )


@lru_cache(maxsize=256)
def _limited(options: RenderOptions, max_pixels: int) -> RenderOptions:
    return replace(options, max_pixels=max_pixels)


def _blamed(error: OptionError) -> BadRequestError:
    """Return an error found in the image, with the query parameter that caused it."""
    words = set(error.message.split())
    named = [each.name for each in rendered_parameters() if each.name in words]
    return BadRequestError(error.message, hint=error.hint, parameter=(named or [""])[0])


def place_of(entry: Entry) -> InstanceLocation:
    """Return where an instance is."""
    return InstanceLocation(entry.location, entry.version)


def other_types(entry: Entry, category: Category) -> tuple[str, ...]:
    """Return the media types of an instance other than pictures, the default first."""
    if category == "video":
        return (frame_media_type(entry.transfer_syntax),)
    return document_types(entry.sop_class) if category == "text" else ()
