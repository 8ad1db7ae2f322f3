"""Compares rendered images of a server with those of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rendicom.client.content_sniffing import decoded, identify
from rendicom.errors import WireError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.engine.rendered_image import RenderedImage

_LOSSLESS = 1
"""Difference in gray levels that rounding may cause."""
_MEAN, _OUTLIERS, _FAR = 2.0, 0.01, 24
"""Tolerances for two JPEG encoders: mean difference in levels, and fraction of outliers."""


def agree(local: RenderedImage, remote: RenderedImage) -> bool:
    """Tell whether two pictures are equal, except for rounding and lossy compression."""
    if identify(local.data).media_type != identify(remote.data).media_type:
        return False
    difference = _difference(local, remote)
    if difference is None:
        return False
    if local.media_type == "image/jpeg":
        far = float((difference > _FAR).mean())
        return float(difference.mean()) <= _MEAN and far <= _OUTLIERS
    return float(difference.max(initial=0)) <= _LOSSLESS


def look_the_same(local: RenderedImage, plain: RenderedImage) -> bool:
    """Tell whether options made no difference, so that a server may have ignored them."""
    difference = _difference(local, plain)
    return difference is not None and float(difference.mean()) < _MEAN


def _difference(one: RenderedImage, other: RenderedImage) -> NDArray[Any] | None:
    """Return the absolute differences in gray levels; None for damaged or other pictures."""
    try:
        samples, others = _levels(decoded(one.data)), _levels(decoded(other.data))
    except WireError:
        return None
    return abs(samples - others) if samples.shape == others.shape else None


def _levels(samples: NDArray[Any]) -> NDArray[Any]:
    scale = 257.0 if samples.dtype.itemsize == 2 else 1.0
    return samples.astype("float32") / scale
