"""JPEG 2000 and HTJ2K by OpenJPEG."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.dicom.jpeg2000 import parse_jpeg2000
from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import ImagecodecsCodec, allowed_halvings, call, checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.dicom.codestreams import StreamInfo

_MOST_FOR_PILLOW = 1 << 26


class _OpenJPEG(ImagecodecsCodec):
    name = "OpenJPEG"
    module = "jpeg2k"
    streams = ("jpeg2000", "htj2k")
    rank = 20

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import imagecodecs

        info = checked(request.info or parse_jpeg2000(stream), request)
        halvings = allowed_halvings(info, request)
        # The bare codestream: boxes around it are forbidden in DICOM, and often wrong.
        data = stream[info.start : info.stop]
        if halvings and _reduces():
            samples = call(
                imagecodecs.jpeg2k_decode, data, skipres=halvings, numthreads=request.threads
            )
        elif halvings and _is_for_pillow(info):
            samples = call(_decoded_by_pillow, data, info=info, halvings=halvings)
        else:
            halvings = 0
            samples = call(_whole, data, info=info, threads=request.threads)
        # imagecodecs takes subsampled components for YCbCr, and turns them into RGB.
        return Decoded(
            samples,
            photometric_interpretation="RGB" if info.transformed or info.subsampled else "",
            bits_stored=info.precision,
            signed=info.signed,
            lossless=info.reversible,
            icc_profile=info.icc_profile,
            halvings=halvings,
        )


# --- smaller images, rare chroma --------------------------------------------------------------


@cache
def _reduces() -> bool:
    """Tell whether imagecodecs is new enough to leave out resolutions."""
    import inspect

    import imagecodecs

    return "skipres" in inspect.signature(imagecodecs.jpeg2k_decode).parameters


def _is_for_pillow(info: StreamInfo) -> bool:
    """Tell whether Pillow can decode at a lower resolution; it warns about large images."""
    if info.precision <= 8:
        is_known = info.components in (1, 3) and info.precision == 8 and not info.signed
    else:
        is_known = info.components == 1
    return is_known and info.rows * info.columns <= _MOST_FOR_PILLOW and bool(find_spec("PIL"))


def _decoded_by_pillow(data: bytes, *, info: StreamInfo, halvings: int = 0) -> NDArray[Any]:
    from io import BytesIO

    from PIL import Image

    image: Any = Image.open(BytesIO(data), formats=("JPEG2000",))
    # Its attribute `reduce` rounds the size, which is to be rounded up (T.800 B.5).
    size = tuple(-(-side >> halvings) for side in (info.columns, info.rows))
    name, _, offset, (form, _, *others) = image.tile[0]
    image.tile = [(name, (0, 0, *size), offset, (form, halvings, *others))]
    image._size = size  # noqa: SLF001 - as plugins for Pillow set it
    samples: NDArray[Any] = np.asarray(image)
    if image.mode != "I;16":
        return samples
    # Pillow makes values positive, and spreads them over 16 bits.
    values = samples.astype(np.int32) >> 16 - info.precision
    if info.signed:
        return (values - (1 << info.precision - 1)).astype(np.int16)
    return values.astype(np.uint16)


def _whole(data: bytes, *, info: StreamInfo, threads: int) -> NDArray[Any]:
    import imagecodecs

    try:
        return imagecodecs.jpeg2k_decode(data, numthreads=threads)
    except NotImplementedError:
        # Chroma that is not 4:2:2 or 4:2:0: of half height only, or of a quarter of the width.
        if info.subsampled and _is_for_pillow(info):
            return _decoded_by_pillow(data, info=info)
        raise


CODEC = _OpenJPEG()
