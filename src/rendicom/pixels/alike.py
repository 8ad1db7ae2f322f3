"""Images that are described alike: a series of slices is interpreted once, not slice by slice.

Each value that is read for a description is noted, absent ones too. A later header that has all of
them equal has the same description. Only images of one frame, and of short values without items,
are remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.dicom.attributes import Attributes, NotedAttributes
from rendicom.records import NamedTuple

if TYPE_CHECKING:
    from rendicom.dicom.attributes import Header, NotedValue
    from rendicom.values import DisplayAttributes, PixelDescription

_MOST = 8


class KnownImage(NamedTuple):
    """What was made of a header, and what it depends on."""

    traits: tuple[object, ...]
    present: tuple[tuple[int, NotedValue], ...]
    absent: frozenset[int]
    description: PixelDescription
    display: DisplayAttributes


_known: tuple[KnownImage, ...] = ()
"""The last ones first; replaced as a whole, as other threads may be reading it."""


def recall(header: Header) -> KnownImage | None:
    """Return what is known of images with such a header, if anything is."""
    attributes = header.attributes
    if not _known or header.warnings or header.pixel is None:
        return None
    traits = _traits(header)
    for known in _known:
        if known.traits == traits and attributes.has_equal(known.present, known.absent):
            return known
    return None


def noting(header: Header) -> Header:
    """Return the header with attributes that note what is read of them, for `remember`."""
    if type(header.attributes) is not Attributes or header.warnings or header.pixel is None:
        return header
    return header._replace(attributes=header.attributes.noted())


def remember(header: Header, description: PixelDescription, display: DisplayAttributes) -> None:
    """Keep what was made of a header of `noting`, if it may be used for others."""
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
    """Return all that a description of one frame depends on beside the attributes."""
    pixel = header.pixel
    place = None if pixel is None else (pixel.keyword, pixel.vr, pixel.length)
    return (
        header.transfer_syntax, header.sop_class, header.little_endian, header.explicit_vr, place,
    )  # fmt: skip
