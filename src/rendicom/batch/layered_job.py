"""Opens the objects that a run draws on its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.batch.kept_objects import KeptObjects
from rendicom.errors import OptionError
from rendicom.storage import version_of

if TYPE_CHECKING:
    from rendicom.composition.layer_opening import Layers
    from rendicom.errors import RendicomError


_layers: KeptObjects[Layers] = KeptObjects(1)


def layers_at(run: str, locations: tuple[str, ...], images: tuple[str, ...] = ()) -> Layers:
    """Return the layers in files, folders or at URIs, opened once for a run.

    ``images`` are files and folders with images that they refer to.

    Raises
    ------
    RendicomError
        One of them cannot be read, or cannot be drawn on an image.
    """
    from rendicom.composition.layer_opening import open_layers

    return _layers.get(run, (locations, images), lambda: open_layers(locations, images=images))


def nothing_said(number: int) -> RendicomError:
    """Return the error for ``--on`` if no image has anything to draw."""
    images = "the image" if number == 1 else f"any of {number} images"
    return OptionError(
        f"it does not refer to {images}", hint="--on names the images that it was made on"
    )


def version_of_layers(locations: tuple[str, ...]) -> str:
    """Return a text that changes when one of the files does."""
    return " ".join(f"{each} {version_of(each)}" for each in locations)
