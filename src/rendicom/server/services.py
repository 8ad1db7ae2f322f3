"""What a server consists of, put together and brought up and down in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rendicom.server.audit import Audit
from rendicom.server.auth import Authenticator
from rendicom.server.cache import ByteCache
from rendicom.server.renderers import Renderers
from rendicom.server.settings import Settings
from rendicom.server.singleflight import SingleFlight
from rendicom.server.telemetry import Telemetry

if TYPE_CHECKING:
    from rendicom.index.catalogue import Catalogue

__all__ = ["Services", "open_services"]


@dataclass
class Services:
    """All that routes work with; one for each application.

    Attributes
    ----------
    is_draining
        The server is about to end: it is not ready for more.
    """

    settings: Settings
    catalogue: Catalogue
    renderers: Renderers
    cache: ByteCache
    flights: SingleFlight
    telemetry: Telemetry
    audit: Audit
    authenticator: Authenticator
    is_draining: bool = field(default=False, init=False)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Bring everything up, and in the end down again within the drain seconds."""
        async with AsyncExitStack() as stack:
            stack.callback(self.catalogue.close)
            self.audit.start()
            stack.callback(self.audit.close)
            await self.authenticator.start()
            stack.push_async_callback(self.authenticator.close)
            await self.renderers.start()
            stack.push_async_callback(self.renderers.close, self.settings.drain)
            try:
                yield
            finally:
                self.is_draining = True


def open_services(settings: Settings) -> Services:
    """Return the services for ``settings``; nothing runs before `Services.running`.

    Raises
    ------
    OptionError
        A file that a setting names is not what it should be.
    """
    from rendicom.index.catalogue import Catalogue
    from rendicom.server.tasks import warm_up

    telemetry = Telemetry()
    renderers = Renderers(
        settings.number_of_workers,
        engine=settings.engine,
        queue_size=settings.queue_size,
        seconds=settings.timeout,
        warm_up=warm_up,
        telemetry=telemetry,
    )
    cache, flights = ByteCache(settings.cache_bytes), SingleFlight()
    telemetry.watch(renderers=renderers, cache=cache, flights=flights)
    return Services(
        settings=settings,
        catalogue=Catalogue(settings.database_url or "sqlite://"),
        renderers=renderers,
        cache=cache,
        flights=flights,
        telemetry=telemetry,
        audit=Audit(settings.audit_log),
        authenticator=Authenticator.of(settings),
    )
