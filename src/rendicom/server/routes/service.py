"""What those who run the server ask: is it alive, is it ready, how is it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rendicom import __version__
from rendicom.server.telemetry import CONTENT_TYPE

if TYPE_CHECKING:
    from rendicom.server.services import Services

__all__ = ["router"]

router = APIRouter(tags=["Service"])


@router.get("/healthz")
async def healthz() -> JSONResponse:
    """Tell that the server answers at all."""
    return JSONResponse({"status": "ok", "version": __version__})


@router.get("/readyz", responses={503: {"description": "It is starting or about to end."}})
async def readyz(request: Request) -> JSONResponse:
    """Tell whether the server can render now: 200, or 503 while it starts or is about to end."""
    services: Services = request.app.state.services
    checks = {
        "workers": services.renderers.is_ready,
        "index": await services.answers(),
        "open": not services.is_draining,
    }
    is_ready = all(checks.values())
    body = {"status": "ready" if is_ready else "not ready", "checks": checks}
    return JSONResponse(body, status_code=200 if is_ready else 503)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Return counts and times for Prometheus."""
    services: Services = request.app.state.services
    await services.count_index()
    return Response(services.telemetry.exposition(), media_type=CONTENT_TYPE)
