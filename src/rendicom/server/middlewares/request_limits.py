"""Limits on the size of request bodies, and on pauses while they arrive."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from rendicom.errors import BadRequestError, RendicomError, TooLargeError, UnsupportedMediaTypeError
from rendicom.server.responses import refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_GZIP = 16 + zlib.MAX_WBITS
_PIECE = 1 << 20
_CLOSE = (b"connection", b"close")
"""The rest of the body is not read."""


class RequestLimits:
    """Refuses bodies of more than ``max_bytes``, and those that pause for ``seconds``."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle a request."""
        if scope["type"] != "http" or scope["method"] in _BODILESS:
            return self._app(scope, receive, send)
        return self._limited(scope, receive, send)

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _announced(scope) > self._max_bytes:
            await refuse(scope, send, self._too_large(), headers={"Connection": "close"})
            return
        taken = _Taken(receive, send)

        async def take() -> Message:
            return await self._take(taken)

        try:
            unpacked = _unpacked(scope, take, self._max_bytes)
            await self._app(scope, unpacked, taken.send)
        except RendicomError as error:
            # Answered here and not by the door, so that the connection is closed.
            if taken.has_answer:
                raise
            await refuse(scope, taken.send, error)

    async def _take(self, taken: _Taken) -> Message:
        try:
            async with asyncio.timeout(None if taken.is_whole else self._seconds):
                message = await taken.receive()
        except TimeoutError:
            raise BadRequestError("the body is incomplete") from None
        if message["type"] == "http.request":
            taken.size += len(message.get("body", b""))
            taken.is_whole = not message.get("more_body", False)
        if taken.size > self._max_bytes:
            raise self._too_large()
        return message

    def _too_large(self) -> TooLargeError:
        return TooLargeError(f"the body is larger than {self._max_bytes} bytes")


def _unpacked(scope: Scope, receive: Receive, most: int) -> Receive:
    """Return a receiver of the decompressed body (RFC 9110 8.4)."""
    coding = b",".join(value for name, value in scope["headers"] if name == b"content-encoding")
    if coding.strip().lower() in (b"", b"identity"):
        return receive
    if coding.strip().lower() not in (b"gzip", b"x-gzip"):
        raise UnsupportedMediaTypeError(
            "the content coding of the body is not supported", hint="send it plain, or with gzip"
        )
    return _Gunzip(receive, most)


class _Gunzip:
    """Decompresses a gzip body in pieces of limited size."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most = receive, most
        self._inflate = zlib.decompressobj(_GZIP)
        self._packed = b""
        self._size = 0
        self._is_whole = self._is_begun = self._is_done = False

    async def __call__(self) -> Message:
        """Return the next piece; bodies of several members are one (RFC 1952 2.2)."""
        if self._is_done:
            return await self._receive()
        while True:
            if not self._packed and not self._is_whole:
                message = await self._receive()
                if message["type"] != "http.request":
                    return message
                self._packed = message.get("body", b"")
                self._is_whole = not message.get("more_body", False)
            data = self._piece()
            is_end = self._is_whole and not self._packed and len(data) < _PIECE
            if is_end and self._is_begun and not self._inflate.eof:
                raise BadRequestError("the compressed body ends too early")
            if data or is_end:
                self._is_done = is_end
                return {"type": "http.request", "body": data, "more_body": not is_end}

    def _piece(self) -> bytes:
        if self._inflate.eof and self._packed:
            self._inflate = zlib.decompressobj(_GZIP)
        self._is_begun = self._is_begun or bool(self._packed)
        try:
            data = self._inflate.decompress(self._packed, _PIECE)
        except zlib.error:
            raise BadRequestError("the body is not valid gzip data") from None
        self._packed = self._inflate.unconsumed_tail or self._inflate.unused_data
        self._size += len(data)
        if self._size > self._most:
            raise TooLargeError(f"the body is larger than {self._most} bytes when unpacked")
        return data


class _Taken:
    """The part of a body received so far."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.receive, self._send = receive, send
        self.size = 0
        self.is_whole = False
        self.has_answer = False

    async def send(self, message: Message) -> None:
        """Send a message; the connection is closed unless the whole body was read."""
        if message["type"] == "http.response.start":
            self.has_answer = True
            if not self.is_whole:
                message["headers"] = [*message.get("headers", ()), _CLOSE]
        await self._send(message)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
