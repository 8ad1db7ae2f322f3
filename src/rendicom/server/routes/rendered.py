"""Rendered resources and thumbnails (PS3.18 10.4.1.1.3 and 10.4.1.1.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from fastapi import Request
from starlette.responses import Response

from rendicom.batch.frames import FrameSelection
from rendicom.dicomweb.categories import Category, category_of, is_presentation_state
from rendicom.dicomweb.mediatypes import (
    Accepts,
    Choice,
    animated_types,
    choose_charset,
    choose_rendered,
)
from rendicom.dicomweb.pixeldata import frame_media_type
from rendicom.dicomweb.rendered import (
    MOST_VIEWPORT_PIXELS,
    RenderedQuery,
    check_media_type,
    parse_rendered,
)
from rendicom.dicomweb.resources import Resource
from rendicom.documents import document_types, is_document
from rendicom.errors import (
    BadRequestError,
    NoSuchFrameError,
    NoSuchResourceError,
    NotAcceptableError,
    OptionError,
    TooLargeError,
)
from rendicom.index.catalogue import Entry
from rendicom.server.middlewares.recent import note
from rendicom.server.openapi import LEVELS, operation
from rendicom.server.parts import Content, send_content, send_parts
from rendicom.server.pictures import canonical, place_of
from rendicom.server.requests import accepts_of, parameters_of, resource_of, services_of
from rendicom.server.responses import (
    base_of,
    etag,
    headers_of,
    is_fresh,
    not_modified,
    voi_header,
)
from rendicom.server.routing import plain_router
from rendicom.server.services import Services

__all__ = ["router"]

router = plain_router()

_DEFAULT_THUMBNAIL = (128, 128)


class _Item(NamedTuple):
    """One part of an answer, before it is made."""

    entry: Entry
    resource: Resource
    media_type: str
    frames: tuple[int, ...] | None = None
    """One frame, several for a loop, None for all that there is."""
    presentation: Entry | None = None


# --- what is asked for ----------------------------------------------------------------------


async def _rendered(request: Request) -> Response:
    services, resource = services_of(request), resource_of(request)
    accepts = accepts_of(request)
    entries = await services.lookup.entries(resource)
    is_state = bool(resource.instance) and is_presentation_state(entries[0].sop_class)
    query = parse_rendered(
        parameters_of(request),
        is_presentation_state=is_state,
        max_viewport_pixels=_most_pixels(services),
    )
    if resource.instance:
        items, choice = await _of_instance(services, entries[0], resource, accepts, query)
    else:
        items, choice = _of_many(services, entries, accepts)
    check_media_type(query.options, choice.media_type)
    charset, base = _charset(request, query, choice), base_of(request)
    skipped = () if resource.instance else _skipped(entries, items)
    tag = etag(
        *(f"{each.entry.location} {each.entry.version}" for each in items),
        canonical(query.options), choice, charset, resource.path, base,
    )  # fmt: skip
    location = "" if choice.is_multipart else items[0].resource.url(base)
    vary = "Accept, Accept-Charset" if choice.media_type.startswith("text/") else "Accept"
    warnings = (*query.warnings, *skipped)
    headers = headers_of(tag=tag, location=location, warnings=warnings, vary=vary)
    if is_fresh(request, tag):
        return not_modified(headers)
    make = _maker(services, query, base, charset)
    if choice.is_multipart:
        return await send_parts(
            request, items, make, headers, media_type=choice.media_type, warnings=warnings
        )
    content = await make(items[0])
    said = headers_of(
        tag=tag, location=location, warnings=(*warnings, *content.warnings), vary=vary
    )
    if content.picture is not None:
        said |= voi_header(content.picture.voi)
    if resource.instance and content.picture is not None and items[0].presentation is None:
        note(request.scope, items[0].entry, content.picture)
    return await send_content(request, content, said)


async def _of_instance(
    services: Services,
    entry: Entry,
    resource: Resource,
    accepts: Accepts,
    query: RenderedQuery,
) -> tuple[list[_Item], Choice]:
    """Return what one instance, or some of its frames, become."""
    _check_frames(entry, resource)
    category = _category(entry, resource)
    if category == "presentation-state":
        return await _of_presentation_state(services, entry, resource, accepts)
    choice = choose_rendered(
        accepts,
        category,
        offers=_other_types(entry, category),
        is_single=len(resource.frames) <= 1,
    )
    return _items(services, entry, resource, choice, query), choice


def _check_frames(entry: Entry, resource: Resource) -> None:
    """Refuse frames that are not there (404) and selections of what has none (400)."""
    if not resource.frames:
        return
    if not entry.has_pixels:
        raise BadRequestError("the instance has no frames", parameter="frames")
    if resource.frames[-1] > entry.number_of_frames:
        raise NoSuchResourceError(
            f"there is no frame {resource.frames[-1]}",
            hint=f"the instance has {entry.number_of_frames}",
        )


def _category(entry: Entry, resource: Resource) -> Category:
    return category_of(
        entry.sop_class,
        entry.transfer_syntax,
        frames=len(resource.frames) or entry.number_of_frames,
        has_pixels=entry.has_pixels,
        is_document=is_document(entry.sop_class),
    )


def _other_types(entry: Entry, category: Category) -> tuple[str, ...]:
    """Return the media types beside those of pictures."""
    if category == "video":
        return (frame_media_type(entry.transfer_syntax),)
    return document_types(entry.sop_class) if category == "text" else ()


def _items(
    services: Services,
    entry: Entry,
    resource: Resource,
    choice: Choice,
    query: RenderedQuery | None = None,
) -> list[_Item]:
    """Return the parts that an instance becomes: a loop, a document, or one for each frame."""
    whole = Resource(entry.study, entry.series, entry.instance)
    frames = resource.frames or tuple(range(1, entry.number_of_frames + 1))
    if not entry.has_pixels or choice.media_type.startswith("video/"):
        return [_Item(entry, whole, choice.media_type)]
    if entry.number_of_frames == 1:
        return [_Item(entry, whole.frame(1) if resource.frames else whole, choice.media_type, (1,))]
    if choice.is_representative and not resource.frames:
        number = entry.representative_frame
        return [_Item(entry, whole.frame(number), choice.media_type, (number,))]
    if len(frames) > 1 and not choice.is_multipart and choice.media_type in animated_types():
        chosen = frames if resource.frames else _chosen_frames(query, entry)
        _check_number(services, len(chosen))
        return [_Item(entry, whole, choice.media_type, chosen)]
    _check_number(services, len(frames))
    return [_Item(entry, whole.frame(number), choice.media_type, (number,)) for number in frames]


def _chosen_frames(query: RenderedQuery | None, entry: Entry) -> tuple[int, ...]:
    """Return the frames of a loop: all of them, or those of the parameter ``frames``."""
    if query is None or not query.frames:
        return tuple(range(1, entry.number_of_frames + 1))
    try:
        return FrameSelection.parse(query.frames).resolve(entry.number_of_frames)
    except (OptionError, NoSuchFrameError) as error:
        raise BadRequestError(error.message, hint=error.hint, parameter="frames") from None


def _most_pixels(services: Services) -> int:
    return min(MOST_VIEWPORT_PIXELS, services.settings.max_pixels)


def _check_number(services: Services, number: int) -> None:
    if number > services.settings.max_frames:
        raise TooLargeError(
            f"that would be {number} pictures, and {services.settings.max_frames} is the limit",
            hint="ask for some of the frames or series",
        )


def _of_many(
    services: Services, entries: Sequence[Entry], accepts: Accepts
) -> tuple[list[_Item], Choice]:
    """Return what the instances of a study or series become, each with a media type of its own."""
    items: list[_Item] = []
    first: Choice | None = None
    refusals: list[NotAcceptableError] = []
    for entry in entries:
        category = _category(entry, Resource())
        if category in ("presentation-state", "other"):
            continue
        try:
            choice = choose_rendered(
                accepts, category, offers=_other_types(entry, category), is_single=False
            )
        except NotAcceptableError as error:
            refusals.append(error)
            continue
        whole = Resource(entry.study, entry.series, entry.instance)
        items += _items(services, entry, whole, choice)
        first = first or choice
        _check_number(services, len(items))
        if choice.is_representative:
            break
    if first is None:
        raise refusals[0] if refusals else NotAcceptableError("nothing in there can be rendered")
    return items, first


def _skipped(entries: Sequence[Entry], items: Sequence[_Item]) -> tuple[str, ...]:
    missing = len(entries) - len({id(item.entry) for item in items})
    if not missing:
        return ()
    return (f"{missing} of {len(entries)} instances are left out: not of a type asked for",)


# --- presentation states --------------------------------------------------------------------


async def _of_presentation_state(
    services: Services, entry: Entry, resource: Resource, accepts: Accepts
) -> tuple[list[_Item], Choice]:
    """Return the images that a presentation state refers to, shown as it says (8.3.5.1.6)."""
    if resource.frames:
        raise BadRequestError("a presentation state has no frames", parameter="frames")
    from rendicom.server import tasks

    references = await services.renderers.call(tasks.list_references, place_of(entry))
    shown: list[tuple[Entry, int]] = []
    for reference in references:
        try:
            image = await services.lookup.entry(Resource(*reference[:3]))
        except NoSuchResourceError:
            continue
        frames = reference[3] or range(1, image.number_of_frames + 1)
        shown += [(image, number) for number in frames]
    if not shown:
        raise NoSuchResourceError("none of the images that the presentation state is for is here")
    _check_number(services, len(shown))
    choice = choose_rendered(accepts, "single-frame", is_single=len(shown) == 1)
    items = [
        _Item(image, _part_of(image, number), choice.media_type, (number,), entry)
        for image, number in shown
    ]
    return items[:1] if choice.is_representative else items, choice


def _part_of(entry: Entry, number: int) -> Resource:
    whole = Resource(entry.study, entry.series, entry.instance)
    return whole.frame(number) if entry.number_of_frames > 1 else whole


# --- making it ------------------------------------------------------------------------------


def _charset(request: Request, query: RenderedQuery, choice: Choice) -> str:
    """Return the character set of texts (PS3.18 8.7.6)."""
    return choose_charset(
        media_type=choice.charset,
        query=query.charset,
        header=request.headers.get("accept-charset"),
    )


def _maker(
    services: Services, query: RenderedQuery, base: str, charset: str
) -> Callable[[_Item], Awaitable[Content]]:
    """Return what makes the part that an item becomes."""
    pictures, options = services.pictures, query.options

    async def make(item: _Item) -> Content:
        entry = item.entry
        if item.media_type.startswith("video/"):
            video = await pictures.video(entry, item.media_type)
            return Content(video, video.media_type, item.resource, entry.location)
        if not entry.has_pixels:
            picture = await pictures.document(entry, item.media_type, base, charset)
        elif item.frames is not None and len(item.frames) == 1:
            picture = await pictures.frame(
                entry, item.frames[0], options, item.media_type, presentation=item.presentation
            )
        else:
            picture = await pictures.animation(entry, item.frames, options, item.media_type)
        return Content(
            picture.data, picture.media_type, item.resource, "", picture.warnings, picture
        )

    return make


# --- thumbnails -----------------------------------------------------------------------------


async def _thumbnail(request: Request) -> Response:
    """Answer with one small picture without anything that identifies a patient (10.4.3.3.4)."""
    services, resource = services_of(request), resource_of(request)
    accepts = accepts_of(request)
    query = parse_rendered(
        parameters_of(request),
        is_thumbnail=True,
        max_viewport_pixels=_most_pixels(services),
    )
    if len(resource.frames) > 1:
        raise BadRequestError("a thumbnail is of one frame", parameter="frames")
    choice = choose_rendered(accepts, "single-frame", is_single=True, is_thumbnail=True)
    entry = await services.lookup.representative(resource)
    _check_frames(entry, resource)
    options = query.options
    tag = etag("thumbnail", entry.location, entry.version, canonical(options), choice, resource)
    whole = Resource(entry.study, entry.series, entry.instance)
    headers = headers_of(tag=tag, location=whole.url(base_of(request)), warnings=query.warnings)
    if is_fresh(request, tag):
        return not_modified(headers)
    if entry.has_pixels and not entry.burned_in and not is_document(entry.sop_class):
        frame = resource.frames[0] if resource.frames else entry.representative_frame
        picture = await services.pictures.frame(entry, frame, options, choice.media_type)
    else:
        box = options.viewport
        size = (box.width, box.height) if box else _DEFAULT_THUMBNAIL
        picture = await services.pictures.icon(entry, size, choice.media_type)
    if resource.instance:
        note(request.scope, entry, picture)
    return Response(picture.data, media_type=picture.media_type, headers=headers)


for _level in LEVELS:
    router.add_api_route(
        f"{_level.path}/rendered", _rendered, methods=["GET"], **operation("rendered", _level)
    )
    router.add_api_route(
        f"{_level.path}/thumbnail", _thumbnail, methods=["GET"], **operation("thumbnail", _level)
    )
