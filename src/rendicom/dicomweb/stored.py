"""A stored file that is opened once for several requests."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Self

from rendicom.dicom.byte_source import open_source
from rendicom.dicom.byte_window import ByteWindow, HandOverError
from rendicom.dicom.data_sets import read_dataset
from rendicom.dicom.file_meta import read_file_meta
from rendicom.dicom.header import read_header
from rendicom.dicomweb.pixeldata import MAX_PIXELS, PixelFrames

if TYPE_CHECKING:
    from rendicom.dicom.byte_source import ByteSource, Readable
    from rendicom.dicom.elements import DataSet

_MAX_META_BYTES = 1 << 20


def open_stored(source: Readable, *, max_pixels: int = MAX_PIXELS) -> StoredInstance:
    """Return the instance in a path, bytes or binary file object; its header is read when used.

    A frame of more than ``max_pixels`` pixels is refused when requested.

    Raises
    ------
    UnreadableSourceError
    """
    return StoredInstance(open_source(source), max_pixels)


class StoredInstance:
    """A stored file that is kept open for several requests."""

    def __init__(self, source: ByteSource, max_pixels: int = MAX_PIXELS) -> None:
        self.source = source
        self._max_pixels = max_pixels

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.source.close()

    @cached_property
    def dataset(self) -> DataSet:
        """Return the data set up to the pixel data."""
        return read_dataset(self.source)

    @cached_property
    def whole_dataset(self) -> DataSet:
        """Return the data set, including the elements after the pixel data."""
        return read_dataset(self.source, up_to_pixels=False)

    @cached_property
    def pixels(self) -> PixelFrames:
        """Return the frames.

        Raises
        ------
        NoPixelDataError, CorruptDataError, UnsupportedTransferSyntaxError
        """
        return PixelFrames(read_header(self.source), max_pixels=self._max_pixels)

    @cached_property
    def said_transfer_syntax(self) -> str:
        """Return the file meta information; empty if it is missing or not well-formed."""
        try:
            return read_file_meta(ByteWindow(self.source, limit=_MAX_META_BYTES)).transfer_syntax
        except HandOverError:
            return ""

    @property
    def transfer_syntax(self) -> str:
        """Return the Transfer Syntax UID of the stored file, guessed if missing."""
        return self.said_transfer_syntax or self.dataset.transfer_syntax


class opened:  # noqa: N801 - used like a function
    """Opens a source for the block; a source that is open already stays open."""

    def __init__(self, source: Readable | StoredInstance) -> None:
        self._is_ours = not isinstance(source, StoredInstance)
        self._stored = source if isinstance(source, StoredInstance) else open_stored(source)

    def __enter__(self) -> StoredInstance:
        return self._stored

    def __exit__(self, *error: object) -> None:
        if self._is_ours:
            self._stored.close()
