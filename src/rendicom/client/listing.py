"""All instances that somebody wants, found by searches, or by metadata where none are offered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from rendicom.client.models import Model, text
from rendicom.client.searching import Search
from rendicom.client.summary import INCLUDED, Summary
from rendicom.dicomweb.resources import Resource
from rendicom.errors import (
    BadRequestError,
    ForbiddenError,
    NoSuchResourceError,
    NotAcceptableError,
    NotSupportedError,
    RendicomError,
    WireError,
)

if TYPE_CHECKING:
    from rendicom.client.addresses import Pairs
    from rendicom.client.server import Server

__all__ = ["Wanted", "list_instances"]

_NO_SEARCH = (
    BadRequestError,
    ForbiddenError,
    NoSuchResourceError,
    NotAcceptableError,
    NotSupportedError,
)
"""How servers say that they offer no such search."""
# Longer than a UID may be: there are such, and their servers know them.
_NAME = re.compile(r"(?!\.+$)[0-9A-Za-z.-]{1,128}", re.ASCII)
_OF_SERIES = frozenset(
    (
        "modality", "00080060", "seriesinstanceuid", "0020000e", "seriesnumber", "00200011",
        "seriesdescription", "0008103e", "bodypartexamined", "00180015",
        "performedprocedurestepstartdate", "00400244", "performedprocedurestepstarttime",
        "00400245", "requestattributessequence", "00400275",
    )
)  # fmt: skip
_OF_INSTANCES = frozenset(
    ("sopclassuid", "00080016", "sopinstanceuid", "00080018", "instancenumber", "00200013")
)


class Wanted(NamedTuple):
    """Which instances are wanted.

    Attributes
    ----------
    resource
        What they lie below; empty for the whole server.
    matches
        Attributes and what they have to be.
    modalities, series
        Only these; all where empty.
    limit
        Instances at most; None for all.
    """

    resource: Resource
    matches: Pairs = ()
    modalities: frozenset[str] = frozenset()
    series: frozenset[str] = frozenset()
    limit: int | None = None
    is_fuzzy: bool = False

    def matches_at(self, level: str) -> Pairs:
        """Return the matches that belong to a level: ``studies``, ``series``, ``instances``."""
        found = [pair for pair in self.matches if _level_of(pair[0]) == level]
        only = next(iter(self.modalities)) if len(self.modalities) == 1 else ""
        if only and level != "instances":
            found.append(("ModalitiesInStudy" if level == "studies" else "Modality", only))
        return tuple(found)


def _level_of(name: str) -> str:
    first = name.partition(".")[0].lower()
    if first in _OF_INSTANCES:
        return "instances"
    return "series" if first in _OF_SERIES else "studies"


def list_instances(server: Server, wanted: Wanted) -> Iterator[Summary]:
    """Yield the instances, those of a series together and in the order of their numbers.

    Raises
    ------
    WireError, UnreadableSourceError, TooLargeError
        The server does not say, or says what nobody can use.
    """
    found = _found(server, wanted)
    for count, summary in enumerate(found, start=1):
        for name in summary.resource[:3]:
            # They become paths, of files here and of requests.
            if not _NAME.fullmatch(name):
                raise WireError(f"{server.host} names an instance by what can be no UID")
        yield summary
        if count == wanted.limit:
            return


def _found(server: Server, wanted: Wanted) -> Iterator[Summary]:
    resource = wanted.resource
    if resource.instance:
        yield _single(server, resource)
    elif resource.series:
        yield from _in_series(server, wanted, resource, None)
    elif resource.study:
        yield from _in_study(server, wanted, resource)
    else:
        yield from _everywhere(server, wanted)


def _single(server: Server, resource: Resource) -> Summary:
    """Return what can be found out of one instance; its name is enough where nothing can."""
    whole = Resource(*resource[:3])
    if server.is_wado_uri:
        return Summary(*whole[:3])
    asked = Search("instances", whole.parent, (("SOPInstanceUID", whole.instance),), INCLUDED)
    try:
        models = [each for each in server.search(asked) if text(each, "00080018") == whole.instance]
        if not models:
            models = server.metadata(whole)
    except _NO_SEARCH:
        models = _metadata_or_nothing(server, whole)
    if not models:
        return Summary(*whole[:3])
    summary = Summary.of(models[0], below=whole)
    return summary._replace(study=whole.study, series=whole.series, instance=whole.instance)


def _metadata_or_nothing(server: Server, whole: Resource) -> list[Model]:
    try:
        return server.metadata(whole)
    except NoSuchResourceError:
        raise
    except RendicomError:
        return []


def _everywhere(server: Server, wanted: Wanted) -> Iterator[Summary]:
    matches = wanted.matches_at("studies")
    asked = Search("studies", Resource(), matches, is_fuzzy=wanted.is_fuzzy)
    for study in server.search(asked):
        yield from _in_study(server, wanted, Resource(text(study, "0020000D")))


def _in_study(server: Server, wanted: Wanted, study: Resource) -> Iterator[Summary]:
    asked = Search("series", study, wanted.matches_at("series"), ("SeriesNumber",))
    try:
        results = list(server.search(asked))
    except _NO_SEARCH:
        yield from _by_metadata(server, wanted, study)
        return
    for model in _ordered(results, "00200011", "0020000E"):
        if _is_wanted(model, wanted):
            below = Resource(study.study, text(model, "0020000E"))
            yield from _in_series(server, wanted, below, model)


def _is_wanted(series: Model, wanted: Wanted) -> bool:
    modality = text(series, "00080060").upper()
    if wanted.modalities and modality and modality not in wanted.modalities:
        return False
    return not wanted.series or text(series, "0020000E") in wanted.series


def _in_series(
    server: Server, wanted: Wanted, below: Resource, series: Model | None
) -> Iterator[Summary]:
    limit = wanted.limit if wanted.limit is not None and not wanted.matches else None
    asked = Search("instances", below, wanted.matches_at("instances"), INCLUDED, limit=limit)
    try:
        results = list(server.search(asked))
    except _NO_SEARCH:
        yield from _by_metadata(server, wanted, below)
        return
    for model in _ordered(results, "00200013", "00080018"):
        yield Summary.of(model, series=series, below=below)


def _by_metadata(server: Server, wanted: Wanted, below: Resource) -> Iterator[Summary]:
    if wanted.matches:
        raise NotSupportedError(f"{server.host} offers no search: leave the matches out")
    models = server.metadata(below)
    for model in _ordered(models, "00200013", "00080018"):
        if _is_wanted(model, wanted):
            yield Summary.of(model, below=below)


def _ordered(models: Iterable[Model], number: str, name: str) -> list[Model]:
    """Return results by number and name: servers have orders of their own."""

    def key(model: Model) -> tuple[float, str]:
        said = text(model, number)
        digits = said.removeprefix("-")
        return float(said) if digits.isdigit() and digits.isascii() else 1e300, text(model, name)

    return sorted(models, key=key)
