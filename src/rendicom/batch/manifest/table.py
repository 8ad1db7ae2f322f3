"""The manifest while a run writes it."""

from __future__ import annotations

import contextlib
import os
from itertools import chain
from typing import TYPE_CHECKING

from rendicom.batch.manifest.formats import Sieve
from rendicom.batch.manifest.journal import Journal, unwritable
from rendicom.batch.manifest.records import Terms, records_of
from rendicom.errors import RendicomError

if TYPE_CHECKING:
    from rendicom.batch.frames import FrameSelection
    from rendicom.batch.manifest.places import Place
    from rendicom.batch.manifest.resume import Resume
    from rendicom.batch.pseudonyms import Pseudonyms
    from rendicom.batch.units import Report, Unit
    from rendicom.options import RenderOptions

__all__ = ["Manifest", "open_manifest"]

_BUFFERED = 1 << 20
"""Bytes of records that wait for a flush at most."""


class Manifest:
    """The table of a run, open from before its first unit until after its last.

    Made by `open_manifest`; all calls come from one thread. A picture is on the disk before its
    record is, so a kill at any moment loses records of the last second and no more: those
    pictures are made again.
    """

    def __init__(self, place: Place, terms: Terms, *, shown: str, resume: Resume | None) -> None:
        self._place = place
        self._terms = terms
        self._shown = shown
        self._resume = resume
        self._journal: Journal | None = None
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._has_begun = False
        self._has_failed = False
        self._is_open = True

    def left_to_do(self, unit: Unit) -> Unit | None:
        """Return what an earlier run left of a unit.

        That is the unit itself; one with ``frames`` set where some of its pictures are there; or
        None where all are.

        Raises
        ------
        UnwritableOutputError
            There is no room for temporary files.
        """
        return unit if self._resume is None else self._resume.left_to_do(unit)

    def add(self, report: Report) -> None:
        """Record what became of a unit, or of a piece of one.

        Raises
        ------
        UnwritableOutputError
            The manifest cannot be written; what is there stays readable.
        """
        if self._has_failed:
            return
        dump = self._place.journal_form.dump
        data = b"".join(dump(record) for record in records_of(report, self._terms))
        if not data:
            return
        if self._resume is not None:
            self._resume.settle(report.unit.source)
        self._waiting.append(data)
        self._waiting_size += len(data)
        if self._waiting_size > _BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Write down what was added.

        Raises
        ------
        UnwritableOutputError
            The manifest cannot be written; what is there stays readable.
        """
        self._flush(is_last=False)

    def close(self, *, complete: bool = True) -> None:
        """Give the table its final form and let other runs in; more calls do nothing.

        Parameters
        ----------
        complete
            The run came to its end. Otherwise whoever stopped it is not kept waiting: where the
            table is a local file that merely grew, earlier records that no longer count stay in
            it until the next run takes them out. The later of two records counts.

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
            if not self._has_failed:
                self._flush(is_last=True)
                # Where a file is open, Windows lets no other take its place.
                self._close_journal()
                self._finish(complete=complete)
        finally:
            self._close_journal()
            if self._resume is not None:
                self._resume.close()
            self._place.release()

    # --- growing --------------------------------------------------------------------------

    def _flush(self, *, is_last: bool) -> None:
        if self._has_failed:
            return
        data = b"".join(self._waiting)
        try:
            if data:
                if self._journal is None:
                    self._journal, self._has_begun = self._opened(), True
                self._journal.append(data)
                self._waiting, self._waiting_size = [], 0
            if self._journal is not None:
                self._place.added(data, is_last=is_last)
        except RendicomError:
            # Said once; what comes later would leave a hole.
            self._has_failed = True
            raise

    def _opened(self) -> Journal:
        place, end = self._place, 0
        if self._resume is None:
            place.begin()
        else:
            with contextlib.suppress(FileNotFoundError), open(place.journal, "rb") as stream:
                end = place.journal_form.end(stream)
        header = place.journal_form.header
        return Journal(place.journal, header=header, end=end, shown=self._shown)

    def _close_journal(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()

    # --- final form -----------------------------------------------------------------------

    def _finish(self, *, complete: bool) -> None:
        place = self._place
        if self._resume is None and not self._has_begun:
            return
        has_grown_in_place = place.journal == place.table
        dropped = self._resume.earlier.dropped() if self._resume is not None else iter(())
        first = next(dropped, None)
        if has_grown_in_place and (first is None or not complete):
            return
        is_final = [piece.path for piece in place.pieces()] in ([], [place.table])
        if first is None and is_final:
            return
        self._rewrite(Sieve(() if first is None else chain((first,), dropped)))

    def _rewrite(self, sieve: Sieve) -> None:
        place = self._place
        # The lock keeps others from this name, and a kill leaves one such file at most.
        part = f"{place.table}.part"
        try:
            with open(part, "wb") as stream:
                place.form.write(stream, place.pieces(), sieve)
                stream.flush()
                os.fsync(stream.fileno())
            place.publish(part)
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
) -> Manifest:
    """Return the manifest of a run, to be opened before its first unit.

    An earlier table stays as it is until the first record of this run is written; without
    ``resume`` it is gone then.

    Parameters
    ----------
    location
        File or URI; its extension says which form: ``.jsonl``, ``.csv``, ``.parquet``.
    options, format
        How pictures are rendered, and the name of their format.
    recipe
        All else that decides bytes and names of the pictures, as any text: a picture made by
        another recipe is made again. A hash of it is written down.
    target
        Folder or URI that the pictures' paths begin with, as given.
    frames
        The frames the recipe asks for; None for all.
    resume
        Read what earlier runs wrote, for `Manifest.left_to_do`.
    pseudonyms
        Stand for UIDs in what is written; `Unit.place` holds pseudonyms already.

    Raises
    ------
    OptionError
        The extension is unknown, or its library is not installed.
    TargetInUseError
        Another run writes this manifest.
    OutputExistsError
        The file there is no manifest.
    UnwritableOutputError
        The folder cannot be made or written.
    """
    from hashlib import sha256

    key = sha256(recipe.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    terms = Terms(options.canonical(), format, key, target, pseudonyms)
    place = _place(location)
    try:
        past = _resume(place, terms, frames=frames) if resume else None
    except BaseException:
        place.release()
        raise
    return Manifest(place, terms, shown=location, resume=past)


def _place(location: str) -> Place:
    from rendicom.storage import is_uri, normalised

    location = normalised(location)
    if is_uri(location):
        from rendicom.batch.manifest.remote import RemotePlace

        return RemotePlace(location)
    from rendicom.batch.manifest.places import LocalPlace

    return LocalPlace(location)


def _resume(place: Place, terms: Terms, *, frames: FrameSelection | None) -> Resume:
    from rendicom.batch.manifest.earlier import Earlier
    from rendicom.batch.manifest.resume import Resume
    from rendicom.batch.outputs import output_format_named

    extension = output_format_named(terms.format).extensions[0]
    earlier = Earlier(place.pieces(), terms)
    return Resume(earlier, terms, frames=frames, extension=extension)
