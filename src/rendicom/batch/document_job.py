"""Converts one report or encapsulated document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rendicom.batch.image_index import small_pictures
from rendicom.batch.job import Job, OneFile, output_path, put
from rendicom.batch.outcomes import (
    Filtered,
    NoPixels,
    Outcome,
    Planned,
    Skipped,
    Written,
    digest_of,
    failure,
)
from rendicom.dicom.byte_source import open_source
from rendicom.dicom.header import read_header
from rendicom.documents import document_formats, document_types, render_document
from rendicom.engine.picture_file import may_write
from rendicom.errors import EncodeError, NoPixelDataError, RendicomError
from rendicom.storage import exists

if TYPE_CHECKING:
    from rendicom.batch.identity import Subject
    from rendicom.dicom.byte_source import ByteSource, Readable
    from rendicom.documents import RenderedDocument


def document_names(sop_class: str) -> tuple[str, ...]:
    """Return the names of the document formats for a class of objects."""
    able = document_types(sop_class)
    return tuple(each.name for each in document_formats().values() if each.media_type in able)


def with_forms(error: NoPixelDataError, sop_class: str) -> NoPixelDataError:
    """Return the error for an object without pixels; for a document its hint names formats."""
    names = document_names(sop_class)
    if not names or error.hint:
        return error
    hint = f"formats for it: {', '.join(names)}"
    return NoPixelDataError(error.message, hint=hint, frame=error.frame)


def without_pixels(source: str, instance: Subject) -> NoPixels:
    """Return the outcome for an object that is not an image, as one of many sources.

    Raises
    ------
    RendicomError
        The object is invalid in another way.
    """
    error = NoPixelDataError("the object has no pixels")
    try:
        _ = instance.description
    except NoPixelDataError as raised:
        error = with_forms(raised, instance.sop_class)
    is_document = bool(document_names(instance.sop_class))
    return NoPixels(source, error.message, error.hint, is_document)


def run_document_job(job: Job) -> Iterator[Outcome]:
    """Convert one instance to a format of documents."""
    try:
        opened = open_source(job.content if job.content is not None else job.source)
    except RendicomError as error:
        yield failure(job.source, error)
        return
    try:
        yield convert_document(read_header(opened).sop_class, opened, job)
    except RendicomError as error:
        yield failure(job.source, error)
    finally:
        opened.close()


def convert_document(sop_class: str, source: Readable | ByteSource, job: Job) -> Outcome:
    """Convert one document; a RendicomError becomes a Failed outcome.

    An object that is not a document is filtered in a run over many, and otherwise a failure.
    """
    if job.format.media_type not in document_types(sop_class):
        if not isinstance(job.output, OneFile):
            return Filtered(job.source, f"no {job.format.name} in it")
        return failure(job.source, _impossible(sop_class, job))
    try:
        path = output_path(job, frame=None, number_of_frames=1)
        if path is not None and not may_write(path, job.existing):
            return Skipped(job.source, path, None)
        if path is not None and job.is_rehearsal:
            return Planned(job.source, path, None, exists(path))
        places = job.on or job.among
        picture = small_pictures(job.run, places) if places else None
        document = render_document(source, job.format.media_type, picture=picture)
        if path is not None and not put(job, path, document.data):
            return Skipped(job.source, path, None)
    except RendicomError as error:
        return failure(job.source, error)
    return _written(job, document, path)


def _impossible(sop_class: str, job: Job) -> EncodeError:
    names = document_names(sop_class)
    if names:
        message = f"no {job.format.name} can be made of this document"
        return EncodeError(message, hint=f"formats for it: {', '.join(names)}")
    return EncodeError(
        f"{job.format.name} holds reports and encapsulated documents, and the object is neither",
        hint="for an image choose a format such as png or jpg",
    )


def _written(job: Job, document: RenderedDocument, path: str | None) -> Written:
    return Written(
        source=job.source,
        output=path,
        frame=None,
        width=None,
        height=None,
        media_type=document.media_type,
        size=len(document.data),
        voi="",
        warnings=(),
        data=document.data if path is None else b"",
        digest=digest_of(document.data) if job.has_digest else "",
    )
