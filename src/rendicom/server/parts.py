"""Responses of several items, sent as they are made (PS3.18 8.6.1.2)."""

from __future__ import annotations

import asyncio
import io
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from starlette.responses import Response, StreamingResponse

from rendicom.dicomweb.multipart import MultipartWriter
from rendicom.dicomweb.problems import JSON, problem_of, warning_header
from rendicom.errors import RendicomError
from rendicom.server.files import SMALL, remove_temporary, send_bytes, send_file, stream
from rendicom.server.requests import services_of
from rendicom.server.responses import base_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from rendicom.dicomweb.resources import Resource
    from rendicom.dicomweb.rewriting import Retrieved
    from rendicom.server.tasks import Picture


_HELD = 8 << 20
"""Bytes made before sending starts: short responses can report failures in their headers."""

_T = TypeVar("_T")
_R = TypeVar("_R")


class Content(NamedTuple):
    """The body of a part: bytes, or a range of the file at a location.

    ``media_type`` includes parameters; ``resource``, and the path ``below`` it, give
    Content-Location.
    """

    body: bytes | Retrieved
    media_type: str
    resource: Resource
    location: str = ""
    warnings: tuple[str, ...] = ()
    picture: Picture | None = None
    below: str = ""

    def url(self, base: str) -> str:
        """Return the value of Content-Location."""
        return self.resource.url(base) + self.below

    @property
    def size(self) -> int:
        """Return the length of the body in bytes."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.size

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body; a temporary file is removed at the end."""
        if isinstance(self.body, bytes):
            yield self.body
            return
        try:
            async for data in stream(self.body, self.location):
                yield data
        finally:
            remove_temporary(self.body)


class _Named(Protocol):
    """The source of a part."""

    @property
    def resource(self) -> Resource: ...


_N = TypeVar("_N", bound=_Named)


async def in_order(
    items: Sequence[_T], make: Callable[[_T], Awaitable[_R]], *, ahead: int
) -> AsyncIterator[tuple[_T, _R | RendicomError]]:
    """Yield the results for items in their order; ``ahead`` of them are made at once."""
    waiting: deque[tuple[_T, asyncio.Future[_R]]] = deque()
    rest = iter(items)
    try:
        while True:
            while len(waiting) < ahead:
                try:
                    item = next(rest)
                except StopIteration:
                    break
                waiting.append((item, asyncio.ensure_future(make(item))))
            if not waiting:
                return
            item, future = waiting.popleft()
            try:
                yield item, await future
            except RendicomError as error:
                yield item, error
    finally:
        for _, future in waiting:
            future.cancel()


@dataclass
class _Begun(Generic[_R]):
    """The results made before sending starts."""

    made: list[_R] = field(default_factory=list)
    errors: list[RendicomError] = field(default_factory=list)
    is_whole: bool = True

    def headers(
        self, request: Request, headers: Mapping[str, str], warnings: Sequence[str]
    ) -> dict[str, str]:
        notes = [*warnings, *(f"left out: {error}" for error in self.errors)]
        if not notes:
            return dict(headers)
        return {**headers, "Warning": warning_header(notes, service=base_of(request))}


async def _begin(
    results: AsyncIterator[tuple[_T, _R | RendicomError]], size: Callable[[_R], int]
) -> _Begun[_R]:
    begun: _Begun[_R] = _Begun()
    total = 0
    async for _, made in results:
        if isinstance(made, RendicomError):
            begun.errors.append(made)
            continue
        begun.made.append(made)
        total += size(made)
        if total > _HELD:
            begun.is_whole = False
            break
    if begun.errors and not begun.made:
        raise begun.errors[0]
    return begun


async def send_parts(
    request: Request,
    items: Sequence[_N],
    make: Callable[[_N], Awaitable[Content]],
    headers: Mapping[str, str],
    *,
    media_type: str = "",
    warnings: Sequence[str] = (),
) -> Response:
    """Return a multipart response with a part for each item, in their order.

    Without a ``media_type`` the message has that of its first part.

    Items that cannot be made are left out of a response short enough to be held back, with a
    warning in its headers. In a longer one, a problem document replaces each.

    Raises
    ------
    RendicomError
        No item could be made; the error is that of the first.
    """
    base = base_of(request)
    results = in_order(items, make, ahead=_ahead(request))
    begun = await _begin(results, lambda content: content.size)
    writer = MultipartWriter(media_type or begun.made[0].media_type.partition(";")[0])
    notes = [*warnings, *(note for each in begun.made for note in each.warnings)]
    said = begun.headers(request, headers, notes)

    async def body() -> AsyncIterator[bytes]:
        for content in begun.made:
            async for data in _pieces(content, writer, base):
                yield data
        if not begun.is_whole:
            async for item, made in results:
                if isinstance(made, RendicomError):
                    text = problem_of(made).to_json()
                    yield writer.part(text, JSON, item.resource.url(base))
                    continue
                async for data in _pieces(made, writer, base):
                    yield data
        yield writer.end()

    is_made = all(isinstance(each.body, bytes) for each in begun.made)
    if begun.is_whole and (is_made or sum(each.size for each in begun.made) <= SMALL):
        whole = b"".join([data async for data in body()])
        return Response(whole, media_type=writer.content_type, headers=said)
    return StreamingResponse(body(), media_type=writer.content_type, headers=said)


