"""Reads presentation states: grayscale, also of XA/XRF, color and pseudo-color (PS3.3 A.33).

Other kinds show several images at once, or volumes, and are refused by name.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, cast, get_args

from rendicom.coded_warnings import Notes
from rendicom.dicom.uids import class_name
from rendicom.errors import CorruptDataError, UnsupportedImageError
from rendicom.pixels.display import pixel_size, windows_of
from rendicom.pixels.graphics import read_annotations, read_layers
from rendicom.pixels.luts import lookup_table, palette_of
from rendicom.pixels.overlays import overlay_planes
from rendicom.pixels.shutters import read_shutter
from rendicom.pixels.subtractions import read_subtractions
from rendicom.presentation import (
    DisplayedArea,
    PresentationState,
    ReferencedImage,
    Scope,
    SizeMode,
    SoftcopyVoi,
)
from rendicom.views import is_usable

if TYPE_CHECKING:
    from rendicom.dicom.attributes import Attributes
    from rendicom.presentation import Kind
    from rendicom.values import LookupTable

_CLASSES = "1.2.840.10008.5.1.4.1.1.11."
_KINDS: dict[str, Kind] = {
    f"{_CLASSES}1": "grayscale",
    f"{_CLASSES}2": "color",
    f"{_CLASSES}3": "pseudo-color",
    f"{_CLASSES}5": "grayscale",
}
_SOP_CLASS, _INSTANCE, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_REFERENCED_SERIES, _REFERENCED_IMAGES = 0x00081115, 0x00081140
_REFERENCED_CLASS, _REFERENCED_INSTANCE, _REFERENCED_FRAMES = 0x00081150, 0x00081155, 0x00081160
_MODALITY_LUTS, _VOI_LUTS, _SOFTCOPY_VOIS = 0x00283000, 0x00283010, 0x00283110
_SLOPE, _INTERCEPT = 0x00281053, 0x00281052
_PRESENTATION_LUTS, _PRESENTATION_SHAPE = 0x20500010, 0x20500020
_LUT_DESCRIPTOR, _ICC_PROFILE = 0x00283002, 0x00282000
_ROTATION, _FLIP = 0x00700042, 0x00700041
_AREAS, _TOP_LEFT, _BOTTOM_RIGHT = 0x0070005A, 0x00700052, 0x00700053
_SIZE_MODE, _PIXEL_SPACING, _ASPECT_RATIO = 0x00700100, 0x00700101, 0x00700102
_MAGNIFICATION, _ORIGIN_MEANING = 0x00700103, 0x00480301
_ACTIVATION_LAYER = 0x60001001
_UNSIGNED, _SIGNED = (0.0, float(0xFFFF)), (-float(0x8000), float(0x7FFF))
_FARTHEST = 1 << 31
_LOOKUP_TABLE = "lookup table of the presentation state"
_GROUPS = tuple(range(0x6000, 0x6020, 2))


def read_presentation(attributes: Attributes) -> PresentationState:
    """Return the presentation state in a data set of which all attributes were read.

    Raises
    ------
    UnsupportedImageError
        It is not a presentation state, or its kind is not supported.
    CorruptDataError
        It does not refer to images.
    """
    kind = _kind(attributes)
    references = _references(attributes)
    if not references:
        raise CorruptDataError("the presentation state refers to no image")
    notes = Notes()
    shape = attributes.text(_PRESENTATION_SHAPE)
    planes = partial(overlay_planes, attributes)
    has_tones = kind != "color"
    modality_lut = first_table(attributes, _MODALITY_LUTS, notes) if has_tones else None
    return PresentationState(
        kind=kind,
        instance=attributes.text(_INSTANCE),
        references=references,
        slope=number_or(attributes, _SLOPE, 1.0) or 1.0,
        intercept=number_or(attributes, _INTERCEPT, 0.0),
        modality_lut=modality_lut,
        vois=(
            softcopy_vois(attributes, notes, is_behind_lut=modality_lut is not None)
            if has_tones
            else ()
        ),
        subtractions=read_subtractions(attributes, notes, _scope) if has_tones else (),
        presentation_lut=first_table(attributes, _PRESENTATION_LUTS, notes) if has_tones else None,
        is_inverse=shape == "INVERSE" and kind == "grayscale",
        palette=palette_of(attributes, _UNSIGNED, notes) if kind == "pseudo-color" else None,
        icc_profile=attributes.raw(_ICC_PROFILE) or None,
        shutter=read_shutter(attributes, notes, planes=planes(1)),
        planes=planes,
        activations=_activations(attributes),
        layers=read_layers(attributes),
        annotations=read_annotations(attributes, notes, scope_of=_scope),
        areas=tuple(filter(None, (_area(item, notes) for item in attributes.items(_AREAS)))),
        quarter_turns=_quarter_turns(attributes, notes),
        mirrors_columns=attributes.text(_FLIP) == "Y",
        warnings=tuple(dict.fromkeys(notes)),
    )


def _kind(attributes: Attributes) -> Kind:
    sop_class = attributes.text(_SOP_CLASS)
    if sop_class in _KINDS:
        return _KINDS[sop_class]
    name = class_name(sop_class) or "unknown"
    if sop_class.startswith(_CLASSES):
        raise UnsupportedImageError(
            f"presentation states of class {name} are not rendered",
            hint="grayscale, color, pseudo-color and XA/XRF ones are",
        )
    raise UnsupportedImageError(f"the object is of class {name}, which is not a presentation state")


def _references(attributes: Attributes) -> tuple[ReferencedImage, ...]:
    study = attributes.text(_STUDY)
    return tuple(
        ReferencedImage(
            study,
            series.text(_SERIES),
            image.text(_REFERENCED_INSTANCE),
            tuple(frame for frame in image.integers(_REFERENCED_FRAMES) if frame > 0),
            image.text(_REFERENCED_CLASS),
        )
        for series in attributes.items(_REFERENCED_SERIES)
        for image in series.items(_REFERENCED_IMAGES)
        if image.text(_REFERENCED_INSTANCE)
    )


def _scope(item: Attributes) -> Scope:
    """Return the images that an item applies to; all if it names none."""
    frames: dict[str, frozenset[int]] = {}
    for image in item.items(_REFERENCED_IMAGES):
        instance = image.text(_REFERENCED_INSTANCE)
        numbers = frozenset(image.integers(_REFERENCED_FRAMES))
        known = frames.get(instance, numbers)
        # Without numbers an item applies to all frames, even if another item names some.
        frames[instance] = known | numbers if known and numbers else frozenset()
    return Scope(frames)


def number_or(attributes: Attributes, tag: int, default: float) -> float:
    """Return a number, or ``default`` without a value."""
    value = attributes.number(tag)
    return default if value is None or not math.isfinite(value) else value


def first_table(attributes: Attributes, tag: int, notes: Notes) -> LookupTable | None:
    """Return the table in the first item of a sequence."""
    for item in attributes.items(tag)[:1]:
        return lookup_table(item, _extent(item), notes, name=_LOOKUP_TABLE)
    return None


def _extent(item: Attributes) -> tuple[float, float]:
    """Return the range of values that a LUT maps: by the VR of its descriptor, signed if unknown.

    As an unsigned value this would map half of the values to the first entry.
    """
    stored = item.stored(_LUT_DESCRIPTOR)
    return _UNSIGNED if stored is not None and stored[0] == "US" else _SIGNED


def softcopy_vois(
    attributes: Attributes, notes: Notes, *, is_behind_lut: bool
) -> tuple[SoftcopyVoi, ...]:
    """Return the VOI transforms; values from a Modality LUT are unsigned."""
    vois = []
    for item in attributes.items(_SOFTCOPY_VOIS):
        tables = [
            lookup_table(
                lut, _UNSIGNED if is_behind_lut else _extent(lut), notes,
                name=_LOOKUP_TABLE, narrows=True,
            )
            for lut in item.items(_VOI_LUTS)
        ]  # fmt: skip
        sound = tuple(table for table in tables if table is not None)
        windows = windows_of(item, notes)
        usable = tuple(each for each in windows if is_usable(each))
        if len(usable) < len(windows):
            said = "a window of the presentation state is invalid and was not used"
            notes.add("window-replaced", said)
        vois.append(SoftcopyVoi(_scope(item), usable, sound))
    return tuple(vois)


def _activations(attributes: Attributes) -> dict[int, str]:
    layers = {
        group: attributes.text(_ACTIVATION_LAYER + (group - 0x6000 << 16)) for group in _GROUPS
    }
    return {group: layer for group, layer in layers.items() if layer}


def _quarter_turns(attributes: Attributes, notes: Notes) -> int:
    degrees = attributes.integer(_ROTATION, 0) or 0
    if degrees % 90:
        text = "the rotation of the presentation state is not a multiple of 90 degrees"
        notes.add("presentation-incomplete", text)
    return degrees // 90 % 4


def _area(item: Attributes, notes: Notes) -> DisplayedArea | None:
    corners = [item.integers(tag, signed=True) for tag in (_TOP_LEFT, _BOTTOM_RIGHT)]
    if any(len(corner) != 2 or max(map(abs, corner)) > _FARTHEST for corner in corners):
        notes.add("presentation-incomplete", "a displayed area has no corners and was not used")
        return None
    mode, magnification = item.text(_SIZE_MODE), item.number(_MAGNIFICATION)
    (left, top), (right, bottom) = corners
    return DisplayedArea(
        scope=_scope(item),
        top_left=(left, top),
        bottom_right=(right, bottom),
        mode=cast("SizeMode", mode) if mode in get_args(SizeMode) else "SCALE TO FIT",
        pixel_size=pixel_size(map(item.numbers, (_PIXEL_SPACING, _ASPECT_RATIO)), notes),
        magnification=min(max(magnification, 1e-3), 1e3) if magnification else 1.0,
        is_of_volume=item.text(_ORIGIN_MEANING) == "VOLUME",
    )
