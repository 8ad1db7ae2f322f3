"""The interface of an open instance that pictures are made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from rendicom.dicom.header import Header
    from rendicom.engine import PictureRequest
    from rendicom.engine.rendered_image import RenderedImage
    from rendicom.values import PixelDescription


class Subject(Protocol):
    """An open instance, such as `rendicom.engine.Instance`."""

    @property
    def header(self) -> Header:
        """Return the header."""
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
        """Return the groups of the overlay planes of a frame."""
        ...

    def picture(
        self, request: PictureRequest, *, presentation: Any = None, layers: Any = None
    ) -> RenderedImage:
        """Return the requested picture; see `rendicom.engine.Instance.picture`."""
        ...
