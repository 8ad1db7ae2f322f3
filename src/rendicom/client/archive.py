"""The common interface of DICOMweb servers and folders of files.

`rendicom.connect` opens the one, `rendicom.open_folder` the other; programs work with either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, Self

from rendicom.engine import PictureRequest, select_frame
from rendicom.options import RenderOptions

if TYPE_CHECKING:
    from rendicom.client.response_models import Model
    from rendicom.dicomweb.resources import Resource
    from rendicom.dicomweb.search_parameters import SearchLevel
    from rendicom.engine import Instance
    from rendicom.engine.rendered_image import RenderedImage

_DEFAULT_OPTIONS = RenderOptions()


class Archive(Protocol):
    """Studies, series and instances that can be searched, retrieved and rendered.

    Use it as a context manager, or call ``close``. Threads may share it. All methods raise a
    `rendicom.RendicomError` if something is missing, forbidden or unreadable.

    Examples
    --------
    >>> with rendicom.open_folder("studies") as archive:
    ...     study, series, instance, _ = next(archive.instances())
    ...     archive.render(study, series, instance, media_type="image/png").media_type
    'image/png'
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and remove temporary files."""
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
            Level of the results: ``studies``, ``series`` or ``instances``.
        study, series
            UIDs of a study or series to search; empty for all.
        match
            Attributes, by keyword or tag, and their required values (PS3.18 8.3.4.1).
        include
            Attributes to return besides the default ones.
        limit
            Largest number of results.
        fuzzy
            Also match similar names.
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

        The instances of a series are consecutive, in the order of their numbers.
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
        request = PictureRequest(select_frame(frame), options, media_type)
        return self.picture(study, series, instance, request)

    def picture(
        self, study: str, series: str, instance: str, request: PictureRequest
    ) -> RenderedImage:
        """Return the requested picture; see `rendicom.Instance.picture`."""
        ...
