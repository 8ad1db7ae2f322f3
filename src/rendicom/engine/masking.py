"""Frames less masks: by a presentation state, or as the image itself recommends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rendicom.coded_warnings import CodedWarning
from rendicom.errors import RendicomError
from rendicom.pixels.subtractions import subtractions_of_image
from rendicom.rendering.subtraction import subtracted
from rendicom.rendering.voi_choice import asks_for_voi

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rendicom.dicom.header import Header
    from rendicom.options import RenderOptions
    from rendicom.presentation import PresentationState, Subtraction
    from rendicom.values import Frame

_NO_MASK = CodedWarning(
    "presentation-incomplete", "the mask frames cannot be decoded: shown without subtraction"
)


def subtractions_for(
    header: Header, options: RenderOptions, presentation: PresentationState | None
) -> Sequence[Subtraction]:
    """Return the subtractions of the state, or else those that the image recommends.

    A requested window is one of the frames as stored, as are the windows of the file.
    """
    if presentation is not None:
        return presentation.subtractions
    if options.values != "display" or asks_for_voi(options):
        return ()
    return subtractions_of_image(header.attributes)


def less_mask(
    frame: Frame,
    number: int,
    subtractions: Sequence[Subtraction],
    *,
    instance: str,
    count: int,
    decode: Callable[[int], Frame],
    strict: bool,
) -> Frame:
    """Return frame ``number`` of ``count`` less the mean of its masks, or unchanged without any.

    Raises
    ------
    RendicomError
        Masks cannot be decoded, and ``strict`` is set; otherwise that is a warning.
    """
    for each in subtractions:
        masks = each.masks_of(instance, number)
        if not masks or not all(1 <= mask <= count for mask in masks):
            continue
        contrast = each.contrast_of(instance, number, count)[1:]
        try:
            frames, means = [frame, *map(decode, contrast)], [*map(decode, masks)]
        except RendicomError:
            if strict:
                raise
            return replace(frame, warnings=(*frame.warnings, _NO_MASK))
        return subtracted(frames, means, share=each.share, shift=each.shift)
    return frame
