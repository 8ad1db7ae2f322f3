"""Reads presentation states: grayscale, color and pseudo-color (PS3.3 A.33).

Other kinds show several images at once, or volumes, and are refused by name.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, cast, get_args

from rendicom.errors import CorruptDataError, UnsupportedImageError
from rendicom.pixels.datasetattributes import DatasetAttributes
from rendicom.pixels.describe import windows_of
from rendicom.pixels.graphics import read_annotations, read_layers
from rendicom.pixels.headerpydicom import read_elements
from rendicom.pixels.luts import lookup_table, palette_of
from rendicom.pixels.overlays import overlay_planes
from rendicom.pixels.shutters import read_shutter
from rendicom.presentation import (
    DisplayedArea,
    PresentationState,
    ReferencedImage,
    Scope,
    SizeMode,
    SoftcopyVoi,
)

if TYPE_CHECKING:
    from pydicom import Dataset

    from rendicom.pixels.bytesource import ByteSource
    from rendicom.presentation import Kind
    from rendicom.values import LookupTable

__all__ = ["presentation_of_dataset", "read_presentation"]

_CLASSES = "1.2.840.10008.5.1.4.1.1.11."
_KINDS: dict[str, Kind] = {
    f"{_CLASSES}1": "grayscale",
    f"{_CLASSES}2": "color",
    f"{_CLASSES}3": "pseudo-color",
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
_GROUPS = tuple(range(0x6000, 0x6020, 2))


def read_presentation(source: ByteSource) -> PresentationState:
    """Return the presentation state in a file; see `presentation_of_dataset`."""
    return presentation_of_dataset(read_elements(source, None))


def presentation_of_dataset(dataset: Dataset) -> PresentationState:
    """Return the presentation state in a data set.

    Raises
    ------
    UnsupportedImageError
        It is no presentation state, or of a kind that is not rendered.
    CorruptDataError
        It refers to no image.
    """
    _, is_little_endian = dataset.original_encoding
    attributes = DatasetAttributes(dataset, little_endian=is_little_endian is not False)
    kind = _kind(attributes)
    references = _references(attributes)
    if not references:
        raise CorruptDataError("the presentation state refers to no image")
    notes: list[str] = []
    shape = attributes.text(_PRESENTATION_SHAPE)
    planes = partial(overlay_planes, attributes)
    has_tones = kind != "color"
    return PresentationState(
        kind=kind,
        instance=attributes.text(_INSTANCE),
        references=references,
        slope=_number(attributes, _SLOPE, 1.0) or 1.0,
        intercept=_number(attributes, _INTERCEPT, 0.0),
        modality_lut=_table(attributes, _MODALITY_LUTS, notes) if has_tones else None,
        vois=_vois(attributes, notes) if has_tones else (),
        presentation_lut=_table(attributes, _PRESENTATION_LUTS, notes) if has_tones else None,
        is_inverse=shape == "INVERSE" and kind == "grayscale",
        palette=palette_of(attributes, signed=False) if kind == "pseudo-color" else None,
        icc_profile=attributes.raw(_ICC_PROFILE) or None,
        shutter=read_shutter(attributes, notes, planes=planes(1)),
        planes=planes,
        activations=_activations(attributes),
        layers=read_layers(attributes),
        annotations=read_annotations(attributes, notes, scope_of=_scope),
        areas=_areas(attributes, notes),
        quarter_turns=_quarter_turns(attributes, notes),
        mirrors_columns=attributes.text(_FLIP) == "Y",
        warnings=tuple(dict.fromkeys(notes)),
    )


def _kind(attributes: DatasetAttributes) -> Kind:
    from pydicom.uid import UID

    sop_class = attributes.text(_SOP_CLASS)
    if sop_class in _KINDS:
        return _KINDS[sop_class]
    name = UID(sop_class).name.removesuffix(" Storage") if sop_class else "unknown"
    if sop_class.startswith(_CLASSES):
        raise UnsupportedImageError(
            f"presentation states of class {name} are not rendered",
            hint="grayscale, color and pseudo-color ones are",
        )
    raise UnsupportedImageError(f"the object is of class {name}, which is no presentation state")


def _references(attributes: DatasetAttributes) -> tuple[ReferencedImage, ...]:
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


def _scope(item: DatasetAttributes) -> Scope:
    """Return which images an item is for; all where it names none."""
    frames: dict[str, frozenset[int]] = {}
    for image in item.items(_REFERENCED_IMAGES):
        instance = image.text(_REFERENCED_INSTANCE)
        numbers = frozenset(image.integers(_REFERENCED_FRAMES))
        known = frames.get(instance, numbers)
        # No numbers stand for every frame, also where another item names some.
        frames[instance] = known | numbers if known and numbers else frozenset()
    return Scope(frames)


def _items(attributes: DatasetAttributes, tag: int) -> tuple[DatasetAttributes, ...]:
    return cast("tuple[DatasetAttributes, ...]", tuple(attributes.items(tag)))


def _number(attributes: DatasetAttributes, tag: int, default: float) -> float:
    value = attributes.number(tag)
    return default if value is None or not math.isfinite(value) else value


def _table(attributes: DatasetAttributes, tag: int, notes: list[str]) -> LookupTable | None:
    for item in _items(attributes, tag)[:1]:
        table = lookup_table(item, signed=_has_sign(item))
        if table is None:
            notes.append("a lookup table of the presentation state is damaged and was not used")
        return table
    return None


def _has_sign(item: DatasetAttributes) -> bool:
    """Tell how the first value mapped is read: by its VR, and as signed where there is none.

    An unsigned value that great would leave half of the values to the first entry.
    """
    stored = item.stored(_LUT_DESCRIPTOR)
    return stored is not None and stored[0] != "US"


def _vois(attributes: DatasetAttributes, notes: list[str]) -> tuple[SoftcopyVoi, ...]:
    vois = []
    for item in _items(attributes, _SOFTCOPY_VOIS):
        tables = [lookup_table(lut, signed=_has_sign(lut)) for lut in _items(item, _VOI_LUTS)]
        if None in tables:
            notes.append("a lookup table of the presentation state is damaged and was not used")
        sound = tuple(table for table in tables if table is not None)
        vois.append(SoftcopyVoi(_scope(item), windows_of(item, notes), sound))
    return tuple(vois)


def _activations(attributes: DatasetAttributes) -> dict[int, str]:
    layers = {
        group: attributes.text(_ACTIVATION_LAYER + (group - 0x6000 << 16)) for group in _GROUPS
    }
    return {group: layer for group, layer in layers.items() if layer}


def _quarter_turns(attributes: DatasetAttributes, notes: list[str]) -> int:
    degrees = attributes.integer(_ROTATION, 0) or 0
    if degrees % 90:
        notes.append("the rotation of the presentation state is no multiple of 90 degrees")
    return degrees // 90 % 4


def _areas(attributes: DatasetAttributes, notes: list[str]) -> tuple[DisplayedArea, ...]:
    areas = (_area(item, notes) for item in _items(attributes, _AREAS))
    return tuple(area for area in areas if area is not None)


def _area(item: DatasetAttributes, notes: list[str]) -> DisplayedArea | None:
    corners = [item.integers(tag, signed=True) for tag in (_TOP_LEFT, _BOTTOM_RIGHT)]
    if any(len(corner) != 2 for corner in corners):
        notes.append("a displayed area has no corners and was not used")
        return None
    if item.text(_ORIGIN_MEANING) == "VOLUME":
        notes.append("a displayed area is given in the whole slide and was not used")
        return None
    mode, magnification = item.text(_SIZE_MODE), item.number(_MAGNIFICATION)
    (left, top), (right, bottom) = corners
    return DisplayedArea(
        scope=_scope(item),
        top_left=(left, top),
        bottom_right=(right, bottom),
        mode=cast("SizeMode", mode) if mode in get_args(SizeMode) else "SCALE TO FIT",
        pixel_size=_pixel_size(item),
        magnification=min(max(magnification, 1e-3), 1e3) if magnification else 1.0,
    )


def _pixel_size(item: DatasetAttributes) -> tuple[float, float]:
    for tag in (_PIXEL_SPACING, _ASPECT_RATIO):
        size = item.numbers(tag)
        if len(size) == 2 and all(math.isfinite(side) and side > 0 for side in size):
            return size[0], size[1]
    return 1.0, 1.0
