"""``rendicom get``: pictures from a DICOMweb server, rendered there or here."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

import click

from rendicom.batch.job import Job, OneFile
from rendicom.cli import exitcodes
from rendicom.cli.convert import (
    check_layers,
    check_target,
    console_for,
    convert_one,
    file_flags,
)
from rendicom.cli.flags import (
    Flag,
    FlagCommand,
    NearestChoice,
    paths_argument,
    rendering_flags,
    rendering_options,
)
from rendicom.cli.folderflags import FolderFlags, folder_flags
from rendicom.cli.remoteflags import (
    SECRETS,
    connection_flags,
    match_flags,
    matches_of,
    reached,
    was_ignored,
)
from rendicom.cli.target import Target, choose_target
from rendicom.encode.formats import Format
from rendicom.errors import OptionError, RendicomError
from rendicom.options import RenderOptions, parameters
from rendicom.selection import FrameSelection
from rendicom.workers.cpu_count import default_jobs

if TYPE_CHECKING:
    from rendicom.batch.job import OutputFormat
    from rendicom.batch.worker_messages import Recipe
    from rendicom.cli.console import Console
    from rendicom.cli.remotesource import RemoteSource
    from rendicom.client.connection_settings import ConnectionSettings
    from rendicom.client.listing import InstanceQuery
    from rendicom.client.remote_input import Rendering
    from rendicom.client.resource_urls import Address
    from rendicom.storage import Existing

_HELP = f"""\
Get pictures from a DICOMweb server.

URL names a study, series, instance or frames, with or without /rendered; or a server, together with
--study, --match and other options; or it is a WADO-URI link. TARGET, formats, folders, manifest,
--resume and exit status are those of rendicom convert.

rendicom serve renders the pictures itself. From other servers the instances, or only the requested
frames, are retrieved and rendered locally. --render overrides this; -v reports it.
--layer draws files, and instances and series of the server by UID; rendering is local then.

{SECRETS}"""

_EXAMPLES = """\
\b
Examples:
  rendicom get https://pacs/dicomweb/studies/1.2.3/series/4.5/instances/6.7 ct.png
  rendicom get https://pacs/dicomweb/studies/1.2.3 pictures/ -H 'apikey: @key.txt' --jobs 16
  rendicom get https://pacs/dicomweb pictures/ --match PatientID=4711 --modality CT
  rendicom get https://pacs/dicomweb/studies/1.2.3 pictures/ --resume
  rendicom get https://host/dicomWeb/studies/1.2.3 out/ --token @token.txt --window 40,400
  rendicom get https://pacs/dicomweb/studies/1.2.3/series/4.5 out/ --layer 6.7 --layer seg.dcm
  rendicom get 'https://pacs/wado?requestType=WADO&studyUID=...' picture.jpg
