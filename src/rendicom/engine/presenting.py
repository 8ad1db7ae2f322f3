"""Opens presentation states, and plans how images are shown by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.pixels.bytesource import open_source
from rendicom.pixels.header import read_header
from rendicom.pixels.presentations import presentation_of_dataset, read_presentation
from rendicom.rendering.presented import Presented, compile_presented

if TYPE_CHECKING:
    from rendicom.engine.instance import Instance
    from rendicom.engine.opening import Source
    from rendicom.options import RenderOptions
    from rendicom.presentation import PresentationState
    from rendicom.rendering.plan import RenderPlan
    from rendicom.values import Frame

__all__ = ["plan_presented", "read"]


def read(source: Source) -> PresentationState:
    """Return a presentation state; see `rendicom.engine.open_presentation`."""
    from rendicom.engine.opening import is_dataset

    if is_dataset(source):
        return presentation_of_dataset(source)
    opened = open_source(source)
    try:
        read_header(opened)  # tells whether it is DICOM at all
        return read_presentation(opened)
    finally:
        opened.close()


def plan_presented(
    instance: Instance,
    number: int,
    frame: Frame,
    options: RenderOptions,
    presentation: PresentationState,
) -> RenderPlan:
    """Return how frame ``number`` of an instance is shown by a presentation state."""
    return compile_presented(
        instance.description,
        instance.display_attributes(number),
        options,
        Presented(presentation, instance.sop_instance, number),
        frame=frame,
        value_range=lambda voi: instance.value_range(voi, options, frame, number),
    )
