"""Cancels work for disconnected clients, and ends HEAD requests after the headers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from rendicom.server.connections import CONNECTION
from rendicom.server.fair_queue import Requester, requester
from rendicom.server.spool import remove_spooled

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from rendicom.server.connections import Connection

_ROUTED = ("route", "endpoint", "path_params")


class Disconnect:
    """Cancels work for a disconnected client, and for HEAD once the headers are known.

    Each request takes its own turns at the workers, and its temporary files end with it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        whose = Requester()
        requester.set(whose)
        try:
            if scope["method"] in ("GET", "HEAD"):
                await _WatchedRequest(send).run(self._app, scope)
            else:
                # The reader of the body notices the disconnect.
                await self._app(scope, receive, send)
        finally:
            if whose.spool:
                loop = asyncio.get_running_loop()
                loop.run_in_executor(None, remove_spooled, whose.spool)


class _WatchedRequest:
    """One request without a body."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_gone = False
        self._gone: asyncio.Event | None = None
        self._is_told = False
        self._is_complete = False
        self._is_head = False
        self._task: asyncio.Task[object] | None = None

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        connection: Connection = scope[CONNECTION]
        if connection.is_gone:
            return
        self._task = asyncio.current_task()
        leave = connection.on_gone = self._leave
        try:
            if scope["method"] == "HEAD":
                await self._run_head(app, scope)
            else:
                await app(scope, self.receive, self.send)
        except asyncio.CancelledError:
            if self._task is None or not self._is_ours():
                raise
            self._task.uncancel()
        finally:
            # The next request on the connection may have begun.
            if connection.on_gone is leave:
                connection.on_gone = None

    def _is_ours(self) -> bool:
        return self._is_gone or (self._is_head and self._is_complete)

    async def _run_head(self, app: ASGIApp, scope: Scope) -> None:
        """Call the route for GET."""
        self._is_head = True
        inner = {**scope, "method": "GET"}
        try:
            await app(inner, self.receive, self.send)
        finally:
            scope.update({name: inner[name] for name in _ROUTED if name in inner})

    async def receive(self) -> Message:
        """Return the empty body, then wait for the client to disconnect."""
        if not self._is_told:
            self._is_told = True
            return {"type": "http.request", "body": b"", "more_body": False}
        # Created on demand: most pictures are sent before it is needed.
        self._gone = self._gone or asyncio.Event()
        if not self._is_gone:
            await self._gone.wait()
        return {"type": "http.disconnect"}

    def send(self, message: Message) -> Awaitable[None]:
        """Send a message, for HEAD without the body."""
        if message["type"] != "http.response.body":
            return self._send(message)
        has_more = message.get("more_body", False)
        if self._is_head or self._is_complete or has_more:
            return self._send_piece(message, has_more=has_more)
        self._is_complete = True
        return self._send(message)

    async def _send_piece(self, message: Message, *, has_more: bool) -> None:
        if self._is_complete:
            return
        self._is_complete = self._is_head
        if not self._is_head:
            await self._send(message)
            if has_more:
                # Let other tasks run, so that a disconnect of the client is noticed.
                await asyncio.sleep(0)
            return
        await self._send({"type": "http.response.body", "body": b""})
        if has_more and self._task is not None:
            self._task.cancel()

    def _leave(self) -> None:
        """Note that the client has gone."""
        if not self._is_complete and self._task is not None:
            self._is_gone = True
            if self._gone is not None:
                self._gone.set()
            self._task.cancel()
