"""HTTP connections to a server: pools, proxies, TLS and time limits.

`httpx2.HTTPTransport` does the work. Added here: the client certificate is sent to the configured
server only, reads are larger than 64 KiB (which takes a third less time), and slow responses are
abandoned. `httpx2.Client` is not used: it logs URLs, whose queries may name patients, keeps
cookies, and reads the bodies of redirects without a limit.
"""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from rendicom.client.connection_settings import host_of, origin_of
from rendicom.errors import OptionError, UnreadableSourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rendicom.client.connection_settings import ConnectionSettings, ResponseLimits

_READ = 1 << 20
_MOST_CONNECTIONS = 128
_KEPT_SECONDS = 30.0


class BrokenConnectionError(UnreadableSourceError):
    """The connection failed or was lost: another attempt may succeed."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as the public error class."""
        return UnreadableSourceError(*self.args, hint=self.hint).__reduce__()


class Transport:
    """The connections to one server, and to others that it redirects to; threads may share it."""

    def __init__(self, connection: ConnectionSettings) -> None:
        self._connection = connection
        self._origin = origin_of(connection.base)
        retry_policy = connection.retry_policy
        self._timeout = httpx2.Timeout(
            retry_policy.read,
            connect=retry_policy.connect,
            pool=retry_policy.read * retry_policy.attempts,
        )
        # Read once: searching the environment takes as long as a request.
        self._proxies = getproxies()
        self._pools: dict[tuple[bool, str, str], _PooledTransport] = {}
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
    ) -> Iterator[httpx2.Response]:
        """Send one request and yield the response; its body is read while the block runs.

        Raises
        ------
        BrokenConnectionError
            The connection failed or was lost.
        UnreadableSourceError
            The server cannot be trusted, or does not speak HTTP.
        """
        with _translated(url):
            request = httpx2.Request(
                method, url, headers=headers, content=body,
                extensions={"timeout": self._timeout.as_dict()},
            )  # fmt: skip
            response = self._pool(request.url).handle_request(request)
            try:
                yield response
            finally:
                response.close()

    def _pool(self, url: httpx2.URL) -> _PooledTransport:
        """Return the pool for a URL; only that of the configured server has the certificate."""
        is_own = origin_of(str(url)) == self._origin
        proxy = self._proxy(url)
        with self._lock:
            key = (is_own, url.scheme, proxy)
            if key not in self._pools:
                context = None
                if url.scheme == "https":
                    context = _ssl_context(self._connection, is_own=is_own)
                self._pools[key] = _PooledTransport(self._connection, context, proxy)
            return self._pools[key]

    def _proxy(self, url: httpx2.URL) -> str:
        """Return the proxy that the environment names for a URL, empty for none."""
        found = self._proxies.get(url.scheme) or self._proxies.get("all") or ""
        place = f"{url.host}:{url.port}" if url.port else url.host
        if not found or proxy_bypass(place) or proxy_bypass(url.host):
            return ""
        return found if "://" in found else f"http://{found}"


class _PooledTransport(httpx2.HTTPTransport):
    """The transport of httpx2 over given sockets, for which it has no parameter."""

    def __init__(
        self, connection: ConnectionSettings, context: ssl.SSLContext | None, proxy: str
    ) -> None:
        named = httpx2.Proxy(proxy) if proxy else None
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            proxy=httpcore2.Proxy(str(named.url), auth=named.raw_auth) if named else None,
            max_connections=_MOST_CONNECTIONS,
            keepalive_expiry=_KEPT_SECONDS,
            http2=connection.has_http2 and context is not None,
            network_backend=_LimitedBackend(connection.limits),
        )


class _LimitedBackend(httpcore2.SyncBackend):
    def __init__(self, limits: ResponseLimits) -> None:
        super().__init__()
        self._limits = limits

    def connect_tcp(self, *args: Any, **more: Any) -> httpcore2.NetworkStream:
        return _LimitedStream(super().connect_tcp(*args, **more), self._limits)


class _LimitedStream(httpcore2.NetworkStream):
    """A connection with large reads and a minimum transfer rate."""

    def __init__(self, stream: httpcore2.NetworkStream, limits: ResponseLimits) -> None:
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
        # The server's time starts when the request has been sent.
        self._since, self._count = monotonic(), 0

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *args: Any, **more: Any) -> httpcore2.NetworkStream:
        return _LimitedStream(self._stream.start_tls(*args, **more), self._limits)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """Turn errors of httpx2 into errors that contain only the host."""
    host = host_of(url)
    try:
        yield
    except httpx2.ConnectTimeout:
        raise BrokenConnectionError(f"{host} does not answer") from None
    except httpx2.TimeoutException:
        raise BrokenConnectionError(f"{host} sends nothing, or too slowly") from None
    except httpx2.ProxyError:
        raise BrokenConnectionError(f"the proxy refuses the connection to {host}") from None
    except httpx2.ConnectError as error:
        raise _no_connection(host, error) from None
    except httpx2.NetworkError:
        raise BrokenConnectionError(f"the connection to {host} was lost") from None
    except httpx2.RemoteProtocolError as error:
        raise _no_http(host, error) from None
    except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL):
        raise UnreadableSourceError(f"an invalid request cannot be sent to {host}") from None


def _no_connection(host: str, error: Exception) -> UnreadableSourceError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UnreadableSourceError(
                f"the certificate of {host} is not trusted: {cause.verify_message}",
                hint="--ca-bundle FILE names certificates to trust",
            )
        if isinstance(cause, ssl.SSLError):
            return UnreadableSourceError(
                f"{host} fails the TLS handshake: {cause.reason or 'error'}"
            )
        cause = cause.__cause__ or cause.__context__
    reason = str(error).partition("] ")[2] or "no connection"
    return BrokenConnectionError(f"{host} cannot be reached: {reason}")


def _no_http(host: str, error: Exception) -> BrokenConnectionError:
    # The next response may be complete.
    if "without sending complete" in str(error) or "disconnected" in str(error):
        return BrokenConnectionError(f"{host} ended the connection before the answer was complete")
    return BrokenConnectionError(f"{host} does not answer in valid HTTP")


def _ssl_context(connection: ConnectionSettings, *, is_own: bool) -> ssl.SSLContext:
    bundle = connection.ca_bundle
    if not bundle:
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
