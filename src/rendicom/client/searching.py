"""Searches (QIDO-RS) with paging."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from rendicom.client.connection_settings import host_of
from rendicom.client.matching import MatchChecks, MatchReport
from rendicom.client.response_models import Model, models_of, text
from rendicom.dicomweb.accepts import DICOM_JSON
from rendicom.dicomweb.search_parameters import SearchLevel
from rendicom.errors import BadRequestError, WireError

if TYPE_CHECKING:
    from rendicom.client.server_profiles import ServerProfile
    from rendicom.client.session import Session
    from rendicom.dicomweb.resources import Resource
    from rendicom.dicomweb.search_parameters import Pairs

_UIDS: dict[SearchLevel, tuple[str, ...]] = {
    "studies": ("0020000D",),
    "series": ("0020000D", "0020000E"),
    "instances": ("0020000D", "0020000E", "00080018"),
}
_MOST_PAGES = 1_000_000
_MOST_LEFT_OUT = 1000
"""Number of results that do not match, after which a page without matches is the last."""


class SearchRequest(NamedTuple):
    """The level, keys and limits of a search."""

    level: SearchLevel
    """The level of the results."""
    below: Resource
    """A study, or a series, that results lie in; empty for the whole server."""
    matches: Pairs = ()
    """Attributes, by keyword or tag, and their required values."""
    include: tuple[str, ...] = ()
    """Attributes to request besides those that every server returns."""
    limit: int | None = None
    """Results at most; None for all."""
    offset: int = 0
    """Number of results to skip."""
    is_fuzzy: bool = False

    def path(self) -> str:
        """Return the path of the search below the base."""
        above = "" if not self.below.study else self.below.path
        return f"{above}/{self.level}"


def search(
    session: Session, profile: ServerProfile, asked: SearchRequest, report: MatchReport
) -> Iterator[Model]:
    """Yield the results that match, page by page; ``report`` gets those that do not.

    Servers have limits, so a short page is not the end; a page without new results is.

    Raises
    ------
    WireError, UnreadableSourceError, TooLargeError
    """
    checks = MatchChecks(asked.matches, asked.level, is_fuzzy=asked.is_fuzzy)
    include = tuple(dict.fromkeys((*asked.include, *checks.include())))
    plain, asked = asked, asked._replace(include=include)
    known: set[tuple[str, ...]] = set()
    left, offset = asked.limit, asked.offset
    for _ in range(_MOST_PAGES):
        size = profile.page if left is None else min(profile.page, left)
        if size == 0:
            return
        try:
            page = _page(session, asked, size=size, offset=offset)
        except BadRequestError:
            if not known and asked != plain:
                # The server may refuse attributes that it cannot return.
                asked = plain
                continue
            # Some servers ignore the offset, and return all results at once.
            if known and len(known) % size:
                return
            raise
        fresh = list(_unseen(page, known, asked.level))
        kept = [model for model in fresh if checks.is_met(model, report)]
        yield from kept if left is None else kept[:left]
        if left is not None:
            left -= len(kept)
        if not fresh or (left is not None and left <= 0):
            return
        if not kept and report.left_out >= _MOST_LEFT_OUT:
            return
        offset += len(page)
    raise WireError("the server returns results without end")


def _page(session: Session, asked: SearchRequest, *, size: int, offset: int) -> list[Model]:
    pairs = [*asked.matches, *(("includefield", name) for name in asked.include)]
    if asked.is_fuzzy and "fuzzymatching" not in dict(pairs):
        pairs.append(("fuzzymatching", "true"))
    pairs += [("limit", str(size))]
    pairs += [("offset", str(offset))] if offset else []
    url = session.url(asked.path(), query_text(pairs))
    limit = session.connection.limits.text
    answer = session.get(url, DICOM_JSON, limit=limit, compressed=True)
    return models_of(answer, host=host_of(url))


def _unseen(
    page: Iterable[Model], known: set[tuple[str, ...]], level: SearchLevel
) -> Iterator[Model]:
    for model in page:
        key = tuple(text(model, tag) for tag in _UIDS[level])
        # Results without a UID can neither be distinguished nor retrieved.
        if key[-1] and key not in known:
            known.add(key)
            yield model


def query_text(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a query; commas and carets are not escaped, as some servers do not decode them."""
    return "&".join(f"{quote(name)}={quote(value, safe=',:*?/^')}" for name, value in pairs)
