"""Negotiates the media type of a response (PS3.18 8.3.3.1, 8.7).

The Accept header lists what a client accepts. The query parameter ``accept`` may narrow it and has
precedence. Then, in this order:

- The weight of a media type is that of the most specific range that matches it; q=0 excludes it.
- Among equal weights: types that the standard requires of every server and the client names; the
default, which is offered first; other types that the client names; the rest in the order of the
offers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Literal, NamedTuple

from rendicom.dicom.transfer_syntaxes import is_video
from rendicom.dicomweb.accepts import Accepts, Candidate, Range, match
from rendicom.dicomweb.header_fields import weights_of
from rendicom.encode import formats
from rendicom.errors import NotAcceptableError

Packaging = Literal["single", "multipart", "either"]

_DEMANDED = ("image/jpeg", "image/png", "image/gif", "text/html", "text/plain", "text/xml")
"""D and R of the RESTful service (Table 8.7.4-1), the defaults of their categories first."""

_CHARSETS = frozenset(
    ("utf-8", "us-ascii", "tis-620", "gb18030", "gbk", "euc-kr", "shift_jis",
     *(f"iso-8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)))
)  # fmt: skip
"""IANA names of DICOM's character sets (PS3.18 Annex D), except stateful ones."""


class Offer(NamedTuple):
    """A media type in which a resource is available."""

    media_type: str
    packaging: Packaging = "single"
    """As a single part, in a multipart message, or as either."""
    transfer_syntaxes: tuple[str, ...] = ()
    """Available ones, the default first; ``*`` among them is "as stored"."""


class Choice(NamedTuple):
    """The representation that is sent."""

    media_type: str
    """Of the one part, or of each part."""
    is_multipart: bool = False
    charset: str = ""
    """Charset of the request, lower-case; may be unknown."""
    transfer_syntax: str = ""
    """A UID, ``*`` for "as stored", or empty."""
    is_representative: bool = False
    """One picture stands for several frames or instances."""
    is_syntax_asked: bool = False
    """The client named the transfer syntax."""


Category = Literal["single-frame", "multi-frame", "video", "text", "presentation-state", "other"]

_PRESENTATION_STATES = frozenset(
    f"1.2.840.10008.5.1.4.1.1.11.{last}" for last in (1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12)
)
"""Softcopy presentation states of images, and planar views of volumes (PS3.4 B.5)."""


def is_presentation_state(sop_class: str) -> bool:
    """Tell whether a class is one of presentation states."""
    return sop_class in _PRESENTATION_STATES


def category_of(
    sop_class: str, transfer_syntax: str, *, frames: int, has_pixels: bool, is_document: bool
) -> Category:
    """Return the category of a request.

    ``frames`` is the number of requested frames: 1 if one of many was selected. ``is_document``
    says that the class holds a report or an encapsulated document.
    """
    if is_document:
        return "text"
    if is_presentation_state(sop_class):
        return "presentation-state"
    if not has_pixels:
        return "other"
    if frames == 1:
        return "single-frame"
    return "video" if is_video(transfer_syntax) else "multi-frame"


@cache
def picture_types() -> tuple[str, ...]:
    """Return the media types of a picture of one frame, the default first."""
    return tuple(sorted((item.media_type for item in formats().values()), key=_demand))


@cache
def animated_types() -> tuple[str, ...]:
    """Return the media types of an animation, in order of preference."""
    moving = {item.media_type for item in formats().values() if item.encode_animation}
    return tuple(item for item in picture_types() if item in moving)


def _demand(media_type: str) -> int:
    return _DEMANDED.index(media_type) if media_type in _DEMANDED else len(_DEMANDED)


def choose_rendered(
    accepts: Accepts,
    category: Category,
    *,
    offers: Sequence[str] = (),
    is_single: bool,
    is_thumbnail: bool = False,
    is_still: bool = False,
) -> Choice:
    """Return the representation of a rendered resource (PS3.18 8.7.4, 8.7.8.1, 10.4.4).

    Pictures and loops are offered in the formats of `rendicom.encode`.

    Parameters
    ----------
    accepts
        What the client accepts.
    category
        Of the resource, or of each of several instances.
    offers
        Other available types, the default first: text of documents, streams of videos.
    is_single
        The resource is one response item: an instance, or one frame. Several items come in
        parts, each frame as one.
    is_thumbnail
        One picture is requested, for any category.
    is_still
        Single parts only, with one frame representing all (PS3.18 9, WADO-URI).

    Raises
    ------
    NotAcceptableError
        The client accepts none of the available types, which ``available`` lists.
    """
    if is_thumbnail:
        category, is_single = "single-frame", True
    found = _choose_rendered(
        accepts, category, tuple(offers), is_single=is_single, is_still=is_still
    )
    if found is not None:
        return found
    stills = _stills(category, offers, stands_for_more=not is_single)
    raise _refusal(stills if is_still else _items(category, offers, is_single=is_single))


