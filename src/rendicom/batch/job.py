"""Converts one instance; what happened comes back as values, good or bad.

The values are named tuples and not dataclasses, which take seven times as long to define: the
start of every process waits for that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple

from rendicom.batch.frames import FrameSelection
from rendicom.batch.names import picture_name
from rendicom.batch.write import Existing, may_write, write_picture
from rendicom.encode.formats import Format
from rendicom.errors import NoPixelDataError, OptionError, RendicomError
from rendicom.storage import exists

if TYPE_CHECKING:
    from rendicom.batch.origin import Subject
    from rendicom.batch.outputs import OutputFormat
    from rendicom.options import RenderOptions
    from rendicom.values import RenderedImage

__all__ = [
    "Failed",
    "Filtered",
    "Ignored",
    "Job",
    "Notice",
    "OneFile",
    "OneFileError",
    "Outcome",
    "OutputFolder",
    "Planned",
    "Skipped",
    "Written",
    "convert_frames",
    "digest_of",
    "failure",
    "notices",
    "output_path",
    "pictures",
    "rendering_notice",
    "run_job",
]


class OutputFolder(NamedTuple):
    """Pictures go into a folder, one a frame; an animated format or a document gets one for all.

    ``place`` is `Unit.place`: the path below ``folder``, without frame number and extension.
    """

    folder: str
    place: str


class OneFile(NamedTuple):
    """The picture goes to one file; ``path`` is None when the caller takes the bytes."""

    path: str | None


class Job(NamedTuple):
    """What to convert, how, and where to.

    ``source`` is a path, or the name to use in messages when ``content`` is given. ``frames`` is
    ``None`` for the choice that fits the output. ``presentation`` is where the presentation state
    lies, or empty. ``opened`` makes what pictures are made of, where that is no file.
    """

    source: str
    output: OutputFolder | OneFile
    format: OutputFormat
    options: RenderOptions
    frames: FrameSelection | None = None
    existing: Existing = "overwrite"
    content: bytes | memoryview | BinaryIO | None = None
    is_rehearsal: bool = False
    has_digest: bool = False
    presentation: str = ""
    opened: Callable[[], Subject] | None = None


class Written(NamedTuple):
    """One picture or document, written. ``output`` is None where ``data`` holds the bytes instead.

    ``frame`` is None for an animation, and width and height are too for a document; ``size`` is in
    bytes; ``digest`` is the BLAKE2b-256 of the bytes in hexadecimal digits where it was asked for.
    """

    source: str
    output: str | None
    frame: int | None
    width: int | None
    height: int | None
    media_type: str
    size: int
    voi: str
    warnings: tuple[str, ...]
    data: bytes = b""
    digest: str = ""


class Skipped(NamedTuple):
    """A picture that was there already."""

    source: str
    output: str
    frame: int | None


class Failed(NamedTuple):
    """A source, or one frame of it, that gave no picture."""

    source: str
    frame: int | None
    code: str
    message: str
    hint: str = ""


class Notice(NamedTuple):
    """Something the person should know of a source; nothing went wrong."""

    source: str
    about: Literal["frames", "overlays", "presentation", "rendering"]
    text: str


class Planned(NamedTuple):
    """A picture that would be written; ``exists`` says that something is there already."""

    source: str
    output: str
    frame: int | None
    exists: bool


class Filtered(NamedTuple):
    """A source that is not among those wanted."""

    source: str
    reason: str


class Ignored(NamedTuple):
    """A file that is no DICOM instance, a DICOMDIR, or no regular file."""

    source: str


Outcome = Written | Skipped | Failed | Notice | Planned | Filtered | Ignored


class OneFileError(OptionError):
    """Several frames were asked for, the output is one file, the format holds one frame."""


def run_job(job: Job) -> Iterator[Outcome]:
    """Convert one instance, yielding each outcome as it happens.

    A frame that fails does not keep the others from being written.

    Raises
    ------
    OneFileError
        The frames asked for do not fit the output.
    """
    if not isinstance(job.format, Format):
        from rendicom.batch.reports import run_document_job

        yield from run_document_job(job)
        return
    try:
        instance = job.opened() if job.opened is not None else _opened(job)
    except RendicomError as error:
        yield failure(job.source, error)
        return
    with instance:
        try:
            loops = pictures(instance, job)
            yield from notices(instance, job, loops)
        except OneFileError:
            raise
        except RendicomError as error:
            yield failure(job.source, error)
            return
        for frames in loops:
            yield convert_frames(instance, job, frames)
        yield from rendering_notice(instance, job)


def _opened(job: Job) -> Subject:
    from rendicom.engine import open_instance

    return open_instance(job.content if job.content is not None else job.source)


def failure(source: str, error: RendicomError, *, frame: int | None = None) -> Failed:
    """Return the outcome that stands for ``error``."""
    number = error.frame if error.frame is not None else frame
    return Failed(source, number, error.code, error.message, error.hint)


def pictures(instance: Subject, job: Job) -> list[tuple[int, ...]]:
    """Return the frames of each picture: several for an animation, else one.

    Raises
    ------
    OneFileError
        The frames asked for do not fit the output.
    NoPixelDataError, NoSuchFrameError, CorruptDataError
    """
    try:
        description = instance.description
    except NoPixelDataError as error:
        from rendicom.batch.reports import with_forms

        raise with_forms(error, instance.sop_class) from None
    count = description.number_of_frames
    animated = _is_animated(job.format)
    if job.frames is None and isinstance(job.output, OneFile) and not animated:
        return [(description.representative_frame,)]
    frames = (job.frames or FrameSelection()).resolve(count)
    if animated:
        return [frames]
    if isinstance(job.output, OneFile) and len(frames) > 1:
        raise OneFileError(
            f"{len(frames)} frames do not fit one {job.format.name} file",
            hint="give a folder as TARGET, or an animated format such as gif, apng or webp",
        )
    return [(frame,) for frame in frames]


def _is_animated(output: OutputFormat) -> bool:
    return isinstance(output, Format) and output.encode_animation is not None


def notices(instance: Subject, job: Job, loops: list[tuple[int, ...]]) -> Iterator[Notice]:
    """Yield what the person should know before the pictures of `pictures` are made."""
    count, frame = instance.description.number_of_frames, loops[0][0]
    if job.frames is None and isinstance(job.output, OneFile) and len(loops[0]) < count:
        what_to_do = "--frames chooses, a folder as TARGET gets them all"
        text = f"has {count} frames, frame {frame} is taken ({what_to_do})"
        yield Notice(job.source, "frames", text)
    if job.presentation:
        from rendicom.batch.presenting import missing_notice

        yield from missing_notice(instance, job, loops)
        return
    if job.options.overlays or job.options.values != "display":
        return
    if groups := instance.overlay_groups(frame):
        names = ", ".join(f"{group:04X}" for group in groups)
        text = f"has overlay planes {names}, not drawn: they may carry names"
        yield Notice(job.source, "overlays", f"{text} (--overlays draws them)")


def rendering_notice(instance: Subject, job: Job) -> Iterator[Notice]:
    """Yield who made the pictures, where that could be somebody else."""
    if said := getattr(instance, "rendering", ""):
        yield Notice(job.source, "rendering", said)


def convert_frames(instance: Subject, job: Job, frames: tuple[int, ...]) -> Outcome:
    """Make one picture of one frame, or of several in an animated format; never raises ours."""
    frame = frames[0] if len(frames) == 1 else None
    try:
        number_of_frames = instance.description.number_of_frames
        path = output_path(job, frame=frame, number_of_frames=number_of_frames)
        if path is not None and job.is_rehearsal:
            may_write(path, job.existing)
            return Planned(job.source, path, frame, exists(path))
        if path is not None and not may_write(path, job.existing):
            return Skipped(job.source, path, frame)
        image = _render(instance, job, frames)
        if path is not None and not write_picture(path, image.data, existing=job.existing):
            return Skipped(job.source, path, frame)
    except RendicomError as error:
        is_one_of_many = instance.description.number_of_frames > 1
        return failure(job.source, error, frame=frame if is_one_of_many else None)
    return _written(job, image, path)


def output_path(job: Job, *, frame: int | None, number_of_frames: int) -> str | None:
    """Return where a picture goes; None when the caller takes the bytes."""
    if isinstance(job.output, OneFile):
        return job.output.path
    name = picture_name(
        job.output.place,
        job.format.extensions[0],
        frame=frame,
        number_of_frames=number_of_frames,
    )
    return os.path.join(job.output.folder, *name.split("/"))


def _render(instance: Subject, job: Job, frames: tuple[int, ...]) -> RenderedImage:
    if job.presentation:
        from rendicom.batch.presenting import render_presented

        return render_presented(instance, job, frames)
    if len(frames) == 1:
        return instance.render(frames[0], job.options, job.format.media_type)
    return instance.render_animation(frames, job.options, job.format.media_type)


def _written(job: Job, image: RenderedImage, path: str | None) -> Written:
    return Written(
        source=job.source,
        output=path,
        frame=image.frame,
        width=image.width,
        height=image.height,
        media_type=image.media_type,
        size=len(image.data),
        voi=image.voi,
        warnings=image.warnings,
        data=image.data if path is None else b"",
        digest=digest_of(image.data) if job.has_digest else "",
    )


def digest_of(data: bytes) -> str:
    """Return the BLAKE2b-256 of the bytes in hexadecimal digits."""
    import hashlib

    # In a third of the time of SHA-256 where the processor has no instructions for that.
    return hashlib.blake2b(data, digest_size=32).hexdigest()
