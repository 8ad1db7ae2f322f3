"""Reads the display shutters of images and presentation states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.coded_warnings import Notes
from rendicom.pixels.colour import srgb_of_dicom_lab
from rendicom.values import Ink, OverlayPlane, Shutter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rendicom.dicom.attributes import Attributes

_SHAPE = 0x00181600
_EDGES = (0x00181602, 0x00181604, 0x00181606, 0x00181608)
_CENTER, _RADIUS, _VERTICES = 0x00181610, 0x00181612, 0x00181620
_OVERLAY_GROUP = 0x00181623
_GRAY, _COLOUR = 0x00181622, 0x00181624
_FARTHEST = 1 << 31
"""Positions have VR IS, whose numbers have 32 bits."""


def read_shutter(
    attributes: Attributes, notes: Notes, *, planes: Sequence[OverlayPlane] = ()
) -> Shutter | None:
    """Return the display shutter, or None (PS3.3 C.7.6.11, C.7.6.15).

    ``planes`` are those a bitmap shutter may be one of. An incomplete shape covers nothing and
    gives a note.
    """
    shapes = attributes.texts(_SHAPE)
    if not shapes:
        return None
    shutter = Shutter(ink=ink_of(attributes, gray=_GRAY, colour=_COLOUR))
    for shape in shapes:
        described = _with_shape(shutter, shape, attributes, planes)
        if described is None:
            notes.add("shutter-unusable", f"the {shape.lower()} shutter is incomplete: not used")
        else:
            shutter = described
    return shutter


def _with_shape(
    shutter: Shutter, shape: str, attributes: Attributes, planes: Sequence[OverlayPlane]
) -> Shutter | None:
    if shape == "RECTANGULAR":
        edges = [attributes.integer(tag) for tag in _EDGES]
        left, right, upper, lower = edges
        if left is None or right is None or upper is None or lower is None:
            return None
        if not _are_places(left, right, upper, lower):
            return None
        return shutter._replace(rectangle=(left, right, upper, lower))
    if shape == "CIRCULAR":
        center, radius = attributes.numbers(_CENTER), attributes.number(_RADIUS)
        if len(center) != 2 or radius is None or not _are_places(*center, radius):
            return None
        return shutter._replace(circle=(center[0], center[1], radius))
    if shape == "POLYGONAL":
        values = attributes.numbers(_VERTICES)
        if len(values) < 6 or len(values) % 2 or not _are_places(*values):
            return None
        return shutter._replace(polygon=tuple(zip(values[::2], values[1::2], strict=True)))
    if shape == "BITMAP":
        group = attributes.integer(_OVERLAY_GROUP)
        plane = next((plane for plane in planes if plane.group == group), None)
        return None if plane is None else shutter._replace(bitmap=plane)
    return None


def _are_places(*values: float) -> bool:
    return all(-_FARTHEST <= value <= _FARTHEST for value in values)


def ink_of(attributes: Attributes, *, gray: int, colour: int) -> Ink:
    """Return a recommended color by the tags of its P-value and its CIELab value."""
    lab, level = components(attributes, colour, 3), components(attributes, gray, 1)
    return Ink(level[0] if level else None, srgb_of_dicom_lab(*lab) if lab else None)


def components(attributes: Attributes, tag: int, count: int) -> tuple[int, ...]:
    """Return ``count`` 16-bit components of a color; () if the value has another number."""
    values = attributes.integers(tag)[:count]
    sound = len(values) == count and all(0 <= value <= 0xFFFF for value in values)
    return values if sound else ()
