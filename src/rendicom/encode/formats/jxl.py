"""JPEG XL: lossy by quality with 8 bits; lossless at quality 100 and always with 16 bits."""

from __future__ import annotations

from rendicom.encode.formats import EncodeSettings, Format
from rendicom.values import DisplayImage

# Each higher effort takes two to six times as long for a few percent of the size.
_FAST_EFFORT = 3


def _encode(image: DisplayImage, settings: EncodeSettings) -> bytes:
    import imagecodecs

    effort = _FAST_EFFORT if settings.compression is None else max(1, settings.compression)
    # 16-bit samples are for measurements.
    if settings.quality == 100 or image.samples.itemsize > 1:
        data = imagecodecs.jpegxl_encode(image.samples, lossless=True, effort=effort, numthreads=1)
    else:
        data = imagecodecs.jpegxl_encode(
            image.samples, level=settings.quality, lossless=False, effort=effort, numthreads=1
        )
    return bytes(data)


FORMAT = Format(
    name="jxl",
    title="JPEG XL",
    media_type="image/jxl",
    extensions=(".jxl",),
    gray=("uint8", "uint16"),
    colour=("uint8", "uint16"),
    lossy=True,
    max_side=262144,
    library="imagecodecs",
    encode=_encode,
)
