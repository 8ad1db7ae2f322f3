"""An instance as the attributes of its header and as a sequence of its frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rendicom.closing import Closing
from rendicom.errors import RendicomError
from rendicom.options import RenderOptions
from rendicom.pixels.alike import KnownImage, noting, recall, remember
from rendicom.pixels.describe import describe
from rendicom.pixels.display import display_attributes, varies_by_frame
from rendicom.pixels.measurement_units import position_of, spacing_of

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from rendicom.dicom.byte_source import ByteSource
    from rendicom.dicom.header import Header
    from rendicom.values import DisplayAttributes, Frame, Patient, PixelDescription

_DEFAULT_OPTIONS = RenderOptions()
_SOP_INSTANCE_UID = 0x00080018


class HeaderAttributes(Closing):
    """An open object with a header, whatever its pictures are made of; a context manager."""

    header: Header

    @property
    def sop_class(self) -> str:
        """Return the SOP Class UID, or an empty string."""
        return self.header.sop_class

    @property
    def sop_instance(self) -> str:
        """Return the SOP Instance UID, or an empty string."""
        return self.header.attributes.text(_SOP_INSTANCE_UID)

    @property
    def transfer_syntax(self) -> str:
        """Return the Transfer Syntax UID, or an empty string."""
        return self.header.transfer_syntax


class FrameSequence(HeaderAttributes):
    """Attributes, length, iteration, NumPy array and pickle of `rendicom.engine.Instance`."""

    reopen: tuple[Any, ...] | None = None
    """Function and arguments that open the same source again; None if that is impossible."""

    _opened: ByteSource | None = None
    _display: DisplayAttributes | None = None

    @cached_property
    def description(self) -> PixelDescription:
        """Return the attributes of the pixel matrix in the header.

        Raises
        ------
        NoPixelDataError, CorruptDataError
        """
        return describe(self._noting) if self._known is None else self._known.description

    @cached_property
    def _known(self) -> KnownImage | None:
        return recall(self.header)

    @cached_property
    def _noting(self) -> Header:
        return noting(self.header)

    @cached_property
    def patient(self) -> Patient:
        """Return attributes of the patient, which are read when first used."""
        from rendicom.pixels.patient import read_patient

        return read_patient(self.header, self._opened)

    @cached_property
    def _varies_by_frame(self) -> bool:
        return self._known is None and varies_by_frame(self._noting)

    def display_attributes(self, frame: int = 1) -> DisplayAttributes:
        """Return the display attributes of ``frame`` in the header."""
        if self._varies_by_frame:
            return display_attributes(self.header, self.description, frame)
        if self._display is None and self._known is not None:
            self._display = self._known.display
        if self._display is None:
            self._display = display_attributes(self._noting, self.description, 1)
            remember(self._noting, self.description, self._display)
        return self._display

    def overlay_groups(self, frame: int = 1) -> tuple[int, ...]:
        """Return the groups (0x6000...) of the overlay planes of ``frame``."""
        return tuple(plane.group for plane in self.display_attributes(frame).overlays)

    @property
    def spacing(self) -> tuple[float, float] | None:
        """Return the distance of rows and of columns in mm, or None.

        It is Pixel Spacing (PS3.3 10.7.1.3) of the first frame.
        """
        return spacing_of(self.header, 1)

    @property
    def position(self) -> tuple[float, float, float] | None:
        """Return x, y and z of the center of the first pixel in mm, or None.

        It is Image Position (Patient) (PS3.3 C.7.6.2.1.1) of the first frame.
        """
        return position_of(self.header)

    @abstractmethod
    def frame(self, number: int = 1, options: RenderOptions = _DEFAULT_OPTIONS) -> Frame:
        """Return one frame as stored values."""

    @abstractmethod
    def display(self, number: int = 1, options: RenderOptions = _DEFAULT_OPTIONS) -> NDArray[Any]:
        """Return one frame as display samples."""

    def __repr__(self) -> str:
        """Return size and number of frames, without data of the patient."""
        try:
            description, count = self.description, len(self)
        except RendicomError as error:
            return f"<{type(self).__name__}: {error.message}>"
        frames = f", {count} frames" if count > 1 else ""
        return f"<{type(self).__name__} {description.columns} x {description.rows}{frames}>"

    def __len__(self) -> int:
        """Return the number of frames.

        Raises
        ------
        NoPixelDataError, CorruptDataError
        """
        return self.description.number_of_frames

    def __bool__(self) -> bool:
        """Return True, even for an instance without frames."""
        return True

    def __iter__(self) -> Iterator[Frame]:
        """Yield each frame as stored values; see `frame`."""
        return (self.frame(number) for number in self._numbers())

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the display samples of all frames: (frames, rows, columns) or (…, 3), uint8.

        All frames are in memory at once; `display` returns one.
        """
        import numpy as np

        if copy is False:
            raise ValueError("the array of an instance is always new: copy=False is impossible")
        samples = np.stack([self.display(number) for number in self._numbers()])
        return samples if dtype is None else samples.astype(dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the name of the source, or its bytes; the copy opens it again."""
        if self.reopen is None:
            raise TypeError(
                "an instance is pickled by its source: open it from a path or from bytes"
            )
        function, *arguments = self.reopen
        return function, tuple(arguments)

    def _numbers(self) -> Sequence[int]:
        return range(1, len(self) + 1)
