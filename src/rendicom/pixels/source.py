"""Finds the stored bytes of frame n without reading the others (PS3.5 A.4 and 8.1.1).

The position of native frames is computed. Encapsulated ones are found by the first of these that is
valid: the Extended Offset Table, the Basic Offset Table, as many fragments as frames, or the
fragments that start a new stream. A table that does not point at items is ignored.
"""

from __future__ import annotations

import struct
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rendicom.coded_warnings import CodedWarning
from rendicom.dicom.codestreams import STREAM_STARTS, is_rle_header
from rendicom.dicom.fragments import ITEM, Fragment, Fragments
from rendicom.dicom.transfer_syntaxes import GE_PRIVATE, RLE_LOSSLESS, is_encapsulated, is_video
from rendicom.errors import CorruptDataError, NoSuchFrameError
from rendicom.pixels.stored_frames import FrameBytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.dicom.header import Header, PixelElement
    from rendicom.values import PixelDescription

_OFFSETS, _LENGTHS = 0x7FE00001, 0x7FE00002
_SPLIT = (
    CodedWarning(
        "stream-repaired",
        "a frame of the Extended Offset Table has several fragments: they were joined",
    ),
)
_WRONG_LENGTHS = CodedWarning(
    "offset-table-ignored", "the Extended Offset Table Lengths are wrong and were not used"
)


