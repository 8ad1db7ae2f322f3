"""Lists the objects that can be drawn on images; not part of the standard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from rendicom.composition.base import blaming
from rendicom.composition.kinds import is_drawable
from rendicom.dicomweb.rendered_parameters import QueryParameter, given
from rendicom.dicomweb.resources import Resource
from rendicom.errors import BadRequestError
from rendicom.server.choosing import BROKEN, images_about, is_base, superimposed
from rendicom.server.openapi import LEVELS, add_route
from rendicom.server.requests import check_number, parameters_of, resource_of, services_of
from rendicom.server.responses import etag, headers_of, is_fresh, not_modified

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rendicom.index.catalogue import Entry
    from rendicom.server.services import Services

router = APIRouter(tags=["Rendered"])

_NAMES = QueryParameter(
    "names",
    "Tell names of items; they may identify the patient.",
    "yes|no",
    ("yes", "no"),
    is_extension=True,
)


async def _layers(request: Request) -> Response:
    services, resource = services_of(request), resource_of(request)
    asked = given(parameters_of(request), ("names",)).get("names", "no")
    if asked not in ("yes", "no"):
        raise BadRequestError("names is not yes or no", parameter="names")
    has_names = asked == "yes"
    entries = await services.lookup.entries(resource)
    if resource.instance and not is_base(entries[0]):
        offered = entries
        try:
            images = await images_about(services, entries[0])
        except BROKEN:
            # The list says why.
            images = []
    else:
        images = [each for each in entries if is_base(each)]
        offered = [
            each
            for each in await services.lookup.entries(Resource(resource.study))
            if not (each.series == resource.series and is_base(each))
        ]
    check_number(services, len(images))
    objects, left_out = await _objects(services, offered)
    tag = etag(
        *(f"{each.location} {each.version}" for each in images), objects, left_out, has_names
    )
    headers = headers_of(request, tag=tag)
    if is_fresh(request, tag):
        return not_modified(headers)
    listed = await services.pictures.layers(objects, images)
    told = [_told(images, each, has_names=has_names) for each in listed if "kind" in each]
    left_out += [each for each in listed if each.get("problem")]
    return JSONResponse({"layers": told, "left_out": left_out}, headers=headers)


def _told(images: Sequence[Entry], layer: dict[str, Any], *, has_names: bool) -> dict[str, Any]:
    """Return a layer with places in place of numbers, and with names if they are wanted."""
    # The levels of a dose tell nothing of the patient.
    is_named = has_names or layer["kind"] == "dose"
    items = [
        {**each, **_first(images, each), **({} if is_named else {"name": None})}
        for each in layer["items"]
    ]
    items = [{name: value for name, value in each.items() if value is not None} for each in items]
    return {**layer, **_first(images, layer), "items": items}


def _first(images: Sequence[Entry], told: dict[str, Any]) -> dict[str, Any]:
    index, frame = told["first"]
    place = dict(zip(("study", "series", "instance"), images[index][:3], strict=True))
    return {"first": {**place, "frame": frame}}


async def _objects(
    services: Services, entries: Sequence[Entry]
) -> tuple[list[tuple[str, list[Entry]]], list[dict[str, Any]]]:
    """Return what may lie on images, images by their series; and what is damaged, with the fault.

    One damaged object of a study leaves the others as they are.
    """
    found: dict[str, list[Entry]] = {}
    left_out: list[dict[str, Any]] = []
    for entry in entries:
        if not is_drawable(entry.sop_class, has_pixels=entry.has_pixels):
            continue
        uid = entry.series if is_base(entry) else entry.instance
        try:
            with blaming(uid):
                above = await superimposed(services, entry)
        except BROKEN as error:
            left_out.append({"layer": uid, "problem": error.message})
            continue
        found.setdefault(uid, []).extend((entry, *above))
    return list(found.items()), left_out


for _level in LEVELS[1:3]:
    add_route(
        router,
        f"{_level.path}/layers",
        _layers,
        f"Layers of {_level.what}",
        "What the parameter layer can draw on the images, with the colors of its items, and "
        "where each is first; and what cannot be drawn, and why. (Beyond the standard.)",
        name=f"layers-{_level.name}",
        query=[_NAMES],
        content=("application/json",),
        statuses=("304", "400", "401", "404", "410", "413", "503"),
    )
