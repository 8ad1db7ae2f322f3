"""`compile_plan`: the only place that knows the precedence of DICOM attributes.

The resulting plan describes operations on the pixels of a frame, without DICOM attributes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.coded_warnings import CodedWarning, Notes
from rendicom.errors import OptionError
from rendicom.options import RenderOptions, Voi
from rendicom.records import NamedTuple
from rendicom.rendering.lut import Modality, Tone, stored_extent, tone_table
from rendicom.rendering.lut import are_whole as samples_are_whole
from rendicom.rendering.voi import ValueRange
from rendicom.rendering.voi_choice import (
    PlanRequest,
    asks_for_voi,
    choose_voi,
    in_uptake,
    palette_range,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.rendering.icc_profiles import Conversion
    from rendicom.rendering.layers import LayerStack
    from rendicom.rendering.stages.displayed_area import Placement
    from rendicom.rendering.stages.drawing import Drawing
    from rendicom.rendering.stages.image_transform import Geometry
    from rendicom.rendering.stages.overlay import Overlays
    from rendicom.rendering.stages.palette import ColourTable
    from rendicom.rendering.stages.shutter import Covering
    from rendicom.rendering.voi import VoiTransform
    from rendicom.values import (
        Corners,
        DisplayAttributes,
        Frame,
        LookupTable,
        Palette,
        PixelDescription,
    )

_X_RAY_PROJECTION = "1.2.840.10008.5.1.4.1.1.12."
"""X-Ray Angiographic (also the retired biplane class) and Radiofluoroscopic Image Storage, and
their enhanced classes."""


class RenderPlan(NamedTuple):
    """The operations of each stage; None for stages that are skipped.

    Attributes
    ----------
    modality, tone, palette, icc, shutter, overlays, geometry, layers, drawing, annotation
        Parts in the order of the stages.
    bits
        Bits Stored of the frames.
    icc_profile
        Profile to embed in the picture.
    voi
        Description of the VOI transform for users.
    warnings
        Problems of the attributes and how they were handled, one sentence each.
    """

    modality: Modality | None = None
    tone: Tone | None = None
    palette: ColourTable | None = None
    icc: Conversion | None = None
    shutter: Covering | None = None
    overlays: Overlays | None = None
    geometry: Geometry | Placement | None = None
    layers: LayerStack | None = None
    drawing: Drawing | None = None
    annotation: Corners | None = None
    bits: int = 8
    icc_profile: bytes | None = None
    voi: str = ""
    warnings: tuple[CodedWarning, ...] = ()


def compile_plan(
    description: PixelDescription,
    display: DisplayAttributes,
    options: RenderOptions,
    *,
    frame: Frame,
    value_range: Callable[[Voi], tuple[float, float]],
    are_whole: Callable[[], bool] | None = None,
) -> RenderPlan:
    """Return the plan for frames like ``frame``.

    Parameters
    ----------
    description, display
        Attributes of the header.
    options
        Requested options.
    frame
        Only its properties are used: photometric interpretation, bits, sign, dtype, shape,
        profile, and whether there are cells. They have precedence over the header.
    value_range
        Computes low and high of the modality values for ``auto``, ``minmax``, ``percentile`` and
        ``roi``; called only if needed.
    are_whole
        Returns whether all float samples are integers; by default those of ``frame``.

    Raises
    ------
    OptionError
        The image lacks something that the options request.
    LimitExceededError
        The picture would be larger than allowed.
    CorruptDataError
        Something was repaired or guessed, and the options are strict.
    """
    notes = Notes()
    if options.suv and description.modality == "PT":
        modality = modality_of(description, display)
        display, value_range = in_uptake(modality, display, value_range)
    whole = are_whole or partial(samples_are_whole, frame.samples)
    image = PlanRequest(description, display, options, frame, value_range, notes, whole)
    for warning in display.warnings:
        image.repaired(warning.code, warning)
    look = _look(image)
    is_colour = frame.samples.ndim == 3 or look.palette is not None
    shows = options.values == "display"
    keeps_values = description.is_label or look.palette is not None or options.values == "stored"
    conversion, profile = _managed(display, options, frame, notes, is_colour=is_colour)
    return look._replace(
        icc=conversion,
        shutter=_covering(display) if shows and options.shutter else None,
        overlays=_overlays(image) if shows and options.overlays else None,
        geometry=_geometry(image, keeps_values=keeps_values),
        bits=frame.bits_stored,
        icc_profile=profile,
        warnings=tuple(dict.fromkeys(notes)),
    )


def _look(image: PlanRequest) -> RenderPlan:
    """Return the part of the plan that maps stored values to gray or color."""
    description, display, options = image.description, image.display, image.options
    if options.values != "display":
        return _unwindowed(image)
    if image.frame.samples.ndim == 3:
        return _true_colour(image)
    if image.frame.samples.dtype.kind != "f":
        dtype = image.frame.samples.dtype
        if image.frame.photometric_interpretation == "PALETTE COLOR" and display.palette:
            from rendicom.rendering.stages.palette import ColourTable, first_mapped, palette_entries

            _say_that_windows_mean_nothing(image)
            table = _inverted(palette_entries(display.palette, options.bit_depth), options)
            first = first_mapped(display.palette)
            colours = ColourTable.of(table, first, dtype).blackened(_padding(image))
            return RenderPlan(palette=colours, voi="none (color)")
        if description.segmentation_type == "LABELMAP":
            return _labelled(image)
    return _gray(image)


# --- gray -----------------------------------------------------------------------------------


def modality_of(description: PixelDescription, display: DisplayAttributes) -> Modality:
    """Return the modality transform of a gray frame for display (PS3.3 C.11.1, C.7.6.16.2.9).

    A Modality LUT has precedence over rescale; a slope of 0 counts as 1. Dose uses Dose Grid
    Scaling only (C.8.8.3), fractional segments Maximum Fractional Value (C.8.20.2). The transform
    of logarithmic X-ray images yields intensity and is not for display (C.8.7.1.1.2).
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
        image.repaired("attribute-repaired", "Rescale Slope is 0 and was taken to be 1")
    return modality


