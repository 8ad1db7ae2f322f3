"""Pixel data received as compressed bulk data: its transfer syntax and description of the image.

The content counts more than the media type: a stream keeps its coding if DICOM has a transfer
syntax for it. Others (PNG, GIF, progressive JPEG) become native cells (PS3.18 10.5.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rendicom.dicom.codestreams import is_rle_header, kind_of, parse_stream
from rendicom.dicom.pydicom_calls import pydicom_raises
from rendicom.dicom.transfer_syntaxes import (
    EXPLICIT_LITTLE_ENDIAN,
    RLE_LOSSLESS,
    is_encapsulated,
    is_video,
    stream_kind,
)
from rendicom.dicomweb.accepts import OCTET_STREAM
from rendicom.dicomweb.bulkvalues import (
    MAX_PIXELS,
    Bulk,
    Coded,
    StatedMatrix,
    container_of,
    depth_of,
    gray_model,
    matrix_of,
    native_cells,
    native_pictures,
    picture_kind,
)
from rendicom.dicomweb.header_fields import parse_media_type
from rendicom.errors import BadRequestError, CorruptDataError, UnsupportedTransferSyntaxError
from rendicom.pixels.choose import Stream, decode_stream
from rendicom.pixels.codecs import DecodeRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rendicom.dicom.codestreams import StreamInfo
    from rendicom.pixels.codecs import Decoded

_UID = "1.2.840.10008.1.2.4."
_ITEM = b"\xfe\xff\x00\xe0"
_METHODS = {
    "jpeg": "ISO_10918_1", "jpeg-ls": "ISO_14495_1", "jpeg2000": "ISO_15444_1",
    "htj2k": "ISO_15444_15", "jpeg-xl": "ISO_18181_1",
    "mpeg1video": "ISO_13818_2", "mpeg2video": "ISO_13818_2", "h264": "ISO_14496_10",
    "hevc": "ISO_23008_2",
}  # fmt: skip
"""Lossy Image Compression Method (PS3.3 C.7.6.1.1.5.1)."""


def coded(parts: Sequence[Bulk], said: StatedMatrix) -> Coded:
    """Return the pixel data in one or more parts: frames, or fragments of them.

    Parameters
    ----------
    parts
        In the order of the frames.
    said
        The pixel matrix according to the metadata.

    Raises
    ------
    BadRequestError
        Media type, bytes and metadata do not fit together.
    CorruptDataError, UnsupportedTransferSyntaxError, UnsupportedImageError, LimitExceededError
        The stream is damaged, or no transfer syntax exists for it.
    """
    asked = parse_media_type(parts[0].media_type or OCTET_STREAM)
    told = asked.parameters.get("transfer-syntax", "")
    data = [part.data for part in parts]
    if asked.essence == OCTET_STREAM and _is_native(data, told, said):
        return Coded(EXPLICIT_LITTLE_ENDIAN, tuple(data))
    if not (asked.essence == OCTET_STREAM or asked.essence.startswith(("image/", "video/"))):
        raise BadRequestError(f"pixel data is not of type {asked.essence}")
    if data[0].startswith(_ITEM):
        data = _unwrapped(b"".join(data), said)
    syntax = told or said.syntax
    if asked.essence.startswith("video/") or is_video(syntax):
        return _video(b"".join(data), syntax)
    if picture_kind(data[0]):
        return native_pictures(data, said)
    is_rle = asked.essence in ("image/dicom-rle", "image/x-dicom-rle")
    if is_rle or (syntax == RLE_LOSSLESS and is_rle_header(data[0][:64])):
        return _rle(_frames(data, is_rle_header), said)
    if not kind_of(data[0][:16]):
        raise UnsupportedTransferSyntaxError(
            f"pixel data sent as {asked.essence} has no encoding that DICOM allows",
            hint="send PNG, GIF, JPEG, JPEG 2000, JPEG-LS, JPEG XL, RLE or uncompressed pixels",
        )
    return _streams(
        _frames(data, lambda start: bool(kind_of(start[:16]) or picture_kind(start))), syntax, said
    )


def _is_native(data: Sequence[bytes], told: str, said: StatedMatrix) -> bool:
    """Tell whether bytes without a media type are cells."""
    if is_encapsulated(told):
        return False
    # One more byte makes the length even.
    if said.native_length and sum(map(len, data)) - said.native_length in (0, 1):
        return True
    is_coded = kind_of(data[0][:16]) or picture_kind(data[0]) or data[0].startswith(_ITEM)
    return not (is_coded or is_encapsulated(said.syntax))


def _unwrapped(data: bytes, said: StatedMatrix) -> list[bytes]:
    """Return the frames of a value that was sent in items, as in a file (PS3.5 A.4)."""
    from pydicom.encaps import generate_frames

    try:
        return list(generate_frames(data, number_of_frames=said.frames or 1))
    except pydicom_raises() as error:
        raise CorruptDataError("the fragments of the pixel data cannot be separated") from error


def _frames(parts: Sequence[bytes], starts: Callable[[bytes], bool]) -> list[bytes]:
    """Return whole frames: parts that do not start a stream continue the one before."""
    frames: list[list[bytes]] = []
    for data in parts:
        if not frames or starts(data[:64]):
            frames.append([])
        frames[-1].append(data)
    return [pieces[0] if len(pieces) == 1 else b"".join(pieces) for pieces in frames]


# --- streams that have a transfer syntax ------------------------------------------------------


def _streams(frames: Sequence[bytes], asked: str, said: StatedMatrix) -> Coded:
    said.check_frames(len(frames))
    infos = [parse_stream(frame) for frame in frames]
    first = infos[0]
    if any(_shape(info) != _shape(first) for info in infos):
        raise BadRequestError("the frames differ in coding, size, components or depth")
    if first.unsupported:
        raise UnsupportedTransferSyntaxError(f"{first.unsupported} is not supported")
    syntax = _syntax_of(frames[0], first, asked)
    if not syntax:
        cells = [_decoded(data, info, said) for data, info in zip(frames, infos, strict=True)]
        found = native_cells([each.samples for each in cells], said)
        uncompressed = sum(each.samples.nbytes for each in cells)
        return Coded(found.syntax, found.frames, found.attributes, _METHODS["jpeg"], uncompressed)
    decoded = _decoded(frames[0], first, said)
    # A JPEG XL stream of the general syntax may be lossy.
    is_lossy = not first.reversible and syntax not in (_UID + "110", _UID + "112")
    return Coded(
        syntax,
        tuple(_bare(frame, info) for frame, info in zip(frames, infos, strict=True)),
        _attributes(frames[0], first, decoded, said),
        _METHODS.get(first.kind, "") if is_lossy and first.kind != "jpeg-lossless" else "",
        decoded.samples.nbytes * len(frames),
    )


def _shape(info: StreamInfo) -> tuple[object, ...]:
    return info.kind, info.rows, info.columns, info.components, info.precision


def _decoded(data: bytes, info: StreamInfo, said: StatedMatrix) -> Decoded:
    """Return the frame; a frame that cannot be decoded is refused on receipt."""
    request = DecodeRequest(
        transfer_syntax="", rows=info.rows, columns=info.columns,
        samples_per_pixel=info.components or said.samples or 1,
        bits_allocated=container_of(info.precision or said.allocated or 8),
        bits_stored=info.precision or said.stored or 8,
        signed=said.signed, photometric_interpretation=said.photometric,
        planar_configuration=0, max_pixels=MAX_PIXELS,
    )  # fmt: skip
    return decode_stream(Stream(info.kind, data, info), request)


def _syntax_of(data: bytes, info: StreamInfo, asked: str) -> str:
    """Return the transfer syntax of a stream, empty if none applies (PS3.5 10)."""
    last = asked.removeprefix(_UID)
    if info.kind == "jpeg":
        process = _jpeg_process(data, info)
        return _UID + ("51" if (process, last) == ("50", "51") else process) if process else ""
    if stream_kind(asked) == info.kind and _is_allowed(last, data, info):
        return asked
    best = {
        "jpeg-lossless": "70" if _predictor(data) == 1 else "57",
        "jpeg-ls": "80" if info.reversible else "81",
        "jpeg2000": "90" if info.reversible else "91",
        "htj2k": "201" if info.reversible else "203",
        "jpeg-xl": "111" if b"jbrd" in data[:4096] else "112",
    }
    return _UID + best[info.kind]


def _is_allowed(last: str, data: bytes, info: StreamInfo) -> bool:
    """Tell whether a stream may have the transfer syntax that it was sent with."""
    if last == "70":
        return _predictor(data) == 1
    return info.reversible or last not in ("80", "90", "92", "201", "202")


def _jpeg_process(data: bytes, info: StreamInfo) -> str:
    marker = _frame_marker(data, info)
    if marker == 0xC0 and info.precision == 8:
        return "50"
    return "51" if marker in (0xC0, 0xC1) else ""


def _frame_marker(data: bytes, info: StreamInfo) -> int:
    """Return the marker of the frame header (T.81 B.1.1.3)."""
    position = info.start + 2
    while (position := data.find(b"\xff", position)) >= 0 and position + 4 <= len(data):
        marker = data[position + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return marker
        is_filling = marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD9
        position += 1 if is_filling else 2 + int.from_bytes(data[position + 2 : position + 4])
    return 0


def _predictor(data: bytes) -> int:
    """Return the selection value of the first scan of a lossless JPEG (T.81 H.1.2.1)."""
    at = data.find(b"\xff\xda")
    count = data[at + 4] if 0 <= at < len(data) - 5 else 0
    behind = at + 5 + 2 * count
    return data[behind] if count and behind < len(data) else 0


def _bare(data: bytes, info: StreamInfo) -> bytes:
    """Return the bare codestream: DICOM allows boxes in JPEG XL only (PS3.5 A.4.4)."""
    if info.kind == "jpeg-xl":
        return data
    if b"pclr" in data[: info.start]:
        raise UnsupportedTransferSyntaxError("a JPEG 2000 file with a palette is not accepted")
    return data[info.start : info.stop]


def _attributes(
    data: bytes, info: StreamInfo, decoded: Decoded, said: StatedMatrix
) -> dict[str, Any]:
    samples = decoded.samples
    components = samples.shape[2] if samples.ndim == 3 else 1
    if components not in (1, 3):
        raise UnsupportedTransferSyntaxError(
            f"the picture has {components} components, and DICOM allows 1 or 3"
        )
    precision = info.precision or samples.dtype.itemsize * 8
    is_exact = info.reversible or info.kind in ("jpeg-lossless", "jpeg-xl")
    model = gray_model(said) if components == 1 else _colour(data, info, said)
    found = matrix_of(samples.shape[0], samples.shape[1], components, model)
    found |= depth_of(precision, said, is_exact=is_exact)
    if info.signed is not None and components == 1:
        found["PixelRepresentation"] = int(info.signed)
    return found


def _colour(data: bytes, info: StreamInfo, said: StatedMatrix) -> str:
    """Return the colour model of a stream of three components (PS3.5 8.2)."""
    if info.kind in ("jpeg2000", "htj2k"):
        if info.transformed:
            return "YBR_RCT" if info.reversible else "YBR_ICT"
        return "YBR_FULL" if said.photometric.startswith("YBR_") else "RGB"
    if info.kind == "jpeg-xl":
        return said.photometric if said.photometric in ("RGB", "XYB") else "RGB"
    if info.kind != "jpeg":
        return "YBR_FULL" if said.photometric == "YBR_FULL" else "RGB"
    is_subsampled = _is_subsampled(data, info)
    is_rgb = info.transformed is False
    if info.transformed is None:
        is_rgb = said.photometric == "RGB" and not is_subsampled
    if is_rgb:
        return "RGB"
    return "YBR_FULL_422" if is_subsampled else "YBR_FULL"


def _is_subsampled(data: bytes, info: StreamInfo) -> bool:
    """Tell whether some components of a JPEG have fewer samples than others (T.81 B.2.2)."""
    marker = bytes((0xFF, _frame_marker(data, info)))
    at = data.find(marker, info.start + 2)
    factors = data[at + 11 : at + 10 + 3 * info.components : 3]
    return len(set(factors)) > 1


# --- RLE --------------------------------------------------------------------------------------


def _rle(frames: Sequence[bytes], said: StatedMatrix) -> Coded:
    """Return RLE frames; their streams do not contain their size (PS3.5 G)."""
    said.check_frames(len(frames))
    if not (said.rows and said.columns and said.allocated):
        raise BadRequestError("RLE frames need Rows, Columns and Bits Allocated in the metadata")
    samples = said.samples or 1
    for frame in frames:
        if not is_rle_header(frame[:64]):
            raise CorruptDataError("a frame does not begin with an RLE header")
        if frame[0] != samples * said.allocated // 8:
            raise BadRequestError("the number of RLE segments differs from that in the metadata")
    request = DecodeRequest(
        transfer_syntax=RLE_LOSSLESS, rows=said.rows, columns=said.columns,
        samples_per_pixel=samples, bits_allocated=said.allocated,
        bits_stored=said.stored or said.allocated, signed=said.signed,
        photometric_interpretation=said.photometric, planar_configuration=said.planar,
        max_pixels=MAX_PIXELS, strict=True,
    )  # fmt: skip
    decode_stream(Stream("rle", frames[0]), request)
    return Coded(RLE_LOSSLESS, tuple(frames))


# --- video ------------------------------------------------------------------------------------


def _video(data: bytes, asked: str) -> Coded:
    """Return a video: one stream that holds all frames (PS3.5 8.2.5 to 8.2.8)."""
    from rendicom.pixels.codecs.ffmpeg import probe

    info = probe(data, max_pixels=MAX_PIXELS)
    syntax = asked if asked.removesuffix(".1") in info.syntaxes else info.syntaxes[0]
    frames = max(1, info.frames)
    attributes = matrix_of(info.rows, info.columns, 3, "YBR_PARTIAL_420")
    attributes |= {"BitsAllocated": container_of(info.bits), "BitsStored": info.bits,
                   "HighBit": info.bits - 1, "PixelRepresentation": 0,
                   "NumberOfFrames": frames}  # fmt: skip
    if info.rate:
        attributes["FrameTime"] = f"{1000 / info.rate:.6g}"
    uncompressed = info.rows * info.columns * 3 * frames * container_of(info.bits) // 8
    return Coded(syntax, (data,), attributes, _METHODS[info.codec], uncompressed)
