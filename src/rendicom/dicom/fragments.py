"""The fragments of encapsulated pixel data (PS3.5 A.4): found by reading item headers only."""

from __future__ import annotations

import struct
from functools import cached_property
from typing import TYPE_CHECKING

from rendicom.dicom.codestreams import STREAM_STARTS
from rendicom.errors import CorruptDataError
from rendicom.records import NamedTuple

if TYPE_CHECKING:
    from rendicom.dicom.byte_source import ByteSource
    from rendicom.dicom.picture_tags import PixelElement

ITEM = b"\xfe\xff\x00\xe0"
_DELIMITER = b"\xfe\xff\xdd\xe0"
_UNDEFINED = 0xFFFFFFFF
_BLOCK = 4096
_ITEM_HEADER = struct.Struct("<4sI")


class Fragment(NamedTuple):
    """One piece of a compressed stream."""

    offset: int
    """Start of the value, after the item header."""
    length: int
    truncated: bool


_EMPTY = Fragment(0, 0, truncated=False)


class Fragments:
    """The fragments of one pixel data element, and its Basic Offset Table.

    Attributes
    ----------
    first
        Start of the first fragment's item, the origin of offset tables.
    basic_offsets
        The Basic Offset Table; may be empty.
    end
        Latest end of the pixel data.
    """

    def __init__(self, source: ByteSource, pixel: PixelElement) -> None:
        self._source = source
        size = source.size
        self.end = size if pixel.length is None else min(size, pixel.offset + pixel.length)
        self.first, self.basic_offsets = self._read_basic_offset_table(pixel.offset)

    def _read_basic_offset_table(self, offset: int) -> tuple[int, tuple[int, ...]]:
        tag, length = self.item_at(offset)
        if tag != ITEM or length == _UNDEFINED:
            raise CorruptDataError("the pixel data does not start with a Basic Offset Table item")
        data = bytes(self._source.read(offset + 8, length))
        if data.startswith(STREAM_STARTS):
            return offset, ()  # the table was left out
        count = len(data) // 4
        return offset + 8 + length, struct.unpack_from(f"<{count}I", data)

    def item_at(self, offset: int) -> tuple[bytes, int]:
        """Return tag and length of an item or delimiter; an empty tag after the end."""
        header = self._source.read(offset, 8) if offset + 8 <= self.end else b""
        return _ITEM_HEADER.unpack(header) if len(header) == 8 else (b"", 0)

    @cached_property
    def all(self) -> list[Fragment]:
        """Return all fragments that are not empty; cached."""
        fragments: list[Fragment] = []
        position, end = self.first, self.end
        block: bytes | memoryview = b""
        base = step = 0
        while position + 8 <= end:
            if position + 8 > base + len(block):
                # Small fragments are read many at a time; of large ones only the headers.
                block = self._source.view(position, _BLOCK if step < _BLOCK else 8)
                base = position
            tag, length = _ITEM_HEADER.unpack_from(block, position - base)
            if tag != ITEM:
                break
            fragment = self._fragment(position + 8, length) if length else _EMPTY
            if length:
                fragments.append(fragment)
            step = 8 + fragment.length
            position += step
        return fragments

    def between(self, start: int, stop: int | None) -> list[Fragment]:
        """Return the fragments that fill ``start`` to ``stop`` exactly, or nothing.

        Without ``stop`` they run up to the delimiter, or the end of the file.
        """
        fragments: list[Fragment] = []
        position, end = start, self.end if stop is None else stop
        while position < end:
            tag, length = self.item_at(position)
            if tag != ITEM:
                return fragments if stop is None else []
            fragments.append(self._fragment(position + 8, length))
            position += 8 + length
        return fragments if position == stop or stop is None else []

    def _fragment(self, offset: int, length: int) -> Fragment:
        if length == _UNDEFINED:
            return Fragment(offset, self._up_to_delimiter(offset), truncated=False)
        left = max(0, self.end - offset)
        return Fragment(offset, min(length, left), truncated=length > left)

    def _up_to_delimiter(self, offset: int) -> int:
        """Return the length of an item of undefined length: up to the sequence delimiter."""
        step, position = 1 << 20, offset
        while position < self.end:
            found = bytes(self._source.read(position, step + 8)).find(_DELIMITER)
            if found >= 0:
                return position + found - offset
            position += step
        return self.end - offset
