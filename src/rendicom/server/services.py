"""The components of a server, and their start and stop in order."""

from __future__ import annotations

import asyncio
import logging
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from rendicom import storage
from rendicom.errors import OptionError
from rendicom.server.audit import Audit
from rendicom.server.auth import Authenticator
from rendicom.server.cache import ByteCache
from rendicom.server.lookup import Lookup
from rendicom.server.pictures import Pictures
from rendicom.server.settings import Settings
from rendicom.server.singleflight import SingleFlight
from rendicom.server.spool import Spool
from rendicom.server.telemetry import Telemetry
from rendicom.server.worker_pool import WorkerPool
from rendicom.workers.cpu_count import usable_cores

if TYPE_CHECKING:
    from rendicom.index.catalogue import Counts

_log = logging.getLogger("rendicom.server")

_COUNT_SECONDS = 5.0


class Services:
    """The components that routes use; one set for each application. Nothing runs before `running`.

    Raises
    ------
    OptionError
        A file named in a setting is malformed.
    """

    def __init__(self, settings: Settings) -> None:
        from rendicom.index.catalogue import Catalogue
        from rendicom.index.scan_scheduler import Scanner
        from rendicom.server.tasks import warm_up

        _check_folders(settings)
        self.settings = settings
        self.is_draining = False  # true from when the server stops: not ready for requests
        self.telemetry = Telemetry()
        self.renderers = WorkerPool(
            settings.number_of_workers,
            engine=settings.engine,
            queue_size=settings.queue_size,
            seconds=settings.timeout,
            memory=settings.memory_of_worker,
            threads=usable_cores(),
            warm_up=partial(warm_up, settings.max_pixels),
            metrics=self.telemetry,
        )
        self.catalogue = Catalogue(settings.database_url or "sqlite://", is_durable=settings.fsync)
        self.scanner = Scanner(
            self.catalogue,
            [*settings.folders, *filter(None, [settings.store_location])],
            submit=self.renderers.submit,
            interval_seconds=settings.rescan,
            follow_links=settings.follow_links,
        )
        self.cache, self.flights = ByteCache(settings.cache_bytes), SingleFlight()
        self.telemetry.watch(renderers=self.renderers, cache=self.cache, flights=self.flights)
        self.lookup = Lookup(self.catalogue)
        self.pictures = Pictures(self.cache, self.flights, self.renderers, self.telemetry)
        self.spool = Spool()
        self.audit = Audit(settings.audit_log)
        self.authenticator = Authenticator.of(settings)
        self._counts: Counts | None = None
        self._counted = 0.0

    async def answers(self) -> bool:
        """Tell whether the index can be asked."""
        try:
            await self.count_index()
        except Exception as error:  # noqa: BLE001 - whatever is wrong, it does not answer
            _log.error("the index does not answer: %s", type(error).__name__)
            return False
        return True

    async def has_spool(self) -> bool:
        """Tell whether temporary files can be written."""
        try:
            await asyncio.to_thread(self.spool.restore)
        except OptionError as error:
            _log.error("%s", error.message)
            return False
        return True

    async def counts(self) -> Counts:
        """Return the size of the index, at most a few seconds old."""
        if self._counts is None or monotonic() > self._counted + _COUNT_SECONDS:
            self._counts = await asyncio.to_thread(self.catalogue.counts)
            self._counted = monotonic()
        return self._counts

    async def count_index(self) -> None:
        """Tell `telemetry` how much the index holds."""
        counts = await self.counts()
        self.telemetry.indexed(
            studies=counts.studies, series=counts.series, instances=counts.instances
        )

    def abandon(self) -> None:
        """Remove temporary files before the process exits at once: they hold names of patients."""
        self.catalogue.close()
        self.spool.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start all components; at the end, stop them within the drain seconds."""
        async with AsyncExitStack() as stack:
            stack.callback(self.catalogue.close)
            self.spool.open()
            stack.callback(self.spool.close)
            self.audit.start()
            stack.callback(self.audit.close)
            await self.authenticator.start()
            stack.push_async_callback(self.authenticator.close)
            await self.renderers.start()
            stack.push_async_callback(self.renderers.close, self.settings.drain)
            self.scanner.start()
            stack.push_async_callback(asyncio.to_thread, self.scanner.stop)
            try:
                yield
            finally:
                self.is_draining = True


def _check_folders(settings: Settings) -> None:
    for folder in settings.folders:
        if not storage.is_uri(folder) and not Path(folder).exists():
            raise OptionError(f"there is no folder {folder}")
    if settings.data:
        store = settings.store_location
        # The one below --data is created even if storing is not allowed: a missing folder would
        # give a warning at every start, as a disk might not be mounted.
        is_own = settings.writable or not settings.store
        own = [store] if is_own and not storage.is_uri(store) else []
        try:
            for folder in (settings.data, *own):
                Path(folder).mkdir(parents=True, exist_ok=True)
            _make_private(Path(settings.data))
        except OSError as error:
            raise OptionError(f"--data {settings.data} is not a folder: {error.strerror}") from None


def _make_private(data: Path) -> None:
    """Make files of earlier versions private: they hold names of patients."""
    index = list(data.glob("index.sqlite3*"))
    is_ours = bool(index) or not any(data.iterdir())
    for path, mode in ((data, 0o700), (data / "store", 0o700), *((each, 0o600) for each in index)):
        if is_ours and path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(mode)
