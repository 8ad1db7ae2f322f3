"""A stored file, and its conversion, or that of its pixel data, to explicit VR little endian."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rendicom.closing import Closing
from rendicom.dicom.byte_source import open_source
from rendicom.dicom.byte_window import ByteWindow, HandOverError
from rendicom.dicom.data_sets import read_dataset
from rendicom.dicom.file_meta import read_file_meta
from rendicom.dicom.header import read_header
from rendicom.dicom.picture_tags import PIXEL_KEYWORDS, UNDEFINED_LENGTH
from rendicom.dicom.transfer_syntaxes import (
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    GE_PRIVATE,
    is_encapsulated,
)
from rendicom.dicomweb.accepts import DICOM
from rendicom.dicomweb.part10 import Piece, Stretch, piece_length, written
from rendicom.dicomweb.pixeldata import (
    LOSSY,
    MAX_PIXELS,
    Cells,
    PixelFrames,
    packed_bits,
    retrieval_layout,
)
from rendicom.errors import TooLargeError, UnwritableOutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rendicom.dicom.byte_source import Readable
    from rendicom.dicom.elements import DataElement, DataSet
    from rendicom.dicomweb.pixeldata import Layout


_MAX_META_BYTES = 1 << 20


class StoredInstance(Closing):
    """A stored file that is kept open for several requests; its header is read when used.

    Parameters
    ----------
    source
        A path, bytes or binary file object.
    max_pixels
        A frame of more pixels is refused when requested.

    Raises
    ------
    UnreadableSourceError
    """

    def __init__(self, source: Readable, max_pixels: int = MAX_PIXELS) -> None:
        self.source = open_source(source)
        self._max_pixels = max_pixels

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
        self._stored = source if isinstance(source, StoredInstance) else StoredInstance(source)

    def __enter__(self) -> StoredInstance:
        return self._stored

    def __exit__(self, *error: object) -> None:
        if self._is_ours:
            self._stored.close()


_SPOOLED = 32 << 20
_LONGEST_VALUE = 0xFFFFFFFE
_OFFSET_TABLES = (0x7FE00001, 0x7FE00002, 0x7FE00003)
_LOSSY_COMPRESSION = 0x00282110


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The file to send, in pieces: bytes, and stretches of the stored file or of a temporary one.

    The sender removes the temporary files, those with a ``path``.
    """

    pieces: tuple[Piece, ...]
    media_type: str
    transfer_syntax: str
    warnings: tuple[str, ...] = field(default=())

    @property
    def size(self) -> int:
        """Return the length of everything in bytes."""
        return sum(piece_length(piece) for piece in self.pieces)

    @property
    def temporary_files(self) -> tuple[str, ...]:
        """Return the paths to remove when all is sent."""
        paths = (piece.path for piece in self.pieces if isinstance(piece, Stretch))
        return tuple(path for path in paths if path)


