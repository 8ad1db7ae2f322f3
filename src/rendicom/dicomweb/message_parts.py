"""Parts of a multipart message: headers, and a body in memory or in a temporary file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from tempfile import NamedTemporaryFile, TemporaryFile
from types import MappingProxyType
from typing import IO, NamedTuple, cast

from rendicom.errors import BadRequestError, TooLargeError, UnwritableOutputError

_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*(.*)", re.DOTALL)
_LINE_END = re.compile(rb"\r?\n")


class Part(NamedTuple):
    """One part of a message."""

    headers: Mapping[str, str]
    """Values by lower-case names; of a header given twice the first."""
    body: bytes | IO[bytes]
    """The bytes, or a temporary file of them, positioned at its start, which the caller closes."""
    size: int
    """Length of the body in bytes."""

    @property
    def content_type(self) -> str:
        """Return Content-Type as it was sent, or an empty string."""
        return self.headers.get("content-type", "")

    @property
    def location(self) -> str:
        """Return Content-Location as it was sent, or an empty string."""
        return self.headers.get("content-location", "")

    def read(self) -> bytes:
        """Return the whole body; a file is positioned at its start afterwards."""
        if isinstance(self.body, bytes):
            return self.body
        self.body.seek(0)
        whole = self.body.read()
        self.body.seek(0)
        return whole

    def close(self) -> None:
        """Remove the temporary file, if there is one."""
        if not isinstance(self.body, bytes):
            self.body.close()


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a message. Sizes are in bytes."""

    preamble: int = 64 << 10
    """Text before the first part."""
    headers: int = 16 << 10
    """All headers of one part."""
    part: int = 8 << 30
    """Body of one part."""
    parts: int = 100_000
    """Number of parts."""
    memory: int = 4 << 20
    """Bodies that are bigger go to a temporary file."""


class PartBody:
    """The body of the current part, in memory as long as it is small.

    Parameters
    ----------
    limits
        Its largest size, and the largest size that stays in memory.
    directory
        Folder of the temporary file, which other processes can open by its name; without it, the
        file is an unnamed one of the system.
    """

    def __init__(self, limits: Limits, directory: str | None) -> None:
        self._limits = limits
        self._directory = directory
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._size = 0

    def write(self, data: bytes | bytearray) -> None:
        """Append bytes.

        Raises
        ------
        TooLargeError
            The body exceeds the limit.
        UnwritableOutputError
            There is not enough space for the file.
        """
        self._size += len(data)
        if self._size > self._limits.part:
            raise TooLargeError(f"a part is larger than {self._limits.part} bytes")
        if self._file is None and self._size <= self._limits.memory:
            self._memory += data
            return
        try:
            if self._file is None:
                opened = TemporaryFile if self._directory is None else NamedTemporaryFile
                self._file = cast("IO[bytes]", opened(dir=self._directory))
                self._file.write(self._memory)
                self._memory.clear()
            self._file.write(data)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise UnwritableOutputError(f"a part cannot be kept: {reason}") from error

    def take(self) -> tuple[bytes | IO[bytes], int]:
        """Return the bytes written, and start over."""
        body, size = self._file, self._size
        memory = bytes(self._memory)
        self._memory.clear()
        self._file, self._size = None, 0
        if body is None:
            return memory, size
        body.seek(0)
        return body, size

    def close(self) -> None:
        """Discard the bytes written."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self._memory.clear()


def parse_headers(text: bytes, *, part: int) -> Mapping[str, str]:
    """Return the headers of a part; lines that begin with blanks belong to the line before.

    Raises
    ------
    BadRequestError
        A line is not a header; the message has the number of the part.
    """
    fields: list[tuple[str, str]] = []
    for line in _LINE_END.split(text) if text else ():
        if line[:1] in (b" ", b"\t") and fields:
            name, value = fields[-1]
            fields[-1] = (name, f"{value} {line.strip().decode('latin-1')}")
            continue
        found = _FIELD.fullmatch(line)
        if found is None:
            raise BadRequestError(f"part {part} has a header without a name or a colon")
        fields.append((found[1].decode("ascii").lower(), found[2].strip().decode("latin-1")))
    return MappingProxyType(dict(reversed(fields)))
