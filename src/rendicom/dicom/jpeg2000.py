"""Reads the main header of JPEG 2000 and HTJ2K streams, and repairs streams.

Sources: ITU-T T.800 annexes A, B and I (JPEG 2000), T.814 (HTJ2K).
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from rendicom.coded_warnings import CodedWarning
from rendicom.errors import CorruptDataError
from rendicom.records import NamedTuple

JPEG_2000_CODESTREAM = b"\xff\x4f\xff\x51"
_SEQUENCE_DELIMITER = b"\xfe\xff\xdd\xe0"
_START_OF_TILE_PART, _END_OF_CODESTREAM = b"\xff\x90", b"\xff\xd9"

_MAX_TILES = 65535
_MAX_TILE_PARTS = 65535
"""Limit of tile-parts that are followed; 255 for each tile are possible."""
_MAX_LEVELS = 32


class StreamInfo(NamedTuple):
    """Properties in the headers of a stream.

    Attributes
    ----------
    kind
        ``jpeg``, ``jpeg-lossless``, ``jpeg-ls``, ``jpeg2000``, ``htj2k`` or ``jpeg-xl``.
    rows, columns, components, precision
        Size of the image and bits per sample; 0 if unknown.
    signed
        Known for JPEG 2000 only.
    transformed
        JPEG: True for YCbCr, False for RGB, None if unknown.
        JPEG 2000: whether the decoder undoes a colour transform.
    subsampled
        The second and third component are coarser than the first, which only chroma is.
    reversible
        JPEG: the coding is lossless. JPEG 2000: the wavelet is reversible, but the encoder may have
        left out bits (T.800 J.13).
    unsupported
        The name of an unsupported feature, or an empty string.
    start, stop
        Position of the codestream in the bytes.
    is_complete
        The end marker is present.
    halvings
        Number of times the decoder can halve the image without decoding the rest.
    """

    kind: str
    rows: int = 0
    columns: int = 0
    components: int = 0
    precision: int = 0
    signed: bool | None = None
    transformed: bool | None = None
    subsampled: bool = False
    reversible: bool = False
    unsupported: str = ""
    start: int = 0
    stop: int = 0
    is_complete: bool = True
    halvings: int = 0
    icc_profile: bytes | None = None


def parse_jpeg2000(data: bytes) -> StreamInfo:
    """Return the image described by the main header of a JPEG 2000 or HTJ2K stream, boxed or bare.

    Raises
    ------
    CorruptDataError
        The codestream is missing, or its SIZ segment is invalid.
    """
    start = data.find(JPEG_2000_CODESTREAM)
    if start < 0 or len(data) < start + 44:
        raise CorruptDataError("there is no JPEG 2000 codestream")
    header, position = _main_header(data, start + 2)
    siz = header[0][1] if header else b""
    if len(siz) < 39:
        raise CorruptDataError("the JPEG 2000 image size segment is cut short")
    rsiz, x1, y1, x0, y0, tx, ty, tx0, ty0, components = struct.unpack_from(">HIIIIIIIIH", siz)
    columns, rows = x1 - x0, y1 - y0
    if rows <= 0 or columns <= 0 or not tx or not ty or not components:
        raise CorruptDataError("the JPEG 2000 image size segment is invalid")
    if -(-(x1 - tx0) // tx) * -(-(y1 - ty0) // ty) > _MAX_TILES:
        raise CorruptDataError("the JPEG 2000 stream claims more tiles than are possible")
    if tx0 > x0 or ty0 > y0 or tx0 + tx <= x0 or ty0 + ty <= y0:
        raise CorruptDataError("the JPEG 2000 tiles do not cover the image")
    if len(siz) < 36 + 3 * components:
        raise CorruptDataError("the JPEG 2000 image size segment is cut short")
    # The largest component: subsampling one of them must not hide the size of the others.
    depth = siz[36]
    steps = list(zip(siz[37 : 36 + 3 * components : 3], siz[38::3], strict=False))
    dx, dy = (min(along) for along in zip(*steps, strict=True))
    if not dx or not dy:
        raise CorruptDataError("the JPEG 2000 subsampling is 0")
    segments = dict(reversed(header))
    is_high_throughput = bool(rsiz & 0x4000) or 0x50 in segments
    if is_high_throughput:
        _check_quantization(header, components)
    cod = segments.get(0x52, b"")
    stop = data.rfind(_END_OF_CODESTREAM, start)
    halvings = min(_coded_levels(header, components), default=0)
    if x0 or y0 or steps != [(1, 1)] * components:
        halvings = 0
    subsampled = components == 3 and steps[0] == (dx, dy) and steps != [(dx, dy)] * 3
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
        is_complete=start < stop and _end_of_tile_parts(data, position) <= stop,
        subsampled=subsampled,
        icc_profile=_boxed_profile(data[:start]),
        halvings=halvings,
    )


def _main_header(data: bytes, position: int) -> tuple[list[tuple[int, bytes]], int]:
    """Return marker (low byte) and content of the segments before the first tile-part.

    The second result is the start of the tile-part.
    """
    segments = []
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in (0x90, 0xD9):
            break
        (length,) = struct.unpack_from(">H", data, position + 2)
        segments.append((marker, data[position + 4 : position + 2 + length]))
        position += 2 + max(2, length)
    return segments, position


def _end_of_tile_parts(data: bytes, position: int) -> int:
    """Return the end of the tile-parts by their lengths (T.800 A.4.2).

    0 if it is unknown, since the last one may have no length. For truncated data, it may be after
    the end of the data.
    """
    for _ in range(_MAX_TILE_PARTS):
        if data[position : position + 2] != _START_OF_TILE_PART or position + 10 > len(data):
            return position
        (length,) = struct.unpack_from(">I", data, position + 6)
        if length < 12:
            return 0
        position += length
    return 0


def _coded_levels(header: list[tuple[int, bytes]], components: int) -> list[int]:
    """Return the decomposition levels of each COD and COC segment (T.800 A.6.1, A.6.2)."""
    index = 1 if components < 257 else 2
    styles = [content for marker, content in header if marker == 0x52]
    levels = [content[5] for content in styles if len(content) > 5]
    styles = [content for marker, content in header if marker == 0x53]
    return levels + [content[index + 1] for content in styles if len(content) > index + 1]


def _check_quantization(header: list[tuple[int, bytes]], components: int) -> None:
    """Refuse missing step sizes of subbands (T.800 A.6.4, A.6.5).

    OpenJPH reads the missing part from uninitialised memory and crashes.
    """
    index = 1 if components < 257 else 2
    levels = _coded_levels(header, components)
    steps = [content for marker, content in header if marker == 0x5C]
    steps += [content[index:] for marker, content in header if marker == 0x5D]
    if not levels or max(levels) > _MAX_LEVELS or not steps:
        raise CorruptDataError("the JPEG 2000 stream has no coding style")
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


# --- repairs ----------------------------------------------------------------------------------


def mended_jpeg2000(data: bytes) -> tuple[bytes, tuple[CodedWarning, ...]]:
    """Return a stream that libraries decode, and the repairs made to it.

    A valid stream is returned unchanged. Faults that cannot be repaired are left to the parser and
    the libraries.
    """
    notes = []
    for mend, note in _REPAIRS:
        mended = mend(data)
        if mended is not data:
            data = mended
            notes.append(note)
    return data, tuple(notes)


def _without_delimiter(data: bytes) -> bytes:
    """Remove a sequence delimiter that was written into the header.

    Its tag replaces the capabilities and the upper half of the width (T.800 A.5.1), which are 0 in
    all images of Part 1 that DICOM can describe.
    """
    at = data.find(JPEG_2000_CODESTREAM) + 6
    if data[at : at + 4] != _SEQUENCE_DELIMITER:
        return data
    return data[:at] + bytes(4) + data[at + 4 :]


def _with_end_marker(data: bytes) -> bytes:
    """Add the end marker (T.800 A.4.4) if all tile-parts are present.

    A last tile-part without a length ends with the data.
    """
    start = data.find(JPEG_2000_CODESTREAM)
    _, position = _main_header(data, start + 2)
    end = _end_of_tile_parts(data, position)
    if data[end : end + 2] == _END_OF_CODESTREAM or end > len(data) or end == position:
        return data
    if end == 0:
        if data.rfind(_END_OF_CODESTREAM, position) >= 0:
            return data
        end = len(data)
    return data[:end] + _END_OF_CODESTREAM


def _without_common_step(data: bytes) -> bytes:
    """Divide the reference grid by a step that all components share (T.800 B.2).

    With XRsiz and YRsiz of 1 the samples are the same, and libraries without subsampling decode
    them. Tiles must start at multiples of the step; a single tile is always possible.
    """
    at = data.find(JPEG_2000_CODESTREAM) + 8
    if len(data) < at + 36:
        return data
    x1, y1, x0, y0, tx, ty, tx0, ty0, count = struct.unpack_from(">8IH", data, at)
    parts = data[at + 34 : at + 34 + 3 * count]
    dx, dy = min(parts[1::3], default=0), min(parts[2::3], default=0)
    if len(parts) != 3 * count or 0 in (dx, dy) or (dx, dy) == (1, 1):
        return data
    if any(step % dx for step in parts[1::3]) or any(step % dy for step in parts[2::3]):
        return data
    grid = [_divided(*axis) for axis in ((x1, x0, tx, tx0, dx), (y1, y0, ty, ty0, dy))]
    if None in grid:
        return data
    pairs = (
        number for pair in zip(*(axis for axis in grid if axis), strict=True) for number in pair
    )
    divided = bytearray(parts)
    divided[1::3] = bytes(step // dx for step in parts[1::3])
    divided[2::3] = bytes(step // dy for step in parts[2::3])
    return (
        data[:at]
        + struct.pack(">8I", *pairs)
        + data[at + 32 : at + 34]
        + divided
        + data[at + 34 + len(parts) :]
    )


def _divided(
    end: int, start: int, tile: int, tile_start: int, step: int
) -> tuple[int, int, int, int] | None:
    """Return one axis of the reference grid divided by ``step``; None if tiles do not fit."""
    first, last = -(-start // step), -(-end // step)
    if first >= last:
        return None
    if tile_start + tile >= end and tile_start <= start:
        return last, first, last - first, first
    if tile % step or tile_start % step:
        return None
    return last, first, tile // step, tile_start // step


_REPAIRS: tuple[tuple[Callable[[bytes], bytes], CodedWarning], ...] = (
    (
        _without_delimiter,
        CodedWarning("stream-repaired", "a sequence delimiter in the JPEG 2000 header was removed"),
    ),
    (
        _with_end_marker,
        CodedWarning("stream-repaired", "the JPEG 2000 stream has no end marker: added"),
    ),
    (
        _without_common_step,
        CodedWarning(
            "stream-repaired",
            "all components of the JPEG 2000 stream are subsampled: the subsampling was removed",
        ),
    ),
)
