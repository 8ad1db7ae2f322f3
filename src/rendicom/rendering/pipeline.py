"""Runs `STAGES`, all steps between a decoded frame and an encoder, in order.

Stages without a part in the plan are not imported, which keeps the command line fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.coded_warnings import CodedWarning
from rendicom.values import DisplayImage
from rendicom.workers.cpu_count import usable_cores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.rendering.plan import RenderPlan
    from rendicom.values import Frame


def _modality(
    samples: NDArray[Any], plan: RenderPlan, _frame: Frame, _threads: int
) -> NDArray[Any]:
    if plan.modality is None:
        return samples
    from rendicom.rendering.stages.modality import apply_modality

    return apply_modality(samples, plan.modality)


def _tone(samples: NDArray[Any], plan: RenderPlan, _frame: Frame, threads: int) -> NDArray[Any]:
    if plan.tone is None:
        return samples
    from rendicom.rendering.stages.tone import apply_tone

    return apply_tone(samples, plan.tone, bits=plan.bits, threads=threads)


def _palette(samples: NDArray[Any], plan: RenderPlan, _frame: Frame, _threads: int) -> NDArray[Any]:
    if plan.palette is None:
        return samples
    from rendicom.rendering.stages.palette import apply_palette

    return apply_palette(samples, plan.palette)


def _icc(samples: NDArray[Any], plan: RenderPlan, _frame: Frame, _threads: int) -> NDArray[Any]:
    if plan.icc is None:
        return samples
    from rendicom.rendering.stages.icc import apply_icc

    return apply_icc(samples, plan.icc)


def _shutter(samples: NDArray[Any], plan: RenderPlan, frame: Frame, _threads: int) -> NDArray[Any]:
    if plan.shutter is None:
        return samples
    from rendicom.rendering.stages.shutter import apply_shutter

    return apply_shutter(samples, plan.shutter, frame.reduction)


def _overlays(samples: NDArray[Any], plan: RenderPlan, frame: Frame, _threads: int) -> NDArray[Any]:
    if plan.overlays is None:
        return samples
    from rendicom.rendering.stages.overlay import draw_overlays

    return draw_overlays(samples, plan.overlays, frame)


def _geometry(samples: NDArray[Any], plan: RenderPlan, frame: Frame, _threads: int) -> NDArray[Any]:
    if plan.geometry is None:
        return samples
    return plan.geometry.apply(samples, frame.reduction)


def _layers(samples: NDArray[Any], plan: RenderPlan, _frame: Frame, _threads: int) -> NDArray[Any]:
    if plan.layers is None:
        return samples
    from rendicom.rendering.stages.layers import draw_layers

    return draw_layers(samples, plan.layers, plan.geometry)


def _drawing(samples: NDArray[Any], plan: RenderPlan, frame: Frame, _threads: int) -> NDArray[Any]:
    if plan.drawing is None:
        return samples
    from rendicom.rendering.stages.drawing import draw

    return draw(samples, plan.drawing, frame)


def _annotation(
    samples: NDArray[Any], plan: RenderPlan, _frame: Frame, _threads: int
) -> NDArray[Any]:
    if plan.annotation is None:
        return samples
    from rendicom.rendering.stages.annotation import write_corners

    return write_corners(samples, plan.annotation)


STAGES = (
    _modality, _tone, _palette, _icc, _shutter, _overlays, _geometry, _layers, _drawing,
    _annotation,
)  # fmt: skip
"""Pure functions ``(samples, plan, frame, threads) -> samples``."""


def run(frame: Frame, plan: RenderPlan, *, threads: int | None = 1) -> DisplayImage:
    """Return the picture of a frame, whose samples are not modified.

    The picture may share memory with the frame. It is the same for any number of ``threads``; None
    is as many as this process may use processors.
    """
    samples, threads = frame.samples, threads or usable_cores()
    for stage in STAGES:
        samples = stage(samples, plan, frame, threads)
    return DisplayImage(np.ascontiguousarray(samples), plan.icc_profile)


def left_out(plan: RenderPlan, image: DisplayImage) -> tuple[CodedWarning, ...]:
    """Return a warning if the legend does not fit in the picture."""
    if plan.layers is None or not plan.layers.legend:
        return ()
    from rendicom.rendering.stages.layers import laid_out

    warning = laid_out(plan.layers.legend, *image.samples.shape[:2]).warning
    return (CodedWarning("legend-cut", warning),) if warning else ()
