"""Finds the images that an object refers to among files and folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from rendicom import engine
from rendicom.composition.folders import ArchivedFile, FileIndex, OpenFiles, readable
from rendicom.composition.kinds import (
    DOSE,
    KEY_OBJECTS,
    is_presentation_state,
    is_report,
    is_value_map,
    layer_of,
)
from rendicom.composition.marks import ReportLayer
from rendicom.composition.planar_view import PlanarView, read_planar_view
from rendicom.composition.references import ImageReference, Mentioned
from rendicom.dicom.byte_source import open_source
from rendicom.dicom.header import read_header
from rendicom.errors import OptionError, RendicomError
from rendicom.pixels.blendings import Blending, read_blending
from rendicom.pixels.state_classes import BLENDING_CLASSES, PLANAR_VIEW

if TYPE_CHECKING:
    from rendicom.composition.value_map import SeriesMember
    from rendicom.engine import Instance
    from rendicom.options import RenderOptions
    from rendicom.rendering.layers import LayerSource

_FRAME_OF_REFERENCE = 0x00200052
_STRUCTURE_FRAMES, _ROIS, _OF_ROI = 0x30060010, 0x30060020, 0x30060024


def images_of(location: str, places: Sequence[str]) -> tuple[tuple[str, ...], Mentioned]:
    """Return the paths of the images that the object at ``location`` refers to, and how it does.

    They are looked for in the files and folders ``places``. If none of these is found, those in its
    frame of reference are returned.

    Raises
    ------
    OptionError
        None were found.
    RendicomError
        The object cannot be read, or does not refer to images.
    """
    said = mentioned_by(location)
    images = tuple(each for each in FileIndex(places).images_for(said) if isinstance(each, str))
    if not images:
        raise OptionError("none of its images was found", hint=f"it refers to {said.told}")
    return images, said


def mentioned_by(source: Any) -> Mentioned:
    """Return the images that an object refers to.

    Parameters
    ----------
    source
        A path, an address, or what `rendicom.open_instance` takes.

    Raises
    ------
    RendicomError
        It cannot be read, or does not refer to images.
    """
    with engine.open_instance(readable(source)) as said:
        return mentioned_in(said, lambda: source)


def mentioned_in(said: Instance, reopen: Callable[[], Any]) -> Mentioned:
    """Return the images that an open object refers to; ``reopen`` gives its source once more."""
    if said.sop_class in BLENDING_CLASSES:
        blending = blending_at(reopen())
        images = tuple(
            ImageReference(each.instance, each.frames) for each in blending.base.references
        )
        return Mentioned(images, blending.superimposed, is_ordered=True)
    if said.sop_class == PLANAR_VIEW:
        return Mentioned(planar_view_at(reopen()).references, is_volume=True)
    if is_presentation_state(said.sop_class):
        state = engine.open_presentation(readable(reopen()))
        images = tuple(ImageReference(each.instance, each.frames) for each in state.references)
        return Mentioned(images, is_state=True, is_ordered=True)
    references: Iterable[ImageReference | str] = ()
    if said.sop_class != DOSE:
        references = getattr(layer_of(said, said.sop_instance), "references", ())
    return Mentioned(
        tuple(ImageReference(each) if isinstance(each, str) else each for each in references),
        frames_of_reference=frozenset(_frames_of_reference(said)),
        is_ordered=said.sop_class == KEY_OBJECTS or is_report(said.sop_class),
    )


def planar_view_at(source: Any) -> PlanarView:
    """Return the planar MPR presentation state in a source; see `read_planar_view`."""
    with closing(open_source(readable(source))) as opened:
        return read_planar_view(read_header(opened, wanted=None).attributes)


def blending_at(source: Any) -> Blending:
    """Return the blending presentation state in a source; see `read_blending`."""
    with closing(open_source(readable(source))) as opened:
        return read_blending(opened)


def frames_drawn_on(
    layers: LayerSource, image: Instance, options: RenderOptions
) -> tuple[list[int], str]:
    """Return the frames of an image that layers apply to, and why not others.

    Pixels are not read.
    """
    frames, problem = [], ""
    for number in range(1, image.description.number_of_frames + 1):
        over = layers.of_frame(image, number, options)
        if over.drawn:
            frames.append(number)
        problem = problem or next(iter(over.warnings), "")
    return frames, problem


def _frames_of_reference(said: Instance) -> set[str]:
    attributes = said.header.attributes
    found = {attributes.text(_FRAME_OF_REFERENCE)}
    found |= {item.text(_FRAME_OF_REFERENCE) for item in attributes.items(_STRUCTURE_FRAMES)}
    found |= {item.text(_OF_ROI) for item in attributes.items(_ROIS)}
    if is_report(said.sop_class):
        found |= ReportLayer(said, "").frames_of_reference
    return found - {""}


def members_in(places: Iterable[str | ArchivedFile]) -> dict[str, list[SeriesMember]]:
    """Return the frames of the images in files (``places``), by SOP Instance UID."""
    from rendicom.composition.value_map import members_of

    files = OpenFiles()
    found: dict[str, list[SeriesMember]] = {}
    for path in places:
        try:
            with engine.open_instance(readable(path)) as instance:
                if is_value_map(instance):
                    members = members_of(instance, partial(files.instance, path))
                    found[instance.sop_instance] = members
        except RendicomError:
            continue
    return found
