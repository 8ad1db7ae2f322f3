"""Believes what a trusted proxy says about the client it speaks for."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from rendicom.server.settings import Settings

__all__ = ["Forwarding"]


class Forwarding:
    """Puts client, scheme and host of ``X-Forwarded-*`` in place, if a trusted proxy sends them."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._trusted = [
            ipaddress.ip_network(text, strict=False) for text in settings.trusted_proxies
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        client = scope.get("client")
        if scope["type"] == "http" and client is not None and self._is_trusted(client[0]):
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            self._believe(scope, headers)
        await self._app(scope, receive, send)

    def _believe(self, scope: Scope, headers: Mapping[bytes, str]) -> None:
        hops = [hop.strip() for hop in headers.get(b"x-forwarded-for", "").split(",")]
        # From the right: what stands before the first hop that is no proxy of ours, anybody says.
        strangers = [hop for hop in hops if hop and not self._is_trusted(hop)]
        if strangers:
            scope["client"] = (strangers[-1][:64], 0)
        scheme = headers.get(b"x-forwarded-proto", "").strip()
        if scheme in ("http", "https"):
            scope["scheme"] = scheme
        host = headers.get(b"x-forwarded-host", "").strip()
        if host:
            others = [each for each in scope["headers"] if each[0] != b"host"]
            scope["headers"] = [*others, (b"host", host.encode("latin-1"))]

    def _is_trusted(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)
