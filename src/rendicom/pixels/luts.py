"""Reads lookup tables and palettes of a data set, and repairs broken ones.

Sources: PS3.3 C.11.1.1 (descriptor and data), C.7.6.3.1.5 and C.7.6.3.1.6 (palettes), C.7.9.2
(segmented palettes).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rendicom.coded_warnings import Notes
from rendicom.records import NamedTuple
from rendicom.values import LookupTable, Palette

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rendicom.dicom.attributes import Attributes

_DESCRIPTOR, _DATA, _EXPLANATION = 0x00283002, 0x00283006, 0x00283003
_PALETTE_UID = 0x00281199
_NARROW = 12
_MOST_BYTES, _MOST_SEGMENTS, _MOST_NESTED = 1 << 20, 1 << 17, 8
_CHANNELS = (
    (0x00281101, 0x00281201, 0x00281221),
    (0x00281102, 0x00281202, 0x00281222),
    (0x00281103, 0x00281203, 0x00281223),
)
_WELL_KNOWN = {
    f"1.2.840.10008.1.5.{last}": f"{name}.dcm"
    for last, name in enumerate(
        ("hotiron", "pet", "hotmetalblue", "pet20step", "spring", "summer", "fall", "winter"), 1
    )
}


class _Entries(NamedTuple):
    """Stored entries of a table, and their widths by the number of bytes."""

    values: NDArray[np.uint16]
    said: int
    """Bits for each entry by the descriptor."""
    is_packed: bool
    """One byte for each entry."""

    @property
    def needed(self) -> int:
        """Return the bits that the largest entry needs."""
        return int(self.values.max()).bit_length()


def lookup_table(
    item: Attributes,
    extent: tuple[float, float],
    notes: Notes,
    *,
    name: str,
    narrows: bool = False,
) -> LookupTable | None:
    """Return the table of a Modality, VOI or Presentation LUT Sequence item.

    Parameters
    ----------
    item
        The item.
    extent
        The least and greatest value that can be looked up. It determines whether the first value
        mapped is signed, as its VR is often unknown or wrong.
    notes
        Gets a sentence if the table is ignored or repaired.
    name
        For that sentence: ``VOI LUT``.
    narrows
        A table of 16 bits whose largest entry needs at most 12 has as many bits as that entry
        needs. Some CR systems write VOI LUTs like this. Not for tables whose entries are amounts.

    Returns
    -------
    LookupTable or None
        None if the table is unusable.
    """
    descriptor = item.integers(_DESCRIPTOR)
    stored = _stored(item, _DATA, descriptor) if len(descriptor) == 3 else None
    if stored is None:
        notes.add("lut-repaired", f"the {name} is damaged and was not used")
        return None
    bits = min(stored.said, 8) if stored.is_packed else stored.said
    entries = stored.values
    if bits == 8 and stored.needed > 8 and not np.any(entries & 0xFF):
        entries = entries // np.uint16(256)  # 8-bit entries in the high byte of each word
    elif stored.needed > bits:
        bits = stored.needed
    elif narrows and bits == 16 and 0 < stored.needed <= _NARROW:
        bits = max(stored.needed, 8)
    if bits != stored.said:
        notes.add("lut-repaired", f"the {name} says {stored.said} bits and has entries of {bits}")
    first = _first_mapped(descriptor[1], extent)
    return LookupTable(entries, first, bits, item.text(_EXPLANATION))


def _first_mapped(value: int, extent: tuple[float, float]) -> int:
    """Return the first value mapped, with the sign that suits the values looked up.

    Where both readings do, it is signed if there are negative values.
    """
    unsigned = value & 0xFFFF
    signed = unsigned - 0x10000 if unsigned > 0x7FFF else unsigned
    low, high = extent
    return unsigned if low >= 0 or (signed < low and unsigned <= high) else signed


def _stored(attributes: Attributes, tag: int, descriptor: tuple[int, ...]) -> _Entries | None:
    """Return the number of entries of the descriptor; missing ones repeat the last.

    8-bit entries are packed two per word, or one per word by writers that misread the rule.
    """
    count, bits = descriptor[0] & 0xFFFF or 65536, descriptor[2] & 0xFFFF
    raw = attributes.raw(tag)
    if not raw or not 1 <= bits <= 16:
        return None
    is_packed = len(raw) in (count, count + count % 2) and count > 1
    if is_packed:
        values = np.frombuffer(raw, np.uint8, count).astype(np.uint16)
    else:
        values = attributes.words(tag)[:count]
    if values.size < count:
        values = np.concatenate([values, np.repeat(values[-1:], count - values.size)])
    return _Entries(values, bits, is_packed)


def palette_of(attributes: Attributes, extent: tuple[float, float], notes: Notes) -> Palette | None:
    """Return the Palette Color Lookup Table of a data set, plain, segmented or well known.

    ``extent`` and ``notes`` are as for `lookup_table`; a missing palette adds no note.
    """
    found = [_channel(attributes, tags) for tags in _CHANNELS]
    channels = [channel for channel in found if channel is not None]
    if len(channels) < len(_CHANNELS):
        return well_known_palette(attributes.text(_PALETTE_UID))
    depths = _depths(channels)
    if any(
        depth != channel.said and channel.needed
        for depth, channel in zip(depths, channels, strict=True)
    ):
        said = "/".join(dict.fromkeys(str(channel.said) for channel in channels))
        used = "/".join(dict.fromkeys(map(str, depths)))
        notes.add("lut-repaired", f"the color palette says {said} bits and has entries of {used}")
    red, green, blue = (
        LookupTable(channel.values, _first_mapped(attributes.integers(tags[0])[1], extent), depth)
        for channel, depth, tags in zip(channels, depths, _CHANNELS, strict=True)
    )
    return Palette(red, green, blue)


def _depths(channels: Sequence[_Entries]) -> list[int]:
    """Return the bits of each channel (PS3.3 C.7.6.3.1.6).

    Entries of one word have 8 bits if none exceeds 255, regardless of the descriptor, and 16 bits
    if one in a channel with the same descriptor does.
    """
    words = [channel for channel in channels if not channel.is_packed]
    if max((channel.needed for channel in words), default=0) <= 8:
        return [8] * len(channels)
    return [8 if channel.is_packed else _depth(channel.said, words) for channel in channels]


def _depth(said: int, words: Sequence[_Entries]) -> int:
    needed = max(channel.needed for channel in words if channel.said == said)
    if needed <= said:
        return said
    return 16 if said <= 8 else needed


def _channel(attributes: Attributes, tags: tuple[int, int, int]) -> _Entries | None:
    descriptor_tag, data_tag, segmented_tag = tags
    descriptor = attributes.integers(descriptor_tag)
    if len(descriptor) != 3:
        return None
    if data_tag in attributes:
        return _stored(attributes, data_tag, descriptor)
    if segmented_tag in attributes:
        return _segmented(attributes, segmented_tag, descriptor)
    return None


@cache
def well_known_palette(uid: str) -> Palette | None:
    """Return a palette of PS3.6 Annex B; pydicom ships their tables."""
    if uid not in _WELL_KNOWN:
        return None
    from rendicom.dicom.byte_source import open_source
    from rendicom.dicom.header import read_header
    from rendicom.dicom.pydicom_calls import pydicom_data

    path = pydicom_data("palettes", _WELL_KNOWN[uid])
    return palette_of(read_header(open_source(path)).attributes, (0, 0xFFFF), Notes())


def _segmented(attributes: Attributes, tag: int, descriptor: tuple[int, ...]) -> _Entries | None:
    """Expand a segmented palette channel; None when it is not well formed (PS3.3 C.7.9.2).

    Segments are read in bytes or words according to the descriptor, or the other way if the number
    of entries would be wrong.
    """
    count, bits = descriptor[0] & 0xFFFF or 65536, descriptor[2] & 0xFFFF
    if not 1 <= bits <= 16:
        return None
    says_bytes = bits <= 8
    data = attributes.raw(tag)[:_MOST_BYTES]
    for is_packed in (says_bytes, not says_bytes):
        segments = _Segments(data, count, in_bytes=is_packed)
        if segments.are_sound and len(segments.entries) == count:
            return _Entries(np.array(segments.entries, np.uint16), bits, is_packed)
    segments = _Segments(data, count, in_bytes=says_bytes)
    if len(segments.entries) < count:
        return None
    return _Entries(np.array(segments.entries[:count], np.uint16), bits, says_bytes)


class _Segments:
    """Discrete, linear and indirect segments, expanded until there are ``count`` entries.

    An indirect segment may refer to other ones, up to a limit.
    """

    def __init__(self, data: bytes, count: int, *, in_bytes: bool) -> None:
        self.entries: list[int] = []
        self.are_sound = False
        """All segments were valid and expanded."""
        whole = data if in_bytes else data[: len(data) // 2 * 2]
        self._data: list[int] = np.frombuffer(whole, np.uint8 if in_bytes else "<u2").tolist()
        self._words_an_offset = 4 if in_bytes else 2
        self._count = count
        self._steps = 0
        try:
            position = 0
            while position + 1 < len(self._data) and len(self.entries) < count:
                position = self._add(position, 0)
        except (IndexError, ValueError):
            return
        self.are_sound = len(self._data) - 1 <= position <= len(self._data)

    def _add(self, position: int, depth: int) -> int:
        """Add the entries of the segment at ``position``, and return where the next one is."""
        kind, length = self._data[position], self._data[position + 1]
        position += 2
        self._steps += 1
        if self._steps > _MOST_SEGMENTS:
            raise ValueError(kind)
        if kind == 0:
            self.entries += self._data[position : position + length]
            return position + length
        if kind == 1:
            # From the last entry so far, also at the start of a copy (C.7.9.2.2).
            start, rise = self.entries[-1], self._data[position] - self.entries[-1]
            self.entries += [start + round(at * rise / length) for at in range(1, length + 1)]
            return position + 1
        if kind != 2 or depth > _MOST_NESTED:
            raise ValueError(kind)
        source = self._offset(position)
        for _ in range(length):
            if len(self.entries) >= self._count:
                break
            source = self._add(source, depth + 1)
        return position + self._words_an_offset

    def _offset(self, position: int) -> int:
        """Return the index an indirect segment points at: a byte offset, low part first."""
        parts = self._data[position : position + self._words_an_offset]
        if self._words_an_offset == 2:
            return int(parts[0] | parts[1] << 16) // 2
        return int(sum(part << 8 * index for index, part in enumerate(parts)))
