"""HTTP/1.1 without a proxy, by `http.client`: its requests take a quarter of the time of httpx2's.

Most of the difference is copies of the body: here it is read into the bytes that are returned.
"""

from __future__ import annotations

import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
    InvalidURL,
    RemoteDisconnected,
)
from io import BufferedReader, RawIOBase
from string import punctuation
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from rendicom.client import connection_errors as errors

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from rendicom.client.connection_settings import ConnectionSettings, ResponseLimits
    from rendicom.errors import UnreadableSourceError

KEPT_SECONDS = 30.0
"""Time for which an unused connection stays open."""
_BUFFER = 64 << 10
_PIECE = 4 << 20
_MOST_AROUND = 512 << 10
"""Largest size of the headers, with what is buffered."""
_MOST_PER_BYTE = 8
"""Bytes on the wire per byte of a body in chunks: one of a byte has six."""
_FAILURES = (OSError, HTTPException, ValueError)


class DirectConnections:
    """The connections to one server, kept open for later requests; threads may share it."""

    def __init__(
        self,
        connection: ConnectionSettings,
        host: str,
        port: int,
        context: ssl.SSLContext | None,
    ) -> None:
        self._settings = connection
        self._address, self._context = (host, port), context
        self._idle: list[tuple[float, HTTPConnection]] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def close(self) -> None:
        """Close all connections; those in use are closed after the response."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for _since, connection in idle:
            connection.close()

    @contextmanager
    def exchange(
        self, method: str, url: str, headers: Mapping[str, str]
    ) -> Iterator[DirectResponse]:
        """Send a request without a body and yield the response; see `Transport.exchange`."""
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = self._kept() or self._opened(host)
        is_reusable = False
        try:
            try:
                connection.request(method, quote(target, safe=punctuation), headers=headers)
                response = connection.getresponse()
                while 101 < response.status < 200:
                    # Another response follows (RFC 9110 15.2), not only after 100.
                    response.headers = None  # type: ignore[assignment]
                    response.begin()
            except _FAILURES as error:
                raise _error_of(error, host) from None
            try:
                yield DirectResponse(response, host)
            finally:
                is_whole = response.isclosed() or response.length == 0
                is_reusable = is_whole and not response.will_close
                response.close()
        finally:
            with self._lock:
                is_reusable = is_reusable and not self._is_closed
                if is_reusable:
                    self._idle.append((monotonic(), connection))
            if not is_reusable:
                connection.close()

    def _kept(self) -> HTTPConnection | None:
        """Return the connection used last that the server has not closed."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                since, connection = self._idle.pop()
            if monotonic() - since < KEPT_SECONDS and not _is_readable(connection):
                return connection
            connection.close()

    def _opened(self, host: str) -> HTTPConnection:
        retry_policy = self._settings.retry_policy
        name, port = self._address
        made = (
            HTTPConnection(name, port, timeout=retry_policy.connect)
            if self._context is None
            else HTTPSConnection(name, port, timeout=retry_policy.connect, context=self._context)
        )
        made.response_class = partial(_LimitedResponse, limits=self._settings.limits)  # type: ignore[assignment]
        try:
            made.connect()
        except TimeoutError:
            raise errors.BrokenConnectionError(f"{host} does not answer") from None
        except (OSError, UnicodeError) as error:
            raise errors.no_connection(host, error) from None
        made.sock.settimeout(retry_policy.read)
        return made


class DirectResponse:
    """A response whose body has not been read yet; names of headers are in lower case."""

    def __init__(self, response: HTTPResponse, host: str) -> None:
        self.status_code = response.status
        self.headers: dict[str, str] = {}
        for name, value in response.headers.items():
            kept = self.headers.get(name := name.lower())
            self.headers[name] = value if kept is None else f"{kept}, {value}"
        self._response, self._host = response, host

    def iter_raw(self) -> Iterator[bytes]:
        """Yield the body as it was sent.

        Raises
        ------
        BrokenConnectionError
            It is truncated.
        """
        response = self._response
        try:
            if response.chunked:
                yield from self._chunks(response)
                return
            if response.fp is not None:
                response.fp.raw.most = sys.maxsize  # type: ignore[attr-defined]
            while piece := response.read(_PIECE):
                yield piece
            if response.length:
                raise IncompleteRead(b"", response.length)
        except _FAILURES as error:
            raise _error_of(error, self._host) from None

    def _chunks(self, response: HTTPResponse) -> Iterator[bytes]:
        # `read` would return everything if the size of a chunk is negative.
        while piece := response.read1(_PIECE):
            yield piece
            response.fp.raw.most += len(piece) * _MOST_PER_BYTE  # type: ignore[attr-defined]


class _LimitedResponse(HTTPResponse):
    """A response whose headers are limited, and that is abandoned if it is slow."""

    def __init__(self, *arguments: Any, limits: ResponseLimits, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.fp = BufferedReader(_LimitedReader(self.fp.detach(), limits), _BUFFER)


class _LimitedReader(RawIOBase):
    """The bytes that a server sends, with a minimum transfer rate.

    Attributes
    ----------
    most
        Bytes that may still be read: `http.client` limits neither the trailers of a body nor the
        number of preliminary responses.
    """

    def __init__(self, raw: RawIOBase, limits: ResponseLimits) -> None:
        self.most = _MOST_AROUND
        self._raw, self._limits = raw, limits
        # The server's time starts when the request has been sent.
        self._since, self._count = monotonic(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self._raw.readinto(buffer) or 0
        self.most -= count
        if self.most < 0:
            raise HTTPException("too long")
        self._count += count
        passed = monotonic() - self._since
        if passed > self._limits.pause:
            if self._count < self._limits.slowest * passed:
                raise TimeoutError
            self._since, self._count = monotonic(), 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _error_of(error: Exception, host: str) -> UnreadableSourceError:
    """Return the error for one of http.client; it contains only the host."""
    match error:
        case InvalidURL() | ValueError():
            return errors.invalid_request(host)
        case TimeoutError():
            return errors.no_answer(host)
        case RemoteDisconnected() | IncompleteRead():
            return errors.not_complete(host)
        case OSError():
            return errors.connection_lost(host)
    return errors.no_http(host)


def _is_readable(connection: HTTPConnection) -> bool:
    """Tell whether an unused connection has something to read: most often its end."""
    with suppress(OSError, ValueError):
        if not hasattr(select, "poll"):
            return bool(select.select([connection.sock], [], [], 0)[0])
        poll = select.poll()
        poll.register(connection.sock, select.POLLIN)
        return bool(poll.poll(0))
    return True
