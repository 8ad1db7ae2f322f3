"""Scan of one root folder: workers read new and changed files, vanished files are removed.

`ScanState` is what the scans of a scanner share.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from time import monotonic
from typing import Any
from uuid import uuid4

from rendicom.errors import (
    CorruptDataError,
    OverloadedError,
    RendicomError,
    TimedOutError,
    UnreadableSourceError,
    WorkerDiedError,
)
from rendicom.index.catalogue import Catalogue
from rendicom.index.file_records import FileRecords, Listing, NumberSet, device_of, walk
from rendicom.index.reading import Chunk, read_files
from rendicom.index.records import Indexed, Rejected, ScanProgress

_log = logging.getLogger("rendicom.index")

LEASE_SECONDS = 60.0
"""A scanner that reports nothing for this long loses its lease of a root."""
POLL_SECONDS = 0.5
"""Longest time until an order to stop is noticed."""
REST_FACTOR = 4.0
"""Shortest pause after a scan, as a multiple of the time that the scan took."""
_IN_FLIGHT = 4
_FIRST_CHUNK, _LARGEST_CHUNK = 8, 64
_CHUNK_SECONDS = 0.1
"""Aimed duration of a chunk: a request for a picture waits no longer than that for a worker."""
_COMMIT_FILES, _COMMIT_SECONDS = 400, 0.5


def error_name(error: BaseException) -> str:
    """Return the code or type of an error without its message, which may contain a file name."""
    return error.code if isinstance(error, RendicomError) else type(error).__name__


class ScanState:
    """Shared by a `Scanner` and its `FolderScan` objects; parameters as for `Scanner`."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        submit: Callable[..., Future[Any]],
        interval_seconds: float,
        follow_links: bool,
    ) -> None:
        self.catalogue = catalogue
        self.interval = interval_seconds
        self.follow_links = follow_links
        self.holder = uuid4().hex
        self.stopping = threading.Event()
        self.by_root: dict[str, ScanProgress] = {}
        self._outside: dict[str, int] = {}
        self._submit = submit

    def submit(self, files: Sequence[tuple[str, str, int]]) -> Future[Chunk]:
        """Let a worker read files."""
        return self._submit(read_files, list(files))

    def progress(self, root: str) -> ScanProgress:
        """Return the published progress of one root."""
        return self.by_root.get(root, ScanProgress())

    def publish(self, root: str, progress: ScanProgress) -> None:
        """Publish the progress of one root; a complete scan stays until the next is complete."""
        if progress.is_complete or not self.progress(root).is_complete:
            self.by_root[root] = progress

    def set_unreachable(self, root: str) -> None:
        """Publish that a root cannot be reached."""
        before = self.progress(root)
        if not before.unreachable:
            _log.warning("%s cannot be reached: its catalogue entries are kept", root)
        self.by_root[root] = before._replace(is_complete=True, unreachable=(root,))

    def tell_outside(self, root: str, links: int) -> None:
        """Log how many links of a root are not followed, where that has changed."""
        if links and links != self._outside.get(root):
            _log.warning(
                "%d links in %s lead out of it and are not followed: --follow-links follows them",
                links, root,
            )  # fmt: skip
        self._outside[root] = links

    def lease_seconds(self, took: float) -> float:
        """Return how long no other scanner needs to scan a root after a scan of ``took`` s."""
        return max(self.interval, REST_FACTOR * took) + LEASE_SECONDS