# Cached: clients repeat their headers, and a response from the cache takes less time than this.
@lru_cache(maxsize=1024)
def _choose_rendered(
    accepts: Accepts,
    category: Category,
    offers: tuple[str, ...],
    *,
    is_single: bool,
    is_still: bool,
) -> Choice | None:
    stills = tuple(_stills(category, offers, stands_for_more=not is_single))
    items = () if is_still else tuple(_items(category, offers, is_single=is_single))
    found = _chosen(accepts, items) if items else None
    if found is None and (is_still or accepts.is_lenient):
        found = _chosen(accepts, stills)
    return found


def _items(category: Category, offers: Sequence[str], *, is_single: bool) -> Iterator[Candidate]:
    """Yield the media types of a resource: multipart, and single part if it is one item."""
    has_frames = category not in ("text", "other")
    loops_only = category in ("multi-frame", "video")
    pictures = picture_types() if has_frames else ()
    if is_single:
        whole = animated_types() if loops_only else pictures
        yield from map(Candidate, (*offers, *whole))
    for media_type in (*offers, *pictures):
        yield Candidate(media_type, is_multipart=True, is_alternative=is_single)


def _stills(
    category: Category, offers: Sequence[str], *, stands_for_more: bool
) -> Iterator[Candidate]:
    """Yield single-part representations of several items: a picture that represents them."""
    is_video = category == "video"
    if not is_video:
        yield from (Candidate(each, is_representative=stands_for_more) for each in offers)
    if category in ("text", "other"):
        return
    has_many = category in ("multi-frame", "video")
    for media_type in picture_types():
        is_loop = has_many and media_type in animated_types()
        is_representative = stands_for_more or (has_many and not is_loop)
        yield Candidate(media_type, is_representative=is_representative)
    if is_video:
        # Without a media type the response is a picture (PS3.18 9.4.1).
        yield from map(Candidate, offers)


def choose(accepts: Accepts, *, offers: Sequence[Offer]) -> Choice:
    """Return the offer to send: objects, metadata, bulk data, results of a search.

    The first offer is the default. Without a transfer syntax in the request the first one of an
    offer is meant.

    Raises
    ------
    NotAcceptableError
        The client accepts none of them; ``available`` lists them.
    """
    candidates = tuple(each for offer in offers for each in _offered(offer))
    found = _chosen(accepts, candidates)
    if found is not None:
        return found
    raise _refusal(candidates)


def _offered(offer: Offer) -> Iterator[Candidate]:
    forms = {"single": (False,), "multipart": (True,), "either": (True, False)}
    syntaxes = offer.transfer_syntaxes or ("",)
    stored = "*" if "*" in syntaxes else syntaxes[0]
    for is_multipart in forms[offer.packaging]:
        for syntax in syntaxes:
            yield Candidate(
                offer.media_type, is_multipart, syntax, syntax == syntaxes[0], syntax == stored
            )


def _chosen(accepts: Accepts, candidates: Sequence[Candidate]) -> Choice | None:
    """Return the preferred candidate: by the query if it accepts any, else by the header."""
    for ranges in (accepts.query, accepts.header):
        wanted = []
        for order, candidate in enumerate(candidates):
            found = match(ranges, candidate)
            if found is not None and found.q > 0 and not _is_excluded(accepts, candidate):
                wanted.append((-found.q, _preference(found, candidate, order), order, found))
        if wanted:
            _q, _tie, order, found = min(wanted, key=lambda item: item[:3])
            chosen = candidates[order]
            return Choice(
                chosen.media_type,
                chosen.is_multipart,
                found.parameters.get("charset", "").lower(),
                chosen.transfer_syntax,
                chosen.is_representative,
                bool(chosen.transfer_syntax and found.transfer_syntax),
            )
    return None


def _is_excluded(accepts: Accepts, candidate: Candidate) -> bool:
    """Tell whether the query excludes a candidate with q=0."""
    found = match(accepts.query, candidate) if accepts.query else None
    return found is not None and found.q == 0


def _preference(found: Range, candidate: Candidate, order: int) -> int:
    is_named = not found.is_wildcard
    if is_named and candidate.media_type in _DEMANDED:
        return 0
    return 1 if order == 0 else 2 if is_named else 3


def _refusal(candidates: Iterable[Candidate]) -> NotAcceptableError:
    available = tuple(dict.fromkeys(map(str, candidates)))
    if not available:
        return NotAcceptableError("this resource has no rendered form")
    return NotAcceptableError(
        "the resource has none of the requested media types",
        hint="accept one of those available",
        available=available,
    )


def choose_charset(*, media_type: str = "", query: str = "", header: str | None = None) -> str:
    """Return the character set of a text, in the order of PS3.18 8.7.6; UTF-8 in the end.

    Parameters
    ----------
    media_type
        The ``charset`` that came with the chosen media type.
    query
        The query parameter ``charset``: one or several, separated by commas.
    header
        Accept-Charset.
    """
    weights = weights_of(header or "")
    by_weight = sorted((name for name in weights if weights[name] > 0), key=lambda it: -weights[it])
    for name in (media_type, *query.split(","), *by_weight):
        if name.strip().lower() in _CHARSETS:
            return name.strip().lower()
    return "utf-8"
