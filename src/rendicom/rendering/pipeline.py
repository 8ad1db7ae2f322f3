"""Runs all steps between a decoded frame and an encoder, in order.

Stages without a part in the plan are not imported, which keeps the command line fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rendicom.coded_warnings import CodedWarning
from rendicom.values import DisplayImage
from rendicom.workers.cpu_count import usable_cores

if TYPE_CHECKING:
    from rendicom.rendering.plan import RenderPlan
    from rendicom.values import Frame


def run(frame: Frame, plan: RenderPlan, *, threads: int | None = 1) -> DisplayImage:
    """Return the picture of a frame, whose samples are not modified.

    The picture may share memory with the frame. It is the same for any number of ``threads``; None
    is as many as this process may use processors.
    """
    samples, threads = frame.samples, threads or usable_cores()
    if plan.modality is not None:
        samples = plan.modality.apply(samples)
    if plan.tone is not None:
        from rendicom.rendering.stages.tone import apply_tone

        samples = apply_tone(samples, plan.tone, bits=plan.bits, threads=threads)
    if plan.palette is not None:
        from rendicom.rendering.stages.palette import apply_palette

        samples = apply_palette(samples, plan.palette)
    if plan.icc is not None:
        samples = plan.icc.apply(samples)
    if plan.shutter is not None:
        from rendicom.rendering.stages.shutter import apply_shutter

        samples = apply_shutter(samples, plan.shutter, frame.reduction)
    if plan.overlays is not None:
        from rendicom.rendering.stages.overlay import draw_overlays

        samples = draw_overlays(samples, plan.overlays, frame)
    if plan.geometry is not None:
        samples = plan.geometry.apply(samples, frame.reduction)
    if plan.layers is not None:
        from rendicom.rendering.stages.layers import draw_layers

        samples = draw_layers(samples, plan.layers, plan.geometry)
    if plan.drawing is not None:
        from rendicom.rendering.stages.drawing import draw

        samples = draw(samples, plan.drawing, frame)
    if plan.annotation is not None:
        from rendicom.rendering.stages.annotation import write_corners

        samples = write_corners(samples, plan.annotation)
    return DisplayImage(np.ascontiguousarray(samples), plan.icc_profile)


def left_out(plan: RenderPlan, image: DisplayImage) -> tuple[CodedWarning, ...]:
    """Return a warning if the legend does not fit in the picture."""
    if plan.layers is None or not plan.layers.legend:
        return ()
    from rendicom.rendering.stages.layers import laid_out

    warning = laid_out(plan.layers.legend, *image.samples.shape[:2]).warning
    return (CodedWarning("legend-cut", warning),) if warning else ()