class FrameSource:
    """Finds the stored bytes of each frame of one instance; thread-safe."""

    def __init__(self, header: Header, description: PixelDescription) -> None:
        if header.pixel is None:
            raise CorruptDataError("there is no pixel data element")
        self._header = header
        self._pixel: PixelElement = header.pixel
        self._source = header.source
        self._description = description
        self._video: FrameBytes | None = None
        self.is_encapsulated = self._looks_encapsulated()
        if self.is_encapsulated and not self._is_bare_stream:
            self._fragments = Fragments(self._source, self._pixel)

    def frame(self, number: int) -> FrameBytes:
        """Return the bytes of frame ``number``, counted from 1.

        Raises
        ------
        NoSuchFrameError
            The instance has no such frame.
        CorruptDataError
            The frame's bytes cannot be located.
        """
        if not 1 <= number <= self._description.number_of_frames:
            count = self._description.number_of_frames
            has = "1 frame" if count == 1 else f"{count} frames"
            raise NoSuchFrameError(f"there is no frame {number}: the instance has {has}")
        if not self.is_encapsulated:
            return self._native(number)
        if self._is_bare_stream:
            data = self._source.view(self._pixel.offset, self._pixel.length or 0)
            note = CodedWarning(
                "stream-repaired", "the compressed stream is stored without fragments"
            )
            return FrameBytes(data, encapsulated=True, warnings=(note,))
        return self._encapsulated(number)

    # --- native ---------------------------------------------------------------------------

    def _native(self, number: int) -> FrameBytes:
        description = self._description
        bits = description.frame_bits
        start = (number - 1) * bits
        first, last = start // 8, min(-(-(start + bits) // 8), self._pixel.length or 0)
        big_endian = not self._header.little_endian or self._header.transfer_syntax == GE_PRIVATE
        if big_endian and self._pixel.vr == "OW" and description.bits_allocated <= 8:
            data: bytes | memoryview = self._unswapped(first, last)
        else:
            data = self._source.view(self._pixel.offset + first, max(0, last - first))
        return FrameBytes(data, encapsulated=False, bit_offset=start % 8, big_endian=big_endian)

    def _unswapped(self, first: int, last: int) -> bytes:
        """Return bytes first..last of 8-bit cells that were stored as big endian words."""
        even = first & ~1
        words = bytearray(self._source.read(self._pixel.offset + even, (last - even + 1) & ~1))
        if len(words) % 2:
            words.append(0)
        words[0::2], words[1::2] = words[1::2], words[0::2]
        return bytes(words[first - even : last - even])

    # --- encapsulated ---------------------------------------------------------------------

    def _looks_encapsulated(self) -> bool:
        """Decide by the stored bytes, regardless of the transfer syntax."""
        self._is_bare_stream = False
        if self._pixel.length is None:
            return True
        start = bytes(self._source.read(self._pixel.offset, 16))
        if is_encapsulated(self._header.transfer_syntax):
            if start.startswith(ITEM):
                return True
            self._is_bare_stream = start.startswith(STREAM_STARTS)
            return self._is_bare_stream
        expected = self._description.frame_bits * self._description.number_of_frames // 8
        return start.startswith(ITEM + b"\x00\x00\x00\x00" + ITEM) and (
            self._pixel.length < expected
        )

    def _encapsulated(self, number: int) -> FrameBytes:
        count = self._description.number_of_frames
        if is_video(self._header.transfer_syntax):
            return self._all_frames()
        if count == 1:
            return self._joined(self._fragments.all)
        found, notes = self._by_tables(number)
        return found or self._joined(self._by_fragments(number), notes)

    def _all_frames(self) -> FrameBytes:
        """Return the stream of a video: always the same object, so that decoders recognize it."""
        if self._video is None:
            joined = self._joined(self._fragments.all)
            self._video = joined._replace(data=bytes(joined.data))
        return self._video

    def _by_tables(self, number: int) -> tuple[FrameBytes | None, tuple[CodedWarning, ...]]:
        """Return frame ``number`` by the first valid offset table, and notes on invalid ones."""
        notes: tuple[CodedWarning, ...] = ()
        if self._extended_offsets is not None:
            fragments = self._by_table(self._extended_offsets, number)
            if fragments:
                found = self._joined(fragments, _SPLIT if len(fragments) > 1 else ())
                return self._cut_to_length(found, number), ()
            notes = (_wrong_table("Extended"),)
        if self._basic_offsets is not None:
            fragments = self._by_table(self._basic_offsets, number)
            if fragments:
                return self._joined(fragments, notes), ()
            notes += (_wrong_table("Basic"),)
        return None, notes

    @cached_property
    def _extended_offsets(self) -> NDArray[Any] | None:
        """Return the Extended Offset Table (7FE0,0001), or None; see `_believed`."""
        data = self._header.attributes.raw(_OFFSETS) if _OFFSETS in self._header.attributes else b""
        return self._believed(np.frombuffer(data[: len(data) & ~7], "<u8")) if data else None

    @cached_property
    def _basic_offsets(self) -> NDArray[Any] | None:
        """Return the Basic Offset Table, None if it is empty; see `_believed`."""
        offsets = self._fragments.basic_offsets
        return self._believed(np.array(offsets, "<u8")) if offsets else None

    def _believed(self, offsets: NDArray[Any]) -> NDArray[Any]:
        """Return the offsets of the frames; none if they are implausible."""
        left = self._fragments.end - self._fragments.first
        if (
            len(offsets) != self._description.number_of_frames
            or offsets[0] != 0
            or offsets[-1] >= left
            or bool((offsets[1:] <= offsets[:-1]).any())
        ):
            return offsets[:0]
        return offsets

    def _by_table(self, offsets: NDArray[Any], number: int) -> list[Fragment]:
        """Return the fragments of frame ``number``; empty if the table is invalid."""
        if not len(offsets):
            return []
        first, is_last = self._fragments.first, number == len(offsets)
        stop = None if is_last else first + int(offsets[number])
        return self._fragments.between(first + int(offsets[number - 1]), stop)

    def _cut_to_length(self, found: FrameBytes, number: int) -> FrameBytes:
        """Remove the pad byte if the Extended Offset Table Lengths show one."""
        data = self._header.attributes.raw(_LENGTHS)
        if len(data) < 8 * number:
            return found
        (length,) = struct.unpack_from("<Q", data, 8 * (number - 1))
        held = len(found.data)
        if held - length not in (0, 1) and not found.warnings:
            return found._replace(warnings=(_WRONG_LENGTHS,))
        return found._replace(data=found.data[:length]) if held - length == 1 else found

    def _by_fragments(self, number: int) -> list[Fragment]:
        fragments = self._fragments.all
        count = self._description.number_of_frames
        if len(fragments) == count:
            return [fragments[number - 1]]
        if len(fragments) < count:
            if number <= len(fragments):
                return [fragments[number - 1]]
            raise CorruptDataError(
                f"the file ends before frame {number}: {len(fragments)} of {count} frames are there"
            )
        starts = self._starts
        if not starts or number > len(starts):
            raise CorruptDataError(
                f"cannot tell which of {len(fragments)} fragments belong to frame {number}",
                hint="the offset table is empty or wrong and no fragment starts that frame",
            )
        stop = starts[number] if number < len(starts) else len(fragments)
        return fragments[starts[number - 1] : stop]

    @cached_property
    def _starts(self) -> list[int]:
        """Return which fragments start a stream."""
        return [at for at, item in enumerate(self._fragments.all) if self._starts_stream(item)]

    def _starts_stream(self, fragment: Fragment) -> bool:
        start = bytes(self._source.read(fragment.offset, 64))
        if self._header.transfer_syntax == RLE_LOSSLESS:
            return is_rle_header(start)
        return start.startswith(STREAM_STARTS)

    def _joined(
        self, fragments: list[Fragment], notes: tuple[CodedWarning, ...] = ()
    ) -> FrameBytes:
        if not fragments:
            raise CorruptDataError("the pixel data holds no fragment")
        if any(fragment.truncated for fragment in fragments):
            notes += (CodedWarning("incomplete-data", "the file ends inside the pixel data"),)
        # Codecs want bytes.
        parts = [self._source.read(fragment.offset, fragment.length) for fragment in fragments]
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        return FrameBytes(data, encapsulated=True, warnings=notes)


def _wrong_table(name: str) -> CodedWarning:
    text = f"the {name} Offset Table is wrong and was not used"
    return CodedWarning("offset-table-ignored", text)
