"""Immutable values that the packages exchange.

Arrays are ``numpy``; shapes are (rows, columns) for one sample a pixel and (rows, columns, 3)
for colour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from rendicom.coded_warnings import CodedWarning
from rendicom.records import NamedTuple, frozen
from rendicom.views import Viewport as Viewport  # noqa: PLC0414 - exported
from rendicom.views import Window as Window  # noqa: PLC0414

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PixelKeyword = Literal["PixelData", "FloatPixelData", "DoubleFloatPixelData"]


class PixelDescription(NamedTuple):
    """The pixel matrix in the header (PS3.3 C.7.6.3): the same for all frames.

    ``bits_stored``, ``high_bit`` and ``signed`` have no meaning for float pixel data. The pixel
    stream may differ; `Frame` describes the decoded samples.

    Examples
    --------
    >>> with rendicom.open_instance("cine.dcm") as instance:
    ...     description = instance.description
    >>> description.rows, description.columns, description.number_of_frames
    (240, 320, 30)
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
    """Milliseconds each frame is shown; empty if the file does not state times."""
    segmentation_type: str = ""
    is_tiled: bool = False
    """Frames are parts of a larger Total Pixel Matrix (PS3.3 C.8.12.4)."""
    frame_samples: int = 0
    """Number of samples in a native frame: fewer than three per pixel if chroma is subsampled."""
    warnings: tuple[CodedWarning, ...] = ()

    @property
    def is_float(self) -> bool:
        """Tell whether the values are floating point numbers."""
        return self.pixel_keyword != "PixelData"

    @property
    def is_label(self) -> bool:
        """Tell whether values are labels, which must not be interpolated."""
        return (
            self.bits_allocated == 1
            or self.photometric_interpretation == "PALETTE COLOR"
            or self.segmentation_type in ("BINARY", "LABELMAP")
        )

    @property
    def frame_pixels(self) -> int:
        """Return rows x columns."""
        return self.rows * self.columns

    @property
    def frame_bits(self) -> int:
        """Return the size of one native frame in bits; frames follow each other without padding."""
        samples = self.frame_samples or self.frame_pixels * self.samples_per_pixel
        return samples * self.bits_allocated


@frozen(eq=False)
class LookupTable:
    """One LUT of a Modality or VOI LUT Sequence, or one palette channel (PS3.3 C.11.1.1).

    ``entries`` is uint16, shape (n,). Index = clamp(value - first, 0, n - 1); entries run from
    0 to ``2**bits - 1``.
    """

    entries: NDArray[np.uint16]
    first: int
    bits: int
    explanation: str = ""


class Palette(NamedTuple):
    """The three channels of a Palette Color Lookup Table (PS3.3 C.7.9)."""

    red: LookupTable
    green: LookupTable
    blue: LookupTable


class OverlayPlane(NamedTuple):
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
    """A recommended color: a 16-bit P-value, 8-bit sRGB, or neither if not specified."""

    gray: int | None = None
    colour: tuple[int, int, int] | None = None


class Shutter(NamedTuple):
    """The display shutter, in pixels counted from 1 (PS3.3 C.7.6.11, C.7.6.15).

    With several shapes, only the area inside all of them is visible.
    """

    rectangle: tuple[int, int, int, int] | None = None
    """Left, right, upper and lower edge; the edges themselves are visible."""
    circle: tuple[float, float, float] | None = None
    """Row and column of the center, and the radius in pixels of a row."""
    polygon: tuple[tuple[float, float], ...] = ()
    """Row and column of each vertex."""
    bitmap: OverlayPlane | None = None
    """A plane whose set bits are covered."""
    ink: Ink = Ink()


class DisplayAttributes(NamedTuple):
    """The display attributes of one frame, functional groups resolved.

    Per-frame functional groups win over shared ones, shared ones over the top level of the data
    set. The plan decides which of the attributes are used for a picture.
    """

    slope: float = 1.0
    intercept: float = 0.0
    modality_lut: LookupTable | None = None
    windows: tuple[Window, ...] = ()
    voi_luts: tuple[LookupTable, ...] = ()
    range_palette: Palette | None = None
    """Colors of a range of values (COLOR_RANGE)."""
    palette_range: tuple[float, float] | None = None
    """Stored values of the first and the last of these colors, if the file says them."""
    suv_factor: float | None = None
    """Factors from the values of a PET image to standardized uptake."""
    padding: tuple[float, float] | None = None
    """Range of padding values, both ends included, low end first."""
    pixel_intensity_relationship: str = ""
    palette: Palette | None = None
    pixel_aspect_ratio: tuple[float, float] = (1.0, 1.0)
    """Vertical and horizontal size of a pixel, in any one unit."""
    icc_profile: bytes | None = None
    overlays: tuple[OverlayPlane, ...] = ()
    shutter: Shutter | None = None
    segment_colours: Mapping[int, tuple[int, int, int]] = {}
    """sRGB of each segment number that has a Recommended Display CIELab Value."""
    maximum_fractional_value: int | None = None
    dose_grid_scaling: float | None = None
    warnings: tuple[CodedWarning, ...] = ()


