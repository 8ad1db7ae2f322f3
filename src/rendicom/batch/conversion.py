"""`convert`: files, folders and archives to pictures in one call, as `rendicom convert` does."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from rendicom.batch.counters import Counters
from rendicom.batch.executors import Workers, open_workers
from rendicom.batch.identity import Filters
from rendicom.batch.job import (
    DEFAULT_TIMEOUT,
    MANIFEST,
    is_shard_template,
    output_format_named,
    output_format_of_extension,
)
from rendicom.batch.outcomes import Failed, Outcome
from rendicom.batch.output_paths import find
from rendicom.batch.run import Run
from rendicom.batch.sources import is_folder_like, paths_of
from rendicom.batch.worker_messages import Recipe, UnitReport
from rendicom.errors import OptionError
from rendicom.options import RenderOptions
from rendicom.selection import FrameSelection
from rendicom.storage import Existing, join, version_of
from rendicom.views import read_integer, read_number, shown
from rendicom.workers.cpu_count import default_jobs

if TYPE_CHECKING:
    from rendicom.batch.name_template import NameTemplate
    from rendicom.batch.pseudonyms import Pseudonyms

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
    extension = os.path.splitext(folder)[1].lower()
    if is_alone and not os.path.isdir(folder) and output_format_of_extension(extension):
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
        workers = stack.enter_context(
            open_workers(engine, default_jobs() if jobs is None else jobs)
        )
        if timeout is not None and not workers.engine.has_own_processes:
            raise OptionError(
                f"timeout needs worker processes, which engine {engine} does not have"
            )
        place = "" if manifest is None else os.fspath(manifest)
        if place and not os.path.dirname(place):
            place = join(folder_of(folder), place)
        if resume and not place:
            raise OptionError("resume reads the manifest, which is switched off")
        recipe = Recipe(
            target=folder,
            format=file_format.name,
            options=options,
            frames=None if frames is None else FrameSelection.parse(frames),
            existing=existing,
            filters=filters,
            timeout=timeout,
            among=places_among(paths),
            is_alone=is_alone,
        )
        run = open_run(
            stack,
            recipe,
            workers,
            record,
            on_done_before=count_done_before,
            layout=template,
            place=place,
            resume=resume,
            shard_size=shard_size,
        )
        run.run(find(paths, folder_of(folder), extension=file_format.extensions[0]))
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


def folder_of(target: str) -> str:
    """Return the folder or URI that the pictures of a run go into: shards lie in one."""
    if not is_shard_template(target):
        return target
    from rendicom.batch.shard_names import ShardTemplate

    return ShardTemplate.parse(target).folder


def open_run(
    stack: ExitStack,
    recipe: Recipe,
    workers: Workers,
    on_report: Callable[[UnitReport], None],
    *,
    layout: NameTemplate | None,
    place: str,
    resume: bool,
    shard_size: int | str | None,
    pseudonyms: Pseudonyms | None = None,
    **more: Any,
) -> Run:
    """Open manifest, shards and register of a run, which ``stack`` closes; ``more`` is for `Run`.

    The target of ``recipe`` is TARGET as named, also a template of shards; ``place`` is the path of
    the manifest, empty without one.

    Raises
    ------
    OptionError, TargetInUseError, OutputExistsError, UnwritableOutputError
    """
    engine, folder = workers.engine, recipe.target
    shards = manifest = register = None
    recipe = recipe._replace(
        filters=recipe.filters if recipe.filters is not None and recipe.filters.any else None,
        timeout=recipe.timeout or (DEFAULT_TIMEOUT if engine.has_own_processes else None),
        base=os.getcwd() if engine.name == "dask" else "",
        patient_fields=layout.patient_fields if layout is not None else (),
        among=recipe.among if layout is None else None,
    )
    if is_shard_template(folder):
        from rendicom.batch.shards import open_shards

        if engine.name == "dask":
            raise OptionError(
                "engine dask and a TARGET of shards exclude each other: local workers make them"
            )
        shards = stack.enter_context(open_shards(folder, shard_size, recipe, pseudonyms))
        folder = shards.template.folder
        recipe = recipe._replace(target=shards.staging, is_bundled=True)
    if place:
        from rendicom.batch.manifest import open_manifest

        manifest = stack.enter_context(
            open_manifest(
                place,
                options=recipe.options,
                format=recipe.format,
                recipe=_recipe_words(recipe, layout),
                target=folder,
                frames=recipe.frames,
                resume=resume,
                pseudonyms=pseudonyms,
                shards=None if shards is None else shards.template,
            )
        )
    if shards is not None:
        shards.begin(manifest.first_shard if manifest is not None else 0, is_resumed=resume)
    if layout is not None:
        from rendicom.batch.scratch import Register

        register = stack.enter_context(Register())
    return Run(
        recipe,
        lambda: workers.executor,
        workers.jobs,
        on_report,
        is_contained=engine.has_own_processes,
        layout=layout,
        register=register,
        pseudonyms=pseudonyms,
        manifest=manifest,
        shards=shards,
        **more,
    )


def _recipe_words(recipe: Recipe, layout: NameTemplate | None) -> str:
    """Return what determines the pictures besides the options, as the manifest's recipe."""
    words = f"frames {recipe.frames or 'as they come'}, layout {layout.text if layout else ''}"
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


def parse_template(
    layout: str | None, extensions: Sequence[str], *, allow_phi: bool
) -> NameTemplate | None:
    """Return the template of the pictures' names, None for names after their sources."""
    if layout is None:
        return None
    from rendicom.batch.name_template import NameTemplate

    return NameTemplate.parse(layout, extensions=extensions, allow_phi=allow_phi)
