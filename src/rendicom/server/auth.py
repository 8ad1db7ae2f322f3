"""Authentication of clients by API keys and tokens, and their scopes."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, NamedTuple, Self

from rendicom.errors import ForbiddenError, OptionError, UnauthenticatedError
from rendicom.server.keys import ApiKey, Scope, find_key, parse_keys
from rendicom.server.tokens import Claims, Tokens

if TYPE_CHECKING:
    from rendicom.server.settings import Settings

_log = logging.getLogger("rendicom.server")

_LOOK_SECONDS = 1.0
_KEPT_TOKENS = 1024
_KEPT_SECONDS = 30.0
"""Seconds that the result of checking a token is reused."""
_DELAY_SECONDS = 0.25


class Principal(NamedTuple):
    """The client: name of a key or subject of a token; empty if no key is required."""

    name: str
    scopes: frozenset[Scope]

    def require(self, scope: Scope) -> None:
        """Raise `ForbiddenError` unless the client has the scope."""
        if scope not in self.scopes:
            raise ForbiddenError(
                f"the request needs the scope {scope}", hint="the key or token does not allow this"
            )


_READ: frozenset[Scope] = frozenset({"read"})
_WRITE: frozenset[Scope] = frozenset({"read", "write"})
ANYBODY = Principal("", _WRITE)
"""The client where no key is required."""


class Authenticator:
    """Identifies clients. For one event loop."""

    def __init__(
        self,
        *,
        key_file: str = "",
        tokens: Tokens | None = None,
        read_scope: str = "",
        write_scope: str = "write",
    ) -> None:
        self._key_file = key_file
        self._tokens = tokens
        self._read_scope, self._write_scope = read_scope, write_scope
        self._keys: tuple[ApiKey, ...] = ()
        self._stamp: tuple[int, ...] = ()
        self._watch: asyncio.Task[None] | None = None
        self._held: OrderedDict[bytes, tuple[Claims, float]] = OrderedDict()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return an authenticator for the settings."""
        tokens = None
        if settings.jwks:
            tokens = Tokens(
                settings.jwks, audience=settings.jwt_audience, issuer=settings.jwt_issuer
            )
        return cls(
            key_file=settings.api_key_file,
            tokens=tokens,
            read_scope=settings.jwt_read_scope,
            write_scope=settings.jwt_write_scope,
        )

    @property
    def is_on(self) -> bool:
        """Tell whether a key or token is required."""
        return bool(self._key_file or self._tokens)

    async def start(self) -> None:
        """Read the keys, and read them again when the file changes.

        Raises
        ------
        OptionError
            The file of keys, or of the provider's keys, is malformed.
        """
        if self._tokens is not None:
            await self._tokens.start()
        if self._key_file:
            await self.refresh()
            if not self._keys:
                hint = "rendicom key makes one"
                raise OptionError(f"{self._key_file} holds no key", hint=hint)
            self._watch = asyncio.create_task(self._look_again())

    async def close(self) -> None:
        """Stop watching the file."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None

    async def refresh(self) -> None:
        """Read the file of keys if it has changed.

        Raises
        ------
        OptionError
            It cannot be read, or a line is malformed. All keys are rejected then: the line may
            revoke one.
        """
        stamp, self._stamp = self._stamp, ()
        try:
            stamp, text = await asyncio.to_thread(_read_if_changed, self._key_file, stamp)
            keys = self._keys if text is None else parse_keys(text, what=self._key_file)
        except (OSError, UnicodeDecodeError) as error:
            self._keys = ()
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise OptionError(f"{self._key_file} cannot be read: {reason}") from None
        except OptionError:
            self._keys = ()
            raise
        self._keys, self._stamp = keys, stamp

    async def identify(self, headers: Mapping[str, str]) -> Principal:
        """Return the client; ``headers`` are those of the request, names in lower case.

        Raises
        ------
        UnauthenticatedError
            The key or token is missing or invalid. Raised after a short delay.
        """
        if not self.is_on:
            return ANYBODY
        try:
            return await self._identified(_credential(headers))
        except UnauthenticatedError:
            await asyncio.sleep(_DELAY_SECONDS)
            raise

    async def _identified(self, text: str) -> Principal:
        if not text:
            hint = "send it in the header apikey, X-API-Key or Authorization: Bearer"
            raise UnauthenticatedError("the request needs a key", hint=hint)
        key = find_key(self._keys, text)
        if key is not None:
            if key.is_expired(datetime.now(UTC).date()):
                raise UnauthenticatedError("the key has expired")
            return Principal(key.name, _WRITE if key.scope == "write" else _READ)
        if self._tokens is None or text.count(".") != 2:
            raise UnauthenticatedError("the key is unknown")
        claims = await self._checked(text, self._tokens)
        scopes: set[Scope] = set()
        if not self._read_scope or self._read_scope in claims.scopes:
            scopes.add("read")
        if self._write_scope and self._write_scope in claims.scopes:
            scopes.update(_WRITE)
        return Principal(claims.subject, frozenset(scopes))

    async def _checked(self, text: str, tokens: Tokens) -> Claims:
        mark = sha256(text.encode("utf-8", "replace")).digest()
        claims, until = self._held.get(mark, (None, 0.0))
        if claims is None or monotonic() > until:
            claims = await tokens.check(text)
            left = claims.expires - time()
            self._held[mark] = claims, monotonic() + min(_KEPT_SECONDS, left)
            if len(self._held) > _KEPT_TOKENS:
                self._held.popitem(last=False)
        return claims

    async def _look_again(self) -> None:
        said = ""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self.refresh()
            except OptionError as error:
                if said != error.message:
                    _log.error("%s: no key is accepted", error.message)
                said = error.message
            else:
                said = ""


def _read_if_changed(path: str, stamp: tuple[int, ...]) -> tuple[tuple[int, ...], str | None]:
    with Path(path).open(encoding="utf-8") as stream:
        now = os.fstat(stream.fileno())
        found = (now.st_ino, now.st_mtime_ns, now.st_size)
        return found, None if found == stamp else stream.read()


def _credential(headers: Mapping[str, str]) -> str:
    for name in ("apikey", "x-api-key"):
        if headers.get(name):
            return headers[name].strip()
    kind, _, text = headers.get("authorization", "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else ""
