"""The ASGI application: routes, middlewares, and responses for errors.

Routes are described with FastAPI for the OpenAPI document, and served by Starlette alone: FastAPI's
own handling of a request (dependencies, telemetry, limits) would take a tenth of its time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from functools import cache, cached_property, partial
from http import HTTPStatus
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from rendicom.dicomweb.problems import Problem, problem_headers, problem_of
from rendicom.errors import RendicomError
from rendicom.server.middlewares import middlewares
from rendicom.server.openapi import describe
from rendicom.server.responses import problem_response
from rendicom.server.routes import (
    capabilities,
    docs,
    layers,
    page,
    rendered,
    retrieve,
    search,
    service,
    store,
    thumbnails,
    values,
    wadouri,
)

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from rendicom.server.services import Services
    from rendicom.server.settings import Settings


class _Application(Starlette):
    """Starlette without its middleware for unexpected errors: the `Observer` answers for them."""

    services: Services

    def build_middleware_stack(self) -> ASGIApp:
        """Return the router inside of the middlewares."""
        app: ASGIApp = ExceptionMiddleware(self._route, handlers=self.exception_handlers)
        for each in reversed(self.user_middleware):
            app = each.cls(app, *each.args, **each.kwargs)
        return app

    def _route(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Call the route of a request; the router does so for those that no route handles."""
        if scope["type"] == "http":
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            for route in self._plain_routes:
                found = route.path_regex.match(path)
                if found is not None and scope["method"] in route.methods:
                    scope["route"], scope["path_params"] = route, found.groupdict()
                    called: Awaitable[None] = route.app(scope, receive, send)
                    return called
        return self.router(scope, receive, send)

    @cached_property
    def _plain_routes(self) -> list[Any]:
        return [each for each in self.routes if isinstance(each, Route)]


def create_app(services: Services) -> Starlette:
    """Return the application that answers for ``services``; nothing is started yet."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with services.running():
            yield

    described = [
        route
        for router in _routers(services.settings)
        for route in router.routes
        if isinstance(route, APIRoute)
    ]
    app = _Application(
        routes=[
            Route(each.path, _Endpoint(each.endpoint), methods=each.methods, name=each.name)
            for each in described
        ],
        middleware=middlewares(services),
        exception_handlers={RendicomError: _answer_error, HTTPException: _answer_status},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.services = services
    app.state.openapi = cache(partial(describe, described))
    return app


class _Endpoint:
    """A function from request to response as an ASGI application, in a thread if it blocks."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self._is_async = iscoroutinefunction(answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        if self._is_async:
            response = await self._answer(request)
        else:
            response = await run_in_threadpool(self._answer, request)
        await response(scope, receive, send)


def _routers(settings: Settings) -> Iterator[APIRouter]:
    # Routes are tried in order, and pictures are requested most often.
    for room in (
        rendered,
        thumbnails,
        layers,
        retrieve,
        search,
        wadouri,
        capabilities,
        service,
        docs,
    ):
        yield room.router
    if settings.writable:
        yield store.router
    if settings.page:
        yield page.router
        yield values.router


async def _answer_error(request: Request, error: Any) -> Response:
    return problem_response(request.scope, problem_of(error), problem_headers(error))


async def _answer_status(request: Request, error: Any) -> Response:
    """Answer requests that no route handles: unknown path, or wrong method."""
    code, headers = "no-such-path", dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # The methods of a path are those of all its routes (RFC 9110 10.2.1).
        routes = [
            each for each in request.app.routes if each.matches(request.scope)[0] is not Match.NONE
        ]
        allowed = {method for each in routes for method in each.methods}
        code, headers["Allow"] = "no-such-method", ", ".join(sorted(allowed))
    problem = Problem(status=error.status_code, title=str(error.detail), code=code)
    return problem_response(request.scope, problem, headers)
