"""Opens presentation states, and plans how images are shown by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.errors import UnsupportedImageError

if TYPE_CHECKING:
    from rendicom.engine.instance import Instance, Source
    from rendicom.options import RenderOptions
    from rendicom.presentation import PresentationState
    from rendicom.rendering.plan import RenderPlan
    from rendicom.values import Frame

__all__ = ["plan_presented", "read"]


def read(source: Source) -> PresentationState:
    """Return a presentation state; see `rendicom.engine.open_presentation`."""
    raise UnsupportedImageError("presentation states are not rendered yet")


def plan_presented(
    instance: Instance,
    number: int,
    frame: Frame,
    options: RenderOptions,
    presentation: PresentationState,
) -> RenderPlan:
    """Return how frame ``number`` of an instance is shown by a presentation state."""
    raise UnsupportedImageError("presentation states are not rendered yet")
