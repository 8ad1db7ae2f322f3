"""Determines the decoding reduction of a frame for a small picture.

Some codecs decode an image at a half, a quarter or less of its size, from a part of its data. The
picture then differs slightly, so this requires `RenderOptions.fast`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rendicom.options import PRESETS, RenderOptions
from rendicom.rendering.lut import Tone
from rendicom.rendering.plan import modality_of
from rendicom.rendering.stages.image_transform import plan_geometry

if TYPE_CHECKING:
    from rendicom.values import DisplayAttributes, PixelDescription

_NEARLY = 1.02
"""Tolerance for rounded sides of a picture."""


def halvings_allowed(
    description: PixelDescription, display: DisplayAttributes, options: RenderOptions
) -> int:
    """Return the number of times that both sides of the image may be halved before rendering.

    The halved image has about as many rows and columns as the picture, or more, and less than twice
    as many along one axis. 0 where a stage needs every pixel: values that cannot be
    averaged, overlay planes, a region of interest whose range counts, padding that is not black.

    Raises
    ------
    OptionError, LimitExceededError
        As for `plan_geometry`.
    """
    if not options.fast or options.strict or options.values != "display":
        return 0
    if description.is_label or description.is_float or display.palette is not None:
        return 0
    if options.voi.kind == "roi" or (options.overlays and display.overlays):
        return 0
    if (
        options.padding
        and display.padding is not None
        and not _is_black(display.padding, description, display, options)
    ):
        return 0
    shape = (description.rows, description.columns)
    geometry = plan_geometry(shape, display, options, keeps_values=False)
    if geometry is None:
        return 0
    top, left, bottom, right = geometry.region
    ratio = min((bottom - top) / geometry.size[0], (right - left) / geometry.size[1])
    return max(0, math.floor(math.log2(ratio * _NEARLY)))


def _is_black(
    padding: tuple[float, float],
    description: PixelDescription,
    display: DisplayAttributes,
    options: RenderOptions,
) -> bool:
    """Tell whether padding is black anyway, so that it may be averaged with neighbors."""
    if options.suv:
        return False
    window = options.window or PRESETS.get(options.preset or "")
    if window is None and options.voi.kind == "auto" and not display.voi_luts and display.windows:
        window = display.windows[0]
    if window is None:
        return False
    tone = Tone(
        modality_of(description, display),
        window,
        is_inverted=(description.photometric_interpretation == "MONOCHROME1") != options.invert,
    )
    return not tone.display(np.array(padding)).any()
