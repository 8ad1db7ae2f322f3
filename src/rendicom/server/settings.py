"""`Settings`: the one list of what can be set on a server.

The flags of ``rendicom serve``, the ``RENDICOM_*`` variables and the table in ``docs/server.md``
derive from the fields below: a field carries its help text and says what its value looks like.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, get_args, get_origin

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rendicom.batch.cores import default_jobs
from rendicom.errors import OptionError
from rendicom.options import RenderOptions

__all__ = ["Setting", "Settings", "is_loopback", "load_settings", "settings_table"]

PREFIX = "RENDICOM_"


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
    """What can be set on a server. Flags win over variables, variables over defaults."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, env_ignore_empty=True
    )

    folders: Annotated[tuple[str, ...], NoDecode] = _setting(
        (), "What to serve: folders, or locations of an object store.", metavar="FOLDER"
    )
    host: str = _setting("127.0.0.1", "Address to listen at.", metavar="ADDRESS")
    port: int = _setting(
        8080, "Port to listen at; 0 takes one that is free.", metavar="PORT", low=0, high=65535
    )
    open: bool = _setting(False, "Open the page in the browser.")
    page: bool = _setting(True, "Serve the page to look at pictures.")
    writable: bool = _setting(False, "Let clients store and delete.")
    lenient: bool = _setting(
        False, "Answer requests that the standard says to refuse but common clients send."
    )
    data: str = _setting(
        "",
        "Folder for the index and for what clients store. Without it the index is made anew at "
        "each start.",
        metavar="DIR",
    )
    database: str = _setting(
        "",
        "Where the index is instead: postgresql://USER@HOST/NAME lets several servers share it.",
        metavar="URL",
        is_secret=True,
    )
    store: str = _setting(
        "",
        "Where clients store instead of below --data: a folder, or s3://BUCKET/PREFIX.",
        metavar="LOCATION",
    )
    rescan: float = _setting(
        10.0,
        "Seconds between looks for new, changed and removed files; 0 looks once.",
        metavar="SECONDS",
        low=0,
    )
    api_key_file: str = _setting(
        "", "File of API keys, as `rendicom key` writes it; read again when it changes.",
        metavar="FILE",
    )  # fmt: skip
    jwks: str = _setting(
        "", "Keys of an OpenID provider, whose tokens are accepted: a file or URL (JWKS).",
        metavar="FILE|URL",
    )  # fmt: skip
    jwt_audience: str = _setting("", "Audience that a token must name.", metavar="TEXT")
    jwt_issuer: str = _setting("", "Issuer that a token must name.", metavar="URL")
    jwt_read_scope: str = _setting(
        "", "Scope that lets a token read; without it, any token may.", metavar="SCOPE"
    )
    jwt_write_scope: str = _setting("write", "Scope that lets a token write.", metavar="SCOPE")
    insecure_no_auth: bool = _setting(
        False, "Let anybody who reaches the server in, also from other machines."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = _setting(
        (),
        "Names by which browsers may call a server that asks for no key, beside those of this "
        "machine.",
        metavar="NAME,…",
    )
    cors: Annotated[tuple[str, ...], NoDecode] = _setting(
        (), "Origins whose pages may use the server from a browser; * for all.",
        metavar="ORIGIN,…",
    )  # fmt: skip
    tls_cert: str = _setting("", "Certificate chain for HTTPS (PEM).", metavar="FILE")
    tls_key: str = _setting("", "Private key of the certificate (PEM).", metavar="FILE")
    root_path: str = _setting("", "Path at which a reverse proxy shows the server.", metavar="PATH")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = _setting(
        (), "Addresses or networks of proxies whose X-Forwarded-* headers are believed.",
        metavar="ADDRESS,…",
    )  # fmt: skip
    engine: Literal["local", "threads"] = _setting(
        "local",
        "What renders: processes of their own, or threads, which a crash or a hang takes down "
        "with the server.",
    )
    workers: int = _setting(
        0, "Number of them; 0 for one for each processor.", metavar="N", low=0, high=1024
    )
    queue_size: int = _setting(
        256, "Requests that may wait for a worker; more get status 503.", metavar="N", low=1
    )
    timeout: float = _setting(
        60.0, "Seconds that a worker may take for one picture, and that it may wait for one.",
        metavar="SECONDS", low=0.001,
    )  # fmt: skip
    cache_bytes: int = _setting(
        256_000_000, "Bytes of made pictures kept in memory; 0 for none.", metavar="BYTES", low=0
    )
    max_pixels: int = _setting(
        RenderOptions().max_pixels,
        "Pixels of the largest picture that is read or made.",
        metavar="N",
        low=1,
    )
    max_frames: int = _setting(
        10_000, "Frames or instances of the longest answer.", metavar="N", low=1
    )
    max_body: int = _setting(
        4_000_000_000, "Bytes of the largest request body.", metavar="BYTES", low=1
    )
    max_results: int = _setting(
        1000, "Matches of one search answer; clients page for more.", metavar="N", low=1
    )
    max_connections: int = _setting(
        1000, "Connections at once; more get status 503.", metavar="N", low=1
    )
    idle: float = _setting(
        30.0, "Seconds a client may stop in the middle of a request or an answer.",
        metavar="SECONDS", low=0.001,
    )  # fmt: skip
    drain: float = _setting(
        30.0, "Seconds that requests under way get to finish when the server is to end.",
        metavar="SECONDS", low=0,
    )  # fmt: skip
    audit_log: str = _setting(
        "", "File that gets a line for each request: who, what, when. - for standard error.",
        metavar="FILE",
    )  # fmt: skip
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "What is said on standard error."
    )
    log_format: Literal["text", "json"] = _setting("text", "How it is said.")

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
        # A flag may be repeated, and hold several as well; a folder's name may hold anything.
        if info.field_name == "folders" and not isinstance(value, str):
            return tuple(texts)
        mark = cls._lists[info.field_name]
        parts = (part.strip() for text in texts for part in str(text).split(mark))
        return tuple(part for part in parts if part)

    @field_validator("port", mode="before")
    @classmethod
    def _not_of_kubernetes(cls, value: object) -> object:
        """Take the default where Kubernetes describes a service named rendicom in our variable."""
        is_service = isinstance(value, str) and value.startswith("tcp://")
        return cls.model_fields["port"].default if is_service else value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for problem in _problems(self):
            raise ValueError(problem)
        return self

    @property
    def has_auth(self) -> bool:
        """Tell whether a key or token is asked for."""
        return bool(self.api_key_file or self.jwks)

    @property
    def has_tls(self) -> bool:
        """Tell whether the server speaks HTTPS itself."""
        return bool(self.tls_cert)

    @property
    def number_of_workers(self) -> int:
        """Return how many worker processes or threads there are."""
        return self.workers or default_jobs()

    @property
    def store_location(self) -> str:
        """Return where clients store, or an empty string where they cannot."""
        return self.store or (str(Path(self.data, "store")) if self.data else "")

    @property
    def database_url(self) -> str:
        """Return where the index is, or an empty string for one that does not outlive us."""
        if self.database or not self.data:
            return self.database
        return f"sqlite:///{Path(self.data, 'index.sqlite3').absolute()}"


