"""Negotiates the media type of a rendered resource, and with it the parts of the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from rendicom.composition.layer_options import for_files_of
from rendicom.dicomweb.accepts import Accepts
from rendicom.dicomweb.mediatypes import Choice, animated_types, choose_rendered
from rendicom.dicomweb.resources import Resource
from rendicom.errors import BadRequestError, NoSuchFrameError, NotAcceptableError, OptionError
from rendicom.selection import FrameSelection, Selection
from rendicom.server.pictures import other_types, request_for
from rendicom.server.requests import check_number

if TYPE_CHECKING:
    from rendicom.dicomweb.rendered_parameters import RenderedQuery
    from rendicom.engine import PictureRequest
    from rendicom.index.catalogue import Entry
    from rendicom.server.choosing import ShownInstance
    from rendicom.server.services import Services


_FIRST_FRAME = Selection("frames", "1")


class AnswerPart(NamedTuple):
    """One part of an answer, before it is made.

    A document or a video has no ``requests``; a loop has several.
    """

    entry: Entry
    resource: Resource
    media_type: str
    requests: tuple[PictureRequest, ...] = ()


def negotiate(
    services: Services,
    accepts: Accepts,
    query: RenderedQuery,
    instances: Sequence[ShownInstance],
    *,
    is_instance: bool,
    layers: Sequence[Sequence[Entry]] = (),
) -> tuple[list[AnswerPart], Choice]:
    """Return the parts of the answer, each of the media type that suits it, and the first choice.

    ``layers`` are drawn on all pictures, each of one or several files.

    Raises
    ------
    BadRequestError
        A parameter has values for another number of layers.
    NotAcceptableError
        The client accepts nothing that can be made.
    TooLargeError
        The parts are more than the server's limit.
    """
    if is_instance and len(instances) == 1 and _is_plain(instances[0], query, layers):
        choice = choose_rendered(accepts, "single-frame", is_single=True)
        return [_still(services, instances[0], choice.media_type, query)], choice
    making = _PartMaker(services, query, layers)
    if is_instance and len(instances) > 1 and all(each.is_state for each in instances):
        loop = making.loop_of_state(accepts, instances)
        if loop is not None:
            return loop
    parts: list[AnswerPart] = []
    first: Choice | None = None
    refusals: list[NotAcceptableError] = []
    selection = query.selection if is_instance else None
    is_region = selection is not None and selection.kind != "frames"
    for shown in instances:
        category = shown.category
        if is_region and shown.entry.has_pixels:
            category = "single-frame"
        elif shown.targets:
            category = "single-frame" if len(shown.targets) == 1 else "multi-frame"
        sizes = {(each.entry.rows, each.entry.columns) for each in shown.targets}
        others = other_types(shown.entry, shown.category)
        try:
            choice = choose_rendered(
                accepts,
                category,
                offers=others,
                is_single=is_instance
                and len(instances) == 1
                and len(shown.frames) <= 1
                and len(sizes) <= 1,
            )
        except NotAcceptableError as error:
            refusals.append(error)
            continue
        if shown.targets and choice.media_type not in others:
            parts += making.parts_for_targets(shown, choice)
        else:
            parts += making.parts(shown, choice, selection)
        first = first or choice
        check_number(services, len(parts))
        if choice.is_representative:
            break
    if first is None:
        raise refusals[0] if refusals else NotAcceptableError("the resource has nothing to render")
    return parts, first


def _is_plain(
    shown: ShownInstance, query: RenderedQuery, layers: Sequence[Sequence[Entry]]
) -> bool:
    """Tell whether one frame is requested, with nothing drawn on it: so are nearly all."""
    is_more = shown.presentation or shown.layers or shown.targets or shown.is_state or layers
    return shown.category == "single-frame" and query.selection is None and not is_more


def _still(
    services: Services, shown: ShownInstance, media_type: str, query: RenderedQuery
) -> AnswerPart:
    """Return the only part of a plain answer; `_PartMaker.parts` says the same at length."""
    entry, frames = shown.entry, shown.frames
    resource = Resource(entry.study, entry.series, entry.instance, frames)
    chosen = Selection("frames", str(frames[0])) if frames else _FIRST_FRAME
    most = services.settings.max_pixels
    request = request_for(entry, chosen, query.options, media_type, max_pixels=most)
    return AnswerPart(entry, resource, media_type, (request,))


class _PartMaker(NamedTuple):
    """Makes the parts of an answer to one query; ``layers`` are drawn on all pictures."""

    services: Services
    query: RenderedQuery
    layers: Sequence[Sequence[Entry]]

    def loop_of_state(
        self, accepts: Accepts, instances: Sequence[ShownInstance]
    ) -> tuple[list[AnswerPart], Choice] | None:
        """Return the images of a state as a loop, if the client accepts one part only."""
        if len({(each.entry.rows, each.entry.columns) for each in instances}) > 1:
            return None
        with suppress(NotAcceptableError):
            if choose_rendered(accepts, "single-frame", is_single=False).is_multipart:
                return None
        try:
            choice = choose_rendered(accepts, "multi-frame", is_single=True)
        except NotAcceptableError:
            return None
        if choice.is_multipart or choice.media_type not in animated_types():
            return None
        parts = [part for each in instances for part in self.parts(each, choice, None)]
        state = instances[0].presentation or instances[0].layers[0]
        requests = tuple(request for part in parts for request in part.requests)
        return [AnswerPart(state, state.resource, choice.media_type, requests)], choice

    def parts(
        self, shown: ShownInstance, choice: Choice, selection: Selection | None
    ) -> list[AnswerPart]:
        """Return the parts of an instance: a document, an animation, or a picture of each frame."""
        entry, media_type = shown.entry, choice.media_type
        make = self._maker(shown.layers, media_type, shown.presentation)
        if not entry.has_pixels or media_type.startswith("video/"):
            return [AnswerPart(entry, entry.resource, media_type)]

        def frame(number: int) -> AnswerPart:
            is_named = entry.number_of_frames > 1 or (shown.frames and not shown.is_state)
            resource = entry.resource.frame(number) if is_named else entry.resource
            return make(entry, resource, Selection("frames", str(number)))

        if selection is not None and selection.kind != "frames":
            return [make(entry, entry.resource, selection)]
        if choice.is_representative and not shown.frames:
            return [frame(entry.representative_frame if entry.number_of_frames > 1 else 1)]
        frames = shown.frames or range(1, entry.number_of_frames + 1)
        if len(frames) > 1 and not choice.is_multipart and media_type in animated_types():
            chosen = FrameSelection.of(shown.frames) if shown.frames else FrameSelection()
            if selection is not None and not shown.frames:
                chosen = _resolved(self.services, selection, entry)
            check_number(self.services, chosen.most or entry.number_of_frames)
            return [make(entry, entry.resource, chosen.selection)]
        check_number(self.services, len(frames))
        return [frame(number) for number in frames]

    def parts_for_targets(self, shown: ShownInstance, choice: Choice) -> list[AnswerPart]:
        """Return the pictures of the images that an object annotates, or a loop of them."""
        targets, whole = shown.targets, shown.entry
        if choice.is_representative:
            targets = (targets[len(targets) // 2],)
        check_number(self.services, len(targets))
        make = self._maker(shown.layers or (whole,), choice.media_type)
        parts = []
        for entry, number in targets:
            is_named = entry.number_of_frames > 1 and entry is not whole
            resource = entry.resource.frame(number) if is_named else entry.resource
            parts.append(make(entry, resource, FrameSelection.of((number,)).selection))
        if len(parts) == 1 or choice.is_multipart:
            return parts
        requests = tuple(part.requests[0] for part in parts)
        return [AnswerPart(whole, whole.resource, choice.media_type, requests)]

    def _maker(
        self, own: Sequence[Entry], media_type: str, state: Entry | None = None
    ) -> Callable[[Entry, Resource, Selection], AnswerPart]:
        """Return what makes a part with a picture; ``own`` layers lie below those of the query."""
        groups = (own, *self.layers) if own else self.layers
        files = tuple(each for group in groups for each in group)
        options = self.query.options
        try:
            options = for_files_of(options, [len(each) for each in groups]) if groups else options
        except OptionError as error:
            name = error.message.split()[0]
            raise BadRequestError(error.message, hint=error.hint, parameter=name) from None
        most = self.services.settings.max_pixels

        def make(entry: Entry, resource: Resource, selection: Selection) -> AnswerPart:
            request = request_for(
                entry,
                selection,
                options,
                media_type,
                max_pixels=most,
                presentation=state,
                layers=files,
            )
            return AnswerPart(entry, resource, media_type, (request,))

        return make


def _resolved(services: Services, selection: Selection, entry: Entry) -> FrameSelection:
    """Return the frames of an animation that the query parameter names, each once."""
    chosen = FrameSelection.parse(selection.text)
    check_number(services, chosen.most or entry.number_of_frames)
    try:
        return FrameSelection.of(chosen.resolve(entry.number_of_frames))
    except NoSuchFrameError as error:
        raise BadRequestError(error.message, hint=error.hint, parameter="frames") from None
