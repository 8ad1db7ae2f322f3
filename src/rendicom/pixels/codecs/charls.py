"""JPEG-LS by CharLS, any interleave mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.dicom.codestreams import StreamInfo, parse_jpeg
from rendicom.errors import CorruptDataError
from rendicom.pixels.codecs import Decoded, DecodeRequest
from rendicom.pixels.codecs._imagecodecs import ImagecodecsCodec, call, checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

_END_OF_IMAGE = b"\xff\xd9"


class _CharLS(ImagecodecsCodec):
    name = "CharLS"
    module = "jpegls"
    streams = ("jpeg-ls",)
    rank = 10

    def decode(self, stream: bytes, request: DecodeRequest) -> Decoded:
        import imagecodecs

        info = checked(request.info or parse_jpeg(stream), request)
        data = stream[info.start : info.stop]
        if data.endswith(_END_OF_IMAGE):
            samples = call(imagecodecs.jpegls_decode, data)
        else:
            # Without a marker at the end of the data, CharLS runs for many seconds.
            samples = _what_is_there(data + _END_OF_IMAGE, info)
        return Decoded(samples, bits_stored=info.precision, signed=False, lossless=info.reversible)


def _what_is_there(data: bytes, info: StreamInfo) -> NDArray[Any]:
    """Return the rows of a truncated stream that were decoded before its end; others are 0."""
    import imagecodecs

    if info.components != 1:
        found: NDArray[Any] = call(imagecodecs.jpegls_decode, data)
        return found
    dtype = np.uint8 if info.precision <= 8 else np.uint16
    samples = np.zeros((info.rows, info.columns), dtype)
    try:
        call(imagecodecs.jpegls_decode, data, out=samples)
    except CorruptDataError:
        if not samples.any():
            raise
    return samples


CODEC = _CharLS()
