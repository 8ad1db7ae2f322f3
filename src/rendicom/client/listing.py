"""Lists the instances of a query by searches, or by metadata where search is not supported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from rendicom.client.found_instance import INCLUDED, FoundInstance
from rendicom.client.matching import MatchChecks, MatchReport, check_keys, level_of_key
from rendicom.client.response_models import Model, text
from rendicom.client.searching import SearchRequest
from rendicom.dicomweb.resources import Resource
from rendicom.dicomweb.search_parameters import FLAGS, SearchLevel
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
    from rendicom.client.server import Server
    from rendicom.dicomweb.search_parameters import Pairs

_NO_SEARCH = (
    BadRequestError,
    ForbiddenError,
    NoSuchResourceError,
    NotAcceptableError,
    NotSupportedError,
)
"""Errors of servers that do not support a search."""
_MODALITIES = "ModalitiesInStudy"
# Some servers use UIDs longer than the standard allows.
_NAME = re.compile(r"(?!\.+$)[0-9A-Za-z.-]{1,128}", re.ASCII)


class InstanceQuery(NamedTuple):
    """The instances to list."""

    resource: Resource
    """Study or series to list; empty for the whole server."""
    matches: Pairs = ()
    """Attributes and their required values."""
    modalities: frozenset[str] = frozenset()
    series: frozenset[str] = frozenset()
    """Only these; empty for all."""
    limit: int | None = None
    """Largest number of instances; None for all."""
    is_fuzzy: bool = False
    page: tuple[str, int | None, int] | None = None
    """Level, limit and offset of one search: that of a URL with ``limit`` or ``offset``."""

    @property
    def is_choosy(self) -> bool:
        """Tell whether instances below the resource may be excluded."""
        return bool(self.matches or self.modalities or self.series)

    def keys_at(self, level: SearchLevel) -> Pairs:
        """Return the matches of a level, with the flags."""
        return tuple(
            pair for pair in self.matches if pair[0] in FLAGS or level_of_key(pair[0]) == level
        )

    def matches_at(self, level: SearchLevel) -> Pairs:
        """Return the conditions on the results of a level: its keys, and the modality."""
        only = next(iter(self.modalities)) if len(self.modalities) == 1 else ""
        if not only or level == "instances":
            return self.keys_at(level)
        return (*self.keys_at(level), (_MODALITIES if level == "studies" else "Modality", only))


def list_instances(
    server: Server, wanted: InstanceQuery, report: MatchReport | None = None
) -> Iterator[FoundInstance]:
    """Yield the instances by series, in the order of their numbers.

    Results that do not match are left out; without a ``report`` that counts them, they raise an
    error at the end.

    Raises
    ------
    OptionError
        A key or value is invalid; no request was sent.
    WireError, UnreadableSourceError, TooLargeError
        The server refuses, or its response is unusable.
    """
    check_keys(wanted.matches)
    told = report or MatchReport()
    found = _InstanceSearch(server, wanted, told).instances()
    for count, summary in enumerate(found, start=1):
        for name in summary.resource[:3]:
            # They become parts of file paths and URLs.
            if not _NAME.fullmatch(name):
                raise WireError(f"{server.host} names an instance by an invalid UID")
        yield summary
        if count == wanted.limit:
            break
    if report is None:
        told.conclude(server.host)


def _single(server: Server, resource: Resource) -> FoundInstance:
    """Return a single instance with its attributes, or with its UIDs only."""
    whole = Resource(*resource[:3])
    if server.is_wado_uri:
        return FoundInstance(*whole[:3])
    asked = SearchRequest(
        "instances", whole.parent, (("SOPInstanceUID", whole.instance),), INCLUDED
    )
    try:
        # Additional results are ignored.
        models = list(server.search(asked, MatchReport()))
        models = [each for each in models if text(each, "00080018") == whole.instance]
        if not models:
            models = server.metadata(whole)
    except _NO_SEARCH:
        try:
            models = server.metadata(whole)
        except NoSuchResourceError:
            raise
        except RendicomError:
            models = []
    if not models:
        return FoundInstance(*whole[:3])
    summary = FoundInstance.of(models[0], below=whole)
    return summary._replace(study=whole.study, series=whole.series, instance=whole.instance)


class _InstanceSearch:
    """Searches from studies down to instances, each level by its own keys."""

    def __init__(self, server: Server, wanted: InstanceQuery, report: MatchReport) -> None:
        self._server, self._wanted, self._report = server, wanted, report
        self._unverified: dict[str, None] = {}
        """Keys of studies and series that a search did not return, to check in metadata."""

    def instances(self) -> Iterator[FoundInstance]:
        """Yield the instances."""
        resource = self._wanted.resource
        if resource.instance and (self._server.is_wado_uri or not self._wanted.is_choosy):
            yield _single(self._server, resource)
        elif not resource.study:
            for model in self._found("studies", Resource(), self._wanted.matches_at("studies")):
                if not any(name == _MODALITIES for name, _ in self._wanted.matches):
                    # The modality of each series decides.
                    self._unverified.pop(_MODALITIES, None)
                yield from self._in_study(Resource(text(model, "0020000D")))
        else:
            yield from self._in_named_study(resource)

    def _in_named_study(self, resource: Resource) -> Iterator[FoundInstance]:
        matches = self._wanted.keys_at("studies")
        study = Resource(resource.study)
        if matches:
            matches = (*matches, ("StudyInstanceUID", resource.study))
            try:
                results = list(self._found("studies", Resource(), matches))
            except _NO_SEARCH:
                yield from self._by_metadata(resource._replace(frames=()))
                return
            if not results:
                return
        yield from self._in_study(study)

    def _in_study(self, study: Resource) -> Iterator[FoundInstance]:
        wanted, named = self._wanted, self._wanted.resource.series
        matches = wanted.matches_at("series")
        if named:
            below = Resource(study.study, named)
            if not matches and not wanted.modalities and not wanted.series:
                yield from self._in_series(below, None)
                return
            matches = (*matches, ("SeriesInstanceUID", named))
        include = ("Modality", "SeriesNumber")
        try:
            results = list(self._found("series", study, matches, include))
        except _NO_SEARCH:
            yield from self._by_metadata(Resource(study.study, named, wanted.resource.instance))
            return
        for model in _ordered(results, "00200011", "0020000E"):
            if _is_wanted(model, wanted):
                below = Resource(study.study, text(model, "0020000E") or named)
                yield from self._in_series(below, model)

    def _in_series(self, below: Resource, series: Model | None) -> Iterator[FoundInstance]:
        wanted, named = self._wanted, self._wanted.resource.instance
        limit = wanted.limit if wanted.limit is not None and not wanted.matches else None
        seen = MatchReport()
        matches = wanted.matches_at("instances")
        if named:
            matches = (*matches, ("SOPInstanceUID", named))
        try:
            results = list(self._found("instances", below, matches, INCLUDED, limit, seen))
        except _NO_SEARCH:
            yield from self._by_metadata(Resource(below.study, below.series, named))
            return
        above = tuple(pair for pair in wanted.matches if pair[0] in self._unverified)
        if results and (seen.unchecked or above):
            results = self._told_by_metadata(below, matches, above, results, seen)
        self._report.add(seen)
        for model in _ordered(results, "00200013", "00080018"):
            yield FoundInstance.of(model, series=series, below=below)

    def _by_metadata(self, below: Resource) -> Iterator[FoundInstance]:
        """Yield instances found in metadata that match all conditions."""
        wanted = self._wanted
        checks = MatchChecks(wanted.matches, "instances", is_fuzzy=wanted.is_fuzzy)
        # The server was not asked to filter: results that do not match are not an error.
        seen = MatchReport()
        models = [
            model
            for model in self._server.metadata(below)
            if checks.is_met(model, seen, is_whole=True) and _is_wanted(model, wanted)
        ]
        self._report.unchecked.update(seen.unchecked)
        for model in _ordered(models, "00200013", "00080018"):
            yield FoundInstance.of(model, below=below)

    def _found(
        self,
        level: SearchLevel,
        below: Resource,
        matches: Pairs,
        include: tuple[str, ...] = (),
        limit: int | None = None,
        report: MatchReport | None = None,
    ) -> Iterator[Model]:
        asked = SearchRequest(level, below, matches, include, limit, is_fuzzy=self._wanted.is_fuzzy)
        if self._wanted.page is not None and self._wanted.page[0] == level:
            asked = asked._replace(limit=self._wanted.page[1], offset=self._wanted.page[2])
        if report is not None:
            yield from self._server.search(asked, report)
            return
        seen = MatchReport()
        try:
            for model in self._server.search(asked, seen):
                self._unverified.update(seen.unchecked)
                yield model
        finally:
            self._report.leave_out(seen.left_out, seen.differing)

    def _told_by_metadata(
        self, below: Resource, matches: Pairs, above: Pairs, results: list[Model], seen: MatchReport
    ) -> list[Model]:
        """Return the results whose metadata match the keys that a search did not return.

        ``above`` are keys of the study and series, which only metadata can confirm.
        """
        try:
            models = self._server.metadata(below)
        except RendicomError:
            if not above:
                return results
            models = []
        seen.unchecked.clear()
        checks = MatchChecks((*matches, *above), "instances", is_fuzzy=self._wanted.is_fuzzy)
        whole = {text(model, "00080018"): model for model in models}
        return [
            each for each in results
            if checks.is_met({**each, **whole.get(text(each, "00080018"), {})}, seen, is_whole=True)
        ]  # fmt: skip


def _is_wanted(series: Model, wanted: InstanceQuery) -> bool:
    modality = text(series, "00080060").upper()
    if wanted.modalities and modality and modality not in wanted.modalities:
        return False
    return not wanted.series or text(series, "0020000E") in wanted.series


def _ordered(models: Iterable[Model], number: str, name: str) -> list[Model]:
    """Return results sorted by number and UID, as the order of servers varies."""

    def key(model: Model) -> tuple[float, str]:
        said = text(model, number)
        digits = said.removeprefix("-")
        return float(said) if digits.isdigit() and digits.isascii() else 1e300, text(model, name)

    return sorted(models, key=key)
