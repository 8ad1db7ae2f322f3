"""Input sources: files, or another supplier of instances such as a DICOMweb server.

A run over files has no `InputSource`. A run over a server gets one, which travels to the workers
in the recipe and opens units there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

from rendicom.batch.sources import is_address, open_unit

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from rendicom.batch.identity import Subject
    from rendicom.batch.sources import Unit


_MOST_AHEAD = 24
"""Objects fetched at once: enough to hide a latency of 20 ms at 1 ms per picture."""


class UnitOpener(Protocol):
    """Opens the units of one chunk, in their order."""

    def instance(self, unit: Unit) -> Subject:
        """Return the open instance, which the caller closes.

        Its optional attribute ``rendering`` tells who renders the pictures, and why.

        Raises
        ------
        RendicomError
        """
        ...

    def summary(self, unit: Unit) -> Subject:
        """Return an instance whose header suffices for names; it may be unable to render."""
        ...

    def content(self, unit: Unit) -> str | bytes | memoryview | BinaryIO:
        """Return the whole object, for `rendicom.engine.open_instance`."""
        ...

    def texts(self, unit: Unit, keywords: Sequence[str]) -> dict[str, str]:
        """Return the first value of attributes by keyword, empty without a value."""
        ...


class InputSource(Protocol):
    """Makes unit openers; small and picklable, as it is sent to the workers."""

    def words(self) -> str:
        """Return what determines the pictures besides the options; ``--resume`` compares it."""
        ...

    def opening(self, units: Sequence[Unit], /) -> AbstractContextManager[UnitOpener]:
        """Return a context in which ``units`` are opened; later ones may be fetched ahead."""
        ...


@contextmanager
def open_units(
    source: InputSource | None, units: Sequence[Unit], *, base: str
) -> Iterator[UnitOpener]:
    """Yield the opener for the units of a chunk; ``base`` is as in `sources.open_unit`."""
    if source is None:
        with _FileOpener(base) if len(units) < 2 else _FetchingOpener(base, units) as opener:
            yield opener
        return
    with source.opening(units) as opener:
        yield opener


class _FileOpener:
    """Opens units that are files, members of archives or objects in a store."""

    def __init__(self, base: str) -> None:
        self._base = base

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: instances are closed by their users."""

    def instance(self, unit: Unit) -> Subject:
        from rendicom.engine import open_instance

        return open_instance(self.content(unit), threads=1)

    def summary(self, unit: Unit) -> Subject:
        return self.instance(unit)

    def content(self, unit: Unit) -> str | BinaryIO:
        return open_unit(unit, base=self._base)

    def texts(self, unit: Unit, keywords: Sequence[str]) -> dict[str, str]:
        from rendicom.batch.identity import patient_fields

        return patient_fields(self.content(unit), keywords)


class _Learned:
    """Number of objects to fetch ahead, learned by this process so far."""

    ahead = 1


class _FetchingOpener(_FileOpener):
    """Fetches objects of a store ahead of their use.

    The number of objects ahead is as small as possible, as each takes memory: it grows by one each
    time that an object is late, and is kept for the process.
    """

    def __init__(self, base: str, units: Sequence[Unit]) -> None:
        super().__init__(base)
        self._left = deque(unit for unit in units if is_address(unit.source))
        self._fetched: dict[Unit, Future[str | BinaryIO]] = {}

    def __exit__(self, *_: object) -> None:
        for future in self._fetched.values():
            future.cancel()

    def content(self, unit: Unit) -> str | BinaryIO:
        future = self._fetched.pop(unit, None)
        if self._left and self._left[0] == unit:
            self._left.popleft()
        if self._left:
            self._fetch_ahead()
        if future is None:
            return super().content(unit)
        if not future.done():
            _Learned.ahead = min(_Learned.ahead + 1, _MOST_AHEAD)
        return future.result()

    def _fetch_ahead(self) -> None:
        while self._left and len(self._fetched) < _Learned.ahead:
            unit = self._left.popleft()
            self._fetched[unit] = _fetchers().submit(super().content, unit)


@cache
def _fetchers() -> Executor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(_MOST_AHEAD, "fetch")
