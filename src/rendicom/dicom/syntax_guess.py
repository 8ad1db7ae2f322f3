"""Guesses the transfer syntax of a file that does not state it, from the pixel data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.coded_warnings import CodedWarning
from rendicom.dicom.codestreams import (
    StreamInfo,
    is_rle_header,
    kind_of,
    parse_stream,
)
from rendicom.dicom.fragments import Fragments
from rendicom.dicom.transfer_syntaxes import (
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    RLE_LOSSLESS,
)
from rendicom.errors import CorruptDataError

if TYPE_CHECKING:
    from rendicom.dicom.byte_source import ByteSource
    from rendicom.dicom.picture_tags import PixelElement

GUESSED = CodedWarning("syntax-guessed", "the file has no transfer syntax: it was guessed")
_HEAD = 256 << 10
_JPEG = "1.2.840.10008.1.2.4."
_OF_KIND = {
    ("jpeg", False): "50",
    ("jpeg-lossless", True): "57",
    ("jpeg-ls", True): "80",
    ("jpeg-ls", False): "81",
    ("jpeg2000", True): "90",
    ("jpeg2000", False): "91",
    ("htj2k", True): "201",
    ("htj2k", False): "203",
    ("jpeg-xl", False): "112",
}
"""Last component by kind of stream and whether it is lossless."""
_VIDEO = (
    (b"\x00\x00\x01\xb3", "100"),  # MPEG-2: sequence header
    (b"\x00\x00\x01\x67", "102"),  # H.264: sequence parameter set
    (b"\x00\x00\x01\x27", "102"),
    (b"\x00\x00\x01\x09", "102"),  # access unit delimiter
    (b"\x00\x00\x01\x40", "107"),  # HEVC: video parameter set
    (b"\x00\x00\x01\x46", "107"),
)


def guessed_syntax(
    source: ByteSource, pixel: PixelElement | None, *, explicit_vr: bool, little_endian: bool
) -> str:
    """Return the transfer syntax that fits the encoding of the data set and its pixel data."""
    stream = _first_stream(source, pixel) if pixel is not None else b""
    compressed = _syntax_of_stream(stream)
    if compressed:
        return compressed
    if not little_endian:
        return EXPLICIT_BIG_ENDIAN
    return EXPLICIT_LITTLE_ENDIAN if explicit_vr else IMPLICIT_LITTLE_ENDIAN


def _first_stream(source: ByteSource, pixel: PixelElement) -> bytes:
    """Return the first bytes of the first fragment; empty if there are no fragments."""
    try:
        fragments = Fragments(source, pixel)
        tag, length = fragments.item_at(fragments.first)
    except CorruptDataError:
        return b""
    # Native pixels may begin like an item, but not with two of them.
    return source.read(fragments.first + 8, min(length, _HEAD)) if tag else b""


def _syntax_of_stream(data: bytes) -> str:
    if is_rle_header(data[:64]):
        return RLE_LOSSLESS
    kind = kind_of(data[:16])
    if kind:
        try:
            info = parse_stream(data)
        except CorruptDataError:
            info = StreamInfo(kind)
        if info.kind == "jpeg" and info.precision > 8:
            return f"{_JPEG}51"
        return _JPEG + _OF_KIND.get((info.kind, info.reversible), "50")
    start = data[1:5] if data[:4] == b"\0\0\0\1" else data[:4]
    if data[4:8] == b"ftyp":
        return f"{_JPEG}102"
    return next((_JPEG + last for mark, last in _VIDEO if start == mark), "")
