"""The flags that say how a DICOMweb server is reached, the same for each command that asks one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from rendicom.errors import OptionError

if TYPE_CHECKING:
    from rendicom.client.addresses import Address, Pairs
    from rendicom.client.connection import Connection

__all__ = [
    "SECRETS",
    "ConnectionFlags",
    "connection_flags",
    "match_flags",
    "matches_of",
    "reached",
]

SECRETS = """\
Whatever is secret may be given as @FILE, or as env:NAME for a variable: what is typed itself can be
seen by others on this machine.
"""


class ConnectionFlags(NamedTuple):
    """What the flags of `connection_flags` say."""

    header: tuple[str, ...] = ()
    api_key: str = ""
    api_key_header: str = "apikey"
    token: str = ""
    user: str = ""
    password: str = ""
    cert: str = ""
    cert_key: str = ""
    cert_password: str = ""
    ca_bundle: str = ""
    has_netrc: bool = True
    has_http2: bool = True

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> ConnectionFlags:
        """Return the flags among others, which are left."""
        return cls(**{name: given.pop(name) for name in cls._fields})


def connection_flags() -> list[click.Parameter]:
    """Return the flags."""
    return [
        click.Option(
            ["header", "-H", "--header"], multiple=True, metavar="'NAME: VALUE'|@FILE",
            help="Send a header with each request.",
        ),
        click.Option(["api_key", "--api-key"], default="", metavar="KEY", help="Send an API key."),
        click.Option(
            ["api_key_header", "--api-key-header"], default="apikey", metavar="NAME",
            help="The header it goes in.  [default: apikey]",
        ),
        click.Option(
            ["token", "--token"], default="", metavar="TOKEN",
            help="Send a bearer token; a file of it is read again when it changes.",
        ),
        click.Option(
            ["user", "--user"], default="", metavar="NAME[:PASSWORD]",
            help="Say who asks, with a password.",
        ),
        click.Option(["password", "--password"], default="", metavar="PASSWORD",
            help="The password, apart from the name."),
        click.Option(["cert", "--cert"], default="", metavar="FILE",
            help="Client certificate (PEM)."),
        click.Option(["cert_key", "--cert-key"], default="", metavar="FILE",
            help="Its key, where that is in a file of its own."),
        click.Option(["cert_password", "--cert-password"], default="", metavar="PASSWORD",
            help="Password of that key."),
        click.Option(
            ["ca_bundle", "--ca-bundle"], default="", metavar="FILE|FOLDER",
            help="Certificates to believe.  [default: SSL_CERT_FILE, else those of the system]",
        ),
        click.Option(
            ["has_netrc", "--no-netrc"], flag_value=False, default=True, is_flag=True,
            help="Do not look into .netrc.",
        ),
        click.Option(
            ["has_http2", "--no-http2"], flag_value=False, default=True, is_flag=True,
            help="Speak HTTP/1.1 only.",
        ),
    ]  # fmt: skip


def match_flags() -> list[click.Parameter]:
    """Return the flags of a search."""
    return [
        click.Option(
            ["match", "--match"], multiple=True, metavar="KEY=VALUE",
            help="Attribute, by keyword or tag, and what it has to be: PatientID=4711, "
            "StudyDate=20260101-.",
        ),
        click.Option(
            ["is_fuzzy", "--fuzzy"], is_flag=True, help="Match names that sound alike, too."
        ),
    ]  # fmt: skip


def matches_of(texts: tuple[str, ...]) -> Pairs:
    """Return the matches that were typed.

    Raises
    ------
    click.UsageError
        One is not of the form KEY=VALUE.
    """
    pairs = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            # The text itself may be a patient's name: it is not repeated.
            raise click.UsageError("--match is not of the form KEY=VALUE")
        pairs.append((key.strip(), value))
    return tuple(pairs)


def reached(url: str, flags: ConnectionFlags) -> tuple[Address, Connection]:
    """Return what a URL asks for, and how its server is reached.

    Raises
    ------
    click.UsageError
        The URL or a flag makes no sense.
    """
    from rendicom.client.addresses import parse_address
    from rendicom.client.connection import open_connection
    from rendicom.client.credentials import Certificate, Credentials, secret

    try:
        address = parse_address(url)
        certificate = None
        if flags.cert:
            password = flags.cert_password
            if password:
                password = secret(password, what="the password of the key")
            certificate = Certificate(flags.cert, flags.cert_key, password)
        credentials = Credentials.of(
            headers=flags.header,
            api_key=flags.api_key,
            api_key_header=flags.api_key_header,
            token=flags.token,
            user=flags.user,
            password=flags.password,
            certificate=certificate,
        )
        connection = open_connection(
            address.base,
            credentials=credentials,
            ca_bundle=flags.ca_bundle,
            has_netrc=flags.has_netrc,
            has_http2=flags.has_http2,
        )
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    return address._replace(base=connection.base), connection
