"""Layouts of data sets: files of a series have the same elements, most of them of equal length.

A layout has the element headers of earlier files, in runs between the elements whose length varies.
All headers of a run are compared at once; if they are equal, the elements have the same positions
as before. If a file differs, the walk continues element by element. A layout has tags, VRs and
lengths, no values.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from rendicom.dicom.byte_window import LONG_VRS, SHORT_VRS
from rendicom.dicom.picture_tags import PIXEL_KEYWORDS, UNDEFINED_LENGTH
from rendicom.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from rendicom.dicom.byte_window import ByteWindow
    from rendicom.dicom.lazy_items import Index

_OFTEN = 3
"""Number of files of a kind after which its layout is learned."""
_MOST_KINDS = 16
_MOST_ELEMENTS = 4096
_MOST_STRANGERS = 8
"""Number of files with other elements after which a layout is learned again."""


class _LaidElement(NamedTuple):
    tag: int
    head: bytes
    """Tag, VR and length, 8 or 12 bytes."""
    size: int
    """Bytes of the whole element."""
    is_fixed: bool
    vr: str | None
    """VR of a wanted element."""


class _ElementRun(NamedTuple):
    first: int
    """Number of its first element in the layout."""
    unpack: Callable[..., tuple[Any, ...]]
    heads: tuple[bytes, ...]
    """The headers of its elements; then tag and VR of the following one."""
    wanted: tuple[tuple[int, str, int, int, int], ...]
    """Tag, VR, start, offset of the value and length; positions are from the start of the run."""
    size: int
    before: int
    """Tag of its last element."""
    tag: int
    """Tag of the element after it."""


class _LearnedElements(NamedTuple):
    elements: tuple[_LaidElement, ...]
    varying: frozenset[int]
    runs: tuple[_ElementRun, ...]


class ElementLayout:
    """The layout of one kind of files. Many threads may use it at once."""

    def __init__(self) -> None:
        self._learned: _LearnedElements | None = None
        self._seen = self._strangers = self._given_up = 0

    def follow(
        self,
        window: ByteWindow,
        position: int,
        last: int,
        index: Index,
        walk_one: Callable[[int, int], int],
    ) -> tuple[int, int]:
        """Add wanted elements to ``index`` as far as the layout fits.

        The data set begins at ``position`` of the window, after the tag ``last``. ``walk_one``, a
        function of a position and the preceding tag, walks over one element, adds it, and returns
        its end. Returns the position where the walk must continue, and the preceding tag.
        """
        learned = self._learned
        if learned is None:
            self._seen += 1
            if self._seen < _OFTEN:
                return position, last
            return self._learn(window, position, last, index, walk_one)
        for run in learned.runs:
            try:
                found = run.unpack(window.data, position - window.base)
            except struct.error:  # not in memory
                break
            if found != run.heads:
                self._differs(learned, run, found)
                break
            for tag, vr, start, offset, length in run.wanted:
                index[tag] = (vr, position + start, position + offset, length, None)
            position, last = walk_one(position + run.size, run.before), run.tag
        return position, last

    def _learn(
        self,
        window: ByteWindow,
        position: int,
        last: int,
        index: Index,
        walk_one: Callable[[int, int], int],
    ) -> tuple[int, int]:
        elements: list[_LaidElement] = []
        while len(elements) < _MOST_ELEMENTS and position - window.base + 12 <= len(window.data):
            head = bytes(window.data[position - window.base :][:12])
            group, number, vr, length, long_length = struct.unpack("<HH2sHI", head)
            tag = group << 16 | number
            if vr in SHORT_VRS:
                head = head[:8]
            else:
                length = long_length
            end = walk_one(position, last)
            place = index.get(tag)
            is_fixed = (
                (vr in SHORT_VRS or vr in LONG_VRS)
                and length != UNDEFINED_LENGTH
                and end - position == len(head) + length
                and tag not in PIXEL_KEYWORDS
                and (place is None or place[4] is None)
            )
            elements.append(
                _LaidElement(tag, head, end - position, is_fixed, place[0] if place else None)
            )
            position, last = end, tag
        varying: frozenset[int] = frozenset()
        self._learned = _LearnedElements(tuple(elements), varying, _runs_of(elements, varying))
        return position, last

    def _differs(self, learned: _LearnedElements, run: _ElementRun, found: tuple[Any, ...]) -> None:
        """Note an element of varying length; drop a layout that many files do not have."""
        elements, varying, _ = learned
        at = next(at for at, head in enumerate(run.heads) if head != found[at])
        number = run.first + at
        if found[at][:6] == run.heads[at][:6] and len(varying) < len(elements) // 4:
            varying |= {number}
            self._learned = _LearnedElements(elements, varying, _runs_of(elements, varying))
            return
        self._strangers += 1
        if self._strangers >= _MOST_STRANGERS:
            # Each time it was of no use, the next attempt comes later.
            self._given_up += 1
            self._learned, self._strangers, self._seen = None, 0, -(1 << 2 * self._given_up)


def _runs_of(
    elements: list[_LaidElement] | tuple[_LaidElement, ...], varying: frozenset[int]
) -> tuple[_ElementRun, ...]:
    runs: list[_ElementRun] = []
    form, heads, wanted, size, first = ["<"], [], [], 0, 0
    before = 0
    for number, (tag, head, length, is_fixed, vr) in enumerate(elements):
        begin = len(head)
        if is_fixed and number not in varying:
            form.append(f"{begin}s{length - begin}x")
            heads.append(head)
            if vr is not None:
                wanted.append((tag, vr, size, size + begin, length - begin))
            size += length
        else:
            unpack = struct.Struct("".join((*form, "6s"))).unpack_from
            heads.append(head[:6])
            runs.append(_ElementRun(first, unpack, tuple(heads), tuple(wanted), size, before, tag))
            form, heads, wanted, size, first = ["<"], [], [], 0, number + 1
        before = tag
    return tuple(runs)


_layouts: dict[tuple[str, str], ElementLayout] = {}


def layout_of(sop_class: str, transfer_syntax: str) -> ElementLayout:
    """Return the layout of files of a class and transfer syntax; new if there is none yet."""
    kind = sop_class, transfer_syntax
    found = _layouts.get(kind)
    if found is None:
        if len(_layouts) >= _MOST_KINDS:
            _layouts.clear()
        found = _layouts[kind] = ElementLayout()
    return found
