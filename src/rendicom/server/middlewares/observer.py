"""Counts requests, writes the audit log, and answers unexpected errors with status 500."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from rendicom.errors import RendicomError
from rendicom.server.audit import uids_of
from rendicom.server.responses import refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from rendicom.server.services import Services

_log = logging.getLogger("rendicom.server")

NOTES = "rendicom.notes"
"""Key of a request's scope: a dict whose entries a route adds to the line of the audit log."""
_GONE = 499
"""Status that is counted when the client disconnected before the response."""
_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"})
_OURS = re.compile(r"[A-Za-z0-9_/]+\.py", re.ASCII)


class Observer:
    """Counts and logs requests, and handles unexpected errors."""

    def __init__(self, app: ASGIApp, *, services: Services) -> None:
        self._app = app
        self._telemetry = services.telemetry
        self._audit = services.audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        watch = _Watch(send)
        scope[NOTES] = {}
        self._telemetry.began()
        try:
            await self._app(scope, receive, watch)
        except RendicomError as error:
            await self._refuse(scope, watch, error)
        except Exception as error:  # noqa: BLE001 - the door
            _log.error("unexpected %s inside Rendicom%s", type(error).__name__, _place_of(error))
            await self._refuse(scope, watch, None)
        finally:
            self._record(scope, watch)

    async def _refuse(self, scope: Scope, watch: _Watch, error: RendicomError | None) -> None:
        # A started response is left unfinished: the connection is closed, and the client notices.
        if not watch.status:
            await refuse(scope, watch, error)

    def _record(self, scope: Scope, watch: _Watch) -> None:
        seconds = monotonic() - watch.began
        # The path of the route has names in place of UIDs.
        path, method = getattr(scope.get("route"), "path", None), scope["method"]
        route = path if isinstance(path, str) else "other"
        self._telemetry.answered(
            route=route,
            method=method if method in _METHODS else "other",
            status=watch.status or _GONE,
            size=watch.size,
            seconds=seconds,
        )
        if self._audit.is_on:
            self._audit.record(_entry(scope, watch, route=route, seconds=seconds))


class _Watch:
    """Sends messages, and records status and size."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.began = monotonic()
        self.status = 0
        self.size = 0

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.size += len(message.get("body", b""))
        return self._send(message)


def _entry(scope: Scope, watch: _Watch, *, route: str, seconds: float) -> Mapping[str, Any]:
    client = scope.get("client")
    identity = scope.get("rendicom.identity")
    query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    entry = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "who": identity.name if identity is not None else "",
        "client": client[0] if client else "",
        "method": scope["method"][:16],
        "route": route,
        **uids_of(scope.get("path_params", {}), query),
        "status": watch.status or _GONE,
        "bytes": watch.size,
        "seconds": round(seconds, 6),
        **scope[NOTES],
    }
    return {name: value for name, value in entry.items() if value != ""}


def _place_of(error: BaseException) -> str:
    """Return the last line of this package in the traceback of an error, here or in a worker.

    The message is left out: that of a foreign exception may quote a value of the file.
    """
    from traceback import format_tb

    text = f"{error.__cause__}" if error.__cause__ is not None else ""
    for line in reversed(("".join(format_tb(error.__traceback__)) + text).splitlines()):
        path, _, rest = line.partition('", line ')
        name = path.replace("\\", "/").rpartition("/rendicom/")[2]
        number = rest.partition(",")[0]
        if path.startswith('  File "') and _OURS.fullmatch(name) and number.isdigit():
            return f" at {name}:{number}"
    return ""
