"""multipart/related messages, written and read a piece at a time (PS3.18 8.6.1.2, RFC 2046 5.1).

The reader accepts common deviations: line feeds without carriage returns, boundaries without
quotes, text before and after the parts.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Literal, NamedTuple

from rendicom.closing import Closing
from rendicom.dicomweb.header_fields import format_media_type, parse_media_type
from rendicom.dicomweb.message_parts import Limits, Part, PartBody, parse_headers
from rendicom.errors import BadRequestError, TooLargeError, UnsupportedMediaTypeError

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]", re.ASCII)
_BEHIND_BOUNDARY = re.compile(rb"(--)|[ \t]*(\r?)\n")
_MAY_BECOME_THAT = re.compile(rb"-?|[ \t]*\r?")
_BLANK_LINE = re.compile(rb"\A\r?\n|\n\r?\n")
_MOST_PADDING = 256
"""Bytes behind a boundary in which its line must end."""
_RETURN = ord("\r")
_SAME_BOUNDARY = "the boundary in Content-Type has to be the one in the body"


class MultipartWriter:
    """Writes the parts of a multipart/related message.

    Parameters
    ----------
    type
        Media type of the parts, or of the first.
    boundary
        Their separator; a random one by default.

    Raises
    ------
    ValueError
        The boundary is invalid.
    """

    def __init__(self, type: str, boundary: str = "") -> None:
        self.boundary = boundary or secrets.token_hex(16)
        if not _BOUNDARY.fullmatch(self.boundary):
            raise ValueError(f"{self.boundary!r} is not a boundary")
        self._type = type

    @property
    def content_type(self) -> str:
        """Return the Content-Type of the message."""
        parameters = {"type": self._type, "boundary": self.boundary}
        return format_media_type("multipart/related", parameters)

    def part(self, body: bytes, content_type: str, location: str = "") -> bytes:
        """Return one part with the delimiter before it.

        Parameters
        ----------
        body
            The bytes.
        content_type
            Media type with its parameters.
        location
            Content-Location: of the part, or of the resource it was rendered from.
        """
        return b"".join((self.opening(len(body), content_type, location), body))

    def opening(self, size: int, content_type: str, location: str = "") -> bytes:
        """Return the delimiter and headers for a body of ``size`` bytes."""
        fields = {"Content-Type": content_type, "Content-Length": str(size)}
        if location:
            fields["Content-Location"] = location
        lines = [f"{name}: {value}" for name, value in fields.items()]
        if any(letter in line for line in lines for letter in "\r\n\0"):
            raise ValueError("a header of a part has a line break")
        text = "\r\n".join((f"\r\n--{self.boundary}", *lines, "\r\n"))
        return text.encode("latin-1", "replace")

    def end(self) -> bytes:
        """Return the closing delimiter."""
        return f"\r\n--{self.boundary}--\r\n".encode("ascii")


class MultipartReader(Closing):
    """Reads the parts of a multipart/related message from its bytes, piece by piece.

    Parameters
    ----------
    content_type
        Content-Type of the message.
    limits
        Limits of the message.
    directory
        Folder for temporary files; that of the system by default.

    Raises
    ------
    UnsupportedMediaTypeError
        The message is not multipart/related.
    BadRequestError
        Content-Type is malformed, or has no boundary.
    """

    def __init__(
        self, content_type: str, *, limits: Limits | None = None, directory: str | None = None
    ) -> None:
        essence, parameters = parse_media_type(content_type)
        if essence != "multipart/related":
            raise UnsupportedMediaTypeError("the body is not multipart/related")
        boundary = parameters.get("boundary", "")
        if not _BOUNDARY.fullmatch(boundary):
            raise BadRequestError(
                "Content-Type names no boundary of 1 to 70 characters", parameter="Content-Type"
            )
        self.type = parameters.get("type", "").lower()
        self._limits = limits or Limits()
        self._delimiter = b"\n--" + boundary.encode("ascii")
        self._state: Literal["preamble", "headers", "body", "epilogue"] = "preamble"
        # The first delimiter needs no line before it: as if one had ended.
        self._buffer = bytearray(b"\n")
        self._borrowed = 1
        self._searched = 0
        self._discarded = 0
        self._has_returns = True
        self._headers: Mapping[str, str] = {}
        self._body = PartBody(self._limits, directory)
        self._count = 0

    @property
    def is_complete(self) -> bool:
        """Tell whether the closing delimiter was seen."""
        return self._state == "epilogue"

    def feed(self, data: bytes | bytearray | memoryview) -> list[Part]:
        """Return the parts that end in ``data``.

        Raises
        ------
        BadRequestError
            The message is malformed.
        TooLargeError
            The message exceeds the limits.
        """
        parts: list[Part] = []
        if self.is_complete:
            return parts
        self._buffer += data
        try:
            while self._advance(parts):
                pass
        except BaseException:
            for part in parts:
                part.close()
            self.close()
            raise
        return parts

    def finish(self) -> None:
        """Mark the end of the body.

        Raises
        ------
        BadRequestError
            The closing delimiter is missing.
        """
        was = self._state
        self.close()
        if was == "preamble":
            raise BadRequestError("the body has no part", hint=_SAME_BOUNDARY)
        if was != "epilogue":
            number = self._count + (was == "headers")
            raise BadRequestError(f"the body ends within part {number}")

    def close(self) -> None:
        """Discard the bytes of an incomplete part."""
        self._body.close()
        self._buffer.clear()

    def _advance(self, parts: list[Part]) -> bool:
        """Take the next step if the buffer suffices for it; tell whether it did."""
        if self._state == "epilogue":
            self._buffer.clear()
            return False
        if self._state == "headers":
            return self._take_headers()
        found = self._find_delimiter()
        if self._state == "body":
            self._body.write(self._buffer[self._borrowed : found.start])
        else:
            self._discard(found.start - self._borrowed)
        self._drop(found.end if found.is_whole else found.start)
        if not found.is_whole:
            return False
        if self._state == "body":
            parts.append(Part(self._headers, *self._body.take()))
        self._state = "epilogue" if found.is_last else "headers"
        return True

    def _find_delimiter(self) -> _Delimiter:
        """Return the next delimiter, or where an incomplete one may begin."""
        start = 0
        while True:
            at = self._buffer.find(self._delimiter, start)
            if at < 0:
                return _Delimiter(max(0, len(self._buffer) - len(self._delimiter)))
            behind = at + len(self._delimiter)
            ahead = bytes(self._buffer[behind : behind + _MOST_PADDING])
            if found := _BEHIND_BOUNDARY.match(ahead):
                if self._state == "preamble":
                    self._has_returns = found[2] != b""
                # A return before it belongs to the delimiter and not to the body.
                has_return = at > self._borrowed and self._buffer[at - 1] == _RETURN
                start = at - 1 if has_return and self._has_returns else at
                is_last = found[1] is not None
                return _Delimiter(start, behind + found.end(), is_last=is_last, is_whole=True)
            if len(ahead) < _MOST_PADDING and _MAY_BECOME_THAT.fullmatch(ahead):
                return _Delimiter(max(0, at - 1))
            start = at + 1

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._borrowed = max(0, self._borrowed - count)

    def _discard(self, count: int) -> None:
        """Pass over text before the first part."""
        self._discarded += max(0, count)
        if self._discarded > self._limits.preamble:
            raise BadRequestError(
                f"the body has no part within its first {self._limits.preamble} bytes",
                hint=_SAME_BOUNDARY,
            )

    def _take_headers(self) -> bool:
        """Read the headers of a part once the buffer holds them up to the blank line."""
        found = _BLANK_LINE.search(self._buffer, max(0, self._searched - 2))
        self._searched = len(self._buffer)
        if (found.start() if found else self._searched) > self._limits.headers:
            raise BadRequestError(f"part {self._count + 1} has headers that do not end")
        if found is None:
            return False
        self._count += 1
        if self._count > self._limits.parts:
            raise TooLargeError(f"the body has more than {self._limits.parts} parts")
        self._headers = parse_headers(bytes(self._buffer[: found.start()]), part=self._count)
        # The line end after the headers may be that of a delimiter.
        self._drop(found.end() - 1)
        self._borrowed, self._searched, self._state = 1, 0, "body"
        return True


class _Delimiter(NamedTuple):
    """``buffer[start:end]`` from the line end before it to its own."""

    start: int
    end: int = 0
    is_last: bool = False
    is_whole: bool = False


def read_multipart(content_type: str, body: bytes, *, limits: Limits | None = None) -> list[Part]:
    """Return all parts of a message; see `MultipartReader`."""
    with MultipartReader(content_type, limits=limits) as reader:
        parts = reader.feed(body)
        try:
            reader.finish()
        except BadRequestError:
            for part in parts:
                part.close()
            raise
        return parts
