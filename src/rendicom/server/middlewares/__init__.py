"""Middlewares that every request and response passes.

All of them are plain ASGI: the framework's own base class copies each response through a queue and
hides disconnects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware import Middleware

if TYPE_CHECKING:
    from rendicom.server.services import Services

_EXPOSED = (
    "Content-Location", "Content-Range", "ETag", "Warning", "Retry-After", "Link", "Rendicom-Voi",
)  # fmt: skip


def middlewares(services: Services) -> list[Middleware]:
    """Return the middlewares of a server, the outermost first: ``Starlette(middleware=...)``."""
    from starlette.middleware.cors import CORSMiddleware

    from rendicom.server.middlewares.compression import Compression
    from rendicom.server.middlewares.disconnect import Disconnect
    from rendicom.server.middlewares.extra_slashes import Paths
    from rendicom.server.middlewares.forwarding import Forwarding
    from rendicom.server.middlewares.gate import Gate
    from rendicom.server.middlewares.observer import Observer
    from rendicom.server.middlewares.request_limits import RequestLimits
    from rendicom.server.middlewares.response_cache import ResponseCache
    from rendicom.server.middlewares.security_headers import SecurityHeaders

    settings = services.settings
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.cors,
        allow_methods=("GET", "HEAD", "POST", "DELETE", "OPTIONS"),
        allow_headers=("*",),
        expose_headers=_EXPOSED,
        max_age=600,
    )
    return [
        *([Middleware(Forwarding, settings=settings)] if settings.trusted_proxies else []),
        Middleware(Paths, root_path=settings.root_path),
        Middleware(Observer, services=services),
        Middleware(SecurityHeaders, origins=settings.cors),
        *([cors] if settings.cors else []),
        Middleware(Gate, services=services),
        *([Middleware(ResponseCache, services=services)] if settings.cache_bytes else []),
        Middleware(Disconnect),
        Middleware(Compression),
        Middleware(RequestLimits, max_bytes=settings.max_body, seconds=settings.idle),
    ]
