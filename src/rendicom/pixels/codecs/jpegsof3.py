"""Lossless JPEG by jpegsof3, for streams that libjpeg-turbo refuses.

liblj92, also in imagecodecs, is left out: damaged streams crash the process in it.
"""

from __future__ import annotations

from rendicom.dicom.codestreams import parse_jpeg
from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import ImagecodecsCodec, checked
from rendicom.pixels.codecs._jpeg import decode_jpeg


class _Lossless(ImagecodecsCodec):
    name = "jpeg_sof3"
    module = "jpegsof3"
    streams = ("jpeg-lossless",)
    rank = 30

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import imagecodecs

        info = checked(request.info or parse_jpeg(stream), request)
        samples, notes = decode_jpeg(imagecodecs.jpegsof3_decode, stream[info.start :], info)
        return Decoded(
            samples, bits_stored=info.precision, signed=False, lossless=True, warnings=notes
        )


CODEC = _Lossless()
