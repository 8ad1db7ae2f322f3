"""Keeps a catalogue true to the folders: finds new, changed and vanished files.

A look goes through all folders; only what is new or changed is opened, by workers, a few small
chunks at a time. Nobody waits for it: what has been found is listed within a second.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from time import monotonic, time
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from rendicom import storage
from rendicom.errors import (
    OverloadedError,
    RendicomError,
    TimedOutError,
    UnreadableSourceError,
    WorkerDiedError,
)
from rendicom.index.places import absolute, is_below, located
from rendicom.index.reading import read_file, read_indexed
from rendicom.index.values import Indexed, Rejected
from rendicom.index.walk import FileSeen, Listing, device_of, walk

if TYPE_CHECKING:
    from rendicom.index.catalogue import Catalogue
    from rendicom.index.ledger import Ledger, Marks

__all__ = ["ScanProgress", "Scanner", "read_files", "read_indexed"]

_log = logging.getLogger("rendicom.index")

_IN_FLIGHT = 4
_FIRST_CHUNK, _LARGEST_CHUNK = 8, 64
_CHUNK_SECONDS = 0.1
"""What a chunk should take: whoever wants a picture waits for no more than that."""
_COMMIT_FILES, _COMMIT_SECONDS = 400, 0.5
_HELD_SECONDS = 60.0
"""For so long nobody else looks through a root of somebody who is not heard of."""
_REST = 4.0
"""A look is followed by a rest of so many times as long."""
_UNSETTLED_SECONDS = 5.0
"""What was changed so recently may still be in the middle of it."""
_PULSE = 0.5


class ScanProgress(NamedTuple):
    """How far the look through the folders is.

    Once a look is complete this is what it found, until the next one is.

    Attributes
    ----------
    found
        Files seen.
    indexed
        Instances among them that are listed.
    failed
        DICOM files that cannot be listed, and files that cannot be read.
    is_complete
        All folders were looked through at least once.
    unreachable
        Folders that cannot be reached now; what was known of them is kept.
    """

    found: int = 0
    indexed: int = 0
    failed: int = 0
    is_complete: bool = False
    unreachable: tuple[str, ...] = ()


class Chunk(NamedTuple):
    """What a worker found in some files, and how long it took."""

    indexed: list[Indexed]
    rejected: list[Rejected]
    unreadable: int
    seconds: float


def read_files(files: Sequence[tuple[str, str, int]]) -> Chunk:
    """Read files, each a location, version and size; runs in a worker."""
    began = monotonic()
    indexed: list[Indexed] = []
    rejected: list[Rejected] = []
    unreadable = 0
    for location, version, size in files:
        try:
            found = read_file(location, version, size)
        except UnreadableSourceError:
            unreadable += 1
            continue
        except RendicomError:
            found = Rejected(location, version, size, is_dicom=True)
        if not _is_settled(found):
            # Somebody is writing to it: the next look sees it as changed, or whole.
            unreadable += 1
        elif isinstance(found, Indexed):
            indexed.append(found)
        else:
            rejected.append(found)
    return Chunk(indexed, rejected, unreadable, monotonic() - began)


def _is_settled(found: Indexed | Rejected) -> bool:
    if storage.is_uri(found.location):
        return True
    try:
        status = os.stat(found.location)
    except OSError:
        return False
    if f"{status.st_size}-{status.st_mtime_ns}" != found.version:
        return False
    return isinstance(found, Indexed) or abs(time() - status.st_mtime) > _UNSETTLED_SECONDS


class Scanner:
    """Looks through folders again and again, in a thread of its own.

    Of several processes with one database, one looks through a folder at a time. A folder that
    cannot be reached, or that is empty and on another file system than before (nothing is mounted
    there), takes nothing out of the catalogue.

    Parameters
    ----------
    catalogue
        What to keep true. In SQLite, files that lie in none of ``sources`` are taken out of it;
        in PostgreSQL they may be those of another server.
    sources
        Paths of folders or files, and URIs. Those that lie in another one are covered by that.
    submit
        Calls a function in a worker: ``submit(function, *arguments)`` returns its future.
    interval_seconds
        Rest between two looks; a look that takes long is followed by four times as long a rest.
        With 0 there is one look, and another one only when the database is lost.
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
        self._roots = _outermost(sources)
        self._submit = submit
        self._interval = interval_seconds
        self._holder = uuid4().hex
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._by_root: dict[str, ScanProgress] = {}
        self._generation = -1

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, name="rendicom-scan", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; what is found is kept."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None

    def progress(self) -> ScanProgress:
        """Return how far the look through all folders is."""
        parts = [self._by_root.get(root, ScanProgress()) for root in self._roots]
        return ScanProgress(
            found=sum(part.found for part in parts),
            indexed=sum(part.indexed for part in parts),
            failed=sum(part.failed for part in parts),
            is_complete=all(part.is_complete for part in parts),
            unreachable=tuple(each for part in parts for each in part.unreachable),
        )

    # --- looks ---------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._end.is_set():
            began = monotonic()
            try:
                self._look()
            except CancelledError:
                break
            except Exception as error:  # noqa: BLE001 - a door: the next look may do better
                if not self._end.is_set():
                    _log.warning("the look through the folders broke off: %s", _named(error))
            if self._rest(monotonic() - began):
                break
        self._let_go()

    def _rest(self, took: float) -> bool:
        """Wait until the next look is due; tell whether there is none."""
        pause = max(self._interval, _REST * took)
        if not self.progress().is_complete:
            pause = min(pause, 2.0)
        until = monotonic() + pause
        while not self._end.wait(min(_PULSE, max(until - monotonic(), 0.01))):
            if self._is_lost() or (monotonic() >= until and self._is_due()):
                return False
        return True

    def _is_due(self) -> bool:
        return self._interval > 0 or not self.progress().is_complete

    def _is_lost(self) -> bool:
        """Tell whether the database was made anew since the last look began."""
        try:
            return self._catalogue.database.check() != self._generation
        except RendicomError:
            return False

    def _let_go(self) -> None:
        try:
            self._ledger().release(self._holder)
        except RendicomError:
            _log.debug("the folders are left to others when the time is up")

    def _ledger(self) -> Ledger:
        from rendicom.index.ledger import Ledger

        return Ledger(self._catalogue.database)

    def _look(self) -> None:
        ledger = self._ledger()
        generation = self._catalogue.database.check()
        if generation != self._generation:
            self._generation = generation
            self._by_root.clear()
            if self._catalogue.database.kind == "sqlite":
                ledger.forget_outside(self._roots)
        for root in self._roots:
            if self._end.is_set():
                raise CancelledError
            if not ledger.claim(root, self._holder, _HELD_SECONDS):
                reported = ledger.reported(root)
                if reported is not None:
                    self._by_root[root] = _progress(reported, root)
                continue
            _Look(self, ledger, root).run()

    # --- for a look ----------------------------------------------------------------------------

    @property
    def catalogue(self) -> Catalogue:
        """Return what is kept true."""
        return self._catalogue

    @property
    def holder(self) -> str:
        """Return by which name others know this scanner."""
        return self._holder

    def is_ended(self) -> bool:
        """Tell whether to stop."""
        return self._end.is_set()

    def submit(self, files: Sequence[tuple[str, str, int]]) -> Future[Chunk]:
        """Have a worker read files."""
        return self._submit(read_files, list(files))

    def tell(self, root: str, progress: ScanProgress) -> None:
        """Show how far the look through one root is; a complete one stays until the next is."""
        before = self._by_root.get(root)
        if progress.is_complete or before is None or not before.is_complete:
            self._by_root[root] = progress

    def shown(self, root: str) -> ScanProgress:
        """Return what is shown of one root."""
        return self._by_root.get(root, ScanProgress())

    def miss(self, root: str) -> None:
        """Show that a root cannot be reached."""
        before = self.shown(root)
        if not before.unreachable:
            _log.warning("%s cannot be reached: what is known of it is kept", root)
        self._by_root[root] = before._replace(is_complete=True, unreachable=(root,))

    def rest_seconds(self, took: float) -> float:
        """Return for how long after a look nobody else needs to look."""
        return max(self._interval, _REST * took) + _HELD_SECONDS


