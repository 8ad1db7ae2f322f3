"""Sends parts of files in pieces, and byte ranges (RFC 9110 14)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import Response, StreamingResponse

from rendicom import storage
from rendicom.dicomweb.retrieval import read_pieces
from rendicom.server.responses import Whole, header_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from rendicom.dicomweb.rewriting import Retrieved

SMALL = 2 << 20
"""Bytes up to which a body is read at once: cheaper than a thread for each piece."""
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


def _byte_range(request: Request, size: int, tag: str) -> tuple[int, int] | None:
    """Return begin and end of the requested bytes; None for all of them.

    All bytes are returned for several ranges, and if the client has another version.

    Raises
    ------
    ValueError
        The range lies outside the file: status 416.
    """
    given = header_of(request, b"range")
    found = None if given is None else _RANGE.fullmatch(given.strip())
    if found is None or not any(found.groups()):
        return None
    if header_of(request, b"if-range") not in (None, tag):
        return None
    first, last = found.groups()
    if not first:
        begin, end = max(0, size - int(last)), size
    else:
        begin, end = int(first), min(int(last) + 1 if last else size, size)
    if begin >= end:
        raise ValueError(f"bytes {begin} to {end} of {size}")
    return begin, end


def _asked(
    request: Request, size: int, headers: Mapping[str, str]
) -> tuple[int, int, int, dict[str, str]]:
    """Return begin and end of the bytes to send, status and headers."""
    try:
        asked = _byte_range(request, size, headers.get("ETag", ""))
    except ValueError:
        return 0, 0, 416, {**headers, "Content-Range": f"bytes */{size}"}
    said = {**headers, "Accept-Ranges": "bytes"}
    if asked is None:
        return 0, size, 200, said
    begin, end = asked
    return begin, end, 206, {**said, "Content-Range": f"bytes {begin}-{end - 1}/{size}"}


def send_bytes(
    request: Request, data: bytes, media_type: str, headers: Mapping[str, str]
) -> Response:
    """Return a response with the data, or the requested range of it."""
    begin, end, status, said = _asked(request, len(data), headers)
    if status == 200:
        return Whole(data, media_type, said)
    kind = None if status == 416 else media_type
    return Response(data[begin:end], status_code=status, media_type=kind, headers=said)


async def send_file(
    request: Request,
    retrieved: Retrieved,
    location: str,
    *,
    media_type: str,
    headers: Mapping[str, str],
) -> Response:
    """Return a response that streams data retrieved from the file at ``location``."""
    if retrieved.size <= SMALL:
        data = b"".join([each async for each in stream(retrieved, location)])
        return send_bytes(request, data, media_type, headers)
    begin, end, status, said = _asked(request, retrieved.size, headers)
    if status == 416:
        remove_temporary(retrieved)
        return Response(status_code=status, headers=said)
    said["Content-Length"] = str(end - begin)
    body = _range_of(retrieved, location, begin, end)
    return StreamingResponse(body, status_code=status, media_type=media_type, headers=said)


async def _range_of(
    retrieved: Retrieved, location: str, begin: int, end: int
) -> AsyncIterator[bytes]:
    position = 0
    async for data in stream(retrieved, location):
        first, last = max(begin - position, 0), end - position
        if last <= 0:
            return
        if first < len(data):
            yield data[first:last]
        position += len(data)


async def stream(retrieved: Retrieved, location: str) -> AsyncIterator[bytes]:
    """Yield the bytes, read in threads; then remove temporary files."""

    def pieces() -> Iterator[bytes]:
        yield from read_pieces(retrieved, storage.open_bytes(location))

    try:
        if retrieved.size <= SMALL:
            yield await asyncio.to_thread(lambda: b"".join(pieces()))
            return
        async for data in iterate_in_threadpool(pieces()):
            yield data
    finally:
        remove_temporary(retrieved)


def remove_temporary(retrieved: Retrieved) -> None:
    """Remove the temporary files of retrieved data."""
    for path in retrieved.temporary_files:
        with contextlib.suppress(OSError):
            Path(path).unlink()
