"""The page at the base URL of the DICOMweb services."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from starlette.responses import Response

from rendicom import __version__
from rendicom.server.requests import services_of

if TYPE_CHECKING:
    from starlette.requests import Request

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Rendicom: DICOMweb services</title>
<link rel="icon" href="{root}/static/icon.svg" type="image/svg+xml">
<style>
html {{ background: Canvas; color: CanvasText }}
body {{ max-width: 40em; margin: 12vh auto; padding: 0 1.5em }}
body {{ font: 16px/1.6 system-ui, sans-serif }}
code {{ overflow-wrap: anywhere }}
</style>
</head>
<body>
<main>
<h1>DICOMweb services</h1>
<p>Rendicom {version} answers here.
Give DICOMweb clients this address: <code>{base}</code></p>
<ul>
{links}
</ul>
</main>
</body>
</html>
"""
_LINKS = (
    ("docs", "All resources and parameters"),
    ("openapi.json", "The same as an OpenAPI document"),
    ("dicomweb/studies?limit=10", "Ten studies, as DICOM JSON"),
)


def is_landing(request: Request) -> bool:
    """Tell whether a browser requests the base URL without a query."""
    accepted = request.headers.get("accept", "")
    return not request.scope["query_string"] and "text/html" in accepted


def landing_page(request: Request) -> Response:
    """Return the page, which reveals nothing about the stored studies."""
    root = escape(str(request.base_url).rstrip("/"))
    first = (("", "Look at the studies"),) if services_of(request).settings.page else ()
    links = "\n".join(
        f'<li><a href="{root}/{escape(path)}">{text}</a></li>' for path, text in (*first, *_LINKS)
    )
    page = _PAGE.format(root=root, version=__version__, base=f"{root}/dicomweb", links=links)
    return Response(page, media_type="text/html", headers={"Vary": "Accept"})
