"""Errors on the wire: statuses, problem documents, warnings.

Problem documents follow RFC 9457; statuses follow PS3.18 Tables 8.5-1 and 10.4.3-1.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple

from rendicom import errors
from rendicom.dicomweb.accepts import Accepts, Candidate, match
from rendicom.errors import RendicomError

STATUS_OF: Mapping[type[RendicomError], int] = MappingProxyType(
    {
        errors.BadRequestError: 400,
        errors.OptionError: 400,
        errors.UnauthenticatedError: 401,
        errors.ForbiddenError: 403,
        errors.NoSuchResourceError: 404,
        errors.NoSuchFrameError: 404,
        errors.NotAcceptableError: 406,
        errors.NoPixelDataError: 406,
        errors.EncodeError: 406,
        errors.ConflictError: 409,
        errors.DeletedResourceError: 410,
        errors.TooLargeError: 413,
        errors.LimitExceededError: 413,
        errors.UnsupportedMediaTypeError: 415,
        errors.RendicomError: 500,
        errors.NotSupportedError: 501,
        errors.UnsupportedTransferSyntaxError: 501,
        errors.UnsupportedImageError: 501,
        errors.OverloadedError: 503,
        errors.TimedOutError: 503,
        errors.UnwritableOutputError: 507,
    }
)
"""The one table of statuses; if classes share a status, the first represents it."""

JSON = "application/problem+json"
HTML = "text/html"
TEXT = "text/plain"


class Problem(NamedTuple):
    """A problem document."""

    status: int
    title: str
    """Name of the status."""
    detail: str = ""
    """The fault, in one sentence."""
    code: str = ""
    """Code of the error, for scripts."""
    hint: str = ""
    parameter: str = ""
    """The parameter at fault."""
    frame: int | None = None
    """The frame at fault, counted from 1."""
    available: tuple[str, ...] = ()
    """Available media types."""
    type: str = "about:blank"

    def members(self) -> dict[str, Any]:
        """Return the members that have a value, by name; those of RFC 9457 first."""
        standard = ("type", "title", "status", "detail")
        given = {
            name: value for name, value in self._asdict().items() if value not in ("", (), None)
        }
        names = (*standard, *(name for name in given if name not in standard))
        return {name: given[name] for name in names if name in given}

    def to_json(self) -> bytes:
        """Return the document as JSON, in UTF-8."""
        return json.dumps(self.members(), ensure_ascii=False).encode()

    def to_text(self) -> bytes:
        """Return the document as plain text, in UTF-8."""
        return ("\n".join((self._heading, *self._lines())) + "\n").encode()

    def to_html(self) -> bytes:
        """Return the document as a small page, in UTF-8."""
        from html import escape

        lines = "\n".join(f"<p>{escape(line)}</p>" for line in self._lines())
        heading = escape(self._heading)
        page = (
            f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
            f"<title>{heading}</title>\n<h1>{heading}</h1>\n{lines}\n</html>\n"
        )
        return page.encode()

    @property
    def _heading(self) -> str:
        return f"{self.status} {self.title}"

    def _lines(self) -> Iterable[str]:
        shown = ("detail", "hint", "code", "parameter", "frame", "available")
        members = self.members()
        for name in shown:
            if name in members:
                value = members[name]
                text = ", ".join(value) if isinstance(value, tuple) else str(value)
                yield f"{name.capitalize()}: {text}"


def problem_of(error: RendicomError) -> Problem:
    """Return the problem document of an error."""
    status = next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)
    return Problem(
        status=status,
        title=HTTPStatus(status).phrase,
        detail=error.message,
        code=error.code,
        hint=error.hint,
        parameter=getattr(error, "parameter", ""),
        frame=error.frame,
        available=getattr(error, "available", ()),
    )


def problem_headers(error: RendicomError) -> dict[str, str]:
    """Return the headers of a problem, such as Retry-After."""
    if isinstance(error, errors.OverloadedError):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    return {}


def represent(problem: Problem, accept: str | None) -> tuple[bytes, str]:
    """Return a problem document in a form that the client accepts, and its media type.

    HTML for clients that name it or accept no text (PS3.18 8.6.3); plain text for clients that name
    it but not HTML; JSON for all others.
    """
    wanted = _wanted(accept)
    if wanted == JSON:
        return problem.to_json(), JSON
    if wanted == TEXT:
        return problem.to_text(), f"{TEXT}; charset=utf-8"
    return problem.to_html(), f"{HTML}; charset=utf-8"


def _wanted(accept: str | None) -> str:
    try:
        ranges = Accepts.parse(accept, is_lenient=True).header
    except RendicomError:
        return JSON
    readable = (JSON, HTML, TEXT, "application/json", "application/dicom+json")
    weights = []
    for order, media_type in enumerate(readable):
        found = match(ranges, Candidate(media_type))
        if found is not None and found.q > 0:
            weights.append((found.q, not found.is_wildcard, -order))
    if not weights:
        return HTML
    best = readable[-max(weights)[2]]
    return best if best in (HTML, TEXT) else JSON


_LONGEST_WARNING = 300
_MOST_WARNINGS = 5


def warning_header(texts: Iterable[str], *, service: str) -> str:
    """Return the value of a Warning header: ``299 service: text`` (PS3.18 8.3.5.1.1).

    ``service`` is the base URI of the services. Repeated texts, and those too long for a header,
    are left out.
    """
    known = list(dict.fromkeys(map(_plain, texts)))
    if len(known) > _MOST_WARNINGS:
        known[_MOST_WARNINGS - 1 :] = [f"{len(known) - _MOST_WARNINGS + 1} more warnings"]
    return ", ".join(f"299 {service}: {text}" for text in known)


def _plain(text: str) -> str:
    """Return a text as one line of ASCII, for a header."""
    line = " ".join(text.split()).encode("ascii", "replace").decode()
    plain = "".join(letter if letter.isprintable() else "?" for letter in line)
    return plain if len(plain) <= _LONGEST_WARNING else plain[: _LONGEST_WARNING - 3] + "..."