class FolderScan:
    """One scan of one root."""

    def __init__(self, state: ScanState, records: FileRecords, root: str) -> None:
        self._state = state
        self._records = records
        self._root = root
        self._seen = NumberSet()
        self._unknown: list[str] = []
        self._found = self._indexed = self._failed = self._outside = 0
        self._fresh: list[tuple[str, str, int]] = []
        self._chunk_size = _FIRST_CHUNK
        self._in_flight: deque[tuple[Future[Chunk], list[tuple[str, str, int]]]] = deque()
        self._held_indexed: list[Indexed] = []
        self._held_rejected: list[Rejected] = []
        self._committed = self._reported = monotonic()

    def run(self) -> None:
        """Scan the root.

        Raises
        ------
        CancelledError
            The scanner is stopping.
        """
        began = monotonic()
        up_to = self._records.last_number()
        try:
            device = device_of(self._root)
            for listing in walk(
                self._root,
                is_ended=self._state.stopping.is_set,
                follow_links=self._state.follow_links,
            ):
                self._take(listing)
        except (OSError, UnreadableSourceError):
            self._finish()
            self._state.set_unreachable(self._root)
            self._report(LEASE_SECONDS)
            return
        finally:
            if self._state.stopping.is_set():
                for future, _ in self._in_flight:
                    future.cancel()
                raise CancelledError
        self._finish()
        if self._is_unmounted(device):
            self._state.set_unreachable(self._root)
            self._report(LEASE_SECONDS)
            return
        self._state.tell_outside(self._root, self._outside)
        self._records.sweep(self._root, self._seen, up_to=up_to, unknown=self._unknown)
        if self._found:
            self._records.set_device(self._root, device)
        self._publish(is_complete=True)
        self._report(self._state.lease_seconds(monotonic() - began))

    def _is_unmounted(self, device: str) -> bool:
        """Return whether the file system that held the files is no longer mounted."""
        try:
            if device_of(self._root) != device:
                return True
        except OSError:
            return True
        before = self._records.device(self._root)
        is_other = before not in ("", device)
        return not self._found and is_other and self._records.has_files(self._root)

    def _take(self, listing: Listing) -> None:
        self._outside += listing.outside
        if not listing.is_readable:
            self._unknown.append(listing.folder)
            self._failed += 1
            return
        known = self._records.known(listing.folder, [each.name for each in listing.files])
        for each in listing.files:
            self._found += 1
            before = known.get(each.name)
            if before is not None:
                self._seen.add(before.number)
            if not each.version:
                self._failed += 1
            elif before is None or before.version != each.version:
                self._fresh.append((listing.folder + each.name, each.version, each.size))
                if len(self._fresh) >= self._chunk_size:
                    self._send()
            else:
                self._indexed += before.is_instance
                self._failed += before.is_broken
        self._publish()

    def _send(self) -> None:
        files, self._fresh = self._fresh, []
        if files:
            self._in_flight.append((self._state.submit(files), files))
        while len(self._in_flight) >= _IN_FLIGHT:
            self._receive()

    def _finish(self) -> None:
        """Wait for all chunks in flight and commit their results."""
        self._send()
        while self._in_flight:
            self._receive()
        self._commit()

    def _receive(self) -> None:
        future, files = self._in_flight.popleft()
        try:
            chunk = self._result(future)
        except OverloadedError:
            self._failed += len(files)  # the next scan reads them
            return
        except (CancelledError, KeyboardInterrupt):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a file does to a worker
            self._split(files, error)
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
                return future.result(timeout=POLL_SECONDS)
            except TimeoutError:
                if future.done():
                    raise
                if self._state.stopping.is_set():
                    future.cancel()
                    raise CancelledError from None

    def _split(self, files: list[tuple[str, str, int]], error: Exception) -> None:
        """Read each file of a failed chunk alone; reject a file that fails alone."""
        if len(files) > 1:
            self._in_flight.extend((self._state.submit([each]), [each]) for each in files)
            return
        if isinstance(error, (TimedOutError, WorkerDiedError)):
            _log.warning("a file is skipped: a worker failed on it (%s)", error.code)
        else:
            _log.error("a file is skipped: %s", error_name(error))
        self._failed += 1
        location, version, size = files[0]
        self._held_rejected.append(Rejected(location, version, size, is_dicom=True))

    def _commit(self) -> None:
        indexed, self._held_indexed = self._held_indexed, []
        rejected, self._held_rejected = self._held_rejected, []
        rejected += self._put(indexed)
        self._state.catalogue.note(rejected)
        self._committed = monotonic()
        self._publish()
        if self._committed - self._reported > LEASE_SECONDS / 6:
            self._report(LEASE_SECONDS)

    def _put(self, indexed: list[Indexed]) -> list[Rejected]:
        """Put instances into the catalogue; return those that it refuses."""
        try:
            self._state.catalogue.put(indexed, is_scanned=True)
        except CorruptDataError:
            if len(indexed) == 1:
                one = indexed[0]
                return [Rejected(one.location, one.version, one.size, is_dicom=True)]
            return [bad for each in indexed for bad in self._put([each])]
        return []

    def _publish(self, *, is_complete: bool = False) -> None:
        progress = ScanProgress(self._found, self._indexed, self._failed, is_complete)
        self._state.publish(self._root, progress)

    def _report(self, seconds: float) -> None:
        shown = self._state.progress(self._root)
        told = (
            shown.found,
            shown.indexed,
            shown.failed,
            shown.is_complete,
            bool(shown.unreachable),
        )
        self._records.report(self._root, self._state.holder, told, seconds=seconds)
        self._reported = monotonic()
