"""Data set to `PixelDescription` and `DisplayAttributes`: the only reader of image attributes.

Facts only: which of them count for a picture is for the plan to decide.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from rendicom.errors import CorruptDataError, NoPixelDataError, UnsupportedTransferSyntaxError
from rendicom.pixels.cielab import srgb_of_dicom_lab
from rendicom.pixels.luts import lookup_table, palette_of
from rendicom.pixels.overlays import overlay_planes
from rendicom.pixels.syntaxes import is_jpip, is_native
from rendicom.values import DisplayAttributes, PixelDescription, VoiFunction, Window

if TYPE_CHECKING:
    from rendicom.pixels.attributes import Attributes
    from rendicom.pixels.header import Header
    from rendicom.values import LookupTable, Palette, Shutter

__all__ = ["FrameGroups", "describe", "display_attributes", "varies_by_frame", "windows_of"]

_SHARED_GROUPS, _PER_FRAME_GROUPS = 0x52009229, 0x52009230
_RESCALE_MACRO, _VOI_MACRO, _PIXEL_MEASURES = 0x00289145, 0x00289132, 0x00289110
_MODALITY_LUTS, _VOI_LUTS = 0x00283000, 0x00283010
_PALETTE_DESCRIPTOR = 0x00281101
_SHUTTER_MACRO, _SHUTTER_SHAPE = 0x00189472, 0x00181600
_FUNCTIONS = {
    "": "linear",
    "LINEAR": "linear",
    "LINEAR_EXACT": "linear-exact",
    "SIGMOID": "sigmoid",
}


# --- the pixel matrix -------------------------------------------------------------------------


def describe(header: Header) -> PixelDescription:
    """Return what the header says of the pixel matrix (PS3.3 C.7.6.3).

    Attributes that are missing or contradict each other are repaired where only one reading
    makes sense; each repair is a warning.

    Raises
    ------
    NoPixelDataError
        There is no pixel data element, or none of the attributes of an image.
    CorruptDataError
        Rows, Columns or the bits make no sense.
    """
    attributes, notes = header.attributes, list(header.warnings)
    if is_jpip(header.transfer_syntax):
        raise UnsupportedTransferSyntaxError(
            "the pixel data is on another server (JPIP), which is never asked"
        )
    if header.pixel is None:
        raise NoPixelDataError(f"{_object_name(header.sop_class)} holds no pixel data")
    rows, columns = attributes.integer(0x00280010), attributes.integer(0x00280011)
    if rows is None and columns is None:
        raise NoPixelDataError("the object says of no image: Rows and Columns are missing")
    if not rows or not columns or rows < 0 or columns < 0:
        raise CorruptDataError("Rows and Columns are not both positive")
    samples = _samples_per_pixel(attributes, notes)
    photometric = _photometric(attributes, samples, notes)
    allocated, stored, high_bit = _bits(header, rows * columns * samples, notes)
    frame_bits = rows * columns * samples * allocated
    return PixelDescription(
        sop_class=header.sop_class,
        transfer_syntax=header.transfer_syntax,
        modality=attributes.text(0x00080060),
        rows=rows,
        columns=columns,
        samples_per_pixel=samples,
        photometric_interpretation=photometric,
        planar_configuration=attributes.integer(0x00280006, 0) or 0,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high_bit,
        signed=attributes.integer(0x00280103, 0) == 1,
        number_of_frames=_number_of_frames(header, frame_bits, notes),
        pixel_keyword=header.pixel.keyword,
        representative_frame=attributes.integer(0x00286010, 1) or 1,
        frame_durations=_frame_durations(attributes),
        segmentation_type=attributes.text(0x00620001),
        warnings=tuple(notes),
    )


def _object_name(sop_class: str) -> str:
    """Return what the object is, for the sentence that says it is no image."""
    from pydicom.uid import UID

    from rendicom.pixels.datasetattributes import quiet_pydicom

    with quiet_pydicom():
        name = UID(sop_class).name.removesuffix(" Storage") if sop_class else ""
    if not name or name == sop_class:
        return "the object"
    return f"the object is of class {name} and"


def _samples_per_pixel(attributes: Attributes, notes: list[str]) -> int:
    samples = attributes.integer(0x00280002)
    if samples:
        return samples
    colour = attributes.text(0x00280004).startswith(("RGB", "YBR"))
    notes.append("Samples per Pixel is missing")
    return 3 if colour else 1


def _photometric(attributes: Attributes, samples: int, notes: list[str]) -> str:
    photometric = attributes.text(0x00280004).upper()
    if photometric:
        return photometric
    photometric = "RGB" if samples == 3 else "MONOCHROME2"
    notes.append(f"Photometric Interpretation is missing and taken to be {photometric}")
    return photometric


def _bits(header: Header, frame_samples: int, notes: list[str]) -> tuple[int, int, int]:
    """Return Bits Allocated, Bits Stored and High Bit."""
    attributes, pixel = header.attributes, header.pixel
    if pixel is not None and pixel.keyword != "PixelData":
        width = 64 if pixel.keyword == "DoubleFloatPixelData" else 32
        return width, width, width - 1
    allocated = attributes.integer(0x00280100)
    stored = attributes.integer(0x00280101)
    if allocated is None:
        bits = (pixel.length or 0) * 8 if pixel else 0
        a_sample = bits // (frame_samples * (attributes.integer(0x00280008) or 1))
        allocated = next((width for width in (32, 16, 8) if a_sample >= width), stored or 8)
        notes.append(f"Bits Allocated is missing and taken to be {allocated}")
    if not 1 <= allocated <= 64:
        raise CorruptDataError(f"Bits Allocated is {allocated}")
    if stored is None or not 1 <= stored <= allocated:
        if stored is not None:
            notes.append(f"Bits Stored is {stored} of {allocated} allocated")
        stored = allocated
    high_bit = attributes.integer(0x00280102)
    if high_bit is None:
        high_bit = stored - 1
    elif not stored - 1 <= high_bit < allocated:
        notes.append(f"High Bit is {high_bit} with {stored} bits stored")
        high_bit = stored - 1
    return allocated, stored, high_bit


def _number_of_frames(header: Header, frame_bits: int, notes: list[str]) -> int:
    """Return Number of Frames, but no more than the bytes of the file can hold."""
    attributes, pixel = header.attributes, header.pixel
    said = attributes.integer(0x00280008)
    if pixel is None:
        return 0
    left = max(0, header.source.size - pixel.offset)
    if pixel.length is not None and is_native(header.transfer_syntax):
        held = -(-min(pixel.length, left) * 8 // frame_bits)  # a frame cut short counts
    else:
        held = left // 8
    if said is None and 0x00280008 in attributes:
        notes.append("Number of Frames is not a number")
        said = min(pixel.length or 0, left) * 8 // frame_bits
    count = max(1, said or 1)
    if count > max(1, held):
        notes.append(f"the header promises {count} frames, the file holds {max(1, held)}")
        count = max(1, held)
    return count


def _frame_durations(attributes: Attributes) -> tuple[float, ...]:
    """Return the milliseconds each frame is shown: one for all, or one for each.

    Frame Time Vector holds the time between a frame and the one before it (PS3.3 C.7.6.5.1.2).
    """
    vector = [value for value in attributes.numbers(0x00181065) if math.isfinite(value)]
    if len(vector) > 1 and attributes.integer(0x00280009, 0x00181065) != 0x00181063:
        shown = vector[1:]
        if min(shown) > 0:
            return (*shown, sum(shown) / len(shown))
    frame_time = attributes.number(0x00181063)
    if frame_time and frame_time > 0:
        return (frame_time,)
    for rate_tag in (0x00180040, 0x00082144):  # Cine Rate, Recommended Display Frame Rate
        rate = attributes.number(rate_tag)
        if rate and rate > 0:
            return (1000 / rate,)
    return ()


# --- how it is shown --------------------------------------------------------------------------


def varies_by_frame(header: Header) -> bool:
    """Tell whether two frames may be shown by different attributes."""
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

    def macro(self, tag: int) -> Attributes:
        """Return the item that carries a macro for this frame; the top level where none does."""
        for group in self._items:
            found = group.items(tag) if tag in group else ()
            if found:
                return found[0]
        return self.top


def display_attributes(
    header: Header, description: PixelDescription, frame: int
) -> DisplayAttributes:
    """Return what the header says of how ``frame`` (counted from 1) is shown."""
    top = header.attributes
    notes: list[str] = []
    groups = FrameGroups(top, frame)
    rescale, voi = groups.macro(_RESCALE_MACRO), groups.macro(_VOI_MACRO)
    slope, intercept = rescale.number(0x00281053), rescale.number(0x00281052)
    lowest = _lowest_modality_value(description, slope, intercept)
    colour = description.samples_per_pixel > 1
    return DisplayAttributes(
        slope=1.0 if slope is None else slope,
        intercept=intercept or 0.0,
        modality_lut=_modality_lut(top, description, notes),
        windows=() if colour else windows_of(voi, notes),
        voi_luts=() if colour else _voi_luts(voi, lowest, notes),
        padding=None if colour else _padding(top, description),
        presentation_lut_shape=top.text(0x20500020),
        pixel_intensity_relationship=top.text(0x00280040) or top.text(0x00281040),
        palette=_palette(top, description, notes),
        pixel_aspect_ratio=_pixel_aspect_ratio(groups),
        icc_profile=_icc_profile(groups, description),
        overlays=overlay_planes(top, frame),
        shutter=_shutter(groups, notes),
        segment_colours=_segment_colours(top) if description.segmentation_type else {},
        maximum_fractional_value=top.integer(0x0062000E),
        dose_grid_scaling=top.number(0x3004000E),
        warnings=tuple(notes),
    )


def _lowest_modality_value(
    description: PixelDescription, slope: float | None, intercept: float | None
) -> float:
    """Return a bound that tells whether modality values may be negative."""
    span = float(1 << description.bits_stored)
    low, high = (-span / 2, span / 2) if description.signed else (0.0, span)
    slope = 1.0 if slope is None else slope
    return min(slope * low, slope * high) + (intercept or 0.0)


def _modality_lut(
    top: Attributes, description: PixelDescription, notes: list[str]
) -> LookupTable | None:
    if _MODALITY_LUTS not in top:
        return None
    for item in top.items(_MODALITY_LUTS)[:1]:
        table = lookup_table(item, signed=description.signed)
        if table is None:
            notes.append("the Modality LUT is damaged and was not used")
        return table
    return None


def windows_of(voi: Attributes, notes: list[str]) -> tuple[Window, ...]:
    """Return the windows of a data set or item (PS3.3 C.11.2.1.2)."""
    if 0x00281050 not in voi:
        return ()
    centers, widths = voi.numbers(0x00281050), voi.numbers(0x00281051)
    explanations = voi.texts(0x00281055)
    name = voi.text(0x00281056).upper()
    if name not in _FUNCTIONS:
        notes.append("the VOI LUT Function is unknown and taken to be LINEAR")
    function = cast("VoiFunction", _FUNCTIONS.get(name, "linear"))
    return tuple(
        Window(center, width, function, explanations[index] if index < len(explanations) else "")
        for index, (center, width) in enumerate(zip(centers, widths, strict=False))
    )


def _voi_luts(voi: Attributes, lowest: float, notes: list[str]) -> tuple[LookupTable, ...]:
    if _VOI_LUTS not in voi:
        return ()
    tables = [lookup_table(item, signed=lowest < 0) for item in voi.items(_VOI_LUTS)]
    if None in tables:
        notes.append("a VOI LUT is damaged and was not used")
    return tuple(table for table in tables if table is not None)


def _padding(top: Attributes, description: PixelDescription) -> tuple[float, float] | None:
    """Return the range of padding values, low end first (PS3.3 C.7.5.1.1.2)."""
    if description.is_float:
        is_double = description.pixel_keyword == "DoubleFloatPixelData"
        value = top.number(0x00280123 if is_double else 0x00280122)
        limit = top.number(0x00280125 if is_double else 0x00280124)
    else:
        if 0x00280120 not in top:
            return None
        signed = description.signed
        value = _as_stored(top.integer(0x00280120, signed=signed), description)
        limit = _as_stored(top.integer(0x00280121, signed=signed), description)
    if value is None:
        return None
    ends = (value, value if limit is None else limit)
    return float(min(ends)), float(max(ends))


def _as_stored(value: int | None, description: PixelDescription) -> int | None:
    """Return a padding value as a pixel would hold it: many are written with the wrong sign."""
    if value is None:
        return None
    span = 1 << description.bits_stored
    value %= span
    return value - span if description.signed and value >= span // 2 else value


def _palette(top: Attributes, description: PixelDescription, notes: list[str]) -> Palette | None:
    """Return the palette of a PALETTE COLOR image, or a supplemental one (PS3.3 C.7.6.19)."""
    if description.photometric_interpretation == "PALETTE COLOR":
        palette = palette_of(top, signed=description.signed)
        if palette is None:
            notes.append("the color palette is missing or damaged: shown as gray")
        return palette
    if _PALETTE_DESCRIPTOR in top and top.text(0x00089205) in ("COLOR", "MIXED"):
        return palette_of(top, signed=description.signed)
    return None


def _pixel_aspect_ratio(groups: FrameGroups) -> tuple[float, float]:
    """Return vertical and horizontal pixel size; Pixel Aspect Ratio wins over spacings."""
    pairs = [groups.top.numbers(0x00280034)]
    pairs.append(groups.macro(_PIXEL_MEASURES).numbers(0x00280030))
    pairs += [groups.top.numbers(tag) for tag in (0x00181164, 0x00182010)]
    for pair in pairs:
        if len(pair) == 2 and all(math.isfinite(size) and size > 0 for size in pair):
            return pair[0], pair[1]
    return 1.0, 1.0


def _icc_profile(groups: FrameGroups, description: PixelDescription) -> bytes | None:
    """Return the profile of the frame's optical path, else of the data set (PS3.3 C.11.15)."""
    if description.photometric_interpretation.startswith("MONOCHROME"):
        return None
    top = groups.top
    if 0x00480105 in top:
        paths = top.items(0x00480105)
        wanted = groups.macro(0x00480207).text(0x00480106)
        chosen = [path for path in paths if wanted and path.text(0x00480106) == wanted]
        for path in (*chosen, *paths):
            if 0x00282000 in path:
                return path.raw(0x00282000)
    return top.raw(0x00282000) or None


def _shutter(groups: FrameGroups, notes: list[str]) -> Shutter | None:
    """Return the shutter of the frame, or of the image (PS3.3 C.7.6.11, C.7.6.16.2.13)."""
    attributes = groups.macro(_SHUTTER_MACRO)
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
