"""`compile_plan`: the only place that knows which DICOM attribute wins over which.

What comes out says what to do with the pixels of a frame and holds no DICOM any more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.errors import OptionError
from rendicom.options import Voi
from rendicom.rendering.lut import Modality, Tone, stored_extent, tone_table
from rendicom.rendering.voi import ValueRange
from rendicom.rendering.voichoice import PlanRequest, choose_voi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rendicom.options import RenderOptions
    from rendicom.rendering.annotation import Corners
    from rendicom.rendering.profiles import Conversion
    from rendicom.rendering.stages.drawing import Drawing
    from rendicom.rendering.stages.geometry import Geometry
    from rendicom.rendering.stages.overlay import Overlays
    from rendicom.rendering.stages.palette import ColourTable
    from rendicom.rendering.stages.placement import Placement
    from rendicom.rendering.stages.shutter import Covering
    from rendicom.values import (
        DisplayAttributes,
        Frame,
        LookupTable,
        Palette,
        PixelDescription,
    )

__all__ = ["RenderPlan", "compile_plan", "modality_of"]

_X_RAY_PROJECTION = ("1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.2")
"""X-Ray Angiographic and X-Ray Radiofluoroscopic Image Storage, and their enhanced kin."""
_COLOUR_OF_UNNAMED_LABELS = (128, 128, 128)


@dataclass(frozen=True, slots=True, eq=False)
class RenderPlan:
    """What each stage has to do; a stage whose part is None costs nothing.

    Attributes
    ----------
    modality, tone, palette, icc, shutter, overlays, geometry, drawing, annotation
        The parts, in the order of the stages.
    bits
        Bits Stored of the frames the plan is for.
    icc_profile
        To be embedded in the picture.
    voi
        How gray values become display values, for a person.
    warnings
        What was wrong with the attributes and what was done, one sentence each.
    """

    modality: Modality | None = None
    tone: Tone | None = None
    palette: ColourTable | None = None
    icc: Conversion | None = None
    shutter: Covering | None = None
    overlays: Overlays | None = None
    geometry: Geometry | Placement | None = None
    drawing: Drawing | None = None
    annotation: Corners | None = None
    bits: int = 8
    icc_profile: bytes | None = None
    voi: str = ""
    warnings: tuple[str, ...] = ()


def compile_plan(
    description: PixelDescription,
    display: DisplayAttributes,
    options: RenderOptions,
    *,
    frame: Frame,
    value_range: Callable[[Voi], tuple[float, float]],
) -> RenderPlan:
    """Return how frames like ``frame`` are shown.

    Parameters
    ----------
    description, display
        What the header says.
    options
        What the person asks for.
    frame
        Only its traits count: photometric interpretation, bits, sign, dtype, shape, profile,
        and whether there are cells. A decoded stream wins over the header.
    value_range
        Finds low and high of the modality values for ``minmax``, ``percentile`` and ``roi``;
        called only where the plan needs them.

    Raises
    ------
    OptionError
        The options ask for what this image does not have.
    LimitExceededError
        The picture would be larger than allowed.
    """
    notes = list(display.warnings)
    image = PlanRequest(description, display, options, frame, value_range, notes)
    look = _look(image)
    is_colour = frame.samples.ndim == 3 or look.palette is not None
    shows = options.values == "display"
    keeps_values = description.is_label or look.palette is not None or options.values == "stored"
    conversion, profile = _managed(display, options, frame, notes, is_colour=is_colour)
    return replace(
        look,
        icc=conversion,
        shutter=_covering(display) if shows and options.shutter else None,
        overlays=_overlays(image) if shows and options.overlays else None,
        geometry=_geometry(image, keeps_values=keeps_values),
        bits=frame.bits_stored,
        icc_profile=profile,
        warnings=tuple(dict.fromkeys(notes)),
    )


def _look(image: PlanRequest) -> RenderPlan:
    """Return the part of the plan that turns stored values into gray or color."""
    description, display, options = image.description, image.display, image.options
    if options.values != "display":
        return _unwindowed(image)
    if image.frame.samples.ndim == 3:
        return _true_colour(image)
    if image.frame.samples.dtype.kind != "f":
        dtype = image.frame.samples.dtype
        if image.frame.photometric_interpretation == "PALETTE COLOR" and display.palette:
            _say_that_windows_mean_nothing(image)
            table = _inverted(palette_entries(display.palette, options.bit_depth), options)
            first = _first_mapped(display.palette)
            return RenderPlan(palette=_colour_table(table, first, dtype), voi="none (color)")
        if description.segmentation_type == "LABELMAP" and display.segment_colours:
            _say_that_windows_mean_nothing(image)
            table = _inverted(_segments(display.segment_colours, options.bit_depth), options)
            return RenderPlan(palette=_colour_table(table, 0, dtype), voi="none (segment colors)")
    return _gray(image)


# --- gray -----------------------------------------------------------------------------------


def modality_of(description: PixelDescription, display: DisplayAttributes) -> Modality:
    """Return the modality transform of a gray frame for display (PS3.3 C.11.1, C.7.6.16.2.9).

    A Modality LUT wins over rescale; a slope of 0 counts as 1. Dose is Dose Grid Scaling alone
    (C.8.8.3), a fractional segment the share of its Maximum Fractional Value (C.8.20.2).
    The transform of logarithmic X-ray images leads back to intensity, and is not for display
    (C.8.7.1.1.2).
    """
    scaling = display.dose_grid_scaling
    if scaling is not None and math.isfinite(scaling) and scaling > 0:
        return Modality(scaling)
    if description.segmentation_type == "FRACTIONAL" and display.maximum_fractional_value:
        return Modality(1 / display.maximum_fractional_value)
    if description.segmentation_type:
        return Modality()
    if description.sop_class.startswith(_X_RAY_PROJECTION) and (
        display.pixel_intensity_relationship in ("LOG", "DISP")
    ):
        return Modality()
    if display.modality_lut is not None:
        return Modality(table=display.modality_lut)
    slope = display.slope if math.isfinite(display.slope) and display.slope != 0 else 1.0
    return Modality(slope, display.intercept if math.isfinite(display.intercept) else 0.0)


def _modality(image: PlanRequest) -> Modality:
    modality = modality_of(image.description, image.display)
    if modality.table is None and image.display.slope == 0:
        image.notes.append("Rescale Slope is 0 and was taken to be 1")
    return modality


def _gray(image: PlanRequest) -> RenderPlan:
    display, options, frame = image.display, image.options, image.frame
    modality = _modality(image)
    voi, text = choose_voi(image, modality)
    is_monochrome1 = frame.photometric_interpretation == "MONOCHROME1"
    tone = Tone(
        modality=modality,
        voi=voi,
        # Presentation LUT Shape only repeats the polarity of an image (PS3.3 C.8.11.3.1.2).
        is_inverted=is_monochrome1 != options.invert,
        padding=display.padding if options.padding else None,
        bit_depth=options.bit_depth,
    )
    if display.palette is not None and frame.photometric_interpretation == "MONOCHROME2":
        return _supplemented(image, tone, display.palette, text)
    return RenderPlan(tone=tone, voi=text)


def _supplemented(image: PlanRequest, tone: Tone, palette: Palette, text: str) -> RenderPlan:
    """Return gray below the first value mapped and color from there up (PS3.3 C.7.6.19)."""
    dtype, bits = image.frame.samples.dtype, image.frame.bits_stored
    if dtype.kind == "f" or dtype.itemsize > 2:
        image.notes.append("the supplemental palette is for integers of at most 16 bits: not used")
        return RenderPlan(tone=tone, voi=text)
    first = _first_mapped(palette)
    entries = palette_entries(palette, tone.bit_depth)
    gray = tone_table(tone, dtype.name, bits)
    values = np.arange(gray.size).astype(f"u{dtype.itemsize}").view(dtype).astype(np.int64)
    colours = entries[np.clip(values - first, 0, len(entries) - 1)]
    arranged = np.where((values < first)[:, np.newaxis], gray[:, np.newaxis], colours)
    from rendicom.rendering.stages.palette import ColourTable

    return RenderPlan(palette=ColourTable(entries, first, arranged), voi=text)


def _unwindowed(image: PlanRequest) -> RenderPlan:
    """Return the plan for stored or modality values."""
    options, samples = image.options, image.frame.samples
    if options.overlays:
        image.notes.append(f"overlays are not drawn on {options.values} values")
    if options.values == "stored":
        if samples.dtype == np.float64:
            image.notes.append("64-bit stored values became 32-bit ones")
            return RenderPlan(modality=Modality(), voi="none (stored values)")
        return RenderPlan(voi="none (stored values)")
    if samples.ndim == 3 or image.frame.photometric_interpretation == "PALETTE COLOR":
        raise OptionError(
            "a color image has no modality values", hint="ask for values stored or display"
        )
    return RenderPlan(modality=_modality(image), voi="none (modality values)")


# --- color ----------------------------------------------------------------------------------


def _true_colour(image: PlanRequest) -> RenderPlan:
    """Return how channels are brought to the bit depth of the picture (PS3.3 C.7.6.3.1.2)."""
    _say_that_windows_mean_nothing(image)
    frame, options = image.frame, image.options
    bits = max(frame.bits_stored, 8)
    tone = None
    if frame.samples.dtype != np.uint8 or bits != 8 or options.bit_depth != 8 or options.invert:
        low, high = stored_extent(bits, signed=frame.signed)
        tone = Tone(
            Modality(),
            ValueRange(low, high),
            is_inverted=options.invert,
            bit_depth=options.bit_depth,
        )
    return RenderPlan(tone=tone, voi="none (color)")


def _say_that_windows_mean_nothing(image: PlanRequest) -> None:
    """Warn where someone asked for a window (PS3.3 C.11.2.1.2.2)."""
    options = image.options
    if options.window or options.preset or options.voi != Voi():
        image.notes.append("windows mean nothing to a color image: none was used")


def _first_mapped(palette: Palette) -> int:
    return min(channel.first for channel in (palette.red, palette.green, palette.blue))


def _colour_table(table: NDArray[Any], first: int, dtype: np.dtype[Any]) -> ColourTable:
    from rendicom.rendering.stages.palette import ColourTable

    return ColourTable.of(table, first, dtype)


def palette_entries(palette: Palette, bit_depth: int) -> NDArray[Any]:
    """Return the colors of a palette from its first value mapped on, uint8 or uint16, (n, 3).

    16-bit entries give their high byte, which suits entries of either kind seen: 0xABAB and
    0xAB00. A palette whose entries all fit 8 bits is an 8-bit one, whatever it says
    (PS3.3 C.7.6.3.1.6).
    """
    channels = (palette.red, palette.green, palette.blue)
    first = _first_mapped(palette)
    last = max(channel.first + len(channel.entries) for channel in channels)
    values = np.arange(first, last)
    is_narrow = all(int(channel.entries.max()) <= 0xFF for channel in channels)
    columns = [
        _scaled(channel, 8 if is_narrow else channel.bits, bit_depth)[
            np.clip(values - channel.first, 0, len(channel.entries) - 1)
        ]
        for channel in channels
    ]
    return np.stack(columns, axis=-1)


def _scaled(channel: LookupTable, bits: int, bit_depth: int) -> NDArray[Any]:
    """Return the entries of one channel as display values."""
    entries = channel.entries
    if bit_depth == 8:
        high_bytes: NDArray[Any] = np.minimum(entries >> max(bits - 8, 0), 0xFF)
        return high_bytes.astype(np.uint8)
    top = (1 << bits) - 1
    wide = np.minimum(entries, top).astype(np.uint32) * 65535 // top
    return wide.astype(np.uint16)


def _segments(colours: Mapping[int, tuple[int, int, int]], bit_depth: int) -> NDArray[Any]:
    """Return colors by segment number: background is black, segments without a color gray."""
    last = max(colours)
    entries = np.full((last + 2, 3), _COLOUR_OF_UNNAMED_LABELS, np.uint8)
    entries[0] = 0
    for number, colour in colours.items():
        if number >= 0:
            entries[number] = colour
    return entries if bit_depth == 8 else entries * np.uint16(257)


def _inverted(entries: NDArray[Any], options: RenderOptions) -> NDArray[Any]:
    return np.bitwise_not(entries) if options.invert else entries


def _managed(
    display: DisplayAttributes,
    options: RenderOptions,
    frame: Frame,
    notes: list[str],
    *,
    is_colour: bool,
) -> tuple[Conversion | None, bytes | None]:
    """Return the colour conversion and the profile to embed."""
    if not is_colour:
        if options.icc not in (None, "no"):
            notes.append("a gray picture carries no ICC profile")
        return None, None
    from rendicom.rendering.profiles import colour_management

    managed = colour_management(
        options.icc,
        (display.icc_profile, frame.icc_profile),
        converts=options.values == "display",
    )
    notes += managed.warnings
    return managed.conversion, managed.profile


def _geometry(image: PlanRequest, *, keeps_values: bool) -> Geometry | None:
    options = image.options
    asked = (options.viewport, options.max_size, options.rotate, options.flip)
    if not any(asked) and not options.square_pixels:
        return None
    from rendicom.rendering.stages.geometry import plan_geometry

    shape = image.frame.samples.shape
    return plan_geometry(shape, image.display, options, keeps_values=keeps_values)


def _covering(display: DisplayAttributes) -> Covering | None:
    if display.shutter is None:
        return None
    from rendicom.rendering.stages.shutter import Covering

    return Covering(display.shutter, display.pixel_aspect_ratio)


def _overlays(image: PlanRequest) -> Overlays | None:
    from rendicom.rendering.stages.overlay import plan_overlays

    cells = image.frame.cells
    has_cells = cells is not None and cells.ndim == 2
    return plan_overlays(image.display, image.options, image.notes, has_cells=has_cells)
