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
_MOST_KINDS = 32
_MOST_ELEMENTS = 4096
_MOST_POSITIONS = 8
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
    """Elements of equal length, and the one after them, which ends the run."""

    first: int
    """Number of its first element in the layout."""
    unpack: Callable[..., tuple[Any, ...]]
    heads: tuple[bytes, ...]
    """The headers of its elements; then tag and VR (if explicit) of the following one."""
    wanted: tuple[tuple[int, str, int, int, int], ...]
    """Tag, VR, start, offset of the value and length; positions are from the start of the run."""
    size: int
    before: int
    """Tag of its last element."""
    tag: int
    """Tag of the element after it."""
    vr: str | None
    """VR of the element after it, if it is wanted."""
    unpack_length: Callable[..., tuple[int, ...]] | None
    """Reads the length of the element after it, if only that can vary."""
    placed: dict[int, Index]
    """The wanted elements of runs that began at these positions, as they are in an index."""

    def wanted_at(self, position: int) -> Index:
        """Return the wanted elements of a run that begins at ``position``."""
        found = self.placed.get(position)
        if found is None:
            found = {
                tag: (vr, position + start, position + offset, length, None)
                for tag, vr, start, offset, length in self.wanted
            }
            if len(self.placed) >= _MOST_POSITIONS:
                self.placed.clear()
            self.placed[position] = found
        return found


class _LearnedElements(NamedTuple):
    elements: tuple[_LaidElement, ...]
    varying: frozenset[int]
    runs: tuple[_ElementRun, ...]


class ElementLayout:
    """The layout of one kind of files. Many threads may use it at once."""

    def __init__(self, *, explicit_vr: bool) -> None:
        self._explicit = explicit_vr
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
            data, base, end, length = (
                window.data,
                window.base,
                position + run.size,
                UNDEFINED_LENGTH,
            )
            try:
                found = run.unpack(data, position - base)
                if run.unpack_length is not None:
                    (length,) = run.unpack_length(data, end - base)
            except struct.error:  # not in memory
                break
            if found != run.heads:
                self._differs(learned, run, found)
                break
            index.update(run.wanted_at(position))
            if length == UNDEFINED_LENGTH:
                position = walk_one(end, run.before)
            else:
                if run.vr is not None:
                    index[run.tag] = (run.vr, end, end + 8, length, None)
                position = end + 8 + length
            last = run.tag
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
            if not self._explicit:
                head, length = head[:8], int.from_bytes(head[4:8], "little")
            elif vr in SHORT_VRS:
                head = head[:8]
            else:
                length = long_length
            end = walk_one(position, last)
            place = index.get(tag)
            is_fixed = (
                (vr in SHORT_VRS or vr in LONG_VRS or not self._explicit)
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
        self._learned = self._with_runs(tuple(elements), varying)
        return position, last

    def _with_runs(
        self, elements: tuple[_LaidElement, ...], varying: frozenset[int]
    ) -> _LearnedElements:
        runs = _runs_of(elements, varying, explicit_vr=self._explicit)
        return _LearnedElements(elements, varying, runs)

    def _differs(self, learned: _LearnedElements, run: _ElementRun, found: tuple[Any, ...]) -> None:
        """Note an element of varying length; drop a layout that many files do not have."""
        elements, varying, _ = learned
        at = next(at for at, head in enumerate(run.heads) if head != found[at])
        number = run.first + at
        known = 6 if self._explicit else 4
        if found[at][:known] == run.heads[at][:known] and len(varying) < len(elements) // 4:
            self._learned = self._with_runs(elements, varying | {number})
            return
        self._strangers += 1
        if self._strangers >= _MOST_STRANGERS:
            # Each time it was of no use, the next attempt comes later.
            self._given_up += 1
            self._learned, self._strangers, self._seen = None, 0, -(1 << 2 * self._given_up)


def _runs_of(
    elements: tuple[_LaidElement, ...], varying: frozenset[int], *, explicit_vr: bool
) -> tuple[_ElementRun, ...]:
    runs: list[_ElementRun] = []
    form, heads, wanted, size, first = ["<"], [], [], 0, 0
    before = 0
    known, length_form = (6, "<6xH") if explicit_vr else (4, "<4xI")
    for number, (tag, head, length, is_fixed, vr) in enumerate(elements):
        begin = len(head)
        if is_fixed and number not in varying:
            form.append(f"{begin}s{length - begin}x")
            heads.append(head)
            if vr is not None:
                wanted.append((tag, vr, size, size + begin, length - begin))
            size += length
        else:
            unpack = struct.Struct("".join((*form, f"{known}s"))).unpack_from
            heads.append(head[:known])
            reads_length = (
                struct.Struct(length_form).unpack_from if is_fixed and begin == 8 else None
            )
            runs.append(
                _ElementRun(
                    first,
                    unpack,
                    tuple(heads),
                    tuple(wanted),
                    size,
                    before,
                    tag,
                    vr,
                    reads_length,
                    {},
                )
            )
            form, heads, wanted, size, first = ["<"], [], [], 0, number + 1
        before = tag
    return tuple(runs)


_layouts: dict[tuple[str, str, bool], ElementLayout] = {}


def layout_of(sop_class: str, transfer_syntax: str, *, explicit_vr: bool) -> ElementLayout:
    """Return the layout of files of a class and transfer syntax; new if there is none yet."""
    kind = sop_class, transfer_syntax, explicit_vr
    found = _layouts.get(kind)
    if found is None:
        if len(_layouts) >= _MOST_KINDS:
            _layouts.clear()
        found = _layouts[kind] = ElementLayout(explicit_vr=explicit_vr)
    return found
