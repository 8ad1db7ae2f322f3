"""JPEG-LS, lossless (ITU-T T.87): a bare code stream with colour as R, G, B."""

from __future__ import annotations

from rendicom.encode.formats import EncodeSettings, Format
from rendicom.values import DisplayImage


def _encode(image: DisplayImage, _settings: EncodeSettings) -> bytes:
    import imagecodecs

    # The output buffer of the library is too small for noise.
    room = 2 * image.samples.nbytes + 4096
    return bytes(imagecodecs.jpegls_encode(image.samples, out=room))


FORMAT = Format(
    name="jls",
    title="JPEG-LS, lossless",
    media_type="image/jls",
    extensions=(".jls",),
    gray=("uint8", "uint16"),
    colour=("uint8", "uint16"),
    max_side=65535,
    library="imagecodecs",
    encode=_encode,
)