def _gray(image: PlanRequest) -> RenderPlan:
    display, options, frame = image.display, image.options, image.frame
    modality = _modality(image)
    mapped = palette_range(display, is_float=frame.samples.dtype.kind == "f")
    voi: VoiTransform
    if mapped is not None and not asks_for_voi(options):
        modality, voi = Modality(), ValueRange(*mapped)
        text = f"colors of stored values {mapped[0]:.6g}..{mapped[1]:.6g}"
    else:
        voi, text = choose_voi(image, modality)
    is_monochrome1 = frame.photometric_interpretation == "MONOCHROME1"
    # Presentation LUT Shape only repeats the photometric interpretation (PS3.3 C.8.11.3.1.2).
    is_inverted = is_monochrome1 != options.invert
    tone = Tone(
        modality=modality,
        voi=voi,
        is_inverted=is_inverted,
        padding=_padding(image),
        bit_depth=options.bit_depth,
        presentation=_calibration(options, is_inverted=is_inverted),
    )
    if display.palette is not None and frame.photometric_interpretation == "MONOCHROME2":
        return _supplemented(image, tone, display.palette, text)
    if display.range_palette is not None:
        from rendicom.rendering.stages.palette import palette_entries, spread_palette

        entries = palette_entries(display.range_palette, options.bit_depth)
        wide = tone._replace(bit_depth=16, presentation=None, least=1)
        return RenderPlan(tone=wide, palette=spread_palette(entries), voi=text)
    return RenderPlan(tone=tone, voi=text)


def _padding(image: PlanRequest) -> tuple[float, float] | None:
    return image.display.padding if image.options.padding else None


def _calibration(options: RenderOptions, *, is_inverted: bool) -> LookupTable | None:
    if options.gsdf is None:
        return None
    from rendicom.rendering.gsdf import display_table

    return display_table(options.gsdf, bit_depth=options.bit_depth, is_inverted=is_inverted)


