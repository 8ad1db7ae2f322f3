"""Security headers of responses."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"private, no-cache"),
)
"""``private``: only the client may store it; ``no-cache``: it must revalidate."""

_DOCUMENT = (
    b"default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; base-uri 'none'; "
    b"form-action 'none'; sandbox allow-popups allow-same-origin"
)
"""Policy of documents: no scripts. For responses without their own policy: documents made from
files have several paths."""
_ACTIVE = (b"text/html", b"text/xml", b"application/xml")
_IN_FRAMES = (b"application/pdf", b"text/plain")
"""Other documents that browsers show in frames. A sandbox would keep them from showing a PDF."""
_KEPT = 64


class SecurityHeaders:
    """Adds headers that a response does not have yet.

    ``origins`` are those whose pages may use the server, and show its documents in a frame; ``*``
    for all.
    """

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        self._app = app
        ancestors = ("*",) if "*" in origins else ("'self'", *origins)
        self._framed = b"frame-ancestors " + " ".join(ancestors).encode()
        self._policy_of = lru_cache(_KEPT)(self._policy)
        self._missing_of = lru_cache(_KEPT)(self._missing)
        policy = b"cross-origin" if origins else b"same-origin"
        self._always = (*_ALWAYS, (b"cross-origin-resource-policy", policy))
        # A cached answer to a request without Origin has no CORS headers: it must not serve a page.
        self._varies = bool(origins) and "*" not in origins

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle a request."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)

        def add(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = self._completed(message)
            return send(message)

        return self._app(scope, receive, add)

    def _completed(self, message: Message) -> list[tuple[bytes, bytes]]:
        headers = list(message.get("headers", ()))
        given = dict(headers)
        missing, has_policy = self._missing_of(tuple(given))
        headers += missing
        if self._varies and b"origin" not in given.get(b"vary", b"").lower():
            headers.append((b"vary", b"Origin"))
        if not has_policy:
            policy = self._policy_of(given.get(b"content-type", b""))
            if policy:
                headers.append((b"content-security-policy", policy))
        return headers

    def _missing(self, names: tuple[bytes, ...]) -> tuple[list[tuple[bytes, bytes]], bool]:
        """Return the headers to add to those given, and whether these have a policy."""
        missing = [header for header in self._always if header[0] not in names]
        return missing, b"content-security-policy" in names

    def _policy(self, media_type: bytes) -> bytes:
        """Return the policy for a media type; empty where it needs none."""
        essence = media_type.partition(b";")[0].strip().lower()
        if essence in _ACTIVE or essence.endswith(b"+xml"):
            return b"%s; %s" % (_DOCUMENT, self._framed)
        return self._framed if essence in _IN_FRAMES else b""
