"""JPEG by libjpeg-turbo: baseline, extended to 12 bits, progressive, lossless to 16 bits."""

from __future__ import annotations

from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import INSTALL, call, checked, version_of
from rendicom.pixels.streams import parse_jpeg

__all__ = ["CODEC"]


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
        is_lossless = info.kind == "jpeg-lossless"
        photometric, how = "", {}
        if info.components == 3 and not is_lossless:
            is_ycbcr = info.transformed
            if is_ycbcr is None:
                is_ycbcr = request.photometric_interpretation != "RGB"
            photometric = "RGB"
            how = {"colorspace": "YCBCR" if is_ycbcr else "RGB", "outcolorspace": "RGB"}
        samples = call(imagecodecs.jpeg8_decode, stream[info.start :], **how)
        return Decoded(
            samples,
            photometric_interpretation=photometric,
            bits_stored=info.precision,
            signed=False,
            lossless=is_lossless,
            icc_profile=info.icc_profile,
        )


CODEC = _LibjpegTurbo()