"""
_LEFT_OUT = frozenset(("follow_links", "from_file", "on", "presentation"))
"""Flags of ``convert`` that do not apply to servers."""
_MOST_REQUESTS = 16
_JOBS_HELP = f"""\
Number of concurrent requests; rendering takes one process per core.  [default: 8 per core, at most
{_MOST_REQUESTS}]"""


def _own_flags() -> list[click.Parameter]:
    return [
        Flag("rendering --render", type=NearestChoice(["auto", "remote", "local"]), default="auto",
             help="Where to render: on the server or locally.  [default: auto]"),
        Flag("--study", default="", metavar="UID", help="Get this study."),
        Flag("--instance", default="", metavar="UID", help="Get this instance."),
        Flag("--limit", type=click.IntRange(min=1), metavar="N", help="Get N instances at most."),
    ]  # fmt: skip


def get(
    paths: tuple[str, ...],
    *,
    file_format: OutputFormat | None,
    frames: FrameSelection | None,
    existing: Existing,
    is_json: bool,
    is_verbose: bool,
    is_quiet: bool,
    rendering: Rendering,
    layers: tuple[str, ...],
    **more: Any,
) -> int:
    """Run the command and return its exit status."""
    if len(paths) > 2:
        raise click.UsageError("give one URL and at most one TARGET")
    from rendicom.client.connection_settings import host_of

    folder = FolderFlags(from_file=None, **{
        name: more.pop(name) for name in FolderFlags._fields if name not in _LEFT_OUT
    })  # fmt: skip
    address, connection = reached(paths[0], more)
    wanted = _wanted(address, folder, more)
    if frames is None and address.resource.frames:
        frames = FrameSelection.of(address.resource.frames)
    options = _options(address, more)
    target = _target(address, wanted, paths[1:], file_format)
    check_target(options, frames, target, folder, is_json=is_json)
    silenced = {"overlays"} if more.get("overlays") is False else set()
    silenced |= set() if is_verbose else {"rendering"}
    console = console_for(
        target, is_json=is_json, is_verbose=is_verbose, is_quiet=is_quiet,
        silenced=frozenset(silenced),
    )  # fmt: skip
    if layers and rendering == "remote":
        raise click.UsageError("--layer is drawn locally: leave out --render remote")
    source = _source(
        address, connection, wanted, target, options, frames,
        "local" if layers else rendering, folder,
    )  # fmt: skip
    from rendicom.cli.remotesource import find_layers

    with ExitStack() as stack:
        stack.callback(source.close)
        drawn = find_layers(layers, connection, wanted, stack)
        check_layers(drawn.run, drawn.paths, (), options, target.format)
        if target.is_folder:
            from rendicom.batch.worker_messages import Recipe

            recipe = Recipe(
                target.path, target.format.name, options, frames, existing,
                layers=drawn.paths, layer_words=drawn.words,
            )  # fmt: skip
            status = _get_folder(source, target, recipe, folder, console)
            is_wrong = was_ignored(source.report, host_of(address.base))
            return status or (exitcodes.FAILED if is_wrong else exitcodes.OK)
        # Series and modality are already filtered by the query.
        folder._replace(series=(), modality=()).refuse_without_folder()
        assert wanted.resource.instance  # noqa: S101 - several need a folder
        job = Job(
            "", OneFile(None if target.is_stream else target.path), target.format, options, frames,
            existing, layers=drawn.paths, run=drawn.run,
        )  # fmt: skip
        return _get_one(source, target, job, console)


def _options(address: Address, given: dict[str, Any]) -> RenderOptions:
    """Return the rendering options: flags take precedence over the URL."""
    names = {each.name: each.attribute for each in parameters().values()}
    typed = {name: given[name] for name in names.values() if name in given}
    if address.options is None:
        return rendering_options(typed)
    said = {names[name]: text for name, text in parse_qsl(address.options.canonical())}
    typed_names = {name for name, value in typed.items() if value is not None}
    if typed_names & {"window", "voi", "preset"}:
        said = {name: text for name, text in said.items()
                if name not in ("window", "voi", "preset")}  # fmt: skip
    return rendering_options({**said, **{name: typed[name] for name in typed_names}})


def _wanted(address: Address, folder: FolderFlags, given: dict[str, Any]) -> InstanceQuery:
    """Return the query for instances, from the URL and the flags."""
    from rendicom.batch.identity import Filters
    from rendicom.client.listing import InstanceQuery
    from rendicom.dicomweb.resources import Resource

    try:
        filters = Filters.parse(modality=folder.modality, series=folder.series)
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    study, series, instance = address.resource[:3]
    study = _said_once(study, given.pop("study"), "--study")
    instance = _said_once(instance, given.pop("instance"), "--instance")
    only = next(iter(filters.series)) if len(filters.series) == 1 else ""
    if study and not series and only:
        series = only
    matches = address.matches + matches_of(given.pop("match"))
    resource = Resource(study, series, instance if study and series else "")
    if instance and not resource.instance:
        if not (study or matches):
            raise click.UsageError(
                "--instance needs --study: servers do not find one by its UID alone"
            )
        matches = (*matches, ("SOPInstanceUID", instance))
    if address.is_wado_uri and not resource.instance:
        raise click.UsageError("a WADO-URI link names one instance")
    query = InstanceQuery(resource, matches, filters.modalities, filters.series,
                  given.pop("limit"), given.pop("is_fuzzy"))  # fmt: skip
    return _paged(query, address)


def _paged(query: InstanceQuery, address: Address) -> InstanceQuery:
    """Return the query with the limit and offset that the URL has for the level it names."""
    if address.limit is None and not address.offset:
        return query
    if address.level != "instances":
        return query._replace(page=(address.level, address.limit, address.offset))
    if address.offset:
        raise click.UsageError("the URL has an offset among instances: give --limit alone")
    return query._replace(limit=min(query.limit or sys.maxsize, address.limit or sys.maxsize))


def _said_once(in_url: str, typed: str, flag: str) -> str:
    if in_url and typed and in_url != typed:
        raise click.UsageError(f"{flag} and the URL name different ones")
    return in_url or typed


def _target(
    address: Address, wanted: InstanceQuery, rest: tuple[str, ...], file_format: OutputFormat | None
) -> Target:
    """Return the target: a file for one instance, else a folder."""
    uid = wanted.resource.instance
    if uid:
        target = choose_target((uid, *rest), wanted=file_format)
    elif not rest:
        raise click.UsageError("the URL may name several instances: give a folder as TARGET, too")
    else:
        target = choose_target(rest, wanted=file_format, has_list=True)
    return target._replace(sources=(address.base + wanted.resource.path,))


def _source(
    address: Address,
    connection: ConnectionSettings,
    wanted: InstanceQuery,
    target: Target,
    options: RenderOptions,
    frames: FrameSelection | None,
    rendering: Rendering,
    folder: FolderFlags,
) -> RemoteSource:
    from rendicom.cli.remotesource import RemoteSource
    from rendicom.client.remote_input import RemoteInput

    is_picture = isinstance(target.format, Format)
    requests, processes = _shares(folder.jobs)
    remote = RemoteInput(
        connection,
        options,
        target.format.media_type,
        rendering,
        frames,
        requests=-(-requests // processes),
        is_animated=is_picture and cast("Format", target.format).encode_animation is not None,
        is_document=not is_picture,
        is_wado_uri=address.is_wado_uri,
        needs_burned_in=folder.skip_burned_in,
    )
    source = RemoteSource(remote, wanted)
    try:
        source.check()
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    return source


def _shares(jobs: int | None) -> tuple[int, int]:
    """Return the number of concurrent requests, and of processes."""
    cores = default_jobs()
    requests = jobs or min(_MOST_REQUESTS, 8 * cores)
    return requests, min(requests, cores)


def _get_folder(
    source: RemoteSource, target: Target, recipe: Recipe, folder: FolderFlags, console: Console
) -> int:
    if folder.engine is not None and folder.engine.partition(":")[0] == "dask":
        raise click.UsageError("--engine dask is for files: credentials stay on this machine")
    from rendicom.cli.workers import start_workers

    _requests, processes = _shares(folder.jobs)
    with start_workers(folder._replace(jobs=processes), target) as workers:
        from rendicom.cli.folder import convert_folder

        # Series and modality are already filtered by the query.
        rest = folder._replace(series=(), modality=())
        return convert_folder(target, recipe, rest, workers, console, source)


def _get_one(source: RemoteSource, target: Target, job: Job, console: Console) -> int:
    from rendicom.batch.outcomes import failure

    try:
        unit = source.single()
        with source.remote.opening((unit,)) as supply:
            job = job._replace(source=unit.source)
            if isinstance(target.format, Format):
                job = job._replace(opened=lambda: supply.instance(unit))
            else:
                job = job._replace(content=supply.content(unit))
            convert_one(job, target, console)
    except RendicomError as error:
        console.show(failure(target.sources[0], error))
    sys.stdout.flush()
    return exitcodes.FAILED if console.failed else exitcodes.OK


def _flags() -> list[click.Parameter]:
    # The URL stands in the place of the paths.
    _paths, *others = file_flags()
    url = paths_argument("paths", "URL [TARGET]")
    kept = [each for each in (*others, *folder_flags()) if each.name not in _LEFT_OUT]
    for each in kept:
        if each.name == "jobs" and isinstance(each, click.Option):
            each.help = _JOBS_HELP
    return [url, *_own_flags(), *connection_flags(), *match_flags(), *kept, *rendering_flags()]


command = FlagCommand(
    "get",
    params=_flags(),
    callback=get,
    help=_HELP,
    short_help="Get pictures from a DICOMweb server.",
    epilog=_EXAMPLES,
)
