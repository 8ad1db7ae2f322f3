"""Routes whose endpoint takes a request and returns a response, called without ceremony."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

__all__ = ["PlainRoute", "add_routes", "plain_router"]


class PlainRoute(APIRoute):
    """A route in the OpenAPI document; nothing is read out of the request for its endpoint."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what is called with the request."""
        endpoint = cast("Callable[[Request], Awaitable[Response]]", self.endpoint)

        async def handle(request: Request) -> Response:
            return await endpoint(request)

        return handle


def plain_router() -> APIRouter:
    """Return a router for such endpoints."""
    return APIRouter(route_class=PlainRoute)


def add_routes(app: FastAPI, router: APIRouter) -> None:
    """Let the application answer for a router's paths, without a router in between."""
    app.router.routes.extend(router.routes)
