"""Inflates a data set stored with a deflated transfer syntax (PS3.5 A.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rendicom.coded_warnings import CodedWarning
from rendicom.dicom.transfer_syntaxes import DEFLATED_EXPLICIT
from rendicom.errors import CorruptDataError, LimitExceededError

if TYPE_CHECKING:
    from rendicom.dicom.byte_source import ByteSource

DEFLATED_SYNTAXES = frozenset(
    (DEFLATED_EXPLICIT, "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205")
)
"""The plain deflated syntax, and two that refer to pixels on a JPIP server."""

_CUT_SHORT = CodedWarning("incomplete-data", "the deflated data set is damaged or cut short")
_STEP = 1 << 20
_RAW, _WITH_HEADER = -15, 15
"""``wbits`` of `zlib`."""


def inflate_dataset(
    source: ByteSource, offset: int, *, max_bytes: int
) -> tuple[memoryview, tuple[CodedWarning, ...]]:
    """Return the inflated bytes from ``offset`` to the end, and warnings.

    By the standard the stream has no zlib header, but some files have one. Trailing bytes (padding)
    are left out; of a damaged stream, the part before the damage is returned.

    Raises
    ------
    LimitExceededError
        It inflates to more than ``max_bytes``.
    CorruptDataError
        It is not a deflate stream.
    """
    start = source.read(offset, 2)
    # A raw stream starts like a zlib header only with an unusual, non-final stored block.
    has_header = len(start) == 2 and start[0] & 15 == 8 and int.from_bytes(start) % 31 == 0
    for bits in (_WITH_HEADER, _RAW) if has_header else (_RAW,):
        inflated, is_whole = _inflate(source, offset, bits, max_bytes)
        if inflated:
            return memoryview(inflated), () if is_whole else (_CUT_SHORT,)
    raise CorruptDataError("the data set is declared as deflated, but does not inflate")


def _inflate(source: ByteSource, offset: int, bits: int, max_bytes: int) -> tuple[bytearray, bool]:
    """Return the inflated bytes, and whether the stream is complete."""
    import zlib

    inflated = bytearray()
    stream = zlib.decompressobj(bits)
    while not stream.eof:
        deflated = source.view(offset, _STEP)
        if not deflated:
            return inflated, False
        offset += len(deflated)
        while deflated and not stream.eof:
            try:
                part = stream.decompress(deflated, min(_STEP, max_bytes + 1 - len(inflated)))
            except zlib.error:
                return inflated, False
            inflated += part
            if len(inflated) > max_bytes:
                raise LimitExceededError(f"the data set inflates to more than {max_bytes} bytes")
            deflated = stream.unconsumed_tail
    return inflated, True
