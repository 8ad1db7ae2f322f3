"""Adds text to a plan."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from rendicom.pixels.technique import read_technique
from rendicom.rendering.corner_text import corners_of
from rendicom.rendering.typesetting import missing_letters

if TYPE_CHECKING:
    from collections.abc import Callable

    from rendicom.dicom.header import Header
    from rendicom.rendering.plan import RenderPlan
    from rendicom.values import Patient


def annotated(
    plan: RenderPlan,
    annotation: str,
    *,
    header: Header,
    patient: Callable[[], Patient],
    frame: int,
    number_of_frames: int,
) -> RenderPlan:
    """Return the plan of a frame with the text that ``annotation`` requests.

    ``patient`` is called only if patient data are requested.
    """
    wanted = annotation.split(",")
    corners = corners_of(
        plan,
        patient() if "patient" in wanted else None,
        read_technique(header, frame) if "technique" in wanted else None,
        frame=frame,
        number_of_frames=number_of_frames,
    )
    warnings = missing_letters(itertools.chain.from_iterable(corners))
    return plan._replace(annotation=corners, warnings=plan.warnings + warnings)
