"""Reads and exports manifests."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, BinaryIO

from rendicom.batch.manifest import json_lines
from rendicom.batch.manifest.formats import TableFormat, format_of, lines_of
from rendicom.batch.manifest.record_columns import Record
from rendicom.errors import (
    CorruptDataError,
    OptionError,
    UnreadableSourceError,
    UnwritableOutputError,
)

if TYPE_CHECKING:
    from rendicom.batch.manifest.local_files import LocalFiles
    from rendicom.batch.manifest.remote_files import RemoteFiles


def read_manifest(location: str) -> Iterator[Record]:
    """Yield the records of a manifest, one at a time.

    Parameters
    ----------
    location
        Path or URI of a ``.jsonl`` file, which a run may be writing at the moment. A ``.csv`` or
        ``.parquet`` file stands for the JSON Lines beside it.

    Yields
    ------
    dict
        A value for each of `COLUMNS`: ``warnings`` and ``warning_codes`` are lists of texts;
        ``frame``, ``width``, ``height``, ``bytes``, ``pictures`` and ``source_size`` are whole
        numbers or None; all else is text.

    Raises
    ------
    OptionError
        The extension is unknown, or its library is not installed.
    UnreadableSourceError
        The file does not exist or cannot be read.
    CorruptDataError
        The file is not a manifest, or one of its records is damaged.
    """
    from rendicom.storage import normalised

    location = lines_of(normalised(location))
    with _opened(location) as stream:
        if not json_lines.is_manifest(stream):
            raise CorruptDataError(f"{location} is not a manifest of Rendicom")
        stream.seek(0)
        for number, line in enumerate(json_lines.whole_lines(stream), 1):
            record = json_lines.parse(line)
            if record is None:
                raise CorruptDataError(f"record {number} of {location} is damaged")
            yield record


def export_manifest(location: str, table: str) -> None:
    """Write a manifest as CSV or Parquet, by the extension of ``table``.

    Raises
    ------
    OptionError
        ``table`` has neither extension, or the library it needs is not installed.
    OutputExistsError
        ``table`` exists and is not a manifest.
    TargetInUseError
        A run writes the manifest beside ``table``.
    RendicomError
        As `read_manifest`.
    """
    if format_of(table) is None:
        raise OptionError("a manifest is exported to .csv or .parquet")
    files = open_files(table)
    try:
        write_table(files, read_manifest(location))
    finally:
        files.release()


def open_files(location: str) -> LocalFiles | RemoteFiles:
    """Return the files of a manifest, locked where they are on a disk."""
    from rendicom.storage import is_uri, normalised

    location = normalised(location)
    if is_uri(location):
        from rendicom.batch.manifest.remote_files import RemoteFiles

        return RemoteFiles(location)
    from rendicom.batch.manifest.local_files import LocalFiles

    return LocalFiles(location)


def write_table(files: LocalFiles | RemoteFiles, records: Iterator[Record]) -> None:
    """Write the table of a manifest, whole or not at all."""
    form: TableFormat | None = files.form
    assert form is not None  # noqa: S101
    # The lock keeps others from this name, and a kill leaves one such file at most.
    part = f"{files.lines}.part"
    try:
        with open(part, "wb") as stream:
            form.write(stream, records)
            stream.flush()
            os.fsync(stream.fileno())
        files.publish_table(part)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnwritableOutputError(f"cannot export the manifest: {reason}") from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(part)


@contextmanager
def _opened(location: str) -> Iterator[BinaryIO]:
    from rendicom.storage import is_uri

    with ExitStack() as stack:
        try:
            path = location
            if is_uri(location):
                from tempfile import TemporaryDirectory

                from rendicom.batch.manifest.remote_files import fetch

                folder = stack.enter_context(TemporaryDirectory(prefix="rendicom-manifest-"))
                path = os.path.join(folder, "manifest.jsonl")
                fetch(location, path)
            stream = stack.enter_context(open(path, "rb"))
        except FileNotFoundError:
            raise UnreadableSourceError(f"{location} does not exist") from None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise UnreadableSourceError(f"cannot read {location}: {reason}") from error
        yield stream
