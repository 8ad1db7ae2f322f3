"""`/docs`: interactive documentation of the service; all files come from this server."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from rendicom.errors import NoSuchResourceError
from rendicom.server.openapi import document
from rendicom.server.requests import services_of

router = APIRouter(include_in_schema=False)

_ASSETS = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; media-src blob:; frame-ancestors 'none'"
)
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Rendicom: the service</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
"""


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """Return the OpenAPI document of the service, with the URL of the request."""
    settings = services_of(request).settings
    described = document(
        request.app.state.openapi(), str(request.base_url), has_auth=settings.has_auth
    )
    return JSONResponse(described, headers={"Cache-Control": "no-cache"})


@router.get("/docs")
async def docs(_request: Request) -> Response:
    """Return the page."""
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return Response(_PAGE, media_type="text/html", headers=headers)


@router.get("/docs/{name}")
def asset(request: Request) -> Response:
    """Return a file of the page, without importing its package."""
    name = request.path_params["name"]
    if name == "start.js":
        return Response(_START, media_type="text/javascript")
    if name not in _ASSETS:
        raise NoSuchResourceError("there is no such file")
    from importlib.util import find_spec

    if find_spec("fastapi_offline") is None:
        raise NoSuchResourceError(
            "the page needs fastapi-offline, which is not installed",
            hint="/openapi.json describes the service as well",
        )
    data = files("fastapi_offline").joinpath("static", name).read_bytes()
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response(data, media_type=_ASSETS[name], headers=headers)
