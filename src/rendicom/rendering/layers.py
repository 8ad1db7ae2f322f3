"""Layers drawn over an image, in pixels of the image, and the protocol of their sources.

Points are x, y; the upper left corner of the first pixel is 0, 0 and its center 0.5, 0.5. Colors
are three of sRGB, 0 to 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from rendicom.coded_warnings import CodedWarning

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rendicom.dicom.header import Header
    from rendicom.options import RenderOptions
    from rendicom.presentation import Point
    from rendicom.values import DisplayAttributes, DrawnLayer, Frame, PixelDescription

Colour = tuple[float, float, float]


class LayerMask(NamedTuple):
    """A part of the image in one color.

    ``amounts`` is bool, or float32 from 0 to 1: the share of ``opacity`` that a pixel gets. No
    fill where ``opacity`` is None.
    """

    amounts: NDArray[Any]
    colour: Colour
    opacity: float | None
    has_outline: bool


class ValueLayer(NamedTuple):
    """Colors of values: uint8 or uint16 (rows, columns, 3), and the opacity of each pixel."""

    colours: NDArray[Any]
    opacities: NDArray[np.float32]


class IsoLines(NamedTuple):
    """Lines around the pixels whose value is at least a level; 0 where a pixel has no value."""

    values: NDArray[np.float32]
    levels: tuple[tuple[float, Colour], ...]


class LayerPath(NamedTuple):
    """A line through points, or a dot where there is one point only."""

    points: tuple[Point, ...]
    colour: Colour


class LayerLabel(NamedTuple):
    """A short text beside a point."""

    text: str
    point: Point
    colour: Colour


class LegendRow(NamedTuple):
    """A color and its meaning."""

    colour: Colour
    text: str


class ColourBar(NamedTuple):
    """Colors of a range of values, lowest first: uint8, shape (n, 3)."""

    colours: NDArray[Any]
    low: str
    high: str


class LayerStack(NamedTuple):
    """All layers of one frame, in drawing order."""

    pieces: tuple[LayerMask | ValueLayer | IsoLines | LayerPath | LayerLabel, ...]
    legend: tuple[LegendRow | ColourBar, ...] = ()


class LayersOfFrame(NamedTuple):
    """The layers of one frame; ``drawn`` and ``warnings`` are for the caller."""

    stack: LayerStack
    drawn: tuple[DrawnLayer, ...] = ()
    warnings: tuple[CodedWarning, ...] = ()


class LayeredImage(Protocol):
    """An image that is drawn on; see `rendicom.Instance`. Few layers look at its pixels."""

    @property
    def header(self) -> Header:
        """Return the header."""
        ...

    @property
    def description(self) -> PixelDescription:
        """Return size and number of frames."""
        ...

    def display_attributes(self, frame: int) -> DisplayAttributes:
        """Return how a frame is shown."""
        ...

    def frame(self, number: int) -> Frame:
        """Return the stored values of a frame."""
        ...


class LayerSource(Protocol):
    """Supplies the layers of any frame of any image."""

    def of_frame(self, image: LayeredImage, frame: int, options: RenderOptions) -> LayersOfFrame:
        """Return the layers of ``frame`` of an image."""
        ...
