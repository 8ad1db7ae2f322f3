"""A part of a byte source in memory, for readers of data elements."""

from __future__ import annotations

from rendicom.dicom.byte_source import HEAD_BYTES, BufferSource, ByteSource
from rendicom.errors import CorruptDataError, LimitExceededError

SHORT_VRS = {
    vr.encode(): vr
    for vr in (
        "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL",
        "SS", "ST", "TM", "UI", "UL", "US",
    )
}  # fmt: skip
"""VRs with a length of 16 bits (PS3.5 7.1.2)."""
LONG_VRS = {
    vr.encode(): vr
    for vr in ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
}
_LONGEST_HEADER = 12


class HandOverError(CorruptDataError):
    """The fast reader does not support the bytes: pydicom must read them."""


class ByteWindow:
    """The part of a source that is in memory; moves forward with the walk."""

    __slots__ = ("base", "data", "end", "fetched", "limit", "size", "source", "step")

    def __init__(self, source: ByteSource, *, limit: int, step: int = HEAD_BYTES) -> None:
        self.source = source
        self.size = source.size
        self.limit = limit
        self.step = max(min(step, getattr(source, "step", step)), 64)
        self.fetched = 0
        self.base = 0
        self.data: bytes | memoryview = source.data if isinstance(source, BufferSource) else b""
        self.end = len(self.data)

    def move_to(self, position: int) -> None:
        """Load the bytes from ``position`` on.

        Raises
        ------
        LimitExceededError
            The header is longer than ``limit`` bytes.
        """
        if self.end >= self.size and position >= self.base:
            return
        self.data = self.source.view(position, self.step)
        self.base = position
        self.end = position + len(self.data)
        self.fetched += len(self.data)
        if self.fetched > self.limit:
            raise LimitExceededError(f"the header is longer than {self.limit} bytes")

    def around(self, position: int, stop: int) -> tuple[bytes | memoryview, int, int]:
        """Return bytes, their offset, and the last offset of a complete element header."""
        if position + _LONGEST_HEADER > self.end or position < self.base:
            self.move_to(position)
        return self.data, self.base, min(self.end, stop) - _LONGEST_HEADER

    def fixed(self, step: int = HEAD_BYTES) -> ByteWindow:
        """Return a window with the current bytes, for later use or another thread.

        ``step`` is its number of bytes per read.
        """
        if self.base == 0 and self.end >= self.size:
            return self  # never moves
        made = ByteWindow(self.source, limit=self.limit, step=step)
        made.base, made.data, made.end = self.base, self.data, self.end
        return made
