"""Limits of what a client sends: how much, and how long it may stop in the middle of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rendicom.errors import BadRequestError, RendicomError, TooLargeError
from rendicom.server.refusal import refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Intake"]

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_CLOSE = (b"connection", b"close")
"""The rest of a body that nobody reads is still on its way."""


class Intake:
    """Refuses bodies of more than ``max_bytes``, and those that stop for ``seconds``."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] in _BODILESS:
            await self._app(scope, receive, send)
            return
        if _announced(scope) > self._max_bytes:
            await refuse(scope, send, self._too_large(), headers={"Connection": "close"})
            return
        taken = _Taken(receive, send)

        async def take() -> Message:
            return await self._take(taken)

        try:
            await self._app(scope, take, taken.send)
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
            raise BadRequestError("the body stopped in the middle") from None
        if message["type"] == "http.request":
            taken.size += len(message.get("body", b""))
            taken.is_whole = not message.get("more_body", False)
        if taken.size > self._max_bytes:
            raise self._too_large()
        return message

    def _too_large(self) -> TooLargeError:
        return TooLargeError(f"the body is larger than {self._max_bytes} bytes")


class _Taken:
    """What was taken of one body."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.receive, self._send = receive, send
        self.size = 0
        self.is_whole = False
        self.has_answer = False

    async def send(self, message: Message) -> None:
        """Pass a message on, with an end to the connection unless all of the body was read."""
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
