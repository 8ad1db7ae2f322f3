"""Reads instances and frames from responses, multipart or single part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from rendicom.client.connection_settings import host_of
from rendicom.client.content_sniffing import identify
from rendicom.dicomweb.header_fields import parse_media_type
from rendicom.dicomweb.message_parts import Limits as MultipartLimits
from rendicom.dicomweb.message_parts import Part
from rendicom.dicomweb.multipart import MultipartReader, read_multipart
from rendicom.errors import (
    BadRequestError,
    RendicomError,
    TooLargeError,
    UnsupportedMediaTypeError,
    UnwritableOutputError,
    WireError,
)

if TYPE_CHECKING:
    from rendicom.client.connection_settings import ResponseLimits
    from rendicom.client.session import ResponseStream, ServerResponse

Body = bytes | memoryview | BinaryIO
"""Body of an instance, for `rendicom.engine.open_instance`."""

_PREAMBLE = 128
_PROBLEMS = ("text/html", "application/json", "text/xml")


class RetrievedFrame(NamedTuple):
    """The stored bytes of one frame, and their transfer syntax; empty if not stated."""

    data: bytes
    transfer_syntax: str


def read_instance(incoming: ResponseStream, limits: ResponseLimits) -> Body:
    """Return the single DICOM instance in a response.

    Raises
    ------
    WireError
        It is missing, or the body is something else.
    TooLargeError
    BrokenConnectionError
    """
    host = host_of(incoming.url)
    if _is_multipart(incoming.content_type):
        return _checked(_part_read(incoming, limits, host), host)
    return _checked(_spooled(incoming.chunks(), limits), host)


def _is_multipart(content_type: str) -> bool:
    return content_type.lower().lstrip().startswith("multipart/")


def _part_read(incoming: ResponseStream, limits: ResponseLimits, host: str) -> Body:
    length = incoming.headers.get("content-length", "")
    if length.isdigit() and int(length) <= limits.memory:
        body = incoming.whole().body
        found = _only_part(incoming.content_type, body)
        if found is not None:
            return found
        chunks: Iterator[bytes] = iter((body,))
    else:
        chunks = incoming.chunks()
    within = MultipartLimits(part=limits.instance, memory=limits.memory, parts=1000)
    with _malformed(host), MultipartReader(incoming.content_type, limits=within) as reader:
        parts: list[Part] = []
        for chunk in chunks:
            parts += reader.feed(chunk)
            while len(parts) > 1:
                parts.pop().close()
        reader.finish()
    if not parts:
        raise WireError(f"{host} answers with a message that has no part")
    return cast("Body", parts[0].body)


def _only_part(content_type: str, body: bytes) -> memoryview | None:
    """Return the body of a well-formed message with one part, or None.

    Nothing is copied: most responses are messages with one instance.
    """
    try:
        boundary = parse_media_type(content_type).parameters.get("boundary", "").encode("ascii")
    except (RendicomError, UnicodeEncodeError):
        return None
    delimiter = b"\r\n--" + boundary
    begin = (
        0 if body.startswith(delimiter[2:] + b"\r\n") else body.find(delimiter + b"\r\n", 0, 256)
    )
    start = body.find(b"\r\n\r\n", max(0, begin), max(0, begin) + (16 << 10))
    end = body.find(delimiter, start)
    if not boundary or begin < 0 or start < 0 or end < start:
        return None
    is_last = body.startswith(b"--", end + len(delimiter))
    return memoryview(body)[start + 4 : end] if is_last else None


def _spooled(chunks: Iterator[bytes], limits: ResponseLimits) -> Body:
    """Return a body, in a temporary file if it is large."""
    kept: list[bytes] = []
    size = 0
    for chunk in chunks:
        kept.append(chunk)
        size += len(chunk)
        if size > limits.memory:
            return _written(kept, chunks)
    return b"".join(kept)


def _written(kept: list[bytes], chunks: Iterator[bytes]) -> BinaryIO:
    try:
        stream = cast("BinaryIO", TemporaryFile())  # noqa: SIM115 - the caller's to close
    except OSError as error:
        raise _no_room(error) from error
    try:
        for chunk in kept:
            stream.write(chunk)
        kept.clear()
        for chunk in chunks:
            stream.write(chunk)
        stream.seek(0)
    except OSError as error:
        stream.close()
        raise _no_room(error) from error
    except BaseException:
        stream.close()
        raise
    return stream


def _no_room(error: OSError) -> UnwritableOutputError:
    reason = error.strerror or type(error).__name__
    return UnwritableOutputError(
        f"the response cannot be kept in a temporary file: {reason}",
        hint="free space in the folder for temporary files, or set TMPDIR to another",
    )


def _checked(body: Body, host: str) -> Body:
    """Return a body that may be DICOM; refuse login pages and problem documents."""
    if isinstance(body, (bytes, memoryview)):
        start = bytes(body[:512])
    else:
        start = body.read(512)
        body.seek(0)
    if start[_PREAMBLE : _PREAMBLE + 4] == b"DICM":
        return body
    seen = identify(start).media_type
    if not start.strip() or seen in _PROBLEMS or seen.startswith("image/"):
        if not isinstance(body, (bytes, memoryview)):
            body.close()
        what = seen or "nothing"
        hint = "perhaps a login page" if seen == "text/html" else ""
        raise WireError(f"{host} answers with {what} instead of a DICOM instance",
                        hint=hint)  # fmt: skip
    return body


def parts_of(answer: ServerResponse) -> list[Part]:
    """Return the parts of a response; one that is not multipart has one part.

    Raises
    ------
    WireError
    """
    if not _is_multipart(answer.content_type):
        headers = {"content-type": answer.content_type}
        return [Part(headers, answer.body, len(answer.body))]
    limits = MultipartLimits(memory=1 << 40)
    with _malformed(host_of(answer.url)):
        return read_multipart(answer.content_type, answer.body, limits=limits)


def single_part(answer: ServerResponse) -> bytes:
    """Return the body of a single-part response; some servers send multipart anyway."""
    parts = parts_of(answer)
    if len(parts) != 1:
        raise WireError(f"{host_of(answer.url)} answers with {len(parts)} parts instead of 1")
    return parts[0].read()


def frames_in(answer: ServerResponse, count: int) -> list[RetrievedFrame]:
    """Return the frames in a response, each with its transfer syntax.

    Raises
    ------
    WireError
        Their number is not the requested one.
    """
    parts = parts_of(answer)
    if len(parts) != count:
        raise WireError(
            f"{host_of(answer.url)} answers with {len(parts)} frames instead of {count}"
        )
    whole = _syntax_in(answer.content_type)
    return [RetrievedFrame(part.read(), _syntax_in(part.content_type) or whole) for part in parts]


def _syntax_in(content_type: str) -> str:
    """Return the transfer syntax of a media type; Orthanc has it within the quotes of type=."""
    try:
        _essence, parameters = parse_media_type(content_type)
        found = parameters.get("transfer-syntax", "")
        if not found and ";" in parameters.get("type", ""):
            found = parse_media_type(parameters["type"]).parameters.get("transfer-syntax", "")
    except RendicomError:
        return ""
    return found


@contextmanager
def _malformed(host: str) -> Iterator[None]:
    """Turn multipart errors into errors of the response."""
    try:
        yield
    except TooLargeError as error:
        raise TooLargeError(f"{host}: {error.message}") from None
    except (BadRequestError, UnsupportedMediaTypeError) as error:
        raise WireError(
            f"{host} answers with a multipart message that is malformed: {error.message}"
        ) from None
