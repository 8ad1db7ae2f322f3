"""The rendering engine: finds, describes, decodes, plans, renders and encodes a frame.

Synchronous and thread-safe; without HTTP, command line, output or global settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.engine.instance import Instance
from rendicom.engine.opening import open_instance, open_presentation, render
from rendicom.engine.rendered_image import Explanation
from rendicom.engine.request import InstanceLocation, PictureRequest
from rendicom.engine.selections.frames import select_frame

if TYPE_CHECKING:
    from rendicom.engine.opening import Source as Source
    from rendicom.presentation import PresentationState as PresentationState

__all__ = [
    "Explanation",
    "Instance",
    "InstanceLocation",
    "PictureRequest",
    "open_instance",
    "open_presentation",
    "render",
    "select_frame",
]
