"""`PictureRequest`: how library, command and server request a picture from the engine."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rendicom.options import RenderOptions
from rendicom.records import NamedTuple
from rendicom.selection import Selection

_DEFAULT_OPTIONS = RenderOptions()
_FIRST_FRAME = Selection("frames", "1")


class InstanceLocation(NamedTuple):
    """The location of an instance, and the version of its bytes."""

    location: str
    version: str = ""


class PictureRequest(NamedTuple):
    """A request for one picture: instance, selection, rendering options and format.

    It is small, hashable and pickled as text.

    Attributes
    ----------
    selection
        The frames or other part of the instance; the first frame by default.
    options
        How to render.
    media_type
        Format of the picture.
    instance, presentation, layers
        Locations of the instance, of its presentation state, and of objects drawn on it.
        A door opens them and passes them to the engine; None or empty if they were given as
        objects.

    Examples
    --------
    >>> request = rendicom.PictureRequest(media_type="image/png")
    >>> with rendicom.open_instance("ct.dcm") as instance:
    ...     instance.picture(request).width
    128
    """

    selection: Selection = _FIRST_FRAME
    options: RenderOptions = _DEFAULT_OPTIONS
    media_type: str = "image/jpeg"
    instance: InstanceLocation | None = None
    presentation: InstanceLocation | None = None
    layers: tuple[InstanceLocation, ...] = ()

    def canonical(self) -> str:
        """Return selection, options and media type as text, like the end of a URL.

        >>> PictureRequest().canonical()
        'image/jpeg?frames=1'
        """
        what = f"{self.media_type}?{_selected(*self.selection)}"
        options = _canonical(self.options)
        return f"{what}&{options}" if options else what

    @classmethod
    def parse(cls, text: str) -> PictureRequest:
        """Return the request of a text from `canonical`, without locations."""
        return _parsed(text)

    def cache_key(self) -> str:
        """Return 32 hexadecimal digits that are equal for equal requests, across processes."""
        return _cache_key(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as texts, which is much faster than pickling options and locations."""
        return _restored, (self.canonical(), *_texts_of(self))


def _texts_of(request: PictureRequest) -> list[str]:
    """Return locations and versions: of the instance, the presentation state and all layers."""
    places = (request.instance, request.presentation, *request.layers)
    return [text for place in places for text in place or ("", "")]


def _restored(text: str, *texts: str) -> PictureRequest:
    selection, options, media_type, *_ = _parsed(text)
    instance, presentation, *layers = map(InstanceLocation, texts[::2], texts[1::2])
    return PictureRequest(
        selection,
        options,
        media_type,
        instance if instance.location else None,
        presentation if presentation.location else None,
        tuple(layers),
    )


@lru_cache(maxsize=256)
def _parsed(text: str) -> PictureRequest:
    from urllib.parse import parse_qsl

    media_type, _, query = text.partition("?")
    what, _, options = query.partition("&")
    ((kind, selected),) = parse_qsl(what, keep_blank_values=True)
    return PictureRequest(Selection(kind, selected), _options(options), media_type)


@lru_cache(maxsize=1024)
def _cache_key(request: PictureRequest) -> str:
    import hashlib

    text = "\0".join((*_texts_of(request), request.canonical()))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


@lru_cache(maxsize=1024)
def _selected(kind: str, text: str) -> str:
    from urllib.parse import quote

    return f"{kind}={quote(text, safe=',:')}"


_canonical = lru_cache(maxsize=256)(RenderOptions.canonical)


@lru_cache(maxsize=256)
def _options(canonical: str) -> RenderOptions:
    from urllib.parse import parse_qsl

    return RenderOptions.parse(dict(parse_qsl(canonical)))
