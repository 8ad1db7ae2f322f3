"""Keeps a catalogue in step with its folders: finds new, changed and vanished files.

A scan lists all folders, but only new and changed files are opened, by workers, in small chunks.
What has been found is searchable within a second, before the scan ends.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from time import monotonic
from typing import Any

from rendicom import storage
from rendicom.errors import RendicomError
from rendicom.index.catalogue import Catalogue
from rendicom.index.file_records import FileRecords
from rendicom.index.folder_scan import (
    LEASE_SECONDS,
    POLL_SECONDS,
    REST_FACTOR,
    FolderScan,
    ScanState,
    error_name,
)
from rendicom.index.locations import absolute, is_below
from rendicom.index.reading import read_indexed
from rendicom.index.records import ScanProgress

__all__ = ["ScanProgress", "Scanner", "read_indexed"]

_log = logging.getLogger("rendicom.index")


class Scanner:
    """Scans folders periodically, in a separate thread.

    Of several processes with one database, one scans a folder at a time. A folder that cannot be
    reached, or that is empty and on another file system than before (nothing is mounted there),
    removes nothing from the catalogue.

    Parameters
    ----------
    catalogue
        The catalogue to update. In SQLite, files outside of all ``sources`` are removed from it;
        in PostgreSQL they may belong to another server.
    sources
        Paths of folders or files, and URIs. A source inside another one is covered by that.
    submit
        Calls a function in a worker: ``submit(function, *arguments)`` returns its future.
    interval_seconds
        Pause between two scans; at least four times the duration of the last scan. With 0 the
        folders are scanned once, and again only when the database is lost.
    follow_links
        Follow symbolic links that lead out of a folder.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        sources: Sequence[str],
        *,
        submit: Callable[..., Future[Any]],
        interval_seconds: float,
        follow_links: bool = False,
    ) -> None:
        self._state = ScanState(
            catalogue, submit=submit, interval_seconds=interval_seconds, follow_links=follow_links
        )
        self._database = catalogue.database
        self._roots = _outermost(sources)
        self._thread: threading.Thread | None = None
        self._generation = -1

    def start(self) -> None:
        """Start the scanning thread."""
        self._thread = threading.Thread(target=self._run, name="rendicom-scan", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the scanning thread; the entries are kept."""
        self._state.stopping.set()
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None

    def progress(self) -> ScanProgress:
        """Return the progress over all folders."""
        parts = [self._state.progress(root) for root in self._roots]
        return ScanProgress(
            found=sum(part.found for part in parts),
            indexed=sum(part.indexed for part in parts),
            failed=sum(part.failed for part in parts),
            is_complete=all(part.is_complete for part in parts),
            unreachable=tuple(each for part in parts for each in part.unreachable),
        )

    def _run(self) -> None:
        stopping = self._state.stopping
        while not stopping.is_set():
            began = monotonic()
            try:
                self._scan()
            except CancelledError:
                break
            except Exception as error:  # noqa: BLE001 - the next scan may succeed
                if not stopping.is_set():
                    _log.warning("the scan of the folders was interrupted: %s", error_name(error))
            if not self._pause(monotonic() - began):
                break
        try:
            FileRecords(self._database).release(self._state.holder)
        except RendicomError:
            _log.debug("the leases of the folders were not released; they expire")

    def _pause(self, took: float) -> bool:
        """Wait until the next scan is due; return False when the scanner stops."""
        pause = max(self._state.interval, REST_FACTOR * took)
        if not self.progress().is_complete:
            pause = min(pause, 2.0)
        until = monotonic() + pause
        while not self._state.stopping.wait(min(POLL_SECONDS, max(until - monotonic(), 0.01))):
            is_due = self._state.interval > 0 or not self.progress().is_complete
            if self._is_lost() or (monotonic() >= until and is_due):
                return True
        return False

    def _is_lost(self) -> bool:
        """Return whether the database was created anew since the last scan began."""
        try:
            return self._database.check() != self._generation
        except RendicomError:
            return False

    def _scan(self) -> None:
        records = FileRecords(self._database)
        generation = self._database.check()
        if generation != self._generation:
            self._generation = generation
            self._state.by_root.clear()
            if self._database.kind == "sqlite":
                records.forget_outside(self._roots)
        for root in self._roots:
            if self._state.stopping.is_set():
                raise CancelledError
            if records.claim(root, self._state.holder, LEASE_SECONDS):
                FolderScan(self._state, records, root).run()
            elif (reported := records.reported(root)) is not None:
                self._state.by_root[root] = _progress(reported, root)


def _progress(reported: Sequence[Any], root: str) -> ScanProgress:
    found, indexed, failed, is_complete, is_missing = reported
    return ScanProgress(found, indexed, failed, bool(is_complete), (root,) if is_missing else ())


def _outermost(sources: Sequence[str]) -> list[str]:
    """Return the roots without those inside another one; symbolic links are resolved."""
    roots = list(dict.fromkeys(map(absolute, sources)))
    real = {each: each if storage.is_uri(each) else os.path.realpath(each) for each in roots}
    kept: list[str] = []
    for each in sorted(roots, key=lambda root: (len(real[root]), roots.index(root))):
        if not any(is_below(real[each], real[other]) for other in kept):
            kept.append(each)
    return sorted(kept, key=roots.index)
