"""One connection, with limits on the size of request heads and on the pauses of a client.

The HTTP parser has no limits. `rendicom.server.crowd` limits the number of connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from rendicom.server.crowd import Crowd

_MOST_HEADERS = 200
_LARGEST_HEAD = 64 << 10
"""Bytes of a request line and its headers; the target alone may have a quarter."""
_LARGEST_TARGET = _LARGEST_HEAD // 4
HEAD_SECONDS = 10.0
"""Seconds in which the head of a request must arrive."""
_FAREWELL_SECONDS = 0.2
"""Seconds in which a refused client may read the response."""
_LAST_SECONDS = 0.5
"""Seconds to wait, while the server stops, for a request that a client may be sending."""
_CLOSE = b"Connection: close\r\nContent-Length: 0\r\n\r\n"
_TARGET_TOO_LONG = b"HTTP/1.1 414 URI Too Long\r\n" + _CLOSE
_CROWDED = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n" + _CLOSE
_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + _CLOSE


_KEPT_LINES = 256
_OWN_VALUES = frozenset({b"content-length", b"content-location", b"etag"})
"""Headers with another value for each picture."""
_OF_CONNECTION = frozenset({b"connection", b"content-length", b"transfer-encoding"})
CONNECTION = "rendicom.connection"
"""Key of a request's scope: its `Connection`."""


