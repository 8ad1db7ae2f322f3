"""JPEG 2000 and HTJ2K by OpenJPEG."""

from __future__ import annotations

from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import INSTALL, call, checked, version_of
from rendicom.pixels.streams import parse_jpeg2000

__all__ = ["CODEC"]


class _OpenJPEG:
    name = "OpenJPEG"
    streams = ("jpeg2000", "htj2k")
    install = INSTALL
    rank = 20

    def version(self) -> str | None:
        return version_of("jpeg2k")

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import imagecodecs

        info = checked(parse_jpeg2000(stream), request)
        # The bare codestream: boxes around it are forbidden in DICOM, and often wrong.
        samples = call(imagecodecs.jpeg2k_decode, stream[info.start : info.stop])
        return Decoded(
            samples,
            photometric_interpretation="RGB" if info.transformed else "",
            bits_stored=info.precision,
            signed=info.signed,
            lossless=info.reversible,
            icc_profile=info.icc_profile,
        )


CODEC = _OpenJPEG()
