"""Values and measures of a frame, for the page: from stored values, not from a picture."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from rendicom.dicomweb.rendered_parameters import QueryParameter
from rendicom.engine.measuring import SHAPES, Point
from rendicom.errors import BadRequestError, NoPixelDataError
from rendicom.server import tasks
from rendicom.server.choosing import check_frames
from rendicom.server.openapi import LEVELS, add_route
from rendicom.server.pictures import place_of
from rendicom.server.requests import parameters_of, resource_of, services_of
from rendicom.server.responses import BASE, etag, headers_of, is_fresh, not_modified

router = APIRouter(tags=["Page"])

_HELP = {
    "point": "x,y: the value there, and its place in the patient in millimeters.",
    "line": "x,y,x,y: the length, in millimeters where the pixels have a size.",
    "angle": "x,y,x,y,x,y: the angle at the second point, in degrees.",
    "rectangle": "x,y,x,y: mean, standard deviation, least and largest value, and the area.",
}


async def _values(request: Request) -> Response:
    services, resource = services_of(request), resource_of(request)
    shape, points = _asked(parameters_of(request))
    if len(resource.frames) != 1:
        raise BadRequestError("give one frame number", parameter="frames")
    entry = await services.lookup.entry(resource)
    if not entry.has_pixels:
        raise NoPixelDataError("the instance has no pixels")
    check_frames(entry, resource.frames)
    tag = etag(entry.location, entry.version, resource.path, shape, points)
    headers = headers_of(request, tag=tag)
    if is_fresh(request, tag):
        return not_modified(headers)
    found = await services.renderers.call(
        tasks.measure, place_of(entry), resource.frames[0], shape, points
    )
    return JSONResponse(found, headers=headers)


def _asked(parameters: Iterable[tuple[str, str]]) -> tuple[str, tuple[Point, ...]]:
    """Return the requested shape and its points."""
    given = [(name, text) for name, text in parameters if name in SHAPES]
    if len(given) != 1:
        raise BadRequestError(f"give one of {', '.join(SHAPES)}")
    shape, text = given[0]
    try:
        numbers = [float(each) for each in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 2 * SHAPES[shape]:
        raise BadRequestError(
            f"{shape} needs {2 * SHAPES[shape]} numbers separated by commas", parameter=shape
        )
    return shape, tuple(zip(numbers[::2], numbers[1::2], strict=True))


add_route(
    router,
    LEVELS[3].path.replace(BASE, "/page", 1) + "/values",
    _values,
    "Values of a frame",
    "Modality values (stored values of color images) and measures, as JSON. Coordinates are "
    "pixels from the outer corner of the first pixel. Beyond the standard.",
    name="values",
    query=[QueryParameter(name, _HELP[name], is_extension=True) for name in SHAPES],
    content=("application/json",),
    statuses=("304", "400", "401", "404", "410", "413", "500", "501", "503"),
)
