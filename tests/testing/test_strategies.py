"""pydicom reads what the strategies make."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pydicom
from hypothesis import assume, given, settings
from pydicom.pixels import pixel_array

from rendicom.testing import BIG_ENDIAN
from rendicom.testing.strategies import StoredImage, damaged, stored_images


@settings(max_examples=60, deadline=None)
@given(stored_images())
def test_stored_images_hold_their_values(made: StoredImage) -> None:
    dataset = pydicom.dcmread(BytesIO(made.data))
    # pydicom takes the bits of a big endian OW word in the order of its bytes.
    swapped = made.transfer_syntax == BIG_ENDIAN and dataset["PixelData"].VR == "OW"
    assume(not (dataset.BitsAllocated == 1 and swapped))
    cells = pixel_array(dataset, raw=True, correct_unused_bits=False)
    cells = cells.reshape(made.values.shape).astype(np.int64)
    shift = dataset.HighBit + 1 - made.bits_stored
    stored = cells >> shift & ((1 << made.bits_stored) - 1)
    if made.signed:
        stored -= (stored >> made.bits_stored - 1) << made.bits_stored
    assert np.array_equal(stored, made.values)


@settings(max_examples=30, deadline=None)
@given(damaged(bytes(range(50))))
def test_damage_never_makes_a_file_longer(data: bytes) -> None:
    assert len(data) <= 50
