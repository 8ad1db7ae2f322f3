"""Reads the headers of compressed streams: kind, size, precision, colour, before any decoding.

JPEG 2000 has a separate module. Sources: ITU-T T.81 annex B (JPEG), T.87 annex C (JPEG-LS),
ISO/IEC 18181-1 (JPEG XL).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import pairwise

from rendicom.dicom.jpeg2000 import JPEG_2000_CODESTREAM, parse_jpeg2000
from rendicom.dicom.jpeg2000 import StreamInfo as StreamInfo  # noqa: PLC0414 - exported
from rendicom.errors import CorruptDataError

JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
JXL_SIGNATURE = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
STREAM_STARTS = (
    b"\xff\xd8\xff",  # JPEG and JPEG-LS: SOI and the next marker
    JPEG_2000_CODESTREAM,
    JP2_SIGNATURE[:8],
    JXL_SIGNATURE[:8],
    b"\xff\x0a",  # JPEG XL codestream
)


def kind_of(data: bytes) -> str:
    """Return the family of a stream by its first bytes: jpeg, jpeg2000, jpeg-xl or ""."""
    if data[:1] == b"\0" and data[1:4] == b"\xff\xd8\xff":
        return "jpeg"
    if data[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if data[:4] == JPEG_2000_CODESTREAM or data[:12] == JP2_SIGNATURE:
        return "jpeg2000"
    if data[:2] == b"\xff\x0a" or data[:12] == JXL_SIGNATURE:
        return "jpeg-xl"
    return ""


def parse_stream(data: bytes) -> StreamInfo:
    """Return the properties of a stream of any kind known to `kind_of`.

    Raises
    ------
    CorruptDataError
        The kind is unknown, or the header is invalid.
    """
    kind = kind_of(data[:16])
    if not kind:
        raise CorruptDataError("the bytes are not a known image stream")
    parsers = {"jpeg": parse_jpeg, "jpeg2000": parse_jpeg2000, "jpeg-xl": parse_jpeg_xl}
    return parsers[kind](data)


def is_rle_header(start: bytes) -> bool:
    """Tell whether 64 bytes are a plausible RLE header (PS3.5 G.5)."""
    if len(start) < 64:
        return False
    count, *offsets = struct.unpack_from("<16I", start)
    used, unused = offsets[:count], offsets[count:]
    rising = all(low < high for low, high in pairwise(used))
    return 1 <= count <= 15 and offsets[0] == 64 and rising and not any(unused)


# --- JPEG and JPEG-LS -------------------------------------------------------------------------

_FRAMES = {0xC0: "jpeg", 0xC1: "jpeg", 0xC2: "jpeg", 0xC3: "jpeg-lossless", 0xF7: "jpeg-ls"}
_SOS, _EOI = 0xDA, 0xD9
_SEGMENT = rb"\xff[\xc0-\xcf\xd9-\xfe]"
"""A marker followed by a length; coded data have no markers except RST (T.81 B.1.1.3)."""
_DCT, _DCT_HALVINGS = frozenset((0xC0, 0xC1, 0xC2)), 3
"""A block of 8 x 8 coefficients gives 4 x 4, 2 x 2 or 1 x 1 pixels as well."""
_NOT_DECODED = {
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical JPEG"),
    **dict.fromkeys((0xC9, 0xCA, 0xCB), "arithmetic-coded JPEG"),
}


def parse_jpeg(data: bytes) -> StreamInfo:
    """Return the properties in the markers of a JPEG or JPEG-LS stream.

    Raises
    ------
    CorruptDataError
        The frame header is missing.
    """
    start = 1 if data[:1] == b"\0" else 0
    has_jfif, adobe = False, -1
    profile: list[bytes] = []
    segments = jpeg_segments(data, start + 2)
    for marker, begin, stop in segments:
        if marker == _SOS:
            break
        segment = data[begin:stop]
        if marker in _FRAMES or marker in _NOT_DECODED:
            if len(segment) < 6:
                break
            precision, rows, columns, components = struct.unpack_from(">BHHB", segment)
            names = bytes(segment[6::3][:components])
            # What follows EOI is padding of the fragment.
            end = data.rfind(b"\xff\xd9", start)
            return StreamInfo(
                kind=_FRAMES.get(marker, "jpeg"),
                rows=rows,
                columns=columns,
                components=components,
                precision=precision,
                transformed=_is_ycbcr(names, adobe, has_jfif=has_jfif),
                subsampled=components == 3 and len(set(segment[7::3][:components])) > 1,
                reversible=marker == 0xC3 or (marker == 0xF7 and not _near(data, segments)),
                unsupported=_NOT_DECODED.get(marker, ""),
                start=start,
                stop=end + 2 if end >= 0 else len(data),
                is_complete=end >= 0,
                icc_profile=_joined_profile(profile),
                halvings=_DCT_HALVINGS if marker in _DCT and precision == 8 else 0,
            )
        if marker == 0xE0 and segment[:5] == b"JFIF\0":
            has_jfif = True
        elif marker == 0xEE and segment[:5] == b"Adobe" and len(segment) >= 12:
            adobe = segment[11]
        elif marker == 0xE2 and segment[:12] == b"ICC_PROFILE\0":
            profile.append(segment[12:])
    raise CorruptDataError("the JPEG stream has no frame header")


def jpeg_segments(data: bytes, position: int = 2) -> Iterator[tuple[int, int, int]]:
    """Yield the marker of each segment, and where its content starts and ends."""
    search = re.compile(_SEGMENT, re.DOTALL).search
    while found := search(data, position):
        marker, start = data[found.start() + 1], found.end() + 2
        if marker == _EOI or start > len(data):
            return
        (length,) = struct.unpack_from(">H", data, found.end())
        position = found.end() + max(2, length)
        yield marker, start, min(position, len(data))


def _near(data: bytes, segments: Iterator[tuple[int, int, int]]) -> int:
    """Return the largest error of a JPEG-LS sample, from the first scan (T.87 C.2.3)."""
    scan = next((data[start:stop] for marker, start, stop in segments if marker == _SOS), b"")
    at = 1 + 2 * scan[0] if scan else 0
    return scan[at] if at < len(scan) else 0


def _is_ycbcr(names: bytes, adobe: int, *, has_jfif: bool) -> bool | None:
    """Tell the colour model of three components, or None if the stream does not state it.

    JFIF is always YCbCr (T.871 6.1); an Adobe marker that denies it leaves the question open.
    """
    if adobe >= 0 and (adobe == 1 or not has_jfif):
        return adobe == 1
    if has_jfif and adobe < 0:
        return True
    return False if names == b"RGB" else None


def _joined_profile(chunks: list[bytes]) -> bytes | None:
    """Return the ICC profile of APP2 segments, None if a piece is missing (ICC.1 B.4)."""
    pieces = {chunk[0]: chunk[2:] for chunk in chunks if len(chunk) > 2}
    if not pieces or sorted(pieces) != list(range(1, len(pieces) + 1)):
        return None
    return b"".join(pieces[number] for number in sorted(pieces))


# --- JPEG XL ----------------------------------------------------------------------------------


class _Bits:
    """Bits of a JPEG XL header, least significant first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        return value


