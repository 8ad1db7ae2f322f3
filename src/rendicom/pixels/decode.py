"""Stored bytes of one frame to `Frame`: chooses a codec, settles sign, bits and colour model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.errors import (
    CorruptDataError,
    LimitExceededError,
    UnsupportedImageError,
)
from rendicom.pixels.cells import native_cells, stored_values, within
from rendicom.pixels.colour import YBR_MODELS, hsv_to_rgb, ybr_to_rgb
from rendicom.pixels.frames import FrameBytes
from rendicom.pixels.syntaxes import is_decoded, is_native
from rendicom.values import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.pixels.choose import Stream
    from rendicom.pixels.codecs import Decoded, DecodeRequest
    from rendicom.values import PixelDescription

__all__ = ["decode_frame"]

_NOT_COMPRESSED = "the pixel data is not compressed, though the transfer syntax says so"
_GRAY = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_RGB_BY_DECODER = ("RGB", "YBR_ICT", "YBR_RCT", "XYB")


def decode_frame(
    stored: FrameBytes,
    description: PixelDescription,
    *,
    max_pixels: int,
    frame: int = 1,
    strict: bool = False,
    keep_cells: bool = False,
) -> Frame:
    """Return one decoded frame; a compressed stream wins over the header.

    Parameters
    ----------
    stored
        The frame's bytes.
    description
        What the header says.
    max_pixels
        More pixels than this are refused before anything is decoded.
    frame
        Frame number from 1; video streams hold all frames in one.
    strict
        Refuse what is damaged or incomplete.
    keep_cells
        Keep the pixel cells, whose unused bits may hold overlays.

    Raises
    ------
    UnsupportedTransferSyntaxError, UnsupportedImageError, CorruptDataError, LimitExceededError
    """
    if description.frame_pixels > max_pixels:
        size = f"{description.columns} x {description.rows}"
        raise LimitExceededError(
            f"the image is {size} pixels, more than {max_pixels}", hint="--max-pixels raises it"
        )
    if not stored.encapsulated:
        found = _native_frame(stored, description, strict=strict, keep_cells=keep_cells)
        is_told = is_native(description.transfer_syntax) or not is_decoded(
            description.transfer_syntax
        )
        return found if is_told else _with_warnings(found, (_NOT_COMPRESSED,))
    from rendicom.pixels.choose import sniff

    stream = sniff(stored.data, description)
    if stream.kind == "native":
        plain = FrameBytes(stream.data, encapsulated=False)
        found = _native_frame(plain, description, strict=strict, keep_cells=keep_cells)
        return _with_warnings(found, stream.warnings)
    return _compressed_frame(
        stream,
        description,
        _request(description, max_pixels=max_pixels, frame=frame, strict=strict),
        keep_cells=keep_cells,
    )


def _request(
    description: PixelDescription, *, max_pixels: int, frame: int, strict: bool
) -> DecodeRequest:
    from rendicom.pixels.codecs import DecodeRequest

    return DecodeRequest(
        transfer_syntax=description.transfer_syntax,
        rows=description.rows,
        columns=description.columns,
        samples_per_pixel=description.samples_per_pixel,
        bits_allocated=description.bits_allocated,
        bits_stored=description.bits_stored,
        signed=description.signed,
        photometric_interpretation=description.photometric_interpretation,
        planar_configuration=description.planar_configuration,
        max_pixels=max_pixels,
        strict=strict,
        frame=frame,
        is_float=description.is_float,
    )


def _with_warnings(frame: Frame, warnings: tuple[str, ...]) -> Frame:
    from dataclasses import replace

    return replace(frame, warnings=(*warnings, *frame.warnings)) if warnings else frame


# --- native -----------------------------------------------------------------------------------


def _native_frame(
    stored: FrameBytes, description: PixelDescription, *, strict: bool, keep_cells: bool
) -> Frame:
    cells, present, warnings = native_cells(stored, description, strict=strict)
    if description.is_float:
        return Frame(
            _blackened(cells, present, description),
            _gray_model(description),
            description.bits_stored,
            signed=True,
            warnings=(*warnings, *_misnamed(description)),
        )
    if cells.ndim == 3:
        return _colour_frame(
            cells,
            description.photometric_interpretation,
            description.bits_stored,
            warnings=warnings,
        )
    samples = cells
    if description.bits_allocated != 1:
        samples = stored_values(
            cells,
            bits_stored=description.bits_stored,
            high_bit=description.high_bit,
            signed=description.signed,
        )
    return Frame(
        _blackened(samples, present, description),
        _gray_model(description),
        description.bits_stored,
        signed=description.signed,
        cells=cells if keep_cells else None,
        warnings=(*warnings, *_misnamed(description)),
    )


def _gray_model(description: PixelDescription) -> str:
    photometric = description.photometric_interpretation
    return photometric if photometric in _GRAY else "MONOCHROME2"


def _misnamed(description: PixelDescription) -> tuple[str, ...]:
    """Return a warning when one sample a pixel is called a colour."""
    model = description.photometric_interpretation
    if model in _GRAY:
        return ()
    return (f"one sample a pixel is called {model}: taken to be MONOCHROME2",)


def _blackened(samples: NDArray[Any], present: int, description: PixelDescription) -> NDArray[Any]:
    """Give missing pixels the value of the darkest one there is, so that no range widens."""
    if present >= samples.size or present <= 0:
        return samples
    flat = samples.ravel().copy()
    is_inverse = description.photometric_interpretation == "MONOCHROME1"
    there = flat[:present]
    flat[present:] = there.max() if is_inverse else there.min()
    return flat.reshape(samples.shape)


def _colour_frame(
    cells: NDArray[Any],
    model: str,
    bits: int,
    *,
    warnings: tuple[str, ...],
    icc_profile: bytes | None = None,
) -> Frame:
    """Return an RGB frame of samples in any colour model."""
    if cells.shape[2] == 4 and model == "ARGB":
        cells = np.ascontiguousarray(cells[..., 1:])
        model = "RGB"
    if cells.shape[2] != 3:
        raise UnsupportedImageError(f"{cells.shape[2]} samples a pixel ({model}) are not supported")
    if bits < cells.dtype.itemsize * 8 and not within(cells, bits=bits):
        cells = cells & cells.dtype.type((1 << bits) - 1)
    if model in YBR_MODELS:
        cells = ybr_to_rgb(cells, model=model, bits=bits)
    elif model == "HSV":
        cells = hsv_to_rgb(cells, bits=bits)
    elif model not in _RGB_BY_DECODER:
        warnings = (*warnings, f"three samples a pixel are called {model}: taken to be RGB")
    return Frame(cells, "RGB", bits, signed=False, icc_profile=icc_profile, warnings=warnings)


# --- compressed -------------------------------------------------------------------------------


def _compressed_frame(
    stream: Stream, description: PixelDescription, request: DecodeRequest, *, keep_cells: bool
) -> Frame:
    from rendicom.pixels.choose import decode_stream

    decoded = decode_stream(stream, request)
    samples = decoded.samples
    if samples.ndim == 3 and samples.shape[2] == 1:
        samples = samples[..., 0]
    if samples.ndim not in (2, 3) or samples.size == 0:
        raise CorruptDataError("the stream holds no two-dimensional image")
    warnings = (*stream.warnings, *decoded.warnings, *_differences(samples, description))
    if samples.ndim == 3:
        model = decoded.photometric_interpretation or description.photometric_interpretation
        if model in _GRAY:
            model = "RGB"
        bits = _colour_bits(samples, decoded, description)
        return _colour_frame(
            _unsigned(samples, bits=bits),
            model,
            bits,
            warnings=warnings,
            icc_profile=decoded.icc_profile,
        )
    values, bits, signed = _gray_values(samples, decoded, description)
    return Frame(
        values,
        _gray_model(description),
        bits,
        signed=signed,
        cells=samples if keep_cells and samples.dtype.kind == "u" else None,
        warnings=(*warnings, *_misnamed(description)),
    )


def _unsigned(samples: NDArray[Any], *, bits: int) -> NDArray[Any]:
    """Return samples of colour from 0 on; JPEG 2000 and JPEG XL can also code others."""
    if samples.dtype.kind == "f":
        raise UnsupportedImageError("the stream holds colours as floating point numbers")
    if samples.dtype.kind != "i":
        return samples
    cells = samples.view(np.dtype(f"u{samples.dtype.itemsize}"))
    shifted: NDArray[Any] = cells + cells.dtype.type(1 << bits - 1)
    return shifted


def _differences(samples: NDArray[Any], description: PixelDescription) -> tuple[str, ...]:
    notes = []
    rows, columns = samples.shape[:2]
    if (rows, columns) != (description.rows, description.columns):
        said = f"{description.columns} x {description.rows}"
        notes.append(f"the stream is {columns} x {rows} pixels, the header says {said}")
    count = samples.shape[2] if samples.ndim == 3 else 1
    if count != description.samples_per_pixel:
        said = str(description.samples_per_pixel)
        notes.append(f"the stream has {count} samples a pixel, the header says {said}")
    return tuple(notes)


def _colour_bits(samples: NDArray[Any], decoded: Decoded, description: PixelDescription) -> int:
    return decoded.bits_stored or min(description.bits_stored, samples.dtype.itemsize * 8)


def _gray_values(
    samples: NDArray[Any], decoded: Decoded, description: PixelDescription
) -> tuple[NDArray[Any], int, bool]:
    """Return values, bits and sign of one-sample streams.

    Most coders know no sign: the bits are read as Pixel Representation says, from the precision
    of the stream or from Bits Stored, whichever is less. JPEG 2000 knows one: negative values it
    has coded are negative whatever the header says (PS3.5 8.2.4), and unsigned ones under a
    signed header are cells that a careless encoder took for numbers.
    """
    if samples.dtype.kind == "f":
        return samples, description.bits_stored, True
    cells = samples.view(np.dtype(f"u{samples.dtype.itemsize}"))
    width = samples.dtype.itemsize * 8
    precision = min(decoded.bits_stored or width, width)
    bits = min(precision, description.bits_stored)
    if decoded.bits_stored is None or (decoded.lossless and precision > bits):
        high_bit = min(description.high_bit, width - 1)
        values = stored_values(
            cells, bits_stored=bits, high_bit=high_bit, signed=description.signed
        )
        return values, bits, description.signed
    if decoded.signed:
        return samples, precision, True
    if description.signed:
        return stored_values(cells, bits_stored=bits, high_bit=bits - 1, signed=True), bits, True
    # Lossy 12-bit streams under a header of 10 bits exceed it: the stream is right.
    return cells, bits if within(cells, bits=bits) else precision, False
