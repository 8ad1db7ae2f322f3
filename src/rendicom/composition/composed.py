"""Pictures of an object that refers to images: of these images, or of its own colors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from rendicom import engine
from rendicom.composition.blank import blank_image
from rendicom.composition.blending import BlendingLayer
from rendicom.composition.dose import DoseLayer
from rendicom.composition.folders import readable
from rendicom.composition.kinds import DOSE, SEGMENTATIONS, layer_of
from rendicom.composition.layer_options import check_values
from rendicom.composition.opening import Layers
from rendicom.composition.planar_view import cut_image
from rendicom.composition.planes import Planes
from rendicom.composition.targets import (
    blending_at,
    frames_drawn_on,
    members_in,
    mentioned_in,
    planar_view_at,
)
from rendicom.engine.encoding import encoded
from rendicom.engine.frame_sequence import HeaderAttributes
from rendicom.engine.loop import render_sequence
from rendicom.errors import NoPixelDataError, NoSuchFrameError, RendicomError
from rendicom.pixels.state_classes import BLENDING_CLASSES
from rendicom.selection import FrameSelection

if TYPE_CHECKING:
    from rendicom.composition.file_index import FileIndex
    from rendicom.composition.geometry import Plane
    from rendicom.composition.references import Mentioned
    from rendicom.engine import Instance, PictureRequest
    from rendicom.engine.rendered_image import RenderedImage
    from rendicom.engine.selections import Displayed
    from rendicom.options import RenderOptions
    from rendicom.presentation import PresentationState
    from rendicom.values import PixelDescription


class _Page(NamedTuple):
    """One frame of a shown image; ``name`` is the stem of its file, or empty."""

    open: Callable[[], Instance]
    frame: int
    name: str = ""


class ComposedObject(HeaderAttributes):
    """An object as its pictures, which are numbered like frames. Made by `compose_object`."""

    def __init__(
        self,
        said: Instance,
        pages: Sequence[_Page],
        layers: Layers | None,
        state: PresentationState | None,
        changes: dict[str, Any],
    ) -> None:
        self.header = said.header
        self._said, self._pages = said, tuple(pages)
        self._layers, self._state, self._changes = layers, state, changes
        with pages[0].open() as image:
            self.description: PixelDescription = image.description._replace(
                number_of_frames=len(pages),
                representative_frame=len(pages) // 2 + 1,
                frame_durations=(),
            )

    def close(self) -> None:
        """Close the object that it was made from."""
        self._said.close()

    def overlay_groups(self, frame: int = 1) -> tuple[int, ...]:  # noqa: ARG002
        """Return no overlay planes: those of the images are left out without a warning."""
        return ()

    def name(self, frame: int) -> str:
        """Return the stem of the file that a picture shows; empty where it shows none."""
        return self._pages[frame - 1].name

    def picture(
        self,
        request: PictureRequest,
        *,
        presentation: Any = None,  # noqa: ARG002
        layers: Any = None,  # noqa: ARG002
    ) -> RenderedImage:
        """Return the picture of one frame, or a loop; the object determines the layers."""
        options = request.options
        number = request.selection.frame
        if number is not None:
            return encoded(self.displayed(number, options), request, frame=number)
        chosen = FrameSelection.parse(request.selection.text).numbers(len(self._pages))
        numbers = list(chosen)
        return render_sequence(
            lambda index: self.displayed(numbers[index], options),
            len(numbers),
            request.media_type,
            options,
        )

    def displayed(self, number: int, options: RenderOptions) -> Displayed:
        """Return one picture, not encoded."""
        if not 1 <= number <= len(self._pages):
            raise NoSuchFrameError(f"there is no picture {number}")
        page = self._pages[number - 1]
        with page.open() as image:
            changed = replace(options, **self._changes)
            return image.displayed(page.frame, changed, self._state, self._layers)


def compose_object(
    said: Instance, source: str, among: FileIndex | None, options: RenderOptions
) -> ComposedObject | None:
    """Return an object as pictures of the images that it refers to.

    If none of these are found, a segmentation is shown in its colors on black, and a dose by the
    slice of its maximum. None for an object that shows its own pixels.

    Parameters
    ----------
    said
        The open object; it is closed with the result.
    source
        Its path or address.
    among
        Index of the files that may contain its images.
    options
        Rendering options, such as the items to draw.

    Raises
    ------
    NoPixelDataError
        None of its images was found; the hint names them.
    RendicomError
        It is damaged.
    """
    check_values(options, 1)
    mentioned = mentioned_in(said, source)
    if mentioned.is_volume:
        return _cut(said, source, mentioned, among)
    layers, state = _what_is_drawn(said, source, mentioned, among)
    paths = among.images_for(mentioned) if among is not None else ()
    pages = [
        _Page(_opening(path), frame, PurePath(path).stem)
        for path in paths
        for frame in _frames(path, layers, state, options)
    ]
    if pages:
        return ComposedObject(said, pages, layers, state, {})
    if said.sop_class in SEGMENTATIONS:
        planes = _planes_of(said)
        blank = [_Page(_blank(plane), 1) for plane in planes]
        return ComposedObject(said, blank, layers, None, {"layer_opacity": 1.0}) if blank else None
    if said.sop_class == DOSE:
        plane = DoseLayer(said, "").plane_of_maximum
        if plane is None:
            return None
        changes = {"layer_opacity": 1.0, "layer_style": "fill", "legend": True}
        return ComposedObject(said, [_Page(_blank(plane), 1)], layers, None, changes)
    if not (mentioned.images or mentioned.frames_of_reference):
        return None
    raise _missing(mentioned)


def _missing(mentioned: Mentioned) -> NoPixelDataError:
    return NoPixelDataError(
        "none of the images that the object refers to was found",
        hint=f"it refers to {mentioned.told}; --on FOLDER names where they are",
    )


def _cut(
    said: Instance, source: str, mentioned: Mentioned, among: FileIndex | None
) -> ComposedObject:
    """Return the picture of a plane through the images that a planar MPR state refers to."""
    paths = among.images_for(mentioned) if among is not None else ()
    frames = {each.instance: each for each in mentioned.images}
    members = [
        member
        for uid, every in members_in(paths).items()
        for member in every
        if uid in frames and frames[uid].includes(uid, member.frame)
    ]
    if not members:
        raise _missing(mentioned)
    image = cut_image(planar_view_at(source), members)
    return ComposedObject(said, [_Page(lambda: image, 1)], None, None, {})


def _what_is_drawn(
    said: Instance, source: str, mentioned: Mentioned, among: FileIndex | None
) -> tuple[Layers | None, PresentationState | None]:
    if mentioned.is_state:
        return None, engine.open_presentation(source)
    if said.sop_class in BLENDING_CLASSES:
        above = among.paths_of(mentioned.superimposed) if among is not None else {}
        blending = blending_at(source)
        layer = BlendingLayer(blending, blending.instance, members_in(tuple(above.values())))
        return Layers([layer], ()), layer.state
    return Layers([layer_of(said, PurePath(source).name)], ()), None


def _frames(
    path: str,
    layers: Layers | None,
    state: PresentationState | None,
    options: RenderOptions,
) -> list[int]:
    """Return the frames of an image that the object applies to."""
    try:
        with engine.open_instance(readable(path)) as image:
            if state is not None:
                count = image.description.number_of_frames
                uid = image.sop_instance
                return [each for each in range(1, count + 1) if state.includes(uid, each)]
            return frames_drawn_on(layers, image, options) if layers is not None else []
    except RendicomError:
        return []


def _opening(path: str) -> Callable[[], Instance]:
    return lambda: engine.open_instance(readable(path))


def _blank(plane: Plane) -> Callable[[], Instance]:
    return lambda: blank_image(plane)


def _planes_of(said: Instance) -> list[Plane]:
    """Return the distinct planes of the frames of a segmentation, in order along their normal."""
    found: dict[tuple[float, ...], Plane] = {}
    for plane in Planes(said.header, said.description).all():
        if plane is not None:
            place = (*plane.position, *plane.along_row, *plane.along_column)
            found.setdefault(tuple(round(number, 3) for number in place), plane)
    return sorted(found.values(), key=lambda plane: plane.distance)
