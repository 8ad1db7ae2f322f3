"""Adds to a plan what is written into the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rendicom.options import RenderOptions
    from rendicom.pixels.bytesource import ByteSource
    from rendicom.pixels.header import Header
    from rendicom.rendering.plan import RenderPlan
    from rendicom.values import PixelDescription

__all__ = ["annotated"]


def annotated(
    plan: RenderPlan,
    header: Header,
    opened: ByteSource | None,
    description: PixelDescription,
    number: int,
    options: RenderOptions,
) -> RenderPlan:
    """Return the plan of frame ``number`` with what the options ask to write."""
    return plan
