"""Lists the objects that can be drawn on images; not part of the standard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from rendicom.composition.kinds import is_drawable
from rendicom.dicomweb.parameters import given, read
from rendicom.dicomweb.rendered import QueryParameter
from rendicom.dicomweb.resources import Resource
from rendicom.errors import OptionError
from rendicom.server.choosing import images_about, is_base, superimposed
from rendicom.server.openapi import LEVELS, described
from rendicom.server.requests import (
    check_number,
    parameters_of,
    resource_of,
    services_of,
)
from rendicom.server.responses import etag, headers_of, is_fresh, not_modified
from rendicom.server.routing import plain_router

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rendicom.index.catalogue import Entry
    from rendicom.server.services import Services

router = plain_router()


async def _layers(request: Request) -> Response:
    services, resource = services_of(request), resource_of(request)
    texts = given(parameters_of(request), ("names",))
    has_names = read("names", _switch, texts.get("names", "no"))
    entries = await services.lookup.entries(resource)
    if resource.instance and not is_base(entries[0]):
        above = await superimposed(services, entries[0])
        objects = [(entries[0].instance, [*entries, *above])]
        images = await images_about(services, entries[0])
    else:
        images = [each for each in entries if is_base(each)]
        objects = await _objects(services, resource)
    check_number(services, len(images))
    tag = etag(*(f"{each.location} {each.version}" for each in images), objects, has_names)
    headers = headers_of(request, tag=tag)
    if is_fresh(request, tag):
        return not_modified(headers)
    listed = await services.pictures.layers(objects, images, has_names=has_names)
    told = [
        {**each, **_first(images, each), "items": [i | _first(images, i) for i in each["items"]]}
        for each in listed
    ]
    return JSONResponse({"layers": told}, headers=headers)


def _first(images: Sequence[Entry], told: dict[str, Any]) -> dict[str, Any]:
    index, frame = told["first"]
    place = dict(zip(("study", "series", "instance"), images[index][:3], strict=True))
    return {"first": {**place, "frame": frame}}


def _switch(text: str) -> bool:
    if text not in ("yes", "no"):
        raise OptionError("names is not yes or no")
    return text == "yes"


async def _objects(services: Services, resource: Resource) -> list[tuple[str, list[Entry]]]:
    """Return the objects of a study that may be drawn on a series; images are grouped by series."""
    found: dict[str, list[Entry]] = {}
    for entry in await services.lookup.entries(Resource(resource.study)):
        if entry.series == resource.series and is_base(entry):
            continue
        if is_drawable(entry.sop_class, has_pixels=entry.has_pixels):
            uid = entry.series if is_base(entry) else entry.instance
            found.setdefault(uid, []).append(entry)
            found[uid] += await superimposed(services, entry)
    return list(found.items())


for _level in LEVELS[1:3]:
    router.add_api_route(
        f"{_level.path}/layers",
        _layers,
        methods=["GET"],
        **described(
            f"Layers of {'a series' if _level.name == 'series' else 'an instance'}",
            "What the parameter layer can draw on the images, with the colors of its items, and "
            "where each is first. (Beyond the standard.)",
            name=f"layers-{_level.name}",
            tag="Rendered",
            variables=_level.variables,
            query=[
                QueryParameter(
                    "names", "Tell names of items; they may identify the patient.", "yes|no",
                    ("yes", "no"), is_extension=True,
                )
            ],
            content=("application/json",),
            statuses=("304", "400", "401", "404", "410", "413", "503"),
        ),
    )  # fmt: skip
