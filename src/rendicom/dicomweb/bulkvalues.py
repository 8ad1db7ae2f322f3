"""Bulk data of pixels that is to be stored: received bytes, their description, native cells."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rendicom.dicom.transfer_syntaxes import EXPLICIT_LITTLE_ENDIAN
from rendicom.errors import (
    BadRequestError,
    CorruptDataError,
    LimitExceededError,
    UnsupportedTransferSyntaxError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


MAX_PIXELS = 1 << 28
"""Most pixels of one frame; more are refused before decoding."""


class Bulk(NamedTuple):
    """One part with bulk data: its Content-Location, its media type, its bytes."""

    location: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class StatedMatrix:
    """The pixel matrix according to the metadata; 0 or empty if missing."""

    rows: int = 0
    columns: int = 0
    samples: int = 0
    photometric: str = ""
    planar: int = 0
    allocated: int = 0
    stored: int = 0
    signed: bool = False
    frames: int = 0
    syntax: str = ""
    """Transfer Syntax UID."""

    @property
    def native_length(self) -> int:
        """Return the uncompressed size of all frames in bytes; 0 if unknown."""
        samples = 2 if self.photometric.endswith("_422") else self.samples or 1
        bits = self.rows * self.columns * samples * self.allocated * (self.frames or 1)
        return -(-bits // 8)

    def check_frames(self, count: int) -> None:
        """Refuse fewer or more frames than the metadata say.

        Raises
        ------
        BadRequestError
        """
        if self.frames and count != self.frames:
            raise BadRequestError(
                f"the metadata declare {self.frames} frames, the body has {count}",
                hint="send each frame as a separate part, all with the same Content-Location",
            )


@dataclass(frozen=True, slots=True)
class Coded:
    """Pixel data as they are to be stored."""

    syntax: str
    """Transfer Syntax UID; Explicit VR Little Endian for native cells."""
    frames: tuple[bytes, ...]
    """A codestream or the cells of each frame; of a video the one stream."""
    attributes: dict[str, Any] = field(default_factory=dict)
    """Values of the Image Pixel module by keyword, according to the stream."""
    method: str = ""
    """Lossy Image Compression Method; empty for lossless compression."""
    uncompressed: int = 0
    """Size of the cells of all frames in bytes."""

    @property
    def is_native(self) -> bool:
        """Tell whether the frames are cells."""
        return self.syntax == EXPLICIT_LITTLE_ENDIAN


# --- attributes of the Image Pixel module, by keyword ----------------------------------------


def matrix_of(rows: int, columns: int, components: int, model: str) -> dict[str, Any]:
    """Return size and colour model; colours lie by pixel."""
    found = {"Rows": rows, "Columns": columns, "SamplesPerPixel": components,
             "PhotometricInterpretation": model}  # fmt: skip
    return found if components == 1 else {**found, "PlanarConfiguration": 0}


def depth_of(precision: int, said: StatedMatrix, *, is_exact: bool) -> dict[str, Any]:
    """Return the bits of a sample; a lossless stream may be deeper than its samples."""
    allocated = container_of(precision)
    fits = said.allocated == allocated and 0 < said.stored <= precision
    stored = said.stored if fits and is_exact else precision
    found = {"BitsAllocated": allocated, "BitsStored": stored, "HighBit": stored - 1}
    return {**found, "PixelRepresentation": int(said.signed)}


def container_of(bits: int) -> int:
    """Return Bits Allocated for a number of bits per sample."""
    return 8 if bits <= 8 else 16


def gray_model(said: StatedMatrix) -> str:
    """Return the stated Photometric Interpretation if it has one component, else MONOCHROME2."""
    is_gray = said.photometric in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
    return said.photometric if is_gray else "MONOCHROME2"


_PICTURES = {b"\x89PNG\r\n\x1a\n": "png", b"GIF87a": "gif", b"GIF89a": "gif"}


def picture_kind(data: bytes) -> str:
    """Return the format of a picture without a DICOM transfer syntax, or an empty text."""
    return next((kind for start, kind in _PICTURES.items() if data.startswith(start)), "")


def native_pictures(parts: Sequence[bytes], said: StatedMatrix) -> Coded:
    """Return the cells of PNG or GIF pictures."""
    frames: list[NDArray[Any]] = []
    for data in parts:
        frames += _read_picture(data, picture_kind(data))
    said.check_frames(len(frames))
    return native_cells(frames, said)


def _read_picture(data: bytes, kind: str) -> list[NDArray[Any]]:
    import imagecodecs

    from rendicom.pixels.codecs._imagecodecs import call

    if not kind:
        raise BadRequestError("the frames differ in coding")
    _check_size(data, kind)
    if kind == "gif":
        samples = call(imagecodecs.gif_decode, data)
        return list(samples) if samples.ndim == 4 else [samples]
    if data.find(b"acTL", 0, data.find(b"IDAT")) >= 0:
        raise UnsupportedTransferSyntaxError("an animated PNG is not accepted: send its frames")
    return [_without_alpha(call(imagecodecs.png_decode, data))]


def _check_size(data: bytes, kind: str) -> None:
    """Refuse a picture whose declared size exceeds the limit."""
    sizes, place = ("<HH", 6) if kind == "gif" else (">II", 16)
    if len(data) < place + struct.calcsize(sizes):
        raise CorruptDataError("the picture is cut off")
    columns, rows = struct.unpack_from(sizes, data, place)
    if columns * rows > MAX_PIXELS:
        raise LimitExceededError(f"the picture has more than {MAX_PIXELS} pixels")


def _without_alpha(samples: NDArray[Any]) -> NDArray[Any]:
    """Return a picture without its alpha channel; refuse transparent pixels."""
    if samples.ndim == 2 or samples.shape[2] in (1, 3):
        return samples
    alpha = samples[..., -1]
    if int(alpha.min()) != np.iinfo(alpha.dtype).max:
        raise UnsupportedTransferSyntaxError("DICOM has no transparent pictures")
    return samples[..., :-1]


def native_cells(frames: Sequence[NDArray[Any]], said: StatedMatrix) -> Coded:
    """Return pictures as native cells, by pixel."""
    shaped = [frame[..., 0] if frame.ndim == 3 and frame.shape[2] == 1 else frame
              for frame in frames]  # fmt: skip
    first = shaped[0]
    if any((each.shape, each.dtype) != (first.shape, first.dtype) for each in shaped):
        raise BadRequestError("the frames differ in size, components or depth")
    components = first.shape[2] if first.ndim == 3 else 1
    model = gray_model(said) if components == 1 else "RGB"
    attributes = matrix_of(first.shape[0], first.shape[1], components, model)
    attributes |= depth_of(first.dtype.itemsize * 8, said, is_exact=components == 1)
    cells = tuple(each.astype(each.dtype.newbyteorder("<")).tobytes() for each in shaped)
    return Coded(EXPLICIT_LITTLE_ENDIAN, cells, attributes)
