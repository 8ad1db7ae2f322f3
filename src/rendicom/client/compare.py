"""Compares rendered images of a server with those of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rendicom.client.content_sniffing import decoded, identify

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.engine.rendered_image import RenderedImage

_LOSSLESS = 1
"""Gray levels by which two correct roundings may differ."""
_MEAN, _OUTLIERS, _FAR = 2.0, 0.01, 24
"""Two JPEG encoders: mean difference in levels, and the share of samples that may be far off."""


def agree(ours: RenderedImage, theirs: RenderedImage) -> bool:
    """Tell whether two pictures show the same, but for rounding and the losses of their format.

    Raises
    ------
    WireError
        Theirs is damaged.
    """
    if identify(ours.data).media_type != identify(theirs.data).media_type:
        return False
    one, other = _levels(decoded(ours.data)), _levels(decoded(theirs.data))
    if one.shape != other.shape:
        return False
    difference = abs(one - other)
    if ours.media_type == "image/jpeg":
        far = float((difference > _FAR).mean())
        return float(difference.mean()) <= _MEAN and far <= _OUTLIERS
    return float(difference.max(initial=0)) <= _LOSSLESS


def look_the_same(ours: RenderedImage, plain: RenderedImage) -> bool:
    """Tell whether options made no difference: then ignoring them goes unnoticed."""
    one, other = _levels(decoded(ours.data)), _levels(decoded(plain.data))
    if one.shape != other.shape:
        return False
    return float(abs(one - other).mean()) < _MEAN


def _levels(samples: NDArray[Any]) -> NDArray[Any]:
    scale = 257.0 if samples.dtype.itemsize == 2 else 1.0
    return samples.astype("float32") / scale
