"""Takes client, scheme and host from the headers of trusted proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from rendicom.server.settings import Settings

_NAME_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]")
_LONGEST = 8192


class _Said(NamedTuple):
    """Contents of a proxy's headers: addresses of all hops; scheme and host of the first."""

    addresses: list[str]
    scheme: str
    host: str


class Forwarding:
    """Replaces client, scheme and host of a request by those a trusted proxy gives.

    ``X-Forwarded-*`` or, without these, ``Forwarded`` (RFC 7239).
    """

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._trusted = [
            ipaddress.ip_network(text, strict=False) for text in settings.trusted_proxies
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        client = scope.get("client")
        if scope["type"] == "http" and client is not None and self._is_trusted(client[0]):
            self._believe(scope, _said(scope["headers"]))
        await self._app(scope, receive, send)

    def _believe(self, scope: Scope, said: _Said) -> None:
        # From the right: values before the first untrusted hop can be forged.
        strangers = [hop for hop in said.addresses if hop and not self._is_trusted(hop)]
        if strangers:
            scope["client"] = (strangers[-1][:64], 0)
        if said.scheme in ("http", "https"):
            scope["scheme"] = said.scheme
        if said.host and _NAME_SIGNS.issuperset(said.host):
            others = [each for each in scope["headers"] if each[0] != b"host"]
            scope["headers"] = [*others, (b"host", said.host.encode("latin-1"))]

    def _is_trusted(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)


def _said(headers: Iterable[tuple[bytes, bytes]]) -> _Said:
    # A header that stands several times is one list (RFC 9110 5.3).
    lists: dict[bytes, str] = {}
    for name, value in headers:
        if name == b"forwarded" or name.startswith(b"x-forwarded-"):
            text = value[:_LONGEST].decode("latin-1")
            lists[name] = f"{lists[name]},{text}" if name in lists else text
    names = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")
    if any(name in lists for name in names):
        addresses, schemes, hosts = (lists.get(name, "").split(",") for name in names)
        return _Said(
            [each.strip() for each in addresses], schemes[0].strip().lower(), hosts[0].strip()
        )
    hops = [_hop(each) for each in lists.get(b"forwarded", "").split(",")]
    addresses = [_address(hop.get("for", "")) for hop in hops]
    return _Said(addresses, hops[0].get("proto", "").lower(), hops[0].get("host", ""))


def _hop(text: str) -> dict[str, str]:
    """Return the parameters of one element of a Forwarded header."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _address(node: str) -> str:
    """Return the address of a node without its port (RFC 7239 6)."""
    if node.startswith("["):
        return node[1:].partition("]")[0]
    host, _, port = node.rpartition(":")
    return host if port.isdigit() and host.count(":") == 0 else node
