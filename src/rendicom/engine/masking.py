"""Frames less masks: by a presentation state, or as the image itself recommends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rendicom.coded_warnings import CodedWarning
from rendicom.errors import RendicomError
from rendicom.pixels.subtractions import subtractions_of_image
from rendicom.rendering.subtraction import averaged, subtracted
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


class Masking:
    """Subtracts masks from the frames of one image.

    Parameters
    ----------
    header, instance, count
        Of the image: its SOP Instance UID and Number of Frames.
    decode
        Returns a frame by number, options and halvings.
    """

    def __init__(
        self,
        header: Header,
        instance: str,
        count: int,
        decode: Callable[[int, RenderOptions, int], Frame],
    ) -> None:
        self._attributes, self._instance, self._count = header.attributes, instance, count
        self._decode = decode
        self._last: tuple[tuple[object, ...], Frame] | None = None

    def less_mask(
        self,
        frame: Frame,
        number: int,
        options: RenderOptions,
        halvings: int,
        presentation: PresentationState | None,
    ) -> Frame:
        """Return frame ``number`` less the mean of its masks, or unchanged without any.

        Raises
        ------
        RendicomError
            Masks of the state, or with ``strict`` those of the image, cannot be decoded;
            otherwise that is a warning.
        """
        for each in self._subtractions(options, presentation):
            masks = each.masks_of(self._instance, number)
            if not masks or not all(1 <= mask <= self._count for mask in masks):
                continue
            contrast = each.contrast_of(self._instance, number, self._count)[1:]
            try:
                others = [self._decode(other, options, halvings) for other in contrast]
                mask = self._mean_of(masks, options, halvings)
            except RendicomError:
                if options.strict or presentation is not None:
                    raise
                return replace(frame, warnings=(*frame.warnings, _NO_MASK))
            return subtracted([frame, *others], [mask], share=each.share, shift=each.shift)
        return frame

    def _subtractions(
        self, options: RenderOptions, presentation: PresentationState | None
    ) -> Sequence[Subtraction]:
        """Return the subtractions of the state, or else those that the image recommends.

        A requested window is one of the frames as stored, as are the windows of the file.
        """
        if presentation is not None:
            return presentation.subtractions
        if options.values != "display" or asks_for_voi(options):
            return ()
        return subtractions_of_image(self._attributes)

    def _mean_of(self, masks: tuple[int, ...], options: RenderOptions, halvings: int) -> Frame:
        """Return the mean of masks; the last one is kept, as all frames mostly have the same."""
        key = (masks, options, halvings)
        last = self._last
        if last is not None and last[0] == key:
            return last[1]
        mean = averaged([self._decode(mask, options, halvings) for mask in masks])
        self._last = key, mean
        return mean
