"""Settings of a connection: base URL, credentials, size limits and retries."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from rendicom.client.credentials import Credentials, of_netrc
from rendicom.errors import OptionError
from rendicom.extras import install_command


class ResponseLimits(NamedTuple):
    """Largest sizes of responses, in bytes."""

    instance: int = 8 << 30
    """One DICOM instance."""
    text: int = 512 << 20
    """JSON and XML: search results, metadata."""
    picture: int = 512 << 20
    """One rendered picture or document."""
    problem: int = 64 << 10
    """Of an error response."""
    memory: int = 64 << 20
    """Instances above this size go to a temporary file."""
    slowest: int = 1 << 10
    """Bytes per second, averaged over ``pause`` seconds, below which a response is abandoned."""
    pause: float = 30.0


class RetryPolicy(NamedTuple):
    """Number of attempts and time limits; times are in seconds."""

    attempts: int = 6
    """Number of requests, including the first."""
    first: float = 0.5
    """Pause before the second attempt; doubled for each further one, and shortened at random."""
    longest: float = 20.0
    """Longest pause, if the server does not state one."""
    retry_after: float = 120.0
    """The longest wait that a server may ask for."""
    connect: float = 20.0
    read: float = 60.0


_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR")
_NO_CREDENTIALS, _RESPONSE_LIMITS, _RETRY_POLICY = Credentials(), ResponseLimits(), RetryPolicy()


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """The settings of a connection to one DICOMweb server; sent to workers."""

    base: str
    """The part of the URL before ``/studies``, without a trailing slash."""
    credentials: Credentials = _NO_CREDENTIALS
    ca_bundle: str = ""
    """File or folder of trusted certificates; empty for those of the system."""
    has_http2: bool = True
    limits: ResponseLimits = _RESPONSE_LIMITS
    retry_policy: RetryPolicy = _RETRY_POLICY
    key: str = field(default_factory=lambda: secrets.token_hex(8), compare=False, repr=False)
    """Distinguishes connections within a process."""


def connection_to(
    base: str,
    *,
    credentials: Credentials = _NO_CREDENTIALS,
    ca_bundle: str = "",
    has_netrc: bool = True,
    has_http2: bool = True,
    limits: ResponseLimits = _RESPONSE_LIMITS,
    retry_policy: RetryPolicy | None = None,
) -> ConnectionSettings:
    """Return the settings of a connection to a server; no request is sent yet.

    A name and password in the address are removed from it. Without any credentials, those for the
    host in a ``.netrc`` file are used.

    Raises
    ------
    OptionError
        The address is invalid, or the HTTP library is not installed.
    """
    for library in ("httpx2", "httptools"):
        if find_spec(library) is None:
            raise OptionError(
                f"a DICOMweb server needs {library}, which is not installed",
                hint=install_command("client"),
            )
    parts = urlsplit(base)
    try:
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise OptionError("the URL has an invalid host or port") from None
    if parts.scheme not in ("http", "https") or not host:
        raise OptionError("the URL is not of the form https://HOST/PATH")
    if parts.username:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        if credentials.has_authorization:
            raise OptionError("the URL has a user, and other credentials are given: choose")
        credentials = Credentials.of(user=user)
    elif has_netrc and not credentials.has_authorization:
        credentials = of_netrc(host) or credentials
    place = parts.netloc.rpartition("@")[2]
    return ConnectionSettings(
        urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", "")),
        credentials,
        ca_bundle or next(filter(None, map(os.environ.get, _CA_VARIABLES)), ""),
        has_http2,
        limits,
        retry_policy or _RETRY_POLICY,
    )


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL, to which credentials are bound (RFC 6454 4)."""
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


def host_of(url: str) -> str:
    """Return the host and port of a URL, as the name of a server in messages."""
    return urlsplit(url).netloc.rpartition("@")[2]
