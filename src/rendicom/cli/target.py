"""Decides sources, target and format from the paths of a command line, like ``cp``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from rendicom.batch.file_names import shortened, stem_of
from rendicom.batch.job import is_shard_template, output_format_named, output_format_of_extension
from rendicom.cli.flags import looks_like_fraction
from rendicom.dicom.file_kind import is_dicom_file, is_dicom_instance
from rendicom.errors import OptionError
from rendicom.records import NamedTuple

if TYPE_CHECKING:
    from rendicom.batch.job import OutputFormat

STREAM = "-"
"""Standard input among the sources, standard output as TARGET."""
_DEFAULT_FORMAT = "jpg"
_DICOM_ENDING = ".dcm"


class Target(NamedTuple):
    """The destination of pictures: a folder, a file, or ``-`` for standard output."""

    sources: tuple[str, ...]
    path: str
    is_folder: bool
    format: OutputFormat

    @property
    def is_stream(self) -> bool:
        """Tell whether the picture goes to standard output."""
        return self.path == STREAM


def choose_target(
    paths: Sequence[str], *, wanted: OutputFormat | None, has_list: bool = False
) -> Target:
    """Return the target for the paths of a command line.

    Parameters
    ----------
    paths
        At least one path; of two or more the last is TARGET.
    wanted
        The format requested by name, if any.
    has_list
        More sources are listed elsewhere, so one path alone is TARGET.

    Raises
    ------
    click.UsageError
        The paths contradict each other, or a source would be overwritten.
    """
    if "" in paths:
        raise click.UsageError("a SOURCE or TARGET is empty: . is the current folder")
    paths = _normalised(paths)
    if len(paths) == 1 and not has_list:
        return _beside_nothing(paths[0], wanted)
    *sources, path = paths
    if looks_like_fraction(path) and not os.path.lexists(path):
        raise click.UsageError(
            f"TARGET {path} looks like the value of an option; a folder of that name is "
            f"{os.curdir}{os.sep}{path}"
        )
    if sources.count(STREAM) > 1:
        raise click.UsageError("standard input (-) can be read once only")
    if is_shard_template(path):
        file_format = wanted or output_format_named(_DEFAULT_FORMAT)
        return Target(tuple(sources), path, is_folder=True, format=file_format)
    needs_folder = has_list or len(sources) > 1 or _holds_many(sources[0])
    if path != STREAM and _is_folder(path, needs_folder=needs_folder):
        file_format = wanted or output_format_named(_DEFAULT_FORMAT)
        return Target(tuple(sources), path, is_folder=True, format=file_format)
    if needs_folder:
        what = "several sources" if has_list or len(sources) > 1 else "a folder"
        raise click.UsageError(f"{what} cannot go to standard output: give a folder as TARGET")
    file_format = _format_for(path, wanted)
    if path != STREAM:
        _refuse_source(path, sources[0])
    return Target(tuple(sources), path, is_folder=False, format=file_format)


def _normalised(paths: Sequence[str]) -> list[str]:
    """Return addresses such as ``file:///a/b`` as paths; others, and paths, as they are.

    A source with an unsupported address is left to the run if there are others to convert.
    """
    if not any("://" in path for path in paths):
        return list(paths)
    from rendicom.batch.sources import local_path

    normal: list[str] = []
    problems: list[OptionError | None] = []
    for path in paths:
        try:
            normal.append(local_path(path))
            problems.append(None)
        except OptionError as error:
            normal.append(path)
            problems.append(error)
    *of_sources, of_target = problems
    if of_target is not None or (of_sources and all(of_sources)):
        raise click.UsageError(str(of_target or of_sources[0])) from None
    return normal


def _holds_many(source: str) -> bool:
    """Tell whether the source is a folder, an archive and the like."""
    if source == STREAM or is_dicom_instance(source):
        return False
    from rendicom.batch.sources import is_folder_like

    return is_folder_like(source)


def _beside_nothing(source: str, wanted: OutputFormat | None) -> Target:
    """Return the target for one path alone: a picture in the current folder."""
    if source == STREAM:
        raise click.UsageError("TARGET is missing: rendicom convert - picture.jpg")
    if _holds_many(source):
        what = "is a folder" if os.path.isdir(source) else "holds many files"
        raise click.UsageError(f"{source} {what}: give a folder as TARGET, too")
    file_format = wanted or output_format_named(_DEFAULT_FORMAT)
    stem = shortened(stem_of(os.path.basename(source.rstrip("/"))))
    path = f"{stem}{file_format.extensions[0]}"
    _refuse_source(path, source)
    return Target((source,), path, is_folder=False, format=file_format)


def _is_folder(path: str, *, needs_folder: bool) -> bool:
    """Tell whether TARGET is a folder; refuse invalid targets."""
    if os.path.isdir(path):
        return True
    name = path.rstrip(os.sep + (os.altsep or ""))
    if name.lower().endswith(_DICOM_ENDING):
        raise click.UsageError(f"TARGET {path} has the name of a DICOM file: choose another")
    if os.path.lexists(name or path):
        if needs_folder or _ends_in_separator(path):
            raise click.UsageError(f"TARGET {path} is a file: give a folder")
        return False
    extension = "" if _ends_in_separator(path) else _extension_of(path)
    if needs_folder and extension and output_format_of_extension(extension):
        raise click.UsageError(f"TARGET {path} names one file: give a folder, or {path}{os.sep}")
    return needs_folder or _ends_in_separator(path)


def _ends_in_separator(path: str) -> bool:
    return path.endswith(os.sep) or (os.altsep is not None and path.endswith(os.altsep))


def _extension_of(path: str) -> str:
    """Return the extension in lower case, or nothing: the last part of a UID does not count."""
    extension = os.path.splitext(path)[1].lower()
    return extension if any(char.isalpha() for char in extension) else ""


def _format_for(path: str, wanted: OutputFormat | None) -> OutputFormat:
    extension = "" if path == STREAM else _extension_of(path)
    if not extension:
        return wanted or output_format_named(_DEFAULT_FORMAT)
    if wanted is not None and extension in wanted.extensions:
        return wanted
    named = output_format_of_extension(extension)
    if wanted is not None and named is not None:
        raise click.UsageError(f"--format {wanted.name} and TARGET {path} contradict each other")
    if wanted is None and named is None:
        raise click.UsageError(
            f"TARGET {path} ends in no known format: give --format, or an ending such as .png"
        )
    return wanted or named or output_format_named(_DEFAULT_FORMAT)


def _refuse_source(path: str, source: str) -> None:
    if is_dicom_file(path):
        raise click.UsageError(f"TARGET {path} is a DICOM file: it is never overwritten")
    try:
        is_same = source != STREAM and os.path.samefile(path, source)
    except OSError:
        return
    if is_same:
        raise click.UsageError(f"TARGET {path} is the source itself")
