"""Looks up instances in the catalogue, in threads, with a cache of about a second."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from rendicom.dicomweb.resources import Resource
from rendicom.errors import DeletedResourceError, NoSuchResourceError, WireError

if TYPE_CHECKING:
    from rendicom.index.catalogue import Catalogue, Entry

_T = TypeVar("_T")

_SECONDS = 1.0
"""Seconds that a lookup stays valid after a change: less than a scan takes."""
_MOST = 10_000
_MOST_NAMED = 16


class Lookup:
    """Finds instances. For the event loop only.

    Results are cached until the catalogue changes, which is checked once a second.

    Parameters
    ----------
    catalogue
        The catalogue that lists them.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._recent: OrderedDict[tuple[str, ...], Entry] = OrderedDict()
        self._named: OrderedDict[tuple[str, ...], list[Entry]] = OrderedDict()
        self._state: Hashable = None
        self._valid_until = 0.0
        self._check: asyncio.Task[None] | None = None

    async def entry(self, resource: Resource) -> Entry:
        """Return the one instance of a resource.

        Raises
        ------
        NoSuchResourceError, DeletedResourceError
        """
        key = (resource.study, resource.series, resource.instance)
        found = self.recent(*key)
        if found is None:
            found = await self._ask(self._recent, key, partial(self._catalogue.entry, *key), _MOST)
        if found is None:
            raise await self._absence(resource)
        return found

    def recent(self, study: str, series: str, instance: str) -> Entry | None:
        """Return a cached instance, if the catalogue had not changed a second ago."""
        if monotonic() >= self._valid_until:
            return None
        return self._recent.get((study, series, instance))

    async def _ask(
        self,
        kept: OrderedDict[tuple[str, ...], _T],
        key: tuple[str, ...],
        ask: Callable[[], _T | None],
        most: int,
    ) -> _T | None:
        """Return a cached result, or that of a query in a thread; None if there is no match."""
        if monotonic() >= self._valid_until:
            if self._check is None:
                self._check = asyncio.create_task(self._compare())
            await asyncio.shield(self._check)
        if key in kept:
            return kept[key]
        state = self._state
        found = await asyncio.to_thread(ask)
        if found is not None and state == self._state:
            kept[key] = found
            if len(kept) > most:
                kept.popitem(last=False)
        return found

    async def _compare(self) -> None:
        """Forget everything if the catalogue has changed; requests share one check."""
        try:
            valid_until = monotonic() + _SECONDS
            state = await asyncio.to_thread(self._catalogue.state)
            if state != self._state:
                self.forget()
            self._state, self._valid_until = state, valid_until
        finally:
            self._check = None

    async def entries(self, resource: Resource) -> list[Entry]:
        """Return all instances of a study, series or instance, in the order of their numbers.

        Raises
        ------
        NoSuchResourceError, DeletedResourceError
        """
        if resource.instance:
            known = self.recent(resource.study, resource.series, resource.instance)
            return [await self.entry(resource) if known is None else known]
        found = await asyncio.to_thread(
            lambda: list(self._catalogue.entries(resource.study, resource.series))
        )
        if not found:
            raise await self._absence(resource)
        return found

    async def named(self, uids: tuple[str, ...]) -> list[Entry]:
        """Return the instances of SOP Instance or Series Instance UIDs, in any study."""
        ask = partial(self._catalogue.named, uids)
        return await self._ask(self._named, uids, ask, _MOST_NAMED) or []

    async def representative(self, resource: Resource) -> Entry:
        """Return the instance that a thumbnail of the resource shows.

        Raises
        ------
        NoSuchResourceError, DeletedResourceError
        """
        if resource.instance:
            return await self.entry(resource)
        found = await asyncio.to_thread(
            self._catalogue.representative, resource.study, resource.series
        )
        if found is None:
            raise await self._absence(resource)
        return found

    def forget(self) -> None:
        """Ask anew: something was stored or deleted."""
        self._recent.clear()
        self._named.clear()
        self._state, self._valid_until = None, 0.0

    async def _absence(self, resource: Resource) -> WireError:
        status = await asyncio.to_thread(self._catalogue.status, *resource[:3])
        kind = "instance" if resource.instance else "series" if resource.series else "study"
        if status == "deleted":
            return DeletedResourceError(f"the {kind} was deleted")
        return NoSuchResourceError(
            f"there is no such {kind} here", hint="a search at /studies lists all studies"
        )
