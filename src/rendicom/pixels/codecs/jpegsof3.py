"""Lossless JPEG once more, for streams that libjpeg-turbo refuses.

liblj92, also in imagecodecs, is left out: damaged streams crash the process in it.
"""

from __future__ import annotations

from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import INSTALL, call, checked, version_of
from rendicom.pixels.streams import parse_jpeg

__all__ = ["CODEC"]


class _Lossless:
    name = "jpeg_sof3"
    streams = ("jpeg-lossless",)
    install = INSTALL
    rank = 30

    def version(self) -> str | None:
        return version_of("jpegsof3")

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import imagecodecs

        info = checked(parse_jpeg(stream), request)
        samples = call(imagecodecs.jpegsof3_decode, stream[info.start :])
        return Decoded(samples, bits_stored=info.precision, signed=False, lossless=True)


CODEC = _Lossless()
