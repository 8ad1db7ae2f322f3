"""One connection, with an end to the patience that a client can ask of it.

What the parser collects of headers has no limit of its own, and nothing but a timer notices a
client that stops in the middle of its headers or of taking an answer.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["connection_class"]

_MOST_HEADERS = 200
_LARGEST_HEAD = 64 << 10
"""Bytes of a request line and its headers; the target alone may have a quarter."""
_LARGEST_TARGET = _LARGEST_HEAD // 4
_CLOSE = b"Connection: close\r\nContent-Length: 0\r\n\r\n"
_TARGET_TOO_LONG = b"HTTP/1.1 414 URI Too Long\r\n" + _CLOSE
_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + _CLOSE


class Connection(HttpToolsProtocol):
    """Speaks HTTP; ``patience`` is in seconds."""

    patience = 30.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_bytes = 0
        self._is_in_head = True
        self._refusal = b""
        self._unsent = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request, but not for ever."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        _stop(self._head_timer)
        _stop(self._stall_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came, unless it makes the head of a request too large."""
        super().data_received(data)
        if self._is_in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > _LARGEST_HEAD:
                self._refusal = _HEAD_TOO_LARGE
                self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        """Answer to what is no request, or one with too large a head."""
        if not self._refusal:
            super().send_400_response(msg)
            return
        self.transport.write(self._refusal)
        self.transport.close()

    def on_message_begin(self) -> None:
        """Give the head of a request its time: also of a second one on this connection."""
        super().on_message_begin()
        self._head_bytes = 0
        self._is_in_head = True
        self._await_head()

    def on_url(self, url: bytes) -> None:
        """Take in a piece of the target."""
        super().on_url(url)
        if len(self.url) > _LARGEST_TARGET:
            self._refuse_head(_TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header."""
        super().on_header(name, value)
        if len(self.headers) > _MOST_HEADERS or sum(map(len, (name, value))) > _LARGEST_HEAD:
            self._refuse_head(_HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._is_in_head = False
        _stop(self._head_timer)
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request, and see the answer taken."""
        super().on_response_complete()
        self._watch_stall()

    def pause_writing(self) -> None:
        """Hold back until the client has taken what was sent."""
        super().pause_writing()
        self._watch_stall()

    def _watch_stall(self) -> None:
        """Look whether the client takes anything, until it has everything."""
        _stop(self._stall_timer)
        self._unsent = self.transport.get_write_buffer_size()
        if self._unsent:
            self._stall_timer = self.loop.call_later(self.patience, self._end_stall)

    def _end_stall(self) -> None:
        if self.transport.get_write_buffer_size() >= self._unsent:
            self.transport.abort()
        else:
            self._watch_stall()

    def _await_head(self) -> None:
        _stop(self._head_timer)
        self._head_timer = self.loop.call_later(self.patience, self.transport.abort)

    def _refuse_head(self, answer: bytes) -> None:
        # The parser turns it into an error of its own, which the base class answers.
        self._refusal = answer
        raise ValueError("the head of the request is too large")


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def connection_class(patience: float) -> type[Connection]:
    """Return the class of connections that wait so many seconds for a client."""
    return cast("type[Connection]", type("Connection", (Connection,), {"patience": patience}))
