"""The items of a sequence, read when they are used."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, overload

from rendicom.dicom.byte_window import ByteWindow, HandOverError
from rendicom.dicom.elements import DataElement, Items
from rendicom.dicom.item_finder import Bounds, ItemFinder

if TYPE_CHECKING:
    from rendicom.dicom.byte_source import ByteSource


class ItemReader(Protocol):
    """The walker of a sequence, as its items use it."""

    source: ByteSource
    little_endian: bool
    finder: ItemFinder

    def over(self, data: bytes) -> tuple[ItemReader, ByteWindow]:
        """Return a walker like this one, and its window, over explicit VR little endian bytes."""
        ...

    def read_item(self, items: LazyItems, number: int) -> tuple[DataElement, ...]:
        """Return the elements of one item."""
        ...

    def index_item(self, items: LazyItems, number: int) -> tuple[ItemReader, Index]:
        """Return the positions of values in one item, and their walker."""
        ...


class LazyItems(Sequence[tuple[DataElement, ...]]):
    """The items of a sequence, each read when it is used; there may be one for each frame.

    ``stop`` is the end of the sequence. A malformed one is read by pydicom; ``walker`` is then over
    the bytes that it wrote.
    """

    __slots__ = ("_bounds", "_place", "depth", "signed", "stop")

    def __init__(
        self,
        walker: ItemReader,
        window: ByteWindow,
        start: int,
        stop: int,
        depth: int,
        *,
        explicit_vr: bool,
        bounds: Bounds | None = None,
    ) -> None:
        self.stop, self.depth = stop, depth
        self.signed = False
        """Pixel Representation of the enclosing data set says signed."""
        # Replaced as a whole: another thread may be reading it.
        self._place = walker, window, start, stop, explicit_vr
        self._bounds = bounds

    @property
    def walker(self) -> ItemReader:
        """Return the walker that reads the items."""
        return self._place[0]

    @property
    def bounds(self) -> Bounds:
        """Return the positions of the items."""
        if self._bounds is None:
            walker, window, start, stop, explicit = self._place
            fixed = window.fixed(stop - start)
            try:
                _, bounds = walker.finder.find(fixed, start, stop, self.depth, explicit=explicit)
            except HandOverError:
                from rendicom.dicom.pydicom_encoding import encode_sequence

                data = encode_sequence(
                    walker.source.read(start, stop - start),
                    explicit_vr=explicit,
                    little_endian=walker.little_endian,
                )
                walker, window = walker.over(data)
                _, bounds = walker.finder.find(window, 0, len(data), self.depth, explicit=True)
                self._place = walker, window, 0, len(data), True
            self._bounds = bounds
        return self._bounds

    def containing(self, data: bytes) -> list[int]:
        """Return the numbers of the items in whose bytes ``data`` occurs, in ascending order."""
        bounds = self.bounds
        starts = [start for start, _ in bounds]
        source, found = self._place[1].source, list[int]()
        position, end = (bounds[0][0], bounds[-1][1]) if bounds else (0, 0)
        while position < end:
            block = bytes(source.view(position, min(_BLOCK, end - position)))
            place = 0
            while (place := block.find(data, place)) >= 0:
                number = bisect_right(starts, position + place) - 1
                if position + place < bounds[number][1] and found[-1:] != [number]:
                    found.append(number)
                place = max(place + 1, bounds[number][1] - position)
            if len(block) < len(data):
                break
            # It may lie across the border of two blocks.
            position += len(block) - len(data) + 1
        return found

    def place(self, number: int) -> tuple[ByteWindow, int, int, bool]:
        """Return a window for this thread, start and stop, and whether VRs are explicit."""
        start, stop = self.bounds[number]
        place = self._place
        return place[1].fixed(stop - start), start, stop, place[4]

    def __len__(self) -> int:
        return len(self.bounds)

    @overload
    def __getitem__(self, index: int) -> tuple[DataElement, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> Items: ...
    def __getitem__(self, index: int | slice) -> tuple[DataElement, ...] | Items:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        self.bounds  # noqa: B018 - decides which walker reads
        return self.walker.read_item(self, index)


_BLOCK = 1 << 20

Index = dict[int, tuple[str, int, int, int, LazyItems | None]]
"""By tag: VR, start of the element, start of its value, length, and items."""
