"""The manifest of a run."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Self

from rendicom.batch.manifest import json_lines
from rendicom.batch.manifest.json_lines import Journal, unwritable
from rendicom.batch.manifest.reader import open_files, write_table
from rendicom.batch.manifest.record_columns import Terms, records_of
from rendicom.errors import RendicomError

if TYPE_CHECKING:
    from rendicom.batch.manifest.earlier import EarlierRecords
    from rendicom.batch.manifest.local_files import LocalFiles
    from rendicom.batch.manifest.remote_files import RemoteFiles
    from rendicom.batch.manifest.resume import Resume
    from rendicom.batch.pseudonyms import Pseudonyms
    from rendicom.batch.shard_names import ShardTemplate
    from rendicom.batch.sources import Unit
    from rendicom.batch.worker_messages import UnitReport
    from rendicom.options import RenderOptions
    from rendicom.selection import FrameSelection

_BUFFERED = 1 << 20
"""Largest number of bytes of records before a flush."""


class Manifest:
    """The manifest of a run, open from before its first unit until after its last.

    Made by `open_manifest`; all calls come from one thread. Pictures are on the disk before their
    records, so a kill loses at most the records of the last second, and their pictures are made
    again.
    """

    def __init__(
        self, files: LocalFiles | RemoteFiles, terms: Terms, *, shown: str, resume: Resume | None
    ) -> None:
        self._files = files
        self._terms = terms
        self._shown = shown
        self._resume = resume
        self._journal: Journal | None = None
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._has_begun = False
        self._has_failed = False
        self._is_open = True

    @property
    def first_shard(self) -> int:
        """Return the number of the first shard that earlier runs did not complete."""
        return 0 if self._resume is None else self._resume.first_shard

    def left_to_do(self, unit: Unit) -> Unit | None:
        """Return the part of a unit that an earlier run left undone.

        That is the unit itself, one with ``frames`` if some of its pictures exist, or None if all
        do.

        Raises
        ------
        UnwritableOutputError
            There is no space for temporary files.
        """
        return unit if self._resume is None else self._resume.left_to_do(unit)

    def add(self, report: UnitReport) -> None:
        """Record the outcome of a unit, or of a part of one.

        Raises
        ------
        UnwritableOutputError
            The manifest cannot be written; what is there stays readable.
        """
        if self._has_failed:
            return
        data = b"".join(json_lines.dump(record) for record in records_of(report, self._terms))
        if not data:
            return
        if self._resume is not None:
            self._resume.settle(report.unit.source)
        self._waiting.append(data)
        self._waiting_size += len(data)
        if self._waiting_size > _BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Write the added records.

        Raises
        ------
        UnwritableOutputError
            The manifest cannot be written; what is there stays readable.
        """
        if self._has_failed:
            return
        try:
            if self._waiting:
                if self._journal is None:
                    self._journal = self._opened()
                self._journal.append(b"".join(self._waiting))
                self._waiting, self._waiting_size = [], 0
                self._files.grown()
        except RendicomError:
            # Reported once; later records would leave a gap.
            self._has_failed = True
            raise

    def close(self, *, complete: bool = True) -> None:
        """Export the table, if requested, and release the lock; later calls do nothing.

        Parameters
        ----------
        complete
            The run came to its end. After an interruption, replaced records stay until the next run
            removes them, so that the user need not wait; the later of two records counts.

        Raises
        ------
        UnwritableOutputError
            The manifest cannot be written; what is there stays readable, and ``--resume`` reads
            all of it.
        """
        if not self._is_open:
            return
        self._is_open = False
        try:
            self.flush()
            # On Windows an open file cannot be replaced.
            self._close_journal()
            if not self._has_failed:
                self._finish(complete=complete)
        finally:
            self._close_journal()
            if self._resume is not None:
                self._resume.close()
            self._files.release()

    def leave(self) -> None:
        """Close after an interruption: the records so far stay; later calls do nothing."""
        with contextlib.suppress(RendicomError):
            self.close(complete=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.leave()

    def _opened(self) -> Journal:
        files = self._files
        files.begin(keep_lines=self._resume is not None)
        self._has_begun = True
        end = json_lines.whole_length(files.lines) if self._resume is not None else 0
        return Journal(files.lines, end=end, shown=self._shown)

    def _close_journal(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()

    def _finish(self, *, complete: bool) -> None:
        earlier = self._resume.earlier if self._resume is not None else None
        is_changed = self._has_begun
        if complete and earlier is not None and earlier.has_dropped:
            self._rewrite(earlier)
            is_changed = True
        if is_changed:
            self._files.publish_lines()
        has_lines = is_changed or (earlier is not None and earlier.count > 0)
        if self._files.form is not None and has_lines and (is_changed or not self._files.has_table):
            with open(self._files.lines, "rb") as stream:
                records = map(json_lines.parse, json_lines.whole_lines(stream))
                write_table(self._files, (each for each in records if each is not None))

    def _rewrite(self, earlier: EarlierRecords) -> None:
        """Remove the records that no longer count."""
        path = self._files.lines
        part = f"{path}.part"
        try:
            with open(path, "rb") as lines, open(part, "wb") as stream:
                stream.writelines(earlier.without_dropped(json_lines.whole_lines(lines)))
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(part, path)
        except OSError as error:
            raise unwritable(self._shown, error) from error
        finally:
            with contextlib.suppress(OSError):
                os.unlink(part)


def open_manifest(
    location: str,
    *,
    options: RenderOptions,
    format: str,
    recipe: str,
    target: str,
    frames: FrameSelection | None,
    resume: bool,
    pseudonyms: Pseudonyms | None = None,
    shards: ShardTemplate | None = None,
) -> Manifest:
    """Return the manifest of a run, to be opened before its first unit.

    An earlier table stays as it is until the first record of this run is written; without
    ``resume`` it is gone then.

    Parameters
    ----------
    location
        File or URI that ends in ``.jsonl``, ``.csv`` or ``.parquet``.
    options, format
        How pictures are rendered, and the name of their format.
    recipe
        What else determines bytes and names of the pictures, as any text: a picture made with
        another recipe is made again. Only its hash is recorded.
    target
        Folder or URI that the pictures' paths begin with, as given.
    frames
        The frames the recipe asks for; None for all.
    resume
        Read what earlier runs wrote, for `Manifest.left_to_do`.
    pseudonyms
        Replace UIDs in the records; `Unit.place` holds pseudonyms already.
    shards
        Names of the tar files that the pictures go into, if they do.

    Raises
    ------
    OptionError
        The extension is unknown, or its library is not installed.
    TargetInUseError
        Another run writes this manifest.
    OutputExistsError
        The file there is not a manifest.
    UnwritableOutputError
        The folder cannot be made or written.
    """
    from hashlib import sha256

    key = sha256(recipe.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    terms = Terms(options.canonical(), format, key, target, pseudonyms, shards)
    files = open_files(location)
    try:
        past = _resume(files, terms, frames=frames) if resume else None
    except BaseException:
        files.release()
        raise
    return Manifest(files, terms, shown=location, resume=past)


def _resume(
    files: LocalFiles | RemoteFiles, terms: Terms, *, frames: FrameSelection | None
) -> Resume:
    from rendicom.batch.job import output_format_named
    from rendicom.batch.manifest.earlier import EarlierRecords
    from rendicom.batch.manifest.resume import Resume

    extension = output_format_named(terms.format).extensions[0]
    files.load()
    earlier = EarlierRecords(files.lines, terms)
    return Resume(earlier, terms, frames=frames, extension=extension)
