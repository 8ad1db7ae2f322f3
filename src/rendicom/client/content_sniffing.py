"""Detects media type and image size from content."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from rendicom.dicom.codestreams import parse_jpeg
from rendicom.errors import CorruptDataError, WireError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\0\x0cjP  ", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/j2c"),
    (b"\0\0\0\x0cJXL ", "image/jxl"),
    (b"\xff\x0a", "image/jxl"),
    (b"%PDF-", "application/pdf"),
    (b"{", "application/json"),
)
_ENDS = {
    "image/jpeg": b"\xff\xd9", "image/png": b"IEND\xaeB`\x82", "image/gif": b";",
    "application/pdf": b"%%EOF",
}  # fmt: skip
_TAIL = 1 << 10
"""Bytes that some encoders write after the end."""
_MOST_PIXELS = 1 << 28
"""Largest image that is decoded for a comparison."""


class ContentInfo(NamedTuple):
    """Media type and size; ``width`` and ``height`` are 0 where unknown."""

    media_type: str
    width: int = 0
    height: int = 0


def identify(data: bytes) -> ContentInfo:
    """Return the media type and size from the first bytes; empty if unknown."""
    media_type = _media_type(data)
    width = height = 0
    if media_type == "image/png" and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
    elif media_type == "image/gif" and len(data) >= 10:
        width, height = struct.unpack_from("<HH", data, 6)
    elif media_type == "image/webp" and len(data) >= 30:
        width, height = _webp_size(data)
    elif media_type == "image/jpeg":
        with suppress(CorruptDataError):
            found = parse_jpeg(data)
            width, height = found.columns, found.rows
    return ContentInfo(media_type, width, height)


def is_cut_short(data: bytes) -> bool:
    """Tell whether the end of a picture or document is missing, if its format has an end mark."""
    media_type = _media_type(data)
    if media_type == "image/webp":
        return int.from_bytes(data[4:8], "little") > len(data) - 8
    end = _ENDS.get(media_type)
    return end is not None and end not in data[-_TAIL:]


def _media_type(data: bytes) -> str:
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return media_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        return {b"avif": "image/avif", b"avis": "image/avif", b"mp42": "video/mp4",
                b"isom": "video/mp4"}.get(data[8:12], "")  # fmt: skip
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    return "text/xml" if start.startswith(b"<?xml") else ""


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        return width, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def decoded(data: bytes) -> NDArray[Any]:
    """Return the samples of a PNG, JPEG or GIF: gray if all channels are equal.

    Raises
    ------
    WireError
        It is of another format, is damaged, or has too many pixels.
    """
    import imagecodecs

    seen = identify(data)
    decode = {
        "image/png": imagecodecs.png_decode,
        "image/jpeg": imagecodecs.jpeg8_decode,
        "image/gif": imagecodecs.gif_decode,
    }.get(seen.media_type)
    if decode is None or not 0 < seen.width * seen.height <= _MOST_PIXELS:
        raise WireError("the picture is of a kind or size that is not compared")
    try:
        samples: NDArray[Any] = decode(data)
    except (RuntimeError, ValueError, MemoryError) as error:  # codecs raise kinds of RuntimeError
        raise WireError(f"the picture is damaged ({type(error).__name__})") from None
    if samples.ndim == 4:
        samples = samples[0]
    return _plain(samples)


def _plain(samples: NDArray[Any]) -> NDArray[Any]:
    if samples.ndim == 2:
        return samples
    colours = samples[..., :3] if samples.shape[2] >= 3 else samples[..., :1]
    first = colours[..., 0]
    is_gray = all((colours[..., number] == first).all() for number in range(colours.shape[2]))
    return first if is_gray else colours
