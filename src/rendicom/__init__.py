"""Turn any DICOM object into the JPG or PNG a person expects to see.

>>> import rendicom
>>> picture = rendicom.render("ct.dcm", media_type="image/png")  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rendicom.batch.conversion import Summary, convert
    from rendicom.batch.dataset import FrameDataset, dataset
    from rendicom.batch.outcomes import Failed, Outcome, Written
    from rendicom.client.archive import Archive
    from rendicom.client.connecting import connect
    from rendicom.client.folder_archive import open_folder
    from rendicom.coded_warnings import CodedWarning
    from rendicom.composition.layer_opening import compose, open_instance, open_layers
    from rendicom.engine import Instance, PictureRequest, open_presentation, render
    from rendicom.engine.rendered_image import RenderedImage
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
    from rendicom.selection import Selection
    from rendicom.values import DisplayImage, Frame, PixelDescription, Viewport, Window

    __version__: str

_ROOMS = {
    "batch.conversion": ("Summary", "convert"),
    "batch.dataset": ("FrameDataset", "dataset"),
    "batch.outcomes": ("Failed", "Outcome", "Written"),
    "client.archive": ("Archive",),
    "client.connecting": ("connect",),
    "client.folder_archive": ("open_folder",),
    "coded_warnings": ("CodedWarning",),
    "composition.layer_opening": ("compose", "open_instance", "open_layers"),
    "engine": ("Instance", "PictureRequest", "open_presentation", "render"),
    "engine.rendered_image": ("RenderedImage",),
    "errors": (
        "CorruptDataError", "EncodeError", "LimitExceededError", "NoPixelDataError",
        "NoSuchFrameError", "NotDicomError", "OptionError", "RendicomError",
        "UnreadableSourceError", "UnsupportedImageError", "UnsupportedTransferSyntaxError",
    ),
    "options": ("PRESETS", "RenderOptions", "Voi"),
    "selection": ("Selection",),
    "values": (
        "DisplayImage", "Frame", "PixelDescription", "Viewport", "Window",
    ),
}  # fmt: skip
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "PRESETS",
    "Archive",
    "CodedWarning",
    "CorruptDataError",
    "DisplayImage",
    "EncodeError",
    "Failed",
    "Frame",
    "FrameDataset",
    "Instance",
    "LimitExceededError",
    "NoPixelDataError",
    "NoSuchFrameError",
    "NotDicomError",
    "OptionError",
    "Outcome",
    "PictureRequest",
    "PixelDescription",
    "RenderOptions",
    "RenderedImage",
    "RendicomError",
    "Selection",
    "Summary",
    "UnreadableSourceError",
    "UnsupportedImageError",
    "UnsupportedTransferSyntaxError",
    "Viewport",
    "Voi",
    "Window",
    "Written",
    "__version__",
    "compose",
    "connect",
    "convert",
    "dataset",
    "open_folder",
    "open_instance",
    "open_layers",
    "open_presentation",
    "render",
]


if not TYPE_CHECKING:  # else every misspelt name would be one of Any

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
