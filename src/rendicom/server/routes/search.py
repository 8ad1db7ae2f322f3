"""Search for studies, series and instances (QIDO-RS, PS3.18 10.6)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from rendicom.dicomweb.accepts import DICOM_JSON, DICOM_XML
from rendicom.dicomweb.mediatypes import Offer, choose
from rendicom.dicomweb.multipart import MultipartWriter
from rendicom.dicomweb.query import parse_query
from rendicom.dicomweb.rendered_parameters import QueryParameter
from rendicom.dicomweb.resources import Resource
from rendicom.dicomweb.search_parameters import SEARCH_PARAMETERS, SearchLevel
from rendicom.dicomweb.xmlmodel import to_native_xml
from rendicom.errors import NoSuchResourceError
from rendicom.server.openapi import add_route
from rendicom.server.requests import accepts_of, parameters_of, resource_of, services_of
from rendicom.server.responses import BASE, base_of, etag, headers_of, is_fresh, not_modified

router = APIRouter(tags=["Search"])

_OFFERS = (Offer(DICOM_JSON), Offer("application/json"), Offer(DICOM_XML, "multipart"))
_UIDS = ("0020000D", "0020000E", "00080018")
_RETRIEVE_URL = "00081190"


async def _search(request: Request) -> Response:
    services, scope = services_of(request), resource_of(request)
    level: SearchLevel = request.scope["route"].path.rpartition("/")[2]
    choice = choose(accepts_of(request), offers=_OFFERS)
    query = parse_query(parameters_of(request), level=level)
    most = services.settings.max_results
    is_capped = query.limit is None or query.limit > most
    query = query._replace(limit=most) if is_capped else query
    if scope.study:
        status = await asyncio.to_thread(services.catalogue.status, scope.study, scope.series)
        if status != "present":
            kind = "series" if scope.series else "study"
            raise NoSuchResourceError(f"there is no such {kind} here")
    found = await asyncio.to_thread(
        services.catalogue.search, level, query, study=scope.study, series=scope.series
    )
    base = base_of(request)
    models = [_with_url(model, base, scope, level) for model in found.models]
    warnings = [*query.warnings, *found.warnings]
    if found.remaining and (is_capped or query.limit):
        warnings.append(f"There are {found.remaining} additional results that can be requested")
    body, media_type = _written(models, choice.media_type)
    tag = etag("search", choice, body)
    headers = headers_of(request, tag=tag, warnings=warnings)
    if is_fresh(request, tag):
        return not_modified(headers)
    if not models:
        return Response(status_code=204, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _with_url(
    model: Mapping[str, Any], base: str, scope: Resource, level: SearchLevel
) -> dict[str, Any]:
    """Return a match with its Retrieve URL, keys in ascending order."""
    known = (scope.study, scope.series, "")
    depth = {"studies": 1, "series": 2, "instances": 3}[level]
    uids = [known[index] or str(model[_UIDS[index]]["Value"][0]) for index in range(depth)]
    study, series, instance = (*uids, "", "")[:3]
    url = Resource(study, series, instance).url(base)
    return dict(sorted({**model, _RETRIEVE_URL: {"vr": "UR", "Value": [url]}}.items()))


def _written(models: Sequence[dict[str, Any]], media_type: str) -> tuple[bytes, str]:
    if media_type != DICOM_XML:
        text = json.dumps(models, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace"), media_type
    # A random boundary would make equal responses differ.
    writer = MultipartWriter(DICOM_XML, boundary="rendicom-search-results")
    parts = [writer.part(to_native_xml(model), DICOM_XML) for model in models]
    return b"".join((*parts, writer.end())), writer.content_type


_PARAMETERS = (
    QueryParameter("PatientID", "Any attribute, by keyword, tag or dotted path."),
    QueryParameter("StudyDate", "Dates and times may be ranges: 20240101-20241231."),
    QueryParameter("ModalitiesInStudy", "Modality of some series of the study."),
    *(
        QueryParameter(each.name, each.help, choices=("true", "false") * (each.kind == "flag"))
        for each in SEARCH_PARAMETERS
    ),
)

for _path, _name in (
    ("/studies", "studies"),
    ("/series", "series"),
    ("/instances", "instances"),
    ("/studies/{study}/series", "series of a study"),
    ("/studies/{study}/instances", "instances of a study"),
    ("/studies/{study}/series/{series}/instances", "instances of a series"),
):
    add_route(
        router,
        BASE + _path,
        _search,
        f"Search for {_name}",
        "Matches as DICOM JSON; 204 when there are none.",
        name=f"search-{_name}".replace(" ", "-"),
        query=_PARAMETERS,
        content=(DICOM_JSON, "application/json", f"multipart/related; type={DICOM_XML}"),
        statuses=("204", "304", "400", "401", "404", "406", "503"),
    )
