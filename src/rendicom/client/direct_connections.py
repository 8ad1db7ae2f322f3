"""HTTP/1.1 without a proxy: requests take a tenth of the time of httpx2's.

llhttp, the parser of Node.js, reads the responses (httptools); a body of known length does not pass
through it, but is read into the bytes that are returned.
"""

from __future__ import annotations

import select
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from io import BufferedReader, RawIOBase
from string import punctuation
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from rendicom.client import connection_errors as errors

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from rendicom.client.connection_settings import ConnectionSettings, ResponseLimits
    from rendicom.errors import UnreadableSourceError

KEPT_SECONDS = 30.0
"""Time for which an unused connection stays open."""
_BUFFER = 16 << 10
_PIECE = 4 << 20
_MOST_AT_ONCE = 256 << 10
"""Memory to receive parts of unknown size in; most of it is returned to the system."""
_MOST_AROUND = 256 << 10
"""Largest size of the headers, with what is buffered."""
_MOST_PER_BYTE = 8
"""Bytes on the wire per byte of a body in chunks: one of a byte has six."""
_FAILURES = (OSError, EOFError, ValueError, HttpParserError, HttpParserUpgrade)


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
        self._idle: list[tuple[float, _OpenConnection]] = []
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
        target = quote(parts.path or "/", safe=punctuation)
        if parts.query:
            target += "?" + quote(parts.query, safe=punctuation)
        connection = self._kept() or self._opened(host)
        response: DirectResponse | None = None
        try:
            try:
                connection.send(_request(method, target, host, headers))
                response = DirectResponse(connection, host)
            except _FAILURES as error:
                raise _error_of(error, host) from None
            yield response
        finally:
            is_reusable = response is not None and response.is_reusable
            with self._lock:
                is_reusable = is_reusable and not self._is_closed
                if is_reusable:
                    self._idle.append((monotonic(), connection))
            if not is_reusable:
                connection.close()

    def _kept(self) -> _OpenConnection | None:
        """Return the connection used last that the server has not closed."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                since, connection = self._idle.pop()
            if monotonic() - since < KEPT_SECONDS and not connection.is_readable():
                return connection
            connection.close()

    def _opened(self, host: str) -> _OpenConnection:
        retry_policy = self._settings.retry_policy
        name = self._address[0]
        try:
            opened = socket.create_connection(self._address, retry_policy.connect)
            try:
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._context is not None:
                    opened = self._context.wrap_socket(opened, server_hostname=name)
                opened.settimeout(retry_policy.read)
            except BaseException:
                opened.close()
                raise
        except TimeoutError:
            raise errors.BrokenConnectionError(f"{host} does not answer") from None
        except (OSError, ValueError) as error:
            raise errors.no_connection(host, error) from None
        return _OpenConnection(opened, self._settings.limits)


def _request(method: str, target: str, host: str, headers: Mapping[str, str]) -> bytes:
    """Return a request without a body (RFC 9112 3 and 5)."""
    name = host if host.isascii() else host.encode("idna").decode("ascii")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {name}"]
    lines += [f"{key}: {value}" for key, value in headers.items()]
    if not all(line.isprintable() for line in lines):
        # A line break would inject another header.
        raise ValueError("invalid request")
    return "\r\n".join((*lines, "", "")).encode("latin-1")


class _OpenConnection:
    """An open connection; ``stream`` is what `_LimitedReader` reads, with a buffer."""

    def __init__(self, opened: socket.socket, limits: ResponseLimits) -> None:
        self._socket = opened
        self.reader = _LimitedReader(opened, limits)
        self.stream = BufferedReader(self.reader, _BUFFER)

    def send(self, request: bytes) -> None:
        self._socket.sendall(request)
        self.reader.begin()

    def close(self) -> None:
        self._socket.close()

    def is_readable(self) -> bool:
        """Tell whether an unused connection has something to read: most often its end."""
        with suppress(OSError, ValueError):
            if not hasattr(select, "poll"):
                return bool(select.select([self._socket], [], [], 0)[0])
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            return bool(poll.poll(0))
        return True


class _LimitedReader(RawIOBase):
    """The bytes that a server sends, with a minimum transfer rate.

    Attributes
    ----------
    most
        Bytes that may still be read: it limits headers, trailers and preliminary responses.
    received
        Bytes of this response so far, with what follows it.
    """

    def __init__(self, opened: socket.socket, limits: ResponseLimits) -> None:
        self._socket, self._limits = opened, limits
        self.begin()

    def begin(self) -> None:
        """Begin with a response: the server's time starts when the request has been sent."""
        self.most, self.received = _MOST_AROUND, 0
        self._since, self._count = monotonic(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._socket.recv_into(buffer)
        self.most -= count
        self.received += count
        if self.most < 0:
            raise HttpParserError("too long")
        self._count += count
        passed = monotonic() - self._since
        if passed > self._limits.pause:
            if self._count < self._limits.slowest * passed:
                raise TimeoutError
            self._since, self._count = monotonic(), 0
        return count


class DirectResponse:
    """A response whose body has not been read yet; names of headers are in lower case.

    Attributes
    ----------
    is_reusable
        The response was read, and its connection may be used again.
    """

    def __init__(self, connection: _OpenConnection, host: str) -> None:
        self.status_code = 0
        self.headers: dict[str, str] = {}
        self.is_reusable = False
        self._reader, self._stream, self._host = connection.reader, connection.stream, host
        self._pieces: list[bytes] = []
        self._has_head = self._is_complete = self._is_kept = False
        self._taken = 0
        self._parser = parser = HttpResponseParser(self)
        # Nobody shares this connection, so that no other request can be smuggled in.
        parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_chunked_length=True, lenient_data_after_close=True,
            lenient_optional_cr_before_lf=True,
        )  # fmt: skip
        while not self._has_head:
            buffered = self._stream.peek()
            # With the headers alone, the body can be read at once.
            end = buffered.find(b"\r\n\r\n") + 4
            self._feed(self._stream.read(end if end > 3 else len(buffered)))
        self._end()

    def _feed(self, data: bytes) -> None:
        self._count(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            if not self._is_complete:
                raise
            self._is_kept = False

    def _count(self, data: bytes) -> None:
        if not data:
            raise EOFError
        self._taken += len(data)

    def _end(self) -> None:
        """Keep the connection if nothing follows the response."""
        is_all = self._is_complete and self._taken == self._reader.received
        self.is_reusable = is_all and self._is_kept

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header; called by the parser, as the following methods."""
        if self._has_head:
            return  # a trailer
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        kept = self.headers.get(key)
        self.headers[key] = text if kept is None else f"{kept}, {text}"

    def on_headers_complete(self) -> None:
        """Begin with the body; another response follows a preliminary one (RFC 9110 15.2)."""
        if self._has_head:
            self._is_kept = False  # a response that was not requested
            return
        self.status_code = self._parser.get_status_code()
        if 100 <= self.status_code < 200 and self.status_code != 101:
            self.headers.clear()
            return
        # Known before the end of the message only.
        self._is_kept = self._parser.should_keep_alive()
        self._has_head = True

    def on_body(self, data: bytes) -> None:
        """Note a part of the body."""
        if not self._is_complete:
            self._pieces.append(data)

    def on_message_complete(self) -> None:
        """Note the end of the response."""
        self._is_complete = self._is_complete or self._has_head

    def iter_raw(self) -> Iterator[bytes]:
        """Yield the body as it was sent.

        Raises
        ------
        BrokenConnectionError
            It is truncated.
        """
        try:
            if "chunked" in self.headers.get("transfer-encoding", "").lower():
                yield from self._chunks()
            elif not self._is_complete:
                yield from self._rest()
        except _FAILURES as error:
            raise _error_of(error, self._host) from None
        self._end()

    def _chunks(self) -> Iterator[bytes]:
        while True:
            pieces, self._pieces = self._pieces, []
            self._reader.most += sum(map(len, pieces)) * _MOST_PER_BYTE
            yield from pieces
            if self._is_complete:
                return
            self._feed(self._stream.read1(_MOST_AT_ONCE))

    def _rest(self) -> Iterator[bytes]:
        """Yield a body that has a length or ends with the connection."""
        length = self.headers.get("content-length")
        left = sys.maxsize if length is None else int(length)
        self._reader.most = sys.maxsize
        yield from self._pieces
        left -= sum(map(len, self._pieces))
        with suppress(EOFError) if length is None else nullcontext():
            while left:
                piece = self._stream.read(min(left, _PIECE))
                self._count(piece)
                left -= len(piece)
                yield piece
        self._is_complete = True


def _error_of(error: Exception, host: str) -> UnreadableSourceError:
    """Return the error that contains only the host."""
    match error:
        case TimeoutError():
            return errors.no_answer(host)
        case OSError():
            return errors.connection_lost(host)
        case EOFError():
            return errors.not_complete(host)
        case ValueError():
            return errors.invalid_request(host)
    return errors.no_http(host)