class Reduction(NamedTuple):
    """Position of the samples of a frame decoded at a smaller size in the whole image."""

    rows: int
    """Rows of the whole image."""
    columns: int
    """Columns of the whole image."""
    halvings: int
    """Number of halvings of both sides, each rounded up."""
    is_centered: bool = False
    """Samples are at the center of the pixels they represent, not at the first of them."""

    @property
    def step(self) -> int:
        """Return the distance between samples, in pixels of the image."""
        return 1 << self.halvings

    @property
    def offset(self) -> float:
        """Return the distance of the first sample from the first pixel, in pixels of the image."""
        return (self.step - 1) / 2 if self.is_centered else 0.0


@frozen(eq=False)
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
        The unmasked pixel cells, only on request (embedded overlays).
    icc_profile
        A profile found in the compressed stream.
    warnings
        For users: the fault and its repair, one sentence each.
    reduction
        Set if the frame was decoded at a smaller size.
    is_difference
        The samples are stored values less those of a mask, as float.

    Examples
    --------
    >>> with rendicom.open_instance("ct.dcm") as instance:
    ...     frame = instance.frame(1)
    >>> frame.samples.dtype, frame.samples.shape, frame.photometric_interpretation
    (dtype('int16'), (128, 128), 'MONOCHROME2')
    """

    samples: NDArray[Any]
    photometric_interpretation: str
    bits_stored: int
    signed: bool
    cells: NDArray[Any] | None = None
    icc_profile: bytes | None = None
    warnings: tuple[CodedWarning, ...] = ()
    reduction: Reduction | None = None
    is_difference: bool = False

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Return the shape that the samples of the whole image have."""
        if self.reduction is None:
            return self.samples.shape
        return (self.reduction.rows, self.reduction.columns, *self.samples.shape[2:])


class Patient(NamedTuple):
    """The patient, as written in a picture; empty if the file has no value.

    ``other_names`` are the ideographic and phonetic forms of the name (PS3.5 6.2.1).
    """

    name: str = ""
    identifier: str = ""
    birth_date: str = ""
    sex: str = ""
    other_names: tuple[str, ...] = ()


class Corners(NamedTuple):
    """Lines of text in the corners of a picture; the first line of each corner is on top."""

    top_left: tuple[str, ...] = ()
    top_right: tuple[str, ...] = ()
    bottom_left: tuple[str, ...] = ()
    bottom_right: tuple[str, ...] = ()


class Technique(NamedTuple):
    """Acquisition data of a frame as text; empty if the file has none."""

    modality: str = ""
    study_date: str = ""
    series_number: str = ""
    instance_number: str = ""
    values: tuple[tuple[str, ...], ...] = ()
    """Values by importance for the modality; each line is a tuple of short texts."""
    position: tuple[str, ...] = ()
    """Side, view and position of the patient."""


@frozen(eq=False)
class DisplayImage:
    """Samples ready for an encoder.

    ``samples`` is C-contiguous; (rows, columns) gray or (rows, columns, 3) RGB; uint8 or uint16
    display values over the full range of the type, or any integer or float32 for stored and
    modality values. ``icc_profile`` is to be embedded.

    Examples
    --------
    >>> rendicom.DisplayImage(numpy.zeros((16, 16), numpy.uint8)).samples.shape
    (16, 16)
    """

    samples: NDArray[Any]
    icc_profile: bytes | None = None


class DrawnItem(NamedTuple):
    """A segment, region of interest, mark or level that was drawn.

    ``name`` is as the object has it and may identify the patient; ``colour`` is 8-bit sRGB.
    """

    number: int
    name: str
    colour: tuple[int, int, int]


class DrawnLayer(NamedTuple):
    """An object that was drawn over an image, and its parts."""

    source: str
    """Path or name by which it was requested."""
    kind: str
    """``segmentation``, ``structure set``, ``dose``, ``report`` or ``image``."""
    instance: str
    """SOP Instance UID."""
    items: tuple[DrawnItem, ...] = ()
