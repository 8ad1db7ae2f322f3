"""Where units come from: files, or whatever else a run is given to take them from.

A run over files has no origin of its own. One over a server gets a value that travels to the
workers with the recipe, and opens units there; nothing here knows of servers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self

if TYPE_CHECKING:
    from rendicom.batch.units import Recipe, Unit
    from rendicom.options import RenderOptions
    from rendicom.pixels.header import Header
    from rendicom.values import PixelDescription, RenderedImage

__all__ = ["Origin", "Subject", "Supply", "supply_of"]


class Subject(Protocol):
    """What pictures are made of; `rendicom.engine.Instance` is one."""

    @property
    def header(self) -> Header:
        """Return what is known before the pixels."""
        ...

    @property
    def sop_class(self) -> str:
        """Return the SOP Class UID, or an empty string."""
        ...

    @property
    def sop_instance(self) -> str:
        """Return the SOP Instance UID, or an empty string."""
        ...

    @property
    def description(self) -> PixelDescription:
        """Return size and number of frames."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def overlay_groups(self, frame: int = 1) -> tuple[int, ...]:
        """Return the groups of the overlay planes that lie over a frame."""
        ...

    def render(
        self, frame: int, options: RenderOptions, media_type: str, *, presentation: Any = None
    ) -> RenderedImage:
        """Return one frame as a picture."""
        ...

    def render_animation(
        self,
        frames: Sequence[int] | None,
        options: RenderOptions,
        media_type: str,
        *,
        presentation: Any = None,
    ) -> RenderedImage:
        """Return several frames as one picture."""
        ...


class Supply(Protocol):
    """Opens the units of one chunk, which are asked for in their order."""

    def instance(self, unit: Unit) -> Subject:
        """Return what pictures are made of, for the caller to close.

        An attribute ``rendering`` of it, if there is one, says who makes them, and why.

        Raises
        ------
        RendicomError
        """
        ...

    def summary(self, unit: Unit) -> Subject:
        """Return what names can be made of; no picture will be asked for."""
        ...

    def content(self, unit: Unit) -> str | bytes | memoryview | BinaryIO:
        """Return the whole object, as `rendicom.engine.open_instance` takes it."""
        ...

    def texts(self, unit: Unit, keywords: Sequence[str]) -> dict[str, str]:
        """Return the first value of attributes by keyword, empty where there is none."""
        ...


class Origin(Protocol):
    """Makes supplies; goes to the workers, so it is small and can be pickled."""

    def words(self) -> str:
        """Return what decides of pictures beside the options: a manifest is held against it."""
        ...

    def opening(self, units: Sequence[Unit], /) -> AbstractContextManager[Supply]:
        """Return a context in which ``units`` are opened, the following ones ahead perhaps."""
        ...


@contextmanager
def supply_of(recipe: Recipe, units: Sequence[Unit]) -> Iterator[Supply]:
    """Yield what opens the units of a chunk."""
    if recipe.origin is None:
        yield _Files(recipe.base)
        return
    with recipe.origin.opening(units) as supply:
        yield supply


class _Files:
    """Opens units that are files, members of archives or objects in a store."""

    def __init__(self, base: str) -> None:
        self._base = base

    def instance(self, unit: Unit) -> Subject:
        from rendicom.engine import open_instance

        return open_instance(self.content(unit))

    def summary(self, unit: Unit) -> Subject:
        return self.instance(unit)

    def content(self, unit: Unit) -> str | BinaryIO:
        from rendicom.batch.sources import open_unit

        return open_unit(unit, base=self._base)

    def texts(self, unit: Unit, keywords: Sequence[str]) -> dict[str, str]:
        from rendicom.batch.identity import patient_fields

        return patient_fields(self.content(unit), keywords)
