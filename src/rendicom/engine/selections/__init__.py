"""Kinds of selections, one per file; each defines ``SELECTION``.

The name of the module is the kind. The form of a kind in URLs is in the file of the same name in
``rendicom.dicomweb.selections``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from rendicom import registry
from rendicom.coded_warnings import CodedWarning
from rendicom.errors import OptionError
from rendicom.records import NamedTuple
from rendicom.views import shown

if TYPE_CHECKING:
    from rendicom.engine.rendered_image import RenderedImage
    from rendicom.engine.request import PictureRequest
    from rendicom.options import RenderOptions
    from rendicom.presentation import PresentationState
    from rendicom.rendering.plan import RenderPlan
    from rendicom.values import DisplayImage, DrawnLayer, PixelDescription


class Displayed(NamedTuple):
    """Samples ready to be encoded, and their origin.

    ``seconds`` are the durations of decoding and rendering, ``layers`` the objects on the image.
    """

    image: DisplayImage
    plan: RenderPlan
    warnings: tuple[CodedWarning, ...]
    seconds: tuple[float, ...] = ()
    layers: tuple[DrawnLayer, ...] = ()


class FrameDisplay(Protocol):
    """The part of `rendicom.engine.Instance` that selections are made from."""

    threads: int | None

    @property
    def description(self) -> PixelDescription:
        """Return the pixel matrix in the header."""
        ...

    def displayed(
        self, number: int, options: RenderOptions, presentation: PresentationState | None = None
    ) -> Displayed:
        """Return one frame, decoded and rendered."""
        ...


class SelectionKind(Protocol):
    """A kind of selection."""

    def picture(
        self,
        instance: FrameDisplay,
        request: PictureRequest,
        presentation: PresentationState | None,
    ) -> RenderedImage:
        """Return the picture of ``request.selection``.

        Raises
        ------
        OptionError
            The text of the selection is malformed, or does not fit the instance.
        """
        ...


def selection_kind(name: str) -> SelectionKind:
    """Return the kind of that name; OptionError for any other."""
    try:
        return cast("SelectionKind", registry.load(__name__, name, "SELECTION"))
    except KeyError:
        known = ", ".join(registry.discover(__name__, "SELECTION"))
        raise OptionError(f"selection {shown(name)} is not one of {known}") from None
