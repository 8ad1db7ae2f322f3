"""Converts one instance to pictures and returns outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rendicom.batch.composed_job import composed, place_of_picture
from rendicom.batch.job import Job, OneFile, OneFileError, OutputFolder, output_path, put
from rendicom.batch.kept_objects import forget, new_run
from rendicom.batch.outcomes import (
    Filtered,
    Notice,
    Outcome,
    Planned,
    Skipped,
    Written,
    digest_of,
    failure,
)
from rendicom.encode.formats import Format
from rendicom.errors import NoPixelDataError, RendicomError
from rendicom.selection import FrameSelection
from rendicom.storage import exists

if TYPE_CHECKING:
    from rendicom.batch.identity import Subject
    from rendicom.engine.rendered_image import RenderedImage


def run_job(job: Job) -> Iterator[Outcome]:
    """Convert one instance, yielding each outcome as it happens.

    A frame that fails does not keep the others from being written.

    Raises
    ------
    OneFileError
        The requested frames do not fit the output.
    """
    job = job._replace(run=job.run or new_run())
    try:
        yield from _outcomes(job)
    finally:
        forget(job.run)


def _outcomes(job: Job) -> Iterator[Outcome]:
    if not isinstance(job.format, Format):
        from rendicom.batch.document_job import run_document_job

        yield from run_document_job(job)
        return
    try:
        instance = job.opened() if job.opened is not None else _opened(job)
    except RendicomError as error:
        yield failure(job.source, error)
        return
    with instance:
        try:
            instance = composed(instance, job, is_asked=job.frames is not None)
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

    source = job.content if job.content is not None else job.source
    return open_instance(source, threads=job.threads)


def pictures(instance: Subject, job: Job) -> list[tuple[int, ...]]:
    """Return the frames of each picture: several for an animation, else one.

    Raises
    ------
    OneFileError
        The requested frames do not fit the output.
    NoPixelDataError, NoSuchFrameError, CorruptDataError
    """
    try:
        description = instance.description
    except NoPixelDataError as error:
        from rendicom.batch.document_job import with_forms

        raise with_forms(error, instance.sop_class) from None
    count = description.number_of_frames
    animated = isinstance(job.format, Format) and job.format.encode_animation is not None
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


def notices(instance: Subject, job: Job, loops: list[tuple[int, ...]]) -> Iterator[Notice]:
    """Yield notices about the instance, before its pictures are made."""
    count, frame = instance.description.number_of_frames, loops[0][0]
    if job.frames is None and isinstance(job.output, OneFile) and len(loops[0]) < count:
        what_to_do = "--frames chooses, a folder as TARGET gets them all"
        text = f"has {count} frames, frame {frame} is taken ({what_to_do})"
        yield Notice(job.source, "frames", text)
    if job.presentation:
        from rendicom.batch.layered_job import missing_notice

        yield from missing_notice(instance, job, loops)
        return
    if job.options.overlays or job.options.values != "display":
        return
    if groups := instance.overlay_groups(frame):
        names = ", ".join(f"{group:04X}" for group in groups)
        text = f"has overlay planes {names}, not drawn: they may carry names"
        yield Notice(job.source, "overlays", f"{text} (--overlays draws them)")


def rendering_notice(instance: Subject, job: Job) -> Iterator[Notice]:
    """Yield a notice of who rendered the pictures, if a server may have done so."""
    if said := getattr(instance, "rendering", ""):
        yield Notice(job.source, "rendering", said)


def convert_frames(instance: Subject, job: Job, frames: tuple[int, ...]) -> Outcome:
    """Make one picture of one or several frames; a RendicomError becomes a Failed outcome."""
    # Not at the top: the engine loads numpy, which the parent of worker processes does not need.
    from rendicom.engine.picture_file import may_write

    frame = frames[0] if len(frames) == 1 else None
    try:
        number_of_frames = instance.description.number_of_frames
        if isinstance(job.output, OutputFolder):
            own = place_of_picture(instance, job.output.place, frames)
            if own != job.output.place:
                job, number_of_frames = job._replace(output=job.output._replace(place=own)), 1
        path = output_path(job, frame=frame, number_of_frames=number_of_frames)
        if path is not None and not may_write(path, job.existing):
            return Skipped(job.source, path, frame)
        if path is not None and job.is_rehearsal:
            return Planned(job.source, path, frame, exists(path))
        image = _render(instance, job, frames)
        if image is None:
            return Filtered(job.source, "nothing is said of it")
        if path is not None and not put(job, path, image.data):
            return Skipped(job.source, path, frame)
    except RendicomError as error:
        is_one_of_many = instance.description.number_of_frames > 1
        return failure(job.source, error, frame=frame if is_one_of_many else None)
    return _written(job, image, path)


def _render(instance: Subject, job: Job, frames: tuple[int, ...]) -> RenderedImage | None:
    """Return the picture; None for an image that the object does not refer to."""
    from rendicom.engine import Instance, PictureRequest

    selection = FrameSelection.of(frames).selection
    request = PictureRequest(selection, job.options, job.format.media_type)
    more: dict[str, Any] = {}
    if job.presentation:
        from rendicom.batch.layered_job import state_for

        more["presentation"] = state_for(instance, job, frames)
        if job.on and more["presentation"] is None:
            return None
    if job.layers:
        from rendicom.batch.layered_job import layers_at

        layers = more["layers"] = layers_at(job.run, job.layers, job.on)
        state = layers.state
        if state is not None and not job.presentation:
            if job.on and not all(state.includes(instance.sop_instance, each) for each in frames):
                return None
            more["presentation"] = state
        # Pixels of images that get no picture are not read.
        if (
            job.on
            and isinstance(instance, Instance)
            and not layers.draws_on(instance, frames, job.options)
        ):
            return None
    image = instance.picture(request, **more)
    return None if job.on and job.layers and not image.layers else image


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
