"""Where a manifest lies, and where it grows during a run."""

from __future__ import annotations

import contextlib
import os
from typing import Protocol, cast

from rendicom.batch.manifest.formats import LineFormat, Piece, TableFormat, format_of
from rendicom.batch.manifest.journal import unwritable
from rendicom.batch.manifest.lock import Lock
from rendicom.errors import OutputExistsError, UnwritableOutputError

__all__ = ["LocalPlace", "Place", "foreign", "journal_of", "size_of"]

_JOURNAL = ".journal.jsonl"


class Place(Protocol):
    """Where a manifest lies.

    Attributes
    ----------
    table
        Local path of the table as it is in the end.
    journal
        Local path of the file that grows; may be the table itself.
    """

    form: TableFormat
    table: str
    journal: str
    journal_form: LineFormat

    def pieces(self) -> list[Piece]:
        """Return the files there are, the oldest records first."""

    def begin(self) -> None:
        """Remove what earlier runs left: the first record is about to be written."""

    def added(self, data: bytes, *, is_last: bool) -> None:
        """Hear of what was added to the journal."""

    def publish(self, path: str) -> None:
        """Put the finished table at ``path`` in its place, instead of all there was."""

    def release(self) -> None:
        """Let others in."""


class LocalPlace:
    """A file, in a folder that is made if missing; locked until `release`."""

    def __init__(self, location: str) -> None:
        self._location = location
        self.form = format_of(location)
        self.table = os.path.realpath(location)
        self.journal, self.journal_form = journal_of(self.table, self.form)
        try:
            os.makedirs(os.path.dirname(self.table), exist_ok=True)
        except OSError as error:
            raise unwritable(location, error) from error
        if os.path.exists(self.table) and not os.path.isfile(self.table):
            raise UnwritableOutputError(
                f"cannot write the manifest {location}: a folder or a device is there",
                hint="choose another --manifest",
            )
        self._lock = Lock(location)
        try:
            _refuse_foreign(self.table, self.form, shown=location)
        except BaseException:
            self._lock.release()
            raise

    def pieces(self) -> list[Piece]:
        """Return the files there are, the oldest records first."""
        pieces = [Piece(self.table, self.form)]
        if self.journal != self.table:
            pieces.append(Piece(self.journal, self.journal_form))
        return [piece for piece in pieces if size_of(piece.path)]

    def begin(self) -> None:
        """Remove what earlier runs left: the first record is about to be written."""
        try:
            for path in {self.table, self.journal}:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        except OSError as error:
            raise unwritable(self._location, error) from error

    def added(self, data: bytes, *, is_last: bool) -> None:
        """Do nothing: it is where it belongs."""

    def publish(self, path: str) -> None:
        """Put the finished table at ``path`` in its place, instead of all there was."""
        os.replace(path, self.table)
        if self.journal != self.table:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.journal)

    def release(self) -> None:
        """Let others in."""
        self._lock.release()


def journal_of(table: str, form: TableFormat) -> tuple[str, LineFormat]:
    """Return the file that grows, and its form: the table itself where it can grow."""
    if hasattr(form, "dump"):
        return table, cast("LineFormat", form)
    return f"{table}{_JOURNAL}", cast("LineFormat", format_of(_JOURNAL))


def size_of(path: str) -> int:
    """Return the bytes of a file, 0 where there is none."""
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _refuse_foreign(path: str, form: TableFormat, *, shown: str) -> None:
    """Raise OutputExistsError where a file is no manifest."""
    try:
        with open(path, "rb") as stream:
            is_own = not os.fstat(stream.fileno()).st_size or form.is_own(stream)
    except FileNotFoundError:
        return
    except OSError as error:
        raise unwritable(shown, error) from error
    if not is_own:
        raise foreign(shown)


def foreign(shown: str) -> OutputExistsError:
    """Return what to raise where somebody's file would be lost."""
    return OutputExistsError(
        f"{shown} is there, and no manifest of Rendicom's",
        hint="choose another --manifest, or take that file away",
    )
