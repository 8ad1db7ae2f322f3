"""Reads lookup tables and palettes out of a data set, broken ones included.

Sources: PS3.3 C.11.1.1 (descriptor and data), C.7.6.3.1.5 and C.7.6.3.1.6 (palettes), C.7.9.2
(segmented palettes).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rendicom.values import LookupTable, Palette

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.pixels.attributes import Attributes

__all__ = ["lookup_table", "palette_of"]

_DESCRIPTOR, _DATA, _EXPLANATION = 0x00283002, 0x00283006, 0x00283003
_PALETTE_UID = 0x00281199
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


def lookup_table(item: Attributes, *, signed: bool) -> LookupTable | None:
    """Return the table of a Modality or VOI LUT Sequence item, or None when it cannot be used.

    ``signed`` tells whether the values looked up may be negative: it decides how a first value
    mapped of unknown or wrong VR is read.
    """
    descriptor = item.integers(_DESCRIPTOR, signed=signed)
    if len(descriptor) != 3:
        return None
    count, first, bits = _descriptor(descriptor, signed=signed)
    entries, bits = _entries(item, _DATA, count=count, bits=bits)
    if entries is None:
        return None
    return LookupTable(entries, first, bits, item.text(_EXPLANATION))


def _descriptor(values: tuple[int, ...], *, signed: bool) -> tuple[int, int, int]:
    """Return entries, first value mapped, bits: only the second one can be negative."""
    count, first, bits = values[0] & 0xFFFF or 65536, values[1], values[2] & 0xFFFF
    if signed and first > 0x7FFF:
        first -= 0x10000
    elif not signed and first < 0:
        first += 0x10000
    return count, first, bits


def _entries(
    item: Attributes, tag: int, *, count: int, bits: int
) -> tuple[NDArray[np.uint16] | None, int]:
    """Return ``count`` entries and their true number of bits.

    8-bit entries come packed two a word, or one a word from writers that misread the rule; a
    table said to be 16 bits that has one byte an entry holds 8-bit entries.
    """
    raw = item.raw(tag)
    if not raw or not 1 <= bits <= 16:
        return None, bits
    if len(raw) in (count, count + count % 2) and count > 1:
        entries = np.frombuffer(raw, np.uint8, count).astype(np.uint16)
        bits = min(bits, 8)
    else:
        entries = item.words(tag)[:count]
        if not entries.size:
            return None, bits
    if entries.size < count:
        entries = np.concatenate([entries, np.repeat(entries[-1:], count - entries.size)])
    largest = int(entries.max())
    if bits == 8 and largest > 0xFF and not np.any(entries & 0xFF):
        entries = entries // np.uint16(256)  # 8-bit entries in the high byte of each word
    elif largest >> bits:
        bits = max(bits, largest.bit_length())
    return entries, bits


def palette_of(attributes: Attributes, *, signed: bool) -> Palette | None:
    """Return the Palette Color Lookup Table of a data set, plain, segmented or well known."""
    channels = [_channel(attributes, tags, signed=signed) for tags in _CHANNELS]
    if all(channels):
        red, green, blue = (channel for channel in channels if channel)
        if max(int(channel.entries.max()) for channel in (red, green, blue)) <= 0xFF:
            # Said to be 16 bits, written as 8.
            red, green, blue = (replace(channel, bits=8) for channel in (red, green, blue))
        return Palette(red, green, blue)
    return _well_known_palette(attributes.text(_PALETTE_UID))


def _channel(
    attributes: Attributes, tags: tuple[int, int, int], *, signed: bool
) -> LookupTable | None:
    descriptor_tag, data_tag, segmented_tag = tags
    descriptor = attributes.integers(descriptor_tag, signed=signed)
    if len(descriptor) != 3:
        return None
    count, first, bits = _descriptor(descriptor, signed=signed)
    if data_tag in attributes:
        entries, _ = _entries(attributes, data_tag, count=count, bits=bits)
    elif segmented_tag in attributes:
        entries = _segmented(attributes, segmented_tag, count=count, bits=bits)
    else:
        return None
    if entries is None:
        return None
    return LookupTable(entries, first, bits)


@cache
def _well_known_palette(uid: str) -> Palette | None:
    """Return a palette of PS3.6 Annex B; pydicom ships their tables."""
    if uid not in _WELL_KNOWN:
        return None
    from pathlib import Path

    import pydicom

    from rendicom.pixels.bytesource import open_source
    from rendicom.pixels.header import read_header

    path = Path(pydicom.__file__).parent / "data" / "palettes" / _WELL_KNOWN[uid]
    return palette_of(read_header(open_source(path)).attributes, signed=False)


def _segmented(
    attributes: Attributes, tag: int, *, count: int, bits: int
) -> NDArray[np.uint16] | None:
    """Expand a segmented palette channel; None when it is not well formed (PS3.3 C.7.9.2)."""
    if bits <= 8:
        data = np.frombuffer(attributes.raw(tag), np.uint8).astype(np.uint16)
    else:
        data = attributes.words(tag)
    expander = _Segments(data, words_an_offset=2 if bits > 8 else 4, limit=count)
    try:
        entries = expander.expand(0, None)
    except (IndexError, ValueError):
        return None
    if len(entries) < count:
        return None
    return np.array(entries[:count], np.uint16)


class _Segments:
    """Expands discrete, linear and indirect segments up to ``limit`` entries."""

    def __init__(self, data: NDArray[np.uint16], *, words_an_offset: int, limit: int) -> None:
        self._data = data.tolist()
        self._words_an_offset = words_an_offset
        self._limit = limit

    def expand(self, position: int, segments: int | None) -> list[int]:
        """Return the entries of ``segments`` segments from ``position``, or of all."""
        entries: list[int] = []
        data = self._data
        done = 0
        while (position + 1 < len(data)) if segments is None else (done < segments):
            kind, length = data[position], data[position + 1]
            position += 2
            if kind == 0:
                entries += data[position : position + length]
                position += length
            elif kind == 1:
                entries += _line(entries[-1], data[position], length)
                position += 1
            elif kind == 2 and segments is None:
                entries += self.expand(self._offset(position), length)
                position += self._words_an_offset
            else:
                raise ValueError(kind)
            done += 1
            if len(entries) >= self._limit:
                break
        return entries

    def _offset(self, position: int) -> int:
        """Return the index an indirect segment points at: a byte offset, low part first."""
        parts = self._data[position : position + self._words_an_offset]
        if self._words_an_offset == 2:
            return int(parts[0] | parts[1] << 16) // 2
        return int(sum(part << 8 * index for index, part in enumerate(parts)))


def _line(start: int, stop: int, length: int) -> list[int]:
    """Return ``length`` entries that lead from behind ``start`` to ``stop``."""
    return [start + round(step * (stop - start) / length) for step in range(1, length + 1)]
