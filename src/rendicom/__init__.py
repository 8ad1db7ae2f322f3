"""Turn any DICOM object into the JPG or PNG a person expects to see.

>>> import rendicom
>>> picture = rendicom.render("ct.dcm", media_type="image/png")  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rendicom.client.archive import Archive
    from rendicom.client.http import connect
    from rendicom.client.local import open_folder
    from rendicom.engine import Instance, open_instance, open_presentation, render
    from rendicom.errors import (
        CorruptDataError,
        EncodeError,
        LimitExceededError,
        NoPixelDataError,
        NoSuchFrameError,
        NotDicomError,
        OptionError,
        RendicomError,
        UnreadableSourceError,
        UnsupportedImageError,
        UnsupportedTransferSyntaxError,
    )
    from rendicom.options import PRESETS, RenderOptions, Voi
    from rendicom.values import (
        DisplayImage,
        Frame,
        PixelDescription,
        RenderedImage,
        Viewport,
        Window,
    )

_ROOMS = {
    "client.archive": ("Archive",),
    "client.http": ("connect",),
    "client.local": ("open_folder",),
    "engine": ("Instance", "open_instance", "open_presentation", "render"),
    "errors": (
        "CorruptDataError", "EncodeError", "LimitExceededError", "NoPixelDataError",
        "NoSuchFrameError", "NotDicomError", "OptionError", "RendicomError",
        "UnreadableSourceError", "UnsupportedImageError", "UnsupportedTransferSyntaxError",
    ),
    "options": ("PRESETS", "RenderOptions", "Voi"),
    "values": (
        "DisplayImage", "Frame", "PixelDescription", "RenderedImage", "Viewport", "Window",
    ),
}  # fmt: skip
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "PRESETS",
    "Archive",
    "CorruptDataError",
    "DisplayImage",
    "EncodeError",
    "Frame",
    "Instance",
    "LimitExceededError",
    "NoPixelDataError",
    "NoSuchFrameError",
    "NotDicomError",
    "OptionError",
    "PixelDescription",
    "RenderOptions",
    "RenderedImage",
    "RendicomError",
    "UnreadableSourceError",
    "UnsupportedImageError",
    "UnsupportedTransferSyntaxError",
    "Viewport",
    "Voi",
    "Window",
    "__version__",
    "connect",
    "open_folder",
    "open_instance",
    "open_presentation",
    "render",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        globals()[name] = version("rendicom")
        return globals()[name]
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
