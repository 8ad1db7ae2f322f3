"""The one walk over the data elements of a file.

Headers for pictures, metadata, documents and the catalogue are all read by `ElementWalker`.
Other elements are skipped, items of sequences are read on demand, and long values stay in the file.
At the first element that is not clearly well-formed it raises `HandOverError`, and pydicom reads
the file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Container

from rendicom.coded_warnings import CodedWarning
from rendicom.dicom.byte_source import BufferSource
from rendicom.dicom.byte_window import LONG_VRS, SHORT_VRS, ByteWindow, HandOverError
from rendicom.dicom.elements import (
    DataElement,
    is_signed,
    little_endian_value,
    resolve_vrs,
    standard_vr,
)
from rendicom.dicom.item_finder import Bounds, ItemFinder, check_depth, refuse_explicit
from rendicom.dicom.layouts import ElementLayout
from rendicom.dicom.lazy_items import Index, LazyItems
from rendicom.dicom.picture_tags import PIXEL_KEYWORDS, UNDEFINED_LENGTH
from rendicom.errors import LimitExceededError

KEPT_BYTES = 64 << 10
"""Values up to this length are read along with the header."""
_MAX_ELEMENTS = 2_000_000
_UNKNOWN_VR = CodedWarning(
    "unknown-vr",
    "a data element has an unknown VR: its length was derived from the bytes that follow",
)
_LAST_META_TAG = 0x0002FFFF
_SHORT_NAMES = frozenset(SHORT_VRS.values())
_VRS = frozenset((*SHORT_VRS.values(), *LONG_VRS.values())) - {"UN"}
_NOT_STATED = frozenset(("", "UN"))
_FRAGMENT_VRS = frozenset(("OB", "OW"))
_WITH_ITEMS = frozenset(("", "SQ", "UN", "OB", "OW"))
_MAY_BE_SEQUENCE = frozenset((b"SQ", b"UN"))
_FORGETFUL = {is_little: ItemFinder(little_endian=is_little) for is_little in (True, False)}


class ElementWalker:
    """Reads the elements of a data set, and of its items when they are used.

    Parameters
    ----------
    window
        The bytes.
    wanted
        Tags of elements to return, in items too; None for all.
    vr_of
        Function that returns the VR of elements in implicit VR; empty or None if unknown.
    has_places
        If false, elements have all their values and no positions, as these would not be positions
        in the file.
    """

    def __init__(
        self,
        window: ByteWindow,
        *,
        explicit_vr: bool,
        little_endian: bool = True,
        wanted: Container[int] | None = None,
        vr_of: Callable[[int], str | None] = standard_vr,
        has_places: bool = True,
    ) -> None:
        self.source = window.source
        self.little_endian = little_endian
        self.finder = _FORGETFUL[little_endian]
        self._window = window
        self._explicit = explicit_vr
        self._wanted = wanted
        self._vr_of = vr_of
        self._has_places = has_places
        self._left = _MAX_ELEMENTS
        self.notes: tuple[CodedWarning, ...] = ()
        """Warnings about guesses."""

    def over(self, data: bytes) -> tuple[ElementWalker, ByteWindow]:
        """Return a walker like this one, and its window, over explicit VR little endian bytes.

        pydicom wrote them from bytes that this walker cannot read.
        """
        window = ByteWindow(BufferSource(data), limit=len(data))
        return self._little_endian_walker(window), window

    def _little_endian_walker(self, window: ByteWindow | None = None) -> ElementWalker:
        walker = ElementWalker(
            window or self._window,
            explicit_vr=True,
            wanted=self._wanted,
            vr_of=self._vr_of,
            has_places=False,
        )
        walker.finder = ItemFinder(little_endian=True, remembers=True)
        return walker

    def read(
        self,
        start: int,
        stop: int,
        *,
        up_to_pixels: bool,
        after_tag: int = _LAST_META_TAG,
        signed: bool = False,
    ) -> tuple[DataElement, ...]:
        """Return the elements from ``start`` to ``stop``, or up to and with the pixel data.

        ``signed``: Pixel Representation of the enclosing data set says signed.

        Raises
        ------
        HandOverError
            An element is not clearly well-formed.
        CorruptDataError, LimitExceededError
        """
        # All items are going to be read.
        self.finder = ItemFinder(little_endian=self.little_endian, remembers=True)
        index = self.index(start, stop, up_to_pixels=up_to_pixels, after_tag=after_tag)
        return self._elements(self._window, index, signed=signed)

    def read_item(self, items: LazyItems, number: int) -> tuple[DataElement, ...]:
        """Return the elements of one item; see `read`."""
        try:
            window, index = self._walk_item(items, number)
        except HandOverError:
            walker, size = self._copy_of(items, number)
            return walker.read(0, size, up_to_pixels=False, after_tag=-1, signed=items.signed)
        return self._elements(window, index, signed=items.signed)

    def index(
        self, start: int, stop: int, *, up_to_pixels: bool = True, after_tag: int = _LAST_META_TAG,
        layout: ElementLayout | None = None,
    ) -> Index:  # fmt: skip
        """Return the positions of values, by tag; see `read`; ``layout``: that of similar files."""
        index = self._walk(
            self._window, start, stop, 0, explicit=self._explicit, last=after_tag,
            up_to_pixels=up_to_pixels, layout=layout,
        )  # fmt: skip
        for tag in PIXEL_KEYWORDS:
            if tag in index and index[tag][0] in _SHORT_NAMES:
                raise HandOverError("the pixel data have no VR that fits them")
        return index

    def index_item(self, items: LazyItems, number: int) -> tuple[ElementWalker, Index]:
        """Return the positions of values in one item, and their walker; see `index`."""
        try:
            return self, self._walk_item(items, number)[1]
        except HandOverError:
            walker, size = self._copy_of(items, number)
            return walker, walker.index(0, size, up_to_pixels=False, after_tag=-1)

    def _walk_item(self, items: LazyItems, number: int) -> tuple[ByteWindow, Index]:
        window, start, stop, explicit = items.place(number)
        return window, self._walk(window, start, stop, items.depth, explicit=explicit)

    def _copy_of(self, items: LazyItems, number: int) -> tuple[ElementWalker, int]:
        """Return a walker over an item as pydicom reads it, and its size in bytes."""
        from rendicom.dicom.pydicom_encoding import encode_item

        _, start, stop, explicit = items.place(number)
        data = encode_item(
            self.source.read(start, stop - start),
            explicit_vr=explicit,
            little_endian=self.little_endian,
        )
        return self.over(data)[0], len(data)

    def _walk(
        self,
        window: ByteWindow,
        start: int,
        stop: int,
        depth: int,
        *,
        explicit: bool,
        last: int = -1,
        up_to_pixels: bool = False,
        layout: ElementLayout | None = None,
    ) -> Index:
        """Return the positions of the wanted elements from ``start`` to ``stop``."""
        check_depth(depth)
        index: Index = {}
        walk = self._walk_explicit if explicit else self._walk_implicit
        if not explicit and start < stop:
            refuse_explicit(window, start)
        try:
            if layout is not None:

                def walk_one(at: int, before: int) -> int:
                    return walk(window, at, stop, depth, before, up_to_pixels, index, at + 1)

                start, last = layout.follow(window, start, last, index, walk_one)
            position = walk(window, start, stop, depth, last, up_to_pixels, index)
        except struct.error:
            raise HandOverError("the data set ends inside an element") from None
        if position > stop:
            raise HandOverError("an element is longer than the rest of the data")
        self._check_number(len(index))
        self._left -= len(index)
        return index

    def _check_number(self, number: int) -> None:
        if number > self._left:
            raise LimitExceededError(f"there are more than {_MAX_ELEMENTS} data elements")

    def _walk_explicit(
        self,
        window: ByteWindow,
        position: int,
        stop: int,
        depth: int,
        last: int,
        up_to_pixels: bool,
        index: Index,
        until: int | None = None,
    ) -> int:
        data: bytes | memoryview = b""
        base, safe = 0, -1
        until = stop if until is None else min(until, stop)
        wanted: Container[int] = self._wanted or ()
        is_all = self._wanted is None
        short, long, (unpack, _, unpack_length) = SHORT_VRS, LONG_VRS, self.finder.unpack
        while True:
            if position > safe:
                if position >= until:
                    return position
                self._check_number(len(index))
                data, base, safe = window.around(position, stop)
                safe = min(safe, until - 1, position + 8 * (self._left - len(index)))
            group, number, vr, length = unpack(data, position - base)
            tag = group << 16 | number
            if tag <= last:
                if tag == depth == 0:
                    return stop  # the file is padded with zeros
                raise HandOverError("the elements are not in the order of their tags")
            last = tag
            if vr in short:
                if is_all or tag in wanted:
                    index[tag] = (short[vr], position, position + 8, length, None)
                position += 8 + length
                continue
            if vr not in long:
                position = self._walk_unknown(window, tag, position, stop, index)
                continue
            (length,) = unpack_length(data, position + 8 - base)
            offset = position + 12
            if length == UNDEFINED_LENGTH or (
                (vr in _MAY_BE_SEQUENCE or tag in PIXEL_KEYWORDS) and (is_all or tag in wanted)
            ):
                position = self._walk_long(
                    window, (tag, long[vr], position, offset, length), stop, depth, up_to_pixels,
                    index, explicit=True,
                )  # fmt: skip
                safe = safe if window.base == base else -1
            else:
                if is_all or tag in wanted:
                    index[tag] = (long[vr], position, offset, length, None)
                position = offset + length

    def _walk_implicit(
        self,
        window: ByteWindow,
        position: int,
        stop: int,
        depth: int,
        last: int,
        up_to_pixels: bool,
        index: Index,
        until: int | None = None,
    ) -> int:
        data: bytes | memoryview = b""
        base, safe = 0, -1
        until = stop if until is None else min(until, stop)
        wanted: Container[int] = self._wanted or ()
        is_all, vr_of, unpack = self._wanted is None, self._vr_of, self.finder.unpack[1]
        while True:
            if position > safe:
                if position >= until:
                    return position
                self._check_number(len(index))
                data, base, safe = window.around(position, stop)
                safe = min(safe, until - 1, position + 8 * (self._left - len(index)))
            group, number, length = unpack(data, position - base)
            tag = group << 16 | number
            if tag <= last:
                if tag == depth == 0:
                    return stop  # the file is padded with zeros
                raise HandOverError("the elements are not in the order of their tags")
            if group == 0xFFFE:
                raise HandOverError("an item lies outside of a sequence")
            last = tag
            offset = position + 8
            vr = (vr_of(tag) or "") if is_all or tag in wanted else None
            if length == UNDEFINED_LENGTH or vr == "SQ" or tag in PIXEL_KEYWORDS:
                position = self._walk_long(
                    window, (tag, "", position, offset, length), stop, depth, up_to_pixels,
                    index, explicit=False,
                )  # fmt: skip
                safe = safe if window.base == base else -1
            else:
                if vr is not None:
                    index[tag] = (vr, position, offset, length, None)
                position = offset + length

    def _walk_unknown(
        self, window: ByteWindow, tag: int, position: int, stop: int, index: Index
    ) -> int:
        """Record an element with an unknown VR, and return its end."""
        if tag >> 16 == 0xFFFE:
            raise HandOverError("an item lies outside of a sequence")
        offset, length = self.finder.unknown_element(window, position, stop)
        self.notes = (_UNKNOWN_VR,)
        if self._wanted is None or tag in self._wanted:
            vr = self._vr_of(tag)
            index[tag] = (vr if vr and vr != "SQ" else "UN", position, offset, length, None)
        return offset + length

    def _walk_long(
        self,
        window: ByteWindow,
        header: tuple[int, str, int, int, int],
        stop: int,
        depth: int,
        up_to_pixels: bool,
        index: Index,
        *,
        explicit: bool,
    ) -> int:
        """Record an element that may hold items or pixels, and return its end."""
        tag, stored_vr, start, offset, length = header
        is_pixels = tag in PIXEL_KEYWORDS and depth == 0 and stored_vr != "SQ"
        # The content of UN is implicit VR little endian in any data set (PS3.5 6.2.2).
        inside = explicit and stored_vr != "UN"
        walker = self if inside or self.little_endian else self._little_endian_walker()
        bounds: Bounds | None = None
        if is_pixels and (up_to_pixels or length != UNDEFINED_LENGTH):
            end = stop if up_to_pixels else min(offset + length, stop)  # they may be cut short
        elif is_pixels:
            end = self.finder.end_of_fragments(window, offset)
        elif length != UNDEFINED_LENGTH:
            end = offset + length
        elif stored_vr in _WITH_ITEMS:
            end, bounds = walker.finder.find(window, offset, -1, depth, explicit=inside)
        else:
            raise HandOverError("an element of undefined length is not a sequence")
        if self._wanted is not None and tag not in self._wanted:
            return end
        vr = (self._vr_of(tag) or stored_vr) if stored_vr in _NOT_STATED else stored_vr
        items: LazyItems | None = None
        is_fragments = stored_vr in _FRAGMENT_VRS or (tag in PIXEL_KEYWORDS and vr != "SQ")
        if vr == "SQ" or (length == UNDEFINED_LENGTH and not is_fragments):
            vr = "SQ"
            items = LazyItems(
                walker, window.fixed(), offset, end, depth + 1, explicit_vr=inside, bounds=bounds
            )
        index[tag] = (vr, start, offset, length, items)
        return end

    def _elements(
        self, window: ByteWindow, index: Index, *, signed: bool
    ) -> tuple[DataElement, ...]:
        """Return elements with their values, and with VRs from the dictionaries."""
        found: list[DataElement] = []
        data, base, known_end = window.data, window.base, window.end
        make, little_endian = tuple.__new__, self.little_endian
        for tag, (vr, start, offset, length, items) in index.items():
            end, value = offset + length, None
            if items is not None:
                end = items.stop
            elif length == UNDEFINED_LENGTH:
                end = self.finder.ends.get(offset, (self.source.size,))[0]
            elif not self._has_places or (length <= KEPT_BYTES and tag not in PIXEL_KEYWORDS):
                if offset >= base and end <= known_end:
                    value = bytes(data[offset - base : end - base])
                else:
                    value = self.source.read(offset, length)
                if not little_endian and not (offset - start == 12 and vr in _SHORT_NAMES):
                    value = little_endian_value(vr, value)  # UN is not swapped
            places = start, offset, end
            if not self._has_places:
                if value is None and items is None:
                    value = self.source.read(offset, end - offset - 8)  # before the delimiter
                places = -1, -1, -1
            found.append(make(DataElement, (tag, vr, *places, length, value, items)))
        elements = tuple(found)
        if all(each.items is None and each.vr in _VRS for each in elements):
            return elements
        signed = is_signed(elements, signed)
        for each in elements:
            if isinstance(each.items, LazyItems):
                each.items.signed = signed
        return resolve_vrs(elements, signed=signed)
