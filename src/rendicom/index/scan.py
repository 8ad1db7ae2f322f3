"""Keeps the catalogue true to the folders: looks for new, changed and vanished files."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from rendicom import storage
from rendicom.errors import RendicomError
from rendicom.index.entries import Indexed, ScanProgress
from rendicom.index.reading import read_indexed

if TYPE_CHECKING:
    from rendicom.index.catalogue import Catalogue

__all__ = ["ScanProgress", "Scanner", "look_at", "read_indexed"]

_log = logging.getLogger("rendicom.index")

_AT_ONCE = 40
"""Files that a worker looks at in one call, and that are committed together."""
_IN_FLIGHT = 4
_LISTED = 500
_REST = 20
"""A look may take one part of so many of the time."""


class File(NamedTuple):
    """One file in a folder."""

    location: str
    version: str
    size: int


class Seen(NamedTuple):
    """What a worker found in a file: an instance, or why there is none."""

    file: File
    indexed: Indexed | None
    is_failed: bool = False


def look_at(found: Sequence[File]) -> list[Seen]:
    """Return what files hold; runs in a worker."""
    return [_look_at(each) for each in found]


def _look_at(file: File) -> Seen:
    try:
        indexed = read_indexed(*file)
        # A file that is being written is looked at again.
        is_same = storage.version_of(file.location) == file.version
    except RendicomError:
        return Seen(file, None, is_failed=True)
    if not is_same:
        return Seen(file._replace(version=""), None, is_failed=True)
    return Seen(file, indexed)


class Scanner:
    """Looks through folders in a thread of its own, again and again.

    Parameters
    ----------
    catalogue
        What to keep true.
    sources
        Folders, and locations of object stores.
    submit
        Calls a function in a worker: ``submit(function, *args) -> Future``.
    interval_seconds
        Between the end of a look and the next; more for folders that take long. 0 for one look.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        sources: Sequence[str],
        *,
        submit: Callable[..., Future[Any]],
        interval_seconds: float,
    ) -> None:
        self._catalogue = catalogue
        self._sources = _outermost(sources)
        self._submit = submit
        self._interval = interval_seconds
        self._end = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._progress = ScanProgress()
        self._is_complete = False
        self._generation = catalogue.generation

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, name="rendicom-scan", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, at once or nearly so."""
        self._end.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(10)

    def progress(self) -> ScanProgress:
        """Return how far the look is, or how far the last one came."""
        return self._progress._replace(is_complete=self._is_complete)

    def _run(self) -> None:
        while not self._end.is_set():
            begun = monotonic()
            try:
                self._look()
            except CancelledError:
                return
            except Exception as error:  # noqa: BLE001 - the next look may do better
                if not self._end.is_set():
                    _log.warning("the look through the folders broke off: %s", _named(error))
            took = monotonic() - begun
            if self._interval <= 0:
                return
            self._wake.wait(max(self._interval, _REST * took / 10))
            self._wake.clear()

    def _look(self) -> None:
        if self._generation != self._catalogue.generation:
            self._generation = self._catalogue.generation
            self._is_complete = False
        if not self._is_complete:
            self._progress = ScanProgress()
        seen = indexed = failed = 0
        for source in self._sources:
            if not _is_there(source):
                _log.warning("a folder cannot be reached: what is known of it is kept")
                continue
            for outcome in self._looked_at(source):
                if self._end.is_set():
                    return
                seen += outcome.found
                indexed += outcome.indexed
                failed += outcome.failed
                if not self._is_complete:
                    self._progress = ScanProgress(seen, indexed, failed)
            self._drop_vanished(source)
        self._progress = ScanProgress(seen, self._progress.indexed, failed + self._progress.failed)
        if not self._is_complete:
            _log.info("indexed %d instances in %d files", self._catalogue.counts().instances, seen)
        self._is_complete = True

    def _looked_at(self, source: str) -> Iterator[ScanProgress]:
        """Yield what was looked at; a few calls are in flight at once."""
        waiting: deque[Future[list[Seen]]] = deque()
        try:
            for files in _batches(_walk(source, self._end), _LISTED):
                known = self._catalogue.known_versions([each.location for each in files])
                fresh = [each for each in files if known.get(each.location) != each.version]
                yield ScanProgress(len(files))
                for batch in _batches(fresh, _AT_ONCE):
                    waiting.append(self._submit(look_at, batch))
                    if len(waiting) >= _IN_FLIGHT:
                        yield self._kept(waiting.popleft())
            while waiting:
                yield self._kept(waiting.popleft())
        finally:
            for each in waiting:
                each.cancel()

    def _kept(self, future: Future[list[Seen]]) -> ScanProgress:
        """Put into the catalogue what a call found."""
        while True:
            try:
                outcomes = future.result(timeout=0.5)
                break
            except TimeoutError:
                if self._end.is_set():
                    raise CancelledError from None
            except RendicomError as error:
                # One file in there kills workers; each by itself would find it, the next look does.
                _log.warning("some files could not be looked at: %s", error.code)
                return ScanProgress(failed=_AT_ONCE)
        instances = [each.indexed for each in outcomes if each.indexed is not None]
        self._catalogue.put(instances)
        others = [each for each in outcomes if each.indexed is None]
        self._catalogue.note_files(
            [(*each.file[:2], "failed" if each.is_failed else "other") for each in others]
        )
        return ScanProgress(0, len(instances), sum(each.is_failed for each in others))

    def _drop_vanished(self, source: str) -> None:
        """Forget files that are not there any more."""
        prefix, after = storage.join(source, ""), ""
        while locations := self._catalogue.known_locations(prefix, after, _LISTED):
            after = locations[-1]
            gone = [each for each in locations if not _exists(each)]
            if gone and not _is_there(source):
                return
            if gone:
                self._catalogue.forget(gone)
            if self._end.is_set():
                return


def _named(error: BaseException) -> str:
    return error.code if isinstance(error, RendicomError) else type(error).__name__


def _outermost(sources: Sequence[str]) -> list[str]:
    """Return the folders without those that lie in another one."""
    whole = []
    for source in sources:
        location = storage.normalised(source)
        whole.append(location if storage.is_uri(location) else os.path.realpath(location))
    whole = sorted(set(whole))
    return [
        each
        for each in whole
        if not any(each != other and each.startswith(storage.join(other, "")) for other in whole)
    ]


def _is_there(source: str) -> bool:
    if storage.is_uri(source):
        return True
    try:
        with os.scandir(source):
            return True
    except NotADirectoryError:
        return True
    except OSError:
        return False


def _exists(location: str) -> bool:
    try:
        return storage.exists(location)
    except RendicomError:
        return True


def _walk(source: str, end: threading.Event) -> Iterator[File]:
    """Yield the files below a folder; hidden ones and links that lead back up are left out."""
    if storage.is_uri(source):
        for stored in storage.list_folder(source):
            if end.is_set():
                return
            if not _is_hidden(stored.name):
                yield File(stored.location, stored.version, stored.size)
        return
    if not os.path.isdir(source):
        yield from _file(source)
        return
    yield from _walk_folders(source, end)


def _walk_folders(source: str, end: threading.Event) -> Iterator[File]:
    trail: list[tuple[str, frozenset[tuple[int, int]]]] = [(source, frozenset())]
    while trail and not end.is_set():
        folder, above = trail.pop()
        try:
            here = os.stat(folder)
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        identity = (here.st_dev, here.st_ino)
        if identity in above:
            continue
        for entry in listed:
            if entry.name.startswith("."):
                continue
            try:
                is_folder = entry.is_dir()
            except OSError:
                continue
            if is_folder:
                trail.append((entry.path, above | {identity}))
            else:
                yield from _file(entry.path)


def _file(path: str) -> Iterator[File]:
    try:
        found = os.stat(path)
        version = storage.version_of(path)
    except (OSError, RendicomError):
        return
    if stat.S_ISREG(found.st_mode) and found.st_size:
        yield File(path, version, found.st_size)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _batches(values: Any, size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for value in values:
        batch.append(value)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
