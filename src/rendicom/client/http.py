"""A DICOMweb server as an archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

from rendicom.client.addresses import parse_address
from rendicom.client.connection import open_connection
from rendicom.client.credentials import Certificate, Credentials
from rendicom.client.listing import Wanted, list_instances
from rendicom.client.remote import Remote, Rendering, forget, opened_as
from rendicom.client.searching import Search
from rendicom.client.server import Server
from rendicom.dicomweb.resources import Resource
from rendicom.engine import Instance
from rendicom.errors import OptionError
from rendicom.options import RenderOptions

if TYPE_CHECKING:
    from rendicom.client.archive import Archive, SearchLevel
    from rendicom.client.connection import Connection
    from rendicom.client.models import Model
    from rendicom.values import RenderedImage

__all__ = ["ServerArchive", "connect"]

_DEFAULT_OPTIONS = RenderOptions()


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
    """Return the archive behind the URL of a DICOMweb server; nothing is sent yet.

    Parameters
    ----------
    url
        What stands before ``/studies``.
    headers
        Sent with each request to this server, and to no other.
    api_key, api_key_header
        A key, and the name of its header.
    token
        Bearer token; with ``@FILE`` the file is read again when it changes.
    user, password
        For Basic authentication. Without any credentials a ``.netrc`` file is looked into. All of
        these may be ``@FILE`` or ``env:NAME``.
    certificate, certificate_key
        Files (PEM) for mutual TLS.
    ca_bundle
        Certificates to believe; those of the system where empty.
    http2
        Speak HTTP/2 where the server does.
    rendering
        Who renders: ``auto`` (the server where it is known to do just what is asked), ``remote``
        or ``local``.

    Raises
    ------
    OptionError
        The URL or the credentials make no sense.
    """
    address = parse_address(url)
    if address.resource.study or address.is_wado_uri:
        raise OptionError("the URL names a resource: give what stands before /studies")
    credentials = Credentials.of(
        headers=[f"{name}: {value}" for name, value in (headers or {}).items()],
        api_key=api_key,
        api_key_header=api_key_header,
        token=token,
        user=user,
        password=password,
        certificate=Certificate(certificate, certificate_key, "") if certificate else None,
    )
    connection = open_connection(
        address.base, credentials=credentials, ca_bundle=ca_bundle, has_http2=http2
    )
    return ServerArchive(connection, rendering=rendering)


class _Asked(NamedTuple):
    source: str
    about: str
    frames: None = None


class ServerArchive:
    """An archive on a server; made by `rendicom.connect`. See `rendicom.client.archive.Archive`."""

    def __init__(self, connection: Connection, *, rendering: Rendering = "auto") -> None:
        self._connection, self._rendering = connection, rendering
        self._server = Server(connection)

    def __enter__(self) -> Self:
        """Return the archive itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close all connections."""
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._server.close()
        forget(self._connection)

    def search(
        self,
        level: SearchLevel = "studies",
        *,
        study: str = "",
        series: str = "",
        match: Mapping[str, str] | None = None,
        include: Sequence[str] = (),
        limit: int | None = None,
        fuzzy: bool = False,
    ) -> Iterator[Model]:
        """Yield what matches, in the DICOM JSON model; see `Archive.search`."""
        pairs = tuple((match or {}).items())
        below = Resource(study, series)
        return self._server.search(
            Search(level, below, pairs, tuple(include), limit, is_fuzzy=fuzzy)
        )

    def instances(
        self,
        study: str = "",
        series: str = "",
        *,
        match: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> Iterator[Resource]:
        """Yield the instances, those of a series together and in the order of their numbers."""
        pairs = tuple((match or {}).items())
        wanted = Wanted(Resource(study, series), pairs, limit=limit)
        return (summary.resource for summary in list_instances(self._server, wanted))

    def open(self, study: str, series: str, instance: str) -> Instance:
        """Return an instance, retrieved as it is stored; close it in the end."""
        body = self._server.instance(Resource(study, series, instance))
        return opened_as(body, instance, host=self._server.host)

    def render(
        self,
        study: str,
        series: str,
        instance: str,
        frame: int = 1,
        options: RenderOptions = _DEFAULT_OPTIONS,
        media_type: str = "image/jpeg",
    ) -> RenderedImage:
        """Return one frame as an encoded picture, made by the server or here."""
        from rendicom.batch.frames import FrameSelection

        resource = Resource(study, series, instance)
        summary = next(list_instances(self._server, Wanted(resource)))
        remote = Remote(
            self._connection, options, media_type, self._rendering,
            FrameSelection.of((frame,)), requests=1, is_many=False,
        )  # fmt: skip
        asked = _Asked(self._connection.base + resource.path, summary.line())
        with remote.opening((asked,)) as supply, supply.instance(asked) as opened:
            return opened.render(frame, options, media_type)


if TYPE_CHECKING:
    _kind: type[Archive] = ServerArchive
