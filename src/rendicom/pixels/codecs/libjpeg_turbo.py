"""JPEG by libjpeg-turbo: baseline, extended to 12 bits, progressive, lossless to 16 bits."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.coded_warnings import CodedWarning
from rendicom.dicom.codestreams import StreamInfo, parse_jpeg
from rendicom.errors import CorruptDataError
from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import (
    ImagecodecsCodec,
    allowed_halvings,
    call,
    checked,
)
from rendicom.pixels.codecs._jpeg import decode_jpeg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


_SUBSAMPLED = CodedWarning(
    "color-model-replaced",
    "the chroma of the JPEG stream is subsampled, though the header says RGB: it is YCbCr",
)
_MAX_SCANS = 100
_START_OF_SCAN = 0xDAFF
"""As a little endian word. A 0xFF in coded data is followed by 0 (T.81 B.1.1.5)."""


class _LibjpegTurbo(ImagecodecsCodec):
    name = "libjpeg-turbo"
    module = "jpeg8"
    streams = ("jpeg", "jpeg-lossless")
    rank = 10

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import imagecodecs

        info = checked(request.info or parse_jpeg(stream), request)
        is_lossless = info.kind == "jpeg-lossless"
        # The library refuses a second scan of one lossless component.
        if not (is_lossless and info.components == 1) and _scans(stream) > _MAX_SCANS:
            # Each scan takes the time of a whole image, however short it is.
            raise CorruptDataError("the JPEG stream has more scans than an image needs")
        photometric, how = "", {}
        odd: tuple[CodedWarning, ...] = ()
        if info.components == 3:
            # Lossless streams are coded as they are, whatever their markers say (PS3.5 8.2.1).
            is_ycbcr = not is_lossless and _is_ycbcr(info, request)
            if (
                is_ycbcr
                and info.transformed is None
                and request.photometric_interpretation == "RGB"
            ):
                odd = (_SUBSAMPLED,)
            how = {"colorspace": "YCBCR" if is_ycbcr else "RGB", "outcolorspace": "RGB"}
            photometric = "" if is_lossless else "RGB"
        notes: tuple[CodedWarning, ...] = ()
        halvings = allowed_halvings(info, request) if info.components in (1, 3) else 0
        if halvings and find_spec("PIL") is not None:
            samples = _scaled(stream[info.start :], info, halvings, how)
        else:
            halvings = 0
            samples, notes = decode_jpeg(
                imagecodecs.jpeg8_decode, stream[info.start :], info, **how
            )
        return Decoded(
            samples,
            photometric_interpretation=photometric,
            bits_stored=info.precision,
            signed=False,
            lossless=is_lossless,
            icc_profile=info.icc_profile,
            warnings=(*odd, *notes),
            halvings=halvings,
            is_centered=halvings > 0,
        )


def _scaled(stream: bytes, info: StreamInfo, halvings: int, how: Mapping[str, str]) -> NDArray[Any]:
    """Return the image halved by the inverse DCT, which imagecodecs does not offer."""
    from PIL import Image

    step = 1 << halvings
    size = -(-info.columns // step), -(-info.rows // step)
    mode, coded = ("L", "L") if info.components == 1 else ("RGB", how["colorspace"])
    coded = {"YCBCR": "YCbCr"}.get(coded, coded)

    def decode(data: bytes) -> Image.Image:
        return Image.frombytes(mode, size, data, "jpeg", mode, coded, step, False)

    return np.asarray(call(decode, stream))


def _is_ycbcr(info: StreamInfo, request: DecodeRequest) -> bool:
    """Tell the colour model of a lossy stream; the header counts if the stream does not state it.

    RGB is never subsampled.
    """
    if info.transformed is None:
        return info.subsampled or request.photometric_interpretation != "RGB"
    return info.transformed


def _scans(stream: bytes) -> int:
    """Return the number of scans; numpy finds the marker ten times as fast as bytes.count."""
    aligned = (np.frombuffer(stream, "<u2", (len(stream) - at) // 2, at) for at in (0, 1))
    return sum(int(np.count_nonzero(words == _START_OF_SCAN)) for words in aligned)


CODEC = _LibjpegTurbo()
