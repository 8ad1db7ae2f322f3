"""Turns error responses of a server into exceptions; only safe text is shown."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from rendicom import errors
from rendicom.coded_warnings import CodedWarning
from rendicom.dicomweb.problems import STATUS_OF
from rendicom.errors import RendicomError, WireError

_LONGEST = 300
_HINTS = {
    401: "-H 'apikey: @FILE', --api-key, --token, --user or .netrc say who asks",
    403: "these credentials may not do it",
    404: "the URL, or the server, may be another one",
}


def refusal(status: int, body: bytes, host: str, *, hide: Callable[[str], str]) -> RendicomError:
    """Return the error for an error response.

    Text of other servers is not shown: it may quote the request, or attributes of a
    patient. Servers that use Rendicom's error codes are trusted to follow its rules.

    Parameters
    ----------
    status, body, host
        The response, and the host that sent it.
    hide
        Removes secrets from a text.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    every: list[type[RendicomError]] = [getattr(errors, name) for name in errors.__all__]
    kinds = {kind.code: kind for kind in every}
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    answered, hint = f"{host} answers {status} {phrase}", _HINTS.get(status, "")
    if not isinstance(said, dict) or "detail" not in said or _text(said, "code") not in kinds:
        of_status = (kind for kind, known in STATUS_OF.items() if known == status)
        return next((kind for kind in of_status if issubclass(kind, WireError)), WireError)(
            answered, hint=hint
        )
    kind, available, frame = kinds[said["code"]], said.get("available"), said.get("frame")
    more: dict[str, Any] = {}
    if issubclass(kind, errors.BadRequestError):
        more["parameter"] = _text(said, "parameter")
    if issubclass(kind, errors.NotAcceptableError) and isinstance(available, list):
        more["available"] = tuple(map(str, available))
    return kind(
        _shortened(hide(_text(said, "detail"))) or answered,
        hint=_shortened(hide(_text(said, "hint"))) or hint,
        frame=frame if isinstance(frame, int) else None,
        **more,
    )


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name, "")
    return value if isinstance(value, str) else ""


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait (RFC 9110 10.2.3), or None."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    if not text:
        return None
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def warnings_of(
    headers: Mapping[str, str], *, hide: Callable[[str], str]
) -> tuple[CodedWarning, ...]:
    """Return the texts of ``Warning: 299`` headers in the form of `rendicom serve`."""
    texts = headers.get("warning", "").split(", 299 ")
    found = []
    for text in texts:
        _agent, colon, said = text.removeprefix("299 ").partition(": ")
        if colon and text.strip():
            sentence = _shortened(hide(said.strip().strip('"')))
            found.append(CodedWarning("said-by-server", sentence))
    return tuple(found)
