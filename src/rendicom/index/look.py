"""One look through a folder: workers read what is new or changed, what is gone is forgotten."""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import CancelledError, Future
from time import monotonic
from typing import TYPE_CHECKING

from rendicom.errors import (
    CorruptDataError,
    OverloadedError,
    RendicomError,
    TimedOutError,
    UnreadableSourceError,
    WorkerDiedError,
)
from rendicom.index.ledger import Ledger, Marks
from rendicom.index.places import located
from rendicom.index.reading import Chunk
from rendicom.index.values import Indexed, Rejected, ScanProgress
from rendicom.index.walk import FileSeen, Listing, device_of, walk

if TYPE_CHECKING:
    from rendicom.index.scan import Scanner

__all__ = ["HELD_SECONDS", "PULSE", "Look", "named"]

_log = logging.getLogger("rendicom.index")

_IN_FLIGHT = 4
_FIRST_CHUNK, _LARGEST_CHUNK = 8, 64
_CHUNK_SECONDS = 0.1
"""What a chunk should take: whoever wants a picture waits for no more than that."""
_COMMIT_FILES, _COMMIT_SECONDS = 400, 0.5
HELD_SECONDS = 60.0
"""For so long nobody else looks through a root of somebody who is not heard of."""
PULSE = 0.5
"""Seconds within which an order to end is noticed."""


def named(error: BaseException) -> str:
    """Return what an error is without its message, which may name a file."""
    return error.code if isinstance(error, RendicomError) else type(error).__name__


class Look:
    """One look through one root."""

    def __init__(self, scanner: Scanner, ledger: Ledger, root: str) -> None:
        self._scanner = scanner
        self._ledger = ledger
        self._root = root
        self._seen = Marks()
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
            self._report(HELD_SECONDS)
            return
        finally:
            if self._scanner.is_ended():
                self._cancel()
        self._finish()
        if self._is_unmounted(device):
            self._scanner.miss(self._root)
            self._report(HELD_SECONDS)
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
                return future.result(timeout=PULSE)
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
            _log.error("a file is left out: %s", named(error))
        self._failed += 1
        location, version, size = files[0]
        self._held_rejected.append(Rejected(location, version, size, is_dicom=True))

    def _commit(self) -> None:
        indexed, self._held_indexed = self._held_indexed, []
        rejected, self._held_rejected = self._held_rejected, []
        rejected += self._put(indexed)
        self._scanner.catalogue.note(rejected)
        self._committed = monotonic()
        self._tell()
        if self._committed - self._reported > HELD_SECONDS / 6:
            self._report(HELD_SECONDS)

    def _put(self, indexed: list[Indexed]) -> list[Rejected]:
        """List instances; return those that cannot be."""
        try:
            self._scanner.catalogue.put(indexed, is_scanned=True)
        except CorruptDataError:
            if len(indexed) == 1:
                one = indexed[0]
                return [Rejected(one.location, one.version, one.size, is_dicom=True)]
            return [bad for each in indexed for bad in self._put([each])]
        return []

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
