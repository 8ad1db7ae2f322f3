"""`STAGES`: all that can happen between a decoded frame and an encoder, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.rendering.stages.geometry import apply_geometry
from rendicom.rendering.stages.icc import apply_icc
from rendicom.rendering.stages.modality import apply_modality
from rendicom.rendering.stages.overlay import draw_overlays
from rendicom.rendering.stages.palette import apply_palette
from rendicom.rendering.stages.tone import apply_tone
from rendicom.values import DisplayImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.rendering.plan import RenderPlan
    from rendicom.values import Frame

__all__ = ["STAGES", "run"]


def _modality(samples: NDArray[Any], plan: RenderPlan, _frame: Frame) -> NDArray[Any]:
    return apply_modality(samples, plan.modality) if plan.modality else samples


def _tone(samples: NDArray[Any], plan: RenderPlan, _frame: Frame) -> NDArray[Any]:
    return apply_tone(samples, plan.tone, bits=plan.bits) if plan.tone else samples


def _palette(samples: NDArray[Any], plan: RenderPlan, _frame: Frame) -> NDArray[Any]:
    return apply_palette(samples, plan.palette) if plan.palette else samples


def _icc(samples: NDArray[Any], plan: RenderPlan, _frame: Frame) -> NDArray[Any]:
    return apply_icc(samples, plan.icc) if plan.icc else samples


def _overlays(samples: NDArray[Any], plan: RenderPlan, frame: Frame) -> NDArray[Any]:
    return draw_overlays(samples, plan.overlays, frame) if plan.overlays else samples


def _geometry(samples: NDArray[Any], plan: RenderPlan, _frame: Frame) -> NDArray[Any]:
    return apply_geometry(samples, plan.geometry) if plan.geometry else samples


STAGES = (_modality, _tone, _palette, _icc, _overlays, _geometry)
"""Each is ``(samples, plan, frame) -> samples``: pure, and free where the plan holds nothing."""


def run(frame: Frame, plan: RenderPlan) -> DisplayImage:
    """Return the picture of a frame; the frame's samples are never written to.

    The picture may share memory with the frame where nothing was to be done.
    """
    samples = frame.samples
    for stage in STAGES:
        samples = stage(samples, plan, frame)
    return DisplayImage(np.ascontiguousarray(samples), plan.icc_profile)
