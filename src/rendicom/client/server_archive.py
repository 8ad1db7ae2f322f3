"""A DICOMweb server as an archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rendicom.client.archive import Archive
from rendicom.client.listing import InstanceQuery, list_instances
from rendicom.client.matching import check_keys
from rendicom.client.remote_input import RemoteInput, Rendering, forget, opened_as
from rendicom.client.searching import SearchRequest
from rendicom.client.server import Server
from rendicom.dicomweb.resources import Resource
from rendicom.dicomweb.search_parameters import SearchLevel
from rendicom.engine import Instance, PictureRequest
from rendicom.selection import FrameSelection

if TYPE_CHECKING:
    from rendicom.client.connection_settings import ConnectionSettings
    from rendicom.client.response_models import Model
    from rendicom.engine.rendered_image import RenderedImage


class ServerArchive(Archive):
    """An archive on a server; made by `rendicom.connect`. See `rendicom.client.archive.Archive`."""

    def __init__(self, connection: ConnectionSettings, *, rendering: Rendering = "auto") -> None:
        self._connection, self._rendering = connection, rendering
        self._server = Server(connection)

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
            SearchRequest(level, below, pairs, tuple(include), limit, is_fuzzy=fuzzy)
        )

    def instances(
        self,
        study: str = "",
        series: str = "",
        *,
        match: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> Iterator[Resource]:
        """Yield the instances by series, in the order of their numbers."""
        pairs = tuple((match or {}).items())
        check_keys(pairs)
        wanted = InstanceQuery(Resource(study, series), pairs, limit=limit)
        return (summary.resource for summary in list_instances(self._server, wanted))

    def open(self, study: str, series: str, instance: str) -> Instance:
        """Return an instance, retrieved as it is stored; close it in the end."""
        body = self._server.instance(Resource(study, series, instance))
        return opened_as(body, instance, host=self._server.host)

    def picture(
        self, study: str, series: str, instance: str, request: PictureRequest
    ) -> RenderedImage:
        """Return the requested picture, rendered by the server or locally."""
        from rendicom.batch.sources import Unit

        resource = Resource(study, series, instance)
        summary = next(list_instances(self._server, InstanceQuery(resource)))
        frame = request.selection.frame
        remote = RemoteInput(
            self._connection, request.options, request.media_type, self._rendering,
            frames=None if frame is None else FrameSelection.of((frame,)),
            selection=request.selection, requests=1,
        )  # fmt: skip
        unit = Unit(self._connection.base + resource.path, instance, about=summary.line())
        with remote.opening((unit,)) as supply, supply.instance(unit) as opened:
            return opened.picture(request)
