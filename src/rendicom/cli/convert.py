"""``rendicom convert``: DICOM files to pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from rendicom.batch.job import Job, OneFile, OneFileError
from rendicom.batch.kept_objects import new_run
from rendicom.batch.outcomes import Filtered, Outcome, failure
from rendicom.batch.picture_job import run_job
from rendicom.cli import exitcodes
from rendicom.cli.console import Console
from rendicom.cli.flags import (
    Flag,
    FlagCommand,
    FormatName,
    NearestChoice,
    paths_argument,
    rendering_flags,
    rendering_options,
)
from rendicom.cli.folderflags import FolderFlags, folder_flags
from rendicom.cli.target import STREAM, Target, choose_target
from rendicom.encode.formats import Format
from rendicom.errors import OptionError
from rendicom.selection import FrameSelection

if TYPE_CHECKING:
    from rendicom.batch.job import OutputFormat
    from rendicom.options import RenderOptions
    from rendicom.storage import Existing

_HELP = """\
Turn DICOM files into pictures, and reports into pages.

Of two or more paths the last is TARGET. One path alone writes NAME.jpg into the current folder.
Several sources, a folder, a zip or tar archive, a DICOMDIR or a list need a folder as TARGET, which
is created if missing. Sources and TARGET may be s3://, gs://, az:// or file:// addresses. - is
standard input or output. A DICOM file is never overwritten.

A folder as TARGET gets all frames, named NAME-0001.jpg and so on, and manifest.jsonl, a list of the
outcome of each source. A file as TARGET gets all frames if its format is animated, else the
representative frame. Exit status: 0 success, 1 some inputs failed, 2 usage, 130 interrupted.
"""

_OBJECTS, _MESSAGES = "Other objects", "Messages"
_EXAMPLES = """\
\b
Examples:
  rendicom convert ct.dcm                          write ct.jpg here
  rendicom convert ct.dcm lung.png --preset lung
  rendicom convert ct.dcm small.jpg --window 40,400 --max-size 512
  rendicom convert study/ pictures/ --format png   every frame of every file
  rendicom convert cine.dcm loop.gif --frames 1-30
  rendicom convert archive/ pictures/ --resume     continue an earlier run
  rendicom convert scans.zip s3://bucket/out/ --layout {SOPInstanceUID}.{ext}
  rendicom convert xray.dcm xray.png --bit-depth 16
  rendicom convert mr.dcm mr.png --presentation-state state.dcm
  rendicom convert ct.dcm ct.png --layer seg.dcm --layer dose.dcm
  rendicom convert seg.dcm pictures/ --on ct/      the images it refers to
  rendicom convert report.dcm report.html          also .txt and .xml
  rendicom convert ct.dcm hu.tiff --values modality
  curl -s URL | rendicom convert - - --format png > picture.png
