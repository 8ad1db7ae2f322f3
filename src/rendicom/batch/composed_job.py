"""Opens objects that refer to images as pictures of these images."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rendicom.batch.kept_objects import KeptObjects
from rendicom.composition.kinds import is_composed
from rendicom.encode.formats import Format
from rendicom.errors import NoPixelDataError, UnsupportedImageError

if TYPE_CHECKING:
    from rendicom.batch.identity import Subject
    from rendicom.batch.job import Job
    from rendicom.composition.composed import ObjectOnImages, Pages


_objects: KeptObjects[ObjectOnImages] = KeptObjects(2)


def composed(subject: Subject, job: Job, *, is_asked: bool, pages: Pages | None = None) -> Subject:
    """Return an object that refers to images as their pictures, other subjects unchanged.

    This applies to pictures without a choice of frames (``is_asked``) or values, in runs without
    layers. ``pages`` are its images if they were found before.

    Raises
    ------
    NoPixelDataError
        None of its images was found; the hint names them.
    RendicomError
        It is damaged.
    """
    # With --on, only objects that show a volume remain sources.
    places = job.on or job.among
    is_plain = not (is_asked or places is None or job.layers or job.presentation)
    if not (is_plain and is_composed(subject.sop_class) and isinstance(job.format, Format)):
        return subject
    from rendicom.batch.document_job import document_names
    from rendicom.engine import Instance

    if not isinstance(subject, Instance) or job.options.values != "display":
        return subject

    try:
        kept = _objects.get(job.run, (job.source, places), lambda: _opened(job, places or ()))
        found = kept.composed(job.options, pages)
    except UnsupportedImageError:
        # Some presentation states are not rendered.
        return subject
    except NoPixelDataError as error:
        if not (names := document_names(subject.sop_class)):
            raise
        hint = f"formats for it: {', '.join(names)}; {error.hint}"
        raise NoPixelDataError(error.message, hint=hint) from None
    return subject if found is None else found


def _opened(job: Job, places: tuple[str, ...]) -> ObjectOnImages:
    """Return an object opened anew, which stays open longer than the subject of one chunk."""
    from rendicom.batch.image_index import images_in
    from rendicom.composition.composed import ObjectOnImages
    from rendicom.composition.folders import readable
    from rendicom.engine import open_instance

    def reopen() -> object:
        if job.reopen is not None:
            return job.reopen()
        return job.source if job.content is None else job.content

    said = open_instance(readable(reopen()), threads=job.threads)
    among = images_in(job.run, places) if places else None
    return ObjectOnImages(said, job.source.rpartition("/")[2], reopen, among)


def place_of_picture(subject: Subject, place: str, frames: tuple[int, ...]) -> str:
    """Return the output path of a picture of an object, named after the image that it shows."""
    name = getattr(subject, "name", None)
    stem = cast("str", name(frames[0])) if name is not None and len(frames) == 1 else ""
    folder, slash, own = place.rpartition("/")
    return f"{folder}{slash}{stem}-{own}" if stem else place
