"""Values, bits and sign of the samples of decoded streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.coded_warnings import CodedWarning
from rendicom.errors import UnsupportedImageError
from rendicom.pixels.cells import stored_values, within, without_overshoot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.pixels.codecs import Decoded
    from rendicom.values import PixelDescription

_OVERSHOOT = CodedWarning(
    "values-clamped", "values of the lossy stream exceed Bits Stored: clamped"
)
_DEEPER = CodedWarning(
    "stream-differs",
    "values of the stream exceed Bits Stored: the bits of the stream were used",
)

_WAVELET_PART, _NEAR_PART = 2, 64
"""Parts of the range of values by which JPEG 2000 and near-lossless JPEG-LS may overshoot it."""


def _unsigned(samples: NDArray[Any], *, bits: int) -> NDArray[Any]:
    """Return color samples as unsigned; JPEG 2000 and JPEG XL can also code signed ones."""
    if samples.dtype.kind == "f":
        raise UnsupportedImageError("the stream holds colours as floating point numbers")
    if samples.dtype.kind != "i":
        return samples
    cells = samples.view(np.dtype(f"u{samples.dtype.itemsize}"))
    shifted: NDArray[Any] = cells + cells.dtype.type(1 << bits - 1)
    return shifted


def colour_values(
    samples: NDArray[Any], decoded: Decoded, description: PixelDescription
) -> tuple[NDArray[Any], int, tuple[CodedWarning, ...]]:
    """Return values of streams of several samples, their bits, and notes on repairs.

    As with gray, a lossless stream deeper than Bits Stored holds pixel cells; so does a lossy
    stream as deep as the cell, unless its values need more than Bits Stored.
    """
    width = samples.dtype.itemsize * 8
    precision = min(decoded.bits_stored or width, width)
    bits = min(precision, description.bits_stored)
    cells = _unsigned(samples, bits=precision if decoded.bits_stored else bits)
    high_bit = min(description.high_bit, width - 1)
    if decoded.bits_stored is None or (decoded.lossless and high_bit >= bits):
        return stored_values(cells, bits_stored=bits, high_bit=high_bit, signed=False), bits, ()
    if bits < precision and (decoded.lossless or width == description.bits_allocated):
        if within(cells, bits=bits):
            return cells, bits, ()
        clamped = None if decoded.signed else without_overshoot(cells, 0, (1 << bits) - 1)
        if clamped is not None:
            return clamped, bits, (_OVERSHOOT,)
        return cells, precision, (_DEEPER,)
    return cells, precision, ()


def gray_values(
    samples: NDArray[Any], decoded: Decoded, description: PixelDescription, *, is_jpeg_2000: bool
) -> tuple[NDArray[Any], int, bool, tuple[CodedWarning, ...]]:
    """Return values, bits and sign of one-sample streams, and notes on repairs.

    Most coders are unsigned: the bits are interpreted by Pixel Representation, from the lower of
    the stream's precision and Bits Stored. JPEG 2000 can be signed: its negative values are
    negative regardless of the header (PS3.5 8.2.4), and unsigned ones under a signed header are
    pixel cells that an encoder treated as unsigned.
    """
    if samples.dtype.kind == "f":
        return samples, description.bits_stored, True, ()
    cells = samples.view(np.dtype(f"u{samples.dtype.itemsize}"))
    width = samples.dtype.itemsize * 8
    precision = min(decoded.bits_stored or width, width)
    bits = min(precision, description.bits_stored)
    if decoded.bits_stored is None or (decoded.lossless and precision > bits):
        if is_jpeg_2000 and not within(cells, bits=bits):
            found = _numbers(
                samples, precision, bits, is_signed=description.signed, part=_WAVELET_PART
            )
            if found is not None:
                return found
        high_bit = min(description.high_bit, width - 1)
        values = stored_values(
            cells, bits_stored=bits, high_bit=high_bit, signed=description.signed
        )
        return values, bits, description.signed, ()
    # Lossy samples as deep as the cell; a stream of another depth may be right, see below.
    if bits < precision == width and (decoded.signed or not within(cells, bits=bits)):
        part = _WAVELET_PART if is_jpeg_2000 else _NEAR_PART
        found = _numbers(samples, precision, bits, is_signed=description.signed, part=part)
        if found is not None:
            return found
    if decoded.signed:
        return samples, precision, True, ()
    if description.signed:
        values = stored_values(cells, bits_stored=bits, high_bit=bits - 1, signed=True)
        return values, bits, True, ()
    # Lossy 12-bit streams under a header of 10 bits exceed it: the stream is right.
    if within(cells, bits=bits):
        return cells, bits, False, ()
    return cells, precision, False, (_DEEPER,)


def _numbers(
    samples: NDArray[Any], precision: int, bits: int, *, is_signed: bool, part: int
) -> tuple[NDArray[Any], int, bool, tuple[CodedWarning, ...]] | None:
    """Return the result of `gray_values` for a lossy stream deeper than Bits Stored.

    The values overshoot what Bits Stored holds by a ``part``-th, and are clamped. The wavelet of
    JPEG 2000 may be reversible and the stream truncated all the same. None where the samples are
    cells whose unused bits hold something else.
    """
    if samples.dtype.kind == "u" and is_signed:
        samples = stored_values(samples, bits_stored=precision, high_bit=precision - 1, signed=True)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1)
    if samples.dtype.kind == "i" and low <= int(samples.min()) and int(samples.max()) <= high:
        return samples, bits, True, ()
    if not is_signed:
        low, high = 0, (1 << bits) - 1
    clamped = without_overshoot(samples, low, high, part=part)
    if clamped is None:
        return None
    if not is_signed:
        clamped = clamped.view(np.dtype(f"u{clamped.dtype.itemsize}"))
    return clamped, bits, is_signed, (_OVERSHOOT,)