class _Look:
    """One look through one root."""

    def __init__(self, scanner: Scanner, ledger: Ledger, root: str) -> None:
        from rendicom.index.ledger import Marks

        self._scanner = scanner
        self._ledger = ledger
        self._root = root
        self._seen: Marks = Marks()
        self._unknown: list[str] = []
        self._found = self._indexed = self._failed = 0
        self._fresh: list[tuple[str, str, int]] = []
        self._chunk_size = _FIRST_CHUNK
        self._in_flight: deque[tuple[Future[Chunk], list[tuple[str, str, int]]]] = deque()
        self._held_indexed: list[Indexed] = []
        self._held_rejected: list[Rejected] = []
        self._committed = self._reported = monotonic()

    def run(self) -> None:
        """Look; raises CancelledError when it is to end."""
        began = monotonic()
        up_to = self._ledger.last_number()
        try:
            device = device_of(self._root)
            for listing in walk(self._root, is_ended=self._scanner.is_ended):
                self._take(listing)
        except (OSError, UnreadableSourceError):
            self._finish()
            self._scanner.miss(self._root)
            self._report(_HELD_SECONDS)
            return
        finally:
            if self._scanner.is_ended():
                self._cancel()
        self._finish()
        if self._is_unmounted(device):
            self._scanner.miss(self._root)
            self._report(_HELD_SECONDS)
            return
        self._ledger.sweep(self._root, self._seen, up_to=up_to, unknown=self._unknown)
        if self._found:
            self._ledger.set_device(self._root, device)
        self._tell(is_complete=True)
        self._report(self._scanner.rest_seconds(monotonic() - began))

    def _is_unmounted(self, device: str) -> bool:
        """Tell whether what was there has been taken away as a whole."""
        try:
            if device_of(self._root) != device:
                return True
        except OSError:
            return True
        before = self._ledger.device(self._root)
        is_other = before not in ("", device)
        return not self._found and is_other and self._ledger.has_files(self._root)

    def _take(self, listing: Listing) -> None:
        if not listing.is_readable:
            self._unknown.append(listing.folder)
            self._failed += 1
            return
        known = self._ledger.known(listing.folder, [each.name for each in listing.files])
        for each in listing.files:
            self._found += 1
            before = known.get(each.name)
            if before is not None:
                self._seen.add(before.number)
            if not each.version:
                self._failed += 1
            elif before is None or before.version != each.version:
                self._read(listing.folder, each)
            else:
                self._indexed += before.is_instance
                self._failed += before.is_broken
        self._tell()

    def _read(self, folder: str, seen: FileSeen) -> None:
        self._fresh.append((located(folder, seen.name), seen.version, seen.size))
        if len(self._fresh) >= self._chunk_size:
            self._send()

    def _send(self) -> None:
        files, self._fresh = self._fresh, []
        if files:
            self._in_flight.append((self._scanner.submit(files), files))
        while len(self._in_flight) >= _IN_FLIGHT:
            self._receive()

    def _finish(self) -> None:
        """Wait for all that is under way, and list it."""
        self._send()
        while self._in_flight:
            self._receive()
        self._commit()

    def _receive(self) -> None:
        future, files = self._in_flight.popleft()
        try:
            chunk = self._result(future)
        except OverloadedError:
            self._failed += len(files)  # the next look comes back to them
            return
        except (CancelledError, KeyboardInterrupt):
            raise
        except Exception as error:  # noqa: BLE001 - a door: whatever a file does to a worker
            self._part(files, error)
            return
        if chunk.seconds > 0:
            wanted = len(files) * _CHUNK_SECONDS / chunk.seconds
            self._chunk_size = round(min(max(wanted, 1, self._chunk_size / 2), _LARGEST_CHUNK))
        self._held_indexed += chunk.indexed
        self._held_rejected += chunk.rejected
        self._indexed += len(chunk.indexed)
        self._failed += chunk.unreadable + sum(each.is_dicom for each in chunk.rejected)
        held = len(self._held_indexed) + len(self._held_rejected)
        if held >= _COMMIT_FILES or monotonic() - self._committed > _COMMIT_SECONDS:
            self._commit()

    def _result(self, future: Future[Chunk]) -> Chunk:
        while True:
            try:
                return future.result(timeout=_PULSE)
            except TimeoutError:
                if future.done():
                    raise
                if self._scanner.is_ended():
                    future.cancel()
                    raise CancelledError from None

    def _part(self, files: list[tuple[str, str, int]], error: Exception) -> None:
        """Have each file of a chunk that failed read by itself; leave out the one to blame."""
        if len(files) > 1:
            self._in_flight.extend((self._scanner.submit([each]), [each]) for each in files)
            return
        if isinstance(error, (TimedOutError, WorkerDiedError)):
            _log.warning("a file is left out: a worker fails at it (%s)", error.code)
        else:
            _log.error("a file is left out: %s", _named(error))
        self._failed += 1
        location, version, size = files[0]
        self._held_rejected.append(Rejected(location, version, size, is_dicom=True))

    def _commit(self) -> None:
        indexed, self._held_indexed = self._held_indexed, []
        rejected, self._held_rejected = self._held_rejected, []
        self._scanner.catalogue.put(indexed, is_scanned=True)
        self._scanner.catalogue.note(rejected)
        self._committed = monotonic()
        self._tell()
        if self._committed - self._reported > _HELD_SECONDS / 6:
            self._report(_HELD_SECONDS)

    def _cancel(self) -> None:
        for future, _ in self._in_flight:
            future.cancel()
        raise CancelledError

    def _tell(self, *, is_complete: bool = False) -> None:
        progress = ScanProgress(self._found, self._indexed, self._failed, is_complete)
        self._scanner.tell(self._root, progress)

    def _report(self, seconds: float) -> None:
        shown = self._scanner.shown(self._root)
        told = (
            shown.found,
            shown.indexed,
            shown.failed,
            shown.is_complete,
            bool(shown.unreachable),
        )
        self._ledger.report(self._root, self._scanner.holder, told, seconds=seconds)
        self._reported = monotonic()


def _progress(reported: Sequence[Any], root: str) -> ScanProgress:
    found, indexed, failed, is_complete, is_missing = reported
    return ScanProgress(found, indexed, failed, bool(is_complete), (root,) if is_missing else ())


def _named(error: BaseException) -> str:
    """Return what an error is without its message, which may name a file."""
    return error.code if isinstance(error, RendicomError) else type(error).__name__


def _outermost(sources: Sequence[str]) -> list[str]:
    """Return the roots, without those that lie in another one by whatever name."""
    roots = list(dict.fromkeys(map(absolute, sources)))
    real = {each: each if storage.is_uri(each) else os.path.realpath(each) for each in roots}
    kept: list[str] = []
    for each in sorted(roots, key=lambda root: (len(real[root]), roots.index(root))):
        if not any(is_below(real[each], real[other]) for other in kept):
            kept.append(each)
    return sorted(kept, key=roots.index)
