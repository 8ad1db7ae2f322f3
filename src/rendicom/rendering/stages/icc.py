"""Converts colors from one ICC color space to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.rendering.icc_profiles import Conversion

_RELATIVE_COLORIMETRIC = 1


def apply_icc(samples: NDArray[Any], conversion: Conversion) -> NDArray[Any]:
    """Return RGB in the target space, same shape and dtype (uint8 or uint16)."""
    import imagecodecs

    converted = imagecodecs.cms_transform(
        np.ascontiguousarray(samples),
        conversion.source,
        conversion.target,
        colorspace="rgb",
        outcolorspace="rgb",
        intent=_RELATIVE_COLORIMETRIC,
    )
    return np.asarray(converted)
