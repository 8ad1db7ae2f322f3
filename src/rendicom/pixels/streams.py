"""Reads the headers of compressed streams: kind, size, precision, colour, before any decoding.

Sources: ITU-T T.81 annex B (JPEG), T.87 annex C (JPEG-LS), T.800 annexes A and I (JPEG 2000),
T.814 (HTJ2K), ISO/IEC 18181-1 (JPEG XL).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from rendicom.errors import CorruptDataError

__all__ = [
    "StreamInfo",
    "kind_of",
    "parse_jpeg",
    "parse_jpeg2000",
    "parse_jpeg_xl",
    "without_delimiter",
]

JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
JXL_SIGNATURE = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
_CODESTREAM = b"\xff\x4f\xff\x51"
_SEQUENCE_DELIMITER = b"\xfe\xff\xdd\xe0"


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a stream says of itself.

    Attributes
    ----------
    kind
        ``jpeg``, ``jpeg-lossless``, ``jpeg-ls``, ``jpeg2000``, ``htj2k`` or ``jpeg-xl``.
    rows, columns, components, precision
        Size of the image and bits of a sample; 0 where the stream does not tell.
    signed
        Only JPEG 2000 tells.
    transformed
        JPEG: True for YCbCr, False for RGB, None where the stream does not tell.
        JPEG 2000: whether the decoder undoes a colour transform.
    reversible
        No information was lost in coding.
    unsupported
        The name of a feature no library here decodes, or an empty string.
    start, stop
        Where the codestream proper lies in the bytes.
    is_complete
        The end marker is there.
    """

    kind: str
    rows: int = 0
    columns: int = 0
    components: int = 0
    precision: int = 0
    signed: bool | None = None
    transformed: bool | None = None
    reversible: bool = False
    unsupported: str = ""
    start: int = 0
    stop: int = 0
    is_complete: bool = True
    icc_profile: bytes | None = field(default=None, repr=False)


