"""The rendering engine: finds, describes, decodes, plans, renders and encodes a frame.

Synchronous and thread-safe; without HTTP, command line, output or global settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.engine.explanation import Explanation
from rendicom.engine.instance import Instance
from rendicom.engine.opening import open_instance, open_presentation, render
from rendicom.engine.request import InstanceLocation, PictureRequest
from rendicom.engine.selections.frames import select_frame

if TYPE_CHECKING:
    from rendicom.engine.opening import Source as Source
    from rendicom.engine.rendered_image import RenderedImage
    from rendicom.presentation import PresentationState as PresentationState

__all__ = [
    "Explanation",
    "Instance",
    "InstanceLocation",
    "PictureRequest",
    "open_instance",
    "open_presentation",
    "render",
    "render_icon",
    "select_frame",
]


def render_icon(
    label: str, size: tuple[int, int] = (128, 128), media_type: str = "image/png"
) -> RenderedImage:
    """Return an icon with a label, for an object without a picture; ``size`` is width, height.

    Raises
    ------
    OptionError
        The size is invalid, or no format has that media type.
    """
    from rendicom.engine.icon import render_icon as drawn

    return drawn(label, size, media_type)
