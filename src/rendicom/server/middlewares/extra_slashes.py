"""Removes superfluous slashes from paths, as in carelessly joined URLs."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from rendicom.server.responses import BASE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Paths:
    """Treats ``//studies`` and ``/studies/`` below the services as ``/studies``."""

    def __init__(self, app: ASGIApp, *, root_path: str) -> None:
        self._app = app
        self._base = root_path + BASE

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle a request."""
        if scope["type"] == "http" and ("//" in scope["path"] or scope["path"].endswith("/")):
            plain = "/" + "/".join(part for part in scope["path"].split("/") if part)
            if plain.startswith((self._base + "/", BASE + "/")) or plain in (self._base, BASE):
                scope["path"] = plain
        return self._app(scope, receive, send)
