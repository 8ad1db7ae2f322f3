"""A presentation state as values: how somebody wants certain images to be shown.

Read by `rendicom.pixels.presentations`, obeyed by `rendicom.rendering.presented`. Coordinates of
graphics and text are x, y: in pixels of the image from its top left corner (``PIXEL``, where 0, 0
is the corner of the first pixel and 1, 1 the opposite one), or as fractions of the displayed area
(``DISPLAY``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from rendicom.values import Ink, LookupTable, OverlayPlane, Palette, Shutter, Window

__all__ = [
    "Anchor",
    "Annotations",
    "DisplayedArea",
    "GraphicLayer",
    "GraphicObject",
    "Ink",
    "LineStyle",
    "Point",
    "PresentationState",
    "ReferencedImage",
    "Scope",
    "Shutter",
    "SizeMode",
    "SoftcopyVoi",
    "TextBox",
    "TextObject",
]

Point = tuple[float, float]
"""x, y."""
Units = Literal["PIXEL", "DISPLAY"]
GraphicType = Literal["POINT", "POLYLINE", "INTERPOLATED", "CIRCLE", "ELLIPSE"]
SizeMode = Literal["SCALE TO FIT", "TRUE SIZE", "MAGNIFY"]
Kind = Literal["grayscale", "color", "pseudo-color"]


class ReferencedImage(NamedTuple):
    """An image that a presentation state is for; ``frames`` is empty where it is for all."""

    study: str
    series: str
    instance: str
    frames: tuple[int, ...] = ()
    sop_class: str = ""


class Scope(NamedTuple):
    """Which of the images a part of a presentation state is for; empty: all of them."""

    frames: Mapping[str, frozenset[int]] = {}
    """SOP Instance UID to frame numbers; no numbers: every frame."""

    def includes(self, instance: str, frame: int) -> bool:
        """Tell whether a frame is meant."""
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
    """The part of some images that is to be seen, and how large (PS3.3 C.10.4).

    Corners are column, row of pixels counted from 1, both ends included, in the image as it is
    stored. ``pixel_size`` is the vertical and horizontal size of a pixel, in any one unit.
    """

    scope: Scope
    top_left: tuple[int, int]
    bottom_right: tuple[int, int]
    mode: SizeMode = "SCALE TO FIT"
    pixel_size: tuple[float, float] = (1.0, 1.0)
    magnification: float = 1.0


class GraphicLayer(NamedTuple):
    """One layer; lower orders are drawn first (PS3.3 C.10.7)."""

    name: str
    order: int
    ink: Ink = Ink()


class LineStyle(NamedTuple):
    """How a line is drawn; lengths in units of the usual thickness."""

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
    """Where a text stands: two opposite corners."""

    units: Units
    top_left: Point
    bottom_right: Point
    justification: Literal["LEFT", "CENTER", "RIGHT"] = "LEFT"


class Anchor(NamedTuple):
    """What a text belongs to; visible: a line leads there."""

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


@dataclass(frozen=True, slots=True, eq=False)
class PresentationState:
    """How certain images are to be shown; made by `rendicom.engine.open_presentation`.

    Attributes
    ----------
    kind
        What it is for: ``grayscale``, ``color`` or ``pseudo-color`` (a gray image in color).
    instance
        SOP Instance UID of the presentation state itself.
    references
        The images it is for, in its own order.
    slope, intercept, modality_lut
        The modality transform; without one the stored values stay.
    vois
        VOI transforms; the first whose scope includes a frame is its own.
    presentation_lut, is_inverse
        P-values of what comes out of the VOI transform, by table or by shape.
    palette, icc_profile
        Colors of a pseudo-color presentation state, and what they and its other colors mean.
    shutter
        What is covered; None: nothing.
    planes
        Overlay planes of the presentation state itself for a frame number; they stand for those
        of the image that have the same group.
    activations
        Overlay group to the layer it is drawn in.
    layers
        In the order they are drawn.
    """

    kind: Kind
    instance: str
    references: tuple[ReferencedImage, ...]
    slope: float = 1.0
    intercept: float = 0.0
    modality_lut: LookupTable | None = None
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
    warnings: tuple[str, ...] = ()

    def includes(self, instance: str, frame: int = 1) -> bool:
        """Tell whether a frame of an image is among the references."""
        return any(
            reference.instance == instance and (not reference.frames or frame in reference.frames)
            for reference in self.references
        )
