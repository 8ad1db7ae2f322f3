"""HTTP connections to a server: the way to it, TLS and time limits.

`direct_connections` do the work where they can: HTTP/1.1, no proxy, no body to send. The first
response of a server with TLS tells whether it prefers HTTP/2. The client certificate is sent to the
configured server only.
"""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

from rendicom.client.connection_settings import origin_of
from rendicom.client.direct_connections import DirectConnections
from rendicom.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    import httpx2

    from rendicom.client.connection_settings import ConnectionSettings
    from rendicom.client.direct_connections import DirectResponse
    from rendicom.client.httpx_connections import HttpxConnections

    _Origin = tuple[str, str, int]


class Transport:
    """The connections to one server, and to others that it redirects to; threads may share it."""

    def __init__(self, connection: ConnectionSettings) -> None:
        self._connection = connection
        self._own, self._below = origin_of(connection.base), f"{connection.base}/"
        # Read once: searching the environment takes as long as a request.
        self._proxies = getproxies()
        self._direct: dict[_Origin, DirectConnections] = {}
        self._others: dict[tuple[bool, str, str], HttpxConnections] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            direct, self._direct = self._direct, {}
            others, self._others = self._others, {}
        for each in direct.values():
            each.close()
        for other in others.values():
            other.close()

    def is_own(self, url: str) -> bool:
        """Tell whether a URL is on the configured server, to which credentials go."""
        return self._origin(url) == self._own

    def _origin(self, url: str) -> _Origin:
        # Parsing a URL takes long.
        return self._own if url.startswith(self._below) else origin_of(url)

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None = None,
    ) -> AbstractContextManager[httpx2.Response | DirectResponse]:
        """Return a context that sends one request and gives the response.

        The body of the response is read while the context is open; names of headers are to be
        looked up in lower case.

        Raises
        ------
        BrokenConnectionError
            The connection failed or was lost.
        UnreadableSourceError
            The server cannot be trusted, or does not speak HTTP.
        """
        origin = self._origin(url)
        direct = None if body is not None else self._direct.get(origin) or self._begun(origin)
        if direct is not None:
            return direct.exchange(method, url, headers)
        return self._by_httpx(origin, method, url, headers, body)

    def _begun(self, origin: _Origin) -> DirectConnections | None:
        """Return direct connections for a server that is known not to need others."""
        may_have_http2 = origin[0] == "https" and self._connection.has_http2
        return None if may_have_http2 or self._proxy(origin) else self._directly(origin)

    def _directly(self, origin: _Origin) -> DirectConnections:
        with self._lock:
            if origin not in self._direct:
                context = self._context(origin)
                self._direct[origin] = DirectConnections(self._connection, *origin[1:], context)
            return self._direct[origin]

    @contextmanager
    def _by_httpx(
        self,
        origin: _Origin,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None,
    ) -> Iterator[httpx2.Response]:
        proxy = self._proxy(origin)
        with self._connections(origin, proxy).exchange(method, url, headers, body) as response:
            if not proxy and response.http_version == "HTTP/1.1":
                self._directly(origin)
            yield response

    def _connections(self, origin: _Origin, proxy: str) -> HttpxConnections:
        from rendicom.client.httpx_connections import HttpxConnections

        with self._lock:
            key = (origin == self._own, origin[0], proxy)
            if key not in self._others:
                context = self._context(origin)
                self._others[key] = HttpxConnections(self._connection, context, proxy)
            return self._others[key]

    def _context(self, origin: _Origin) -> ssl.SSLContext | None:
        """Return the TLS context for a server; the client certificate is for the configured one."""
        if origin[0] != "https":
            return None
        return _ssl_context(self._connection, is_own=origin == self._own)

    def _proxy(self, origin: _Origin) -> str:
        """Return the proxy that the environment names for a server, empty for none."""
        scheme, host, port = origin
        found = self._proxies.get(scheme) or self._proxies.get("all") or ""
        if not found or proxy_bypass(f"{host}:{port}") or proxy_bypass(host):
            return ""
        return found if "://" in found else f"http://{found}"


def _ssl_context(connection: ConnectionSettings, *, is_own: bool) -> ssl.SSLContext:
    bundle = connection.ca_bundle
    if not bundle:
        import httpx2

        context = httpx2.create_ssl_context()
    elif not Path(bundle).exists():
        raise OptionError(f"there is no file of certificates at {bundle}")
    else:
        where = {"capath": bundle} if Path(bundle).is_dir() else {"cafile": bundle}
        try:
            context = ssl.create_default_context(**where)  # type: ignore[arg-type]
        except (ssl.SSLError, OSError):
            raise OptionError(f"{bundle} holds no certificates in PEM form") from None
    if is_own and connection.credentials.certificate is not None:
        certificate = connection.credentials.certificate
        try:
            # A password, even an empty one, keeps OpenSSL from asking on the terminal.
            context.load_cert_chain(
                certificate.certificate, certificate.key or None, lambda: certificate.password
            )
        except (ssl.SSLError, OSError):
            raise OptionError(
                "the client certificate and its key cannot be read",
                hint="PEM files; RENDICOM_CERT_PASSWORD holds the password of a key that has one",
            ) from None
    return context
