"""Compresses text on its way to a client that takes gzip; pictures are compressed already."""

from __future__ import annotations

import asyncio
import re
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Compression"]

_TEXT = re.compile(
    rb"(text/|application/([\w.+-]*\+)?(json|xml|javascript)\b|image/svg\+xml"
    rb'|multipart/related;.*type="?application/dicom\+xml)',
    re.IGNORECASE,
)
_TAKES_GZIP = re.compile(r"(?:^|,)\s*(?:gzip|x-gzip|\*)\s*(?:;\s*q=(\d(?:\.\d*)?))?\s*(?=,|$)")
_SMALLEST = 1000
"""Bytes below which it does not pay."""
_LARGE = 64 << 10
"""Bytes of one piece above which a thread compresses it."""
_KEPT = 256
_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS


class Compression:
    """Compresses answers of text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Answer(send, is_wanted=_takes_gzip(scope)).send)


class _Answer:
    """One answer: held back until its first piece says whether it pays."""

    def __init__(self, send: Send, *, is_wanted: bool) -> None:
        self._send = send
        self._is_wanted = is_wanted
        self._start: Message | None = None
        self._compressor: Any = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_compressible(message):
            message["headers"] = _varied(message["headers"])
            if self._is_wanted:
                self._start = message
                return
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
    accepted = next((value for name, value in scope["headers"] if name == b"accept-encoding"), b"")
    return _names_gzip(accepted)


@lru_cache(_KEPT)
def _names_gzip(accepted: bytes) -> bool:
    found = _TAKES_GZIP.search(accepted.decode("latin-1").lower())
    return found is not None and float(found[1] or 1) > 0


def _is_compressible(start: Message) -> bool:
    """Tell whether an answer is whole, has a body, is text, and is not encoded yet."""
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
    return _TEXT.match(media_type) is not None


def _varied(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers with Vary naming what we look at (RFC 9110 12.5.5)."""
    named = b", ".join(value for name, value in headers if name.lower() == b"vary")
    if b"accept-encoding" in named.lower() or named == b"*":
        return headers
    others = [each for each in headers if each[0].lower() != b"vary"]
    return [*others, (b"vary", b", ".join(filter(None, (named, b"Accept-Encoding"))))]


def _compressed(
    headers: list[tuple[bytes, bytes]], length: int | None
) -> list[tuple[bytes, bytes]]:
    """Return the headers of the compressed body, whose bytes are others than the tag stands for."""
    dropped = (b"content-length", b"accept-ranges", b"etag")
    kept = [each for each in headers if each[0].lower() not in dropped]
    for name, value in headers:
        if name.lower() == b"etag":
            kept.append((b"etag", value if value.startswith(b"W/") else b"W/" + value))
    if length is not None:
        kept.append((b"content-length", str(length).encode()))
    return [*kept, (b"content-encoding", b"gzip")]
