"""Stored bytes of one frame to `Frame`: chooses a codec, determines sign, bits and color model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.coded_warnings import CodedWarning
from rendicom.dicom.transfer_syntaxes import is_decoded, is_native
from rendicom.errors import CorruptDataError, RendicomError, UnsupportedImageError
from rendicom.pixels.cells import native_cells, stored_values, within
from rendicom.pixels.colour import YBR_MODELS, hsv_to_rgb, ybr_to_rgb
from rendicom.pixels.framesize import check_frame
from rendicom.pixels.stored_frames import FrameBytes
from rendicom.values import Frame, Reduction
from rendicom.workers.cpu_count import usable_cores
from rendicom.workers.environment import keep_freed_memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.pixels.choose import Stream
    from rendicom.pixels.codecs import Decoded, DecodeRequest
    from rendicom.values import PixelDescription

_LARGE = 1 << 20
"""Pixels of a frame from which freed memory is worth keeping for the next one."""
_NOT_COMPRESSED = CodedWarning(
    "stream-differs", "the pixel data is not compressed, though the transfer syntax says so"
)
_GRAY = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_RGB_BY_DECODER = ("RGB", "YBR_ICT", "YBR_RCT", "XYB")
_JPEG_2000 = ("jpeg2000", "htj2k")
_WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"


def decode_frame(
    stored: FrameBytes,
    description: PixelDescription,
    *,
    max_pixels: int,
    frame: int = 1,
    strict: bool = False,
    keep_cells: bool = False,
    halvings: int = 0,
    threads: int | None = 1,
) -> Frame:
    """Return one decoded frame; a compressed stream wins over the header.

    Parameters
    ----------
    stored
        The frame's bytes.
    description
        Attributes of the header.
    max_pixels
        Limit on pixels, checked before decoding.
    frame
        Frame number from 1; video streams hold all frames in one.
    strict
        Refuse damaged or incomplete data.
    keep_cells
        Keep the pixel cells, whose unused bits may hold overlays.
    halvings
        Largest number of halvings by the codec; the frame states the actual number.
    threads
        Largest number of threads of a codec; None for the number of usable processors.

    Raises
    ------
    UnsupportedTransferSyntaxError, UnsupportedImageError, CorruptDataError, LimitExceededError
    """
    rows, columns = description.rows, description.columns
    check_frame(
        rows,
        columns,
        description.samples_per_pixel,
        cell_bits=description.bits_allocated,
        max_pixels=max_pixels,
    )
    if rows * columns >= _LARGE:
        keep_freed_memory()
    if not stored.encapsulated:
        found = _native_frame(stored, description, strict=strict, keep_cells=keep_cells)
        is_told = is_native(description.transfer_syntax) or not is_decoded(
            description.transfer_syntax
        )
        return found if is_told else _with_warnings(found, (_NOT_COMPRESSED,))
    from rendicom.pixels.choose import sniff

    stream = sniff(stored.data, description)
    if stream.kind == "native":
        plain = FrameBytes(stream.data, encapsulated=True)
        found = _native_frame(plain, description, strict=strict, keep_cells=keep_cells)
        return _with_warnings(found, stream.warnings)
    from rendicom.pixels.codecs import DecodeRequest

    request = DecodeRequest(
        transfer_syntax=description.transfer_syntax,
        rows=description.rows,
        columns=description.columns,
        samples_per_pixel=description.samples_per_pixel,
        bits_allocated=description.bits_allocated,
        bits_stored=description.bits_stored,
        high_bit=description.high_bit,
        signed=description.signed,
        photometric_interpretation=description.photometric_interpretation,
        planar_configuration=description.planar_configuration,
        max_pixels=max_pixels,
        strict=strict,
        frame=frame,
        is_float=description.is_float,
        halvings=halvings,
        threads=threads or usable_cores(),
        info=stream.info,
    )
    return _compressed_frame(stream, description, request, keep_cells=keep_cells)


def _with_warnings(frame: Frame, warnings: tuple[CodedWarning, ...]) -> Frame:
    return replace(frame, warnings=(*warnings, *frame.warnings)) if warnings else frame


# --- native -----------------------------------------------------------------------------------


def _native_frame(
    stored: FrameBytes, description: PixelDescription, *, strict: bool, keep_cells: bool
) -> Frame:
    told = 0 if stored.encapsulated else description.frame_samples
    cells, present, warnings = native_cells(stored, description, strict=strict, frame_samples=told)
    if description.is_float:
        if cells.ndim == 3:
            # PS3.3 C.7.6.24 and C.7.6.25 define one sample only.
            raise UnsupportedImageError("floating point pixels of several samples are not rendered")
        return Frame(
            _blackened(cells, present, description),
            _gray_model(description),
            description.bits_stored,
            signed=True,
            warnings=(*warnings, *_misnamed(description)),
        )
    if cells.ndim == 3:
        bits = description.bits_stored
        return _colour_frame(
            stored_values(cells, bits_stored=bits, high_bit=description.high_bit, signed=False),
            description.photometric_interpretation,
            bits,
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


def _misnamed(description: PixelDescription) -> tuple[CodedWarning, ...]:
    """Return a warning if a colour model is stated for one sample per pixel."""
    model = description.photometric_interpretation
    if model in _GRAY:
        return ()
    return (
        CodedWarning(
            "color-model-replaced", f"one sample a pixel is called {model}: taken to be MONOCHROME2"
        ),
    )


def _blackened(samples: NDArray[Any], present: int, description: PixelDescription) -> NDArray[Any]:
    """Set missing pixels to the darkest value present, so that no range widens."""
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
    warnings: tuple[CodedWarning, ...],
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
        warnings = (
            *warnings,
            CodedWarning(
                "color-model-replaced", f"three samples a pixel are called {model}: taken to be RGB"
            ),
        )
    return Frame(cells, "RGB", bits, signed=False, icc_profile=icc_profile, warnings=warnings)


# --- compressed -------------------------------------------------------------------------------


def _compressed_frame(
    stream: Stream, description: PixelDescription, request: DecodeRequest, *, keep_cells: bool
) -> Frame:
    from rendicom.pixels.choose import decode_stream

    if request.halvings:
        try:
            return _halved_frame(stream, decode_stream(stream, request), description, request)
        except RendicomError:  # damage is reported by decoding the whole image
            request = replace(request, halvings=0)
    return _frame_of(stream, decode_stream(stream, request), description, keep_cells=keep_cells)


def _halved_frame(
    stream: Stream, decoded: Decoded, description: PixelDescription, request: DecodeRequest
) -> Frame:
    """Return the frame of an image that the codec may have halved."""
    if not decoded.halvings:
        return _frame_of(stream, decoded, description, keep_cells=False)
    rows, columns = (-(-side >> decoded.halvings) for side in (request.rows, request.columns))
    samples = decoded.samples
    if samples.shape[:2] != (rows, columns):
        raise CorruptDataError("the codec halved the image to another size")
    bits = description.bits_stored
    if decoded.lossless and (decoded.bits_stored or bits) > bits:
        # A halved image may exceed the range of the whole one at sharp edges.
        half = 1 << bits - 1
        samples = samples.clip(-half, half - 1) if decoded.signed else samples.clip(0, 2 * half - 1)
    smaller = description._replace(rows=rows, columns=columns)
    frame = _frame_of(stream, replace(decoded, samples=samples), smaller, keep_cells=False)
    reduction = Reduction(request.rows, request.columns, decoded.halvings, decoded.is_centered)
    return replace(frame, reduction=reduction)


def _frame_of(
    stream: Stream, decoded: Decoded, description: PixelDescription, *, keep_cells: bool
) -> Frame:
    from rendicom.pixels.stream_values import colour_values, gray_values

    samples = decoded.samples
    if samples.ndim == 3 and samples.shape[2] == 1:
        samples = samples[..., 0]
    if samples.ndim not in (2, 3) or samples.size == 0:
        raise CorruptDataError("the stream holds no two-dimensional image")
    samples, notes = _in_order_of_header(samples, stream, description)
    warnings = (*stream.warnings, *decoded.warnings, *notes)
    if samples.ndim == 3:
        model, notes = _colour_model(stream, decoded, description)
        samples, bits, clamped = colour_values(samples, decoded, description)
        return _colour_frame(
            samples,
            model,
            bits,
            warnings=(*warnings, *notes, *clamped),
            icc_profile=decoded.icc_profile,
        )
    is_jpeg_2000 = stream.kind in _JPEG_2000
    values, bits, signed, notes = gray_values(
        samples, decoded, description, is_jpeg_2000=is_jpeg_2000
    )
    return Frame(
        values,
        _gray_model(description),
        bits,
        signed=signed,
        cells=samples if keep_cells and samples.dtype.kind == "u" else None,
        warnings=(*warnings, *notes, *_misnamed(description)),
    )


def _in_order_of_header(
    samples: NDArray[Any], stream: Stream, description: PixelDescription
) -> tuple[NDArray[Any], tuple[CodedWarning, ...]]:
    """Return samples of the right size, and how the header differs from the stream.

    The stream counts, except for lossless JPEG with rows and columns swapped: there only the size
    is wrong, and the values are in the order of the header.
    """
    size = (description.rows, description.columns)
    if stream.kind == "jpeg-lossless" and samples.shape[:2] == size[::-1] != size:
        text = CodedWarning(
            "stream-differs", "the stream has rows and columns swapped: taken as the header says"
        )
        return samples.reshape(*size, *samples.shape[2:]), (text,)
    return samples, _differences(samples, description)


def _colour_model(
    stream: Stream, decoded: Decoded, description: PixelDescription
) -> tuple[str, tuple[CodedWarning, ...]]:
    """Return the color model of decoded samples, and a warning if the header says another."""
    label = description.photometric_interpretation
    model = decoded.photometric_interpretation or ("RGB" if label in _GRAY else label)
    if stream.kind not in _JPEG_2000 or stream.info is None:
        return model, ()
    if stream.info.subsampled and not label.startswith("YBR_FULL"):
        return model, (
            CodedWarning(
                "color-model-replaced",
                f"the chroma is subsampled, though the header says {label}: it is YBR_FULL",
            ),
        )
    if label in ("YBR_ICT", "YBR_RCT") and not stream.info.transformed:
        # Slides converted from Aperio's YCbCr are labelled so.
        is_ycbcr = label == "YBR_ICT" and description.sop_class == _WHOLE_SLIDE
        model = "YBR_FULL" if is_ycbcr else "RGB"
        text = f"the stream has no color transform, though the header says {label}"
        return model, (CodedWarning("color-model-replaced", f"{text}: taken to be {model}"),)
    return model, ()


def _differences(samples: NDArray[Any], description: PixelDescription) -> tuple[CodedWarning, ...]:
    notes = []
    rows, columns = samples.shape[:2]
    if (rows, columns) != (description.rows, description.columns):
        said = f"{description.columns} x {description.rows}"
        notes.append(
            CodedWarning(
                "stream-differs", f"the stream is {columns} x {rows} pixels, the header says {said}"
            )
        )
    count = samples.shape[2] if samples.ndim == 3 else 1
    if count != description.samples_per_pixel:
        said = str(description.samples_per_pixel)
        notes.append(
            CodedWarning(
                "stream-differs", f"the stream has {count} samples a pixel, the header says {said}"
            )
        )
    return tuple(notes)
