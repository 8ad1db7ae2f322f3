"""Access control: host names, origins of changes, keys and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rendicom.errors import BadRequestError, ForbiddenError, RendicomError, UnauthenticatedError
from rendicom.server.auth import ANYBODY
from rendicom.server.responses import refuse
from rendicom.server.settings import is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from rendicom.server.auth import Principal
    from rendicom.server.services import Services

IDENTITY = "rendicom.identity"
"""Key of a request's scope: the `rendicom.server.auth.Principal` of the client."""
_KEPT_NAMES = 256
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PUBLIC = frozenset(
    {
        "/", "/healthz", "/readyz", "/docs", "/openapi.json", "/favicon.ico",
        "/page/parameters.json",
    }
)  # fmt: skip
_LANDING = ("/dicomweb", "/dicomweb/")
"""Public without a query: that is the landing page, and with one it is WADO-URI."""
_PUBLIC_FOLDERS = ("/static/", "/docs/")


class Gate:
    """Accepts or refuses requests."""

    def __init__(self, app: ASGIApp, *, services: Services) -> None:
        self._app = app
        self._authenticator = services.authenticator
        self._telemetry = services.telemetry
        settings = services.settings
        self._origins = settings.cors
        self._root_path = settings.root_path
        self._names = frozenset(name.lower() for name in (*settings.allowed_hosts, settings.host))
        self._is_ours = lru_cache(_KEPT_NAMES)(self._name_is_ours)
        self._has_names = not (settings.has_auth or settings.insecure_no_auth)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host, origin, hosts = b"", None, 0
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
                hosts += 1
            elif name == b"origin":
                origin = value
        try:
            if hosts != 1 and (hosts or scope.get("http_version") != "1.0"):
                raise BadRequestError("a request must have one Host header (RFC 9112 3.2)")
            if self._has_names and not self._is_ours(scope["server"], host):
                raise ForbiddenError(
                    "this server does not answer to that name", hint="--allowed-hosts adds names"
                )
            if origin is not None and scope["method"] not in _SAFE:
                self._check_origin(origin.decode("latin-1"), host.decode("latin-1"))
            scope[IDENTITY] = await self._identity(scope)
        except RendicomError as error:
            self._telemetry.auth_failed(error.code)
            await refuse(scope, send, error, headers=_challenge(error, scope))
            return
        await self._app(scope, receive, send)

    def _name_is_ours(self, server: tuple[str, int | None] | None, host: bytes) -> bool:
        """Tell whether a Host header is acceptable for a server without keys.

        A web page may resolve its own name to this machine and read its data (DNS rebinding): the
        browser takes it for the page's server.
        """
        if server is None or not is_loopback(server[0]):
            return True
        name = _hostname(host.decode("latin-1"))
        return not name or is_loopback(name) or name in self._names

    def _check_origin(self, origin: str, host: str) -> None:
        """Refuse changes requested by a page of another origin."""
        is_own = urlsplit(origin).netloc.lower() == host.lower()
        if not is_own and origin not in self._origins and "*" not in self._origins:
            raise ForbiddenError(
                "pages of that origin may not change anything here", hint="--cors allows origins"
            )

    async def _identity(self, scope: Scope) -> Principal | None:
        if not self._authenticator.is_on:
            return ANYBODY
        if self._is_public(scope):
            return None
        headers = (
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        )
        identity = await self._authenticator.identify(dict(headers))
        # Before the check, so that the audit log names refused clients.
        scope[IDENTITY] = identity
        identity.require("read" if scope["method"] in _SAFE else "write")
        return identity

    def _is_public(self, scope: Scope) -> bool:
        """Tell whether a resource has no data of patients."""
        path = scope["path"].removeprefix(self._root_path)
        if scope["method"] not in _SAFE or b"requesttype" in scope["query_string"].lower():
            return False
        if path in _LANDING:
            return not scope["query_string"]
        return path in _PUBLIC or path.startswith(_PUBLIC_FOLDERS)


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return "?"


def _challenge(error: RendicomError, scope: Scope) -> Mapping[str, str]:
    """Return the WWW-Authenticate header (RFC 6750 3)."""
    if not isinstance(error, UnauthenticatedError):
        return {}
    has_token = any(name == b"authorization" for name, _ in scope["headers"])
    wrong = ', error="invalid_token"' if has_token else ""
    return {"WWW-Authenticate": f'Bearer realm="rendicom"{wrong}'}
