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
from rendicom.server.responses import header_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from rendicom.dicomweb.retrieval import Retrieved

SMALL = 2 << 20
"""Bytes up to which a body is read at once: cheaper than a thread for each piece."""
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


def byte_range(request: Request, size: int, tag: str) -> tuple[int, int] | None:
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


def send_bytes(
    request: Request, data: bytes, media_type: str, headers: Mapping[str, str]
) -> Response:
    """Return a response with the data, or the requested range of it."""
    try:
        asked = byte_range(request, len(data), headers.get("ETag", ""))
    except ValueError:
        return _outside(len(data), headers)
    said = {**headers, "Accept-Ranges": "bytes"}
    if asked is None:
        return Response(data, media_type=media_type, headers=said)
    begin, end = asked
    said["Content-Range"] = f"bytes {begin}-{end - 1}/{len(data)}"
    return Response(data[begin:end], status_code=206, media_type=media_type, headers=said)


async def send_file(
    request: Request,
    retrieved: Retrieved,
    location: str,
    *,
    media_type: str,
    headers: Mapping[str, str],
) -> Response:
    """Return a response that streams data retrieved from the file at ``location``."""
    size = retrieved.size
    if size <= SMALL:
        data = b"".join([each async for each in stream(retrieved, location)])
        return send_bytes(request, data, media_type, headers)
    try:
        asked = byte_range(request, size, headers.get("ETag", ""))
    except ValueError:
        Temporary(retrieved).remove()
        return _outside(size, headers)
    begin, end = asked or (0, size)
    said = {**headers, "Accept-Ranges": "bytes", "Content-Length": str(end - begin)}
    if asked is not None:
        said["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    return StreamingResponse(
        _range_of(retrieved, location, begin, end),
        status_code=200 if asked is None else 206,
        media_type=media_type,
        headers=said,
    )


def _outside(size: int, headers: Mapping[str, str]) -> Response:
    said = {**headers, "Content-Range": f"bytes */{size}"}
    return Response(status_code=416, headers=said)


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

    with Temporary(retrieved):
        if retrieved.size <= SMALL:
            yield await asyncio.to_thread(lambda: b"".join(pieces()))
            return
        async for data in iterate_in_threadpool(pieces()):
            yield data


class Temporary:
    """Removes the temporary files of retrieved data at the end of a block."""

    def __init__(self, retrieved: Retrieved) -> None:
        self._paths = retrieved.temporary_files

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, *error: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove them."""
        for path in self._paths:
            with contextlib.suppress(OSError):
                Path(path).unlink()
