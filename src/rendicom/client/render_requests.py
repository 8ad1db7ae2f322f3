"""Requests for rendered images, and checks of the responses."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple
from urllib.parse import parse_qsl

from rendicom.client.content_sniffing import identify, is_cut_short
from rendicom.client.searching import query_text
from rendicom.coded_warnings import CodedWarning
from rendicom.engine.rendered_image import RenderedImage
from rendicom.errors import WireError
from rendicom.options import PRESETS, RenderOptions, parameters
from rendicom.values import Viewport

_STANDARD = {
    "window": "window", "viewport": "viewport", "quality": "quality",
    "annotation": "annotation", "icc": "iccprofile",
}  # fmt: skip
"""Parameters of PS3.18 Table 10.4.1-5, by the names of rendering options."""
_OURS = {**{name: name for name in parameters()}, **_STANDARD}
_NOT_SHOWN = frozenset(("max-pixels", "compression", "fast"))
"""Options that do not affect a picture by a server."""


class Capabilities(NamedTuple):
    """The parameters in the Capabilities Description of a server (PS3.18 8.9)."""

    media_types: frozenset[str] = frozenset()
    """Those of rendered instances and frames."""
    parameters: frozenset[str] = frozenset()
    """Query parameters of rendered resources."""
    is_ours: bool = False
    """The server is `rendicom serve`, where all parameters have the same meaning."""


class RenderRequest(NamedTuple):
    """Options as a query, and the size of the requested picture.

    ``known`` are the parameters that the server understands.
    """

    query: str
    box: tuple[int, int] | None = None
    known: AbstractSet[str] = frozenset()

    def selecting(self, pairs: Sequence[tuple[str, str]]) -> RenderRequest | None:
        """Return the request with a selection; None if the server would ignore a parameter."""
        if not pairs:
            return self
        if any(name not in self.known for name, _ in pairs):
            return None
        return self._replace(
            query="&".join(filter(None, (self.query, query_text(pairs)))), box=None
        )


def render_request_for(
    options: RenderOptions,
    *,
    known: AbstractSet[str] = frozenset(_STANDARD.values()),
    rows: int = 0,
    columns: int = 0,
) -> RenderRequest | None:
    """Return the request of options; None if the server does not know some.

    Parameters
    ----------
    options
        The rendering options.
    known
        Parameters that the server understands; those of the standard if not given.
    rows, columns
        Size of the image, 0 where unknown.
    """
    pairs: list[tuple[str, str]] = []
    for name, text in parse_qsl(options.canonical()):  # those that differ from their defaults
        wire = _OURS[name]
        if name == "max-size" and wire not in known:
            if not rows or not columns or options.viewport is not None:
                return None
            # Unlike a viewport, it never makes anything larger.
            pairs += [("viewport", f"{text},{text}")] if max(rows, columns) > int(text) else []
        elif name == "preset" and wire not in known:
            pairs.append(("window", str(PRESETS[text])))
        elif wire in known:
            pairs.append((wire, text))
        elif name not in _NOT_SHOWN:
            return None
    if any(wire not in known for wire, _ in pairs):
        return None
    return RenderRequest(query_text(pairs), _expected(options, rows=rows, columns=columns), known)


def _expected(options: RenderOptions, *, rows: int, columns: int) -> tuple[int, int] | None:
    """Return width and height of the picture; None if unknown."""
    if not rows or not columns or options.square_pixels:
        return None
    viewport = options.viewport
    width, height = float(columns), float(rows)
    if viewport is not None:
        if viewport != Viewport(viewport.width, viewport.height):
            return None
        scale = min(viewport.width / width, viewport.height / height)
        width, height = width * scale, height * scale
    width, height = width * options.scale, height * options.scale
    if options.rotate in (90, 270):
        width, height = height, width
    if options.max_size is not None and max(width, height) > options.max_size:
        scale = options.max_size / max(width, height)
        width, height = width * scale, height * scale
    return max(1, round(width)), max(1, round(height))


def check_picture(
    data: bytes,
    media_type: str,
    *,
    query: RenderRequest,
    host: str,
    frame: int | None = 1,
    voi: str = "",
    warnings: tuple[CodedWarning, ...] = (),
) -> RenderedImage:
    """Return the picture of a response, after checking it.

    Raises
    ------
    WireError
        It has another media type or size, or is truncated.
    """
    seen = identify(data)
    if seen.media_type != media_type:
        what = seen.media_type or "something else"
        raise WireError(f"{host} answers with {what} instead of {media_type}")
    if is_cut_short(data):
        raise WireError(f"{host} answers with {media_type} whose end is missing")
    if media_type.startswith("image/") and query.box is not None and seen.width:
        wide, high = query.box
        if abs(seen.width - wide) > 1 or abs(seen.height - high) > 1:
            raise WireError(
                f"{host} answers with a picture of {seen.width} x {seen.height} "
                f"instead of {wide} x {high}"
            )
    return RenderedImage(data, media_type, seen.width, seen.height, frame, voi, warnings)