"""


def _read_frames(
    context: click.Context,  # noqa: ARG001
    parameter: click.Parameter,  # noqa: ARG001
    text: str | None,
) -> FrameSelection | None:
    try:
        return None if text is None else FrameSelection.parse(text)
    except OptionError as error:
        raise click.UsageError(str(error)) from None


def file_flags() -> list[click.Parameter]:
    """Return the parameters for any TARGET; the first one is the paths."""
    return [
        paths_argument("paths", "[SOURCE...] [TARGET]"),
        Flag("file_format --format", type=FormatName(),
             help="Output format.  [default: TARGET's extension, else jpg]"),
        Flag("--frames", metavar="7|1-10,15|all", callback=_read_frames,
             help="Frames to convert, counted from 1."),
        Flag("presentation --presentation-state", metavar="FILE", default="", section=_OBJECTS,
             help="Apply this presentation state to the images it refers to."),
        Flag("layers --layer", metavar="SOURCE", multiple=True, section=_OBJECTS,
             help="Draw this segmentation, structure set, dose, report or series (a folder) on "
             "the images.  [repeatable]"),
        Flag("--on", metavar="IMAGES", multiple=True, section=_OBJECTS,
             help="Draw SOURCE (a segmentation, structure set, report, key object selection or "
             "presentation state) on the images it refers to among these files and folders.  "
             "[repeatable]"),
        Flag("--existing", type=NearestChoice(["overwrite", "skip", "fail"]), default="overwrite",
             help="What to do if a picture already exists.  [default: overwrite]"),
        Flag("is_json --json", is_flag=True, section=_MESSAGES,
             help="Print one JSON line for each picture and each failure to standard output."),
        Flag("is_verbose -v --verbose", is_flag=True, section=_MESSAGES,
             help="Report the frame and the window of each picture."),
        Flag("is_quiet -q --quiet", is_flag=True, section=_MESSAGES, help="Report failures only."),
    ]  # fmt: skip


def convert(
    paths: tuple[str, ...],
    *,
    file_format: OutputFormat | None,
    frames: FrameSelection | None,
    presentation: str,
    layers: tuple[str, ...],
    on: tuple[str, ...],
    existing: Existing,
    is_json: bool,
    is_verbose: bool,
    is_quiet: bool,
    threads: int | None = None,
    **more: Any,
) -> int:
    """Run the command and return its exit status."""
    folder = FolderFlags(**{name: more.pop(name) for name in FolderFlags._fields})
    options = rendering_options(more)
    if on:
        from rendicom.cli.about import about_images
        from rendicom.documents import DocumentFormat, document_format_of_extension

        wanted = file_format or document_format_of_extension(os.path.splitext(paths[-1])[1])
        paths, said_layers, said_state = about_images(
            paths, on, has_state=bool(presentation), is_document=isinstance(wanted, DocumentFormat)
        )
        layers, presentation = (*said_layers, *layers), said_state or presentation
        on = tuple(map(os.path.abspath, on))
    target = choose_target(paths, wanted=file_format, has_list=folder.from_file is not None)
    check_target(options, frames, target, folder, is_json=is_json)
    # With --no-overlays the hint is not needed.
    silenced = frozenset({"overlays"} if more.get("overlays") is False else ())
    if presentation:
        presentation = _checked_presentation(presentation, options, target.format)
    run = new_run()
    layers = check_layers(run, layers, on, options, target.format)
    console = console_for(
        target, is_json=is_json, is_verbose=is_verbose, is_quiet=is_quiet, silenced=silenced
    )
    if target.is_folder:
        if threads is not None:
            raise click.UsageError("--threads is for one picture: --jobs is for a folder")
        from rendicom.cli.workers import start_workers

        with start_workers(folder, target) as workers:
            # The workers start while this is loaded.
            from rendicom.batch.worker_messages import Recipe
            from rendicom.cli.folder import convert_folder

            recipe = Recipe(
                target.path, target.format.name, options, frames, existing,
                presentation=presentation, layers=layers, on=on,
            )  # fmt: skip
            return convert_folder(target, recipe, folder, workers, console)
    source = target.sources[0]
    # If the source does not exist, TARGET is not at fault.
    if source == STREAM or "://" in source or os.path.lexists(source):
        folder.refuse_without_folder()
    output = OneFile(None if target.is_stream else target.path)
    job = Job(
        source, output, target.format, options, frames, existing, _content(source),
        presentation=presentation, layers=layers, on=on, threads=threads, run=run,
    )  # fmt: skip
    return convert_one(job, target, console)


def console_for(target: Target, **more: Any) -> Console:
    """Return the console for a target; it tells the name of one file at a terminal only."""
    return Console(
        thing="picture" if isinstance(target.format, Format) else "document",
        is_telling=sys.stderr.isatty() and not (target.is_folder or target.is_stream),
        **more,
    )


def _content(source: str) -> Any:
    """Return the file object to read the source from; None for a path, which the engine opens."""
    if source == STREAM:
        return sys.stdin.buffer
    if "://" not in source:
        return None
    from rendicom.storage import open_bytes

    return open_bytes(source)


def convert_one(job: Job, target: Target, console: Console) -> int:
    """Convert one source, report the outcomes and return the exit status."""
    for outcome in _outcomes(job, is_verbose=console.is_verbose):
        if job.on and isinstance(outcome, Filtered):
            from rendicom.batch.layered_job import nothing_said

            outcome = failure((*job.layers, job.presentation)[0], nothing_said(1))  # noqa: PLW2901
        console.show(outcome)
        if target.is_stream and (data := getattr(outcome, "data", b"")):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    return exitcodes.FAILED if console.failed else exitcodes.OK


def _outcomes(job: Job, *, is_verbose: bool) -> Iterator[Outcome]:
    """Yield the outcomes of a job; an unexpected exception fails that job only."""
    try:
        yield from run_job(job)
    except OneFileError as error:
        raise click.UsageError(str(error)) from None
    except Exception as error:
        from rendicom.batch.worker import unexpected

        yield unexpected(job.source, error)
        if is_verbose:
            import traceback

            traceback.print_exc()


def check_target(
    options: RenderOptions,
    frames: FrameSelection | None,
    target: Target,
    folder: FolderFlags,
    *,
    is_json: bool,
) -> None:
    """Refuse contradictory flags.

    Raises
    ------
    click.UsageError
    """
    if isinstance(target.format, Format):
        _check_samples(options, target.format)
    elif folder.contact_sheet is not None:
        raise click.UsageError(
            f"--contact-sheet needs a picture format, and {target.format.name} is for documents"
        )
    _check_frames(frames, target)
    _check_streams(target, is_json=is_json)


def _check_samples(options: RenderOptions, file_format: Format) -> None:
    """Refuse samples that the format cannot hold, before anything is opened."""
    needed = {"display": f"uint{options.bit_depth}", "stored": "uint16", "modality": "float32"}
    dtype = needed[options.values]
    is_exact = options.values == "display" or not file_format.lossy
    if dtype in file_format.gray and is_exact:
        return
    able = "tiff" if dtype == "float32" else "png or tiff"
    asked = f"--values {options.values}" if options.values != "display" else "--bit-depth 16"
    raise click.UsageError(f"{file_format.name} cannot hold {asked}: use {able}")


def _checked_presentation(location: str, options: RenderOptions, file_format: OutputFormat) -> str:
    """Return the absolute location of the presentation state, after checking it."""
    from rendicom.batch.layered_job import presentation_in
    from rendicom.errors import RendicomError
    from rendicom.rendering.presentation_plan import refuse_clashes

    if not isinstance(file_format, Format):
        raise click.UsageError(f"--presentation-state shows pictures, not {file_format.name}")
    if "://" not in location:
        location = os.path.abspath(location)
    try:
        refuse_clashes(options)
        presentation_in(location)
    except OptionError as error:
        raise click.UsageError(f"--{error.message}") from None
    except RendicomError as error:
        raise click.UsageError(f"--presentation-state {location}: {error}") from None
    return location


def check_layers(
    run: str,
    locations: tuple[str, ...],
    on: tuple[str, ...],
    options: RenderOptions,
    file_format: OutputFormat,
) -> tuple[str, ...]:
    """Return the absolute locations of the layers, after checking them; the run keeps them."""
    if not locations:
        return ()
    from rendicom.batch.layered_job import layers_at
    from rendicom.cli.about import refuse_archives
    from rendicom.composition.layer_options import check_values
    from rendicom.errors import RendicomError

    if not isinstance(file_format, Format):
        raise click.UsageError(f"--layer is drawn on pictures, not on {file_format.name}")
    if options.values != "display":
        raise click.UsageError(f"--layer and --values {options.values} exclude each other")
    refuse_archives("--layer ", locations)
    absolute = tuple(each if "://" in each else os.path.abspath(each) for each in locations)
    try:
        check_values(options, len(absolute))
    except OptionError as error:
        raise click.UsageError(f"--{error}") from None
    try:
        layers_at(run, absolute, on)
    except RendicomError as error:
        raise click.UsageError(f"--layer: {error}") from None
    return absolute


def _check_frames(frames: FrameSelection | None, target: Target) -> None:
    if frames is None:
        return
    if not isinstance(target.format, Format):
        raise click.UsageError(f"--frames excludes {target.format.name}, which has no frames")
    if target.is_folder or target.format.encode_animation is not None:
        return
    if frames.ranges and not frames.is_single:
        raise click.UsageError(
            f"several frames do not fit one {target.format.name} file: give a folder as TARGET, "
            "or an animated format such as gif, apng or webp"
        )


def _check_streams(target: Target, *, is_json: bool) -> None:
    if STREAM in target.sources and sys.stdin.isatty():
        raise click.UsageError("standard input is a terminal: pipe a DICOM file into it")
    if target.is_stream and is_json:
        raise click.UsageError("--json and a picture on standard output exclude each other")
    if target.is_stream and sys.stdout.isatty():
        raise click.UsageError("no picture is written to a terminal: redirect standard output")


_THREADS = Flag("--threads", type=click.IntRange(min=1), metavar="N",
                help="Threads that work on one picture; workers of a folder have one each.  "
                "[default: all processors]")  # fmt: skip

command = FlagCommand(
    "convert",
    params=[*file_flags(), _THREADS, *folder_flags(), *rendering_flags()],
    callback=convert,
    help=_HELP,
    short_help="Turn DICOM files into pictures.",
    epilog=_EXAMPLES,
)
