"""Sends several instances as one ZIP archive while they are read (PS3.18 8.6.1.3)."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from starlette.responses import StreamingResponse

from rendicom.errors import RendicomError
from rendicom.server.parts import Content, in_order
from rendicom.server.requests import services_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

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
        async for item, made in _joined(first, results):
            if isinstance(made, RendicomError):
                left_out.append(f"{item.resource.instance}: {made}\n")
                continue
            async for data in _entry(archive, sink, made):
                yield data
        if left_out:
            archive.writestr(ZipInfo(_LEFT_OUT, _MADE), "".join(left_out))
    yield sink.taken()


async def _joined(first: Any, results: AsyncIterator[Any]) -> AsyncIterator[Any]:
    yield first
    async for each in results:
        yield each


async def _entry(archive: ZipFile, sink: _Sink, content: Content) -> AsyncIterator[bytes]:
    study, series, instance, _ = content.resource
    info = ZipInfo(f"{study}/{series}/{instance}.dcm", _MADE)
    with archive.open(info, "w", force_zip64=content.size >= 1 << 31) as entry:
        async for data in content.pieces():
            entry.write(data)
            yield sink.taken()
    yield sink.taken()
