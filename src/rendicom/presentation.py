"""A presentation state as values: how certain images are to be displayed.

`rendicom.pixels.presentations` reads it, `rendicom.rendering.presentation_plan` applies it.
Coordinates of graphics and text are x, y: in pixels of the image from its top left corner
(``PIXEL``, where 0, 0 is the corner of the first pixel and 1, 1 the opposite one), or as fractions
of the displayed area (``DISPLAY``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from rendicom.coded_warnings import CodedWarning
from rendicom.values import Ink, LookupTable, OverlayPlane, Palette, Shutter, Window

Point = tuple[float, float]
"""x, y."""
Units = Literal["PIXEL", "DISPLAY"]
GraphicType = Literal["POINT", "POLYLINE", "INTERPOLATED", "CIRCLE", "ELLIPSE"]
SizeMode = Literal["SCALE TO FIT", "TRUE SIZE", "MAGNIFY"]
Kind = Literal["grayscale", "color", "pseudo-color"]


class ReferencedImage(NamedTuple):
    """An image that a presentation state refers to; ``frames`` is empty for all frames."""

    study: str
    series: str
    instance: str
    frames: tuple[int, ...] = ()
    sop_class: str = ""


class Scope(NamedTuple):
    """The images to which a part of a presentation state applies; empty for all."""

    frames: Mapping[str, frozenset[int]] = {}
    """SOP Instance UID to frame numbers; no numbers: every frame."""

    def includes(self, instance: str, frame: int) -> bool:
        """Tell whether a frame is included."""
        if not self.frames:
            return True
        numbers = self.frames.get(instance)
        return numbers is not None and (not numbers or frame in numbers)


class SoftcopyVoi(NamedTuple):
    """The VOI transform of some of the images (PS3.3 C.11.8)."""

    scope: Scope
    windows: tuple[Window, ...]
    tables: tuple[LookupTable, ...]


class DisplayedArea(NamedTuple):
    """The displayed area of some images, and its size (PS3.3 C.10.4).

    Corners are column, row of pixels counted from 1, both ends included, in the image as
    stored. ``pixel_size`` is the vertical and horizontal size of a pixel, in any one unit.
    """

    scope: Scope
    top_left: tuple[int, int]
    bottom_right: tuple[int, int]
    mode: SizeMode = "SCALE TO FIT"
    pixel_size: tuple[float, float] = (1.0, 1.0)
    magnification: float = 1.0
    is_of_volume: bool = False
    """For tiled images the corners are in the Total Pixel Matrix."""


class GraphicLayer(NamedTuple):
    """One layer; lower orders are drawn first (PS3.3 C.10.7)."""

    name: str
    order: int
    ink: Ink = Ink()


class LineStyle(NamedTuple):
    """The style of a line; lengths in units of the usual thickness."""

    thickness: float = 1.0
    is_dashed: bool = False
    opacity: float = 1.0
    ink: Ink = Ink()


class GraphicObject(NamedTuple):
    """A figure (PS3.3 C.10.5.1.2)."""

    kind: GraphicType
    units: Units
    points: tuple[Point, ...]
    is_filled: bool = False
    line: LineStyle = LineStyle()
    fill: LineStyle | None = None


class TextBox(NamedTuple):
    """The position of a text: two opposite corners."""

    units: Units
    top_left: Point
    bottom_right: Point
    justification: Literal["LEFT", "CENTER", "RIGHT"] = "LEFT"


class Anchor(NamedTuple):
    """Anchor point of a text; visible: a line leads to it."""

    units: Units
    point: Point
    is_visible: bool


class TextObject(NamedTuple):
    """A text of one or several lines with a box, an anchor, or both."""

    text: str
    box: TextBox | None
    anchor: Anchor | None
    ink: Ink = Ink()


class Annotations(NamedTuple):
    """Figures and texts of one layer, for some of the images."""

    scope: Scope
    layer: str
    graphics: tuple[GraphicObject, ...]
    texts: tuple[TextObject, ...]


def _no_planes(_frame: int) -> tuple[OverlayPlane, ...]:
    return ()


class Subtraction(NamedTuple):
    """Mask subtraction: the frames it applies to, and their masks (PS3.3 C.7.6.10)."""

    scope: Scope
    """The images that it applies to."""
    ranges: tuple[tuple[int, int], ...]
    """First and last frame, both included; empty for all."""
    masks: tuple[int, ...]
    """Frames whose mean is subtracted; empty for an earlier frame of the same image."""
    offset: int = 1
    """Number of frames by which that one is earlier."""
    share: float = 1.0
    """Part of the mask that is subtracted, 0 to 1."""
    shift: tuple[float, float] = (0.0, 0.0)
    """Rows and columns by which the mask is moved."""
    is_reversed: bool = False
    """Masks run backwards from there, while frames run forwards from the first of all ranges."""
    averaged: int = 1
    """Number of frames, from the shown one on, whose mean the mask is subtracted from."""

    def masks_of(self, instance: str, frame: int) -> tuple[int, ...]:
        """Return the frames that are subtracted from a frame; none if it is not included."""
        found = self._range_of(instance, frame)
        if found is None:
            return ()
        first = self.ranges[0][0] if self.ranges else found[0]
        passed = 2 * (frame - first) if self.is_reversed else 0
        mask = frame - self.offset - passed
        return self.masks or ((mask,) if mask > 0 else ())

    def contrast_of(self, instance: str, frame: int, count: int) -> range:
        """Return the frames of ``count`` whose mean is shown less that of the masks."""
        _, high = self._range_of(instance, frame) or (frame, frame)
        return range(frame, min(frame + self.averaged - 1, high, count) + 1)

    def _range_of(self, instance: str, frame: int) -> tuple[int, int] | None:
        if not self.scope.includes(instance, frame):
            return None
        every = self.ranges or ((1, sys.maxsize),)
        return next(((low, high) for low, high in every if low <= frame <= high), None)


@dataclass(frozen=True, slots=True, eq=False)
class PresentationState:
    """The presentation of certain images; made by `rendicom.engine.open_presentation`.

    Attributes
    ----------
    kind
        ``grayscale``, ``color`` or ``pseudo-color`` (gray images in color).
    instance
        SOP Instance UID of the presentation state itself.
    references
        The images it refers to, in its own order.
    slope, intercept, modality_lut
        The modality transform; without one, stored values are not transformed.
    subtractions
        Mask subtractions, applied before the modality transform.
    vois
        VOI transforms; the first one whose scope includes a frame applies to it.
    presentation_lut, is_inverse
        Transform from the output of the VOI transform to P-values, by table or by shape.
    palette, icc_profile
        Colors of a pseudo-color presentation state, and the color space of all its colors.
    shutter
        The shutter; None for none.
    planes
        Overlay planes of the presentation state itself for a frame number; they replace those
        of the image with the same group.
    activations
        Maps overlay groups to the layers they are drawn in.
    layers
        In the order they are drawn.
    """

    kind: Kind
    instance: str
    references: tuple[ReferencedImage, ...]
    slope: float = 1.0
    intercept: float = 0.0
    modality_lut: LookupTable | None = None
    keeps_modality: bool = False
    """The modality transform of each image is used: the state has none."""
    subtractions: tuple[Subtraction, ...] = ()
    vois: tuple[SoftcopyVoi, ...] = ()
    presentation_lut: LookupTable | None = None
    is_inverse: bool = False
    palette: Palette | None = None
    icc_profile: bytes | None = None
    shutter: Shutter | None = None
    planes: Callable[[int], tuple[OverlayPlane, ...]] = _no_planes
    activations: Mapping[int, str] = field(default_factory=dict)
    layers: tuple[GraphicLayer, ...] = ()
    annotations: tuple[Annotations, ...] = ()
    areas: tuple[DisplayedArea, ...] = ()
    quarter_turns: int = 0
    """Clockwise, before mirroring."""
    mirrors_columns: bool = False
    warnings: tuple[CodedWarning, ...] = ()

    def includes(self, instance: str, frame: int = 1) -> bool:
        """Tell whether a frame of an image is among the references."""
        return any(
            reference.instance == instance and (not reference.frames or frame in reference.frames)
            for reference in self.references
        )
