"""Determines which pictures of a run follow its presentation state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rendicom.batch.job import Job, OneFile
from rendicom.batch.outcomes import Notice
from rendicom.storage import open_bytes, version_of

if TYPE_CHECKING:
    from rendicom.batch.subject import Subject
    from rendicom.engine import PresentationState


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
