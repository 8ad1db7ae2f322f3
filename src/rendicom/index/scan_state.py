"""State of a scanner that its folder scans share: workers, progress by root, order to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any
from uuid import uuid4

from rendicom.errors import RendicomError
from rendicom.index.catalogue import Catalogue
from rendicom.index.reading import Chunk, read_files
from rendicom.index.records import ScanProgress

_log = logging.getLogger("rendicom.index")

LEASE_SECONDS = 60.0
"""A scanner that reports nothing for this long loses its lease of a root."""
POLL_SECONDS = 0.5
"""Longest time until an order to stop is noticed."""
REST_FACTOR = 4.0
"""Shortest pause after a scan, as a multiple of the time that the scan took."""


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
