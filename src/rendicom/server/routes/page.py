"""The viewer page for the served studies, and its data."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from rendicom import __version__
from rendicom.dicom.uids import class_name
from rendicom.dicomweb.rendered_parameters import rendered_parameters
from rendicom.encode import formats
from rendicom.errors import NoSuchResourceError
from rendicom.options import PRESETS
from rendicom.server.requests import services_of

router = APIRouter(include_in_schema=False)

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
}
_STATIC = "static"
_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "frame-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)

_HEADERS = {"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}


@router.get("/")
def index(_request: Request) -> Response:
    """Return the page with links to all its modules, so that the browser loads them at once."""
    page = _file("index.html")
    links = "".join(f'  <link rel="modulepreload" href="static/{name}">\n' for name in _modules())
    body = bytes(page.body).replace(b"</head>", links.encode() + b"</head>", 1)
    return Response(body, headers={**_HEADERS, "Content-Type": _TYPES[".html"]})


@cache
def _modules() -> tuple[str, ...]:
    place = files("rendicom.server").joinpath(_STATIC)
    folders = (("", place), ("state/", place.joinpath("state")))
    return tuple(
        sorted(
            f"{prefix}{each.name}"
            for prefix, folder in folders
            for each in folder.iterdir()
            if each.name.endswith(".js")
        )
    )


@router.get("/favicon.ico")
def favicon(_request: Request) -> Response:
    """Return the icon for clients that ignore the link in the page."""
    return _file("favicon.ico")


@router.get("/page/parameters.json")
async def parameters(_request: Request) -> JSONResponse:
    """Return the rendering parameters, the formats and the presets."""
    listed: list[dict[str, Any]] = [
        {
            "name": each.name, "help": each.help, "metavar": each.metavar,
            "choices": list(each.choices), "extension": each.is_extension,
        }
        for each in rendered_parameters()
    ]  # fmt: skip
    presets = [
        {"name": name, "center": window.center, "width": window.width}
        for name, window in PRESETS.items()
    ]
    types = [
        {
            "name": each.name, "mediaType": each.media_type, "extension": each.extensions[0],
            "animated": each.encode_animation is not None,
        }
        for each in formats().values()
    ]  # fmt: skip
    return JSONResponse({"parameters": listed, "presets": presets, "formats": types})


@router.get("/page/dictionary.json")
def dictionary(_request: Request) -> JSONResponse:
    """Return the names of attributes by tag, as the JSON model writes it, and of UIDs (PS3.6)."""
    from pydicom._dicom_dict import DicomDictionary
    from pydicom._uid_dict import UID_dictionary

    names = {f"{tag:08X}": entry[2] for tag, entry in DicomDictionary.items()}
    names |= {uid: class_name(uid) for uid in UID_dictionary}
    return JSONResponse(names, headers={"Cache-Control": "private, max-age=86400"})


@router.get("/page/status.json")
async def status(request: Request) -> JSONResponse:
    """Return how far the index is."""
    services = services_of(request)
    progress = services.scanner.progress()
    counts = await services.counts()
    return JSONResponse(
        {
            "version": __version__,
            "writable": services.settings.writable,
            "studies": counts.studies,
            "instances": counts.instances,
            "indexing": {
                "found": progress.found, "indexed": progress.indexed,
                "failed": progress.failed, "is_complete": progress.is_complete,
            },
        }
    )  # fmt: skip


@router.get("/static/{path:path}")
def asset(request: Request) -> Response:
    """Return a module, a stylesheet or a picture of the page."""
    return _file(request.path_params["path"])


def _file(path: str) -> Response:
    """Return a file of the package; names outside its folder are not found."""
    place = files("rendicom.server").joinpath(_STATIC)
    extension = path[path.rfind(".") :] if "." in path else ""
    parts = path.split("/")
    is_sound = extension in _TYPES and all(part and not part.startswith(".") for part in parts)
    if not is_sound or "\\" in path or ":" in path:
        raise NoSuchResourceError("there is no such file")
    found = place.joinpath(*parts)
    if not found.is_file():
        raise NoSuchResourceError("there is no such file")
    return Response(found.read_bytes(), media_type=_TYPES[extension], headers=_HEADERS)
