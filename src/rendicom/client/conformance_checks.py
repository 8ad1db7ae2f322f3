"""Checks of one instance: retrieval, rendering and parameters, compared with the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from rendicom.client.compare import agree, look_the_same
from rendicom.client.content_sniffing import identify
from rendicom.client.findings import CheckResult
from rendicom.client.render_requests import render_request_for
from rendicom.client.response_models import models_of
from rendicom.client.retrieving import frames_in, parts_of, read_instance, single_part
from rendicom.client.searching import query_text
from rendicom.client.session import ResponseStream
from rendicom.dicomweb.accepts import DICOM_JSON
from rendicom.dicomweb.resources import Resource
from rendicom.engine.rendered_image import RenderedImage
from rendicom.errors import RendicomError, WireError
from rendicom.options import RenderOptions, Voi
from rendicom.values import Viewport, Window

if TYPE_CHECKING:
    from rendicom.client.retrieving import Body
    from rendicom.client.server import Server
    from rendicom.engine import Instance

_DICOM = {
    "multipart, as stored": 'multipart/related; type="application/dicom"; transfer-syntax=*',
    "multipart": 'multipart/related; type="application/dicom"',
    "single part, as stored": "application/dicom; transfer-syntax=*",
    "single part": "application/dicom",
}
_FRAMES = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/jp2", "image/avif")


class InstanceChecks:
    """Conformance checks on one instance of a server."""

    def __init__(self, server: Server, resource: Resource) -> None:
        self._server, self._resource = server, resource
        self._opened: Instance | None = None

    def close(self) -> None:
        """Close the instance."""
        if self._opened is not None:
            self._opened.close()

    # Retrieve

    def retrieved(self) -> Iterator[CheckResult]:
        """Yield the retrievable media types of the instance, its metadata and a frame."""
        path = self._resource.path
        yield self._metadata(f"{path}/metadata")
        for name, accept in _DICOM.items():
            yield self._instance(name, path, accept)
        yield self._frames(f"{path}/frames/1")

    def _metadata(self, path: str) -> CheckResult:
        try:
            answer = self._server.session.ask("GET", self._server.session.url(path), DICOM_JSON)
            count = len(models_of(answer, host=self._server.host)) if answer.status == 200 else 0
        except RendicomError as error:
            return CheckResult("retrieve", "metadata", "no", error.message)
        if not count:
            return CheckResult("retrieve", "metadata", "no", f"status {answer.status}")
        return CheckResult("retrieve", "metadata", "yes", "DICOM JSON")

    def _instance(self, name: str, path: str, accept: str) -> CheckResult:
        from rendicom.engine import open_instance

        session, limits = self._server.session, self._server.session.connection.limits
        sent: list[str] = []

        def read(incoming: ResponseStream) -> Body:
            sent.append(incoming.content_type)
            return read_instance(incoming, limits)

        try:
            body = session.exchange(
                "GET", session.url(path), {"Accept": accept, "Accept-Encoding": "identity"},
                read=read, limit=limits.instance,
            )  # fmt: skip
            instance = open_instance(cast("bytes", body))
        except RendicomError as error:
            return CheckResult("retrieve", f"instance, {name}", "no", error.message)
        syntax = instance.transfer_syntax
        if self._opened is None:
            self._opened = instance
        else:
            instance.close()
        is_multipart = sent[-1].lower().startswith("multipart/")
        if is_multipart != accept.startswith("multipart/"):
            what = "multipart" if is_multipart else "a single part"
            return CheckResult("retrieve", f"instance, {name}", "differs", f"comes as {what}")
        return CheckResult("retrieve", f"instance, {name}", "yes", f"transfer syntax {syntax}")

    def _frames(self, path: str) -> CheckResult:
        try:
            answer = self._server.session.get(self._server.session.url(path), _FRAMES)
            parts = frames_in(answer, 1)
        except RendicomError as error:
            return CheckResult("retrieve", "frames", "no", error.message)
        detail = f"transfer syntax {parts[0].transfer_syntax}" if parts[0].transfer_syntax else ""
        return CheckResult("retrieve", "frames", "yes", detail)

    # Rendered

    def rendered(self) -> Iterator[CheckResult]:
        """Yield the rendered media types, and the parameters that take effect."""
        if self._opened is None:
            yield CheckResult(
                "rendered", "pictures", "not tried", "the instance cannot be retrieved"
            )
            return
        try:
            plain = {each: self._local(RenderOptions(), each) for each in _TYPES[:2]}
        except RendicomError as error:
            yield CheckResult(
                "rendered", "pictures", "not tried", f"no picture of it: {error.message}"
            )
            return
        given: dict[str, RenderedImage] = {}
        for media_type in _TYPES:
            finding, picture = self._picture(media_type, plain.get(media_type))
            if picture is not None:
                given[media_type] = picture
            yield finding
        yield self._frame_picture(next(iter(given), "image/jpeg"))
        if not given:
            return
        media_type = "image/png" if "image/png" in given else "image/jpeg"
        if media_type in given:
            yield from self._parameters(media_type, given[media_type])
        if "image/jpeg" in given:
            yield self._quality()

    def _local(self, options: RenderOptions, media_type: str) -> RenderedImage:
        assert self._opened is not None  # noqa: S101
        return self._opened.render(1, options, media_type)

    def _remote(self, path: str, query: str, media_type: str) -> RenderedImage:
        """Return the picture that the server makes.

        Raises
        ------
        RendicomError
            It returns none, or one of another type.
        """
        session = self._server.session
        data = single_part(session.get(session.url(path, query), media_type))
        seen = identify(data)
        if seen.media_type != media_type:
            what = seen.media_type or "something else"
            raise WireError(f"{what} instead of the requested {media_type}")
        return RenderedImage(data, media_type, seen.width, seen.height, 1, "", ())

    def _picture(
        self, media_type: str, local: RenderedImage | None
    ) -> tuple[CheckResult, RenderedImage | None]:
        try:
            found = self._remote(f"{self._resource.path}/rendered", "", media_type)
        except RendicomError as error:
            return CheckResult("rendered", media_type, "no", error.message), None
        size = f"{found.width} x {found.height}" if found.width else ""
        if local is None:
            return CheckResult("rendered", media_type, "yes", size), found
        if not agree(local, found):
            detail = f"{size}, unlike the local picture"
            return CheckResult("rendered", media_type, "yes", detail), found
        return CheckResult("rendered", media_type, "yes", f"{size}, as rendered locally"), found

    def _frame_picture(self, media_type: str) -> CheckResult:
        try:
            self._remote(f"{self._resource.path}/frames/1/rendered", "", media_type)
        except RendicomError as error:
            return CheckResult("rendered", "frames", "no", error.message)
        return CheckResult("rendered", "frames", "yes", media_type)

    # Parameters

    def _parameters(self, media_type: str, plain: RenderedImage) -> Iterator[CheckResult]:
        for name, options in self._asked_options():
            yield self._applied(name, options, media_type, plain)
        yield self._changed("annotation", "annotation=technique", media_type, plain)
        if self._is_gray():
            yield CheckResult("parameters", "iccprofile", "not tried", "the instance is gray")
        else:
            yield self._profile(media_type)

    def _is_gray(self) -> bool:
        assert self._opened is not None  # noqa: S101
        return self._opened.description.photometric_interpretation.startswith("MONOCHROME")

    def _asked_options(self) -> Iterator[tuple[str, RenderOptions]]:
        assert self._opened is not None  # noqa: S101
        description = self._opened.description
        if self._is_gray():
            frame = self._opened.frame(1)
            low, high = self._opened.value_range(Voi("minmax"), RenderOptions(), frame, 1)
            center, width = low + 0.4 * (high - low), max(2.0, 0.3 * (high - low))
            for function in ("linear", "linear-exact", "sigmoid"):
                window = Window.parse(f"{round(center)},{round(width)},{function}")
                yield f"window, {function}", RenderOptions(window=window)
        wide, high_ = max(1, description.columns // 2), max(1, description.rows // 2)
        yield "viewport, smaller", RenderOptions(viewport=Viewport(wide, high_))
        region = Viewport(wide, high_, wide // 2, high_ // 2, wide, high_)
        yield "viewport, region", RenderOptions(viewport=region)

    def _applied(
        self, name: str, options: RenderOptions, media_type: str, plain: RenderedImage
    ) -> CheckResult:
        """Compare the server's picture with a local one, and with its own without the parameter."""
        request = render_request_for(options)
        assert request is not None  # noqa: S101
        try:
            local = self._local(options, media_type)
            remote = self._remote(f"{self._resource.path}/rendered", request.query, media_type)
        except RendicomError as error:
            return CheckResult("parameters", name, "no", error.message)
        if agree(local, remote):
            is_same_size = (local.width, local.height) == (plain.width, plain.height)
            if is_same_size and look_the_same(local, plain):
                return CheckResult("parameters", name, "yes", "as far as this instance can tell")
            return CheckResult("parameters", name, "yes", "as rendered locally")
        if remote.data == plain.data or agree(plain, remote):
            return CheckResult("parameters", name, "ignored")
        if (remote.width, remote.height) != (local.width, local.height):
            sizes = f"{remote.width} x {remote.height} instead of {local.width} x {local.height}"
            return CheckResult("parameters", name, "differs", sizes)
        return CheckResult(
            "parameters", name, "differs", "another picture than the standard requires"
        )

    def _changed(self, name: str, query: str, media_type: str, plain: RenderedImage) -> CheckResult:
        try:
            remote = self._remote(f"{self._resource.path}/rendered", query, media_type)
        except RendicomError as error:
            return CheckResult("parameters", name, "no", error.message)
        is_same = remote.data == plain.data or agree(plain, remote)
        return CheckResult("parameters", name, "ignored" if is_same else "yes")

    def _profile(self, media_type: str) -> CheckResult:
        try:
            remote = self._remote(f"{self._resource.path}/rendered", "iccprofile=srgb", media_type)
        except RendicomError as error:
            return CheckResult("parameters", "iccprofile", "no", error.message)
        has_one = b"ICC_PROFILE\0" in remote.data or b"iCCP" in remote.data[:4096]
        return CheckResult("parameters", "iccprofile", "yes" if has_one else "ignored")

    def _quality(self) -> CheckResult:
        sizes = []
        for quality in (10, 95):
            query = query_text((("quality", str(quality)),))
            try:
                found = self._remote(f"{self._resource.path}/rendered", query, "image/jpeg")
            except RendicomError as error:
                return CheckResult("parameters", "quality", "no", error.message)
            sizes.append(len(found.data))
        detail = f"10 gives {sizes[0]} bytes, 95 {sizes[1]}"
        return CheckResult(
            "parameters", "quality", "yes" if sizes[0] < sizes[1] else "ignored", detail
        )

    # Thumbnails

    def thumbnails(self) -> Iterator[CheckResult]:
        """Yield the levels that have thumbnails."""
        whole = self._resource
        levels = {"instance": whole, "series": Resource(whole.study, whole.series),
                  "study": Resource(whole.study)}  # fmt: skip
        for name, resource in levels.items():
            yield self._thumbnail(name, resource)

    def _thumbnail(self, name: str, resource: Resource) -> CheckResult:
        session = self._server.session
        try:
            answer = session.get(session.url(f"{resource.path}/thumbnail"), "image/jpeg")
            parts = parts_of(answer)
            seen = identify(parts[0].read()) if len(parts) == 1 else None
        except RendicomError as error:
            return CheckResult("thumbnails", name, "no", error.message)
        if seen is None or not seen.media_type.startswith("image/"):
            return CheckResult("thumbnails", name, "differs", "it is not a single picture")
        detail = f"{seen.media_type}, {seen.width} x {seen.height}"
        return CheckResult("thumbnails", name, "yes", detail)
