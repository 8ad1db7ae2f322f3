"""The words the rooms speak with each other: immutable values that know their own text form.

Arrays are ``numpy``; shapes are (rows, columns) for one sample a pixel and (rows, columns, 3)
for colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast, get_args

from rendicom.errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "DisplayAttributes",
    "DisplayImage",
    "Frame",
    "Ink",
    "LookupTable",
    "OverlayPlane",
    "Palette",
    "Patient",
    "PixelDescription",
    "PixelKeyword",
    "RenderedImage",
    "Shutter",
    "Technique",
    "Viewport",
    "VoiFunction",
    "Window",
]

VoiFunction = Literal["linear", "linear-exact", "sigmoid"]
PixelKeyword = Literal["PixelData", "FloatPixelData", "DoubleFloatPixelData"]


def format_number(value: float) -> str:
    """Return the shortest text that reads back as ``value``; whole numbers without a point."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def parse_number(text: str, *, what: str) -> float:
    """Return a finite float, or raise OptionError naming ``what``."""
    try:
        value = float(text)
    except ValueError:
        raise OptionError(f"{what}: {text!r} is not a number") from None
    if not math.isfinite(value):
        raise OptionError(f"{what}: {text!r} is not a finite number")
    return value


@dataclass(frozen=True, slots=True)
class Window:
    """A VOI window in output units of the modality transform, for example HU (PS3.3 C.11.2.1.2).

    Attributes
    ----------
    center, width
        Window Center and Window Width. Width is at least 1 for ``linear`` and above 0 otherwise.
    function
        VOI LUT Function.
    explanation
        Window Center & Width Explanation; not part of equality.
    """

    center: float
    width: float
    function: VoiFunction = "linear"
    explanation: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read ``center,width[,function]``; raise OptionError on anything else.

        >>> Window.parse("40,400")
        Window(center=40.0, width=400.0, function='linear', explanation='')
        """
        parts = text.split(",")
        if len(parts) not in (2, 3):
            raise OptionError(f"window {text!r} is not of the form center,width[,function]")
        center = parse_number(parts[0], what="window center")
        width = parse_number(parts[1], what="window width")
        function = parts[2] if len(parts) == 3 else "linear"
        if function not in get_args(VoiFunction):
            known = ", ".join(get_args(VoiFunction))
            raise OptionError(f"window function {function!r} is not one of {known}")
        if width <= 0 or (function == "linear" and width < 1):
            least = "at least 1" if function == "linear" else "above 0"
            raise OptionError(f"window width {parts[1]} is not {least}")
        return cls(center, width, cast("VoiFunction", function))

    def __str__(self) -> str:
        """Return the canonical text: ``40,400,linear``."""
        return f"{format_number(self.center)},{format_number(self.width)},{self.function}"


@dataclass(frozen=True, slots=True)
class Viewport:
    """Target size and source region in the syntax of PS3.18 8.3.5.1.3.

    Attributes
    ----------
    width, height
        The box in output pixels that the region is fitted into, aspect kept.
    x, y, region_width, region_height
        Source region in image pixels; 0,0 is the top left corner. ``None`` means "as far as it
        goes". A negative extent flips the picture along that axis.
    """

    width: int
    height: int
    x: float | None = None
    y: float | None = None
    region_width: float | None = None
    region_height: float | None = None

    @classmethod
    def parse(cls, text: str) -> Viewport:
        """Read ``vw,vh[,[sx],[sy],[sw],[sh]]``; raise OptionError on anything else."""
        parts = text.split(",")
        if not 2 <= len(parts) <= 6 or (len(parts) > 2 and not parts[-1]):
            raise OptionError(
                f"viewport {text!r} is not of the form width,height[,x,y,width,height]"
            )
        size = [_positive_integer(part, what="viewport size") for part in parts[:2]]
        region = [
            parse_number(part, what="viewport region") if part else None for part in parts[2:]
        ]
        region += [None] * (4 - len(region))
        if region[2] == 0 or region[3] == 0:
            raise OptionError(f"viewport {text!r} has an empty region")
        return cls(size[0], size[1], *region)

    def __str__(self) -> str:
        """Return the canonical text, elided values empty and trailing commas left out."""
        region = (self.x, self.y, self.region_width, self.region_height)
        parts = [str(self.width), str(self.height)]
        parts += ["" if value is None else format_number(value) for value in region]
        return ",".join(parts).rstrip(",")


def _positive_integer(text: str, *, what: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        raise OptionError(f"{what}: {text!r} is not a positive whole number")
    return int(text)


@dataclass(frozen=True, slots=True)
class PixelDescription:
    """What the header says of the pixel matrix (PS3.3 C.7.6.3): the same for all frames.

    ``bits_stored``, ``high_bit`` and ``signed`` mean nothing for float pixel data. The pixel
    stream may disagree; what was really decoded stands in `Frame`.
    """

    sop_class: str
    transfer_syntax: str
    modality: str
    rows: int
    columns: int
    samples_per_pixel: int
    photometric_interpretation: str
    planar_configuration: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    number_of_frames: int
    pixel_keyword: PixelKeyword
    representative_frame: int = 1
    frame_durations: tuple[float, ...] = ()
    """Milliseconds each frame is shown; empty when the file says nothing of time."""
    segmentation_type: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def is_float(self) -> bool:
        """Tell whether the values are floating point numbers."""
        return self.pixel_keyword != "PixelData"

    @property
    def is_label(self) -> bool:
        """Tell whether values are names rather than amounts: never interpolate between them."""
        return (
            self.bits_allocated == 1
            or self.photometric_interpretation == "PALETTE COLOR"
            or self.segmentation_type in ("BINARY", "LABELMAP")
        )

    @property
    def frame_pixels(self) -> int:
        """Return rows x columns."""
        return self.rows * self.columns


@dataclass(frozen=True, slots=True, eq=False)
class LookupTable:
    """One LUT of a Modality or VOI LUT Sequence, or one palette channel (PS3.3 C.11.1.1).

    ``entries`` is uint16, shape (n,). Index = clamp(value - first, 0, n - 1); entries run from
    0 to ``2**bits - 1``.
    """

    entries: NDArray[np.uint16]
    first: int
    bits: int
    explanation: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """The three channels of a Palette Color Lookup Table (PS3.3 C.7.9)."""

    red: LookupTable
    green: LookupTable
    blue: LookupTable


@dataclass(frozen=True, slots=True, eq=False)
class OverlayPlane:
    """One overlay group, resolved for one frame (PS3.3 C.9.2).

    ``row`` and ``column`` are the Overlay Origin: 1, 1 is the first pixel of the image.
    ``bitmap`` reads the plane as bool, shape (rows, columns); it is ``None`` for an overlay
    embedded in bit ``embedded_bit`` of the pixel cells.
    """

    group: int
    rows: int
    columns: int
    row: int
    column: int
    kind: str
    embedded_bit: int | None = None
    bitmap: Callable[[], NDArray[np.bool_]] | None = None


class Ink(NamedTuple):
    """A recommended color: a P-value of 16 bits, 8-bit sRGB, or neither where nobody says."""

    gray: int | None = None
    colour: tuple[int, int, int] | None = None


class Shutter(NamedTuple):
    """What of an image is covered, in pixels counted from 1 (PS3.3 C.7.6.11, C.7.6.15).

    Of several shapes only what all of them leave open is seen.
    """

    rectangle: tuple[int, int, int, int] | None = None
    """Left, right, upper and lower edge; the edges themselves are seen."""
    circle: tuple[float, float, float] | None = None
    """Row and column of the center, and the radius in pixels of a row."""
    polygon: tuple[tuple[float, float], ...] = ()
    """Row and column of each vertex."""
    bitmap: OverlayPlane | None = None
    """A plane whose set bits are covered."""
    ink: Ink = Ink()


@dataclass(frozen=True, slots=True, eq=False)
class DisplayAttributes:
    """What the header says of how one frame is shown, already taken from the right place.

    Per-frame functional groups win over shared ones, shared ones over the top level of the data
    set. Which of the attributes count for a picture is for the plan to decide.
    """

    slope: float = 1.0
    intercept: float = 0.0
    modality_lut: LookupTable | None = None
    windows: tuple[Window, ...] = ()
    voi_luts: tuple[LookupTable, ...] = ()
    padding: tuple[float, float] | None = None
    """Stored values that are no image content, both ends included, low end first."""
    presentation_lut_shape: str = ""
    pixel_intensity_relationship: str = ""
    palette: Palette | None = None
    pixel_aspect_ratio: tuple[float, float] = (1.0, 1.0)
    """Vertical and horizontal size of a pixel, in any one unit."""
    icc_profile: bytes | None = None
    overlays: tuple[OverlayPlane, ...] = ()
    shutter: Shutter | None = None
    segment_colours: Mapping[int, tuple[int, int, int]] = field(default_factory=dict)
    """sRGB of each segment number that has a Recommended Display CIELab Value."""
    maximum_fractional_value: int | None = None
    dose_grid_scaling: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded frame.

    Attributes
    ----------
    samples
        Stored values, sign and unused bits resolved: (rows, columns), or (rows, columns, 3) for
        colour, which is always RGB here. Integer dtype of the allocated width, or float.
    photometric_interpretation
        MONOCHROME1, MONOCHROME2, PALETTE COLOR or RGB.
    bits_stored, signed
        As decoded: a compressed stream wins over the header.
    cells
        The unmasked pixel cells, only when asked for (embedded overlays).
    icc_profile
        A profile found in the compressed stream.
    warnings
        One sentence each, for the person: what was wrong and what was done.
    """

    samples: NDArray[Any]
    photometric_interpretation: str
    bits_stored: int
    signed: bool
    cells: NDArray[Any] | None = None
    icc_profile: bytes | None = None
    warnings: tuple[str, ...] = ()


