"""Frames for clients: uncompressed, or as stored codestreams (PS3.18 8.7.3.3).

Uncompressed frames have the layout of the metadata; the only exceptions are YBR_RCT, YBR_ICT and
XYB, which exist inside codestreams only and become RGB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom.coded_warnings import CodedWarning
from rendicom.dicom.transfer_syntaxes import is_video
from rendicom.dicomweb.accepts import OCTET_STREAM
from rendicom.errors import CorruptDataError, UnsupportedImageError
from rendicom.pixels.choose import sniff
from rendicom.pixels.colour import YBR_MODELS
from rendicom.pixels.decode import decode_frame
from rendicom.pixels.describe import describe
from rendicom.pixels.framesize import check_filling, check_frame
from rendicom.pixels.source import FrameSource
from rendicom.pixels.stored_frames import FrameBytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from rendicom.dicom.header import Header
    from rendicom.pixels.choose import Stream
    from rendicom.values import PixelDescription

MAX_PIXELS = 1 << 28
"""Default limit of the pixels of one frame."""

_J, _JLS, _J2K = "image/jpeg", "image/jls", "image/jp2"
FRAME_MEDIA_TYPES = {
    **{f"1.2.840.10008.1.2.4.{last}": media_type for last, media_type in {
        "50": _J, "51": _J, "57": _J, "70": _J, "80": _JLS, "81": _JLS, "90": _J2K, "91": _J2K,
        "92": "image/jpx", "93": "image/jpx", "110": "image/jxl", "111": "image/jxl",
        "112": "image/jxl", "201": "image/jphc", "202": "image/jphc", "203": "image/jphc",
        "100": "video/mpeg", "101": "video/mpeg", "102": "video/mp4", "103": "video/mp4",
        "104": "video/mp4", "105": "video/mp4", "106": "video/mp4", "107": "video/H265",
        "108": "video/H265",
    }.items()},
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}  # fmt: skip
"""Media type of compressed frames by transfer syntax (PS3.18 Tables 8.7.3-5 to 8.7.3-7)."""

LOSSY = frozenset(
    f"1.2.840.10008.1.2.4.{last}"
    for last in ("50", "51", "53", "55", "81", "91", "93", "111", "112", "203")
)
"""Lossy transfer syntaxes."""

_KINDS = {_JLS: "jpeg-ls", _J2K: "jpeg2000", "image/jpx": "jpeg2000", "image/jxl": "jpeg-xl",
          "image/jphc": "htj2k", "image/dicom-rle": "rle"}  # fmt: skip
_LOSSLESS_JPEG = tuple(f"1.2.840.10008.1.2.4.{last}" for last in ("57", "70"))
_BASELINE = "1.2.840.10008.1.2.4.50"
_CUT_TO_STREAM = frozenset(("jpeg", "jpeg-lossless", "jpeg-ls", "jpeg2000", "htj2k"))
_RGB_STREAMS = frozenset(("jpeg", "jpeg-xl", "video"))
_STREAM_MODELS = frozenset(("YBR_RCT", "YBR_ICT", "XYB"))
_FULL = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
_PARTIAL = np.array(
    [[0.2568, 0.5041, 0.0979], [-0.1482, -0.2910, 0.4392], [0.4392, -0.3678, -0.0714]]
)


class Layout(NamedTuple):
    """Layout of the cells of uncompressed frames."""

    photometric: str
    planar: int


class Cells(NamedTuple):
    """The cells of one frame, little endian, and their properties after decoding."""

    data: bytes
    bits_stored: int
    signed: bool
    warnings: tuple[str, ...]


def stored_layout(description: PixelDescription) -> Layout:
    """Return the layout of the stored header."""
    planar = description.planar_configuration if description.samples_per_pixel > 1 else 0
    return Layout(description.photometric_interpretation, planar)


def retrieval_layout(description: PixelDescription, *, is_self_contained: bool) -> Layout:
    """Return the layout of uncompressed frames.

    ``is_self_contained``: a header with the layout is sent with them, so that colors with
    subsampled chroma may become RGB. Otherwise the stored metadata must remain true.
    """
    layout = stored_layout(description)
    if layout.photometric in _STREAM_MODELS:
        return Layout("RGB", 0 if is_self_contained else layout.planar)
    if not is_self_contained or layout.photometric not in YBR_MODELS:
        return layout
    is_exact = layout.photometric == "YBR_FULL" and description.transfer_syntax not in LOSSY
    return layout if is_exact else Layout("RGB", 0)


class PixelFrames:
    """The frames of one instance.

    Attributes
    ----------
    max_pixels
        Limit for one frame, checked before reading and decoding.
    """

    def __init__(self, header: Header, *, max_pixels: int = MAX_PIXELS) -> None:
        self.header = header
        self.max_pixels = max_pixels
        self.description = describe(header)
        self._frames = FrameSource(header, self.description)

    @property
    def is_encapsulated(self) -> bool:
        """Tell whether the pixel data are stored in fragments."""
        return self._frames.is_encapsulated

    def stored(self, number: int, *, is_named: bool = True) -> bytes | None:
        """Return the codestream of a frame, without boxes, padding or trailing bytes.

        None if it does not fit the transfer syntax, or if that has no media type, as a response
        could not describe it. Unless the request named the transfer syntax (``is_named``), also
        None if the values are unsigned although Pixel Representation says signed: viewers would
        show noise.

        Raises
        ------
        NoSuchFrameError, CorruptDataError
        """
        found = self._frames.frame(number)
        stream = sniff(found.data, self.description)
        if not _is_what_it_says(stream, self.description.transfer_syntax):
            return None
        is_unsigned = stream.info is not None and stream.info.signed is False
        is_gray_2000 = (
            stream.kind in ("jpeg2000", "htj2k") and self.description.samples_per_pixel == 1
        )
        if not is_named and is_unsigned and is_gray_2000 and self.description.signed:
            return None
        if stream.info is not None and stream.kind in _CUT_TO_STREAM:
            return bytes(stream.data[stream.info.start : stream.info.stop])
        return bytes(stream.data)

    def stored_video(self) -> bytes:
        """Return the one stream that holds all frames."""
        return bytes(self._frames.frame(1).data)

    def uncompressed(self, number: int, layout: Layout) -> Cells:
        """Return the cells of a frame; 1-bit cells start at the first bit.

        Raises
        ------
        NoSuchFrameError, CorruptDataError, UnsupportedImageError, LimitExceededError,
        UnsupportedTransferSyntaxError
        """
        said = self.description
        check_frame(
            said.rows,
            said.columns,
            said.samples_per_pixel,
            cell_bits=said.bits_allocated,
            max_pixels=self.max_pixels,
        )
        found = self._frames.frame(number)
        if not found.encapsulated:
            return _native(found, self.description)
        return self._decoded(found, number, layout)

    @property
    def is_taken_for_rgb(self) -> bool:
        """Tell whether viewers show uncompressed cells wrongly: YBR with 4:2:2 or partial range."""
        description = self.description
        if description.samples_per_pixel != 3:
            return False
        if description.photometric_interpretation.startswith("YBR_PARTIAL"):
            return True
        is_422 = description.frame_samples != description.frame_pixels * 3
        return is_422 and description.bits_allocated == 8 and not self.is_encapsulated

    def coded_rgb(self, number: int) -> tuple[bytes, tuple[CodedWarning, ...]]:
        """Return a frame as RGB in a reversible JPEG 2000 stream, and warnings."""
        import imagecodecs

        frame = decode_frame(
            self._frames.frame(number), self.description, max_pixels=MAX_PIXELS, frame=number
        )
        stream = imagecodecs.jpeg2k_encode(
            frame.samples, level=0, codecformat="j2k", reversible=True, mct=True, numthreads=1
        )
        return bytes(stream), frame.warnings

    def bits(self, number: int) -> NDArray[np.uint8]:
        """Return the pixels of a 1-bit frame, one per byte."""
        frame = decode_frame(
            self._frames.frame(number), self.description, max_pixels=self.max_pixels, frame=number
        )
        return frame.samples.astype(np.uint8).ravel()

    # --- decoding -------------------------------------------------------------------------

    def _decoded(self, found: FrameBytes, number: int, layout: Layout) -> Cells:
        description = self.description
        stream = sniff(found.data, description)
        if stream.kind == "native" and layout == stored_layout(description):
            plain = FrameBytes(stream.data, encapsulated=False, warnings=stream.warnings)
            return _native(plain, description)
        model = description.photometric_interpretation
        reads_as = description
        if model in YBR_MODELS and layout.photometric != "RGB" and not _comes_as_rgb(stream):
            # The stream has the layout already: it is not converted back and forth.
            reads_as = description._replace(photometric_interpretation="RGB")
            model = layout.photometric
        else:
            model = "RGB"
        frame = decode_frame(
            found, reads_as, max_pixels=self.max_pixels, frame=number, keep_cells=True
        )
        samples = frame.samples if frame.cells is None else frame.cells
        self._check(samples)
        notes = (*found.warnings, *frame.warnings)
        if samples.ndim == 2:
            return Cells(self._written(samples), frame.bits_stored, frame.signed, notes)
        if layout.photometric in YBR_MODELS and model == "RGB":
            samples = _rgb_to_ybr(samples, model=layout.photometric, bits=frame.bits_stored)
        if layout.photometric.endswith("_422"):
            samples = _subsampled_422(samples)
        elif layout.planar == 1:
            samples = samples.transpose(2, 0, 1)
        # The metadata state the position of High Bit.
        shift = description.high_bit + 1 - description.bits_stored
        if shift > 0:
            samples = samples.astype(f"u{description.bits_allocated // 8}") << shift
        return Cells(self._written(samples), frame.bits_stored, signed=False, warnings=notes)

    def _check(self, samples: NDArray[Any]) -> None:
        """Refuse a frame that the metadata describe wrongly: its bytes would be unreadable."""
        description = self.description
        count = samples.shape[2] if samples.ndim == 3 else 1
        shape = (*samples.shape[:2], count)
        said = (description.rows, description.columns, description.samples_per_pixel)
        if shape != said:
            raise CorruptDataError("the size of the stream differs from that in the header")

    def _written(self, samples: NDArray[Any]) -> bytes:
        bits = self.description.bits_allocated
        if bits == 1:
            return packed_bits([samples.astype(np.uint8).ravel()])
        if bits not in (8, 16, 32, 64):
            raise UnsupportedImageError(f"{bits} bits allocated for a sample are not supported")
        size = bits // 8
        if samples.dtype.kind != "f" and samples.dtype.itemsize > size:
            info = np.iinfo(f"{samples.dtype.kind}{size}")
            if int(samples.max()) > info.max or int(samples.min()) < info.min:
                raise CorruptDataError("the stream holds more bits than the header allocates")
        kind = samples.dtype.kind
        return samples.astype(f"<{kind}{size}", order="C", casting="unsafe").tobytes()


def _comes_as_rgb(stream: Stream) -> bool:
    """Tell whether the decoder turns colours into RGB itself."""
    if stream.kind in ("jpeg2000", "htj2k"):
        return stream.info is not None and bool(stream.info.transformed)
    return stream.kind in _RGB_STREAMS


def _is_what_it_says(stream: Stream, transfer_syntax: str) -> bool:
    media_type = frame_media_type(transfer_syntax)
    if media_type != _J:
        return stream.kind == _KINDS.get(media_type)
    if transfer_syntax in _LOSSLESS_JPEG:
        return stream.kind == "jpeg-lossless"
    is_deep = stream.info is not None and stream.info.precision > 8
    return stream.kind == "jpeg" and not (is_deep and transfer_syntax == _BASELINE)


def packed_bits(frames: Iterable[NDArray[np.uint8]]) -> bytes:
    """Return 1-bit pixels packed with no padding between frames (PS3.5 8.1.1)."""
    return np.packbits(np.concatenate(list(frames)), bitorder="little").tobytes()


def _native(stored: FrameBytes, description: PixelDescription) -> Cells:
    """Return the cells of a native frame unchanged, little endian, starting at the first bit."""
    data: bytes | memoryview = stored.data
    bits = description.frame_bits
    notes = stored.warnings
    if stored.bit_offset:
        number = int.from_bytes(data, "little") >> stored.bit_offset
        data = number.to_bytes(max(1, len(data)), "little")
    elif stored.big_endian and description.bits_allocated in (16, 32, 64):
        size = description.bits_allocated // 8
        whole = len(data) // size * size
        data = np.frombuffer(data[:whole], f">u{size}").astype(f"<u{size}").tobytes()
    needed = -(-bits // 8)
    if not len(data):
        raise CorruptDataError("pixel data is short: it ends before the frame")
    if len(data) < needed:
        check_filling(needed, len(data))
        text = f"pixel data is short: {len(data)} of {needed} bytes; the rest is 0"
        notes = (*notes, CodedWarning("incomplete-data", text))
        data = bytes(data) + bytes(needed - len(data))
    if bits % 8:
        last = data[needed - 1] & (1 << bits % 8) - 1
        data = bytes(data[: needed - 1]) + bytes((last,))
    return Cells(bytes(data), description.bits_stored, description.signed, notes)


def _rgb_to_ybr(samples: NDArray[Any], *, model: str, bits: int) -> NDArray[Any]:
    """Return YBR of RGB samples (PS3.3 C.7.6.3.1.2), same dtype."""
    is_partial = model.startswith("YBR_PARTIAL")
    half, foot = 1 << (bits - 1), (16 << bits - 8 if is_partial else 0)
    matrix = _PARTIAL if is_partial else _FULL
    ybr = samples.astype(np.float64) @ matrix.T + np.array([foot, half, half], np.float64)
    rounded: NDArray[Any] = np.floor(ybr + 0.5).clip(0, (1 << bits) - 1)
    return rounded.astype(samples.dtype)


def _subsampled_422(samples: NDArray[Any]) -> NDArray[Any]:
    """Return Y1 Y2 Cb Cr of each two pixels, with the mean of their chroma."""
    rows, columns, _ = samples.shape
    if columns % 2:
        samples = np.concatenate((samples, samples[:, -1:]), axis=1)
    pairs = samples.reshape(rows, -1, 2, 3)
    out = np.empty((rows, pairs.shape[1], 4), samples.dtype)
    out[..., :2] = pairs[..., 0]
    chroma = pairs[..., 1:].astype(np.uint32).sum(axis=2)
    out[..., 2:] = (chroma + 1) // 2
    return out


def frame_media_type(transfer_syntax: str) -> str:
    """Return the media type of frames stored with a transfer syntax."""
    uid = transfer_syntax
    if is_video(uid):
        uid = uid.removesuffix(".1")
    return FRAME_MEDIA_TYPES.get(uid, OCTET_STREAM)
