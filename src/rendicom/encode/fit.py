"""Converts samples without loss to a type that the output format supports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rendicom.coded_warnings import CodedWarning
from rendicom.encode.formats import Format, name_of
from rendicom.errors import OptionError

if TYPE_CHECKING:
    from rendicom.values import DisplayImage

_UNSIGNED = {"int8": np.uint8, "int16": np.uint16}


def fit(image: DisplayImage, file_format: Format) -> tuple[DisplayImage, tuple[CodedWarning, ...]]:
    """Return the image in a type of the format, and warnings for users of the file.

    Display values (uint8, uint16) are unchanged. In formats without signed samples, signed stored
    values are shifted by half their range, with a warning; 8-bit stored values are widened.

    Raises
    ------
    OptionError
        The format cannot hold these samples.
    """
    samples = image.samples
    held = file_format.gray if samples.ndim == 2 else file_format.colour
    if name_of(samples.dtype) in held:
        return image, ()
    notes: tuple[CodedWarning, ...] = ()
    unsigned = _UNSIGNED.get(samples.dtype.name)
    if unsigned is not None:
        half = 1 << (8 * samples.dtype.itemsize - 1)
        samples = samples.view(unsigned) ^ unsigned(half)
        notes = (CodedWarning("values-converted", f"signed values are written plus {half}"),)
    if samples.dtype == np.uint8 and "uint16" in held and "uint8" not in held:
        samples = samples.astype(np.uint16)
    if samples.dtype.name not in held:
        raise OptionError(
            f"{file_format.name} cannot hold {samples.dtype.name} "
            f"{'gray' if samples.ndim == 2 else 'colour'} samples",
            hint="float and 32-bit values need tiff, 16-bit values png or tiff",
        )
    return replace(image, samples=samples), notes
