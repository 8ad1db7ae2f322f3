"""Response cache: repeats responses with rendered pictures without routing the request.

Sending a cached picture costs less than parsing path, query and headers, so their result is kept.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

from rendicom.server.responses import is_fresh_tag

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from rendicom.index.catalogue import Entry
    from rendicom.server.services import Services
    from rendicom.server.tasks import Picture

MADE_OF = "rendicom.made-of"
"""Key of a request's scope: the source of the only picture in the response."""
_ENDS = ("/rendered", "/thumbnail")
_SIZE = 2048
"""Estimated bytes of a response without its picture."""


class _Source(NamedTuple):
    entry: Entry
    picture: Hashable


class _CachedAnswer(NamedTuple):
    headers: list[tuple[bytes, bytes]]
    tag: str
    source: _Source
    route: Any
    path_params: dict[str, str]


def note(scope: Scope, entry: Entry, picture: Picture) -> None:
    """Record that the response is one picture of an instance, which is in the cache."""
    if picture.key is not None:
        scope[MADE_OF] = _Source(entry, picture.key)


class ResponseCache:
    """Repeats responses."""

    def __init__(self, app: ASGIApp, *, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        key = _key(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if key is None:
            await self._app(scope, receive, send)
            return
        wanted, tags = key
        answer: _CachedAnswer | None = self._services.cache.get(wanted)
        picture = None if answer is None else self._still_there(answer)
        if answer is None or picture is None:
            await self._app(scope, receive, _Listener(self._services, scope, wanted, send))
            return
        scope["route"], scope["path_params"] = answer.route, answer.path_params
        holds = tags is not None and is_fresh_tag(tags, answer.tag)
        headers = answer.headers
        if holds:
            headers = [
                each for each in headers if each[0] not in (b"content-length", b"content-type")
            ]
        start = {"type": "http.response.start", "status": 304 if holds else 200, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": b"" if holds else picture.data})

    def _still_there(self, answer: _CachedAnswer) -> Picture | None:
        """Return the picture if it is cached and the instance has not changed."""
        entry = answer.source.entry
        if self._services.lookup.recent(entry.study, entry.series, entry.instance) != entry:
            return None
        picture: Picture | None = self._services.cache.get(answer.source.picture)
        return picture


class _Listener:
    """Sends messages, and caches the response if it can be repeated."""

    def __init__(self, services: Services, scope: Scope, wanted: Hashable, send: Send) -> None:
        self._services, self._scope, self._wanted, self._send = services, scope, wanted, send

    async def __call__(self, message: Message) -> None:
        source = self._scope.get(MADE_OF)
        if message["type"] == "http.response.start" and source is not None:
            self._remember(message, source)
        await self._send(message)

    def _remember(self, start: Message, source: _Source) -> None:
        headers = list(start["headers"])
        named = dict(headers)
        tag = named.get(b"etag", b"")
        # The stored body is uncompressed, and serves all clients.
        if start["status"] != 200 or not tag or b"content-encoding" in named:
            return
        route, params = self._scope.get("route"), self._scope.get("path_params", {})
        answer = _CachedAnswer(headers, tag.decode("latin-1"), source, route, params)
        self._services.cache.put(self._wanted, answer, _SIZE)


def _key(scope: Scope) -> tuple[Hashable, str | None] | None:
    """Return the parts of a request that determine its response, and the client's entity tags."""
    path = scope["path"]
    if not path.endswith(_ENDS):
        return None
    depends: list[bytes] = []
    tags = None
    for name, value in scope["headers"]:
        if name in (b"accept", b"accept-charset", b"host"):
            depends += (name, value)
        elif name == b"if-none-match":
            tags = value.decode("latin-1")
        elif name == b"range":
            return None
    wanted = (scope["scheme"], scope.get("root_path", ""), path, scope["query_string"], *depends)
    return wanted, tags
