"""The image that layers are drawn on, and the contribution of one layer."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rendicom.composition.planes import Planes

if TYPE_CHECKING:
    from rendicom.composition.geometry import Plane
    from rendicom.composition.layer_options import LayerOptions
    from rendicom.rendering.layers import (
        ColourBar,
        IsoLines,
        LayeredImage,
        LayerLabel,
        LayerMask,
        LayerPath,
        LegendRow,
        ValueLayer,
    )
    from rendicom.values import DrawnItem

    Piece = LayerMask | ValueLayer | IsoLines | LayerPath | LayerLabel

OTHER_IMAGES = "it refers to other images only"
"""Warning of an object that refers to other images than this one."""

_INSTANCE, _SERIES = 0x00080018, 0x0020000E


class BaseFrame:
    """One frame that is drawn on."""

    def __init__(self, image: LayeredImage, frame: int) -> None:
        header, description = image.header, image.description
        attributes = header.attributes
        self.image = image
        self.instance = attributes.text(_INSTANCE)
        self.series = attributes.text(_SERIES)
        self.frame = frame
        self.number_of_frames = description.number_of_frames
        self.shape = (description.rows, description.columns)
        self._planes = Planes(header, description)

    @cached_property
    def plane(self) -> Plane | None:
        """Return the plane of the frame; None if its position is missing or unusable."""
        return self._planes.plane(self.frame)

    @cached_property
    def tile(self) -> tuple[int, int] | None:
        """Return column and row of a tile in the matrix of its slide, from 0; None for others."""
        return self._planes.tile(self.frame)

    @property
    def problem(self) -> str:
        """Return the fault in the position and orientation of the frame."""
        found = self._planes.problem
        return f"of the image, {found}" if found else ""


class Contribution(NamedTuple):
    """What one layer draws on one frame. ``warning`` says why it draws nothing."""

    pieces: tuple[Piece, ...] = ()
    items: tuple[DrawnItem, ...] = ()
    legend: tuple[LegendRow | ColourBar, ...] = ()
    warning: str = ""


class Layer(Protocol):
    """One object, or one series of images, that is drawn on other images.

    ``name`` is that of the request, ``kind`` and ``instance`` are as in `DrawnLayer`.
    """

    name: str
    kind: str
    instance: str

    def over(self, base: BaseFrame, options: LayerOptions) -> Contribution:
        """Return the contribution of the layer to ``base``."""
        ...


def is_wanted(number: int, name: str, options: LayerOptions) -> bool:
    """Tell whether an item was requested."""
    if options.items is None:
        return True
    wanted = {item.casefold() for item in options.items}
    return str(number) in wanted or name.strip().casefold() in wanted


def as_share(colour: tuple[int, int, int]) -> tuple[float, float, float]:
    """Return 8-bit sRGB as shares of the whole."""
    return colour[0] / 255, colour[1] / 255, colour[2] / 255
