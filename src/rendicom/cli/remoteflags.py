"""Connection flags, shared by the commands that talk to a DICOMweb server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from rendicom.cli.console import complain
from rendicom.cli.flags import Flag
from rendicom.errors import OptionError

if TYPE_CHECKING:
    from rendicom.client.connection_settings import ConnectionSettings
    from rendicom.client.matching import MatchReport
    from rendicom.client.resource_urls import Address
    from rendicom.dicomweb.search_parameters import Pairs

SECRETS = """\
Give secrets as @FILE, or as env:NAME for an environment variable: other users of this machine can
see the command line.
"""


_connection_flag = partial(Flag, section="Connection")
_search_flag = partial(Flag, section="Search")
_CREDENTIALS = ("api_key", "api_key_header", "token", "user", "password")


def connection_flags() -> list[click.Parameter]:
    """Return the flags."""
    return [
        _connection_flag("-H --header", multiple=True, metavar="'NAME: VALUE'|@FILE",
                         help="Send a header with each request."),
        _connection_flag("--api-key", default="", metavar="KEY|@FILE", help="Send an API key."),
        _connection_flag("--api-key-header", default="apikey", metavar="NAME",
                         help="Header of the API key.  [default: apikey]"),
        _connection_flag("--token", default="", metavar="TOKEN|@FILE",
                         help="Send a bearer token. An @FILE is read again when it changes."),
        _connection_flag("--user", default="", metavar="NAME[:PASSWORD]",
                         help="User for HTTP Basic authentication."),
        _connection_flag("--password", default="", metavar="PASSWORD|@FILE",
                         help="Password of --user."),
        _connection_flag("--cert", default="", metavar="FILE", help="Client certificate (PEM)."),
        _connection_flag("--cert-key", default="", metavar="FILE",
                         help="Private key, if the file of --cert does not contain it."),
        _connection_flag("--cert-password", default="", metavar="PASSWORD|@FILE",
                         help="Password of the private key."),
        _connection_flag("--ca-bundle", default="", metavar="FILE|FOLDER",
                         help="Trusted CA certificates.  [default: SSL_CERT_FILE, else the "
                         "system's]"),
        _connection_flag("has_netrc --no-netrc", flag_value=False, default=True, is_flag=True,
                         help="Do not read .netrc."),
        _connection_flag("has_http2 --no-http2", flag_value=False, default=True, is_flag=True,
                         help="Use HTTP/1.1 only."),
    ]  # fmt: skip


def match_flags() -> list[click.Parameter]:
    """Return the flags of a search."""
    return [
        _search_flag("--match", multiple=True, metavar="KEY=VALUE",
                     help="Attribute, by keyword or tag, and the value to match: PatientID=4711, "
                     "StudyDate=20260101-."),
        _search_flag("is_fuzzy --fuzzy", is_flag=True, help="Fuzzy matching of person names."),
    ]  # fmt: skip


def matches_of(texts: tuple[str, ...]) -> Pairs:
    """Parse the values of --match.

    Raises
    ------
    click.UsageError
        One is not of the form KEY=VALUE, or its key or value is invalid.
    """
    from rendicom.client.matching import check_keys

    pairs = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            # The text may be a patient's name: it is not repeated.
            raise click.UsageError("--match is not of the form KEY=VALUE")
        pairs.append((key.strip(), value))
    try:
        check_keys(tuple(pairs))
    except OptionError as error:
        raise click.UsageError(f"--match: {error}") from None
    return tuple(pairs)


def was_ignored(report: MatchReport, host: str) -> bool:
    """Warn about results that do not match; return whether the server ignored the search."""
    for doubt in report.doubts(host):
        complain(f"warning: {doubt}")
    failure = report.failure(host)
    if failure is not None:
        complain(failure.message, hint=failure.hint)
    return failure is not None


def reached(url: str, given: dict[str, Any]) -> tuple[Address, ConnectionSettings]:
    """Parse a URL and the flags of `connection_flags`, which are removed from those given.

    Raises
    ------
    click.UsageError
        The URL or a flag is invalid.
    """
    from rendicom.client.connection_settings import connection_to
    from rendicom.client.credentials import Certificate, Credentials, secret
    from rendicom.client.resource_urls import parse_address

    cert, key, password = (given.pop(name) for name in ("cert", "cert_key", "cert_password"))
    try:
        address = parse_address(url)
        certificate = None
        if cert:
            if password:
                password = secret(password, what="the password of the key")
            certificate = Certificate(cert, key, password)
        credentials = Credentials.of(
            headers=given.pop("header"),
            certificate=certificate,
            **{name: given.pop(name) for name in _CREDENTIALS},
        )
        connection = connection_to(
            address.base,
            credentials=credentials,
            **{name: given.pop(name) for name in ("ca_bundle", "has_netrc", "has_http2")},
        )
    except OptionError as error:
        raise click.UsageError(str(error)) from None
    return address._replace(base=connection.base), connection