class Patient(NamedTuple):
    """Who is shown, as a person reads it; empty where the file does not say."""

    name: str = ""
    identifier: str = ""
    birth_date: str = ""
    sex: str = ""


class Technique(NamedTuple):
    """How a frame was made, as a person reads it; empty where the file does not say."""

    modality: str = ""
    study_date: str = ""
    series_number: str = ""
    instance_number: str = ""
    values: tuple[tuple[str, ...], ...] = ()
    """What matters for the modality, the most important first; each line is short texts."""
    position: tuple[str, ...] = ()
    """Side, view and position of the patient."""


@dataclass(frozen=True, slots=True, eq=False)
class DisplayImage:
    """Samples ready for an encoder.

    ``samples`` is C-contiguous; (rows, columns) gray or (rows, columns, 3) RGB; uint8 or uint16
    display values over the full range of the type, or any integer or float32 where stored or
    modality values were asked for. ``icc_profile`` is to be embedded.
    """

    samples: NDArray[Any]
    icc_profile: bytes | None = None


@dataclass(frozen=True, slots=True)
class RenderedImage:
    """One encoded picture.

    Attributes
    ----------
    data
        The encoded bytes; also ``bytes(image)``.
    media_type
        For example ``image/png``.
    width, height
        Size in pixels.
    frame
        Frame number, counted from 1; ``None`` for an animation of several frames.
    voi
        How gray values became display values, for a person: ``window 40,400,linear``.
    warnings
        What was wrong with the input, one sentence each.
    seconds
        What each stage took: decoding, rendering, encoding. Empty for an animation.
    """

    data: bytes
    media_type: str
    width: int
    height: int
    frame: int | None = 1
    voi: str = ""
    warnings: tuple[str, ...] = ()
    seconds: tuple[float, ...] = field(default=(), compare=False)

    def __bytes__(self) -> bytes:
        """Return the encoded bytes."""
        return self.data
