"""Compresses text for clients that accept gzip; pictures are compressed already."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rendicom.dicomweb.header_fields import parse_media_type, weights_of
from rendicom.errors import BadRequestError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TEXT = ("text/", "image/svg+xml")
_TEXT_SUBTYPES = ("json", "xml", "javascript")
_GZIP_NAMES = ("gzip", "x-gzip", "*")
_SMALLEST = 1000
"""Bytes below which compression does not help."""
_LARGE = 64 << 10
"""Bytes of a piece above which it is compressed in a thread."""
_KEPT = 256
_SHORT = 500
"""Bytes of a header above which its result is not cached; browsers send less."""
_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS


class Compression:
    """Compresses responses that are text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle a request."""
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        return self._app(scope, receive, _Answer(scope, send).send)


class _Answer:
    """One response, held back until its first piece shows whether compression helps."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._start: Message | None = None
        self._compressor: Any = None

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start" and _is_compressible(message):
            message["headers"] = _varied(message["headers"])
            if _takes_gzip(self._scope):
                return self._hold(message)
        if self._start is None and self._compressor is None:
            return self._send(message)
        return self._compress(message)

    async def _hold(self, start: Message) -> None:
        self._start = start

    async def _compress(self, message: Message) -> None:
        if self._start is not None and message["type"] == "http.response.body":
            await self._begin(self._start, message)
        elif self._compressor is not None and message["type"] == "http.response.body":
            await self._continue(message)
        else:
            await self._send(message)

    async def _begin(self, start: Message, message: Message) -> None:
        self._start = None
        body, has_more = message.get("body", b""), message.get("more_body", False)
        if not has_more and len(body) < _SMALLEST:
            await self._send(start)
            await self._send(message)
            return
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        packed = await self._packed(body, is_last=not has_more)
        start["headers"] = _compressed(start["headers"], None if has_more else len(packed))
        await self._send(start)
        await self._send({**message, "body": packed})

    async def _continue(self, message: Message) -> None:
        is_last = not message.get("more_body", False)
        packed = await self._packed(message.get("body", b""), is_last=is_last)
        if packed or is_last:
            await self._send({**message, "body": packed})

    async def _packed(self, body: bytes, *, is_last: bool) -> bytes:
        def pack() -> bytes:
            packed: bytes = self._compressor.compress(body)
            return packed + self._compressor.flush() if is_last else packed

        return await asyncio.to_thread(pack) if len(body) > _LARGE else pack()


def _takes_gzip(scope: Scope) -> bool:
    given = [value for name, value in scope["headers"] if name == b"accept-encoding"]
    accepted = b",".join(given)
    return (_names_gzip if len(accepted) <= _SHORT else _names_gzip.__wrapped__)(accepted)


@lru_cache(_KEPT)
def _names_gzip(accepted: bytes) -> bool:
    """Tell whether gzip is accepted; naming it counts more than ``*`` (RFC 9110 12.5.3)."""
    weights = weights_of(accepted.decode("latin-1"))
    return next((weights[name] for name in _GZIP_NAMES if name in weights), 0.0) > 0


def _is_compressible(start: Message) -> bool:
    """Tell whether a response is complete, has a body, is text, and is not encoded yet."""
    if start["status"] in (204, 206, 304):
        return False
    media_type = b""
    for name, value in start.get("headers", ()):
        if name == b"content-type":
            media_type = value
        elif name == b"content-encoding":
            return False
    return _is_text(media_type)


@lru_cache(_KEPT)
def _is_text(media_type: bytes) -> bool:
    """Tell whether a media type, or that of the parts of a multipart message, is text."""
    try:
        essence, parameters = parse_media_type(media_type.decode("latin-1"))
    except BadRequestError:
        return False
    if essence == "multipart/related":
        essence = parameters.get("type", "")
    _, _, subtype = essence.partition("/")
    is_structured = essence.startswith("application/") and (
        subtype.rpartition("+")[2] in _TEXT_SUBTYPES
    )
    return is_structured or essence.startswith(_TEXT)


def _varied(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers with Accept-Encoding added to Vary (RFC 9110 12.5.5)."""
    named = b", ".join(value for name, value in headers if name.lower() == b"vary")
    if b"accept-encoding" in named.lower() or named == b"*":
        return headers
    others = [each for each in headers if each[0].lower() != b"vary"]
    return [*others, (b"vary", b", ".join(filter(None, (named, b"Accept-Encoding"))))]


def _compressed(
    headers: list[tuple[bytes, bytes]], length: int | None
) -> list[tuple[bytes, bytes]]:
    """Return the headers of the compressed body; its entity tag becomes a weak one."""
    dropped = (b"content-length", b"accept-ranges", b"etag")
    kept = [each for each in headers if each[0].lower() not in dropped]
    for name, value in headers:
        if name.lower() == b"etag":
            kept.append((b"etag", value if value.startswith(b"W/") else b"W/" + value))
    if length is not None:
        kept.append((b"content-length", str(length).encode()))
    return [*kept, (b"content-encoding", b"gzip")]
