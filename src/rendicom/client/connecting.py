"""`connect`, which can be imported without the HTTP library and reports that it is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rendicom.client.connection_settings import connection_to
from rendicom.client.credentials import Certificate, Credentials
from rendicom.client.resource_urls import parse_address
from rendicom.errors import OptionError

if TYPE_CHECKING:
    from rendicom.client.remote_input import Rendering
    from rendicom.client.server_archive import ServerArchive


def connect(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    api_key: str = "",
    api_key_header: str = "apikey",
    token: str = "",
    user: str = "",
    password: str = "",
    certificate: str = "",
    certificate_key: str = "",
    ca_bundle: str = "",
    http2: bool = True,
    rendering: Rendering = "auto",
) -> ServerArchive:
    """Return the archive on a DICOMweb server; no request is sent yet.

    Parameters
    ----------
    url
        The part of the URL before ``/studies``.
    headers
        Headers of each request to this server, and to no other.
    api_key, api_key_header
        A key, and the name of its header.
    token
        Bearer token; with ``@FILE`` the file is read again when it changes.
    user, password
        For Basic authentication. Without any credentials, those of a ``.netrc`` file are used. All
        of these may be ``@FILE`` or ``env:NAME``.
    certificate, certificate_key
        Files (PEM) for mutual TLS.
    ca_bundle
        Trusted CA certificates; empty for those of the system.
    http2
        Use HTTP/2 if the server supports it.
    rendering
        Who renders: ``auto`` (the server if it is `rendicom serve`), ``remote`` or ``local``.

    Raises
    ------
    OptionError
        The URL or the credentials are invalid.

    Examples
    --------
    >>> with rendicom.connect("https://pacs.example/dicomweb", token="@key.txt") as archive:
    ...     type(archive).__name__
    'ServerArchive'
    """
    address = parse_address(url)
    if address.resource.study or address.is_wado_uri:
        raise OptionError("the URL names a resource: give the part before /studies")
    credentials = Credentials.of(
        headers=[f"{name}: {value}" for name, value in (headers or {}).items()],
        api_key=api_key,
        api_key_header=api_key_header,
        token=token,
        user=user,
        password=password,
        certificate=Certificate(certificate, certificate_key, "") if certificate else None,
    )
    connection = connection_to(
        address.base, credentials=credentials, ca_bundle=ca_bundle, has_http2=http2
    )
    # Not at the top: it needs the HTTP library, whose absence `connection_to` reports.
    from rendicom.client.server_archive import ServerArchive

    return ServerArchive(connection, rendering=rendering)
