"""JPEG by libjpeg-turbo: baseline, extended to 12 bits, progressive, lossless to 16 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rendicom.errors import CorruptDataError
from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import INSTALL, call, checked, version_of
from rendicom.pixels.streams import parse_jpeg

if TYPE_CHECKING:
    from rendicom.pixels.streams import StreamInfo

__all__ = ["CODEC"]

_MAX_SCANS = 100
_START_OF_SCAN = 0xDAFF
"""As a little endian word. A 0xFF in coded data is followed by 0 (T.81 B.1.1.5)."""


class _LibjpegTurbo:
    name = "libjpeg-turbo"
    streams = ("jpeg", "jpeg-lossless")
    install = INSTALL
    rank = 10

    def version(self) -> str | None:
        return version_of("jpeg8")

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import imagecodecs

        info = checked(parse_jpeg(stream), request)
        if _scans(stream) > _MAX_SCANS:
            # Each takes the time of a whole image, however short it is.
            raise CorruptDataError("the JPEG stream has more scans than an image needs")
        is_lossless = info.kind == "jpeg-lossless"
        photometric, how = "", {}
        if info.components == 3:
            # Lossless streams are coded as they are, whatever their markers say (PS3.5 8.2.1).
            is_ycbcr = not is_lossless and _is_ycbcr(info, request)
            how = {"colorspace": "YCBCR" if is_ycbcr else "RGB", "outcolorspace": "RGB"}
            photometric = "" if is_lossless else "RGB"
        samples = call(imagecodecs.jpeg8_decode, stream[info.start :], **how)
        return Decoded(
            samples,
            photometric_interpretation=photometric,
            bits_stored=info.precision,
            signed=False,
            lossless=is_lossless,
            icc_profile=info.icc_profile,
        )


def _is_ycbcr(info: StreamInfo, request: DecodeRequest) -> bool:
    """Tell the colour model of a lossy stream; the header counts where the stream is silent."""
    if info.transformed is None:
        return request.photometric_interpretation != "RGB"
    return info.transformed


def _scans(stream: bytes) -> int:
    """Return how many scans there are; numpy finds the marker ten times as fast as bytes.count."""
    aligned = (np.frombuffer(stream, "<u2", (len(stream) - at) // 2, at) for at in (0, 1))
    return sum(int(np.count_nonzero(words == _START_OF_SCAN)) for words in aligned)


CODEC = _LibjpegTurbo()
