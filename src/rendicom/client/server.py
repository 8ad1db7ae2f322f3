"""Requests to one DICOMweb server: search, metadata, instances, frames, rendered images."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from rendicom.client.connection_settings import host_of
from rendicom.client.error_responses import warnings_of
from rendicom.client.matching import MatchReport, check_keys
from rendicom.client.render_requests import Capabilities, RenderRequest, check_picture
from rendicom.client.response_models import Model, models_of
from rendicom.client.retrieving import Body, RetrievedFrame, frames_in, read_instance, single_part
from rendicom.client.searching import SearchRequest, query_text, search
from rendicom.client.server_profiles import OWN, profile_of
from rendicom.client.session import Session
from rendicom.dicomweb.accepts import DICOM_JSON
from rendicom.dicomweb.capabilities import WADL_JSON
from rendicom.engine.rendered_image import RenderedImage
from rendicom.errors import (
    BadRequestError,
    NotAcceptableError,
    NotSupportedError,
    RendicomError,
    UnsupportedMediaTypeError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rendicom.client.connection_settings import ConnectionSettings
    from rendicom.client.server_profiles import ServerProfile
    from rendicom.dicomweb.resources import Resource

REFUSED_TYPES = (BadRequestError, NotAcceptableError, UnsupportedMediaTypeError, NotSupportedError)
"""Errors of servers that do not support a media type."""
FRAMES = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
"""Media types of frames as they are stored."""
_OWN_TITLE = "Rendicom"


class Server:
    """One server; threads may share it.

    Parameters
    ----------
    connection
        Settings of the connection.
    is_wado_uri
        It is a WADO-URI service.
    """

    def __init__(self, connection: ConnectionSettings, *, is_wado_uri: bool = False) -> None:
        self.session = Session(connection)
        self.profile: ServerProfile = profile_of(connection.base)
        self.host = host_of(connection.base)
        self.is_wado_uri = is_wado_uri
        self._accept = ""
        self._abilities: Capabilities | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        self.session.close()

    # --- search ---------------------------------------------------------------------------

    def search(self, asked: SearchRequest, report: MatchReport | None = None) -> Iterator[Model]:
        """Yield the results of a search; see `rendicom.client.searching.search`.

        Results that do not match are left out; without a ``report`` that counts them, they raise an
        error at the end.

        Raises
        ------
        OptionError
            A key or value is invalid; no request was sent.
        """
        check_keys(asked.matches)
        if report is not None:
            return search(self.session, self.profile, asked, report)
        return self._concluded(asked)

    def _concluded(self, asked: SearchRequest) -> Iterator[Model]:
        report = MatchReport()
        yield from search(self.session, self.profile, asked, report)
        report.conclude(self.host)

    def metadata(self, resource: Resource) -> list[Model]:
        """Return the attributes of all instances below a resource.

        Raises
        ------
        WireError, UnreadableSourceError, TooLargeError
        """
        url = self.session.url(f"{resource.path}/metadata")
        limit = self.session.connection.limits.text
        answer = self.session.get(url, DICOM_JSON, limit=limit, compressed=True)
        return models_of(answer, host=self.host)

    # --- retrieve -------------------------------------------------------------------------

    def instance(self, resource: Resource) -> Body:
        """Return an instance as it is stored, if the server supports that.

        Raises
        ------
        WireError, UnreadableSourceError, TooLargeError
        """
        if self.is_wado_uri:
            return self._instance(self._link(resource, "application/dicom"), "*/*")
        url = self.session.url(resource._replace(frames=()).path)
        if self._accept:
            return self._instance(url, self._accept)
        refused: RendicomError | None = None
        for accept in self.profile.instance_accepts:
            try:
                found = self._instance(url, accept)
            except REFUSED_TYPES as error:
                refused = refused or error
            else:
                self._accept = accept
                return found
        assert refused is not None  # noqa: S101
        raise refused

    def _instance(self, url: str, accept: str) -> Body:
        limits = self.session.connection.limits
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        return self.session.exchange(
            "GET", url, headers, read=lambda each: read_instance(each, limits),
            limit=limits.instance,
        )  # fmt: skip

    def frames(self, resource: Resource) -> list[RetrievedFrame]:
        """Return the stored bytes of the frames that a resource names.

        Raises
        ------
        WireError, UnreadableSourceError, TooLargeError
        """
        url = self.session.url(resource.path)
        answer = self.session.get(url, FRAMES, limit=self.session.connection.limits.instance)
        return frames_in(answer, len(resource.frames))

    # --- pictures -------------------------------------------------------------------------

    def picture(self, resource: Resource, request: RenderRequest, media_type: str) -> RenderedImage:
        """Return a picture or document rendered by the server.

        Raises
        ------
        WireError
            It returns none, or another one than requested.
        UnreadableSourceError, TooLargeError
        """
        if self.is_wado_uri:
            url = self._link(resource, media_type)
        else:
            url = self.session.url(f"{resource.path}/rendered", request.query)
        answer = self.session.get(url, media_type)
        return check_picture(
            single_part(answer),
            media_type,
            query=request,
            host=self.host,
            frame=resource.frames[0] if resource.frames else 1,
            voi=answer.headers.get("rendicom-voi", ""),
            warnings=warnings_of(answer.headers, hide=self.session.hide),
        )

    def _link(self, resource: Resource, media_type: str) -> str:
        pairs = [
            ("requestType", "WADO"), ("studyUID", resource.study), ("seriesUID", resource.series),
            ("objectUID", resource.instance), ("contentType", media_type),
        ]  # fmt: skip
        is_picture = media_type != "application/dicom"
        pairs += (
            [("frameNumber", str(resource.frames[0]))] if is_picture and resource.frames else []
        )
        return self.session.url("", query_text(pairs))

    # --- capabilities ---------------------------------------------------------------------

    def capabilities(self) -> Capabilities:
        """Return the capabilities that the server lists; most list few."""
        with self._lock:
            if self._abilities is None:
                self._abilities = self._asked_capabilities()
                if self._abilities.is_ours:
                    self.profile = OWN
            return self._abilities

    def _asked_capabilities(self) -> Capabilities:
        try:
            answer = self.session.ask("OPTIONS", self.session.url("/"), WADL_JSON)
            is_listed = answer.status == 200
            return capabilities_in(json.loads(answer.body)) if is_listed else Capabilities()
        except (RendicomError, ValueError, RecursionError):
            return Capabilities()


def capabilities_in(document: Any) -> Capabilities:
    """Return the rendering capabilities in a JSON document (PS3.18 Annex G)."""
    try:
        application = document["application"]
        is_ours = any(each.get("@title") == _OWN_TITLE for each in _list(application.get("doc")))
        methods = list(_rendered_methods(_list(application["resources"])))
    except (KeyError, TypeError, AttributeError, RecursionError):
        return Capabilities()
    types: set[str] = set()
    names: set[str] = set()
    for method in methods:
        for parameter in _list(method.get("request", {}).get("param")):
            names.add(str(parameter.get("@name", "")))
        for response in _list(method.get("response")):
            types |= {str(each.get("@mediaType")) for each in _list(response.get("representation"))}
    return Capabilities(frozenset(types), frozenset(names), is_ours)


def _rendered_methods(resources: list[Any], path: str = "") -> Iterator[Any]:
    for resource in resources:
        below = f"{path}/{resource.get('@path', '')}".rstrip("/")
        if below.endswith("/rendered") and "/instances/" in below:
            yield from (each for each in _list(resource.get("method")) if each["@name"] == "GET")
        yield from _rendered_methods(_list(resource.get("resource")), below)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
