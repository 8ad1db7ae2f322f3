"""Hypothesis strategies for images and for damaged data.

Hypothesis is imported when a strategy is made, not with this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rendicom.testing.images import image
from rendicom.testing.writer import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True, slots=True, eq=False)
class StoredImage:
    """A file and its stored values."""

    data: bytes
    values: NDArray[Any]
    bits_stored: int
    signed: bool
    transfer_syntax: str


def stored_images(*, max_side: int = 9, max_frames: int = 3) -> SearchStrategy[StoredImage]:
    """Return a strategy for native gray images of any layout PS3.5 8.1.1 allows.

    1, 8, 16 and 32 bits allocated, any bits stored, high bit and sign, garbage in unused bits,
    all four uncompressed transfer syntaxes.
    """
    from hypothesis import strategies as st

    def build(draw: Any) -> StoredImage:
        allocated = draw(st.sampled_from([1, 8, 16, 32]))
        stored = draw(st.integers(1, allocated))
        signed = draw(st.booleans()) and stored > 1
        low, high = (
            (-(1 << stored - 1), (1 << stored - 1) - 1) if signed else (0, (1 << stored) - 1)
        )
        side = st.integers(1, max_side)
        shape = (draw(st.integers(1, max_frames)), draw(side), draw(side))
        random = np.random.default_rng(draw(st.integers(0, 2**32)))
        values = random.integers(low, high, shape, dtype=np.int64, endpoint=True)
        syntax = draw(st.sampled_from([EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED]))
        data = image(
            values,
            bits_allocated=allocated,
            bits_stored=stored,
            high_bit=draw(st.integers(stored - 1, allocated - 1)),
            signed=signed,
            unused_bits=draw(st.integers(0, (1 << allocated) - 1)),
            pixel_vr=draw(st.sampled_from(["OB", "OW"])) if allocated <= 8 else "OW",
            transfer_syntax=syntax,
        )
        return StoredImage(data, values, stored, signed, syntax)

    return st.composite(build)()


def damaged(data: bytes, *, most: int = 8) -> SearchStrategy[bytes]:
    """Return a strategy for ``data`` after a cut, flipped bits or overwritten bytes."""
    from hypothesis import strategies as st

    def build(draw: Any) -> bytes:
        broken = bytearray(data)
        for _ in range(draw(st.integers(0, most))):
            place = draw(st.integers(0, len(data) - 1))
            broken[place] = draw(st.sampled_from([0, 0xFF, broken[place] ^ 1 << place % 8]))
        end = draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))
        return bytes(broken[:end])

    return st.composite(build)()
