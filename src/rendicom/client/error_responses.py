"""Turns error responses of a server into exceptions; only safe text is shown."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from rendicom import errors
from rendicom.coded_warnings import CodedWarning
from rendicom.dicomweb.problems import error_of
from rendicom.errors import RendicomError

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
    said = _problem(body)
    if said is None:
        error = error_of(status, b"")
        error.message = f"{host} answers {error.message.removeprefix('the server answered ')}"
        error.hint = _HINTS.get(status, "")
    else:
        error = error_of(status, json.dumps(said).encode())
        error.message = _shortened(hide(error.message))
        error.hint = _shortened(hide(error.hint)) or _HINTS.get(status, "")
    error.args = (error.message,)
    return error


def _problem(body: bytes) -> Mapping[str, Any] | None:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    codes = {getattr(errors, name).code for name in errors.__all__}
    is_ours = isinstance(said, dict) and said.get("code") in codes and "detail" in said
    return said if is_ours else None


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
