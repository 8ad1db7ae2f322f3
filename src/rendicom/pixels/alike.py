"""Images with equal descriptions: a series of slices is interpreted once, not slice by slice.

The values that are read for a description are noted, absent ones too. A later header with equal
values has the same description. Only images of one frame, with short values and no items, are
remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.dicom.attributes import Attributes, Header, NotedAttributes, NotedValue
from rendicom.records import NamedTuple

if TYPE_CHECKING:
    from rendicom.values import DisplayAttributes, PixelDescription

_MOST = 8


class KnownImage(NamedTuple):
    """The results from a header, and the values they depend on."""

    traits: tuple[object, ...]
    present: tuple[tuple[int, NotedValue], ...]
    absent: frozenset[int]
    description: PixelDescription
    display: DisplayAttributes


_known: tuple[KnownImage, ...] = ()
"""The last ones first; replaced as a whole, as other threads may be reading it."""


def recall(header: Header) -> KnownImage | None:
    """Return the results remembered for an equal header, or None."""
    attributes = header.attributes
    if not _known or header.warnings or header.pixel is None:
        return None
    traits = _traits(header)
    for known in _known:
        if known.traits == traits and attributes.has_equal(known.present, known.absent):
            return known
    return None


def noting(header: Header) -> Header:
    """Return the header with attributes that note which values are read, for `remember`."""
    if type(header.attributes) is not Attributes or header.warnings or header.pixel is None:
        return header
    return header._replace(attributes=header.attributes.noted())


def remember(header: Header, description: PixelDescription, display: DisplayAttributes) -> None:
    """Remember the results from a header of `noting`, if other headers may use them."""
    global _known  # noqa: PLW0603 - the memory of the process
    noted = header.attributes
    if not isinstance(noted, NotedAttributes) or description.number_of_frames != 1:
        return
    values = noted.values_read()
    if values is None:
        return
    present = tuple((tag, value) for tag, value in values.items() if value is not None)
    absent = frozenset(tag for tag, value in values.items() if value is None)
    made = KnownImage(_traits(header), present, absent, description, display)
    _known = (made, *_known[: _MOST - 1])


def _traits(header: Header) -> tuple[object, ...]:
    """Return the properties besides attributes that a description of one frame depends on."""
    pixel = header.pixel
    place = None if pixel is None else (pixel.keyword, pixel.vr, pixel.length)
    return (
        header.transfer_syntax, header.sop_class, header.little_endian, header.explicit_vr, place,
    )  # fmt: skip
