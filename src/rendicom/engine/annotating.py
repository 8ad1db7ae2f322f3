"""Adds to a plan what is written into the picture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rendicom.pixels.technique import read_technique
from rendicom.rendering.annotation import corners_of

if TYPE_CHECKING:
    from rendicom.engine.instance import Instance
    from rendicom.options import RenderOptions
    from rendicom.rendering.plan import RenderPlan

__all__ = ["annotated"]


def annotated(
    plan: RenderPlan, instance: Instance, number: int, options: RenderOptions
) -> RenderPlan:
    """Return the plan of frame ``number`` with what the options ask to write."""
    wanted = (options.annotation or "").split(",")
    corners = corners_of(
        plan,
        instance.patient if "patient" in wanted else None,
        read_technique(instance.header, number) if "technique" in wanted else None,
        frame=number,
        number_of_frames=instance.description.number_of_frames,
    )
    return replace(plan, annotation=corners)
