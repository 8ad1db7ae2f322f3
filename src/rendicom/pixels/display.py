"""Header to `DisplayAttributes`: display of each frame, from functional groups or the top level.

Facts only: the plan decides which of them count for a picture.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from rendicom.coded_warnings import Notes
from rendicom.pixels.colour import srgb_of_dicom_lab
from rendicom.pixels.luts import lookup_table, palette_of
from rendicom.pixels.overlays import overlay_planes
from rendicom.values import DisplayAttributes, Palette, Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rendicom.dicom.attributes import Attributes
    from rendicom.dicom.header import Header
    from rendicom.values import LookupTable, PixelDescription, Shutter
    from rendicom.views import VoiFunction

_SHARED_GROUPS, _PER_FRAME_GROUPS = 0x52009229, 0x52009230
_RESCALE_MACRO, _VOI_MACRO, _PIXEL_MEASURES = 0x00289145, 0x00289132, 0x00289110
_SLOPE, _INTERCEPT, _WINDOW_CENTER = 0x00281053, 0x00281052, 0x00281050
_X_RAY_MACRO, _INTENSITY = 0x00289443, 0x00281040
_MODALITY_LUTS, _VOI_LUTS = 0x00283000, 0x00283010
_PALETTE_DESCRIPTOR, _PIXEL_PRESENTATION = 0x00281101, 0x00089205
_SUPPLEMENTED, _RANGE = ("COLOR", "MIXED"), "COLOR_RANGE"
_COLORED = (*_SUPPLEMENTED, _RANGE)
"""Pixel Presentation of MONOCHROME2 images that have colors."""
_NEVER = 1 << 32
_FRAME_TYPES = (0x00189226, 0x00189329, 0x00189751)
"""MR, CT and PET Frame Type Sequence."""
_SHUTTER_MACRO, _SHUTTER_SHAPE = 0x00189472, 0x00181600
_COLOR_RANGE_MACRO, _LEAST_MAPPED, _GREATEST_MAPPED = 0x00281230, 0x00281231, 0x00281232
_LONGEST_PIXEL = 1e3
"""Largest pixel aspect ratio."""
_UNSIGNED = (0.0, float(0xFFFF))
"""Range of the output of a Modality LUT, for any sign of the pixels (PS3.3 C.11.1.1.1)."""
_FUNCTIONS = {
    "LINEAR": "linear",
    "LINEAR_EXACT": "linear-exact",
    "SIGMOID": "sigmoid",
}


def varies_by_frame(header: Header) -> bool:
    """Tell whether display attributes may differ between frames."""
    attributes = header.attributes
    return _PER_FRAME_GROUPS in attributes or any(
        0x00003000 | group << 16 in attributes for group in range(0x6000, 0x6020, 2)
    )


class FrameGroups:
    """Attributes of one frame: its own functional groups, the shared ones, the top level."""

    def __init__(self, attributes: Attributes, frame: int) -> None:
        self.top = attributes
        self._items: list[Attributes] = []
        if _PER_FRAME_GROUPS in attributes:
            per_frame = attributes.items(_PER_FRAME_GROUPS)
            if frame <= len(per_frame):
                self._items.append(per_frame[frame - 1])
        if _SHARED_GROUPS in attributes:
            self._items += attributes.items(_SHARED_GROUPS)[:1]

    def macro(self, tag: int, *attributes: int) -> Attributes:
        """Return the item of a macro for this frame that has one of ``attributes``.

        An item without them counts as absent: its own groups have precedence over the shared ones,
        and these over the top level.
        """
        for group in self._items:
            for item in group.items(tag) if tag in group else ():
                if any(attribute in item for attribute in attributes):
                    return item
        return self.top


def display_attributes(
    header: Header, description: PixelDescription, frame: int
) -> DisplayAttributes:
    """Return the attributes that determine the display of ``frame`` (counted from 1)."""
    top = header.attributes
    notes = Notes()
    groups = FrameGroups(top, frame)
    rescale = groups.macro(_RESCALE_MACRO, _SLOPE, _INTERCEPT)
    voi = groups.macro(_VOI_MACRO, _WINDOW_CENTER, _VOI_LUTS)
    slope, intercept = rescale.number(_SLOPE), rescale.number(_INTERCEPT)
    modality_lut = _modality_lut(top, description, notes)
    extent = _modality_extent(description, slope, intercept) if modality_lut is None else _UNSIGNED
    colour = description.samples_per_pixel > 1
    presentation = _pixel_presentation(groups)
    return DisplayAttributes(
        slope=1.0 if slope is None else slope,
        intercept=intercept or 0.0,
        modality_lut=modality_lut,
        windows=() if colour else windows_of(voi, notes, is_float=description.is_float),
        voi_luts=() if colour else _voi_luts(voi, extent, notes),
        padding=None if colour else _padding(top, description, notes),
        pixel_intensity_relationship=groups.macro(_X_RAY_MACRO, _INTENSITY).text(_INTENSITY),
        palette=_palette(top, presentation, description, notes),
        range_palette=_range_palette(top, presentation, description, notes),
        palette_range=_palette_range(groups),
        suv_factor=_suv_factor(top, description),
        pixel_aspect_ratio=_pixel_aspect_ratio(groups, notes),
        icc_profile=_icc_profile(groups, presentation, description),
        overlays=overlay_planes(top, frame),
        shutter=_shutter(groups, notes),
        segment_colours=_segment_colours(top) if description.segmentation_type else {},
        maximum_fractional_value=top.integer(0x0062000E),
        dose_grid_scaling=top.number(0x3004000E),
        warnings=tuple(notes),
    )


def _stored_extent(description: PixelDescription) -> tuple[float, float]:
    """Return bounds of the stored values."""
    span = float(1 << description.bits_stored)
    return (-span / 2, span / 2 - 1) if description.signed else (0.0, span - 1)


def _modality_extent(
    description: PixelDescription, slope: float | None, intercept: float | None
) -> tuple[float, float]:
    """Return bounds of the values after the rescale."""
    factor = 1.0 if slope is None else slope
    ends = [factor * end + (intercept or 0.0) for end in _stored_extent(description)]
    return min(ends), max(ends)


def _modality_lut(
    top: Attributes, description: PixelDescription, notes: Notes
) -> LookupTable | None:
    for item in top.items(_MODALITY_LUTS)[:1]:
        return lookup_table(item, _stored_extent(description), notes, name="Modality LUT")
    return None


def windows_of(voi: Attributes, notes: Notes, *, is_float: bool = False) -> tuple[Window, ...]:
    """Return the windows of a data set or item (PS3.3 C.11.2.1.2).

    The steps of 1 that LINEAR takes off the width are those of integers: floating point pixels
    without a function have LINEAR_EXACT.
    """
    if _WINDOW_CENTER not in voi:
        return ()
    centers, widths = voi.numbers(_WINDOW_CENTER), voi.numbers(0x00281051)
    explanations = voi.texts(0x00281055)
    name = voi.text(0x00281056).upper()
    if name and name not in _FUNCTIONS:
        notes.add("window-replaced", "the VOI LUT Function is unknown and taken to be LINEAR")
    default = "linear-exact" if is_float and not name else "linear"
    function = cast("VoiFunction", _FUNCTIONS.get(name, default))
    return tuple(
        Window.stated(
            center, width, function, explanations[index] if index < len(explanations) else ""
        )
        for index, (center, width) in enumerate(zip(centers, widths, strict=False))
    )


def _voi_luts(
    voi: Attributes, extent: tuple[float, float], notes: Notes
) -> tuple[LookupTable, ...]:
    tables = [
        lookup_table(item, extent, notes, name="VOI LUT", narrows=True)
        for item in voi.items(_VOI_LUTS)
    ]
    return tuple(table for table in tables if table is not None)


def _padding(
    top: Attributes, description: PixelDescription, notes: Notes
) -> tuple[float, float] | None:
    """Return the range of padding values, low end first (PS3.3 C.7.5.1.1.2)."""
    if description.is_float:
        is_double = description.pixel_keyword == "DoubleFloatPixelData"
        value = top.number(0x00280123 if is_double else 0x00280122)
        limit = top.number(0x00280125 if is_double else 0x00280124)
    else:
        if 0x00280120 not in top:
            return None
        value = _stored_padding(top, 0x00280120, description, notes)
        limit = _stored_padding(top, 0x00280121, description, notes)
    if value is None:
        return None
    ends = (value, value if limit is None else limit)
    return float(min(ends)), float(max(ends))


def _stored_padding(
    top: Attributes, tag: int, description: PixelDescription, notes: Notes
) -> int | None:
    """Return a padding value, or None for one that no pixel can have.

    Many are written with the wrong sign: 63536 in a signed image is -2000. But a value beyond Bits
    Stored must not be truncated to them, or it would match values of tissue.
    """
    value = top.integer(tag, signed=description.signed)
    if value is None:
        return None
    stored, allocated = description.bits_stored, description.bits_allocated
    lowest, highest = (
        (-1 << stored - 1, (1 << stored - 1) - 1) if description.signed else (0, (1 << stored) - 1)
    )
    # The VR always has 16 bits: -1 written as SS and 65535 as US are the same bytes.
    whole = max(16, allocated)
    if not description.signed and value < 0:
        value += 1 << whole
    for width in (allocated, whole):
        read = value
        if description.signed and 1 << width - 1 <= value < 1 << width:
            read = value - (1 << width)
        if lowest <= read <= highest:
            return read
    sign = "signed" if description.signed else "unsigned"
    name = "Pixel Padding Value" if tag == 0x00280120 else "Pixel Padding Range Limit"
    text = f"{name} is not a value of {stored} {sign} bits and was not used"
    notes.add("attribute-repaired", text)
    return None


def _pixel_presentation(groups: FrameGroups) -> str:
    """Return that of the frame where the image says MIXED (PS3.3 C.8.16.2.1.1)."""
    said = groups.top.text(_PIXEL_PRESENTATION)
    if said != "MIXED":
        return said
    items = (groups.macro(tag, _PIXEL_PRESENTATION) for tag in _FRAME_TYPES)
    return next((item.text(_PIXEL_PRESENTATION) for item in items if item is not groups.top), said)


def _palette(
    top: Attributes, presentation: str, description: PixelDescription, notes: Notes
) -> Palette | None:
    """Return the palette of a PALETTE COLOR image, or a supplemental one (PS3.3 C.7.6.19)."""
    if description.photometric_interpretation == "PALETTE COLOR":
        without = "the color palette is missing or damaged: shown as gray"
    elif _PALETTE_DESCRIPTOR in top and top.text(_PIXEL_PRESENTATION) in _SUPPLEMENTED:
        without = "the supplemental color palette is damaged and was not used"
    else:
        return None
    palette = palette_of(top, _stored_extent(description), notes)
    if palette is None:
        notes.add("lut-repaired", without)
    elif presentation == "MONOCHROME" and top.text(_PIXEL_PRESENTATION) == "MIXED":
        # Colors that no value has keep the frame RGB, as others of the image are.
        return Palette(*(replace(channel, first=_NEVER) for channel in palette))
    return palette


def _range_palette(
    top: Attributes, presentation: str, description: PixelDescription, notes: Notes
) -> Palette | None:
    """Return the palette for a range of values (PS3.3 C.8.32.2)."""
    if presentation != _RANGE:
        return None
    palette = palette_of(top, _stored_extent(description), notes)
    if palette is None:
        notes.add("lut-repaired", "the color palette is missing or damaged: shown as gray")
    return palette


def _palette_range(groups: FrameGroups) -> tuple[float, float] | None:
    """Return the stored values of the ends of that palette (PS3.3 C.7.6.16.2.26)."""
    item = groups.macro(_COLOR_RANGE_MACRO, _LEAST_MAPPED, _GREATEST_MAPPED)
    low, high = item.number(_LEAST_MAPPED), item.number(_GREATEST_MAPPED)
    return (low, high) if low is not None and high is not None and low < high else None


def _suv_factor(top: Attributes, description: PixelDescription) -> float | None:
    if description.modality != "PT":
        return None
    from rendicom.pixels.suv_factor import suv_factor

    return suv_factor(top)


def pixel_size(pairs: Iterable[tuple[float, ...]], notes: Notes) -> tuple[float, float]:
    """Return the first vertical and horizontal size that can be one, or 1, 1.

    One that cannot is a note: it is not positive, or longer than a thousand times the other.
    """
    for pair in pairs:
        if len(pair) == 2 and all(math.isfinite(size) and size > 0 for size in pair):
            ratio = pair[0] / pair[1]
            if 1 / _LONGEST_PIXEL <= ratio <= _LONGEST_PIXEL:
                return pair[0], pair[1]
        if pair:
            text = "an invalid pixel size or aspect ratio was not used"
            notes.add("attribute-repaired", text)
    return 1.0, 1.0


def _pixel_aspect_ratio(groups: FrameGroups, notes: Notes) -> tuple[float, float]:
    """Return vertical and horizontal pixel size; Pixel Aspect Ratio wins over spacings."""
    pairs = [groups.top.numbers(0x00280034)]
    pairs.append(groups.macro(_PIXEL_MEASURES, 0x00280030).numbers(0x00280030))
    pairs += [groups.top.numbers(tag) for tag in (0x00181164, 0x00182010)]
    return pixel_size(pairs, notes)


def _icc_profile(
    groups: FrameGroups, presentation: str, description: PixelDescription
) -> bytes | None:
    """Return the profile of the frame's optical path, else of the data set (PS3.3 C.11.15)."""
    top = groups.top
    is_monochrome = description.photometric_interpretation.startswith("MONOCHROME")
    if is_monochrome and presentation not in _COLORED:
        return None
    if 0x00480105 in top:
        paths = top.items(0x00480105)
        wanted = groups.macro(0x00480207, 0x00480106).text(0x00480106)
        chosen = [path for path in paths if wanted and path.text(0x00480106) == wanted]
        for path in (*chosen, *paths):
            if 0x00282000 in path:
                return path.raw(0x00282000)
    return top.raw(0x00282000) or None


def _shutter(groups: FrameGroups, notes: Notes) -> Shutter | None:
    """Return the shutter of the frame, or of the image (PS3.3 C.7.6.11, C.7.6.16.2.13)."""
    attributes = groups.macro(_SHUTTER_MACRO, _SHUTTER_SHAPE)
    if _SHUTTER_SHAPE not in attributes:
        return None
    from rendicom.pixels.shutters import read_shutter

    return read_shutter(attributes, notes)


def _segment_colours(top: Attributes) -> dict[int, tuple[int, int, int]]:
    colours = {}
    for segment in top.items(0x00620002):
        number, lab = segment.integer(0x00620004), segment.integers(0x0062000D)
        if number is not None and len(lab) == 3:
            colours[number] = srgb_of_dicom_lab(*lab)
    return colours