def parse_jpeg_xl(data: bytes) -> StreamInfo:
    """Return the size in a JPEG XL header; other properties are left to the decoder.

    Raises
    ------
    CorruptDataError
        The codestream is missing.
    """
    start = _boxed_codestream(data) if data[:12] == JXL_SIGNATURE else 0
    if start < 0 or data[start : start + 2] != b"\xff\x0a":
        raise CorruptDataError("there is no JPEG XL codestream")
    rows, columns = _jpeg_xl_size(_Bits(data[start + 2 : start + 34]))
    return StreamInfo(kind="jpeg-xl", rows=rows, columns=columns, stop=len(data))


def _boxed_codestream(data: bytes) -> int:
    """Return the start of the codestream in a container, or -1 (18181-2 clause 9)."""
    position = 0
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        content = position + (16 if length == 1 else 8)
        if kind == b"jxlc":
            return content
        if kind == b"jxlp":
            return content + 4
        if length == 1 and position + 16 <= len(data):
            (length,) = struct.unpack_from(">Q", data, position + 8)
        if length < content - position:
            return -1  # 0 means: up to the end of the file
        position += length
    return -1


def _jpeg_xl_size(bits: _Bits) -> tuple[int, int]:
    """Read a SizeHeader (ISO/IEC 18181-1 D.2)."""
    is_small = bits.take(1)
    rows = _jpeg_xl_side(bits, is_small=is_small)
    ratio = bits.take(3)
    ratios = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
    if ratio:
        numerator, denominator = ratios[ratio]
        return rows, rows * numerator // denominator
    return rows, _jpeg_xl_side(bits, is_small=is_small)


def _jpeg_xl_side(bits: _Bits, *, is_small: int) -> int:
    if is_small:
        return (bits.take(5) + 1) * 8
    return bits.take((9, 13, 18, 30)[bits.take(2)]) + 1
