"""The stored bytes of a frame, and the protocol of their readers."""

from __future__ import annotations

from typing import Protocol

from rendicom.coded_warnings import CodedWarning
from rendicom.records import NamedTuple


class FrameBytes(NamedTuple):
    """The stored bytes of one frame."""

    data: bytes | memoryview
    """``bytes`` or ``memoryview`` (C-contiguous, format ``B``). For native frames of 1-bit pixels
    the first pixel is bit ``bit_offset`` of the first byte, counted from the least significant. It
    may be shorter than the header declares (truncated file) or longer."""
    encapsulated: bool
    """A compressed (or encapsulated uncompressed) stream, with joined fragments."""
    bit_offset: int = 0
    big_endian: bool = False
    """Native cells are big endian (Explicit VR Big Endian)."""
    warnings: tuple[CodedWarning, ...] = ()


class FrameReader(Protocol):
    """Reads the stored bytes of frames, from a file or another source."""

    def frame(self, number: int) -> FrameBytes:
        """Return the bytes of frame ``number``, counted from 1; called in any thread."""
        ...
