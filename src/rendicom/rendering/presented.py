"""Plans how an image is shown by a presentation state (PS3.4 N.2; PS3.18 8.3.5.1.6).

The presentation state decides alone: what it leaves out is identity, and the image's own
transforms, polarity and shutter do not count. Only the padding of the image stays black.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.errors import OptionError
from rendicom.options import Voi, parameters
from rendicom.rendering.figures import path_of
from rendicom.rendering.ink import as_colour
from rendicom.rendering.plan import compile_plan, palette_entries
from rendicom.rendering.stages.drawing import Drawing, Figure, Note, Plane
from rendicom.rendering.stages.palette import ColourTable
from rendicom.rendering.stages.placement import plan_placement
from rendicom.rendering.stages.shutter import Covering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rendicom.options import RenderOptions
    from rendicom.presentation import (
        DisplayedArea,
        GraphicLayer,
        GraphicObject,
        Point,
        PresentationState,
        TextObject,
    )
    from rendicom.rendering.plan import RenderPlan
    from rendicom.rendering.stages.placement import Affine, Placement
    from rendicom.values import DisplayAttributes, Frame, Ink, PixelDescription

__all__ = ["Presented", "compile_presented", "refuse_clashes"]

_FREE = frozenset((
    "annotation", "bit_depth", "compression", "icc", "max_pixels", "max_size", "padding",
    "quality", "shutter", "strict", "viewport",
))  # fmt: skip
"""Options that a presentation state leaves to the person."""
_MOST_POINTS, _MOST_MARKS = 1 << 17, 1 << 12
_MOST_LINES, _LONGEST_LINE = 40, 160
_FARTHEST = 1e7


@dataclass(frozen=True, slots=True, eq=False)
class Presented:
    """Which frame of which image a presentation state is applied to."""

    state: PresentationState
    instance: str
    number: int


def compile_presented(
    description: PixelDescription,
    display: DisplayAttributes,
    options: RenderOptions,
    presented: Presented,
    *,
    frame: Frame,
    value_range: Callable[[Voi], tuple[float, float]],
) -> RenderPlan:
    """Return how a frame is shown by a presentation state; see `compile_plan`.

    Raises
    ------
    OptionError
        An option asks for what the presentation state decides, or it is not for this frame.
    LimitExceededError
        The picture would be larger than allowed.
    """
    refuse_clashes(options)
    state = presented.state
    if not state.includes(presented.instance, presented.number):
        raise OptionError(
            "the presentation state does not refer to this image or frame",
            hint="it lists the images and frames it is for",
        )
    notes = [*state.warnings]
    is_gray = frame.samples.ndim == 2 and frame.photometric_interpretation != "PALETTE COLOR"
    if is_gray == (state.kind == "color"):
        other = "gray" if is_gray else "color"
        notes.append(f"a {state.kind} presentation state is meant for other than {other} images")
    if is_gray:
        frame = replace(frame, photometric_interpretation="MONOCHROME2")
    said, voi = _as_said(display, presented)
    plan = compile_plan(
        description, said, _plain(options, voi), frame=frame, value_range=value_range
    )
    plan = _in_tone(plan, state, options)
    area = _area(presented)
    placement = plan_placement(
        frame.samples.shape, state, area, options, keeps_values=description.is_label
    )
    marks = tuple(_marks(presented, display, placement, frame, notes))
    size = (1.0, 1.0) if area is None else area.pixel_size
    return replace(
        plan,
        shutter=Covering(state.shutter, size) if state.shutter and options.shutter else None,
        geometry=placement,
        drawing=Drawing(marks, placement) if marks else None,
        voi=_voi_text(plan, said),
        warnings=tuple(dict.fromkeys((*plan.warnings, *notes))),
    )


def refuse_clashes(options: RenderOptions) -> None:
    """Raise OptionError where an option asks for what every presentation state decides."""
    for parameter in parameters().values():
        is_set = getattr(options, parameter.attribute) != parameter.default
        if is_set and parameter.attribute not in _FREE:
            raise OptionError(
                f"{parameter.name} and a presentation state exclude each other",
                hint="the presentation state says how the image is shown",
            )


def _plain(options: RenderOptions, voi: Voi) -> RenderOptions:
    """Return the options for what comes before shutter and geometry."""
    return replace(options, viewport=None, max_size=None, annotation=None, voi=voi)


# --- tones and colors -----------------------------------------------------------------------


def _as_said(display: DisplayAttributes, presented: Presented) -> tuple[DisplayAttributes, Voi]:
    """Return display attributes with the presentation state's in place of the image's."""
    state = presented.state
    chosen = next(
        (voi for voi in state.vois if voi.scope.includes(presented.instance, presented.number)),
        None,
    )
    windows = chosen.windows[:1] if chosen is not None else ()
    tables = chosen.tables[:1] if chosen is not None and not windows else ()
    said = replace(
        display,
        slope=state.slope,
        intercept=state.intercept,
        modality_lut=state.modality_lut,
        windows=windows,
        voi_luts=tables,
        pixel_intensity_relationship="",
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
    """Return the plan with the presentation LUT, its shape, or the colors of a palette."""
    if plan.tone is None or state.kind == "color" or plan.voi == "none (color)":
        return plan
    tone = replace(plan.tone, presentation=state.presentation_lut, is_inverted=state.is_inverse)
    if state.palette is None:
        return replace(plan, tone=tone)
    entries = palette_entries(state.palette, options.bit_depth)
    # What comes out of the VOI transform is spread over the palette (PS3.4 N.2.4).
    index = (np.arange(1 << 16) * (len(entries) - 1) + (1 << 15)) // ((1 << 16) - 1)
    table = ColourTable(entries, 0, entries[np.minimum(index, len(entries) - 1)])
    managed = _managed(state, options)
    return replace(plan, tone=replace(tone, bit_depth=16), palette=table, **managed)


def _managed(state: PresentationState, options: RenderOptions) -> dict[str, Any]:
    from rendicom.rendering.profiles import colour_management

    managed = colour_management(options.icc, (state.icc_profile,))
    return {"icc": managed.conversion, "icc_profile": managed.profile}


def _voi_text(plan: RenderPlan, said: DisplayAttributes) -> str:
    if plan.voi.startswith("none"):
        return plan.voi
    if said.windows:
        return f"window {said.windows[0]} of the presentation state"
    return f"{'VOI LUT' if said.voi_luts else 'identity'} of the presentation state"


def _area(presented: Presented) -> DisplayedArea | None:
    return next(
        (
            area
            for area in presented.state.areas
            if area.scope.includes(presented.instance, presented.number)
        ),
        None,
    )


# --- graphics -------------------------------------------------------------------------------


def _marks(
    presented: Presented,
    display: DisplayAttributes,
    placement: Placement,
    frame: Frame,
    notes: list[str],
) -> Iterator[Plane | Figure | Note]:
    """Yield what is drawn, lower layers first."""
    state, points = presented.state, 0
    used = {*state.activations.values(), *(each.layer for each in state.annotations)}
    if not used <= {layer.name for layer in state.layers}:
        notes.append("a layer is drawn in that the presentation state does not describe: left out")
    for count, mark in enumerate(_all_marks(presented, display, placement, frame)):
        points += len(mark.path) if isinstance(mark, Figure) else 0
        if points > _MOST_POINTS or count >= _MOST_MARKS:
            notes.append("there are too many figures and texts: the last ones are not drawn")
            return
        yield mark


def _all_marks(
    presented: Presented, display: DisplayAttributes, placement: Placement, frame: Frame
) -> Iterator[Plane | Figure | Note]:
    state = presented.state
    planes = {plane.group: plane for plane in display.overlays}
    planes |= {plane.group: plane for plane in state.planes(presented.number)}
    shape = (frame.samples.shape[0], frame.samples.shape[1])
    for layer in state.layers:
        for number, name in state.activations.items():
            if name == layer.name and number in planes:
                yield Plane(planes[number], _colour(layer.ink), shape)
        for group in state.annotations:
            if group.layer == layer.name and group.scope.includes(
                presented.instance, presented.number
            ):
                yield from (_figure(each, layer, placement) for each in group.graphics)
                yield from (_note(each, layer, placement) for each in group.texts)


def _colour(*inks: Ink) -> tuple[float, ...]:
    """Return the first color that is said, or white."""
    for ink in inks:
        if ink.gray is not None or ink.colour is not None:
            return as_colour(ink, prefers_gray=False, default=1.0)
    return (1.0,)


def _figure(graphic: GraphicObject, layer: GraphicLayer, placement: Placement) -> Figure:
    to_picture = _into(graphic.units, placement)
    return Figure(
        tuple(_near(to_picture(point)) for point in path_of(graphic)),
        _colour(graphic.line.ink, layer.ink),
        graphic.line.opacity,
        graphic.line.thickness,
        graphic.line.is_dashed,
        _colour(graphic.fill.ink, layer.ink) if graphic.fill is not None else None,
        graphic.fill.opacity if graphic.fill is not None else 1.0,
    )


def _note(text: TextObject, layer: GraphicLayer, placement: Placement) -> Note:
    box, point = None, None
    if text.box is not None:
        to_picture = _into(text.box.units, placement)
        corners = (text.box.top_left, text.box.bottom_right)
        x, y = zip(*(_near(to_picture(corner)) for corner in corners), strict=True)
        box = (min(x), min(y), max(x), max(y))
    if text.anchor is not None:
        point = _near(_into(text.anchor.units, placement)(text.anchor.point))
    lines = text.text.split("\n")[:_MOST_LINES]
    return Note(
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
    """Return a point no farther away than numbers can be trusted."""
    x, y = (min(_FARTHEST, max(-_FARTHEST, side)) if math.isfinite(side) else 0.0 for side in point)
    return x, y
