"""Responses to requests that fail before a route handles them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rendicom.dicomweb.problems import Problem, problem_headers, problem_of, represent

if TYPE_CHECKING:
    from starlette.types import Scope, Send

    from rendicom.errors import RendicomError


async def refuse(
    scope: Scope,
    send: Send,
    error: RendicomError,
    *,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Answer with the problem document of ``error``, and additional ``headers``."""
    await _send(scope, send, problem_of(error), {**problem_headers(error), **(headers or {})})


async def refuse_fault(scope: Scope, send: Send) -> None:
    """Answer with status 500 and no details."""
    problem = Problem(500, "Internal Server Error", "a fault inside Rendicom", "internal-error")
    await _send(scope, send, problem, {})


async def _send(scope: Scope, send: Send, problem: Problem, headers: Mapping[str, str]) -> None:
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"*/*")
    body, media_type = represent(problem, accept.decode("latin-1"))
    named = {
        "content-type": media_type,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        **headers,
    }
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in named.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": encoded})
    await send({"type": "http.response.body", "body": b"" if _is_head(scope) else body})


def _is_head(scope: Scope) -> bool:
    return bool(scope["method"] == "HEAD")