def _problems(settings: Settings) -> Iterator[str]:
    """Yield what is wrong with settings that are sound one by one, as sentences."""
    yield from _auth_problems(settings)
    yield from _token_problems(settings)
    yield from _address_problems(settings)
    if bool(settings.tls_cert) != bool(settings.tls_key):
        yield "--tls-cert and --tls-key need each other"
    if settings.writable and not settings.store_location:
        yield "--writable needs --data or --store, where what is sent is put"
    if not (settings.folders or settings.store_location or settings.database):
        yield "there is nothing to serve: name a folder, or --data for what will be stored"


def _auth_problems(settings: Settings) -> Iterator[str]:
    if not (settings.has_auth or settings.insecure_no_auth or is_loopback(settings.host)):
        yield (
            f"listening at {settings.host} lets other machines in: --api-key-file or --jwks says "
            "who may, --insecure-no-auth lets anybody"
        )
    if settings.has_auth and settings.insecure_no_auth:
        yield "--insecure-no-auth cannot go with --api-key-file or --jwks"
    if "*" in settings.cors and not settings.has_auth:
        yield "--cors '*' without keys would let any web page read everything: name the origins"


def _token_problems(settings: Settings) -> Iterator[str]:
    if settings.jwks and not settings.jwt_audience:
        yield "--jwks needs --jwt-audience, or tokens made for other services would be accepted"
    if settings.jwks.startswith("http://") and not is_loopback(_host_of(settings.jwks)):
        yield "--jwks needs a https:// URL: who could change the answer could make tokens"
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
    """Tell whether only this machine reaches what listens at ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host_of(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).hostname or ""


def _is_origin(text: str) -> bool:
    from urllib.parse import urlsplit

    scheme, host, path, query, fragment = urlsplit(text)
    return scheme in ("http", "https") and bool(host) and not (path or query or fragment)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


class Setting(NamedTuple):
    """One setting, as the doors see it.

    ``attribute`` is the field of `Settings`. ``folders`` has no ``flag``: it is the argument. A
    switch that is on by default has a second flag, ``--no-page``.
    """

    attribute: str
    flag: str
    variable: str
    default: Any
    help: str
    metavar: str
    choices: tuple[str, ...]
    is_switch: bool
    is_list: bool


def settings_table() -> tuple[Setting, ...]:
    """Return all settings in their order."""
    return tuple(_described(name, field) for name, field in Settings.model_fields.items())


def _described(name: str, field: FieldInfo) -> Setting:
    word = name.replace("_", "-")
    extra = field.json_schema_extra
    is_choice = get_origin(field.annotation) is Literal
    return Setting(
        attribute=name,
        flag="" if name == "folders" else f"--{word}",
        variable=f"{PREFIX}{name.upper()}",
        default=field.default,
        help=field.description or "",
        metavar=str(extra["metavar"]) if isinstance(extra, dict) else "",
        choices=get_args(field.annotation) if is_choice else (),
        is_switch=field.annotation is bool,
        is_list=get_origin(field.annotation) is tuple,
    )


def load_settings(given: Mapping[str, Any]) -> Settings:
    """Return the settings: those ``given`` by attribute, variables, and defaults for the rest.

    Raises
    ------
    OptionError
        One sentence about the first thing that is wrong; it names the flag, and the variable where
        the value is from there.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        raise OptionError(_sentence(error, given)) from None


def _sentence(error: ValidationError, given: Mapping[str, Any]) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    name = str(first["loc"][0])
    setting = next(each for each in settings_table() if each.attribute == name)
    source = (setting.flag or "FOLDER") if name in given else setting.variable
    reason = message[:1].lower() + message[1:]
    return f"{source} {first['input']!r} is not usable: {reason}"
