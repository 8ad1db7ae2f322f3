"""A file object over a byte source, for pydicom."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rendicom.dicom.file_meta import PREAMBLE_BYTES
from rendicom.errors import LimitExceededError, RendicomError

if TYPE_CHECKING:
    from rendicom.dicom.byte_source import ByteSource


class RangeReader:
    """Reads and seeks like a binary file, up to a limit of bytes.

    Attributes
    ----------
    failure
        The error that stopped a read: pydicom converts some errors to others.
    passed_end
        A read went past the end of the source: a length is wrong.

    ``hides_preamble``: DICM is at byte 128 by chance. The first read there, by which pydicom looks
    for a preamble, returns zeros.
    """

    def __init__(self, source: ByteSource, *, limit: int, hides_preamble: bool = False) -> None:
        self.failure: RendicomError | None = None
        self.passed_end = False
        self._source = source
        self._position = 0
        self._limit = limit
        self._left = limit
        self._hides_preamble = hides_preamble

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes.

        Raises
        ------
        OSError
            ``size`` is negative. pydicom does so only to inflate, which is done elsewhere with a
            limit.
        LimitExceededError
            The limit is exceeded.
        """
        if size < 0:
            raise OSError("reading to the end is not supported")
        left = self._source.size - self._position
        if size > left:
            # At the end, pydicom tries to read the 8 bytes of another element; that is no fault.
            self.passed_end |= left > 0 or size > 8
            size = max(left, 0)
        try:
            if size > self._left:
                raise LimitExceededError(f"the header is longer than {self._limit} bytes")
            data = self._source.read(self._position, size)
        except RendicomError as error:
            self.failure = error
            raise
        self._left -= len(data)
        if self._hides_preamble and self._position == PREAMBLE_BYTES - 4:
            data, self._hides_preamble = bytes(len(data)), False
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position, which may be after the end, and return it."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._source.size}
        self._position = max(0, start[whence] + offset)
        self.passed_end |= self._position > self._source.size
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def close(self) -> None:
        """Do nothing: the source is closed by its owner."""
