"""Tasks of the worker processes for objects drawn on images."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rendicom import storage
from rendicom.composition.base import blaming
from rendicom.composition.composed import ComposedObject, ObjectOnImages
from rendicom.composition.dose import DEFAULT_LEVELS
from rendicom.composition.folders import FileIndex
from rendicom.composition.kinds import is_composed
from rendicom.composition.layer_opening import Layers, open_located
from rendicom.composition.targets import frames_drawn_on, mentioned_by
from rendicom.engine import InstanceLocation, PictureRequest, open_instance, open_presentation
from rendicom.engine.loop import render_sequence as sequence
from rendicom.errors import NoPixelDataError, RendicomError
from rendicom.options import RenderOptions
from rendicom.rendering.layers import ColourBar
from rendicom.server.tasks import Picture, open_image, travelling

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from rendicom.composition.references import Mentioned
    from rendicom.engine import Instance
    from rendicom.engine.selections import Displayed
    from rendicom.presentation import PresentationState
    from rendicom.values import DrawnItem

_ANY = RenderOptions()
_WITH_BAR = RenderOptions(legend=True)
_OF_VOLUMES = ("blending", "image")
"""Kinds that cover nearly all frames: only the first frame is looked for."""
_ABOUT_SOME = ("image", "report", "key object selection")
"""Kinds that are about other images than these more often than not."""
_BAR_COLOURS = 13


def render_layered(request: PictureRequest, *, threads: int = 1) -> Picture:
    """Return the picture of an image with layers on it, or of a segmentation on black."""
    instance, version = open_image(request.instance, threads=threads)
    if _is_alone(request, instance):
        picture = _composed(*_now(request.layers)).picture(request)
        return travelling(picture, _version(request, version))
    picture = instance.picture(request, **_over(request, instance))
    return travelling(picture, _version(request, version))


def render_sequence(requests: tuple[PictureRequest, ...]) -> Picture:
    """Return a loop of pictures of one size, each of one frame of an image, in color."""
    are_same: list[bool] = []

    def displayed(index: int) -> Displayed:
        request = requests[index]
        instance, _ = open_image(request.instance)
        places = (request.instance or InstanceLocation(""), *request.layers)
        are_same.append(_now(places) == places)
        number = request.selection.frame or 1
        if _is_alone(request, instance):
            return _composed(*_now(request.layers)).displayed(number, request.options)
        return instance.displayed(number, request.options, **_over(request, instance))

    first = requests[0]
    picture = sequence(displayed, len(requests), first.media_type, first.options)
    return travelling(picture, "" if all(are_same) else "changed")


def _is_alone(request: PictureRequest, instance: Instance) -> bool:
    """Tell whether an object is drawn as a whole: the images after it are its sources."""
    return is_composed(instance.sop_class) and request.layers[:1] == (request.instance,)


@lru_cache(maxsize=2)
def _composed(place: InstanceLocation, *images: InstanceLocation) -> ComposedObject:
    said = open_instance(storage.open_bytes(place.location))
    among = FileIndex([each.location for each in images]) if images else None
    # The name of a file may be that of a patient.
    found = ObjectOnImages(said, said.sop_instance, lambda: place.location, among).composed(_ANY)
    if found is None:
        raise NoPixelDataError("the object has no positions of its frames")
    return found


def count_pictures(place: InstanceLocation) -> int:
    """Return the number of pictures of an object without its images; 0 if it has none."""
    try:
        return _composed(place).description.number_of_frames
    except NoPixelDataError:
        return 0


def _over(request: PictureRequest, instance: Instance) -> dict[str, Any]:
    """Return presentation state and layers of a request."""
    layers = _layers(_now(request.layers)) if request.layers else None
    state: PresentationState | None = None
    if request.presentation is not None:
        state = open_presentation(storage.open_bytes(request.presentation.location))
    elif layers is not None and layers.state is not None:
        # The warning of a layer that does not refer to the image is ignored.
        is_meant = layers.state.includes(instance.sop_instance, request.selection.frame or 1)
        state = layers.state if is_meant else None
    return {"presentation": state, "layers": layers}


def _now(places: Sequence[InstanceLocation]) -> tuple[InstanceLocation, ...]:
    """Return the locations with the current versions of their bytes."""
    return tuple(
        InstanceLocation(each.location, storage.version_of(each.location)) for each in places
    )


def _version(request: PictureRequest, version: str) -> str:
    """Return the version of the image, or another one if a layer has changed."""
    return version if _now(request.layers) == request.layers else f"{version} with other layers"


@lru_cache(maxsize=2)
def _layers(places: tuple[InstanceLocation, ...]) -> Layers:
    return open_located([each.location for each in places])


def list_references(place: InstanceLocation) -> Mentioned:
    """Return the images that an object refers to."""
    return mentioned_by(place.location)


class Targets(NamedTuple):
    """The images that an object says something about: number of an image from 0, and frame.

    ``problem`` says why nothing of it is drawn on others, where that is known.
    """

    frames: list[tuple[int, int]]
    problem: str


def find_targets(
    place: InstanceLocation, images: Sequence[InstanceLocation], options: RenderOptions
) -> Targets:
    """Return the images among ``images`` that an object annotates.

    Images that cannot be read are left out.
    """
    layers = _layers((place,))
    found, problem = [], ""
    for index, image in enumerate(images):
        try:
            with open_instance(storage.open_bytes(image.location)) as instance:
                frames, reason = frames_drawn_on(layers, instance, options)
        except RendicomError as error:
            problem = problem or error.message
            continue
        found += [(index, each) for each in frames]
        problem = problem or reason
    return Targets(found, problem)


def list_layers(
    objects: Sequence[tuple[str, Sequence[InstanceLocation]]], images: Sequence[InstanceLocation]
) -> list[dict[str, Any]]:
    """Return what each object draws on images, in the order of the objects.

    The names of items are included; they may identify the patient. A dictionary without ``kind``
    is of an object that draws nothing: ``problem`` says why, where somebody would want to know.

    Parameters
    ----------
    objects
        For each object or series, its UID in the parameter ``layer``, and its files.
    images
        In the order in which ``first`` is looked for: number of an image from 0, and frame. No
        more are opened than are needed to find all items. Those that cannot be read are left out.
    """
    listed = {uid: _LayerOnImages(uid, places) for uid, places in objects}
    try:
        for index, place in enumerate(images):
            sought = [each for each in listed.values() if not each.is_complete]
            if not sought:
                break
            with (
                suppress(RendicomError),
                open_instance(storage.open_bytes(place.location)) as image,
            ):
                for each in sought:
                    each.look(image, index)
    finally:
        for each in listed.values():
            each.close()
    return [each.told() for each in listed.values()]


class _LayerOnImages:
    """What one object draws, and where first."""

    def __init__(self, uid: str, places: Sequence[InstanceLocation]) -> None:
        self._uid, self.problem = uid, ""
        self._first: tuple[int, int] | None = None
        self._kind = ""
        self._bar: ColourBar | None = None
        self._items: dict[int, tuple[DrawnItem, tuple[int, int]]] = {}
        self._layers: Layers | None = None
        try:
            with blaming(uid):
                self._layers = open_located([each.location for each in places])
                self._numbers = self._layers.numbers
        except RendicomError as error:
            self._fail(error)

    def close(self) -> None:
        """Close the files of the object."""
        if self._layers is not None:
            self._layers.close()

    def _fail(self, error: RendicomError) -> None:
        self.problem = error.message
        self.close()
        self._layers = None

    @property
    def is_complete(self) -> bool:
        """Tell whether there is no more to find."""
        if self._layers is None:
            return True
        if self._kind == "dose":
            return len(self._items) == len(DEFAULT_LEVELS)
        if self._kind and self._numbers is not None:
            return self._items.keys() >= self._numbers
        return self._kind in _OF_VOLUMES

    def look(self, image: Instance, index: int) -> None:
        """Note the items that are drawn on the frames of an image for the first time."""
        for frame in range(1, image.description.number_of_frames + 1):
            if self._layers is None or self.is_complete:
                return
            try:
                with blaming(self._uid):
                    over = self._layers.of_frame(image, frame, _WITH_BAR)
            except RendicomError as error:
                self._fail(error)
                return
            bars = (each for each in over.stack.legend if isinstance(each, ColourBar))
            for drawn in over.drawn:
                here = index, frame
                self._kind, self._first = drawn.kind, self._first or here
                self._bar = next(bars, self._bar)
                for item in drawn.items:
                    self._items.setdefault(item.number, (item, here))
            if self._layers.kind not in _ABOUT_SOME:
                self.problem = self.problem or next(iter(over.warnings), "")

    def told(self) -> dict[str, Any]:
        """Return the entry of the list."""
        if self._layers is None or self._first is None:
            return {"layer": self._uid, "problem": self.problem}
        items = [
            {
                "number": number,
                "color": _hexadecimal(item.colour),
                "name": item.name,
                "first": first,
            }
            for number, (item, first) in sorted(self._items.items())
        ]
        told = {"layer": self._uid, "kind": self._kind, "first": self._first, "items": items}
        return told if self._bar is None else told | {"bar": _told_bar(self._bar)}


def _told_bar(bar: ColourBar) -> dict[str, Any]:
    last = len(bar.colours) - 1
    places = [round(last * place / (_BAR_COLOURS - 1)) for place in range(_BAR_COLOURS)]
    colours = [_hexadecimal(bar.colours[place].tolist()) for place in places]
    return {"colors": colours, "low": bar.low, "high": bar.high}


def _hexadecimal(colour: Sequence[int]) -> str:
    return "#{:02X}{:02X}{:02X}".format(*colour)
