"""Parses URLs of a server, of its resources and of rendered images."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from rendicom.client.matching import check_keys
from rendicom.dicomweb.rendered_parameters import parse_rendered
from rendicom.dicomweb.resources import Resource, parse_frames
from rendicom.dicomweb.search_parameters import FLAGS, Pairs, is_attribute
from rendicom.dicomweb.wadouri import parse_wado_uri
from rendicom.errors import BadRequestError, OptionError
from rendicom.options import RenderOptions
from rendicom.values import Viewport

# Some servers allow letters and hyphens in UIDs (Azure: 1 to 64 characters).
_NAME = re.compile(r"(?!\.+$)[0-9A-Za-z.-]{1,64}", re.ASCII)
_COLLECTIONS = ("studies", "series", "instances", "frames")
_ANY_SIDE = 1 << 16
_ENDINGS = ("rendered", "thumbnail", "metadata")


class Address(NamedTuple):
    """A parsed URL."""

    base: str
    """The part before ``/studies``, or before the query of a WADO-URI link."""
    resource: Resource = Resource()
    """Empty for a server as a whole."""
    matches: Pairs = ()
    """Search keys in the URL."""
    options: RenderOptions | None = None
    """Rendering options in its query; None without any."""
    is_wado_uri: bool = False
    """The server is a WADO-URI service, with all parameters in the query."""
    collection: str = ""
    """``series`` or ``instances`` at the end of the path: all below the resource."""
    limit: int | None = None
    offset: int = 0
    """Number of results to return and to skip, from the query (PS3.18 8.3.4.4)."""

    @property
    def level(self) -> str:
        """Return the level that a search of the URL lists: studies, series or instances."""
        below = _COLLECTIONS[sum(map(bool, self.resource[:2]))]
        return self.collection or below


def parse_address(url: str) -> Address:
    """Parse the URL of a DICOMweb resource or WADO-URI link.

    Raises
    ------
    OptionError
        It is not a URL of a DICOMweb server, or its query is malformed.
    """
    if any(letter <= " " or letter == "\x7f" or "\ud800" <= letter <= "\udfff" for letter in url):
        raise OptionError("the URL has a blank or control character in it")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise OptionError("the URL is malformed") from None
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        raise OptionError("the URL is not of the form https://HOST/PATH")
    pairs = tuple(parse_qsl(parts.query, keep_blank_values=True))
    names = {name.lower() for name, _ in pairs}
    site = urlunsplit((parts.scheme.lower(), parts.netloc, "", "", ""))
    try:
        if "requesttype" in names:
            return _wado_uri(f"{site}{parts.path}", pairs)
        return _restful(site, parts.path, pairs)
    except BadRequestError as error:
        raise OptionError(f"the URL: {error.message}", hint=error.hint) from None


def _wado_uri(base: str, pairs: Pairs) -> Address:
    """Read a link of the URI service (PS3.18 9)."""
    asked = parse_wado_uri(pairs, "*/*")
    if asked.region is not None or asked.presentation is not None:
        raise OptionError(
            "the link has a region or a presentation state: leave it out",
            hint="--viewport and rendicom convert --presentation do the same",
        )
    if asked.wants_dicom:
        return Address(base, asked.resource, is_wado_uri=True)
    options = asked.options
    if asked.rows is not None or asked.columns is not None:
        # With one side only, the aspect ratio gives the other (9.5.2.5).
        box = Viewport(asked.columns or _ANY_SIDE, asked.rows or _ANY_SIDE)
        options = replace(options, viewport=box)
    return Address(base, asked.resource, (), options, is_wado_uri=True)


def _restful(site: str, path: str, pairs: Pairs) -> Address:
    segments = [unquote(each) for each in path.split("/")]
    if "studies" not in segments:
        named = [each for each in segments if each]
        collection = named.pop() if named and named[-1] in ("series", "instances") else ""
        whole = "/".join(segments).rstrip("/").removesuffix(f"/{collection}" if collection else "")
        base = site + quote(whole, safe="/:@!$&'()*+,;=~-._")
        return _search(base, Resource(), collection, pairs)
    # The last one: the base URL may also have a part of that name.
    at = len(segments) - 1 - segments[::-1].index("studies")
    base = site + "/".join(path.split("/")[:at])
    named = [each for each in segments[at:] if each]
    ending = named.pop() if named[-1] in _ENDINGS else ""
    collection = ""
    if len(named) % 2 and len(named) > 1:
        # .../studies/1.2/series: all series of it, which is the study.
        last = named.pop()
        if last not in _COLLECTIONS:
            raise BadRequestError(_NO_PATH)
        collection = last if last in ("series", "instances") else ""
    names = named[1::2]
    if tuple(named[::2]) != _COLLECTIONS[: len(named[::2])]:
        raise BadRequestError(_NO_PATH)
    if not all(map(_NAME.fullmatch, names[:3])):
        raise BadRequestError("the path has an invalid UID")
    study, series, instance = (*names[:3], "", "", "")[:3]
    frames = parse_frames(names[3]) if len(names) > 3 else ()
    resource = Resource(study, series, instance, frames)
    if ending in ("rendered", "thumbnail"):
        is_thumbnail = ending == "thumbnail"
        return Address(base, resource, (), parse_rendered(pairs, is_thumbnail=is_thumbnail).options)
    return _search(base, resource, collection, pairs)


_NO_PATH = "the path is not that of a study, series, instance or frame"


def _search(base: str, resource: Resource, collection: str, pairs: Pairs) -> Address:
    matches = tuple(pair for pair in pairs if is_attribute(pair[0]) or pair[0] in FLAGS)
    check_keys(matches)
    found: dict[str, int] = {}
    for name, text in pairs:
        if name not in ("limit", "offset"):
            continue
        if not (text.isascii() and text.isdigit()) or (name == "limit" and not int(text)):
            raise BadRequestError(f"{name} is not a whole number", hint=f"such as {name}=100")
        found[name] = int(text)
    limit, offset = found.get("limit"), found.get("offset", 0)
    return Address(base, resource, matches, None, False, collection, limit, offset)
