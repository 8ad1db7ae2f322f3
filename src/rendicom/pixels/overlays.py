"""Reads overlay planes of one frame (PS3.3 C.9.2, C.9.3)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rendicom.pixels.framesize import check_filling
from rendicom.values import OverlayPlane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.dicom.attributes import Attributes

_LARGEST_PLANE = 1 << 28


def overlay_planes(attributes: Attributes, frame: int) -> tuple[OverlayPlane, ...]:
    """Return the planes of ``frame``, counted from 1; bitmaps are read when drawn."""
    planes = (
        _plane(attributes, group, frame)
        for group in range(0x6000, 0x6020, 2)
        if group << 16 | 0x0010 in attributes or group << 16 | 0x0100 in attributes
    )
    return tuple(plane for plane in planes if plane is not None)


def _plane(attributes: Attributes, group: int, frame: int) -> OverlayPlane | None:
    base = group << 16
    bits, position = attributes.integer(base | 0x0100, 1), attributes.integer(base | 0x0102, 0)
    is_embedded = base | 0x3000 not in attributes
    if is_embedded and (bits == 1 or not position):
        return None
    rows = attributes.integer(base | 0x0010, attributes.integer(0x00280010)) or 0
    columns = attributes.integer(base | 0x0011, attributes.integer(0x00280011)) or 0
    if rows <= 0 or columns <= 0 or rows * columns > _LARGEST_PLANE:
        return None
    origin = attributes.integers(base | 0x0050, signed=True)
    row, column = (origin[0], origin[1]) if len(origin) == 2 else (1, 1)
    index = _index_in_plane(attributes, base, frame)
    if index is None:
        return None
    read = partial(_bitmap, attributes, base | 0x3000, index, rows, columns)
    return OverlayPlane(
        group=group,
        rows=rows,
        columns=columns,
        row=row,
        column=column,
        kind=attributes.text(base | 0x0040, "G"),
        embedded_bit=position if is_embedded else None,
        bitmap=None if is_embedded else read,
    )


def _index_in_plane(attributes: Attributes, base: int, frame: int) -> int | None:
    """Return which frame of the overlay lies over ``frame``, from 0; None when none does.

    An overlay without Number of Frames in Overlay lies over every frame.
    """
    count = attributes.integer(base | 0x0015)
    if count is None:
        return 0
    index = frame - (attributes.integer(base | 0x0051, 1) or 1)
    return index if 0 <= index < count else None


def _bitmap(
    attributes: Attributes, tag: int, index: int, rows: int, columns: int
) -> NDArray[np.bool_]:
    """Return one plane: bits in order from the least significant, without padding at row ends."""
    size = rows * columns
    first = index * size
    stored = attributes.raw(tag)
    check_filling(size, len(stored))
    data = np.frombuffer(stored, np.uint8)[first // 8 : -(-(first + size) // 8)]
    bits = np.unpackbits(data, bitorder="little")[first % 8 : first % 8 + size]
    plane = np.zeros(size, np.bool_)
    plane[: bits.size] = bits
    return plane.reshape(rows, columns)
