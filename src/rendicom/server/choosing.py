"""Chooses the instances and frames that a rendered resource shows, and their layers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rendicom.composition.base import blaming
from rendicom.composition.kinds import DOSE, PLANS, is_about_images, is_drawable
from rendicom.composition.layer_options import for_first_of
from rendicom.dicomweb.mediatypes import (
    Category,
    category_of,
    choose_rendered,
    is_presentation_state,
)
from rendicom.dicomweb.resources import Resource
from rendicom.documents import document_types, is_document
from rendicom.errors import (
    BadRequestError,
    CorruptDataError,
    LimitExceededError,
    NoPixelDataError,
    NoSuchResourceError,
    UnreadableSourceError,
    UnsupportedImageError,
    UnsupportedTransferSyntaxError,
    WorkerDiedError,
)
from rendicom.pixels.state_classes import BLENDING_CLASSES
from rendicom.server.requests import check_number

if TYPE_CHECKING:
    from rendicom.dicomweb.accepts import Accepts
    from rendicom.dicomweb.rendered_parameters import RenderedQuery
    from rendicom.index.catalogue import Entry
    from rendicom.options import RenderOptions
    from rendicom.server.services import Services


BROKEN = (
    CorruptDataError, LimitExceededError, NoPixelDataError, UnreadableSourceError,
    UnsupportedImageError, UnsupportedTransferSyntaxError, WorkerDiedError,
)  # fmt: skip
"""What an answer about several instances leaves out, as one of them is at fault."""


_KEPT = 256


class ShownFrame(NamedTuple):
    """A frame of an image."""

    entry: Entry
    frame: int


class ShownInstance(NamedTuple):
    """An instance, or some of its frames, that a response may show."""

    entry: Entry
    category: Category
    frames: tuple[int, ...] = ()
    """Those that the request names."""
    presentation: Entry | None = None
    """The presentation state applied to the image."""
    layers: tuple[Entry, ...] = ()
    """The layers drawn on it."""
    targets: tuple[ShownFrame, ...] = ()
    """The frames of images that the instance annotates: they are shown in its place. If empty, its
    own pictures are shown."""
    is_state: bool = False
    """The request names a presentation state, and this is an image it refers to."""


async def choose_instances(
    services: Services,
    entries: Sequence[Entry],
    resource: Resource,
    accepts: Accepts,
    query: RenderedQuery,
) -> list[ShownInstance]:
    """Return what can be shown of the instances of a resource, in order.

    A dose is the slice of its maximum in colors, unless frames, a region or layers are named.

    Raises
    ------
    BadRequestError, NoSuchResourceError
        The request names frames that do not exist, or a presentation state without its images.
    """
    if not resource.instance:
        every = (ShownInstance(entry, category_for(entry)) for entry in entries)
        return [each for each in every if each.category not in ("presentation-state", "other")]
    entry, frames = entries[0], resource.frames
    check_frames(entry, frames)
    category = category_for(entry, frames)
    if category == "presentation-state":
        return await _presented(services, entry)
    shown = ShownInstance(entry, category, frames)
    is_dose = entry.sop_class == DOSE and entry.has_pixels
    is_dose = is_dose and query.selection is None and not query.layers
    if frames or not (is_dose or is_about_images(entry.sop_class)):
        return [shown]
    # Its document may be preferred to pictures of it.
    documents = document_types(entry.sop_class)
    first = choose_rendered(accepts, "single-frame", offers=documents, is_single=True)
    if first.media_type in documents:
        return [shown]
    targets, problem = ((), "") if is_dose else await targets_of(services, entry, query.options)
    if not targets and entry.has_pixels:
        count = await services.pictures.count(entry)
        targets = tuple(ShownFrame(entry, each) for each in range(1, count + 1))
    if not targets and category == "other":
        absent = "this server has none of the images that the object refers to"
        raise NoSuchResourceError(problem or absent)
    return [shown._replace(targets=targets)]


async def choose_layers(services: Services, uids: tuple[str, ...]) -> tuple[tuple[Entry, ...], ...]:
    """Return the instances that the parameter ``layer`` names, by UID, each once.

    Raises
    ------
    NoSuchResourceError
        Nothing here has one of the UIDs.
    BadRequestError
        It cannot be drawn on an image.
    TooLargeError
        The instances are more than the server's limit.
    """
    if not uids:
        return ()
    every = await services.lookup.named(uids)
    known: set[str] = set()
    found: list[tuple[Entry, ...]] = []
    for uid in uids:
        named = [each for each in every if uid in (each.instance, each.series)]
        if not named:
            raise NoSuchResourceError(
                f"there is no layer {uid} here", hint="layer names SOP Instance or Series UIDs"
            )
        drawable = [
            each
            for each in named
            if is_drawable(each.sop_class, has_pixels=each.has_pixels)
            or (each.sop_class in PLANS and any(one.sop_class == DOSE for one in every))
        ]
        if not drawable:
            is_state = any(is_presentation_state(each.sop_class) for each in named)
            raise BadRequestError(
                f"{uid} cannot be drawn on an image",
                hint="it is a presentation state: /rendered of it shows its images, and "
                "presentationUID of WADO-URI one of them"
                if is_state
                else "",
                parameter="layer",
            )
        above = []
        for each in drawable:
            with blaming(each.instance):
                above += await superimposed(services, each)
        files = {each.location: each for each in (*drawable, *above) if each.location not in known}
        known |= files.keys()
        found.append(tuple(files.values()))
    check_number(services, len(known))
    return tuple(found)


async def superimposed(services: Services, entry: Entry) -> list[Entry]:
    """Return the images that a blending presentation state lays over others."""
    if not is_presentation_state(entry.sop_class):
        return []
    uids = (await services.pictures.mentioned(entry)).superimposed
    return [each for each in await services.lookup.named(uids) if each.has_pixels]


async def targets_of(
    services: Services, entry: Entry, options: RenderOptions
) -> tuple[tuple[ShownFrame, ...], str]:
    """Return the frames of images that an object annotates, or why there are none."""
    images = await images_about(services, entry)
    if not images:
        return (), ""
    found = await services.pictures.targets(entry, images, for_first_of(options))
    shown = tuple(ShownFrame(images[index], frame) for index, frame in found.frames)
    return shown, "" if shown else found.problem or "the object draws nothing on its images"


async def images_about(services: Services, entry: Entry) -> list[Entry]:
    """Return the images that an object refers to, or else those of its study.

    The selected images of a key object selection, and those of a report, are in its order.
    """
    mentioned = await services.pictures.mentioned(entry)
    wanted = {each.instance: number for number, each in enumerate(mentioned.images)}
    found = await services.lookup.named(tuple(wanted))
    images = [each for each in found if each.has_pixels and each.instance in wanted]
    if mentioned.is_ordered:
        images.sort(key=lambda each: wanted[each.instance])
    if not images and mentioned.frames_of_reference:
        study = await services.lookup.entries(Resource(entry.study))
        images = [each for each in study if is_base(each)]
    check_number(services, len(images))
    return images


def check_frames(entry: Entry, frames: Sequence[int]) -> None:
    """Refuse frames that do not exist (404) and frames of an instance without any (400)."""
    if not frames:
        return
    if not entry.has_pixels:
        raise BadRequestError("the instance has no frames", parameter="frames")
    if frames[-1] > entry.number_of_frames:
        raise NoSuchResourceError(
            f"there is no frame {frames[-1]}", hint=f"the instance has {entry.number_of_frames}"
        )


def category_for(entry: Entry, frames: Sequence[int] = ()) -> Category:
    """Return the category of a request for an instance, or for some of its frames."""
    number = len(frames) or entry.number_of_frames
    return _category_of(entry.sop_class, entry.transfer_syntax, number, entry.has_pixels)


@lru_cache(_KEPT)
def _category_of(sop_class: str, transfer_syntax: str, frames: int, has_pixels: bool) -> Category:
    return category_of(
        sop_class,
        transfer_syntax,
        frames=frames,
        has_pixels=has_pixels,
        is_document=is_document(sop_class),
    )


def is_base(entry: Entry) -> bool:
    """Tell whether an instance is an image that others are drawn on."""
    return entry.has_pixels and not is_about_images(entry.sop_class) and entry.sop_class != DOSE


async def _presented(services: Services, state: Entry) -> list[ShownInstance]:
    """Return the images that a presentation state refers to, one entry per frame (8.3.5.1.6)."""
    mentioned = await services.pictures.mentioned(state)
    uids = tuple(each.instance for each in mentioned.images)
    # A state that refers to itself, or to another one, shows nothing.
    named = await services.lookup.named(uids)
    images = {each.instance: each for each in named if each.has_pixels}
    if mentioned.is_volume and images:
        check_number(services, len(images))
        layers = (state, *images.values())
        view = ShownInstance(state, "single-frame", (), None, layers, (ShownFrame(state, 1),))
        return [view]
    above = await services.lookup.named(mentioned.superimposed)
    above = [each for each in above if each.has_pixels]
    if mentioned.superimposed and not above:
        raise NoSuchResourceError(
            "this server has none of the images that the presentation state superimposes"
        )
    found: list[ShownInstance] = []
    for reference in mentioned.images:
        image = images.get(reference.instance)
        if image is None:
            continue
        numbers = reference.frames or range(1, image.number_of_frames + 1)
        check_number(services, len(found) + len(numbers))
        is_blended = state.sop_class in BLENDING_CLASSES
        how = ShownInstance(image, "single-frame", (), None if is_blended else state, is_state=True)
        how = how._replace(layers=(state, *above) if is_blended else ())
        found += [how._replace(frames=(number,)) for number in numbers]
    if not found:
        raise NoSuchResourceError("this server has none of the images of the presentation state")
    return found
