"""The files of a manifest on a disk."""

from __future__ import annotations

import contextlib
import os

from rendicom.batch.manifest import json_lines
from rendicom.batch.manifest.formats import TableFormat, format_of, lines_of
from rendicom.batch.manifest.journal import unwritable
from rendicom.batch.manifest.lock import Lock
from rendicom.errors import OutputExistsError, UnwritableOutputError


class LocalFiles:
    """The JSON Lines and the table exported from them, in a folder that is made if missing.

    Locked until `release`.

    Attributes
    ----------
    form
        Of the table; None where there are the JSON Lines alone.
    lines
        Local path of the JSON Lines.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self.form = format_of(location)
        self._table = os.path.realpath(location)
        self.lines = os.path.realpath(lines_of(location))
        try:
            os.makedirs(os.path.dirname(self.lines), exist_ok=True)
        except OSError as error:
            raise unwritable(location, error) from error
        for path in (self.lines, self._table):
            if os.path.exists(path) and not os.path.isfile(path):
                raise UnwritableOutputError(
                    f"cannot write the manifest {path}: a folder or a device is there",
                    hint="choose another --manifest",
                )
        self._lock = Lock(lines_of(location))
        try:
            _refuse_foreign(self.lines, None)
            if self.form is not None:
                _refuse_foreign(self._table, self.form)
        except BaseException:
            self._lock.release()
            raise

    def load(self) -> None:
        """Do nothing: what earlier runs wrote is here."""

    def begin(self, *, keep_lines: bool) -> None:
        """Remove the table and the lines of earlier runs, before the first record."""
        paths = [] if keep_lines else [self.lines]
        if self.form is not None:
            paths.append(self._table)
        try:
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        except OSError as error:
            raise unwritable(self._location, error) from error

    def grown(self) -> None:
        """Do nothing: the lines are where they belong."""

    @property
    def has_table(self) -> bool:
        """Tell whether the table is there."""
        return os.path.exists(self._table)

    def publish_table(self, path: str) -> None:
        """Move a finished table into its place."""
        os.replace(path, self._table)

    def publish_lines(self) -> None:
        """Do nothing: the lines are where they belong."""

    def release(self) -> None:
        """Let other runs in."""
        self._lock.release()


def _refuse_foreign(path: str, form: TableFormat | None) -> None:
    """Raise OutputExistsError where a file is not a manifest."""
    is_manifest = json_lines.is_manifest if form is None else form.is_manifest
    try:
        with open(path, "rb") as stream:
            is_own = not os.fstat(stream.fileno()).st_size or is_manifest(stream)
    except FileNotFoundError:
        return
    except OSError as error:
        raise unwritable(path, error) from error
    if not is_own:
        raise foreign(path)


def foreign(location: str) -> OutputExistsError:
    """Return the error for a foreign file that would be lost."""
    return OutputExistsError(
        f"{location} exists and is not a manifest of Rendicom",
        hint="choose another --manifest, or move that file away",
    )
