"""Makes the parts of a rendered resource and sends them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from rendicom.dicomweb.mediatypes import Choice, choose_charset
from rendicom.server.middlewares.response_cache import note
from rendicom.server.parts import Content, send_content, send_parts
from rendicom.server.requests import services_of
from rendicom.server.responses import (
    base_of,
    etag,
    header_of,
    headers_of,
    is_fresh,
    not_modified,
    voi_header,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from rendicom.dicomweb.rendered_parameters import RenderedQuery
    from rendicom.dicomweb.resources import Resource
    from rendicom.server.negotiating import AnswerPart


async def send_rendered(
    request: Request,
    resource: Resource,
    query: RenderedQuery,
    parts: Sequence[AnswerPart],
    choice: Choice,
    *,
    warnings: tuple[str, ...],
) -> Response:
    """Answer with the parts: one alone, or several in a multipart message.

    ``resource`` is that of the request; ``warnings`` are known before any part is made.
    """
    base = base_of(request)
    # The character set of texts (PS3.18 8.7.6); pictures and videos have none.
    charset = ""
    if not all(part.requests for part in parts):
        charset = choose_charset(
            media_type=choice.charset,
            query=query.charset,
            header=header_of(request, b"accept-charset"),
        )
    kind = f"{choice.media_type} {choice.is_multipart}"
    tag = etag(*map(_key, parts), kind, charset, resource.path, base)
    location = "" if choice.is_multipart else parts[0].resource.url(base)
    vary = "Accept, Accept-Charset" if choice.media_type.startswith("text/") else "Accept"
    headers = headers_of(request, tag=tag, location=location, warnings=warnings, vary=vary)
    if is_fresh(request, tag):
        return not_modified(headers)

    if choice.is_multipart:
        make = partial(_content, request, base=base, charset=charset)
        return await send_parts(
            request, parts, make, headers, media_type=choice.media_type, warnings=warnings
        )
    content = await _content(request, parts[0], base=base, charset=charset)
    if content.warnings:
        said = (*warnings, *content.warnings)
        headers = headers_of(request, tag=tag, location=location, warnings=said, vary=vary)
    if content.picture is not None:
        headers |= voi_header(content.picture.voi)
        is_plain = not any(each.presentation or each.layers for each in parts[0].requests)
        if resource.instance and is_plain:
            note(request.scope, parts[0].entry, content.picture)
    return await send_content(request, content, headers)


def _key(part: AnswerPart) -> str:
    """Return the sources and options of a part as text."""
    if part.requests:
        return " ".join(each.cache_key() for each in part.requests)
    return f"{part.entry.location} {part.entry.version}"


async def _content(request: Request, part: AnswerPart, *, base: str, charset: str) -> Content:
    pictures, entry = services_of(request).pictures, part.entry
    if part.media_type.startswith("video/"):
        video = await pictures.video(entry, part.media_type)
        return Content(video, video.media_type, part.resource, entry.location)
    if not part.requests:
        picture = await pictures.document(entry, part.media_type, base, charset)
    elif len(part.requests) > 1:
        picture = await pictures.sequence(entry, part.requests)
    else:
        picture = await pictures.picture(entry, part.requests[0])
    return Content(picture.data, picture.media_type, part.resource, "", picture.warnings, picture)
