"""PNG, 8 and 16 bit, gray and RGB (ISO/IEC 15948).

Our own writer: those of the libraries take three to twenty times as long.
"""

from __future__ import annotations

from rendicom.encode.formats import EncodeSettings, Format
from rendicom.values import DisplayImage

# A chunk's length is a 31-bit number; an image may need several IDAT.
_IDAT_BYTES = 1 << 30


def _encode(image: DisplayImage, settings: EncodeSettings) -> bytes:
    from rendicom.encode.scanlines import compressed_scanlines, header_chunks, png_file

    data = compressed_scanlines(image.samples, settings.compression, settings.threads)
    chunks = header_chunks(image)
    if len(data) <= _IDAT_BYTES:
        chunks.append((b"IDAT", data))
    else:
        starts = range(0, len(data), _IDAT_BYTES)
        chunks += ((b"IDAT", data[start : start + _IDAT_BYTES]) for start in starts)
    chunks.append((b"IEND", b""))
    return png_file(chunks)


FORMAT = Format(
    name="png",
    title="PNG",
    media_type="image/png",
    extensions=(".png",),
    gray=("uint8", "uint16"),
    colour=("uint8", "uint16"),
    icc=True,
    max_side=2**31 - 1,
    library="numpy",
    encode=_encode,
)
