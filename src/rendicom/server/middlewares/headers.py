"""Headers that keep a browser from doing more with an answer than it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SecurityHeaders"]

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"private, no-cache"),
)
"""``private``: only whoever asked may keep it; ``no-cache``: and asks again whether it holds."""

_PAGE = (
    b"default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    b"frame-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'self'"
)
_DOCUMENT = (
    b"default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-same-origin"
)
"""For what is made of files: it may show and link, and run nothing."""
_ACTIVE = (
    b"text/html",
    b"text/xml",
    b"application/xml",
    b"application/xhtml+xml",
    b"image/svg+xml",
)


class SecurityHeaders:
    """Adds headers that an answer does not have yet.

    ``is_shared`` says that pages of other origins may use the server.
    """

    def __init__(self, app: ASGIApp, *, is_shared: bool) -> None:
        self._app = app
        policy = b"cross-origin" if is_shared else b"same-origin"
        self._always = (*_ALWAYS, (b"cross-origin-resource-policy", policy))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_made_of_files = "/dicomweb" in scope["path"]

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._completed(message, is_made_of_files=is_made_of_files)
            await send(message)

        await self._app(scope, receive, add)

    def _completed(self, message: Message, *, is_made_of_files: bool) -> list[tuple[bytes, bytes]]:
        headers = list(message.get("headers", ()))
        given = {name.lower(): value for name, value in headers}
        headers += [header for header in self._always if header[0] not in given]
        if b"content-security-policy" not in given and given.get(b"content-type", b"").startswith(
            _ACTIVE
        ):
            policy = _DOCUMENT if is_made_of_files else _PAGE
            headers.append((b"content-security-policy", policy))
        return headers
