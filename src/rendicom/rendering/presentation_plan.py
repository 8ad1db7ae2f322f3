"""Compiles the plan of an image with a presentation state (PS3.4 N.2; PS3.18 8.3.5.1.6).

The presentation state replaces transforms, polarity and shutter of the image; missing parts are
identity. Only the padding of the image stays black.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rendicom.coded_warnings import Notes
from rendicom.errors import CorruptDataError, OptionError
from rendicom.options import RenderOptions, Voi, parameters
from rendicom.rendering.blending import as_colour
from rendicom.rendering.graphic_paths import path_of
from rendicom.rendering.plan import RenderPlan, compile_plan
from rendicom.rendering.stages.displayed_area import Affine, Placement, plan_placement
from rendicom.rendering.stages.drawing import Drawing, OverlayMark, PathMark, TextMark
from rendicom.rendering.stages.palette import palette_entries, spread_palette
from rendicom.rendering.stages.shutter import Covering
from rendicom.rendering.typesetting import missing_letters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rendicom.presentation import (
        DisplayedArea,
        GraphicLayer,
        GraphicObject,
        Point,
        PresentationState,
        TextObject,
    )
    from rendicom.rendering.lut import Tone
    from rendicom.values import DisplayAttributes, Frame, Ink, PixelDescription, Shutter

    Mark = OverlayMark | PathMark | TextMark

_FREE = frozenset((
    "annotation", "bit_depth", "compression", "fast", "gsdf", "icc", "isodose", "layer_items",
    "layer_labels", "layer_opacity", "layer_palette", "layer_style", "layer_window", "legend",
    "max_pixels", "max_size", "padding", "quality", "scale", "shutter", "strict", "viewport",
))  # fmt: skip
"""Options that can be combined with a presentation state."""
_MOST_POINTS, _MOST_MARKS = 1 << 17, 1 << 12
_MOST_LINES, _LONGEST_LINE = 40, 160
_FARTHEST = 1e7


@dataclass(frozen=True, slots=True, eq=False)
class PresentedFrame:
    """A presentation state, and the image and frame it is applied to."""

    state: PresentationState
    instance: str
    number: int

    def first_of(self, parts: Iterable[Any]) -> Any:
        """Return the first part of the state whose scope includes the frame, or None."""
        found = (each for each in parts if each.scope.includes(self.instance, self.number))
        return next(found, None)


def compile_presented(
    description: PixelDescription,
    display: DisplayAttributes,
    options: RenderOptions,
    presented: PresentedFrame,
    *,
    frame: Frame,
    value_range: Callable[[Voi], tuple[float, float]],
    are_whole: Callable[[], bool] | None = None,
) -> RenderPlan:
    """Return the plan of a frame with a presentation state; see `compile_plan`.

    Raises
    ------
    OptionError
        An option conflicts with the presentation state, or the state is not for this frame.
    LimitExceededError
        The picture would be larger than allowed.
    CorruptDataError
        Something of the image or the state was repaired or guessed, and the options are strict.
    """
    refuse_clashes(options)
    state = presented.state
    if options.strict and state.warnings:
        raise CorruptDataError(state.warnings[0])
    if not state.includes(presented.instance, presented.number):
        raise OptionError(
            "the presentation state does not refer to this image or frame",
            hint="it lists the images and frames it is for",
        )
    notes = Notes(state.warnings)
    is_gray = frame.samples.ndim == 2 and frame.photometric_interpretation != "PALETTE COLOR"
    if is_gray == (state.kind == "color"):
        other = "gray" if is_gray else "color"
        notes.add(
            "presentation-incomplete",
            f"a {state.kind} presentation state does not apply to {other} images",
        )
    if is_gray:
        frame = replace(frame, photometric_interpretation="MONOCHROME2")
    said, voi = _as_said(display, presented)
    plan = compile_plan(
        description,
        said,
        replace(options, viewport=None, max_size=None, scale=1.0, annotation=None, voi=voi),
        frame=frame,
        value_range=value_range,
        are_whole=are_whole,
    )
    plan = _in_tone(plan, state, options)
    area: DisplayedArea | None = presented.first_of(state.areas)
    if area is not None and area.is_of_volume and description.is_tiled:
        notes.add(
            "presentation-incomplete", "a displayed area that refers to the whole slide was ignored"
        )
        area = None
    placement = plan_placement(
        frame.samples.shape, state, area, options, keeps_values=description.is_label
    )
    marks = tuple(_marks(presented, display, placement, frame, notes))
    shutter = state.shutter
    if options.gsdf is not None and plan.palette is not None:
        notes.add("option-without-effect", "gsdf is for gray images: ignored")
    elif options.gsdf is not None and plan.voi != "none (color)":
        marks = tuple(_calibrated(mark, options.gsdf) for mark in marks)
        shutter = _calibrated_shutter(shutter, options.gsdf)
    notes += missing_letters(
        line for mark in marks if isinstance(mark, TextMark) for line in mark.text.split("\n")
    )
    size = (1.0, 1.0) if area is None else area.pixel_size
    return plan._replace(
        shutter=Covering(shutter, size) if shutter and options.shutter else None,
        geometry=placement,
        drawing=Drawing(marks, placement) if marks else None,
        voi=_voi_text(plan, said),
        warnings=tuple(dict.fromkeys((*plan.warnings, *notes))),
    )


def refuse_clashes(options: RenderOptions) -> None:
    """Raise OptionError for options that conflict with any presentation state."""
    for parameter in parameters().values():
        is_set = getattr(options, parameter.attribute) != parameter.default
        if is_set and parameter.attribute not in _FREE:
            raise OptionError(
                f"{parameter.name} and a presentation state exclude each other",
                hint="the presentation state says how the image is shown",
            )


# --- tones and colors -----------------------------------------------------------------------


def _as_said(
    display: DisplayAttributes, presented: PresentedFrame
) -> tuple[DisplayAttributes, Voi]:
    """Return display attributes with the presentation state's in place of the image's."""
    state = presented.state
    chosen = presented.first_of(state.vois)
    windows = chosen.windows[:1] if chosen is not None else ()
    tables = chosen.tables[:1] if chosen is not None and not windows else ()
    said = display._replace(
        slope=display.slope if state.keeps_modality else state.slope,
        intercept=display.intercept if state.keeps_modality else state.intercept,
        modality_lut=display.modality_lut if state.keeps_modality else state.modality_lut,
        windows=windows,
        voi_luts=tables,
        pixel_intensity_relationship="",
        range_palette=None,
        dose_grid_scaling=None,
        palette=display.palette if state.kind != "pseudo-color" else None,
        icc_profile=state.icc_profile or display.icc_profile,
        shutter=None,
    )
    if state.kind == "color":
        return said, Voi()
    if windows or tables:
        return said, Voi("window" if windows else "lut", (1.0,))
    return said, Voi("identity")


def _in_tone(plan: RenderPlan, state: PresentationState, options: RenderOptions) -> RenderPlan:
    """Return the plan with the presentation LUT, its shape, or the palette."""
    if plan.tone is None or state.kind == "color" or plan.voi == "none (color)":
        return plan
    tone = plan.tone._replace(presentation=state.presentation_lut, is_inverted=state.is_inverse)
    if state.palette is None:
        return plan._replace(tone=_calibrated_tone(tone, options))
    from rendicom.rendering.icc_profiles import colour_management

    entries = palette_entries(state.palette, options.bit_depth)
    # The output range of the VOI transform covers the whole palette (PS3.4 N.2.4).
    table = spread_palette(entries)
    managed = colour_management(options.icc, (state.icc_profile,))
    return plan._replace(
        tone=tone._replace(bit_depth=16, least=1), palette=table,
        icc=managed.conversion, icc_profile=managed.profile,
    )  # fmt: skip


def _calibrated_tone(tone: Tone, options: RenderOptions) -> Tone:
    """Return the tone with driving levels in place of the P-values it ends with (PS3.4 N.2.5)."""
    if options.gsdf is None:
        return tone
    from rendicom.rendering.gsdf import calibrated, display_table

    table = display_table(options.gsdf, bit_depth=options.bit_depth, is_inverted=tone.is_inverted)
    if tone.presentation is not None:
        table = calibrated(tone.presentation, table)
    return tone._replace(presentation=table)


def _calibrated_shutter(shutter: Shutter | None, luminances: tuple[float, ...]) -> Shutter | None:
    if shutter is None or shutter.ink.gray is None:
        return shutter
    from rendicom.rendering.gsdf import driving_level

    gray = round(65535 * driving_level(shutter.ink.gray / 65535, luminances))
    return shutter._replace(ink=shutter.ink._replace(gray=gray))


def _calibrated(mark: Mark, luminances: tuple[float, ...]) -> Mark:
    """Return a mark in driving levels: its grays are P-values as well (PS3.3 C.10.7)."""
    from rendicom.rendering.gsdf import driving_level

    def shown(colour: tuple[float, ...]) -> tuple[float, ...]:
        return (driving_level(colour[0], luminances),) if len(colour) == 1 else colour

    if isinstance(mark, PathMark) and mark.fill is not None:
        mark = mark._replace(fill=shown(mark.fill))
    return mark._replace(colour=shown(mark.colour))


def _voi_text(plan: RenderPlan, said: DisplayAttributes) -> str:
    if plan.voi.startswith("none"):
        return plan.voi
    if said.windows:
        return f"window {said.windows[0]} of the presentation state"
    return f"{'VOI LUT' if said.voi_luts else 'identity'} of the presentation state"


# --- graphics -------------------------------------------------------------------------------


def _marks(
    presented: PresentedFrame,
    display: DisplayAttributes,
    placement: Placement,
    frame: Frame,
    notes: Notes,
) -> Iterator[Mark]:
    """Yield the marks to draw, lower layers first."""
    state, points = presented.state, 0
    used = {*state.activations.values(), *(each.layer for each in state.annotations)}
    if not used <= {layer.name for layer in state.layers}:
        notes.add(
            "presentation-incomplete",
            "graphics of a layer that the presentation state does not define were left out",
        )
    for count, mark in enumerate(_all_marks(presented, display, placement, frame)):
        points += len(mark.path) if isinstance(mark, PathMark) else 0
        if points > _MOST_POINTS or count >= _MOST_MARKS:
            notes.add(
                "presentation-incomplete",
                "there are too many figures and texts: the last ones are not drawn",
            )
            return
        yield mark


def _all_marks(
    presented: PresentedFrame, display: DisplayAttributes, placement: Placement, frame: Frame
) -> Iterator[Mark]:
    state = presented.state
    planes = {plane.group: plane for plane in display.overlays}
    planes |= {plane.group: plane for plane in state.planes(presented.number)}
    shape = (frame.samples.shape[0], frame.samples.shape[1])
    for layer in state.layers:
        for number, name in state.activations.items():
            if name == layer.name and number in planes:
                yield OverlayMark(planes[number], _colour(layer.ink), shape)
        for group in state.annotations:
            if group.layer == layer.name and group.scope.includes(
                presented.instance, presented.number
            ):
                yield from (_figure(each, layer, placement) for each in group.graphics)
                yield from (_note(each, layer, placement) for each in group.texts)


def _colour(*inks: Ink) -> tuple[float, ...]:
    """Return the first recommended color, or white."""
    for ink in inks:
        if ink.gray is not None or ink.colour is not None:
            return as_colour(ink, prefers_gray=False, default=1.0)
    return (1.0,)


def _figure(graphic: GraphicObject, layer: GraphicLayer, placement: Placement) -> PathMark:
    to_picture = _into(graphic.units, placement)
    return PathMark(
        tuple(_near(to_picture(point)) for point in path_of(graphic)),
        _colour(graphic.line.ink, layer.ink),
        graphic.line.opacity,
        graphic.line.thickness,
        graphic.line.is_dashed,
        _colour(graphic.fill.ink, layer.ink) if graphic.fill is not None else None,
        graphic.fill.opacity if graphic.fill is not None else 1.0,
    )


def _note(text: TextObject, layer: GraphicLayer, placement: Placement) -> TextMark:
    box, point = None, None
    if text.box is not None:
        to_picture = _into(text.box.units, placement)
        corners = (text.box.top_left, text.box.bottom_right)
        x, y = zip(*(_near(to_picture(corner)) for corner in corners), strict=True)
        box = (min(x), min(y), max(x), max(y))
    if text.anchor is not None:
        point = _near(_into(text.anchor.units, placement)(text.anchor.point))
    lines = text.text.split("\n")[:_MOST_LINES]
    return TextMark(
        "\n".join(line[:_LONGEST_LINE] for line in lines),
        _colour(text.ink, layer.ink),
        box,
        point,
        text.box.justification if text.box is not None else "LEFT",
        text.anchor is not None and text.anchor.is_visible,
    )


def _into(units: str, placement: Placement) -> Affine:
    return placement.from_image if units == "PIXEL" else placement.from_area


def _near(point: Point) -> Point:
    """Return a point clamped to a finite range."""
    x, y = (min(_FARTHEST, max(-_FARTHEST, side)) if math.isfinite(side) else 0.0 for side in point)
    return x, y
