"""API keys in a file: a line for each, with the hash of the key and never the key.

A line is ``NAME SCOPE EXPIRES HASH``: the scope ``read`` or ``write``, which includes reading; the
day it expires at the end of (UTC) or ``-``; ``sha256:`` and 64 hexadecimal digits. Lines that begin
with ``#`` are comments. Removing a line revokes its key.

A plain hash is enough: a key is 32 random bytes, which no dictionary contains.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple, Self, TextIO, cast

from rendicom.errors import OptionError

Scope = Literal["read", "write"]

_MARK = "rendicom_"
"""Prefix by which secret scanners recognize keys."""
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEAD = "# NAME SCOPE EXPIRES HASH: see rendicom key --help. Take a line out to revoke its key.\n"


class ApiKey(NamedTuple):
    """An entry for a key; the key itself is not stored."""

    name: str
    scope: Scope
    expires: date | None
    digest: str

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a line of the file.

        Raises
        ------
        OptionError
            It is not of that form; the message does not quote it.
        """
        words = line.split()
        if len(words) != 4 or words[1] not in ("read", "write") or not _DIGEST.fullmatch(words[3]):
            raise OptionError("is not of the form NAME read|write YYYY-MM-DD|- sha256:HASH")
        name, scope, expires, digest = words
        if not _NAME.fullmatch(name):
            raise OptionError("has a key name with characters other than letters, digits and .-_@")
        return cls(name, cast("Scope", scope), _day(expires), digest)

    def __str__(self) -> str:
        return f"{self.name} {self.scope} {self.expires or '-'} {self.digest}"

    def is_expired(self, today: date) -> bool:
        """Tell whether its last day is over."""
        return self.expires is not None and self.expires < today


def _day(text: str) -> date | None:
    if text == "-":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise OptionError("expires on a date that is not of the form YYYY-MM-DD") from None


def parse_keys(text: str, *, what: str) -> tuple[ApiKey, ...]:
    """Return the keys of a file's text; ``what`` names the file in messages.

    Raises
    ------
    OptionError
        A line is malformed, or two keys have one name.
    """
    keys: dict[str, ApiKey] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            key = ApiKey.parse(line)
        except OptionError as error:
            raise OptionError(f"line {number} of {what} {error.message}") from None
        if key.name in keys:
            raise OptionError(f"line {number} of {what} repeats the name of a key")
        keys[key.name] = key
    return tuple(keys.values())


def find_key(keys: Sequence[ApiKey], text: str) -> ApiKey | None:
    """Return the entry of a key, expired or not; takes the same time for any text."""
    digest = _digest(text)
    found = None
    for key in keys:
        if hmac.compare_digest(key.digest, digest):
            found = key
    return found


def add_key(path: str, *, name: str, scope: Scope, days: int | None = None) -> str:
    """Add a new key to a file, which is created if missing, and return the key.

    It expires after ``days``; None for never.

    Raises
    ------
    OptionError
        The name is malformed or taken, or the file is not a file of keys or cannot be written.
    """
    from datetime import timedelta

    if not _NAME.fullmatch(name):
        raise OptionError(f"--name {name!r} is not 1 to 64 letters, digits and .-_@")
    try:
        text = _text(path)
        if any(key.name == name for key in parse_keys(text, what=path)):
            raise OptionError(f"{path} has a key named {name} already")
        expires = None if days is None else datetime.now(UTC).date() + timedelta(days=days)
        secret = _MARK + secrets.token_urlsafe(32)
        gap = "" if not text or text.endswith("\n") else "\n"
        line = f"{ApiKey(name, scope, expires, _digest(secret))}\n"
        with append_privately(path) as stream:
            stream.write(("" if text else _HEAD) + gap + line)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OptionError(f"{path} cannot be written: {reason}") from None
    return secret


def append_privately(path: str) -> TextIO:
    """Open a text file for appending; one that is made is for its owner only."""
    return open(path, "a", encoding="utf-8", opener=partial(os.open, mode=0o600))


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise OptionError(f"{path} is not a file of keys") from None


def _digest(text: str) -> str:
    return "sha256:" + sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
