"""Determines which services a server supports by testing them on one instance.

Images are compared with those of the engine, to detect parameters that are accepted and ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from rendicom.client.conformance_checks import CheckResult, InstanceChecks
from rendicom.client.found_instance import FoundInstance
from rendicom.client.listing import InstanceQuery, list_instances
from rendicom.client.matching import MatchReport
from rendicom.client.response_models import models_of, text
from rendicom.client.searching import SearchRequest
from rendicom.client.session import ServerResponse
from rendicom.dicomweb.accepts import DICOM_JSON
from rendicom.dicomweb.capabilities import WADL_JSON
from rendicom.dicomweb.resources import Resource
from rendicom.errors import RendicomError, WireError

if TYPE_CHECKING:
    from rendicom.client.server import Server

_SOME_SIZE = 256
_LOOKED_AT = 20
"""Number of series searched for one with images."""
_WITHOUT_IMAGES = frozenset(("SR", "PR", "KO", "RTPLAN", "RTSTRUCT", "REG", "AU", "ECG", "DOC"))


def probe(server: Server, wanted: InstanceQuery) -> Iterator[CheckResult]:
    """Yield the results for each service, from searches to rendering parameters.

    Raises
    ------
    UnreadableSourceError
        The server cannot be reached.
    WireError
        The server refuses the credentials.
    """
    yield _capabilities(server)
    yield from _searches(server, wanted)
    try:
        found = _chosen(server, wanted)
    except RendicomError as error:
        yield CheckResult("retrieve", "an instance to try", "no", error.message)
        return
    if found is None:
        yield CheckResult(
            "retrieve", "an instance to try", "no", "the server has none that matches"
        )
        return
    yield CheckResult("retrieve", "an instance to try", "yes", _described(found))
    trials = InstanceChecks(server, found.resource)
    try:
        yield from trials.retrieved()
        yield from trials.rendered()
        yield from trials.thumbnails()
    finally:
        trials.close()
    for name in ("store", "delete"):
        yield CheckResult("service", name, "not tried", "it would change the server")


# --- what needs no instance ---------------------------------------------------------------------


def _asked(server: Server, path: str, accept: str, *, method: str = "GET") -> ServerResponse:
    return server.session.ask(method, server.session.url(path), accept)


def _capabilities(server: Server) -> CheckResult:
    answer = _asked(server, "/", WADL_JSON, method="OPTIONS")
    if answer.status != 200:
        return CheckResult("service", "capabilities", "no", f"status {answer.status}")
    capabilities = server.capabilities()
    said = ", ".join(sorted(capabilities.parameters)) or "nothing about pictures that can be read"
    return CheckResult("service", "capabilities", "yes", said)


def _searches(server: Server, wanted: InstanceQuery) -> Iterator[CheckResult]:
    study = wanted.resource.study
    finding, first = _searched(server, "studies", "/studies", most=2)
    yield finding
    yield _searched(server, "all series", "/series", most=2)[0]
    yield _searched(server, "all instances", "/instances", most=2)[0]
    study = study or first
    if not study:
        return
    finding, series = _searched(server, "series of a study", f"/studies/{study}/series")
    yield finding
    if series:
        path = f"/studies/{study}/series/{series}/instances"
        yield _searched(server, "instances of a series", path)[0]
    yield _paging(server)


def _searched(server: Server, name: str, path: str, *, most: int = 0) -> tuple[CheckResult, str]:
    """Return the result of a search check, and the UID of the first match."""
    answer = _asked(server, f"{path}?limit={most}" if most else path, DICOM_JSON)
    if answer.status not in (200, 204, 206):
        return CheckResult("search", name, "no", f"status {answer.status}"), ""
    try:
        models = models_of(answer, host=server.host)
    except WireError as error:
        return CheckResult("search", name, "differs", error.message), ""
    tags = {"studies": "0020000D", "series": "0020000E", "instances": "00080018"}
    first = text(models[0], tags[path.rpartition("/")[2]]) if models else ""
    detail = f"{len(models)} {'result' if len(models) == 1 else 'results'}"
    if most and len(models) > most:
        return CheckResult("search", name, "yes", f"{detail}; limit is ignored"), first
    return CheckResult("search", name, "yes", detail), first


def _paging(server: Server) -> CheckResult:
    """Check paging: request the second study only, and compare it with the first."""
    uids = []
    for offset in (0, 1):
        answer = _asked(server, f"/studies?limit=1&offset={offset}", DICOM_JSON)
        if answer.status not in (200, 204, 206):
            return CheckResult("search", "limit and offset", "no", f"status {answer.status}")
        models = models_of(answer, host=server.host)
        if len(models) > 1:
            return CheckResult("search", "limit and offset", "ignored")
        uids.append(text(models[0], "0020000D") if models else "")
    if uids[0] and uids[0] == uids[1]:
        return CheckResult("search", "limit and offset", "ignored", "the same result comes again")
    return CheckResult("search", "limit and offset", "yes")


def _chosen(server: Server, wanted: InstanceQuery) -> FoundInstance | None:
    """Return an instance suited for tests, by search results: a large gray image.

    Otherwise any gray image, any large one, any image, or any instance.
    """
    if wanted.resource.instance:
        return next(list_instances(server, wanted, MatchReport()), None)
    best: FoundInstance | None = None
    for place in islice(_places(server, wanted), _LOOKED_AT):
        one = wanted._replace(resource=place, limit=1)
        for summary in list_instances(server, one, MatchReport()):
            if best is None or _worth(summary) > _worth(best):
                best = summary
        if best is not None and all(_worth(best)):
            break
    return best


def _worth(summary: FoundInstance) -> tuple[bool, bool, bool]:
    """Return the value of an instance for tests: windows need gray, sizes need pixels."""
    is_image = bool(summary.rows and summary.columns)
    is_gray = is_image and summary.photometric.startswith("MONOCHROME")
    return is_image, is_gray, min(summary.rows, summary.columns) > _SOME_SIZE


def _described(summary: FoundInstance) -> str:
    size = f"{summary.columns} x {summary.rows}" if summary.rows and summary.columns else "no image"
    words = (summary.instance, summary.modality, size, summary.photometric)
    return ", ".join(filter(None, words))


def _places(server: Server, wanted: InstanceQuery) -> Iterator[Resource]:
    """Yield the series to search: the given one, or those of the first studies of the server.

    Series that hold no images come last.
    """
    if wanted.resource.series:
        yield wanted.resource
        return
    studies = [wanted.resource.study]
    if not wanted.resource.study:
        asked = SearchRequest("studies", Resource(), wanted.matches_at("studies"), limit=_LOOKED_AT)
        studies = [text(study, "0020000D") for study in server.search(asked, MatchReport())]
    others: list[Resource] = []
    for study in studies:
        asked = SearchRequest(
            "series", Resource(study), wanted.matches_at("series"), limit=_LOOKED_AT
        )
        for series in server.search(asked, MatchReport()):
            place = Resource(study, text(series, "0020000E"))
            if text(series, "00080060") in _WITHOUT_IMAGES:
                others.append(place)
            else:
                yield place
    yield from others
