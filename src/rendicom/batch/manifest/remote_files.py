"""The objects of a manifest in an object store, where nothing can be appended to.

The JSON Lines grow in a temporary file, which is sent whole from time to time and at the end. A
kill loses the records since the last time. There are no locks: two runs may write one manifest.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import BinaryIO, cast

from rendicom.batch.manifest import json_lines
from rendicom.batch.manifest.formats import format_of, lines_of
from rendicom.batch.manifest.json_lines import unwritable
from rendicom.batch.manifest.local_files import foreign
from rendicom.errors import UnreadableSourceError

_SECONDS = 10.0
"""Between two uploads at least."""
_SHARE = 20.0
"""Pause before the next upload, as a multiple of the last one's duration."""
_BLOCK = 1 << 20


class RemoteFiles:
    """The JSON Lines and the table exported from them; as `LocalFiles`."""

    def __init__(self, location: str) -> None:
        self.form = format_of(location)
        self._table, self._lines = location, lines_of(location)
        self.has_table = self.form is not None and _is_own(location)
        _is_own(self._lines)
        try:
            self._folder = tempfile.mkdtemp(prefix="rendicom-manifest-")
        except OSError as error:
            raise unwritable(location, error) from error
        self.lines = os.path.join(self._folder, "manifest.jsonl")
        self._due = monotonic() + _SECONDS
        self._is_table_stale = False

    def load(self) -> None:
        """Fetch what earlier runs wrote."""
        try:
            if not fetch(self._lines, self.lines):
                from rendicom.storage import list_folder

                # A missing bucket is reported now, not after the first pictures.
                with _naming(self._lines):
                    next(iter(list_folder(f"{self._lines}/")), None)
        except OSError as error:
            raise unwritable(self._lines, error) from error

    def begin(self, *, keep_lines: bool) -> None:  # noqa: ARG002
        """Prepare for the first record; the first upload replaces the old manifest."""
        self._is_table_stale = self.form is not None
        self.has_table = False

    def grown(self) -> None:
        """Send the lines, unless they were sent recently."""
        began = monotonic()
        if began < self._due:
            return
        self.publish_lines()
        took = monotonic() - began
        self._due = began + took + max(_SECONDS, _SHARE * took)

    def publish_lines(self) -> None:
        """Send the lines."""
        send(self.lines, self._lines)
        if self._is_table_stale:
            from rendicom.storage import remove

            remove(self._table)
            self._is_table_stale = False

    def publish_table(self, path: str) -> None:
        """Send a finished table."""
        send(path, self._table)

    def release(self) -> None:
        """Remove the temporary files."""
        shutil.rmtree(self._folder, ignore_errors=True)


def fetch(location: str, path: str) -> bool:
    """Copy an object into a local file; False if it does not exist.

    Raises
    ------
    UnreadableSourceError
        It cannot be read.
    OSError
        There is no space for it.
    """
    from rendicom.storage import exists, open_bytes

    with _naming(location):
        if not exists(location):
            return False
        with cast("BinaryIO", open_bytes(location)) as source, open(path, "wb") as stream:
            shutil.copyfileobj(source, stream, _BLOCK)
    return True


def send(path: str, location: str) -> None:
    """Copy a local file into an object."""
    from mmap import ACCESS_READ, mmap

    from rendicom.storage import write

    if not os.path.getsize(path):
        write(location, b"")
        return
    # Mapped, so that the file is not held in memory as a whole.
    with open(path, "rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as pages:
        write(location, cast("bytes", pages))


def _is_own(location: str) -> bool:
    """Tell whether the object is a manifest; raise OutputExistsError for another object."""
    from rendicom.storage import exists, open_bytes

    form = format_of(location)
    is_manifest = json_lines.is_manifest if form is None else form.is_manifest
    with _naming(location):
        if not exists(location):
            return False
        with cast("BinaryIO", open_bytes(location)) as stream:
            is_own = is_manifest(stream)
    if not is_own:
        raise foreign(location)
    return True


@contextmanager
def _naming(location: str) -> Iterator[None]:
    """Add the location to the error: that of the store lacks it."""
    try:
        yield
    except UnreadableSourceError as error:
        message = f"cannot read the manifest {location}: {error.message}"
        raise UnreadableSourceError(message, hint=error.hint) from error
