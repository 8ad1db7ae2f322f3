"""Liveness, readiness and status of the server."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from rendicom import __version__
from rendicom.server.requests import services_of
from rendicom.server.telemetry import CONTENT_TYPE

router = APIRouter(tags=["Service"])


@router.get("/healthz")
async def healthz(_request: Request) -> JSONResponse:
    """Tell that the server answers at all."""
    return JSONResponse({"status": "ok", "version": __version__})


@router.get("/readyz", responses={503: {"description": "It is starting or about to end."}})
async def readyz(request: Request) -> JSONResponse:
    """Tell whether the server can render now: 200, or 503 while it starts or stops."""
    services = services_of(request)
    checks = {
        "workers": services.renderers.is_ready,
        "index": await services.answers(),
        "spool": await services.has_spool(),
        "open": not services.is_draining,
    }
    is_ready = all(checks.values())
    body = {"status": "ready" if is_ready else "not ready", "checks": checks}
    return JSONResponse(body, status_code=200 if is_ready else 503)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Return counts and times for Prometheus."""
    services = services_of(request)
    await services.count_index()
    return Response(services.telemetry.exposition(), media_type=CONTENT_TYPE)
