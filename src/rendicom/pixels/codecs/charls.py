"""JPEG-LS by CharLS, any interleave mode."""

from __future__ import annotations

from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import INSTALL, call, checked, version_of
from rendicom.pixels.streams import parse_jpeg

__all__ = ["CODEC"]

_END_OF_IMAGE = b"\xff\xd9"


class _CharLS:
    name = "CharLS"
    streams = ("jpeg-ls",)
    install = INSTALL
    rank = 10

    def version(self) -> str | None:
        return version_of("jpegls")

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import imagecodecs

        info = checked(parse_jpeg(stream), request)
        data = stream[info.start : info.stop]
        if not data.endswith(_END_OF_IMAGE):
            # Where data stop without a marker, CharLS goes on for many seconds.
            data += _END_OF_IMAGE
        samples = call(imagecodecs.jpegls_decode, data)
        return Decoded(samples, bits_stored=info.precision, signed=False, lossless=True)


CODEC = _CharLS()
