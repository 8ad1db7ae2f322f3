"""AVIF, 8 bit: lossy by quality, lossless at quality 100."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rendicom.encode.bmff import timed_sequence
from rendicom.encode.formats import EncodeSettings, Format
from rendicom.encode.timing import ticks
from rendicom.values import DisplayImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A third of the time of libavif's default of 6, for the same size.
_SPEED = 8
_FULL_CHROMA_FROM = 75
# A hundredth of a millisecond: Frame Time mostly has two decimals.
_TICKS_PER_SECOND = 100_000


def _encode(image: DisplayImage, settings: EncodeSettings) -> bytes:
    return _file(image.samples, quality=settings.quality, is_colour=image.samples.ndim == 3)


def _encode_animation(
    images: Sequence[DisplayImage], durations: Sequence[float], settings: EncodeSettings
) -> bytes:
    if len(images) == 1:
        return _encode(images[0], settings)
    import numpy as np

    is_colour = images[0].samples.ndim == 3
    frames = np.stack([image.samples for image in images])
    data = _file(frames, quality=settings.quality, is_colour=is_colour)
    delays = ticks(durations, 1000 / _TICKS_PER_SECOND, least=1, most=2**31 - 1)
    return timed_sequence(data, delays, _TICKS_PER_SECOND)


def _file(samples: NDArray[Any], *, quality: int, is_colour: bool) -> bytes:
    import imagecodecs

    if quality == 100:
        return bytes(imagecodecs.avif_encode(samples, level=100, speed=_SPEED, numthreads=1))
    # The library writes monochrome losslessly at any level; neutral chroma takes no space.
    rgb = samples if is_colour else samples[..., None].repeat(3, axis=-1)
    is_full = is_colour and quality >= _FULL_CHROMA_FROM
    pixel_format = "yuv444" if is_full else "yuv420"
    data = imagecodecs.avif_encode(
        rgb, level=quality, speed=_SPEED, pixelformat=pixel_format, numthreads=1
    )
    return bytes(data)


FORMAT = Format(
    name="avif",
    title="AVIF",
    media_type="image/avif",
    extensions=(".avif",),
    lossy=True,
    max_side=16384,
    library="imagecodecs",
    encode=_encode,
    encode_animation=_encode_animation,
)
