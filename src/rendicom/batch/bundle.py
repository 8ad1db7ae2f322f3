"""Bundles the pictures of a chunk in one file, as creating files takes long."""

from __future__ import annotations

import tempfile
from typing import BinaryIO

from rendicom.errors import UnwritableOutputError


class Bundle:
    """A new file in a folder to which pictures are appended.

    Attributes
    ----------
    path
        Where it is.
    length
        Bytes in it.
    """

    def __init__(self, folder: str) -> None:
        self.path, self.length = "", 0
        self._folder = folder
        self._file: BinaryIO | None = None

    def add(self, data: bytes) -> None:
        """Append a picture completely; ``length`` does not change if this fails.

        Raises
        ------
        UnwritableOutputError
        """
        try:
            if self._file is None:
                descriptor, self.path = tempfile.mkstemp(dir=self._folder)
                self._file = open(descriptor, "wb", buffering=0)  # noqa: SIM115
            self._file.seek(self.length)
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise UnwritableOutputError(f"cannot write a temporary file: {reason}") from error
        self.length += len(data)

    def close(self) -> None:
        """Close the file; it stays."""
        if self._file is not None:
            self._file.close()
