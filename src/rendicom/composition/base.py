"""The image that layers are drawn on, the contribution of one layer, and its faults and frames."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from rendicom.composition.planes import Planes
from rendicom.errors import RendicomError
from rendicom.rendering.layers import LegendRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from rendicom.composition.geometry import Plane
    from rendicom.composition.layer_options import LayerOptions
    from rendicom.engine import Instance
    from rendicom.rendering.layers import (
        ColourBar,
        IsoLines,
        LayeredImage,
        LayerLabel,
        LayerMask,
        LayerPath,
        ValueLayer,
    )
    from rendicom.values import DrawnItem

    Piece = LayerMask | ValueLayer | IsoLines | LayerPath | LayerLabel

OTHER_IMAGES = "it refers to other images only"
"""Warning of an object that refers to other images than this one."""

_INSTANCE, _SERIES = 0x00080018, 0x0020000E
_MOST_BYTES = 64 << 20


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


def caption(number: int, name: str) -> str:
    """Return number and name of an item as one text."""
    return f"{number} {name}".strip()


def legend_of(items: Iterable[DrawnItem]) -> tuple[LegendRow, ...]:
    """Return a row of the legend for each drawn item."""
    return tuple(
        LegendRow(as_share(each.colour), caption(each.number, each.name)) for each in items
    )


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Let errors say which layer they are about: the image below it may be sound."""
    try:
        yield
    except RendicomError as error:
        if name and name not in error.message:
            where = "" if error.frame is None else f"frame {error.frame}: "
            error.message = f"{name} cannot be drawn: {where}{error.message}"
            error.frame, error.args = None, (error.message,)
        raise


class KeptFrames:
    """Stored values of frames; those requested last are cached, up to 64 MB."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._kept: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        self._notes: dict[int, str] = {}

    def note(self, frames: Iterable[int]) -> str:
        """Return what the first of some frames lacks, if its bytes were read and are too few."""
        return next((self._notes[each] for each in frames if each in self._notes), "")

    def samples(self, frame: int) -> NDArray[Any]:
        """Return the stored values of a frame, counted from 1; the caller must not modify them."""
        with self._lock:
            if frame in self._kept:
                self._kept.move_to_end(frame)
                return self._kept[frame]
        decoded = self._instance.frame(frame)
        samples = decoded.samples
        with self._lock:
            lacking = [each for each in decoded.warnings if each.code == "incomplete-data"]
            if lacking:
                many = self._instance.description.number_of_frames > 1
                self._notes[frame] = f"frame {frame}: {lacking[0]}" if many else str(lacking[0])
            if frame not in self._kept:
                self._kept[frame] = samples
                self._bytes += samples.nbytes
            while self._bytes > _MOST_BYTES and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return samples
