"""The objects that a run draws on its images, and the presentation state that they follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rendicom.batch.job import Job, OneFile
from rendicom.batch.kept_objects import KeptObjects
from rendicom.batch.outcomes import Notice
from rendicom.errors import OptionError
from rendicom.storage import open_bytes, version_of

if TYPE_CHECKING:
    from rendicom.batch.identity import Subject
    from rendicom.composition.layer_opening import Layers
    from rendicom.engine import PresentationState
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


def presentation_in(location: str) -> PresentationState:
    """Return the presentation state in a file or at a URI, read once while it stays the same.

    Raises
    ------
    RendicomError
        It cannot be read, or its kind is not supported.
    """
    return _presentation_in(location, version_of(location))


@lru_cache(maxsize=2)
def _presentation_in(location: str, version: str) -> PresentationState:  # noqa: ARG001
    from rendicom.engine import open_presentation

    return open_presentation(open_bytes(location))


def missing_notice(
    instance: Subject, job: Job, loops: Sequence[tuple[int, ...]]
) -> Iterator[Notice]:
    """Yield a notice where pictures of a folder are made without the presentation state."""
    if isinstance(job.output, OneFile):
        return
    if not all(_is_meant(instance, job, frames) for frames in loops):
        text = "is not referred to by the presentation state, and shown without it"
        yield Notice(job.source, "presentation", text)


def state_for(instance: Subject, job: Job, frames: tuple[int, ...]) -> PresentationState | None:
    """Return the presentation state for the frames; None for other images of a folder."""
    if not isinstance(job.output, OneFile) and not _is_meant(instance, job, frames):
        return None
    return presentation_in(job.presentation)


def _is_meant(instance: Subject, job: Job, frames: tuple[int, ...]) -> bool:
    state = presentation_in(job.presentation)
    return all(state.includes(instance.sop_instance, frame) for frame in frames)
