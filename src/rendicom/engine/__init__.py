"""The only way to make an image: finds, describes, decodes, plans, renders and encodes a frame.

Synchronous, thread-safe, and knows no door: no HTTP, no argv, no printing, no global settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.engine.instance import Explanation, Instance
from rendicom.engine.opening import open_instance, render

if TYPE_CHECKING:
    from rendicom.engine.opening import Source as Source
    from rendicom.presentation import PresentationState as PresentationState
    from rendicom.values import RenderedImage

__all__ = [
    "Explanation",
    "Instance",
    "open_instance",
    "open_presentation",
    "render",
    "render_icon",
]


def open_presentation(source: Source) -> PresentationState:
    """Return the presentation state in a path, bytes, binary file object or pydicom Dataset.

    It is read whole; hand it to `Instance.render` or `Instance.display`.

    Raises
    ------
    UnsupportedImageError
        The object is no presentation state, or of a kind that is not rendered.
    UnreadableSourceError, NotDicomError, CorruptDataError, LimitExceededError
    """
    from rendicom.engine.presenting import read

    return read(source)


def render_icon(
    label: str, size: tuple[int, int] = (128, 128), media_type: str = "image/png"
) -> RenderedImage:
    """Return a picture with a label, for an object that has none; ``size`` is width, height.

    Raises
    ------
    OptionError
        The size makes no sense, or no format has that media type.
    """
    from rendicom.engine.icon import render_icon as drawn

    return drawn(label, size, media_type)
