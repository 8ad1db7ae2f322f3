"""Searches (QIDO-RS): all results, however a server cuts them into pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import quote

from rendicom.client.connection import host_of
from rendicom.client.models import Model, models_of, text
from rendicom.dicomweb.accepts import DICOM_JSON
from rendicom.errors import BadRequestError, WireError

if TYPE_CHECKING:
    from rendicom.client.addresses import Pairs
    from rendicom.client.habits import Habits
    from rendicom.client.session import Session
    from rendicom.dicomweb.resources import Resource

__all__ = ["Level", "Search", "query_text", "search"]

Level = Literal["studies", "series", "instances"]

_UIDS: dict[Level, tuple[str, ...]] = {
    "studies": ("0020000D",),
    "series": ("0020000D", "0020000E"),
    "instances": ("0020000D", "0020000E", "00080018"),
}
_MOST_PAGES = 1_000_000


class Search(NamedTuple):
    """What is searched for.

    Attributes
    ----------
    level
        What a result is.
    below
        A study, or a series, that results lie in; empty for the whole server.
    matches
        Attributes, by keyword or tag, and what they have to be.
    include
        Attributes that are wanted beside those that every server gives.
    limit
        Results at most; None for all.
    offset
        Results to pass over.
    """

    level: Level
    below: Resource
    matches: Pairs = ()
    include: tuple[str, ...] = ()
    limit: int | None = None
    offset: int = 0
    is_fuzzy: bool = False

    def path(self) -> str:
        """Return the path of the search below the base."""
        above = "" if not self.below.study else self.below.path
        return f"{above}/{self.level}"


def search(session: Session, habits: Habits, asked: Search) -> Iterator[Model]:
    """Yield the results, page by page.

    A page that is shorter than asked for says nothing: servers have limits of their own. The end
    is a page without anything new.

    Raises
    ------
    WireError, UnreadableSourceError, TooLargeError
    """
    known: set[tuple[str, ...]] = set()
    left, offset = asked.limit, asked.offset
    for _ in range(_MOST_PAGES):
        size = habits.page if left is None else min(habits.page, left)
        if size == 0:
            return
        try:
            page = _page(session, asked, size=size, offset=offset)
        except BadRequestError:
            # Some know no offset, and gave all there is at once.
            if known and len(known) % size:
                return
            raise
        fresh = list(_unseen(page, known, asked.level))
        yield from fresh if left is None else fresh[:left]
        if left is not None:
            left -= len(fresh)
        if not fresh or (left is not None and left <= 0):
            return
        offset += len(page)
    raise WireError("the server has no end of results")


def _page(session: Session, asked: Search, *, size: int, offset: int) -> list[Model]:
    pairs = [*asked.matches, *(("includefield", name) for name in asked.include)]
    pairs += [("fuzzymatching", "true")] if asked.is_fuzzy else []
    pairs += [("limit", str(size))]
    pairs += [("offset", str(offset))] if offset else []
    url = session.url(asked.path(), query_text(pairs))
    limit = session.connection.limits.text
    answer = session.get(url, DICOM_JSON, limit=limit, compressed=True)
    return models_of(answer, host=host_of(url))


def _unseen(page: Iterable[Model], known: set[tuple[str, ...]], level: Level) -> Iterator[Model]:
    for model in page:
        key = tuple(text(model, tag) for tag in _UIDS[level])
        # What has no name cannot be told apart, or asked for.
        if key[-1] and key not in known:
            known.add(key)
            yield model


def query_text(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a query; commas stay as they are, since some servers read no others."""
    return "&".join(f"{quote(name)}={quote(value, safe=',:*?/')}" for name, value in pairs)
