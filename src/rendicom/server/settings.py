"""`Settings`: the one list of server settings.

The flags of ``rendicom serve``, the ``RENDICOM_*`` variables and the table in
the documentation derive from the fields below; each has its help text and the form of its value.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rendicom.options import RenderOptions
from rendicom.workers.cpu_count import default_jobs

PREFIX = "RENDICOM_"
_WORKER_BYTES = 1 << 30
"""Address space of an idle worker: interpreter and libraries, most of it never used."""
_PIXEL_BYTES = 24
"""Bytes of memory for each pixel: three samples as stored, as processed and as written."""


def _setting(
    default: Any,
    help: str,
    *,
    metavar: str = "",
    low: float | None = None,
    high: float | None = None,
    is_secret: bool = False,
) -> Any:
    return Field(
        default,
        description=help,
        ge=low,
        le=high,
        repr=not is_secret,
        json_schema_extra={"metavar": metavar},
    )


class Settings(BaseSettings):
    """Settings of a server. Flags take precedence over variables, variables over defaults."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, env_ignore_empty=True
    )

    folders: Annotated[tuple[str, ...], NoDecode] = _setting(
        (), "Folders or object store locations to serve.", metavar="FOLDER"
    )
    host: str = _setting("127.0.0.1", "Address to listen on.", metavar="ADDRESS")
    port: int = _setting(
        8080, "Port to listen on; 0 chooses a free one.", metavar="PORT", low=0, high=65535
    )
    open: bool = _setting(False, "Open the web page in the browser.")
    page: bool = _setting(True, "Serve the web page.")
    writable: bool = _setting(False, "Allow clients to store and delete.")
    lenient: bool = _setting(
        False, "Accept common client requests that the standard says to reject."
    )
    data: str = _setting(
        "",
        "Folder for the index and for stored instances. Without it the index is rebuilt at each "
        "start.",
        metavar="DIR",
    )
    fsync: bool = _setting(
        True,
        "Flush stored and deleted instances to disk before the response, so that a power failure "
        "loses nothing.",
    )
    database: str = _setting(
        "",
        "Database of the index; postgresql://USER@HOST/NAME can be shared by several servers.",
        metavar="URL",
        is_secret=True,
    )
    store: str = _setting(
        "",
        "Location of stored instances, if not below --data: a folder, or s3://BUCKET/PREFIX.",
        metavar="LOCATION",
    )
    rescan: float = _setting(
        10.0,
        "Seconds between scans for new, changed and removed files; 0 scans once.",
        metavar="SECONDS",
        low=0,
    )
    follow_links: bool = _setting(
        False, "Follow symbolic links that lead out of the served folders."
    )
    api_key_file: str = _setting(
        "", "File of API keys, written by `rendicom key`; reloaded when it changes.",
        metavar="FILE",
    )  # fmt: skip
    jwks: str = _setting(
        "", "Keys of the OpenID provider whose tokens are accepted: file or URL (JWKS).",
        metavar="FILE|URL",
    )  # fmt: skip
    jwt_audience: str = _setting("", "Audience that a token must name.", metavar="TEXT")
    jwt_issuer: str = _setting("", "Issuer that a token must name.", metavar="URL")
    jwt_read_scope: str = _setting(
        "", "Scope that a token needs for reading; by default none.", metavar="SCOPE"
    )
    jwt_write_scope: str = _setting(
        "write", "Scope that a token needs for writing.", metavar="SCOPE"
    )
    insecure_no_auth: bool = _setting(
        False, "Require no key, even for requests from other machines."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = _setting(
        (),
        "Host names that a server without keys accepts in requests, in addition to those of this "
        "machine.",
        metavar="NAME,…",
    )
    cors: Annotated[tuple[str, ...], NoDecode] = _setting(
        (), "Origins whose web pages may use the server; * for all.",
        metavar="ORIGIN,…",
    )  # fmt: skip
    tls_cert: str = _setting("", "Certificate chain for HTTPS (PEM).", metavar="FILE")
    tls_key: str = _setting("", "Private key of the certificate (PEM).", metavar="FILE")
    root_path: str = _setting("", "Path of the server behind a reverse proxy.", metavar="PATH")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = _setting(
        (), "Addresses or networks of proxies whose X-Forwarded-* headers are trusted.",
        metavar="ADDRESS,…",
    )  # fmt: skip
    engine: Literal["local", "threads"] = _setting(
        "local",
        "Run workers as processes (local) or as threads; a crash of a thread ends the server.",
    )
    workers: int = _setting(
        0, "Number of workers; 0 for one per processor.", metavar="N", low=0, high=1024
    )
    queue_size: int = _setting(
        256, "Maximum number of requests that wait for a worker; others get status 503.",
        metavar="N", low=1,
    )  # fmt: skip
    timeout: float = _setting(
        60.0, "Time limit of a picture, and of its wait for a worker, in seconds.",
        metavar="SECONDS", low=0.001,
    )  # fmt: skip
    worker_memory: int = _setting(
        0, "Memory limit of a worker process in bytes; 0 derives it from --max-pixels.",
        metavar="BYTES", low=0,
    )  # fmt: skip
    cache_bytes: int = _setting(
        256_000_000,
        "Memory for the cache of rendered pictures, in bytes; 0 for no cache.",
        metavar="BYTES",
        low=0,
    )
    max_pixels: int = _setting(
        RenderOptions().max_pixels,
        "Maximum number of pixels of an image that is read or rendered.",
        metavar="N",
        low=1,
    )
    max_frames: int = _setting(
        10_000, "Maximum number of frames or instances in one response.", metavar="N", low=1
    )
    max_body: int = _setting(
        4_000_000_000, "Maximum size of a request body, in bytes.", metavar="BYTES", low=1
    )
    max_results: int = _setting(
        1000, "Maximum number of matches in one search response; offset requests more.",
        metavar="N", low=1,
    )  # fmt: skip
    max_connections: int = _setting(
        1000, "Maximum number of simultaneous connections; others get status 503.",
        metavar="N", low=1,
    )  # fmt: skip
    max_connections_per_client: int = _setting(
        0, "Maximum number of simultaneous connections from one address; 0 for half of "
        "--max-connections. Trusted proxies have no such limit.",
        metavar="N", low=0,
    )  # fmt: skip
    idle: float = _setting(
        30.0, "Seconds that a client may pause within a request or response.",
        metavar="SECONDS", low=0.001,
    )  # fmt: skip
    drain: float = _setting(
        30.0, "Seconds that running requests have to finish when the server stops.",
        metavar="SECONDS", low=0,
    )  # fmt: skip
    audit_log: str = _setting(
        "", "File for the audit log, one line per request; - for standard error.",
        metavar="FILE",
    )  # fmt: skip
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "Lowest level of messages on standard error."
    )
    log_format: Literal["text", "json"] = _setting("text", "Format of messages.")

    _lists: ClassVar[Mapping[str, str]] = {
        "folders": os.pathsep, "cors": ",", "allowed_hosts": ",", "trusted_proxies": ",",
    }  # fmt: skip

    @field_validator("folders", "cors", "allowed_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object, info: Any) -> object:
        """Read a list from one text, as a variable holds it."""
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, Sequence):
            return value
        # A flag may be repeated, and hold several values; the name of a folder may hold anything.
        if info.field_name == "folders" and not isinstance(value, str):
            return tuple(texts)
        mark = cls._lists[info.field_name]
        parts = (part.strip() for text in texts for part in str(text).split(mark))
        return tuple(part for part in parts if part)

    @field_validator("port", mode="before")
    @classmethod
    def _not_of_kubernetes(cls, value: object) -> object:
        """Use the default where Kubernetes sets the variable for a service named rendicom."""
        is_service = isinstance(value, str) and value.startswith("tcp://")
        return cls.model_fields["port"].default if is_service else value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for problem in _problems(self):
            raise ValueError(problem)
        return self

    @property
    def has_auth(self) -> bool:
        """Tell whether a key or token is required."""
        return bool(self.api_key_file or self.jwks)

    @property
    def number_of_workers(self) -> int:
        """Return the number of worker processes or threads."""
        return self.workers or default_jobs()

    @property
    def memory_of_worker(self) -> int:
        """Return the memory limit of a worker process in bytes."""
        return self.worker_memory or _WORKER_BYTES + _PIXEL_BYTES * self.max_pixels

    @property
    def store_location(self) -> str:
        """Return the absolute location of stored instances; empty if there is none."""
        from rendicom.index.locations import absolute

        location = self.store or (str(Path(self.data, "store")) if self.data else "")
        return absolute(location) if location else ""

    @property
    def database_url(self) -> str:
        """Return the URL of the index; empty for a temporary one."""
        if self.database or not self.data:
            return self.database
        return f"sqlite:///{Path(self.data, 'index.sqlite3').absolute()}"


