"""Attributes read straight from the bytes that the fast reader walked over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from rendicom.pixels.bytesource import HEAD_BYTES
from rendicom.pixels.elements import WANTED, Element
from rendicom.pixels.headerscan import (
    Bounds,
    HandOverError,
    Window,
    scan_dataset,
    split_items,
)
from rendicom.pixels.valuerepresentation import StoredValue, StoredValues

if TYPE_CHECKING:
    from rendicom.pixels.attributes import Attributes
    from rendicom.pixels.bytesource import ByteSource

__all__ = ["RawAttributes"]


_ABSENT: Element = ("", 0, 0)


class RawAttributes(StoredValues):
    """One little endian data set or item; values are converted, items parsed, when asked for."""

    __slots__ = ("_bounds", "_elements", "_explicit_vr", "_limit", "_sequences", "_source")

    def __init__(
        self,
        source: ByteSource,
        elements: dict[int, Element],
        *,
        explicit_vr: bool,
        bounds: dict[int, Bounds],
        limit: int,
    ) -> None:
        self._source = source
        self._elements = elements
        self._explicit_vr = explicit_vr
        self._bounds = bounds
        self._limit = limit
        self._sequences: dict[int, Sequence[Attributes]] = {}

    def __contains__(self, tag: int) -> bool:
        """Tell whether the element is there with a value, or with an item."""
        vr, _, length = self._elements.get(tag, _ABSENT)
        if length == 0:
            return False
        return (vr or WANTED[tag]) != "SQ" or len(self.items(tag)) > 0

    def stored(self, tag: int) -> StoredValue | None:
        """Return the value field; None when absent, empty or a sequence."""
        vr, offset, length = self._elements.get(tag, _ABSENT)
        if length == 0:
            return None
        if vr in ("", "UN"):
            vr = WANTED[tag]
        if vr == "SQ":
            return None
        return vr, self._source.read(offset, length), "<"

    def items(self, tag: int) -> Sequence[Attributes]:
        """Return the items of a sequence, parsed when used; () when absent."""
        found = self._sequences.get(tag)
        if found is None:
            found = self._sequences[tag] = self._find_items(tag)
        return found

    def _find_items(self, tag: int) -> Sequence[Attributes]:
        vr, start, length = self._elements.get(tag, _ABSENT)
        if length == 0 or (vr or WANTED[tag]) != "SQ":
            return ()
        bounds = self._bounds.get(tag)
        if bounds is None:
            window = Window(self._source, limit=self._limit, step=min(length, HEAD_BYTES))
            try:
                bounds = split_items(window, start, start + length, explicit_vr=self._explicit_vr)
            except HandOverError:
                from rendicom.pixels.datasetattributes import items_from_bytes

                data = self._source.read(start, length)
                return items_from_bytes(data, explicit_vr=self._explicit_vr)
        return _Items(self._source, bounds, explicit_vr=self._explicit_vr, limit=self._limit)


class _Items(Sequence["Attributes"]):
    """The items of one sequence; there may be one for each of many frames."""

    __slots__ = ("_bounds", "_explicit_vr", "_limit", "_parsed", "_source")

    def __init__(
        self, source: ByteSource, bounds: Bounds, *, explicit_vr: bool, limit: int
    ) -> None:
        self._source = source
        self._bounds = bounds
        self._explicit_vr = explicit_vr
        self._limit = limit
        self._parsed: dict[int, Attributes] = {}

    def __len__(self) -> int:
        return len(self._bounds)

    @overload
    def __getitem__(self, index: int) -> Attributes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Attributes]: ...
    def __getitem__(self, index: int | slice) -> Attributes | Sequence[Attributes]:
        if isinstance(index, slice):
            return tuple(self[place] for place in range(*index.indices(len(self))))
        place = index + len(self) if index < 0 else index
        found = self._parsed.get(place)
        if found is None:
            start, stop = self._bounds[place]
            found = self._parsed[place] = self._parse(start, stop)
        return found

    def _parse(self, start: int, stop: int) -> Attributes:
        window = Window(self._source, limit=self._limit, step=min(stop - start, HEAD_BYTES))
        try:
            scan = scan_dataset(window, start, stop, explicit_vr=self._explicit_vr)
        except HandOverError:
            from rendicom.pixels.datasetattributes import item_from_bytes

            data = self._source.read(start, stop - start)
            return item_from_bytes(data, explicit_vr=self._explicit_vr)
        return RawAttributes(
            self._source,
            scan.elements,
            explicit_vr=self._explicit_vr,
            bounds=scan.bounds,
            limit=self._limit,
        )
