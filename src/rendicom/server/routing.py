"""Routes: described with FastAPI for the OpenAPI document, served by Starlette alone.

An endpoint takes the request and returns a response. FastAPI's own handling of a request
(dependencies, telemetry, limits) would take a tenth of its time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, cast

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, request_response

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_Answer = Callable[[Request], Response | Awaitable[Response]]


class _PlainRoute(APIRoute):
    """A route in the OpenAPI document whose endpoint takes the request as it is."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.app = request_response(cast("Any", self.endpoint))


class _Endpoint:
    """An endpoint as an ASGI application; a function that blocks runs in a thread."""

    def __init__(self, answer: _Answer) -> None:
        self._answer: Any = answer
        self._is_async = iscoroutinefunction(answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        if self._is_async:
            response = await self._answer(request)
        else:
            response = await run_in_threadpool(self._answer, request)
        await response(scope, receive, send)


def plain_router(**more: Any) -> APIRouter:
    """Return a router for such endpoints."""
    return APIRouter(route_class=_PlainRoute, **more)


def served_routes(described: Iterable[APIRoute]) -> list[Route]:
    """Return the routes of a description."""
    return [
        Route(each.path, _Endpoint(each.endpoint), methods=each.methods, name=each.name)
        for each in described
    ]
