"""The application: routes, what turns errors into statuses, and what comes up and goes down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from rendicom import __version__
from rendicom.dicomweb.problems import Problem, problem_headers, problem_of, represent
from rendicom.errors import RendicomError
from rendicom.server.middlewares import middlewares
from rendicom.server.requests import services_of
from rendicom.server.routes import (
    capabilities,
    docs,
    page,
    rendered,
    retrieve,
    search,
    service,
    store,
    wadouri,
)
from rendicom.server.routing import add_routes

if TYPE_CHECKING:
    from rendicom.server.services import Services
    from rendicom.server.settings import Settings

__all__ = ["create_app"]


def create_app(services: Services) -> FastAPI:
    """Return the application that answers for ``services``; nothing is started yet."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with services.running():
            yield

    app = FastAPI(
        title="Rendicom",
        summary="DICOMweb with pictures as people expect to see them",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=middlewares(services),
    )
    app.state.services = services
    app.exception_handler(RendicomError)(_answer_error)
    app.exception_handler(HTTPException)(_answer_status)
    for router in _routers(services.settings):
        add_routes(app, router)
    return app


def _routers(settings: Settings) -> Iterator[APIRouter]:
    # Pictures are asked for most often, and routes are tried in their order.
    for room in (rendered, retrieve, search, wadouri, capabilities, service, docs):
        yield room.router
    if settings.writable:
        yield store.router
    if settings.page:
        yield page.router


async def _answer_error(request: Request, error: RendicomError) -> Response:
    return _represented(request, problem_of(error), problem_headers(error))


async def _answer_status(request: Request, error: HTTPException) -> Response:
    """Answer for the router itself: no such path, or not with this method."""
    code, headers = "no-such-path", dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        code, headers["Allow"] = "no-such-method", ", ".join(_allowed(request))
    problem = Problem(status=error.status_code, title=str(error.detail), code=code)
    return _represented(request, problem, headers)


def _allowed(request: Request) -> list[str]:
    """Return the methods of a path: each of its routes knows only its own (RFC 9110 10.2.1)."""
    methods: set[str] = set()
    for router in _routers(services_of(request).settings):
        for route in router.routes:
            if route.matches(request.scope)[0] is not Match.NONE:
                methods |= getattr(route, "methods", None) or set()
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods)


def _represented(request: Request, problem: Problem, headers: dict[str, str]) -> Response:
    body, media_type = represent(problem, request.headers.get("accept"))
    said = {"Cache-Control": "no-store", "Vary": "Accept", **headers}
    return Response(body, status_code=problem.status, media_type=media_type, headers=said)