def _supplemented(image: PlanRequest, tone: Tone, palette: Palette, text: str) -> RenderPlan:
    """Return gray below the first mapped value and color from there up (PS3.3 C.7.6.19)."""
    from rendicom.rendering.stages.palette import ColourTable, first_mapped, palette_entries

    dtype, bits = image.frame.samples.dtype, image.frame.bits_stored
    if dtype.kind == "f" or dtype.itemsize > 2:
        image.notes.add(
            "lut-repaired", "the supplemental palette is for integers of at most 16 bits: not used"
        )
        return RenderPlan(tone=tone, voi=text)
    first = first_mapped(palette)
    entries = palette_entries(palette, tone.bit_depth)
    gray = tone_table(tone, dtype.name, bits)
    values = np.arange(gray.size).astype(f"u{dtype.itemsize}").view(dtype).astype(np.int64)
    colored = entries[np.clip(values - first, 0, len(entries) - 1)]
    arranged = np.where((values < first)[:, np.newaxis], gray[:, np.newaxis], colored)
    colours = ColourTable(entries, first, arranged).blackened(tone.padding)
    return RenderPlan(palette=colours, voi=text)


def _unwindowed(image: PlanRequest) -> RenderPlan:
    """Return the plan for stored or modality values."""
    options, samples = image.options, image.frame.samples
    if options.overlays:
        image.notes.add(
            "option-without-effect", f"overlays are not drawn on {options.values} values"
        )
    if options.values == "stored":
        if samples.dtype == np.float64:
            image.notes.add("values-converted", "64-bit stored values were converted to 32 bits")
            return RenderPlan(modality=Modality(), voi="none (stored values)")
        return RenderPlan(voi="none (stored values)")
    if samples.ndim == 3 or image.frame.photometric_interpretation == "PALETTE COLOR":
        raise OptionError(
            "a color image has no modality values", hint="use values stored or display"
        )
    return RenderPlan(modality=_modality(image), voi="none (modality values)")


# --- color ----------------------------------------------------------------------------------


def _true_colour(image: PlanRequest) -> RenderPlan:
    """Return the conversion of channels to the bit depth of the picture (PS3.3 C.7.6.3.1.2)."""
    _say_that_windows_mean_nothing(image)
    frame, options = image.frame, image.options
    bits = frame.bits_stored
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
    """Warn if a window was requested (PS3.3 C.11.2.1.2.2)."""
    options = image.options
    if asks_for_voi(options):
        image.notes.add(
            "option-without-effect", "a color image has no window: the requested one was ignored"
        )
    if options.gsdf is not None:
        image.notes.add("option-without-effect", "gsdf is for gray images: ignored")


def _labelled(image: PlanRequest) -> RenderPlan:
    """Return a color for each label of a label map; padding is black (PS3.3 C.8.20.2.3)."""
    from rendicom.rendering.label_colors import label_colours
    from rendicom.rendering.stages.palette import ColourTable

    _say_that_windows_mean_nothing(image)
    display, options, dtype = image.display, image.options, image.frame.samples.dtype
    table = label_colours(
        display.segment_colours, bits=8 * dtype.itemsize, bit_depth=options.bit_depth
    )
    colours = ColourTable.of(_inverted(table, options), 0, dtype).blackened(_padding(image))
    return RenderPlan(palette=colours, voi="none (segment colors)")


def _inverted(entries: NDArray[Any], options: RenderOptions) -> NDArray[Any]:
    return np.bitwise_not(entries) if options.invert else entries


def _managed(
    display: DisplayAttributes,
    options: RenderOptions,
    frame: Frame,
    notes: Notes,
    *,
    is_colour: bool,
) -> tuple[Conversion | None, bytes | None]:
    """Return the color conversion and the profile to embed."""
    if not is_colour:
        if options.icc not in (None, "no"):
            notes.add("option-without-effect", "a gray picture carries no ICC profile")
        return None, None
    from rendicom.rendering.icc_profiles import colour_management

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
    if not any(asked) and not options.square_pixels and options.scale == 1:
        return None
    from rendicom.rendering.stages.image_transform import plan_geometry

    shape = image.frame.image_shape
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