def _problems(settings: Settings) -> Iterator[str]:
    """Yield contradictions between settings that are valid on their own, as sentences."""
    yield from _auth_problems(settings)
    yield from _token_problems(settings)
    yield from _address_problems(settings)
    if bool(settings.tls_cert) != bool(settings.tls_key):
        yield "--tls-cert and --tls-key need each other"
    if settings.writable and not settings.store_location:
        yield "--writable needs --data or --store as the place of stored instances"
    if not (settings.folders or settings.store_location or settings.database):
        yield "there is nothing to serve: name a folder, or --data for instances to be stored"


def _auth_problems(settings: Settings) -> Iterator[str]:
    if not (settings.has_auth or settings.insecure_no_auth or is_loopback(settings.host)):
        yield (
            f"{settings.host} can be reached from other machines: give --api-key-file or --jwks, "
            "or --insecure-no-auth to require no key"
        )
    if settings.has_auth and settings.insecure_no_auth:
        yield "--insecure-no-auth cannot go with --api-key-file or --jwks"
    if "*" in settings.cors and not settings.has_auth:
        yield "--cors '*' without keys would let any web page read everything: name the origins"


def _token_problems(settings: Settings) -> Iterator[str]:
    if settings.jwks and not settings.jwt_audience:
        yield "--jwks needs --jwt-audience, or tokens made for other services would be accepted"
    if settings.jwks.startswith("http://") and not is_loopback(
        urlsplit(settings.jwks).hostname or ""
    ):
        yield "--jwks needs an https:// URL: a changed response would allow forged tokens"
    if not settings.jwks and (settings.jwt_audience or settings.jwt_issuer):
        yield "--jwt-audience and --jwt-issuer need --jwks"


def _address_problems(settings: Settings) -> Iterator[str]:
    path = settings.root_path
    if path and (not path.startswith("/") or path.endswith("/")):
        yield f"--root-path {path} is not of the form /PATH"
    for origin in settings.cors:
        if origin != "*" and not _is_origin(origin):
            yield f"--cors {origin} is not of the form https://HOST or https://HOST:PORT"
    for address in settings.trusted_proxies:
        if not _is_network(address):
            yield f"--trusted-proxies {address} is not an address or network such as 10.0.0.0/8"


def is_loopback(host: str) -> bool:
    """Tell whether a host can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_origin(text: str) -> bool:
    """Tell whether a text is the origin of web pages: ``https://HOST:PORT``."""
    scheme, host, path, query, fragment = urlsplit(text)
    return scheme in ("http", "https") and bool(host) and not (path or query or fragment)


def _is_network(text: str) -> bool:
    """Tell whether a text is an IP address or network."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True
