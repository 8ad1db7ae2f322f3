"""Bulk data of pixels that is to be stored: received bytes, their description, stored bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rendicom.dicom.transfer_syntaxes import EXPLICIT_LITTLE_ENDIAN
from rendicom.errors import BadRequestError

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
    """Pixel data as they are to be stored.

    Attributes
    ----------
    syntax
        Transfer Syntax UID; Explicit VR Little Endian for native cells.
    frames
        A codestream or the cells of each frame; of a video the one stream.
    attributes
        Values of the Image Pixel module by keyword, according to the stream.
    method
        Lossy Image Compression Method; empty for lossless compression.
    """

    syntax: str
    frames: tuple[bytes, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    method: str = ""
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
