"""Resource categories of instances (PS3.18 Table 8.7.2-1)."""

from __future__ import annotations

from typing import Literal

from rendicom.dicom.transfer_syntaxes import is_video

Category = Literal["single-frame", "multi-frame", "video", "text", "presentation-state", "other"]

_PRESENTATION_STATES = frozenset(
    f"1.2.840.10008.5.1.4.1.1.11.{last}" for last in (1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12)
)
"""Softcopy presentation states of images, and planar views of volumes (PS3.4 B.5)."""


def is_presentation_state(sop_class: str) -> bool:
    """Tell whether a class is one of presentation states."""
    return sop_class in _PRESENTATION_STATES


def category_of(
    sop_class: str,
    transfer_syntax: str,
    *,
    frames: int,
    has_pixels: bool,
    is_document: bool,
) -> Category:
    """Return the category of a request.

    ``frames`` is the number of requested frames: 1 if one of many was selected. ``is_document``
    says that the class holds a report or an encapsulated document.
    """
    if is_document:
        return "text"
    if is_presentation_state(sop_class):
        return "presentation-state"
    if not has_pixels:
        return "other"
    if frames == 1:
        return "single-frame"
    return "video" if is_video(transfer_syntax) else "multi-frame"