class Connection(HttpToolsProtocol):
    """An HTTP connection; ``patience`` is the longest pause of a client in seconds."""

    patience = 30.0
    crowd = Crowd()
    handshake: asyncio.Task[None] | None = None
    """A TLS handshake in progress; there is no transport before it ends."""
    on_gone: Callable[[], None] | None = None
    """Called if the client leaves during a request."""
    is_gone = False

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_bytes = 0
        self._is_in_head = True
        self._is_new_head = False
        self._refusal = b""
        self._unsent = 0
        self._is_last = False
        self._is_deaf = False
        self._has_request_ended = False
        self._is_request_whole = True
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request for a limited time."""
        super().connection_made(transport)
        if self.crowd.admit(self, self.client[0] if self.client else ""):
            self._await_head()
        else:
            self._refuse_connection()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers, and the work for the client."""
        self.is_gone = True
        self.crowd.leave(self)
        _stop(self._head_timer)
        _stop(self._stall_timer)
        super().connection_lost(exc)
        on_gone, self.on_gone = self.on_gone, None
        if on_gone is not None:
            on_gone()

    def data_received(self, data: bytes) -> None:
        """Parse data, unless it makes the head of a request too large."""
        if self._is_deaf:
            return
        self._has_request_ended = False
        super().data_received(data)
        # Most heads come whole, and need no timer.
        if self._is_in_head and self._is_new_head and not self.transport.is_closing():
            self._await_head()
        # If the data also end another request, their part of this head is unknown.
        if self._is_in_head and not self._has_request_ended and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > _LARGEST_HEAD:
                self._refusal = _HEAD_TOO_LARGE
                self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        """Refuse data that is not a request, or a request with too large a head."""
        if not self._refusal:
            super().send_400_response(msg)
            return
        self.transport.write(self._refusal)
        self.transport.close()

    def on_message_begin(self) -> None:
        """Start the timer for the head of each request."""
        super().on_message_begin()
        self._head_bytes = 0
        self._is_in_head = self._is_new_head = True
        self._is_request_whole = False

    def on_url(self, url: bytes) -> None:
        """Add a piece of the request target."""
        super().on_url(url)
        if len(self.url) > _LARGEST_TARGET:
            self._refuse_head(_TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header."""
        super().on_header(name, value)
        if len(self.headers) > _MOST_HEADERS or len(name) + len(value) > _LARGEST_HEAD:
            self._refuse_head(_HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Start the response."""
        self._is_in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        self.crowd.note_busy(self)
        scope: dict[str, Any] = cast("Any", self.scope)
        scope[CONNECTION] = self
        before = self.cycle
        super().on_headers_complete()
        if self._is_last:
            self.cycle.keep_alive = False
        if self.cycle is not before and not self.expect_100_continue:
            joined = _JoinedWrites(self.transport, self.on_response_complete, self._close)
            self.cycle.transport = cast("asyncio.Transport", joined)
            self.cycle.on_response = joined.end
            self.cycle.send = _Sender(self.cycle, self.transport).send  # type: ignore[method-assign]

    def on_message_complete(self) -> None:
        """Note the end of a request."""
        super().on_message_complete()
        self._has_request_ended = self._is_request_whole = True

    def on_response_complete(self) -> None:
        """Continue with the next request, and watch the client take the response."""
        super().on_response_complete()
        if self._is_deaf:
            self._unset_keepalive_if_required()
        if self.cycle.response_complete:
            self.crowd.note_idle(self)
        self._watch_stall()

    def shutdown(self) -> None:
        """Close after the request in progress, or one that may be arriving."""
        self._is_last = True
        if self._is_busy:
            super().shutdown()
        else:
            self.loop.call_later(_LAST_SECONDS, self._end_unless_asked)

    def make_room(self) -> None:
        """Close this idle connection at once to make room for others."""
        self.connections.discard(self)
        if self.handshake is not None:
            self.handshake.cancel()
        else:
            self.transport.abort()

    @property
    def _is_busy(self) -> bool:
        """Tell whether a request is in progress."""
        cycle: Any = self.cycle  # None before the first request, whatever its type says
        return cycle is not None and not cycle.response_complete

    def _end_unless_asked(self) -> None:
        is_in_head = self._is_in_head and self._head_bytes > 0
        if not (is_in_head or self._is_busy):
            self.transport.close()
            # TLS waits for the client to close as well; a client that does not is cut off.
            self.loop.call_later(_LAST_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        """Pause sending until the client has taken the data sent."""
        super().pause_writing()
        self._watch_stall()

    def _watch_stall(self) -> None:
        """Check for progress of the client until it has taken everything."""
        _stop(self._stall_timer)
        self._unsent = self.transport.get_write_buffer_size()
        if self._unsent:
            self._stall_timer = self.loop.call_later(self.patience, self._end_stall)

    def _end_stall(self) -> None:
        if self.transport.get_write_buffer_size() >= self._unsent:
            self.transport.abort()
        else:
            self._watch_stall()

    def _refuse_connection(self) -> None:
        """Refuse the connection with a response."""
        self.connections.discard(self)
        self.transport.write(_CROWDED)
        self._part(_FAREWELL_SECONDS)

    def _close(self) -> None:
        """Close after a response; one that came before its request had ended is waited for."""
        if self._is_request_whole:
            self.transport.close()
        else:
            self._part(self.patience)

    def _part(self, seconds: float) -> None:
        """Send no more, and ignore input until the client closes or the time is over.

        Many clients read no response before they have sent everything, and closing a connection
        with unread data makes the system discard the response (RFC 9112 9.6).
        """
        self._is_deaf = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        _stop(self._head_timer)
        self._head_timer = self.loop.call_later(seconds, self.transport.abort)

    def _await_head(self) -> None:
        self._is_new_head = False
        _stop(self._head_timer)
        seconds = min(self.patience, HEAD_SECONDS)
        self._head_timer = self.loop.call_later(seconds, self._end_wait)

    def _end_wait(self) -> None:
        if self._is_busy:
            self._await_head()  # nothing may be read before the response to the request before
        else:
            self.transport.abort()

    def _refuse_head(self, answer: bytes) -> None:
        # The parser raises an error, which the base class answers.
        self._refusal = answer
        raise ValueError("the headers of the request are too large")


class _JoinedWrites:
    """A transport for one response: its head is sent together with the first piece of its body."""

    __slots__ = ("_has_head", "_head", "_on_close", "_on_end", "_transport")

    def __init__(
        self,
        transport: asyncio.Transport,
        on_end: Callable[[], None],
        on_close: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._on_end, self._on_close = on_end, on_close
        self._head = b""
        self._has_head = False

    def write(self, data: bytes) -> None:
        if not self._has_head:
            self._head, self._has_head = data, True
        elif self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        else:
            self._transport.write(data)

    def close(self) -> None:
        self._send_head()
        self._on_close()

    def end(self) -> None:
        """Send a head without a body, and report the end of the response."""
        self._send_head()
        self._on_end()

    def _send_head(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""


class _Sender:
    """Sends a response whose body comes in one piece at once; leaves others to the base class.

    That takes a third of the time, mostly since headers are checked once, and not in each response.
    """

    __slots__ = ("_cycle", "_start", "_transport")

    def __init__(self, cycle: RequestResponseCycle, transport: asyncio.Transport) -> None:
        self._cycle, self._transport = cycle, transport
        self._start: Any = None

    async def send(self, message: Any) -> None:
        """Send a message of an application."""
        cycle, start = self._cycle, self._start
        # No reference cycle is left for the garbage collector.
        cycle.__dict__.pop("send", None)
        if start is None:
            if message["type"] == "http.response.start" and not cycle.response_started:
                cycle.response_started, self._start = True, message
            else:
                await RequestResponseCycle.send(cycle, message)
            return
        self._start = None
        head = b""
        if not (message.get("more_body", False) or cycle.flow.write_paused or cycle.disconnected):
            head = _head_of(cycle, start, len(message.get("body", b"")))
        if not head:
            cycle.response_started = False
            await RequestResponseCycle.send(cycle, start)
            await RequestResponseCycle.send(cycle, message)
            return
        self._transport.writelines((head, message["body"]))
        cycle.response_complete, cycle.waiting_for_100_continue = True, False
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()


def _head_of(cycle: RequestResponseCycle, start: Any, size: int) -> bytes:
    """Return the head of a response of so many bytes; empty for an unusual one."""
    if cycle.scope["method"] == "HEAD" or not size:
        return b""
    lines = [STATUS_LINE[start["status"]]]
    length = b""
    headers: Iterable[tuple[bytes, bytes]] = (*cycle.default_headers, *start["headers"])
    for name, value in headers:
        if name in _OWN_VALUES:
            if HEADER_VALUE_RE.search(value):
                raise RuntimeError("a header has an invalid value")
            if name == b"content-length":
                length = value
            lines.append(b"%b: %b\r\n" % (name, value))
        elif line := _line_of(name, value):
            lines.append(line)
        else:
            return b""
    if length != b"%d" % size:
        return b""
    if not cycle.keep_alive:
        lines.append(b"connection: close\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)


@lru_cache(_KEPT_LINES)
def _line_of(name: bytes, value: bytes) -> bytes:
    """Return a header as it is sent; empty if it is invalid or about the connection."""
    name = name.lower()
    is_valid = not (HEADER_RE.search(name) or HEADER_VALUE_RE.search(value))
    return name + b": " + value + b"\r\n" if is_valid and name not in _OF_CONNECTION else b""


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def connection_class(patience: float, crowd: Crowd | None = None) -> type[Connection]:
    """Return a class of connections with that patience in seconds."""
    attributes = {"patience": patience, "crowd": crowd or Crowd()}
    return cast("type[Connection]", type("Connection", (Connection,), attributes))
