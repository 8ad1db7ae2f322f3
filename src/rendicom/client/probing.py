"""What a server does, found out by asking: each ability is tried on one instance.

What comes back is held against the picture that the engine makes of the same instance, so that a
parameter which is accepted and then ignored does not pass for done.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from rendicom.client.findings import Finding
from rendicom.client.instancetrials import InstanceTrials
from rendicom.client.listing import Wanted, list_instances
from rendicom.client.models import models_of, text
from rendicom.client.searching import Search
from rendicom.client.session import Answer
from rendicom.dicomweb.accepts import DICOM_JSON
from rendicom.dicomweb.capabilities import WADL_JSON
from rendicom.dicomweb.resources import Resource
from rendicom.errors import RendicomError, WireError

if TYPE_CHECKING:
    from rendicom.client.server import Server

__all__ = ["probe"]

_LOOKED_AT = 20
"""Series among which one with an image is looked for."""
_WITHOUT_IMAGES = frozenset(("SR", "PR", "KO", "RTPLAN", "RTSTRUCT", "REG", "AU", "ECG", "DOC"))


def probe(server: Server, wanted: Wanted) -> Iterator[Finding]:
    """Yield what a server does, from searches to parameters of pictures.

    Raises
    ------
    UnreadableSourceError
        The server cannot be reached.
    WireError
        It lets nobody in.
    """
    yield _capabilities(server)
    yield from _searches(server, wanted)
    try:
        found = _chosen(server, wanted)
    except RendicomError as error:
        yield Finding("retrieve", "an instance to try", "no", error.message)
        return
    if found is None:
        yield Finding("retrieve", "an instance to try", "no", "the server has none that matches")
        return
    trials = InstanceTrials(server, found)
    try:
        yield from trials.retrieved()
        yield from trials.rendered()
        yield from trials.thumbnails()
    finally:
        trials.close()
    for name in ("store", "delete"):
        yield Finding("service", name, "not tried", "it would change the server")


# --- what needs no instance ---------------------------------------------------------------------


def _asked(server: Server, path: str, accept: str, *, method: str = "GET") -> Answer:
    return server.session.ask(method, server.session.url(path), accept)


def _capabilities(server: Server) -> Finding:
    answer = _asked(server, "/", WADL_JSON, method="OPTIONS")
    if answer.status != 200:
        return Finding("service", "capabilities", "no", f"status {answer.status}")
    abilities = server.abilities()
    said = ", ".join(sorted(abilities.parameters)) or "nothing about pictures that can be read"
    return Finding("service", "capabilities", "yes", said)


def _searches(server: Server, wanted: Wanted) -> Iterator[Finding]:
    study = wanted.resource.study
    tried = {"studies": "/studies?limit=2", "all series": "/series?limit=2",
             "all instances": "/instances?limit=2"}  # fmt: skip
    known: dict[str, str] = {}
    for name, path in tried.items():
        finding, first = _searched(server, name, path, most=2)
        known[name] = first
        yield finding
    study = study or known["studies"]
    if not study:
        return
    finding, series = _searched(server, "series of a study", f"/studies/{study}/series")
    yield finding
    if series:
        path = f"/studies/{study}/series/{series}/instances"
        yield _searched(server, "instances of a series", path)[0]
    yield _paging(server)


def _searched(server: Server, name: str, path: str, *, most: int = 0) -> tuple[Finding, str]:
    """Return what came of a search, and the UID of its first result."""
    answer = _asked(server, path, DICOM_JSON)
    if answer.status not in (200, 204, 206):
        return Finding("search", name, "no", f"status {answer.status}"), ""
    try:
        models = models_of(answer, host=server.host)
    except WireError as error:
        return Finding("search", name, "differs", error.message), ""
    tag = {"s": "0020000D", "r": "0020000E", "i": "00080018"}[_kind(path)]
    first = text(models[0], tag) if models else ""
    detail = f"{len(models)} {'result' if len(models) == 1 else 'results'}"
    if most and len(models) > most:
        return Finding("search", name, "yes", f"{detail}; limit is ignored"), first
    return Finding("search", name, "yes", detail), first


def _kind(path: str) -> str:
    last = path.partition("?")[0].rpartition("/")[2]
    return {"studies": "s", "series": "r", "instances": "i"}[last]


def _paging(server: Server) -> Finding:
    """Ask for the second study alone, and see whether it is another one."""
    uids = []
    for offset in (0, 1):
        answer = _asked(server, f"/studies?limit=1&offset={offset}", DICOM_JSON)
        if answer.status not in (200, 204, 206):
            return Finding("search", "limit and offset", "no", f"status {answer.status}")
        models = models_of(answer, host=server.host)
        if len(models) > 1:
            return Finding("search", "limit and offset", "ignored")
        uids.append(text(models[0], "0020000D") if models else "")
    if uids[0] and uids[0] == uids[1]:
        return Finding("search", "limit and offset", "ignored", "the same result comes again")
    return Finding("search", "limit and offset", "yes")


def _chosen(server: Server, wanted: Wanted) -> Resource | None:
    """Return the first instance that a search shows to be an image, else the first of all."""
    first: Resource | None = None
    for place in islice(_places(server, wanted), _LOOKED_AT):
        for summary in list_instances(server, wanted._replace(resource=place, limit=1)):
            first = first or summary.resource
            if summary.rows and summary.columns:
                return summary.resource
    return first


def _places(server: Server, wanted: Wanted) -> Iterator[Resource]:
    """Yield where to look: a series, and in a whole server those of its first studies.

    Series that hold no images come last.
    """
    if wanted.resource.series:
        yield wanted.resource
        return
    studies = [wanted.resource.study]
    if not wanted.resource.study:
        asked = Search("studies", Resource(), wanted.matches_at("studies"), limit=_LOOKED_AT)
        studies = [text(study, "0020000D") for study in server.search(asked)]
    others: list[Resource] = []
    for study in studies:
        asked = Search("series", Resource(study), wanted.matches_at("series"), limit=_LOOKED_AT)
        for series in server.search(asked):
            place = Resource(study, text(series, "0020000E"))
            if text(series, "00080060") in _WITHOUT_IMAGES:
                others.append(place)
            else:
                yield place
    yield from others
