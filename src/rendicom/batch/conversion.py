"""`convert`: files, folders and archives to pictures in one call, as `rendicom convert` does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from rendicom.batch.counters import Counters
from rendicom.batch.executors import end_now, open_executor, width
from rendicom.batch.filters import Filters
from rendicom.batch.job import DEFAULT_TIMEOUT, MANIFEST, is_shard_template
from rendicom.batch.outcomes import Failed, Outcome
from rendicom.batch.output_formats import output_format_named, output_format_of_extension
from rendicom.batch.output_paths import find
from rendicom.batch.run import Run
from rendicom.batch.shards import NO_CLUSTER, open_shards
from rendicom.batch.sources import is_folder_like, paths_of
from rendicom.batch.worker_messages import Recipe, UnitReport
from rendicom.errors import OptionError, RendicomError
from rendicom.options import RenderOptions
from rendicom.selection import FrameSelection
from rendicom.storage import Existing, join, version_of
from rendicom.views import read_integer, read_number, shown
from rendicom.workers.cpu_count import default_jobs

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from rendicom.batch.manifest import Manifest
    from rendicom.batch.name_template import NameTemplate
    from rendicom.batch.shards import ShardWriter

    Source = str | os.PathLike[str]

_DEFAULT_OPTIONS = RenderOptions()
_FAILURES_KEPT = 1000


class Summary(NamedTuple):
    """Result of `convert`.

    Attributes
    ----------
    written, skipped
        Pictures written, and pictures that existed already (``existing="skip"``).
    failed
        Sources or frames that gave no picture; ``failures`` holds the first thousand of them.
    no_pixels
        DICOM objects without pixel data, such as reports.
    filtered, ignored
        Instances excluded by the filters, and files that are not DICOM instances.
    done_before
        Sources that were complete in an earlier run (``resume=True``).
    seconds
        Duration of the call.
    manifest
        Path of the manifest, empty without one.

    Examples
    --------
    >>> rendicom.convert("archive/", "out/").failures
    ()
    """

    written: int
    skipped: int
    failed: int
    no_pixels: int
    filtered: int
    ignored: int
    done_before: int
    seconds: float
    manifest: str
    failures: tuple[Failed, ...]


def convert(
    source: Source | Sequence[Source],
    target: Source,
    *,
    options: RenderOptions = _DEFAULT_OPTIONS,
    format: str = "jpg",
    frames: str | None = None,
    layout: str | None = None,
    allow_phi_in_names: bool = False,
    existing: Literal["overwrite", "skip", "fail"] = "overwrite",
    resume: bool = False,
    manifest: Source | None = MANIFEST,
    modality: Sequence[str] = (),
    series: Sequence[str] = (),
    skip_burned_in: bool = False,
    only_images: bool = False,
    jobs: int | None = None,
    engine: str = "local",
    timeout: float | None = None,
    shard_size: int | str = "1GB",
    on_result: Callable[[Outcome], None] | None = None,
) -> Summary:
    """Convert DICOM files into a folder of pictures, with all cores and a manifest.

    Names, bytes and manifest are those of ``rendicom convert SOURCE... TARGET/``. It works in
    notebooks and scripts without a ``__main__`` guard. A source that fails is an outcome and not
    an exception.

    Parameters
    ----------
    source
        Path or address of a file, folder, archive or DICOMDIR, or several of them.
    target
        Folder or address for the pictures; created if missing. With ``{shard}`` in the name of a
        tar file, such as ``shards/{shard:06}.tar``, pictures go into tar files in the layout of
        WebDataset, each with a JSON file of the same key.
    options
        How to render; see `RenderOptions`.
    format
        Name of the output format, such as ``png``.
    frames
        Frames to convert: ``7``, ``1-10,15`` or ``all``. Default: all of them.
    layout
        Template of the pictures' names, such as ``{SeriesInstanceUID}/{InstanceNumber:04}.{ext}``.
    allow_phi_in_names
        Permit fields with patients' data in ``layout``.
    existing
        What to do if a picture exists.
    resume
        Skip what ``manifest`` records as done with the same options.
    manifest
        File with a record for each source: ``.jsonl``, ``.csv`` or ``.parquet``; a name without a
        folder is placed in ``target``. None writes none.
    modality, series, skip_burned_in, only_images
        Filters, as the options of the command.
    jobs
        Number of workers. Default: one per core.
    engine
        ``local`` (processes), ``threads``, ``inline`` or ``dask[://HOST:PORT]``.
    timeout
        Seconds that one picture may take, 300 by default; only with processes.
    shard_size
        Size of a tar file: a number of bytes, or a text such as ``500MB``.
    on_result
        Called in this thread with the `Outcome` of each picture or source, as it becomes known,
        such as `Written` or `Failed`.

    Returns
    -------
    Summary

    Raises
    ------
    OptionError
        An argument is invalid; nothing was converted.
    UnwritableOutputError
        The target or the manifest cannot be written; finished pictures stay.
    KeyboardInterrupt
        Finished pictures and their records stay, ``resume=True`` continues.

    Examples
    --------
    >>> rendicom.convert("archive/", "pictures/", format="png").written
    2
    """
    began = monotonic()
    _check(target, options, existing, jobs, timeout, on_result)
    paths, folder = paths_of(source), os.fspath(target)
    file_format = output_format_named(format)
    is_alone = len(paths) == 1 and not is_folder_like(paths[0])
    if is_alone and not os.path.isdir(folder) and _names_picture(folder):
        raise OptionError(
            f"target {folder} names one file, not a folder",
            hint="rendicom.render(source, media_type=...).save(target) makes one picture",
        )
    template = parse_template(layout, file_format.extensions, allow_phi=allow_phi_in_names)
    filters = Filters.parse(
        modality=modality, series=series, skip_burned_in=skip_burned_in, only_images=only_images
    )
    counters, failures = Counters(), list[Failed]()

    def record(report: UnitReport) -> None:
        counters.add(report)
        for outcome in report.outcomes:
            if isinstance(outcome, Failed) and len(failures) < _FAILURES_KEPT:
                failures.append(outcome)
            if on_result is not None:
                on_result(outcome)

    def count_done_before() -> None:
        counters.done_before += 1

    with ExitStack() as stack:
        opened, executor = open_executor(engine, jobs=default_jobs() if jobs is None else jobs)
        stack.enter_context(_ended(executor))
        if timeout is not None and not opened.has_own_processes:
            raise OptionError(
                f"timeout needs worker processes, which engine {engine} does not have"
            )
        shards = None
        if is_shard_template(folder):
            shards = stack.enter_context(
                open_shards(
                    folder, shard_size, options=options.canonical(), format=file_format.name
                )
            )
            folder = shards.template.folder
            if opened.name == "dask":
                raise OptionError(NO_CLUSTER)
        recipe = Recipe(
            target=folder if shards is None else shards.staging,
            is_bundled=shards is not None,
            format=file_format.name,
            options=options,
            frames=None if frames is None else FrameSelection.parse(frames),
            existing=existing,
            filters=filters if filters.any else None,
            timeout=timeout or (DEFAULT_TIMEOUT if opened.has_own_processes else None),
            base=os.getcwd() if opened.name == "dask" else "",
            patient_fields=template.patient_fields if template is not None else (),
            among=places_among(paths) if template is None else None,
            is_alone=is_alone,
        )
        place = _place_of_manifest(manifest, folder)
        records = stack.enter_context(
            _opened_manifest(place, recipe, layout, resume=resume, shards=shards)
        )
        if shards is not None:
            shards.begin(records.first_shard if records is not None else 0, is_resumed=resume)
        register = None
        if template is not None:
            from rendicom.batch.register import Register

            register = stack.enter_context(Register())
        run = Run(
            recipe,
            lambda: executor,
            width(executor, default=jobs or default_jobs()),
            record,
            is_contained=opened.has_own_processes,
            on_done_before=count_done_before,
            layout=template,
            register=register,
            manifest=records,
            shards=shards,
        )
        run.run(find(paths, folder, extension=file_format.extensions[0]))
    return Summary(
        written=counters.written,
        skipped=counters.skipped,
        failed=counters.failed.total(),
        no_pixels=counters.no_pixels,
        filtered=counters.filtered.total(),
        ignored=counters.ignored,
        done_before=counters.done_before,
        seconds=monotonic() - began,
        manifest=place,
        failures=tuple(failures),
    )


def _check(
    target: object,
    options: object,
    existing: object,
    jobs: object,
    timeout: object,
    on_result: object,
) -> None:
    """Refuse arguments that would be found wrong by the workers, or not at all."""
    if not isinstance(target, (str, os.PathLike)):
        raise OptionError(f"target {shown(target)} is not a path")
    if not isinstance(options, RenderOptions):
        raise OptionError(f"options {shown(options)} are not RenderOptions")
    if existing not in get_args(Existing):
        known = ", ".join(get_args(Existing))
        raise OptionError(f"existing {shown(existing)} is not one of {known}")
    if jobs is not None and (isinstance(jobs, str) or read_integer(jobs) is None):
        raise OptionError(f"jobs {shown(jobs)} is not a whole number from 1")
    if timeout is not None and read_number(timeout, what="timeout") <= 0:
        raise OptionError(f"timeout {shown(timeout)} is not a number of seconds above 0")
    if on_result is not None and not callable(on_result):
        raise OptionError(f"on_result {shown(on_result)} cannot be called")


def places_among(sources: Sequence[str]) -> tuple[str, ...]:
    """Return the files and folders of a run, in which objects find their images."""
    return tuple(os.path.abspath(each) for each in sources if os.path.exists(each))


def recipe_words(recipe: Recipe, layout: str | None) -> str:
    """Return what determines the pictures besides the options, as the manifest's recipe."""
    words = f"frames {recipe.frames or 'as they come'}, layout {layout or ''}"
    if recipe.layers:
        from rendicom.batch.layered_job import version_of_layers

        said = recipe.layer_words or version_of_layers(recipe.layers)
        words = f"{words}, layers {said}"
    if recipe.presentation:
        version = version_of(recipe.presentation)
        words = f"{words}, presentation state {recipe.presentation} {version}"
    if recipe.input_source is not None:
        words = f"{words}, rendering {recipe.input_source.words()}"
    return words


def _names_picture(target: str) -> bool:
    return output_format_of_extension(os.path.splitext(target)[1].lower()) is not None


def parse_template(
    layout: str | None, extensions: Sequence[str], *, allow_phi: bool
) -> NameTemplate | None:
    """Return the template of the pictures' names, None for names after their sources."""
    if layout is None:
        return None
    from rendicom.batch.name_template import NameTemplate

    return NameTemplate.parse(layout, extensions=extensions, allow_phi=allow_phi)


@contextmanager
def _ended(executor: Executor) -> Iterator[None]:
    """Wait for the workers at the end; end them at once after an exception or Ctrl-C."""
    try:
        yield
    except BaseException:
        end_now(executor)
        raise
    executor.shutdown(wait=True, cancel_futures=True)


def _place_of_manifest(manifest: Source | None, folder: str) -> str:
    if manifest is None:
        return ""
    path = os.fspath(manifest)
    return path if os.path.dirname(path) else join(folder, path)


@contextmanager
def _opened_manifest(
    place: str, recipe: Recipe, layout: str | None, *, resume: bool, shards: ShardWriter | None
) -> Iterator[Manifest | None]:
    """Yield the manifest; after an exception it keeps the records it has."""
    if not place:
        if resume:
            raise OptionError("resume reads the manifest, which is switched off")
        yield None
        return
    from rendicom.batch.manifest import open_manifest

    manifest = open_manifest(
        place,
        options=recipe.options,
        format=recipe.format,
        recipe=recipe_words(recipe, layout),
        target=recipe.target if shards is None else shards.template.folder,
        frames=recipe.frames,
        resume=resume,
        shards=None if shards is None else shards.template,
    )
    try:
        yield manifest
    except BaseException:
        with suppress(RendicomError):
            manifest.close(complete=False)
        raise
    manifest.close()
