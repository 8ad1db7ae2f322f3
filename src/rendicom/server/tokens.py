"""Verifies JSON Web Tokens with the published keys of an OpenID provider (RFC 7519, RFC 7517)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import jwt

from rendicom.errors import OptionError, UnauthenticatedError

_log = logging.getLogger("rendicom.server")

_ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""Asymmetric algorithms only: with HS256 the published key could sign."""
_VERIFY = ("verify",)
_REFRESH_SECONDS = 600.0
_REFETCH_SECONDS = 30.0
"""Seconds between lookups of unknown key identifiers, which clients can invent."""
_FETCH_SECONDS = 10.0
_LARGEST = 1 << 20
_LEEWAY_SECONDS = 30
_LONGEST = 16 << 10


class Claims(NamedTuple):
    """Claims of a token: subject, scopes, and end (POSIX time)."""

    subject: str
    scopes: frozenset[str]
    expires: float


class _Key(NamedTuple):
    """A public key, and the algorithms that it may be used with."""

    key: Any
    algorithms: Sequence[str]


class Tokens:
    """Checks tokens. For one event loop.

    Parameters
    ----------
    location
        File or URL of a JSON Web Key Set.
    audience, issuer
        Required claims; an empty issuer accepts any.
    """

    def __init__(self, location: str, *, audience: str, issuer: str = "") -> None:
        self._location = location
        self._audience = audience
        self._issuer = issuer or None
        self._keys: Mapping[str, _Key] = {}
        self._fetched = 0.0
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Fetch the keys.

        Raises
        ------
        OptionError
            The file has no keys. An unreachable URL is only logged.
        """
        try:
            await self._fetch()
        except OptionError as error:
            if not _is_url(self._location):
                raise
            _log.warning("%s", error)

    async def check(self, token: str) -> Claims:
        """Return the claims of a token.

        Raises
        ------
        UnauthenticatedError
            It is malformed, expired, for another audience, or not signed by a key of the provider.
        """
        try:
            if len(token) > _LONGEST:
                raise jwt.DecodeError
            header = jwt.get_unverified_header(token)
            key = await self._key(str(header.get("kid", "")))
            payload = jwt.decode(
                token,
                key.key,
                algorithms=key.algorithms,
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise UnauthenticatedError(f"the token is invalid: {_reason(error)}") from None
        return Claims(str(payload["sub"]), _scopes(payload), float(payload["exp"]))

    async def _key(self, key_id: str) -> _Key:
        age = monotonic() - self._fetched
        is_known = key_id in self._keys
        if age > (_REFRESH_SECONDS if is_known else _REFETCH_SECONDS):
            await self._refresh()
        found = self._keys.get(key_id)
        if found is None and not key_id and len(self._keys) == 1:
            found = next(iter(self._keys.values()))
        if found is None:
            raise jwt.InvalidKeyError
        return found

    async def _refresh(self) -> None:
        before = self._fetched
        async with self._lock:
            if self._fetched != before:
                return
            try:
                await self._fetch()
            except OptionError as error:
                _log.warning("%s", error)

    async def _fetch(self) -> None:
        try:
            text = await asyncio.to_thread(_read, self._location)
            keys = dict(_keys_of(json.loads(text)["keys"]))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise OptionError(f"--jwks {self._location} cannot be read: {reason}") from None
        except (ValueError, TypeError, LookupError, RecursionError):
            raise OptionError(f"--jwks {self._location} is not a JSON Web Key Set") from None
        finally:
            # After the response, so that waiting requests do not fetch again.
            self._fetched = monotonic()
        self._keys = keys


def _keys_of(members: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, _Key]]:
    """Yield identifiers and keys, without those of unsupported kinds.

    Raises
    ------
    ValueError
        None of them is a key.
    """
    is_key_set = False
    for member in members:
        try:
            key = jwt.PyJWK.from_dict(dict(member))
        except jwt.PyJWTError:
            continue
        is_key_set = True
        is_for_us = member.get("use", "sig") == "sig" and "verify" in member.get("key_ops", _VERIFY)
        if is_for_us and key.algorithm_name in _ALGORITHMS:
            # A key with an algorithm is for that one only (RFC 7517 4.4).
            algorithms = (key.algorithm_name,) if member.get("alg") else _ALGORITHMS
            yield str(member.get("kid") or ""), _Key(key.key, algorithms)
    if not is_key_set:
        raise ValueError("no member is a key")


def _read(location: str) -> bytes:
    if not _is_url(location):
        with Path(location).open("rb") as stream:
            return stream.read(_LARGEST)
    from urllib.request import Request, urlopen

    request = Request(location, headers={"Accept": "application/json"})  # noqa: S310
    with urlopen(request, timeout=_FETCH_SECONDS) as answer:  # noqa: S310 - settings hold it to that
        data: bytes = answer.read(_LARGEST)
        return data


def _is_url(location: str) -> bool:
    return location.startswith(("https://", "http://"))


def _scopes(payload: Mapping[str, Any]) -> frozenset[str]:
    """Return the scopes; providers send a text or a list, in one of two claims."""
    found: set[str] = set()
    for name in ("scope", "scp"):
        value = payload.get(name, ())
        words = value.split() if isinstance(value, str) else value
        if isinstance(words, list | tuple):
            found.update(str(word) for word in words)
    return frozenset(found)


def _reason(error: Exception) -> str:
    """Return the reason why a token is invalid, without quoting it."""
    reasons: tuple[tuple[type[Exception], str], ...] = (
        (jwt.ExpiredSignatureError, "it has expired"),
        (jwt.ImmatureSignatureError, "it is not valid yet"),
        (jwt.InvalidAudienceError, "it is for another service"),
        (jwt.InvalidIssuerError, "it is from another issuer"),
        (jwt.MissingRequiredClaimError, "it lacks exp, sub, aud or iss"),
        (jwt.InvalidKeyError, "its key is not known"),
        (jwt.InvalidAlgorithmError, "its algorithm is not accepted"),
        (jwt.InvalidSignatureError, "its signature is wrong"),
    )
    return next((text for kind, text in reasons if isinstance(error, kind)), "it is malformed")
