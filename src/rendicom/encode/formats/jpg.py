"""JPEG baseline: 8 bit, Huffman, sequential, as PS3.18 8.7.4 requires for image/jpeg."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from rendicom.encode.formats import EncodeSettings, Format
from rendicom.errors import EncodeError
from rendicom.values import DisplayImage
from rendicom.workers.parallel import in_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ICC_LABEL = b"ICC_PROFILE\0"
_ICC_BYTES = 65519
_MOST_ICC_CHUNKS = 255
_LARGE = 1 << 20
"""Pixels from which a picture is encoded in strips, possibly by several threads."""
_STRIP = 1 << 19
_MOST_UNITS = 0xFFFF
"""Largest number of MCUs in a restart interval: a field of 16 bits (T.81 B.2.4.4)."""
_BEFORE_HEIGHT = 5
_EOI = b"\xff\xd9"

# Chroma subsampling blurs Doppler colors and burned-in text: for a color ultrasound its error
# at quality 90 is that of full chroma at 75 to 80, which takes less space. Lower qualities
# favor a small file.
_FULL_CHROMA_FROM = 75


def _encode(image: DisplayImage, settings: EncodeSettings) -> bytes:
    data = _codestream(image.samples, settings)
    return data if image.icc_profile is None else _with_profile(data, image.icc_profile)


def _codestream(samples: NDArray[Any], settings: EncodeSettings) -> bytes:
    import imagecodecs

    how: dict[str, Any] = {"level": settings.quality}
    unit = 8
    if samples.ndim == 3:
        is_full = settings.quality >= _FULL_CHROMA_FROM
        how["subsampling"], unit = ("444", 8) if is_full else ("420", 16)

    def encode(part: NDArray[Any]) -> bytes:
        return bytes(imagecodecs.jpeg8_encode(part, **how))

    height, width = samples.shape[:2]
    units = -(-width // unit)
    rows = unit * max(1, min(_STRIP // (width * unit), _MOST_UNITS // units))
    if height * width <= _LARGE or height <= rows:
        return encode(samples)
    strips = [samples[top : top + rows] for top in range(0, height, rows)]
    streams = in_threads(encode, strips, settings.threads)
    return _joined(streams, height, interval=units * (rows // unit))


def _joined(streams: Sequence[bytes], height: int, *, interval: int) -> bytes:
    """Join the streams of strips, with restart markers between them (T.81 E.1.4).

    ``interval`` is the number of MCUs of a strip; the last one may have less. The state of the
    encoder is reset at a restart, so that the coded data of the strips are copied unchanged.
    """
    sof, sos, start = _places(streams[0])
    at = sof + _BEFORE_HEIGHT
    parts: list[bytes | memoryview] = [
        streams[0][:at], struct.pack(">H", height), streams[0][at + 2 : sos],
        struct.pack(">HHH", 0xFFDD, 4, interval), streams[0][sos:start],
    ]  # fmt: skip
    for number, stream in enumerate(streams):
        if number:
            parts.append(bytes((0xFF, 0xD0 + (number - 1) % 8)))
        parts.append(memoryview(stream)[start : -len(_EOI)])
    return b"".join((*parts, _EOI))


def _places(stream: bytes) -> tuple[int, int, int]:
    """Return the positions of SOF0 and SOS, and the coded data."""
    at, sof = 2, 0
    while True:
        marker, length = struct.unpack_from(">HH", stream, at)
        end = at + 2 + length
        if marker == 0xFFDA:
            return sof, at, end
        if marker == 0xFFC0:
            sof = at
        at = end


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
    lossy=True,
    icc=True,
    max_side=65500,  # libjpeg's JPEG_MAX_DIMENSION
    library="imagecodecs",
    encode=_encode,
)
