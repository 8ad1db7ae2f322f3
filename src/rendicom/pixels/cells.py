"""Pixel cells to stored values (PS3.5 8.1.1): sign, unused bits, packing, byte order, planes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.coded_warnings import CodedWarning
from rendicom.errors import CorruptDataError, UnsupportedImageError
from rendicom.pixels.colour import YBR_MODELS, upsampled_422
from rendicom.pixels.framesize import check_filling, native_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.pixels.codecs import DecodeRequest
    from rendicom.pixels.stored_frames import FrameBytes
    from rendicom.values import PixelDescription

    CellLayout = PixelDescription | DecodeRequest

_WHOLE_CELLS = (8, 16, 32, 64)


def native_cells(
    stored: FrameBytes, layout: CellLayout, *, strict: bool, frame_samples: int = 0
) -> tuple[NDArray[Any], int, tuple[CodedWarning, ...]]:
    """Return the cells of a native frame, their number in the file, and warnings.

    Shape (rows, columns) or (rows, columns, samples); native byte order; a view of the bytes
    where that is possible. Missing cells are 0; missing chroma is half of the range, as 0 would
    turn the picture green. ``frame_samples`` is the number of stored cells, by default from the
    length of ``stored``.

    Raises
    ------
    CorruptDataError
        All cells are missing; or, with ``strict``, some are.
    LimitExceededError
        Nearly all cells of a large frame are missing.
    """
    bits = layout.bits_allocated
    samples = layout.samples_per_pixel
    count = frame_samples or _samples_in(stored, layout)
    is_422 = count != layout.rows * layout.columns * samples
    if is_422:
        count = -(-count // 4) * 4  # whole pairs
    data, warnings = _whole(stored, count * bits + stored.bit_offset, strict=strict)
    present = min(count, (len(stored.data) * 8 - stored.bit_offset) // bits)
    cells = _unpacked(data, count, layout, stored)
    if present < count and layout.photometric_interpretation in YBR_MODELS:
        _clear_chroma(cells, present, layout, is_422=is_422)
    if is_422:
        pairs = upsampled_422(cells)
        by_row = count == layout.rows * -(-layout.columns // 2) * 4
        full = _rows_of(pairs, layout.rows, layout.columns, by_row=by_row)
        return full, present * 3 // 2, warnings
    if samples == 1:
        return cells.reshape(layout.rows, layout.columns), present, warnings
    shape = (layout.rows, layout.columns, samples)
    if layout.planar_configuration != 1:
        return cells.reshape(shape), present, warnings
    planes = cells.reshape(samples, layout.rows, layout.columns)
    return interleaved(planes), present, warnings


def _clear_chroma(cells: NDArray[Any], present: int, layout: CellLayout, *, is_422: bool) -> None:
    """Set chroma cells from ``present`` on to the neutral value."""
    places = np.arange(present, cells.size)
    if is_422:
        is_chroma = places % 4 >= 2
    elif layout.planar_configuration == 1:
        is_chroma = places >= layout.rows * layout.columns
    else:
        is_chroma = places % 3 > 0
    if layout.samples_per_pixel == 3:
        cells[places[is_chroma]] = 1 << layout.high_bit


def interleaved(planes: NDArray[Any]) -> NDArray[Any]:
    """Return (rows, columns, samples) of (samples, rows, columns), contiguous."""
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def _samples_in(stored: FrameBytes, layout: CellLayout) -> int:
    return native_samples(
        layout.rows,
        layout.columns,
        layout.samples_per_pixel,
        layout.photometric_interpretation,
        cell_bits=layout.bits_allocated,
        held_bytes=len(stored.data),
    )


def _rows_of(pixels: NDArray[Any], rows: int, columns: int, *, by_row: bool) -> NDArray[Any]:
    """Return (rows, columns, 3) of pixels in sequence; each row may have an extra one."""
    if by_row:
        return np.ascontiguousarray(pixels.reshape(rows, -1, 3)[:, :columns])
    return pixels[: rows * columns].reshape(rows, columns, 3)


def _whole(
    stored: FrameBytes, bits: int, *, strict: bool
) -> tuple[bytes | memoryview | bytearray, tuple[CodedWarning, ...]]:
    """Return the bytes, padded with zeros to the length of the header."""
    needed = -(-bits // 8)
    held = len(stored.data)
    if held >= needed:
        return stored.data, ()
    text = f"pixel data is short: {held} of {needed} bytes"
    if held == 0 or strict:
        raise CorruptDataError(text)
    check_filling(needed, held)
    data = bytearray(needed)
    data[:held] = stored.data
    return data, (CodedWarning("incomplete-data", f"{text}; missing pixels are black"),)


def _unpacked(
    data: bytes | memoryview | bytearray,
    count: int,
    layout: CellLayout,
    stored: FrameBytes,
) -> NDArray[Any]:
    """Return ``count`` cells in a row."""
    bits = layout.bits_allocated
    order = ">" if stored.big_endian else "<"
    if layout.is_float:
        floats = np.frombuffer(data, np.dtype(f"{order}f{bits // 8}"), count)
        return floats.astype(floats.dtype.newbyteorder("="), copy=False)
    if bits == 1:
        packed = np.frombuffer(data, np.uint8, -(-(count + stored.bit_offset) // 8))
        unpacked = np.unpackbits(packed, bitorder="little")
        return unpacked[stored.bit_offset : stored.bit_offset + count]
    if bits == 12:
        return _packed_12(np.frombuffer(data, np.uint8), count)
    if bits == 24:
        return _packed_24(np.frombuffer(data, np.uint8, count * 3), big_endian=stored.big_endian)
    if bits not in _WHOLE_CELLS:
        raise UnsupportedImageError(f"{bits} bits allocated for a sample are not supported")
    cells = np.frombuffer(data, f"{order}u{bits // 8}", count)
    return cells if cells.dtype.isnative else cells.astype(cells.dtype.newbyteorder("="))


def _packed_12(data: NDArray[np.uint8], count: int) -> NDArray[np.uint16]:
    """Unpack the 12-bit cells of ACR-NEMA: two in three bytes, low bits first."""
    padded = np.zeros(-(-count // 2) * 3, np.uint8)
    padded[: min(padded.size, data.size)] = data[: padded.size]
    low, middle, high = padded.reshape(-1, 3).astype(np.uint16).T
    cells = np.empty(low.size * 2, np.uint16)
    cells[0::2] = low | (middle & 0x0F) << 8
    cells[1::2] = middle >> 4 | high << 4
    return cells[:count]


def _packed_24(data: NDArray[np.uint8], *, big_endian: bool) -> NDArray[Any]:
    triples = data.reshape(-1, 3)[:, :: -1 if big_endian else 1].astype(np.uint32)
    return triples[:, 0] | triples[:, 1] << 8 | triples[:, 2] << 16


def stored_values(
    cells: NDArray[Any], *, bits_stored: int, high_bit: int, signed: bool
) -> NDArray[Any]:
    """Return the values in unsigned cells: ``bits_stored`` bits that end at ``high_bit``.

    Unused bits may hold anything. The dtype keeps the width of the cell. Cells without unused
    bits are not copied.
    """
    width = cells.dtype.itemsize * 8
    above, below = width - 1 - high_bit, width - bits_stored
    signed_type = np.dtype(f"i{cells.dtype.itemsize}")
    values: NDArray[Any] = cells
    if below == 0:
        return values.view(signed_type) if signed else values
    if signed:
        # Shift the sign bit to the top; the arithmetic shift back extends it.
        values = (cells << cells.dtype.type(above)).view(signed_type)
        values = values >> signed_type.type(below)
    elif high_bit == bits_stored - 1:
        # Unused bits are mostly 0: checking takes a third of the time of a masked copy.
        if within(cells, bits=bits_stored):
            return values
        values = cells & cells.dtype.type((1 << bits_stored) - 1)
    else:
        values = (cells << cells.dtype.type(above)) >> cells.dtype.type(below)
    return values


def within(cells: NDArray[Any], *, bits: int) -> bool:
    """Tell whether every unsigned cell is below ``2**bits``."""
    return bits >= cells.dtype.itemsize * 8 or int(cells.max(initial=0)) >> bits == 0


def without_overshoot(
    values: NDArray[Any], low: int, high: int, *, part: int = 2
) -> NDArray[Any] | None:
    """Return values clamped to ``low`` .. ``high`` where a lossy coder overshot them.

    None where they exceed the range for another reason, as unused bits that hold an overlay.
    Overshoot is at most a ``part``-th of the range, and lies beside values at its end: clamping
    makes rows smoother than cutting off the upper bits does.
    """
    size = high - low + 1
    excess = max(low - int(values.min()), int(values.max()) - high)
    if excess * part > size:
        return None
    clamped = values.clip(low, high)
    cut = (values.astype(np.int64) - low) % size
    if _roughness(clamped) > _roughness(cut):
        return None
    return clamped


def _roughness(values: NDArray[Any]) -> int:
    """Return the sum of steps between neighbours of a row."""
    return int(np.abs(np.diff(values.astype(np.int64), axis=1)).sum())
