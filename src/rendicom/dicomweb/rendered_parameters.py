"""Query parameters of rendered resources and thumbnails (PS3.18 8.3.5, Table 10.4.1-5).

They are those of `RenderOptions`, with the narrower grammar of the standard if it defines one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple, TypeVar, get_args

from rendicom.dicomweb.resources import check_uid
from rendicom.dicomweb.selections import selection_forms
from rendicom.encode import formats
from rendicom.errors import BadRequestError, OptionError
from rendicom.option_values import Annotation
from rendicom.options import RenderOptions, parameters
from rendicom.selection import Selection
from rendicom.values import Viewport, Window

MOST_VIEWPORT_PIXELS = 2**26
"""Default limit of viewports, in pixels."""
THUMBNAIL_SIDE = 256
"""Longest side of a thumbnail without a viewport in the request."""

# The server sets limits.
_NOT_FOR_CLIENTS = frozenset(("max-pixels",))
_URL_NAMES = {"icc": "iccprofile"}
_STANDARD = frozenset(
    ("accept", "annotation", "charset", "iccprofile", "quality", "viewport", "window")
)
_OF_THUMBNAILS = frozenset(("accept", "charset", "viewport"))
_MOST_LAYERS = 16
# Parameters that a presentation state determines (8.3.5.1.6, where only window is listed).
_DECIDED_BY_STATES = ("window", "voi", "preset")


class RenderedQuery(NamedTuple):
    """Parsed parameters of a rendered resource or thumbnail."""

    options: RenderOptions
    warnings: tuple[str, ...] = ()
    """Requested features that are left out, one sentence each."""
    charset: str = ""
    """As in the request; see `rendicom.dicomweb.mediatypes.choose_charset`."""
    selection: Selection | None = None
    """The selection of frames, if a query parameter has one."""
    layers: tuple[str, ...] = ()
    """SOP Instance or Series Instance UIDs of objects drawn on the images, the lowest first."""


class QueryParameter(NamedTuple):
    """A query parameter, as descriptions of the service list it."""

    name: str
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    is_extension: bool = False
    """The standard does not define it."""


def parse_rendered(
    pairs: Sequence[tuple[str, str]],
    *,
    is_thumbnail: bool = False,
    is_presentation_state: bool = False,
    max_viewport_pixels: int = MOST_VIEWPORT_PIXELS,
) -> RenderedQuery:
    """Return the request in the query parameters of a rendered resource.

    Parameters
    ----------
    pairs
        Percent-decoded names and values. Other names are ignored (8.3).
    is_thumbnail
        Only ``viewport`` without a region counts; without one the picture is small.
    is_presentation_state
        The target is a presentation state: it determines windows and regions itself.
    max_viewport_pixels
        Largest viewport to support.

    Raises
    ------
    BadRequestError
        A value is malformed, or contradicts the target or another parameter; ``parameter`` names
        it.
    """
    texts = given(pairs, _names(is_thumbnail=is_thumbnail))
    return _parsed(
        tuple(texts.items()),
        is_thumbnail=is_thumbnail,
        is_presentation_state=is_presentation_state,
        max_viewport_pixels=max_viewport_pixels,
    )


_T = TypeVar("_T")

_LONGEST_VALUE = 1000
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_KEYWORD = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class Keywords(NamedTuple):
    """The requested annotations as canonical text, and warnings of unknown ones."""

    text: str | None = None
    warnings: tuple[str, ...] = ()


def given(pairs: Sequence[tuple[str, str]], names: Container[str]) -> dict[str, str]:
    """Return the values of the parameters in ``names``; others are ignored.

    Raises
    ------
    BadRequestError
        A parameter is given twice, or is too long.
    """
    texts: dict[str, str] = {}
    for name, text in pairs:
        if name not in names:
            continue
        if name in texts:
            raise BadRequestError(f"{name} is given twice", parameter=name)
        if len(text) > _LONGEST_VALUE:
            raise BadRequestError(
                f"{name} is longer than {_LONGEST_VALUE} characters", parameter=name
            )
        texts[name] = text
    return texts


def read(name: str, reader: Callable[[str], _T], text: str) -> _T:
    """Return the value that a reader returns; its OptionError gets the ``name`` added."""
    try:
        return reader(text)
    except OptionError as error:
        raise BadRequestError(error.message, hint=error.hint, parameter=name) from None


def read_decimals(text: str, *, what: str) -> tuple[float | None, ...]:
    """Return comma-separated finite decimals; ``None`` for an empty one.

    Raises
    ------
    OptionError
        One is not a decimal number, or is too large.
    """
    return tuple(_decimal(part, what) if part else None for part in text.split(","))


def _decimal(text: str, what: str) -> float:
    value = float(text) if _DECIMAL.fullmatch(text) else float("nan")
    if not abs(value) < float("inf"):
        raise OptionError(f"{what}: {text!r} is not a decimal number")
    return value


def read_annotation(text: str) -> Keywords:
    """Return the keywords that are supported, and a warning of those that are not (8.3.5.1.1).

    Raises
    ------
    OptionError
        A member is empty, or not a keyword.
    """
    words = text.split(",")
    if not all(map(_KEYWORD.fullmatch, words)):
        raise OptionError("annotation is not a comma-separated list of keywords")
    known = [word for word in get_args(Annotation) if word in words]
    unknown = dict.fromkeys(word for word in words if word not in known)
    missing = ",".join(unknown)
    warning = f"The following annotation values are not supported: {missing}"
    return Keywords(",".join(known) or None, (warning,) if unknown else ())


@cache
def _names(*, is_thumbnail: bool) -> frozenset[str]:
    known = thumbnail_parameters() if is_thumbnail else rendered_parameters()
    return frozenset(item.name for item in known) - {"accept"}


@lru_cache(maxsize=256)
def _parsed(
    pairs: tuple[tuple[str, str], ...],
    *,
    is_thumbnail: bool,
    is_presentation_state: bool,
    max_viewport_pixels: int,
) -> RenderedQuery:
    """Parse known names, each given once; cached, as clients repeat requests."""
    texts = dict(pairs)
    for name in _DECIDED_BY_STATES if is_presentation_state else ():
        if name in texts:
            raise BadRequestError(
                f"{name} is for images: a presentation state has its own", parameter=name
            )
    attributes = {
        _readers()[name].attribute: read(name, _readers()[name].read, text)
        for name, text in texts.items()
        if name in _readers()
    }
    _check_viewport(
        attributes.get("viewport"),
        has_region=not (is_thumbnail or is_presentation_state),
        most=max_viewport_pixels,
    )
    if is_thumbnail:
        attributes["fast"] = True
        if "viewport" not in attributes:
            attributes["max_size"] = THUMBNAIL_SIDE
    annotation = attributes.pop("annotation", Keywords())
    return RenderedQuery(
        _options({**attributes, "annotation": annotation.text}, texts),
        annotation.warnings,
        texts.get("charset", ""),
        _selection(texts),
        _layers(texts.get("layer", "")),
    )


def _selection(texts: Mapping[str, str]) -> Selection | None:
    """Return the requested selection; two exclude each other."""
    asked = [(name, form) for name, form in selection_forms().items() if texts.get(name)]
    if len(asked) > 1:
        names = " and ".join(name for name, _ in asked)
        raise BadRequestError(f"{names} exclude each other: give one", parameter=asked[0][0])
    for name, form in asked:
        return read(name, form.read, texts[name])
    return None


def _layers(text: str) -> tuple[str, ...]:
    uids = tuple(check_uid(each, what="layer") for each in text.split(",")) if text else ()
    if len(uids) > _MOST_LAYERS:
        raise BadRequestError(f"layer names more than {_MOST_LAYERS} UIDs", parameter="layer")
    return tuple(dict.fromkeys(uids))


def _check_viewport(viewport: Viewport | None, *, has_region: bool, most: int) -> None:
    if viewport is None:
        return
    if not has_region and viewport != Viewport(viewport.width, viewport.height):
        raise BadRequestError(
            "a viewport of a thumbnail or presentation state is width and height only",
            parameter="viewport",
        )
    if viewport.width * viewport.height > most:
        raise BadRequestError(
            f"a viewport of more than {most} pixels is not supported", parameter="viewport"
        )


def _options(attributes: Mapping[str, Any], texts: Mapping[str, str]) -> RenderOptions:
    """Return the options; contradictions are attributed to an extension parameter, if any."""
    try:
        return RenderOptions(**attributes)
    except OptionError as error:
        named = [name for name in texts if name in error.message]
        extensions = [name for name in named if name not in _STANDARD]
        parameter = (extensions or named or [""])[0]
        raise BadRequestError(error.message, hint=error.hint, parameter=parameter) from None


class _ParameterReader(NamedTuple):
    attribute: str
    read: Callable[[str], Any]


@cache
def _readers() -> Mapping[str, _ParameterReader]:
    """Return the options a client may set, by the names they have in a URL."""
    narrower: Mapping[str, Callable[[str], Any]] = {
        "window": _window,
        "viewport": lambda text: read_decimals(text, what="viewport") and Viewport.parse(text),
        "annotation": read_annotation,
    }
    return {
        _URL_NAMES.get(item.name, item.name): _ParameterReader(
            item.attribute, narrower.get(item.name, item.parse)
        )
        for item in parameters().values()
        if item.name not in _NOT_FOR_CLIENTS
    }


def _window(text: str) -> Window:
    """Read ``center,width,function``: the standard demands all three (8.3.5.1.4)."""
    head, comma, function = text.rpartition(",")
    numbers = read_decimals(head, what="window") if comma else ()
    if len(numbers) != 2 or None in numbers or not function:
        raise OptionError(f"window {text!r} is not of the form center,width,function")
    return Window.parse(text)


@cache
def rendered_parameters() -> tuple[QueryParameter, ...]:
    """Return the query parameters of rendered resources, those of the standard first."""
    options = [
        QueryParameter(_URL_NAMES.get(item.name, item.name), item.help, item.metavar, item.choices)
        for item in parameters().values()
        if item.name not in _NOT_FOR_CLIENTS
    ]
    others = [
        QueryParameter("accept", "Media types that are accepted, without wildcards.", "LIST"),
        QueryParameter("charset", "Character set of a text.", "NAME"),
        QueryParameter(
            "layer", "SOP Instance or Series UIDs of objects drawn on images.", "UID,UID"
        ),
        *(
            QueryParameter(name, each.help, each.metavar)
            for name, each in selection_forms().items()
        ),
    ]
    known = (each._replace(is_extension=each.name not in _STANDARD) for each in (*others, *options))
    return tuple(sorted(known, key=lambda item: item.is_extension))


@cache
def thumbnail_parameters() -> tuple[QueryParameter, ...]:
    """Return the query parameters of thumbnails (8.3.5.2)."""
    return tuple(item for item in rendered_parameters() if item.name in _OF_THUMBNAILS)


def check_media_type(options: RenderOptions, media_type: str) -> None:
    """Refuse parameters that do not apply to a media type (8.3.5.1.5).

    Raises
    ------
    BadRequestError
        An ICC profile is requested, and the media type cannot embed one.
    """
    if options.icc in (None, "no"):
        return
    known = {item.media_type: item for item in formats().values()}
    if media_type in known and not known[media_type].icc:
        able = ", ".join(name for name, item in known.items() if item.icc)
        raise BadRequestError(
            f"{media_type} cannot hold an ICC profile",
            hint=f"media types that have: {able}",
            parameter="iccprofile",
        )
