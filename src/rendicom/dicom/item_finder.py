"""Finds the items and ends of sequences without reading the elements in them."""

from __future__ import annotations

import struct

from rendicom.dicom.byte_window import LONG_VRS, SHORT_VRS, ByteWindow, HandOverError
from rendicom.dicom.picture_tags import UNDEFINED_LENGTH
from rendicom.errors import CorruptDataError

Bounds = list[tuple[int, int]]
"""Start and stop of each item's content."""

_MAX_DEPTH = 64
_ITEM, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD
_WITH_ITEMS = frozenset((b"SQ", b"UN", b"OB", b"OW"))
"""VRs whose value of undefined length is items, fragments among them."""
_UNPACK = {
    is_little: tuple(struct.Struct(order + form).unpack_from for form in ("HH2sH", "HHI", "I"))
    for is_little, order in ((True, "<"), (False, ">"))
}
"""Readers of tag, VR and short length; of tag and long length; of a long length; by byte order."""


class ItemFinder:
    """Finds items in a data set of one byte order (PS3.5 7.5).

    With ``remembers``, sequences are walked over only once: their ends and bounds are kept in
    ``ends``, by the start of their value.
    """

    def __init__(self, *, little_endian: bool, remembers: bool = False) -> None:
        self.remembers = remembers
        # The content of UN is implicit VR little endian in any data set (PS3.5 6.2.2).
        self.of_unknown = (
            self if little_endian else ItemFinder(little_endian=True, remembers=remembers)
        )
        self.unpack = _UNPACK[little_endian]
        self.ends: dict[int, tuple[int, Bounds]] = {}

    def find(
        self, window: ByteWindow, start: int, stop: int, depth: int, *, explicit: bool
    ) -> tuple[int, Bounds]:
        """Return the end of a sequence, and the bounds of its items.

        ``stop`` is -1 for a sequence of undefined length.

        Raises
        ------
        HandOverError
            The items are not well-formed.
        CorruptDataError
            Sequences are nested too deeply.
        """
        try:
            return self._items(window, start, stop, depth, explicit=explicit)
        except struct.error:
            raise HandOverError("a sequence ends inside an item") from None

    def end_of_fragments(self, window: ByteWindow, position: int) -> int:
        """Return the end of encapsulated pixel data (PS3.5 A.4), which may be truncated."""
        source, first = window.source, position
        while True:
            header = source.read(position, 8)
            tag, length = 0, 0
            if len(header) == 8:
                group, number, length = self.unpack[1](header)
                tag = group << 16 | number
            position += 8
            if tag == _SEQUENCE_END:
                break
            if tag != _ITEM or length == UNDEFINED_LENGTH:
                position = source.size
                break
            position += length
        if self.remembers:
            self.ends[first] = position, []
        return position

    def unknown_element(self, window: ByteWindow, position: int, stop: int) -> tuple[int, int]:
        """Return the start and the length of the value of an element with an unknown VR.

        Such a VR may have a length of two or four bytes: the following element shows which.

        Raises
        ------
        HandOverError
            An element follows in neither case.
        """
        header = window.source.read(position, 12)
        group, number, vr, length = self.unpack[0](header)
        lengths = {8: length}
        if length == 0 and len(header) == 12:
            lengths[12] = self.unpack[2](header, 8)[0]
        for size, length in lengths.items():
            after = position + size + length
            if self._is_boundary(window, after, group << 16 | number, vr, stop):
                return position + size, length
        raise HandOverError("an element has an unknown VR")

    def _is_boundary(
        self, window: ByteWindow, position: int, tag: int, vr: bytes, stop: int
    ) -> bool:
        """Tell whether an element with a later tag, or the end of the data set or item, is here."""
        header = window.source.read(position, 8)
        if position >= stop or len(header) < 8:
            return position == stop
        group, number, next_vr, _ = self.unpack[0](header)
        if group == 0xFFFE:
            return number in (0xE00D, 0xE0DD)
        is_known = next_vr in SHORT_VRS or next_vr in LONG_VRS or next_vr == vr
        return group << 16 | number > tag and is_known

    def _items(
        self, window: ByteWindow, position: int, stop: int, depth: int, *, explicit: bool
    ) -> tuple[int, Bounds]:
        if position in self.ends:
            return self.ends[position]
        first, end = position, stop if stop >= 0 else window.size
        data: bytes | memoryview = b""
        base, safe = 0, -1
        unpack, skip = self.unpack[1], self._skip_explicit if explicit else self._skip_implicit
        bounds: Bounds = []
        while position < end:
            if position > safe:
                data, base, safe = window.around(position, end)
            group, number, length = unpack(data, position - base)
            position += 8
            if group == 0xFFFE and number == 0xE000:
                content = position
                if length == UNDEFINED_LENGTH:
                    position = skip(window, position, depth + 1)
                    bounds.append((content, position - 8))
                    safe = safe if window.base == base else -1
                else:
                    position += length
                    bounds.append((content, position))
                if position > end:
                    raise HandOverError("an item is longer than its sequence")
            elif group << 16 | number == _SEQUENCE_END:
                break
            else:
                raise HandOverError("a sequence holds something other than items")
        else:
            if stop < 0:
                raise HandOverError("a sequence does not end")
        if self.remembers:
            self.ends[first] = position, bounds
        return position, bounds

    def _skip_explicit(self, window: ByteWindow, position: int, depth: int) -> int:
        """Return the end of an item of undefined length, after its delimiter."""
        check_depth(depth)
        data: bytes | memoryview = b""
        base, safe = 0, -1
        short, (unpack, _, unpack_length) = SHORT_VRS, self.unpack
        while True:
            if position > safe:
                data, base, safe = window.around(position, window.size)
            group, number, vr, length = unpack(data, position - base)
            if vr in short:
                position += 8 + length
                continue
            if group == 0xFFFE and number == 0xE00D:
                return position + 8
            if vr not in LONG_VRS:
                offset, length = self.unknown_element(window, position, window.size)
                position = offset + length
                continue
            (length,) = unpack_length(data, position + 8 - base)
            position += 12
            if length == UNDEFINED_LENGTH:
                if vr not in _WITH_ITEMS:
                    raise HandOverError("an element of undefined length is not a sequence")
                is_known = vr != b"UN"
                finder = self if is_known else self.of_unknown
                position, _ = finder.find(window, position, -1, depth, explicit=is_known)
                safe = safe if window.base == base else -1
            else:
                position += length

    def _skip_implicit(self, window: ByteWindow, position: int, depth: int) -> int:
        """Return the end of an item of undefined length, after its delimiter."""
        check_depth(depth)
        refuse_explicit(window, position)
        data: bytes | memoryview = b""
        base, safe = 0, -1
        unpack = self.unpack[1]
        while True:
            if position > safe:
                data, base, safe = window.around(position, window.size)
            group, number, length = unpack(data, position - base)
            position += 8
            if group == 0xFFFE and number == 0xE00D:
                return position
            if length == UNDEFINED_LENGTH:
                position, _ = self._items(window, position, -1, depth, explicit=False)
                safe = safe if window.base == base else -1
            else:
                position += length


def check_depth(depth: int) -> None:
    """Refuse sequences that are nested deeper than in any real object.

    Raises
    ------
    CorruptDataError
    """
    if depth > _MAX_DEPTH:
        raise CorruptDataError(f"sequences are nested more than {_MAX_DEPTH} deep")


def refuse_explicit(window: ByteWindow, position: int) -> None:
    """Hand over a data set declared as implicit VR whose first element has a VR.

    Raises
    ------
    HandOverError
    """
    data, base, _ = window.around(position, window.size)
    letters = bytes(data[position + 4 - base : position + 6 - base])
    if letters.isalpha() and letters.isupper():
        raise HandOverError("explicit VR instead of implicit VR")
