"""JPEG XL by libjxl; XYB comes out as RGB."""

from __future__ import annotations

from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import INSTALL, call, version_of

__all__ = ["CODEC"]


class _LibJXL:
    name = "libjxl"
    streams = ("jpeg-xl",)
    install = INSTALL
    rank = 10

    def version(self) -> str | None:
        return version_of("jpegxl")

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:  # noqa: ARG002
        import imagecodecs

        samples = call(imagecodecs.jpegxl_decode, stream, numthreads=1)
        return Decoded(samples, photometric_interpretation="RGB" if samples.ndim == 3 else "")


CODEC = _LibJXL()
