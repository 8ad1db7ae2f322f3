"""Keeps a catalogue true to the folders: finds new, changed and vanished files.

A look goes through all folders; only what is new or changed is opened, by workers, a few small
chunks at a time. Nobody waits for it: what has been found is listed within a second.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from rendicom import storage
from rendicom.errors import RendicomError
from rendicom.index.ledger import Ledger
from rendicom.index.look import HELD_SECONDS, PULSE, Look, named
from rendicom.index.places import absolute, is_below
from rendicom.index.reading import Chunk, read_files, read_indexed
from rendicom.index.values import ScanProgress

if TYPE_CHECKING:
    from rendicom.index.catalogue import Catalogue

__all__ = ["ScanProgress", "Scanner", "read_indexed"]

_log = logging.getLogger("rendicom.index")

_REST = 4.0
"""A look is followed by a rest of so many times as long."""


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
                    _log.warning("the look through the folders broke off: %s", named(error))
            if self._rest(monotonic() - began):
                break
        self._let_go()

    def _rest(self, took: float) -> bool:
        """Wait until the next look is due; tell whether there is none."""
        pause = max(self._interval, _REST * took)
        if not self.progress().is_complete:
            pause = min(pause, 2.0)
        until = monotonic() + pause
        while not self._end.wait(min(PULSE, max(until - monotonic(), 0.01))):
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
            if not ledger.claim(root, self._holder, HELD_SECONDS):
                reported = ledger.reported(root)
                if reported is not None:
                    self._by_root[root] = _progress(reported, root)
                continue
            Look(self, ledger, root).run()

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
        return max(self._interval, _REST * took) + HELD_SECONDS


def _progress(reported: Sequence[Any], root: str) -> ScanProgress:
    found, indexed, failed, is_complete, is_missing = reported
    return ScanProgress(found, indexed, failed, bool(is_complete), (root,) if is_missing else ())


def _outermost(sources: Sequence[str]) -> list[str]:
    """Return the roots, without those that lie in another one by whatever name."""
    roots = list(dict.fromkeys(map(absolute, sources)))
    real = {each: each if storage.is_uri(each) else os.path.realpath(each) for each in roots}
    kept: list[str] = []
    for each in sorted(roots, key=lambda root: (len(real[root]), roots.index(root))):
        if not any(is_below(real[each], real[other]) for other in kept):
            kept.append(each)
    return sorted(kept, key=roots.index)
