"""Brings samples into a type the output format holds, where nothing is lost by it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rendicom.errors import OptionError

if TYPE_CHECKING:
    from rendicom.encode.formats import Format
    from rendicom.values import DisplayImage

__all__ = ["fit"]

_UNSIGNED = {"int8": np.uint8, "int16": np.uint16}


def fit(image: DisplayImage, file_format: Format) -> tuple[DisplayImage, tuple[str, ...]]:
    """Return the image in a type of the format, and what a reader of the file must know.

    Display values (uint8, uint16) pass as they are. Stored signed values are moved up by half
    their range in formats without signed samples, which is said; 8-bit stored values widen.

    Raises
    ------
    OptionError
        The format cannot hold these samples.
    """
    samples = image.samples
    held = file_format.gray if samples.ndim == 2 else file_format.colour
    if samples.dtype.name in held:
        return image, ()
    notes: tuple[str, ...] = ()
    unsigned = _UNSIGNED.get(samples.dtype.name)
    if unsigned is not None:
        half = 1 << (8 * samples.dtype.itemsize - 1)
        samples = samples.view(unsigned) ^ unsigned(half)
        notes = (f"signed values are written plus {half}",)
    if samples.dtype == np.uint8 and "uint16" in held and "uint8" not in held:
        samples = samples.astype(np.uint16)
    if samples.dtype.name not in held:
        raise OptionError(
            f"{file_format.name} cannot hold {samples.dtype.name} "
            f"{'gray' if samples.ndim == 2 else 'colour'} samples",
            hint="float and 32-bit values need tiff, 16-bit values png or tiff",
        )
    return replace(image, samples=samples), notes
