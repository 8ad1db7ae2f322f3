"""Tells whether the pixels of an image may identify the patient, for all doors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

_IMAGE_TYPE, _FRAME_TYPE = 0x00080008, 0x00089007
_BURNED_IN, _LABEL_IN_IMAGE = 0x00280301, 0x00480010
_SLIDE_FRAME_TYPE = 0x00400710
_GROUPS = (0x52009229, 0x52009230)

BURNED_IN_TAGS = frozenset(
    (_IMAGE_TYPE, _FRAME_TYPE, _BURNED_IN, _LABEL_IN_IMAGE, _SLIDE_FRAME_TYPE, *_GROUPS)
)
"""Attributes that `burned_in` reads, at any depth."""


class Labelled(Protocol):
    """The part of `rendicom.dicom.attributes.Attributes` that is used here."""

    def texts(self, tag: int) -> Sequence[str]:
        """Return the values of an attribute."""
        ...

    def items(self, tag: int) -> Sequence[Labelled]:
        """Return the items of a sequence."""
        ...


def burned_in(attributes: Labelled) -> str:
    """Return why the pixels may identify the patient; an empty string if there is no sign of it.

    These count: Burned In Annotation YES (PS3.3 C.7.6.1), Specimen Label in Image YES
    (C.8.12.4), and an image or a frame of a slide that is a LABEL or an OVERVIEW, which includes
    the label (C.8.12.4.1.1). The mere absence of the attribute is not a reason: many files lack it.
    """
    if _is_yes(attributes, _BURNED_IN):
        return "burned-in annotation"
    if _is_yes(attributes, _LABEL_IN_IMAGE):
        return "specimen label in image"
    flavors = [_flavor(attributes, _IMAGE_TYPE)]
    for tag in _GROUPS:
        # All frames of a slide are of one kind.
        for groups in attributes.items(tag)[:1]:
            flavors += [_flavor(each, _FRAME_TYPE) for each in groups.items(_SLIDE_FRAME_TYPE)[:1]]
    if "LABEL" in flavors:
        return "label of a slide"
    return "overview of a slide with its label" if "OVERVIEW" in flavors else ""


def _is_yes(attributes: Labelled, tag: int) -> bool:
    return next(iter(attributes.texts(tag)), "").strip().upper() == "YES"


def _flavor(attributes: Labelled, tag: int) -> str:
    """Return the third value of Image Type or Frame Type."""
    values = attributes.texts(tag)
    return values[2].strip().upper() if len(values) > 2 else ""
