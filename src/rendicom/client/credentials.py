"""Credentials: headers, keys, tokens and certificates, sent to one host only and never shown."""

from __future__ import annotations

import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rendicom.errors import OptionError

API_KEY_HEADER = "apikey"
_FROM_FILE, _FROM_VARIABLE = "@", "env:"
_MOST_SECRET = 64 << 10
_SHORTEST_HIDDEN = 4
_NO_SECRETS = frozenset(("accept", "accept-language", "user-agent", "x-request-id"))


class Certificate(NamedTuple):
    """A client certificate: files in PEM form; the key may be in the same one."""

    certificate: str
    key: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """Return a text without the password."""
        return f"Certificate({self.certificate!r})"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Credentials for the configured host, and no other."""

    headers: tuple[tuple[str, str], ...] = ()
    """Names and values."""
    token_file: str = ""
    """File of a bearer token; read again when it changes."""
    certificate: Certificate | None = None
    """For mutual TLS."""

    def __repr__(self) -> str:
        """Return the kinds of credentials, without their values."""
        names = [name for name, _ in self.headers]
        names += ["token file"] if self.token_file else []
        names += ["certificate"] if self.certificate else []
        return f"Credentials({', '.join(names)})"

    @classmethod
    def of(
        cls,
        *,
        headers: Iterable[str] = (),
        api_key: str = "",
        api_key_header: str = API_KEY_HEADER,
        token: str = "",
        user: str = "",
        password: str = "",
        certificate: Certificate | None = None,
    ) -> Credentials:
        """Return credentials from texts; each may be ``@FILE`` or ``env:NAME``.

        Parameters
        ----------
        headers
            ``NAME: VALUE``; ``@FILE`` holds one per line.
        api_key, api_key_header
            A key, and the name of its header.
        token
            Bearer token. A file of it is read again when it changes.
        certificate
            For mutual TLS.
        user, password
            For Basic authentication; ``user`` may be ``NAME:PASSWORD``.

        Raises
        ------
        OptionError
            A header is malformed, or a file or variable cannot be read.
        """
        found = [header for text in headers for header in _headers(text)]
        if api_key:
            found.append((_header_name(api_key_header), secret(api_key, what="the API key")))
        if user:
            found.append(("Authorization", _basic(user, password)))
        token_file = token.removeprefix(_FROM_FILE) if token.startswith(_FROM_FILE) else ""
        if token and not token_file:
            found.append(("Authorization", f"Bearer {secret(token, what='the token')}"))
        if token_file:
            # Errors are reported here once, not by each worker.
            _read(token_file, what="the token")
        names = [name.lower() for name, _ in found] + (["authorization"] if token_file else [])
        if names.count("authorization") > 1:
            raise OptionError("two kinds of Authorization are given: leave one out")
        # Workers may have another current folder.
        path = str(Path(token_file).expanduser().absolute()) if token_file else ""
        return cls(tuple(found), path, certificate)

    @property
    def has_authorization(self) -> bool:
        """Tell whether there are any credentials."""
        return bool(self.token_file or self.secrets or self.certificate)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the values that must never be shown, the longest first."""
        found = set()
        for name, value in self.headers:
            if name.lower() in _NO_SECRETS:
                continue
            scheme, _blank, rest = value.partition(" ")
            found |= {value, rest, _password_in(rest) if scheme == "Basic" else ""}
        if self.certificate is not None:
            found.add(self.certificate.password)
        long_enough = (each for each in found if len(each) >= _SHORTEST_HIDDEN)
        return tuple(sorted(long_enough, key=len, reverse=True))


class TokenFile:
    """A bearer token in a file; threads may share it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._token = ""

    def read(self) -> str:
        """Return the current token in the file.

        Raises
        ------
        OptionError
            It is missing.
        """
        with self._lock:
            try:
                status = Path(self._path).stat()
                stamp = (status.st_mtime_ns, status.st_size)
            except OSError:
                stamp = None
            if stamp is None or stamp != self._stamp:
                self._token = _read(self._path, what="the token")
                self._stamp = stamp
            return self._token


def secret(text: str, *, what: str) -> str:
    """Return a secret: the text itself, the content of ``@FILE``, or of ``env:NAME``.

    Raises
    ------
    OptionError
        The file or variable is not there, is empty, or holds more than one line.
    """
    if text.startswith(_FROM_FILE):
        return _read(text.removeprefix(_FROM_FILE), what=what)
    if text.startswith(_FROM_VARIABLE):
        name = text.removeprefix(_FROM_VARIABLE)
        value = os.environ.get(name, "").strip()
        if not value:
            raise OptionError(f"{what}: the variable {name} is not set")
        return _one_line(value, what=what)
    return _one_line(text, what=what)


def _read(path: str, *, what: str) -> str:
    text = _content(path, what=what).strip()
    if not text:
        raise OptionError(f"{what}: the file {path} is empty")
    return _one_line(text, what=what)


def _content(path: str, *, what: str) -> str:
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as stream:  # noqa: PTH111, PTH123
            text = stream.read(_MOST_SECRET + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "cannot be read"
        raise OptionError(f"{what}: the file {path}: {reason}") from None
    if len(text) > _MOST_SECRET:
        raise OptionError(f"{what}: the file {path} is too long")
    return text


def _one_line(value: str, *, what: str) -> str:
    # A line break would inject another header.
    if not value.isascii() or not value.isprintable():
        raise OptionError(f"{what} is not one line of plain ASCII letters")
    return value


def _headers(text: str) -> Iterable[tuple[str, str]]:
    if text.startswith(_FROM_FILE):
        path = text.removeprefix(_FROM_FILE)
        lines = _content(path, what="the headers").splitlines()
        return [_header(line) for line in lines if line.strip()]
    return [_header(text)]


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise OptionError("a header is not of the form 'NAME: VALUE'")
    name = _header_name(name.strip())
    return name, secret(value.strip(), what=f"the header {name}")


def _header_name(name: str) -> str:
    is_token = name.isascii() and all(
        letter.isalnum() or letter in "!#$%&'*+-.^_`|~" for letter in name
    )
    if not name or not is_token:
        raise OptionError("a header has no name, or a name with invalid characters")
    if name.lower() in ("host", "content-length", "transfer-encoding", "connection"):
        raise OptionError(f"the header {name} is set by the client itself")
    return name


def _basic(user: str, password: str) -> str:
    name, colon, typed = user.partition(":")
    if colon and password:
        raise OptionError("the password is given twice")
    said = secret(password, what="the password") if password else typed
    if not said:
        raise OptionError("the user has no password: give NAME:PASSWORD, or a file or variable")
    return "Basic " + b64encode(f"{name}:{said}".encode()).decode("ascii")


def _password_in(encoded: str) -> str:
    """Return the password that is sent for Basic authentication, empty without one."""
    try:
        return b64decode(encoded, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def of_netrc(host: str) -> Credentials | None:
    """Return the credentials of a host (without port) in the ``.netrc`` file, or None.

    The file is that of the variable NETRC, or in the home folder.
    """
    import netrc

    named, home = os.environ.get("NETRC"), Path("~").expanduser()
    for path in [named] if named else [str(home / ".netrc"), str(home / "_netrc")]:
        try:
            found = netrc.netrc(path).hosts.get(host)
        except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
            continue
        if found is not None and found[2]:
            return Credentials((("Authorization", _basic(found[0] or "", found[2])),))
    return None
