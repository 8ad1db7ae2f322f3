"""Pictures of an object that refers to images: of these images, or of its own colors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from rendicom import engine
from rendicom.composition.blending_states import BlendingLayer
from rendicom.composition.dose import DoseLayer
from rendicom.composition.folders import FileIndex, readable, stem_of
from rendicom.composition.geometry import Plane
from rendicom.composition.kinds import DOSE, SEGMENTATIONS, is_presentation_state, layer_of
from rendicom.composition.layer_opening import Layers
from rendicom.composition.layer_options import check_values
from rendicom.composition.planar_view import blank_image, cut_image
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
from rendicom.pixels.state_classes import BLENDING_CLASSES, PLANAR_VIEW
from rendicom.selection import FrameSelection

if TYPE_CHECKING:
    from rendicom.composition.references import Mentioned
    from rendicom.engine import Instance, PictureRequest
    from rendicom.engine.rendered_image import RenderedImage
    from rendicom.engine.selections import Displayed
    from rendicom.options import RenderOptions
    from rendicom.presentation import PresentationState
    from rendicom.values import PixelDescription


class _Page(NamedTuple):
    """One frame of an image that is shown.

    ``image`` is where it lies, a plane for a black one, or the image itself; ``name`` is the stem
    of a picture's file, or empty.
    """

    image: Any
    frame: int
    name: str = ""

    def open(self) -> Instance:
        """Open the image."""
        if isinstance(self.image, Plane):
            return blank_image(self.image)
        if isinstance(self.image, engine.Instance):
            return self.image
        return engine.open_instance(readable(self.image))


class Pages(NamedTuple):
    """The images that the pictures of an object show; all of it travels between processes."""

    total: int
    """Number of the pictures of the object."""
    shown: Mapping[int, _Page]
    """Some of them, by number."""

    def only(self, numbers: Sequence[int]) -> Pages:
        """Return those of some pictures."""
        return Pages(self.total, {each: self.shown[each] for each in numbers})


class ComposedObject(HeaderAttributes):
    """An object as its pictures, which are numbered like frames. Made by `ObjectOnImages`."""

    def __init__(
        self,
        said: Instance,
        pages: Pages,
        layers: Layers | None,
        state: PresentationState | None,
        changes: dict[str, Any],
    ) -> None:
        self.header = said.header
        self._said, self.pages = said, pages
        self._layers, self._state, self._changes = layers, state, changes
        with next(iter(pages.shown.values())).open() as image:
            self.description: PixelDescription = image.description._replace(
                number_of_frames=pages.total,
                representative_frame=pages.total // 2 + 1,
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
        return self.pages.shown[frame].name

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
        chosen = FrameSelection.parse(request.selection.text).numbers(self.pages.total)
        numbers = list(chosen)
        return render_sequence(
            lambda index: self.displayed(numbers[index], options),
            len(numbers),
            request.media_type,
            options,
        )

    def displayed(self, number: int, options: RenderOptions) -> Displayed:
        """Return one picture, not encoded."""
        page = self.pages.shown.get(number)
        if page is None:
            raise NoSuchFrameError(f"there is no picture {number}")
        with page.open() as image:
            changed = replace(options, **self._changes)
            return image.displayed(page.frame, changed, self._state, self._layers)


class ObjectOnImages:
    """An object and what it draws, made once for all of its pictures. Threads may share it.

    Where none of its images are there, a segmentation is shown in its colors on black, and a dose
    by the slice of its maximum.
    """

    def __init__(
        self,
        said: Instance,
        name: str,
        reopen: Callable[[], Any],
        among: FileIndex | None = None,
    ) -> None:
        """Take the open object.

        Parameters
        ----------
        said
            It is closed with its pictures.
        name
            For messages.
        reopen
            Gives the object once more: what `rendicom.open_instance` takes, or an address.
        among
            Where its images may lie.

        Raises
        ------
        RendicomError
            It is damaged.
        """
        self._said, self._name, self._reopen, self._among = said, name, reopen, among

    def composed(self, options: RenderOptions, pages: Pages | None = None) -> ComposedObject | None:
        """Return the object as pictures; None for one that shows its own pixels.

        Parameters
        ----------
        options
            What of it is drawn.
        pages
            The images, where another process has looked for them already.

        Raises
        ------
        NoPixelDataError
            There is nothing to show; the hint says which images it refers to.
        RendicomError
            It is damaged.
        """
        check_values(options, 1)
        if pages is None:
            pages = self._pages(options)
        if pages is None:
            return None
        is_black = any(isinstance(page.image, Plane) for page in pages.shown.values())
        changes: dict[str, Any] = {"layer_opacity": 1.0} if is_black else {}
        if is_black and self._said.sop_class == DOSE:
            changes |= {"layer_style": "fill", "legend": True}
        is_volume = self._said.sop_class == PLANAR_VIEW
        layers, state = (None, None) if is_volume else self._drawn
        return ComposedObject(self._said, pages, layers, state, changes)

    @cached_property
    def _mentioned(self) -> Mentioned:
        return mentioned_in(self._said, self._reopen)

    @cached_property
    def _drawn(self) -> tuple[Layers | None, PresentationState | None]:
        """Return what is drawn on the images, and how they are shown."""
        said, among = self._said, self._among
        if said.sop_class in BLENDING_CLASSES:
            blending = blending_at(self._reopen())
            above = among.paths_of(blending.superimposed) if among is not None else {}
            layer = BlendingLayer(blending, blending.instance, members_in(tuple(above.values())))
            return Layers([layer], ()), layer.state
        if is_presentation_state(said.sop_class):
            return None, engine.open_presentation(readable(self._reopen()))
        return Layers([layer_of(said, self._name)], ()), None

    def _pages(self, options: RenderOptions) -> Pages | None:
        mentioned, said = self._mentioned, self._said
        paths = self._among.images_for(mentioned) if self._among is not None else ()
        if mentioned.is_volume:
            image = _cut(paths, self._reopen(), mentioned)
            return Pages(1, {1: _Page(image, 1)})
        layers, state = self._drawn
        pages: list[_Page] = []
        problem = ""
        for path in paths:
            found, reason = _pages_of(path, layers, state, options)
            pages += found
            problem = problem or reason
        if not pages:
            pages = [_Page(plane, 1) for plane in _black_planes(said)]
        if pages:
            return Pages(len(pages), dict(enumerate(_named_apart(pages), 1)))
        is_own = not (mentioned.images or mentioned.frames_of_reference)
        if is_own or said.sop_class in (*SEGMENTATIONS, DOSE):
            return None
        if problem:
            raise NoPixelDataError(problem)
        raise _missing(mentioned)


def _missing(mentioned: Mentioned) -> NoPixelDataError:
    return NoPixelDataError(
        "none of the images that the object refers to was found",
        hint=f"it refers to {mentioned.told}; --on FOLDER names where they are",
    )


def _cut(paths: Sequence[Any], source: Any, mentioned: Mentioned) -> Instance:
    """Return the picture of a plane through the images that a planar MPR state refers to."""
    frames = {each.instance: each for each in mentioned.images}
    members = [
        member
        for uid, every in members_in(paths).items()
        for member in every
        if uid in frames and frames[uid].includes(uid, member.frame)
    ]
    if not members:
        raise _missing(mentioned)
    return cut_image(planar_view_at(source), members)


def _pages_of(
    path: Any,
    layers: Layers | None,
    state: PresentationState | None,
    options: RenderOptions,
) -> tuple[list[_Page], str]:
    """Return the frames of an image that the object applies to, or why there are none."""
    frames: list[int] = []
    problem = ""
    try:
        with engine.open_instance(readable(path)) as image:
            count = image.description.number_of_frames
            if state is not None:
                uid = image.sop_instance
                frames = [each for each in range(1, count + 1) if state.includes(uid, each)]
            elif layers is not None:
                frames, problem = frames_drawn_on(layers, image, options)
    except RendicomError:
        return [], ""
    stem, width = stem_of(path), max(4, len(str(count)))
    names = (f"{stem}-{each:0{width}}" if count > 1 else stem for each in frames)
    return [_Page(path, each, name) for each, name in zip(frames, names, strict=True)], problem


def _named_apart(pages: Sequence[_Page]) -> Iterator[_Page]:
    """Yield the pages, each with a name of its own: files of two folders may have the same."""
    used: set[str] = set()
    for page in pages:
        names = (page.name, *(f"{page.name}-{number}" for number in range(2, len(pages) + 2)))
        name = next(each for each in names if not each or each.casefold() not in used)
        used.add(name.casefold())
        yield page._replace(name=name)


def _black_planes(said: Instance) -> list[Plane]:
    """Return where an object is shown without its images, along the normal."""
    if said.sop_class == DOSE:
        plane = DoseLayer(said, "").plane_of_maximum
        return [plane] if plane is not None else []
    if said.sop_class not in SEGMENTATIONS:
        return []
    found: dict[tuple[float, ...], Plane] = {}
    for plane in Planes(said.header, said.description).all():
        if plane is not None:
            place = (*plane.position, *plane.along_row, *plane.along_column)
            found.setdefault(tuple(round(number, 3) for number in place), plane)
    return sorted(found.values(), key=lambda plane: plane.distance)
