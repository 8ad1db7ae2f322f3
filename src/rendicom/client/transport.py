"""Bytes to a server and back: pools of connections, proxies, certificates.

The pools are those of httpx2. What is added: large reads, which cost a third of the time, and an
end to answers that drip.
"""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import httpcore2

from rendicom.client.connection import host_of, origin_of
from rendicom.errors import OptionError, UnreadableSourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rendicom.client.connection import Connection, Limits

__all__ = ["BrokenConnectionError", "Transport"]

_READ = 1 << 20
_MOST_CONNECTIONS = 128
_KEPT_SECONDS = 30.0


class BrokenConnectionError(UnreadableSourceError):
    """The connection could not be made or was lost: another attempt may do better."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as what it is to everybody else."""
        return UnreadableSourceError(*self.args, hint=self.hint).__reduce__()


class Transport:
    """The connections to one server, and to others that it redirects to; threads may share it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._origin = origin_of(connection.base)
        self._pools: dict[tuple[bool, str], httpcore2.ConnectionPool] = {}
        self._proxies: dict[tuple[str, str, int], str] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    @contextmanager
    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None = None,
    ) -> Iterator[httpcore2.Response]:
        """Send a request and yield the response; its body is read as it is taken.

        Raises
        ------
        BrokenConnectionError
            There is no connection, or it was lost.
        UnreadableSourceError
            What answers cannot be trusted, or does not speak HTTP.
        """
        patience = self._connection.patience
        timeouts = {
            "connect": patience.connect, "read": patience.read, "write": patience.read,
            "pool": patience.read * patience.attempts,
        }  # fmt: skip
        with _translated(url):
            request: dict[str, Any] = {
                "headers": {"Host": host_of(url), **headers},
                "content": body,
                "extensions": {"timeout": timeouts},
            }
            with self._pool(url).stream(method, url, **request) as response:
                yield response

    def _pool(self, url: str) -> httpcore2.ConnectionPool:
        """Return the pool for a URL: the certificate is for the server that was named."""
        is_own = (origin := origin_of(url)) == self._origin
        with self._lock:
            if origin not in self._proxies:
                # To look through the environment takes as long as a request.
                self._proxies[origin] = _proxy_for(url)
            proxy = self._proxies[origin]
            pool = self._pools.get((is_own, proxy))
            if pool is None:
                pool = self._pools[is_own, proxy] = self._opened(url, proxy, is_own=is_own)
        return pool

    def _opened(self, url: str, proxy: str, *, is_own: bool) -> httpcore2.ConnectionPool:
        connection = self._connection
        is_secure = url.startswith("https:")
        return httpcore2.ConnectionPool(
            ssl_context=_ssl_context(connection, is_own=is_own) if is_secure else None,
            proxy=_proxy(proxy) if proxy else None,
            max_connections=_MOST_CONNECTIONS,
            keepalive_expiry=_KEPT_SECONDS,
            http2=connection.has_http2 and is_secure,
            network_backend=_Backend(connection.limits),
        )


class _Backend(httpcore2.SyncBackend):
    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits

    def connect_tcp(self, *args: Any, **more: Any) -> httpcore2.NetworkStream:
        return _Stream(super().connect_tcp(*args, **more), self._limits)


class _Stream(httpcore2.NetworkStream):
    """A connection that reads much at once, and gives up what comes too slowly."""

    def __init__(self, stream: httpcore2.NetworkStream, limits: Limits) -> None:
        self._stream, self._limits = stream, limits
        self._since, self._count = monotonic(), 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        data = self._stream.read(_READ, timeout)
        self._count += len(data)
        passed = monotonic() - self._since
        if passed > self._limits.pause:
            if self._count < self._limits.slowest * passed:
                raise httpcore2.ReadTimeout("too slow")
            self._since, self._count = monotonic(), 0
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)
        # The server gets its time from here.
        self._since, self._count = monotonic(), 0

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *args: Any, **more: Any) -> httpcore2.NetworkStream:
        return _Stream(self._stream.start_tls(*args, **more), self._limits)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """Turn what goes wrong below into errors that name the host and nothing else."""
    host = host_of(url)
    try:
        yield
    except httpcore2.ConnectTimeout:
        raise BrokenConnectionError(f"{host} does not answer") from None
    except httpcore2.TimeoutException:
        raise BrokenConnectionError(f"{host} sends nothing, or too slowly") from None
    except httpcore2.ProxyError:
        raise BrokenConnectionError(f"the proxy does not let us to {host}") from None
    except httpcore2.ConnectError as error:
        raise _no_connection(host, error) from None
    except httpcore2.NetworkError:
        raise BrokenConnectionError(f"the connection to {host} was lost") from None
    except httpcore2.RemoteProtocolError as error:
        raise _no_http(host, error) from None
    except (httpcore2.UnsupportedProtocol, httpcore2.LocalProtocolError):
        raise UnreadableSourceError(f"no such request can be sent to {host}") from None


def _no_connection(host: str, error: Exception) -> UnreadableSourceError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UnreadableSourceError(
                f"the certificate of {host} is not to be trusted: {cause.verify_message}",
                hint="--ca-bundle FILE believes those of your own",
            )
        if isinstance(cause, ssl.SSLError):
            return UnreadableSourceError(f"{host} does not agree on TLS: {cause.reason or 'error'}")
        cause = cause.__cause__ or cause.__context__
    reason = str(error).partition("] ")[2] or "no connection"
    return BrokenConnectionError(f"{host} cannot be reached: {reason}")


def _no_http(host: str, error: Exception) -> BrokenConnectionError:
    # Whether a body is cut short or makes no sense, the next one may be whole.
    if "without sending complete" in str(error) or "disconnected" in str(error):
        return BrokenConnectionError(f"{host} ended the connection before the answer was complete")
    return BrokenConnectionError(f"{host} does not answer as HTTP asks")


def _ssl_context(connection: Connection, *, is_own: bool) -> ssl.SSLContext:
    bundle = connection.ca_bundle
    if not bundle:
        context = httpcore2.default_ssl_context()
    elif not Path(bundle).exists():
        raise OptionError(f"there is no file of certificates at {bundle}")
    else:
        where = {"capath": bundle} if Path(bundle).is_dir() else {"cafile": bundle}
        try:
            context = ssl.create_default_context(**where)  # type: ignore[arg-type]
        except (ssl.SSLError, OSError):
            raise OptionError(f"{bundle} is no file of certificates in PEM form") from None
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


def _proxy_for(url: str) -> str:
    """Return the proxy that the environment names for a URL, empty for none."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not found or proxy_bypass(host_of(url)) or proxy_bypass(parts.hostname or ""):
        return ""
    return found if "://" in found else f"http://{found}"


def _proxy(address: str) -> httpcore2.Proxy:
    parts = urlsplit(address)
    user = None
    if parts.username:
        user = (unquote(parts.username), unquote(parts.password or ""))
    place = parts.netloc.rpartition("@")[2]
    return httpcore2.Proxy(f"{parts.scheme}://{place}", auth=user)
