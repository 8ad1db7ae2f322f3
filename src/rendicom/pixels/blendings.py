"""Reads blending presentation states (PS3.3 C.11.14, C.11.33): which images lie over which."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rendicom.dicom.header import read_header
from rendicom.errors import CorruptDataError, UnsupportedImageError
from rendicom.pixels.luts import palette_of
from rendicom.pixels.presentations import first_table, number_or, softcopy_vois
from rendicom.pixels.state_classes import ADVANCED_BLENDING, BLENDING
from rendicom.presentation import PresentationState, ReferencedImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rendicom.dicom.attributes import Attributes
    from rendicom.dicom.byte_source import ByteSource

__all__ = ["Blending", "read_blending"]

_SOP_CLASS, _INSTANCE, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_REFERENCED_SERIES, _IMAGES, _REFERENCED = 0x00081115, 0x00081140, 0x00081155
_INPUTS, _POSITION, _OPACITY = 0x00700402, 0x00700405, 0x00700403
_ADVANCED_INPUTS, _NUMBER, _DISPLAYS = 0x00701B01, 0x00701B02, 0x00701B04
_DISPLAY_INPUTS, _MODE, _PALETTES = 0x00701B03, 0x00701B06, 0x00480120
_MODALITY_LUTS, _SLOPE, _INTERCEPT = 0x00283000, 0x00281053, 0x00281052
_UNSIGNED = (0.0, float(0xFFFF))


class Blending(NamedTuple):
    """Images that lie over each other, each shown as a presentation state says.

    Attributes
    ----------
    instance
        SOP Instance UID.
    base
        The images at the bottom.
    above
        Those over them, each with its opacity; the first is the lowest.
    """

    instance: str
    base: PresentationState
    above: tuple[tuple[PresentationState, float], ...]

    @property
    def superimposed(self) -> tuple[str, ...]:
        """Return the images over others, by SOP Instance UID."""
        return tuple(each.instance for state, _ in self.above for each in state.references)


def read_blending(source: ByteSource) -> Blending:
    """Return what a blending or advanced blending presentation state says.

    Raises
    ------
    UnsupportedImageError
        It is another object.
    CorruptDataError
        It does not say which images are blended.
    """
    attributes = read_header(source, wanted=None).attributes
    sop_class = attributes.text(_SOP_CLASS)
    notes: list[str] = []
    if sop_class == BLENDING:
        return _plain(attributes, notes)
    if sop_class == ADVANCED_BLENDING:
        return _advanced(attributes, notes)
    raise UnsupportedImageError("the object is no blending presentation state")


def _plain(attributes: Attributes, notes: list[str]) -> Blending:
    inputs = {item.text(_POSITION): item for item in attributes.items(_INPUTS)}
    if not {"UNDERLYING", "SUPERIMPOSED"} <= inputs.keys():
        raise CorruptDataError("the presentation state does not say what lies over what")
    base = _state(attributes, inputs["UNDERLYING"], None, notes)
    upper = _state(attributes, inputs["SUPERIMPOSED"], attributes, notes)
    opacity = attributes.number(_OPACITY)
    return Blending(base.instance, base, ((upper, _share(opacity, 1.0)),))


def _advanced(attributes: Attributes, notes: list[str]) -> Blending:
    """Return the first display: FOREGROUND of two inputs, EQUAL of any number."""
    inputs = {item.integer(_NUMBER, 0): item for item in attributes.items(_ADVANCED_INPUTS)}
    for display in attributes.items(_DISPLAYS):
        numbers = [item.integer(_NUMBER, 0) for item in display.items(_DISPLAY_INPUTS)]
        chosen = [inputs[number] for number in numbers if number in inputs]
        if len(chosen) < 2 or len(chosen) < len(numbers):
            continue
        states = [_state(attributes, item, _first(item.items(_PALETTES)), notes) for item in chosen]
        if display.text(_MODE).upper() == "FOREGROUND" and len(states) == 2:
            opacities = [1 - _share(display.number(_OPACITY), 0.5)]
        else:
            opacities = [1 / place for place in range(2, len(states) + 1)]
        above = tuple(zip(states[1:], opacities, strict=True))
        return Blending(states[0].instance, states[0], above)
    raise CorruptDataError("the presentation state does not say what is blended")


def _state(
    attributes: Attributes, item: Attributes, palettes: Attributes | None, notes: list[str]
) -> PresentationState:
    """Return how the images of one input are shown."""
    palette = palette_of(palettes, _UNSIGNED, notes) if palettes is not None else None
    modality_lut = first_table(item, _MODALITY_LUTS, notes)
    return PresentationState(
        kind="grayscale" if palette is None else "pseudo-color",
        instance=attributes.text(_INSTANCE),
        references=_references(item),
        slope=number_or(item, _SLOPE, 1.0) or 1.0,
        intercept=number_or(item, _INTERCEPT, 0.0),
        modality_lut=modality_lut,
        keeps_modality=modality_lut is None and _SLOPE not in item,
        vois=softcopy_vois(item, notes, is_behind_lut=modality_lut is not None),
        palette=palette,
        warnings=tuple(notes),
    )


def _references(item: Attributes) -> tuple[ReferencedImage, ...]:
    parents = item.items(_REFERENCED_SERIES) or (item,)
    return tuple(
        ReferencedImage(item.text(_STUDY), series.text(_SERIES), image.text(_REFERENCED), (), "")
        for series in parents
        for image in series.items(_IMAGES)
    )


def _first(items: Sequence[Attributes]) -> Attributes | None:
    return items[0] if items else None


def _share(value: float | None, default: float) -> float:
    return default if value is None else min(1.0, max(0.0, value))
