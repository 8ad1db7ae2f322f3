"""Opens objects that refer to images as pictures of these images."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rendicom.composition.kinds import is_composed
from rendicom.encode.formats import Format
from rendicom.errors import NoPixelDataError, UnreadableSourceError, UnsupportedImageError

if TYPE_CHECKING:
    from rendicom.batch.job import Job
    from rendicom.batch.subject import Subject


def composed(subject: Subject, job: Job, *, is_asked: bool) -> Subject:
    """Return an object that refers to images as their pictures, other subjects unchanged.

    This applies to pictures without a choice of frames (``is_asked``) or values, in runs without
    layers.

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
    from rendicom.batch.image_index import images_in
    from rendicom.composition.composed import compose_object
    from rendicom.engine import Instance

    if not isinstance(subject, Instance) or job.options.values != "display":
        return subject

    try:
        among = images_in(places) if places else None
        found = compose_object(subject, job.source, among, job.options)
    except (UnreadableSourceError, UnsupportedImageError):
        # A member of an archive cannot be read again; some presentation states are not rendered.
        return subject
    except NoPixelDataError as error:
        if not (names := document_names(subject.sop_class)):
            raise
        hint = f"formats for it: {', '.join(names)}; {error.hint}"
        raise NoPixelDataError(error.message, hint=hint) from None
    return subject if found is None else found


def place_of_picture(subject: Subject, place: str, frames: tuple[int, ...]) -> str:
    """Return the output path of a picture of an object, named after the image that it shows."""
    name = getattr(subject, "name", None)
    stem = cast("str", name(frames[0])) if name is not None and len(frames) == 1 else ""
    folder, slash, own = place.rpartition("/")
    return f"{folder}{slash}{stem}-{own}" if stem else place
