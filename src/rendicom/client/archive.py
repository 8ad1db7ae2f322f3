"""Archives: what a DICOMweb server and a folder of files have in common.

`rendicom.connect` gives the one, `rendicom.open_folder` the other; a program need not know which it
works with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, Self

from rendicom.options import RenderOptions

if TYPE_CHECKING:
    from rendicom.client.models import Model
    from rendicom.dicomweb.resources import Resource
    from rendicom.engine import Instance
    from rendicom.values import RenderedImage

__all__ = ["Archive", "SearchLevel"]

SearchLevel = Literal["studies", "series", "instances"]
_DEFAULT_OPTIONS = RenderOptions()


class Archive(Protocol):
    """Studies of series of instances, to be searched, retrieved and rendered.

    Use it as a context manager, or call ``close``. Threads may share it. All methods raise a
    `rendicom.RendicomError` where something is not there, not allowed or not readable.
    """

    def __enter__(self) -> Self:
        """Return the archive itself."""
        ...

    def __exit__(self, *error: object) -> None:
        """Close it."""
        ...

    def close(self) -> None:
        """Let go of connections and temporary files."""
        ...

    def search(
        self,
        level: SearchLevel = "studies",
        *,
        study: str = "",
        series: str = "",
        match: Mapping[str, str] | None = None,
        include: Sequence[str] = (),
        limit: int | None = None,
        fuzzy: bool = False,
    ) -> Iterator[Model]:
        """Yield what matches, each in the DICOM JSON model (PS3.18 F.2).

        Parameters
        ----------
        level
            What a result is: ``studies``, ``series`` or ``instances``.
        study, series
            UIDs of what to search in; empty for all.
        match
            Attributes, by keyword or tag, and what they have to be (PS3.18 8.3.4.1).
        include
            Attributes that are wanted beside the usual ones.
        limit
            Results at most.
        fuzzy
            Match names that sound alike, too.
        """
        ...

    def instances(
        self,
        study: str = "",
        series: str = "",
        *,
        match: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> Iterator[Resource]:
        """Yield the instances below a study or series, or all, by their UIDs.

        Those of a series come together, in the order of their numbers.
        """
        ...

    def open(self, study: str, series: str, instance: str) -> Instance:
        """Return an instance, as `rendicom.open_instance` does; close it in the end."""
        ...

    def render(
        self,
        study: str,
        series: str,
        instance: str,
        frame: int = 1,
        options: RenderOptions = _DEFAULT_OPTIONS,
        media_type: str = "image/jpeg",
    ) -> RenderedImage:
        """Return one frame as an encoded picture; see `rendicom.render`."""
        ...
