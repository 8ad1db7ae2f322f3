"""BMP: 8 bit with a gray palette, or 24-bit colour; uncompressed, bottom row first."""

from __future__ import annotations

import struct

from rendicom.encode.formats import EncodeSettings, Format
from rendicom.errors import EncodeError
from rendicom.values import DisplayImage

_HEADERS = 14 + 40


def _encode(image: DisplayImage, _settings: EncodeSettings) -> bytes:
    import numpy as np

    samples = image.samples
    height, width = samples.shape[:2]
    is_colour = samples.ndim == 3
    palette = b"" if is_colour else struct.pack("<256I", *range(0, 1 << 24, 0x010101))
    row_bytes = width * (3 if is_colour else 1)
    stride = (row_bytes + 3) // 4 * 4
    start = _HEADERS + len(palette)
    size = start + stride * height
    if size > 0xFFFFFFFF:
        raise EncodeError("the picture needs more than the 4 GB of a bmp", hint="use png or tiff")
    file_header = struct.pack("<2sIHHI", b"BM", size, 0, 0, start)
    bits, colours = (24, 0) if is_colour else (8, 256)
    info_header = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, bits, 0, stride * height, 0, 0, colours, 0
    )
    rows = np.zeros((height, stride), np.uint8)
    if is_colour:
        for place, channel in enumerate((2, 1, 0)):
            rows[:, place:row_bytes:3] = samples[::-1, :, channel]
    else:
        rows[:, :row_bytes] = samples[::-1]
    return b"".join((file_header, info_header, palette, rows.data))


FORMAT = Format(
    name="bmp",
    title="BMP",
    media_type="image/bmp",
    extensions=(".bmp",),
    max_side=2**31 - 1,
    library="numpy",
    encode=_encode,
)
