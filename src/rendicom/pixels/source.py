"""Finds the stored bytes of frame n without reading the others (PS3.5 A.4 and 8.1.1).

Native frames are an arithmetic away. Encapsulated ones are found by the first of these that
holds for the file: the Extended Offset Table, the Basic Offset Table, as many fragments as
frames, or the fragments that start a new stream. A table that does not point at items is not
believed.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from rendicom.errors import CorruptDataError, NoSuchFrameError
from rendicom.pixels.frames import FrameBytes
from rendicom.pixels.syntaxes import GE_PRIVATE, RLE_LOSSLESS, is_encapsulated, is_video

if TYPE_CHECKING:
    from rendicom.pixels.header import Header, PixelElement
    from rendicom.values import PixelDescription

__all__ = ["FrameSource", "native_frame_bits"]

_ITEM = b"\xfe\xff\x00\xe0"
_DELIMITER = b"\xfe\xff\xdd\xe0"
_UNDEFINED = 0xFFFFFFFF
_BLOCK = 4096
_ITEM_HEADER = struct.Struct("<4sI")
_STREAM_STARTS = (
    b"\xff\xd8\xff",  # JPEG and JPEG-LS: SOI and the next marker
    b"\xff\x4f\xff\x51",  # JPEG 2000: SOC, SIZ
    b"\x00\x00\x00\x0cjP  ",  # JP2 box
    b"\x00\x00\x00\x0cJXL ",  # JPEG XL box
    b"\xff\x0a",  # JPEG XL codestream
)


class _Fragment(NamedTuple):
    offset: int
    """Of the value, behind the item header."""
    length: int
    truncated: bool


def native_frame_bits(description: PixelDescription) -> int:
    """Return the size of one native frame in bits.

    YBR_FULL_422 and YBR_PARTIAL_422 store two samples a pixel (PS3.3 C.7.6.3.1.2).
    """
    samples = description.samples_per_pixel
    if samples == 3 and description.photometric_interpretation.endswith("_422"):
        samples = 2
    return description.frame_pixels * samples * description.bits_allocated


_EMPTY = _Fragment(0, 0, truncated=False)


class FrameSource:
    """Gives the stored bytes of each frame of one instance; safe to use from many threads."""

    def __init__(self, header: Header, description: PixelDescription) -> None:
        if header.pixel is None:
            raise CorruptDataError("there is no pixel data element")
        self._header = header
        self._pixel: PixelElement = header.pixel
        self._source = header.source
        self._description = description
        self._fragments: list[_Fragment] | None = None
        self._first_fragment = 0
        self._basic_offsets: tuple[int, ...] = ()
        self._video: FrameBytes | None = None
        self.is_encapsulated = self._looks_encapsulated()
        if self.is_encapsulated and not self._is_bare_stream:
            self._first_fragment, self._basic_offsets = self._read_basic_offset_table()

    def frame(self, number: int) -> FrameBytes:
        """Return the bytes of frame ``number``, counted from 1.

        Raises
        ------
        NoSuchFrameError
            The instance has no such frame.
        CorruptDataError
            The frame's bytes cannot be told from the others'.
        """
        if not 1 <= number <= self._description.number_of_frames:
            count = self._description.number_of_frames
            has = "1 frame" if count == 1 else f"{count} frames"
            raise NoSuchFrameError(f"there is no frame {number}: the instance has {has}")
        if not self.is_encapsulated:
            return self._native(number)
        if self._is_bare_stream:
            data = self._source.view(self._pixel.offset, self._pixel.length or 0)
            note = "the compressed stream is stored without fragments"
            return FrameBytes(data, encapsulated=True, warnings=(note,))
        return self._encapsulated(number)

    # --- native ---------------------------------------------------------------------------

    def _native(self, number: int) -> FrameBytes:
        description = self._description
        bits = native_frame_bits(description)
        stored = (self._pixel.length or 0) * 8
        full = description.frame_pixels * description.samples_per_pixel * description.bits_allocated
        if full != bits and stored >= full * description.number_of_frames:
            bits = full  # labelled 4:2:2, stored 4:4:4
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
        """Believe how the bytes are stored before what the transfer syntax says of them."""
        self._is_bare_stream = False
        if self._pixel.length is None:
            return True
        start = bytes(self._source.read(self._pixel.offset, 16))
        if is_encapsulated(self._header.transfer_syntax):
            if start.startswith(_ITEM):
                return True
            self._is_bare_stream = start.startswith(_STREAM_STARTS)
            return self._is_bare_stream
        expected = native_frame_bits(self._description) * self._description.number_of_frames // 8
        return start.startswith(_ITEM + b"\x00\x00\x00\x00" + _ITEM) and (
            self._pixel.length < expected
        )

    @property
    def _end(self) -> int:
        size = self._source.size
        return (
            size
            if self._pixel.length is None
            else min(size, self._pixel.offset + self._pixel.length)
        )

    def _read_basic_offset_table(self) -> tuple[int, tuple[int, ...]]:
        """Return where the first fragment's item starts and the offsets counted from there."""
        offset = self._pixel.offset
        tag, length = self._item_at(offset)
        if tag != _ITEM or length == _UNDEFINED:
            raise CorruptDataError("the pixel data does not start with a Basic Offset Table item")
        data = bytes(self._source.read(offset + 8, length))
        if data.startswith(_STREAM_STARTS):
            return offset, ()  # the table was left out
        count = len(data) // 4
        return offset + 8 + length, struct.unpack_from(f"<{count}I", data)

    def _item_at(self, offset: int) -> tuple[bytes, int]:
        header = self._source.read(offset, 8) if offset + 8 <= self._end else b""
        return _ITEM_HEADER.unpack(header) if len(header) == 8 else (b"", 0)

    def _encapsulated(self, number: int) -> FrameBytes:
        count = self._description.number_of_frames
        if is_video(self._header.transfer_syntax):
            return self._all_frames()
        if count == 1:
            return self._joined(self._all_fragments())
        extended = self._by_extended_offset_table(number)
        if extended is not None:
            return extended
        notes: tuple[str, ...] = ()
        if self._basic_offsets:
            fragments = self._by_basic_offset_table(number)
            if fragments:
                return self._joined(fragments)
            notes = ("the Basic Offset Table is wrong and was not used",)
        return self._joined(self._by_fragments(number), notes)

    def _all_frames(self) -> FrameBytes:
        """Return the stream of a video: the same object each time, which decoders know again."""
        if self._video is None:
            joined = self._joined(self._all_fragments())
            self._video = replace(joined, data=bytes(joined.data))
        return self._video

    def _by_extended_offset_table(self, number: int) -> FrameBytes | None:
        """Return frame ``number`` by (7FE0,0001) and (7FE0,0002); None when they do not serve."""
        attributes = self._header.attributes
        count = self._description.number_of_frames
        offsets = attributes.raw(0x7FE00001) if 0x7FE00001 in attributes else b""
        if len(offsets) < 8 * count:
            return None
        (offset,) = struct.unpack_from("<Q", offsets, 8 * (number - 1))
        position = self._first_fragment + offset
        tag, length = self._item_at(position)
        if tag != _ITEM:
            return None
        lengths = attributes.raw(0x7FE00002)
        if len(lengths) >= 8 * count:
            length = min(length, struct.unpack_from("<Q", lengths, 8 * (number - 1))[0])
        return self._joined([self._fragment(position + 8, length)])

    def _by_basic_offset_table(self, number: int) -> list[_Fragment]:
        """Return the fragments of frame ``number``, or nothing when the table does not hold."""
        offsets = self._basic_offsets
        if len(offsets) != self._description.number_of_frames:
            return []
        start = self._first_fragment + offsets[number - 1]
        is_last = number == len(offsets)
        stop = self._end if is_last else self._first_fragment + offsets[number]
        if start >= stop or (number > 1 and offsets[number - 1] == 0):
            return []
        fragments: list[_Fragment] = []
        position = start
        while position < stop:
            tag, length = self._item_at(position)
            if tag != _ITEM:
                # The table must lead to items; only the last frame may run into the delimiter.
                return fragments if is_last else []
            fragments.append(self._fragment(position + 8, length))
            position += 8 + length
        return fragments if position == stop or is_last else []

    def _by_fragments(self, number: int) -> list[_Fragment]:
        fragments = [fragment for fragment in self._all_fragments() if fragment.length]
        count = self._description.number_of_frames
        if len(fragments) == count:
            return [fragments[number - 1]]
        if len(fragments) < count:
            if number <= len(fragments):
                return [fragments[number - 1]]
            raise CorruptDataError(
                f"the file ends before frame {number}: {len(fragments)} of {count} frames are there"
            )
        starts = [index for index, item in enumerate(fragments) if self._starts_stream(item)]
        if not starts or number > len(starts):
            raise CorruptDataError(
                f"cannot tell which of {len(fragments)} fragments belong to frame {number}",
                hint="the offset table is empty or wrong and no fragment starts that frame",
            )
        stop = starts[number] if number < len(starts) else len(fragments)
        return fragments[starts[number - 1] : stop]

    def _starts_stream(self, fragment: _Fragment) -> bool:
        start = bytes(self._source.read(fragment.offset, 64))
        if self._header.transfer_syntax == RLE_LOSSLESS:
            return _is_rle_header(start)
        return start.startswith(_STREAM_STARTS)

    def _all_fragments(self) -> list[_Fragment]:
        """Return every fragment, reading item headers only; found once and kept."""
        if self._fragments is None:
            fragments: list[_Fragment] = []
            position, end = self._first_fragment, self._end
            block: bytes | memoryview = b""
            base = step = 0
            while position + 8 <= end:
                if position + 8 > base + len(block):
                    # Small fragments come many at a time; between large ones only headers are read.
                    block, base = (
                        self._source.view(position, _BLOCK if step < _BLOCK else 8),
                        position,
                    )
                tag, length = _ITEM_HEADER.unpack_from(block, position - base)
                if tag != _ITEM:
                    break
                fragment = self._fragment(position + 8, length) if length else _EMPTY
                fragments.append(fragment)
                step = 8 + fragment.length
                position += step
            self._fragments = fragments
        return self._fragments

    def _fragment(self, offset: int, length: int) -> _Fragment:
        if length == _UNDEFINED:
            return _Fragment(offset, self._up_to_delimiter(offset), truncated=False)
        left = max(0, self._end - offset)
        return _Fragment(offset, min(length, left), truncated=length > left)

    def _up_to_delimiter(self, offset: int) -> int:
        """Return the length of an item that does not tell it: up to the sequence delimiter."""
        step, position = 1 << 20, offset
        while position < self._end:
            found = bytes(self._source.read(position, step + 8)).find(_DELIMITER)
            if found >= 0:
                return position + found - offset
            position += step
        return self._end - offset

    def _joined(self, fragments: list[_Fragment], notes: tuple[str, ...] = ()) -> FrameBytes:
        if not fragments:
            raise CorruptDataError("the pixel data holds no fragment")
        if any(fragment.truncated for fragment in fragments):
            notes += ("the file ends inside the pixel data",)
        parts = [self._source.view(fragment.offset, fragment.length) for fragment in fragments]
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        return FrameBytes(data, encapsulated=True, warnings=notes)


def _is_rle_header(start: bytes) -> bool:
    """Tell whether 64 bytes are a plausible RLE header (PS3.5 G.5)."""
    if len(start) < 64:
        return False
    count, *offsets = struct.unpack("<16I", start)
    used, unused = offsets[:count], offsets[count:]
    rising = all(low < high for low, high in pairwise(used))
    return 1 <= count <= 15 and offsets[0] == 64 and rising and not any(unused)
