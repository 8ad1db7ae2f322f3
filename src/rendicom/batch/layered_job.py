"""Opens the objects that a run draws on its images."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from rendicom.errors import OptionError
from rendicom.storage import version_of

if TYPE_CHECKING:
    from rendicom.composition.opening import Layers
    from rendicom.errors import RendicomError


def layers_at(locations: tuple[str, ...], images: tuple[str, ...] = ()) -> Layers:
    """Return the layers in files, folders or at URIs, opened once while they stay the same.

    ``images`` are files and folders with images that they refer to.

    Raises
    ------
    RendicomError
        One of them cannot be read, or cannot be drawn on an image.
    """
    return _layers_at(locations, images, version_of_layers(locations))


def nothing_said(number: int) -> RendicomError:
    """Return the error for ``--on`` if no image has anything to draw."""
    images = "the image" if number == 1 else f"any of {number} images"
    return OptionError(
        f"it does not refer to {images}", hint="--on names the images that it was made on"
    )


def version_of_layers(locations: tuple[str, ...]) -> str:
    """Return a text that changes when one of the files does."""
    return " ".join(f"{each} {version_of(each)}" for each in locations)


@lru_cache(maxsize=1)
def _layers_at(
    locations: tuple[str, ...],
    images: tuple[str, ...],
    version: str,  # noqa: ARG001
) -> Layers:
    from rendicom.composition.opening import open_layers

    return open_layers(locations, images=images)
