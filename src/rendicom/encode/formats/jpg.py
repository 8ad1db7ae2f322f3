"""JPEG baseline: 8 bit, Huffman, sequential, as PS3.18 8.7.4 requires for image/jpeg."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from rendicom.encode.formats import EncodeSettings, Format
from rendicom.errors import EncodeError
from rendicom.values import DisplayImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ICC_LABEL = b"ICC_PROFILE\0"
_ICC_BYTES = 65519
_MOST_ICC_CHUNKS = 255

# Chroma subsampling blurs Doppler colors and burned-in text: for a color ultrasound its error
# at quality 90 is that of full chroma at 75 to 80, which takes less space. Lower qualities
# favor a small file.
_FULL_CHROMA_FROM = 75


def _encode(image: DisplayImage, settings: EncodeSettings) -> bytes:
    data = _codestream(image.samples, settings.quality)
    return data if image.icc_profile is None else _with_profile(data, image.icc_profile)


def _codestream(samples: NDArray[Any], quality: int) -> bytes:
    import imagecodecs

    if samples.ndim == 2:
        return bytes(imagecodecs.jpeg8_encode(samples, quality))
    subsampling = "444" if quality >= _FULL_CHROMA_FROM else "420"
    return bytes(imagecodecs.jpeg8_encode(samples, quality, subsampling=subsampling))


def _with_profile(data: bytes, profile: bytes) -> bytes:
    """Return the stream with APP2 segments after its APP0 (ICC.1 B.4)."""
    parts = [profile[at : at + _ICC_BYTES] for at in range(0, len(profile), _ICC_BYTES)]
    if len(parts) > _MOST_ICC_CHUNKS:
        raise EncodeError("the ICC profile is too big for a JPEG file", hint="use icc=no")
    segments = [
        struct.pack(">HH", 0xFFE2, 2 + len(_ICC_LABEL) + 2 + len(part))
        + _ICC_LABEL
        + bytes((number, len(parts)))
        + part
        for number, part in enumerate(parts, start=1)
    ]
    end_of_app0 = 4 + int.from_bytes(data[4:6], "big")
    return b"".join((data[:end_of_app0], *segments, data[end_of_app0:]))


FORMAT = Format(
    name="jpg",
    title="JPEG baseline",
    media_type="image/jpeg",
    extensions=(".jpg", ".jpeg"),
    gray=("uint8",),
    colour=("uint8",),
    lossy=True,
    icc=True,
    max_side=65500,  # libjpeg's JPEG_MAX_DIMENSION
    library="imagecodecs",
    encode=_encode,
)
