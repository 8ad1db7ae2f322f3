"""Pictures for whoever asks: made once, kept as long as there is room."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rendicom.dicomweb.rendered import rendered_parameters
from rendicom.errors import (
    BadRequestError,
    CorruptDataError,
    OptionError,
    UnsupportedTransferSyntaxError,
)
from rendicom.server import tasks
from rendicom.server.tasks import Picture, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rendicom.dicomweb.objects import Retrieved
    from rendicom.index.catalogue import Entry
    from rendicom.options import RenderOptions
    from rendicom.server.services import Services

__all__ = ["Pictures", "canonical", "place_of"]

_STAGES = ("decode", "render", "encode")


class Pictures:
    """What the routes get pictures from; see `rendicom.server.tasks` for who makes them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def frame(
        self,
        entry: Entry,
        frame: int,
        options: RenderOptions,
        media_type: str,
        *,
        presentation: Entry | None = None,
    ) -> Picture:
        """Return one frame as a picture."""
        state = None if presentation is None else place_of(presentation)
        arguments = (place_of(entry), frame, self._limited(options), media_type, state)
        return await self._made(entry, tasks.render_frame, arguments)

    async def animation(
        self, entry: Entry, frames: Sequence[int] | None, options: RenderOptions, media_type: str
    ) -> Picture:
        """Return frames as one animation."""
        chosen = None if frames is None else tuple(frames)
        arguments = (place_of(entry), chosen, self._limited(options), media_type)
        return await self._made(entry, tasks.render_animation, arguments)

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
        found: Retrieved = await self._services.renderers.call(
            tasks.read_video, place_of(entry), media_type, kind="retrieve"
        )
        return found

    async def metadata(self, entry: Entry, read: Callable[..., bytes], base: str) -> bytes:
        """Return the attributes of an instance whose own address is ``base``."""
        cache, key = self._services.cache, (read, place_of(entry), base)
        kept: bytes | None = cache.get(key)
        if kept is None:
            call = self._services.renderers.call
            kept = await call(read, place_of(entry), base, kind="metadata")
            cache.put(key, kept, len(kept))
        return kept

    async def icon(self, entry: Entry, size: tuple[int, int], media_type: str) -> Picture:
        """Return what stands for an instance whose picture is not shown, or is none."""
        return await self._made(entry, tasks.draw_icon, (entry.modality, size, media_type))

    def _limited(self, options: RenderOptions) -> str:
        """Return the options in canonical form, with the limits that are the server's to set."""
        return canonical(options, max_pixels=self._services.settings.max_pixels)

    async def _made(
        self, entry: Entry, make: Callable[..., Picture], arguments: tuple[Hashable, ...]
    ) -> Picture:
        cache, key = self._services.cache, (make, arguments)
        kept: Picture | None = cache.get(key)
        if kept is not None:
            return kept
        picture: Picture = await self._services.flights.do(
            key, lambda: self._call(entry, make, arguments)
        )
        # What changed since it was indexed belongs under another key, which nobody knows yet.
        if picture.version in (entry.version, ""):
            picture = picture._replace(key=key)
            cache.put(key, picture, len(picture.data))
        return picture

    async def _call(
        self, entry: Entry, make: Callable[..., Picture], arguments: tuple[Any, ...]
    ) -> Picture:
        try:
            picture: Picture = await self._services.renderers.call(make, *arguments)
        except (CorruptDataError, UnsupportedTransferSyntaxError) as error:
            self._services.telemetry.decode_failed(entry.transfer_syntax, error.code)
            raise
        except OptionError as error:
            raise _blamed(error) from None
        for stage, seconds in zip(_STAGES, picture.seconds, strict=False):
            self._services.telemetry.stage(stage, seconds)
        return picture


@lru_cache(maxsize=256)
def canonical(options: RenderOptions, *, max_pixels: int = 0) -> str:
    """Return the canonical form of options, with another limit if there is one.

    It is kept, as one client asks for many pictures in the same way.
    """
    return (replace(options, max_pixels=max_pixels) if max_pixels else options).canonical()


def _blamed(error: OptionError) -> BadRequestError:
    """Return an error that only the image could tell, with the parameter that it is about."""
    words = set(error.message.split())
    named = [each.name for each in rendered_parameters() if each.name in words]
    return BadRequestError(error.message, hint=error.hint, parameter=(named or [""])[0])


def place_of(entry: Entry) -> Place:
    """Return where an instance is."""
    return Place(entry.location, entry.version)
