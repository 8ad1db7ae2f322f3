"""Converts one report or encapsulated document; what happened comes back as a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rendicom.batch.job import (
    Filtered,
    Job,
    OneFile,
    Outcome,
    Planned,
    Skipped,
    Written,
    digest_of,
    failure,
    output_path,
)
from rendicom.batch.write import may_write, write_picture
from rendicom.documents import document_formats, document_types, render_document
from rendicom.errors import EncodeError, NoPixelDataError, RendicomError
from rendicom.pixels.bytesource import open_source
from rendicom.pixels.header import read_header
from rendicom.storage import exists

if TYPE_CHECKING:
    from rendicom.documents import RenderedDocument
    from rendicom.pixels.bytesource import ByteSource, Readable

__all__ = ["convert_document", "document_names", "run_document_job", "with_forms"]


def document_names(sop_class: str) -> tuple[str, ...]:
    """Return the names of the formats that instances of a class can be written in, if any."""
    able = document_types(sop_class)
    return tuple(each.name for each in document_formats().values() if each.media_type in able)


def with_forms(error: NoPixelDataError, sop_class: str) -> NoPixelDataError:
    """Return the error of an object without pixels; for a document it says what to ask for."""
    names = document_names(sop_class)
    if not names or error.hint:
        return error
    hint = f"formats for it: {', '.join(names)}"
    return NoPixelDataError(error.message, hint=hint, frame=error.frame)


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
    """Make one document; never raises ours.

    In a folder an object that gives none is left out, and elsewhere it is a failure.
    """
    if job.format.media_type not in document_types(sop_class):
        if not isinstance(job.output, OneFile):
            return Filtered(job.source, f"no {job.format.name} in it")
        return failure(job.source, _impossible(sop_class, job))
    try:
        path = output_path(job, frame=None, number_of_frames=1)
        if path is not None and job.is_rehearsal:
            may_write(path, job.existing)
            return Planned(job.source, path, None, exists(path))
        if path is not None and not may_write(path, job.existing):
            return Skipped(job.source, path, None)
        document = render_document(source, job.format.media_type)
        if path is not None and not write_picture(path, document.data, existing=job.existing):
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
