"""A trial: does a server render as we do?  Its picture is held against ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rendicom.client.pictures import decoded, look_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.values import RenderedImage

__all__ = ["COMPARABLE", "agree", "is_the_same"]

COMPARABLE = frozenset(("image/png", "image/jpeg"))
"""Media types of pictures that are held against each other."""

_LOSSLESS = 1
"""Levels of 256 between two right ways to round."""
_MEAN, _OUTLIERS, _FAR = 2.0, 0.01, 24
"""Two JPEG encoders: mean difference in levels, and the share of samples that may be far off."""


def agree(ours: RenderedImage, theirs: RenderedImage) -> bool:
    """Tell whether two pictures show the same, but for rounding and the losses of their format.

    Raises
    ------
    WireError
        Theirs is damaged.
    """
    if look_at(ours.data).media_type != look_at(theirs.data).media_type:
        return False
    one, other = _levels(decoded(ours.data)), _levels(decoded(theirs.data))
    if one.shape != other.shape:
        return False
    difference = abs(one - other)
    if ours.media_type == "image/jpeg":
        far = float((difference > _FAR).mean())
        return float(difference.mean()) <= _MEAN and far <= _OUTLIERS
    return float(difference.max(initial=0)) <= _LOSSLESS


def is_the_same(ours: RenderedImage, plain: RenderedImage) -> bool:
    """Tell whether options made no difference: then a server that ignores them agrees, too."""
    one, other = _levels(decoded(ours.data)), _levels(decoded(plain.data))
    if one.shape != other.shape:
        return False
    return float(abs(one - other).mean()) < _MEAN


def _levels(samples: NDArray[Any]) -> NDArray[Any]:
    scale = 257.0 if samples.dtype.itemsize == 2 else 1.0
    return samples.astype("float32") / scale
