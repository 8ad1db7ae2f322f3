"""What the catalogue says, asked in threads and remembered for a moment."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from rendicom.dicomweb.resources import Resource
from rendicom.errors import DeletedResourceError, NoSuchResourceError

if TYPE_CHECKING:
    from rendicom.index.catalogue import Catalogue, Entry

__all__ = ["Lookup"]

_T = TypeVar("_T")

_SECONDS = 1.0
"""How long an instance may be answered for after it was changed: less than a scan takes."""
_MOST = 10_000


class Lookup:
    """Finds instances. For the event loop only.

    Parameters
    ----------
    catalogue
        Where they are listed.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._recent: OrderedDict[tuple[str, str, str], tuple[Entry, float]] = OrderedDict()

    async def entry(self, resource: Resource) -> Entry:
        """Return the one instance of a resource.

        Raises
        ------
        NoSuchResourceError, DeletedResourceError
        """
        key = (resource.study, resource.series, resource.instance)
        recent = self.recent(*key)
        if recent is not None:
            return recent
        found = await asyncio.to_thread(self._catalogue.entry, *key)
        if found is None:
            await self._raise_absent(resource)
            raise AssertionError
        self._recent[key] = (found, monotonic() + _SECONDS)
        self._recent.move_to_end(key)
        if len(self._recent) > _MOST:
            self._recent.popitem(last=False)
        return found

    def recent(self, study: str, series: str, instance: str) -> Entry | None:
        """Return an instance if it was found a moment ago."""
        found = self._recent.get((study, series, instance))
        return found[0] if found is not None and monotonic() < found[1] else None

    async def entries(self, resource: Resource) -> list[Entry]:
        """Return all instances of a study, series or instance, in the order of their numbers.

        Raises
        ------
        NoSuchResourceError, DeletedResourceError
        """
        if resource.instance:
            return [await self.entry(resource)]
        found = await asyncio.to_thread(
            lambda: list(self._catalogue.entries(resource.study, resource.series))
        )
        if not found:
            await self._raise_absent(resource)
        return found

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
            await self._raise_absent(resource)
            raise AssertionError
        return found

    async def stamp(self, resource: Resource) -> str:
        """Return what changes whenever anything of the resource does."""
        return await asyncio.to_thread(
            self._catalogue.stamp, resource.study, resource.series, resource.instance
        )

    def forget(self) -> None:
        """Ask anew: something was stored or deleted."""
        self._recent.clear()

    async def _raise_absent(self, resource: Resource) -> None:
        parts = (resource.study, resource.series, resource.instance)
        status = await asyncio.to_thread(self._catalogue.status, *parts)
        kind = "instance" if resource.instance else "series" if resource.series else "study"
        if status == "deleted":
            raise DeletedResourceError(f"the {kind} was deleted")
        raise NoSuchResourceError(
            f"there is no such {kind} here", hint="a search at /studies lists what there is"
        )


async def in_thread(function: Callable[[], _T]) -> _T:
    """Return what a blocking function returns."""
    return await asyncio.to_thread(function)