class Rewriting:
    """Makes an explicit VR little endian file, or its pixel data, out of any other."""

    def __init__(self, stored: StoredInstance, spool_folder: str | None, max_bytes: int) -> None:
        self._stored = stored
        self._spool_folder = spool_folder
        self._max_bytes = max_bytes
        self._first: Cells | None = None
        self.warnings: dict[str, None] = {}

    def rewritten(self, changes: Mapping[int, tuple[str, bytes] | None]) -> Retrieved:
        """Return the whole file, with elements of its top level changed."""
        dataset = self._stored.whole_dataset
        pixels: Sequence[Piece] | None = None
        element = next((each for each in dataset.elements if each.tag in PIXEL_KEYWORDS), None)
        if element is not None and self._must_convert(element):
            pixels = self.native_pixels(element, is_self_contained=True)
            changes = {**changes, **self._changes()}
        pieces = written(dataset, EXPLICIT_LITTLE_ENDIAN, changes=changes, pixels=pixels)
        warnings = (*dataset.warnings, *self.warnings)
        return Retrieved(tuple(pieces), DICOM, EXPLICIT_LITTLE_ENDIAN, warnings)

    def _must_convert(self, element: DataElement) -> bool:
        uid = self._stored.transfer_syntax
        return (
            element.length == UNDEFINED_LENGTH
            or is_encapsulated(uid)
            or uid in (EXPLICIT_BIG_ENDIAN, GE_PRIVATE)
        )

    def _changes(self) -> dict[int, tuple[str, bytes] | None]:
        """Return the attributes that describe decoded pixel data."""
        pixels = self._stored.pixels
        changes: dict[int, tuple[str, bytes] | None] = dict.fromkeys(_OFFSET_TABLES)
        description = pixels.description
        if not pixels.is_encapsulated:
            return changes
        if description.samples_per_pixel > 1:
            layout = retrieval_layout(description, is_self_contained=True)
            changes[0x00280004] = ("CS", layout.photometric.encode())
            changes[0x00280006] = _number(layout.planar)
        elif self._first is not None and not description.is_float:
            # If a stream has more bits than the header says, or signed values, the stream is right.
            if self._first.bits_stored > description.bits_stored:
                changes[0x00280101] = _number(self._first.bits_stored)
                changes[0x00280102] = _number(self._first.bits_stored - 1)
            if self._first.signed != description.signed:
                changes[0x00280103] = _number(int(self._first.signed))
        if self._stored.transfer_syntax in LOSSY:
            changes[_LOSSY_COMPRESSION] = ("CS", b"01")
        return changes

    def native_pixels(self, element: DataElement, *, is_self_contained: bool) -> list[Piece]:
        """Return the value of the pixel data, native and little endian, of even length.

        Raises
        ------
        TooLargeError
            It would exceed the limit.
        """
        if not self._must_convert(element):
            return self._unchanged(element)
        pixels = self._stored.pixels
        layout = retrieval_layout(pixels.description, is_self_contained=is_self_contained)
        count = pixels.description.number_of_frames
        if pixels.description.bits_allocated == 1:
            self._check(pixels.description.frame_pixels * count // 8)
            data = packed_bits(pixels.bits(number) for number in range(1, count + 1))
            return [data + b"\0" * (len(data) % 2)]
        first = self._first = pixels.uncompressed(1, layout)
        length = len(first.data) * count
        self._check(length)
        frames = self._frames(pixels, layout, count, length)
        return [b"".join(frames)] if length <= _SPOOLED else [self._spooled(frames)]

    def _unchanged(self, element: DataElement) -> list[Piece]:
        dataset = self._stored.dataset
        length = min(element.length, dataset.source.size - element.offset)
        padding: list[Piece] = [b"\0"] if length % 2 else []
        if dataset.is_file:
            return [Stretch(element.offset, length), *padding]
        return [dataset.source.read(element.offset, length), *padding]

    def _check(self, length: int) -> None:
        if length > min(self._max_bytes, _LONGEST_VALUE):
            raise TooLargeError(
                f"the pixel data decode to {length} bytes",
                hint="request transfer-syntax=* or single frames",
            )

    def _frames(
        self, pixels: PixelFrames, layout: Layout, count: int, length: int
    ) -> Iterator[bytes]:
        for number in range(1, count + 1):
            cells = self._first if number == 1 else None
            cells = cells or pixels.uncompressed(number, layout)
            self.warnings.update(dict.fromkeys(cells.warnings))
            yield cells.data
        if length % 2:
            yield b"\0"

    def _spooled(self, parts: Iterable[bytes]) -> Stretch:
        try:
            file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - it outlives this call
                prefix="rendicom-", dir=self._spool_folder, delete=False
            )
        except OSError as error:
            raise _unkept(error) from None
        try:
            with file:
                for part in parts:
                    file.write(part)
                return Stretch(0, file.tell(), file.name)
        except BaseException as error:
            Path(file.name).unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise _unkept(error) from None
            raise


def _unkept(error: OSError) -> UnwritableOutputError:
    reason = error.strerror or type(error).__name__
    return UnwritableOutputError(f"the decoded pixel data cannot be kept: {reason}")


def _number(value: int) -> tuple[str, bytes]:
    return "US", value.to_bytes(2, "little")
