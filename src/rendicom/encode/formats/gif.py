"""GIF89a: gray exact, color exact up to 256 colors a frame and quantized beyond."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rendicom.encode.formats import EncodeSettings, Format
from rendicom.encode.timing import ticks
from rendicom.values import DisplayImage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TRAILER = b"\x3b"
_LOOP_FOR_EVER = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
_DO_NOT_DISPOSE = 1 << 2
# Color table flag, and size of a table of 256 colors (2 ** (7 + 1)).
_TABLE_OF_256 = 0x80 | 7
_COLOUR_RESOLUTION = 0x70
# Browsers slow anything below 20 ms down to 100 ms.
_LEAST_TICKS = 2
_GRAYS = bytes(gray for gray in range(256) for _ in range(3))


def _encode(image: DisplayImage, _settings: EncodeSettings) -> bytes:
    return b"".join((_header(image), _picture(image), _TRAILER))


def _encode_animation(
    images: Sequence[DisplayImage], durations: Sequence[float], _settings: EncodeSettings
) -> bytes:
    parts = [_header(images[0]), _LOOP_FOR_EVER]
    delays = ticks(durations, 10, least=_LEAST_TICKS, most=0xFFFF)
    for image, delay in zip(images, delays, strict=True):
        parts += (struct.pack("<4BHBB", 0x21, 0xF9, 4, _DO_NOT_DISPOSE, delay, 0, 0),)
        parts += (_picture(image),)
    parts.append(_TRAILER)
    return b"".join(parts)


def _header(image: DisplayImage) -> bytes:
    """Return the screen descriptor, with the global color table of gray frames."""
    height, width = image.samples.shape[:2]
    is_gray = image.samples.ndim == 2
    flags = _COLOUR_RESOLUTION | (_TABLE_OF_256 if is_gray else 0)
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, flags, 0, 0)
    return screen + (_GRAYS if is_gray else b"")


def _picture(image: DisplayImage) -> bytes:
    """Return image descriptor, local color table of color frames, and LZW data."""
    samples = image.samples
    height, width = samples.shape[:2]
    descriptor = struct.pack("<BHHHH", 0x2C, 0, 0, width, height)
    if samples.ndim == 2:
        return b"".join((descriptor, b"\0", _lzw(samples)))
    from rendicom.encode.indexed_color import indexed

    palette, indices = indexed(samples)
    table = palette.tobytes().ljust(3 * 256, b"\0")
    return b"".join((descriptor, bytes((_TABLE_OF_256,)), table, _lzw(indices)))


def _lzw(indices: NDArray[np.uint8]) -> bytes:
    """Return code size and sub-blocks, taken from a GIF file that the library encoded."""
    import imagecodecs

    # The output buffer of the library is too small for noise: 12 bits a pixel and 1 in 255.
    room = indices.size * 2 + 4096
    data = bytes(imagecodecs.gif_encode(indices, out=room))
    at = 13 + _table_bytes(data[10])
    while data[at] == 0x21:
        at += 2
        while data[at]:
            at += data[at] + 1
        at += 1
    return data[at + 10 + _table_bytes(data[at + 9]) : -1]


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


FORMAT = Format(
    name="gif",
    title="GIF",
    media_type="image/gif",
    extensions=(".gif",),
    lossy=True,
    max_side=65535,
    library="imagecodecs",
    encode=_encode,
    encode_animation=_encode_animation,
)
