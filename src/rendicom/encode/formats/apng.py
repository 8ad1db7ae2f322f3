"""Animated PNG (ISO/IEC 15948:2025 11.3.6): frames of the PNG writer with delays."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from rendicom.encode.formats import EncodeSettings, Format
from rendicom.encode.timing import seconds_fraction
from rendicom.values import DisplayImage


def _encode(image: DisplayImage, settings: EncodeSettings) -> bytes:
    return _encode_animation([image], [0.0], settings)


def _encode_animation(
    images: Sequence[DisplayImage], durations: Sequence[float], settings: EncodeSettings
) -> bytes:
    from rendicom.encode.scanlines import compressed_scanlines, header_chunks, png_file

    chunks = header_chunks(images[0])
    plays_for_ever = 0
    chunks.append((b"acTL", struct.pack(">II", len(images), plays_for_ever)))
    sequence = 0
    for image, duration in zip(images, durations, strict=True):
        chunks.append((b"fcTL", _frame_control(sequence, image, duration)))
        data = compressed_scanlines(image.samples, settings.compression, settings.threads)
        if sequence == 0:
            chunks.append((b"IDAT", data))
            sequence = 1
        else:
            chunks.append((b"fdAT", struct.pack(">I", sequence + 1) + data))
            sequence += 2
    chunks.append((b"IEND", b""))
    return png_file(chunks)


def _frame_control(sequence: int, image: DisplayImage, duration: float) -> bytes:
    """Return fcTL: the whole canvas, without disposal and blending."""
    height, width = image.samples.shape[:2]
    delay = seconds_fraction(duration)
    return struct.pack(">IIIIIHHBB", sequence, width, height, 0, 0, *delay, 0, 0)


FORMAT = Format(
    name="apng",
    title="Animated PNG",
    media_type="image/apng",
    extensions=(".apng",),
    gray=("uint8", "uint16"),
    colour=("uint8", "uint16"),
    icc=True,
    max_side=2**31 - 1,
    library="numpy",
    encode=_encode,
    encode_animation=_encode_animation,
)