async def _pieces(content: Content, writer: MultipartWriter, base: str) -> AsyncIterator[bytes]:
    opening = writer.opening(content.size, content.media_type, content.url(base))
    async for data in content.pieces():
        yield opening + data
        opening = b""
    if opening:
        yield opening


async def send_content(request: Request, content: Content, headers: Mapping[str, str]) -> Response:
    """Return a response of a single part, or the requested range of bytes of it."""
    if isinstance(content.body, bytes):
        return send_bytes(request, content.body, content.media_type, headers)
    return await send_file(
        request, content.body, content.location, media_type=content.media_type, headers=headers
    )


async def send_array(
    request: Request,
    items: Sequence[_T],
    make: Callable[[_T], Awaitable[bytes]],
    headers: Mapping[str, str],
    *,
    media_type: str,
) -> Response:
    """Return a JSON array of the results, without those that fail.

    Raises
    ------
    RendicomError
        No item could be made; the error is that of the first.
    """
    results = in_order(items, make, ahead=_ahead(request))
    begun = await _begin(results, len)
    said = begun.headers(request, headers, ())
    if begun.is_whole:
        body = b"[" + b",".join(begun.made) + b"]"
        return Response(body, media_type=media_type, headers=said)

    async def rest() -> AsyncIterator[bytes]:
        yield b"[" + b",".join(begun.made)
        async for _, made in results:
            if not isinstance(made, RendicomError):
                yield b"," + made
        yield b"]"

    return StreamingResponse(rest(), media_type=media_type, headers=said)


def _ahead(request: Request) -> int:
    return 2 * services_of(request).renderers.width


ZIP = "application/zip"
_MADE = (1980, 1, 1, 0, 0, 0)
"""The earliest time of a ZIP entry: the same study gives the same archive."""
_LEFT_OUT = "LEFT-OUT.txt"


class _Sink(io.RawIOBase):
    """Collects the output of `zipfile`; not seekable, so that no data has to be kept."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """Return the bytes written since the last call."""
        whole = b"".join(self._pieces)
        self._pieces.clear()
        return whole


async def send_zip(
    request: Request,
    items: Sequence[Any],
    make: Callable[[Any], Awaitable[Content]],
    headers: Mapping[str, str],
    *,
    name: str,
) -> Response:
    """Return an archive with a file ``study/series/instance.dcm`` for each item, not compressed.

    Unreadable instances are listed in a file LEFT-OUT.txt at the end.

    Raises
    ------
    RendicomError
        The first item cannot be read, and it is the only one.
    """
    results = in_order(items, make, ahead=services_of(request).renderers.width)
    first = await anext(results)
    if len(items) == 1 and isinstance(first[1], RendicomError):
        raise first[1]
    said = {**headers, "Content-Disposition": f'attachment; filename="{name}.zip"'}
    return StreamingResponse(_archive(first, results), media_type=ZIP, headers=said)


async def _archive(first: Any, results: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    sink = _Sink()
    left_out: list[str] = []
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        found: Any = first
        while found is not None:
            item, made = found
            if isinstance(made, RendicomError):
                left_out.append(f"{item.resource.instance}: {made}\n")
            else:
                async for data in _entry(archive, sink, made):
                    yield data
            found = await anext(results, None)
        if left_out:
            archive.writestr(ZipInfo(_LEFT_OUT, _MADE), "".join(left_out))
    yield sink.taken()


async def _entry(archive: ZipFile, sink: _Sink, content: Content) -> AsyncIterator[bytes]:
    study, series, instance, _ = content.resource
    info = ZipInfo(f"{study}/{series}/{instance}.dcm", _MADE)
    with archive.open(info, "w", force_zip64=content.size >= 1 << 31) as entry:
        async for data in content.pieces():
            entry.write(data)
            yield sink.taken()
    yield sink.taken()
