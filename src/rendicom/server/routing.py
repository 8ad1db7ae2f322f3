"""Routes whose endpoint takes a request and returns a response, called without ceremony."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import request_response

__all__ = ["PlainRoute", "add_routes", "plain_router"]


class PlainRoute(APIRoute):
    """A route in the OpenAPI document; nothing is read out of the request for its endpoint."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.app = request_response(self.endpoint)


def plain_router() -> APIRouter:
    """Return a router for such endpoints."""
    return APIRouter(route_class=PlainRoute)


def add_routes(app: FastAPI, router: APIRouter) -> None:
    """Let the application answer for a router's paths, without a router in between."""
    app.router.routes.extend(router.routes)
