"""A manifest in an object store, where nothing can be appended to.

Records go there in parts, ``LOCATION.parts/RUN-00001.jsonl`` and so on. At the end all is joined
into one object, and the parts go. Objects appear whole or not at all, so no record is ever torn.
There are no locks either: two runs into one place are not kept apart.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from rendicom.batch.manifest.formats import LineFormat, Piece, format_of
from rendicom.batch.manifest.journal import unwritable
from rendicom.batch.manifest.places import foreign, size_of
from rendicom.errors import UnreadableSourceError

__all__ = ["RemotePlace", "fetched"]

_SECONDS = 10.0
_RECORDS = 5000
"""A part is sent when one of these is passed."""
_BLOCK = 1 << 20


class RemotePlace:
    """An object, and a folder for temporary files where the table grows."""

    def __init__(self, location: str) -> None:
        from uuid import uuid4

        self._location = location
        self.form = format_of(location)
        self.journal_form = cast("LineFormat", format_of(".jsonl"))
        _refuse_foreign(location)
        try:
            self._folder = tempfile.mkdtemp(prefix="rendicom-manifest-")
        except OSError as error:
            raise unwritable(location, error) from error
        self.table, self.journal = _local(location, self._folder)
        # Names that sort as the runs began.
        self._run = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{uuid4().hex[:8]}"
        self._parts: list[str] = []
        self._earlier: list[str] | None = None
        self._is_replaced = False
        self._sent = 0
        self._records = 0
        self._since = time.monotonic()

    def pieces(self) -> list[Piece]:
        """Return the files there are, the oldest records first."""
        try:
            if self._earlier is None:
                self._earlier = _fetch(self._location, self.table, self.journal)
                self._sent = size_of(self.journal)
        except OSError as error:
            raise unwritable(self._location, error) from error
        pieces = [Piece(self.table, self.form), Piece(self.journal, self.journal_form)]
        return [piece for piece in pieces if size_of(piece.path)]

    def begin(self) -> None:
        """Let what earlier runs left go as soon as there is something instead."""
        self._earlier = _parts_of(self._location)
        self._is_replaced = True

    def added(self, data: bytes, *, is_last: bool) -> None:
        """Send what is new, unless the whole is sent in a moment or little has come together."""
        self._records += data.count(b"\n")
        is_due = time.monotonic() - self._since > _SECONDS or self._records > _RECORDS
        if is_last or not is_due or not self._records:
            return
        from rendicom.storage import write

        name = f"{self._run}-{len(self._parts) + 1:05}.jsonl"
        part = f"{_parts_folder(self._location)}{name}"
        with open(self.journal, "rb") as stream:
            stream.seek(self._sent)
            write(part, stream.read())
            self._sent = stream.tell()
        self._parts.append(part)
        self._records, self._since = 0, time.monotonic()
        if self._is_replaced:
            self._is_replaced = False
            _remove(self._location)
            self._remove_parts(self._earlier or [])
            self._earlier = []

    def publish(self, path: str) -> None:
        """Put the finished table at ``path`` in its place, instead of all there was."""
        _send(path, self._location)
        self._remove_parts([*(self._earlier or []), *self._parts])

    def release(self) -> None:
        """Remove the temporary files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _remove_parts(self, parts: list[str]) -> None:
        for part in parts:
            _remove(part)


def fetched(location: str, folder: str) -> list[Piece]:
    """Copy a manifest and the parts beside it into a local folder.

    Raises
    ------
    UnreadableSourceError
        It cannot be read.
    OSError
        There is no room in the folder.
    """
    table, journal = _local(location, folder)
    _fetch(location, table, journal)
    pieces = [Piece(table, format_of(table)), Piece(journal, format_of(journal))]
    return [piece for piece in pieces if os.path.exists(piece.path)]


def _local(location: str, folder: str) -> tuple[str, str]:
    extension = location.rpartition(".")[2].lower()
    return os.path.join(folder, f"table.{extension}"), os.path.join(folder, "journal.jsonl")


def _fetch(location: str, table: str, journal: str) -> list[str]:
    """Copy the object and join its parts, as far as they are there; return the parts."""
    if _exists(location):
        with open(table, "wb") as stream:
            _copy(location, stream)
    parts = _parts_of(location)
    if parts:
        with open(journal, "wb") as stream:
            for part in parts:
                _copy(part, stream)
    return parts


def _refuse_foreign(location: str) -> None:
    """Raise OutputExistsError where an object is no manifest."""
    if not _exists(location):
        return
    from rendicom.storage import open_bytes

    with _naming(location), cast("BinaryIO", open_bytes(location)) as stream:
        is_own = format_of(location).is_own(stream)
    if not is_own:
        raise foreign(location)


def _parts_folder(location: str) -> str:
    return f"{location}.parts/"


def _parts_of(location: str) -> list[str]:
    from rendicom.storage import list_folder

    folder = _parts_folder(location)
    with _naming(folder):
        return sorted(
            stored.location for stored in list_folder(folder) if stored.name.endswith(".jsonl")
        )


def _exists(location: str) -> bool:
    from rendicom.storage import exists

    with _naming(location):
        return exists(location)


def _copy(location: str, stream: BinaryIO) -> None:
    from rendicom.storage import open_bytes

    with _naming(location), cast("BinaryIO", open_bytes(location)) as source:
        while block := source.read(_BLOCK):
            stream.write(block)


@contextmanager
def _naming(location: str) -> Iterator[None]:
    """Say which object cannot be read: the store does not."""
    try:
        yield
    except UnreadableSourceError as error:
        message = f"cannot read the manifest {location}: {error.message}"
        raise UnreadableSourceError(message, hint=error.hint) from error


def _send(path: str, location: str) -> None:
    from mmap import ACCESS_READ, mmap

    from rendicom.storage import write

    if not size_of(path):
        write(location, b"")
        return
    # Pages of the file as they are needed, and not all of it in memory.
    with open(path, "rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as pages:
        write(location, cast("bytes", pages))


def _remove(location: str) -> None:
    from rendicom.storage import remove

    remove(location)
