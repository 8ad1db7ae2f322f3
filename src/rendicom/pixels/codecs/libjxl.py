"""JPEG XL by libjxl; XYB comes out as RGB."""

from __future__ import annotations

from rendicom.dicom.codestreams import parse_jpeg_xl
from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import ImagecodecsCodec, call, checked


class _LibJXL(ImagecodecsCodec):
    name = "libjxl"
    module = "jpegxl"
    streams = ("jpeg-xl",)
    rank = 10

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import imagecodecs

        checked(request.info or parse_jpeg_xl(stream), request)
        # Only the first frame of an animation: a few bytes may hold thousands.
        samples = call(imagecodecs.jpegxl_decode, stream, index=0, numthreads=request.threads)
        return Decoded(samples, photometric_interpretation="RGB" if samples.ndim == 3 else "")


CODEC = _LibJXL()