def kind_of(data: bytes) -> str:
    """Return the family of a stream by its first bytes: jpeg, jpeg2000, jpeg-xl or ""."""
    if data[:1] == b"\0" and data[1:4] == b"\xff\xd8\xff":
        return "jpeg"
    if data[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if data[:4] == _CODESTREAM or data[:12] == JP2_SIGNATURE:
        return "jpeg2000"
    if data[:2] == b"\xff\x0a" or data[:12] == JXL_SIGNATURE:
        return "jpeg-xl"
    return ""


# --- JPEG and JPEG-LS -------------------------------------------------------------------------

_FRAMES = {0xC0: "jpeg", 0xC1: "jpeg", 0xC2: "jpeg", 0xC3: "jpeg-lossless", 0xF7: "jpeg-ls"}
_NOT_DECODED = {
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical JPEG"),
    **dict.fromkeys((0xC9, 0xCA, 0xCB), "arithmetic-coded JPEG"),
}


def parse_jpeg(data: bytes) -> StreamInfo:
    """Return what the markers of a JPEG or JPEG-LS stream say.

    Raises
    ------
    CorruptDataError
        There is no frame header.
    """
    start = 1 if data[:1] == b"\0" else 0
    has_jfif, adobe = False, -1
    profile: list[bytes] = []
    segments = _segments(data, start + 2)
    for marker, segment in segments:
        if marker in _FRAMES or marker in _NOT_DECODED:
            if len(segment) < 6:
                break
            precision, rows, columns, components = struct.unpack_from(">BHHB", segment)
            names = bytes(segment[6::3][:components])
            end = _end_of_image(data, start)
            return StreamInfo(
                kind=_FRAMES.get(marker, "jpeg"),
                rows=rows,
                columns=columns,
                components=components,
                precision=precision,
                transformed=_is_ycbcr(names, adobe, has_jfif=has_jfif),
                reversible=marker == 0xC3 or (marker == 0xF7 and not _near(segments)),
                unsupported=_NOT_DECODED.get(marker, ""),
                start=start,
                stop=end or len(data),
                is_complete=end > 0,
                icc_profile=_joined_profile(profile),
            )
        if marker == 0xE0 and segment[:5] == b"JFIF\0":
            has_jfif = True
        elif marker == 0xEE and segment[:5] == b"Adobe" and len(segment) >= 12:
            adobe = segment[11]
        elif marker == 0xE2 and segment[:12] == b"ICC_PROFILE\0":
            profile.append(segment[12:])
    raise CorruptDataError("the JPEG stream has no frame header")


def _segments(data: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of each segment up to that of the first scan (T.81 B.1.1)."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0 or position + 4 > len(data):
            return
        marker = data[position + 1]
        if marker in (0xFF, 0x00, 0x01) or 0xD0 <= marker <= 0xD8:
            position += 1 if marker == 0xFF else 2
            continue
        if marker == 0xD9:
            return
        (length,) = struct.unpack_from(">H", data, position + 2)
        yield marker, data[position + 4 : position + 2 + length]
        if marker == 0xDA:
            return
        position += 2 + max(2, length)


def _near(segments: Iterator[tuple[int, bytes]]) -> int:
    """Return the largest error of a JPEG-LS sample, from the first scan (T.87 C.2.3)."""
    scan = next((segment for marker, segment in segments if marker == 0xDA), b"")
    at = 1 + 2 * scan[0] if scan else 0
    return scan[at] if at < len(scan) else 0


def _is_ycbcr(names: bytes, adobe: int, *, has_jfif: bool) -> bool | None:
    """Tell the colour model of three components, or None where only the header can tell."""
    if adobe >= 0:
        return adobe == 1
    if has_jfif:
        return True
    return False if names == b"RGB" else None


def _end_of_image(data: bytes, start: int) -> int:
    """Return where the stream ends behind EOI, or 0; what follows pads the fragment."""
    found = data.rfind(b"\xff\xd9", start)
    return found + 2 if found >= 0 else 0


def _joined_profile(chunks: list[bytes]) -> bytes | None:
    """Return the ICC profile of APP2 segments, None when a piece is missing (ICC.1 B.4)."""
    pieces = {chunk[0]: chunk[2:] for chunk in chunks if len(chunk) > 2}
    if not pieces or sorted(pieces) != list(range(1, len(pieces) + 1)):
        return None
    return b"".join(pieces[number] for number in sorted(pieces))


# --- JPEG 2000 --------------------------------------------------------------------------------

_MAX_TILES = 65535
_MAX_LEVELS = 32


def parse_jpeg2000(data: bytes) -> StreamInfo:
    """Return what the main header of a JPEG 2000 or HTJ2K stream says, boxed or bare.

    Raises
    ------
    CorruptDataError
        There is no codestream, or its SIZ segment makes no sense.
    """
    start = data.find(_CODESTREAM)
    if start < 0 or len(data) < start + 44:
        raise CorruptDataError("there is no JPEG 2000 codestream")
    header = list(_main_header(data, start + 2))
    siz = header[0][1] if header else b""
    if len(siz) < 39:
        raise CorruptDataError("the JPEG 2000 image size segment is cut short")
    rsiz, x1, y1, x0, y0, tx, ty, tx0, ty0, components = struct.unpack_from(">HIIIIIIIIH", siz)
    columns, rows = x1 - x0, y1 - y0
    if rows <= 0 or columns <= 0 or not tx or not ty or not components:
        raise CorruptDataError("the JPEG 2000 image size segment makes no sense")
    if -(-(x1 - tx0) // tx) * -(-(y1 - ty0) // ty) > _MAX_TILES:
        raise CorruptDataError("the JPEG 2000 stream claims more tiles than there can be")
    if tx0 > x0 or ty0 > y0 or tx0 + tx <= x0 or ty0 + ty <= y0:
        raise CorruptDataError("the JPEG 2000 tiles do not cover the image")
    if len(siz) < 36 + 3 * components:
        raise CorruptDataError("the JPEG 2000 image size segment is cut short")
    # The largest component: subsampling one of them must not hide the size of the others.
    depth = siz[36]
    dx, dy = (min(siz[first : 36 + 3 * components : 3]) for first in (37, 38))
    if not dx or not dy:
        raise CorruptDataError("the JPEG 2000 subsampling is 0")
    segments = dict(reversed(header))
    is_high_throughput = bool(rsiz & 0x4000) or 0x50 in segments
    if is_high_throughput:
        _check_quantization(header, components)
    cod = segments.get(0x52, b"")
    stop = data.rfind(b"\xff\xd9", start)
    return StreamInfo(
        kind="htj2k" if is_high_throughput else "jpeg2000",
        rows=-(-y1 // dy) - -(-y0 // dy),
        columns=-(-x1 // dx) - -(-x0 // dx),
        components=components,
        precision=(depth & 0x7F) + 1,
        signed=bool(depth & 0x80),
        transformed=len(cod) > 4 and cod[4] == 1,
        reversible=len(cod) > 9 and cod[9] == 1,
        unsupported="JPEG 2000 Part 2" if rsiz & 0x8000 and rsiz & 0x0FFF else "",
        start=start,
        stop=stop + 2 if stop > start else len(data),
        is_complete=stop > start,
        icc_profile=_boxed_profile(data[:start]),
    )


def without_delimiter(data: bytes) -> bytes:
    """Return a JPEG 2000 stream without the sequence delimiter that was written into its header.

    The tag then stands for the capabilities and the upper half of the width (T.800 A.5.1), which
    are 0 in all images of Part 1 that DICOM can describe. Other streams come back as they are.
    """
    at = data.find(_CODESTREAM) + 6
    if data[at : at + 4] != _SEQUENCE_DELIMITER:
        return data
    return data[:at] + bytes(4) + data[at + 4 :]


def _main_header(data: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    """Yield marker (low byte) and content of the segments before the first tile part."""
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in (0x90, 0xD9):
            return
        (length,) = struct.unpack_from(">H", data, position + 2)
        yield marker, data[position + 4 : position + 2 + length]
        position += 2 + max(2, length)


def _check_quantization(header: list[tuple[int, bytes]], components: int) -> None:
    """Refuse step sizes for fewer subbands than there are (T.800 A.6.4, A.6.5).

    OpenJPH reads what is missing from memory that nobody has set, and crashes.
    """
    index = 1 if components < 257 else 2
    styles = [content for marker, content in header if marker == 0x52]
    levels = [content[5] for content in styles if len(content) > 5]
    styles = [content for marker, content in header if marker == 0x53]
    levels += [content[index + 1] for content in styles if len(content) > index + 1]
    steps = [content for marker, content in header if marker == 0x5C]
    steps += [content[index:] for marker, content in header if marker == 0x5D]
    if not levels or max(levels) > _MAX_LEVELS or not steps:
        raise CorruptDataError("the JPEG 2000 stream does not say how it is coded")
    subbands = 3 * max(levels) + 1
    for content in steps:
        how = content[0] & 0x1F if content else -1
        if len(content) - 1 < {0: subbands, 1: 2, 2: 2 * subbands}.get(how, len(content)):
            raise CorruptDataError("the JPEG 2000 quantization segment is cut short")


def _boxed_profile(boxes: bytes) -> bytes | None:
    """Return the restricted ICC profile of a JP2 Colour Specification box (T.800 I.5.3.3)."""
    found = boxes.find(b"colr")
    if found < 4 or boxes[found + 4 : found + 5] not in (b"\x02", b"\x03"):
        return None
    (length,) = struct.unpack_from(">I", boxes, found - 4)
    return boxes[found + 7 : found - 4 + length] or None


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
    """Return the size a JPEG XL stream claims; the rest is left to the decoder.

    Raises
    ------
    CorruptDataError
        There is no codestream.
    """
    start = _boxed_codestream(data) if data[:12] == JXL_SIGNATURE else 0
    if start < 0 or data[start : start + 2] != b"\xff\x0a":
        raise CorruptDataError("there is no JPEG XL codestream")
    rows, columns = _jpeg_xl_size(_Bits(data[start + 2 : start + 34]))
    return StreamInfo(kind="jpeg-xl", rows=rows, columns=columns, stop=len(data))


def _boxed_codestream(data: bytes) -> int:
    """Return where the codestream starts in the boxes of a container, or -1 (18181-2 clause 9)."""
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
