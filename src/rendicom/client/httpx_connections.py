"""HTTP/2, proxies and uploads: the transport of httpx2.

Added here: reads are larger than 64 KiB (which takes a third less time), and slow responses are
abandoned. `httpx2.Client` is not used: it logs URLs, whose queries may name patients, keeps
cookies, and reads the bodies of redirects without a limit.
"""

from __future__ import annotations

from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

import httpcore2
import httpx2

from rendicom.client import connection_errors as errors
from rendicom.client.connection_settings import host_of
from rendicom.client.direct_connections import KEPT_SECONDS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator, Mapping

    from rendicom.client.connection_settings import ConnectionSettings, ResponseLimits

_READ = 1 << 20
_MOST_CONNECTIONS = 128


class HttpxConnections:
    """The connections with one TLS context and proxy; threads may share it."""

    def __init__(
        self, connection: ConnectionSettings, context: ssl.SSLContext | None, proxy: str
    ) -> None:
        self._transport = _PooledTransport(connection, context, proxy)
        retry_policy = connection.retry_policy
        self._timeout = httpx2.Timeout(
            retry_policy.read,
            connect=retry_policy.connect,
            pool=retry_policy.read * retry_policy.attempts,
        )

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    @contextmanager
    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None = None,
    ) -> Iterator[httpx2.Response]:
        """Send a request and yield the response; see `Transport.exchange`."""
        with _translated(url):
            request = httpx2.Request(
                method, url, headers=headers, content=body,
                extensions={"timeout": self._timeout.as_dict()},
            )  # fmt: skip
            response = self._transport.handle_request(request)
            try:
                yield response
            finally:
                response.close()


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
            keepalive_expiry=KEPT_SECONDS,
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
        raise errors.BrokenConnectionError(f"{host} does not answer") from None
    except httpx2.TimeoutException:
        raise errors.no_answer(host) from None
    except httpx2.ProxyError:
        raise errors.BrokenConnectionError(f"the proxy refuses the connection to {host}") from None
    except httpx2.ConnectError as error:
        raise errors.no_connection(host, error) from None
    except httpx2.NetworkError:
        raise errors.connection_lost(host) from None
    except httpx2.RemoteProtocolError as error:
        if "without sending complete" in str(error) or "disconnected" in str(error):
            raise errors.not_complete(host) from None
        raise errors.no_http(host) from None
    except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL):
        raise errors.invalid_request(host) from None
