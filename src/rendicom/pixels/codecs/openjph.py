"""HTJ2K by OpenJPH, reversible streams only.

imagecodecs wraps the samples of irreversible ones around instead of clamping them, so that white
turns black; those are left to OpenJPEG.
"""

from __future__ import annotations

from rendicom.errors import CorruptDataError
from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import INSTALL, call, checked, version_of
from rendicom.pixels.streams import parse_jpeg2000

__all__ = ["CODEC"]


class _OpenJPH:
    name = "OpenJPH"
    streams = ("htj2k",)
    install = INSTALL
    rank = 10

    def version(self) -> str | None:
        return version_of("htj2k")

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import imagecodecs

        info = checked(parse_jpeg2000(stream), request)
        if not info.reversible:
            raise CorruptDataError("irreversible streams are left to OpenJPEG")
        samples = call(imagecodecs.htj2k_decode, stream[info.start : info.stop])
        return Decoded(
            samples,
            photometric_interpretation="RGB" if info.transformed else "",
            bits_stored=info.precision,
            signed=info.signed,
            lossless=info.reversible,
        )


CODEC = _OpenJPH()
