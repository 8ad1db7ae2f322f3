"""Input sources: files, or another supplier of instances such as a DICOMweb server.

A run over files has no `InputSource`. A run over a server gets one, which travels to the workers
in the recipe and opens units there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, BinaryIO, Protocol

from rendicom.batch.sources import open_unit

if TYPE_CHECKING:
    from rendicom.batch.subject import Subject
    from rendicom.batch.units import Unit

__all__ = ["InputSource", "UnitOpener", "open_units"]


class UnitOpener(Protocol):
    """Opens the units of one chunk, which are asked for in their order."""

    def instance(self, unit: Unit) -> Subject:
        """Return the open instance, which the caller closes.

        Its attribute ``rendering``, if there is one, says who renders the pictures, and why.

        Raises
        ------
        RendicomError
        """
        ...

    def summary(self, unit: Unit) -> Subject:
        """Return an instance whose header is enough for names; it need not render."""
        ...

    def content(self, unit: Unit) -> str | bytes | memoryview | BinaryIO:
        """Return the whole object, for `rendicom.engine.open_instance`."""
        ...

    def texts(self, unit: Unit, keywords: Sequence[str]) -> dict[str, str]:
        """Return the first value of attributes by keyword, empty without a value."""
        ...


class InputSource(Protocol):
    """Makes unit openers; travels to the workers, so it is small and can be pickled."""

    def words(self) -> str:
        """Return all that decides the pictures besides the options; ``--resume`` compares it."""
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
        yield _FileOpener(base)
        return
    with source.opening(units) as opener:
        yield opener


class _FileOpener:
    """Opens units that are files, members of archives or objects in a store."""

    def __init__(self, base: str) -> None:
        self._base = base

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
