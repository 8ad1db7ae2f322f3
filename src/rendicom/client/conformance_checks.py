"""Checks of one instance: retrieval, rendering and parameters, compared with the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from rendicom.client.content_sniffing import decoded, identify
from rendicom.client.render_requests import render_request_for
from rendicom.client.response_models import models_of
from rendicom.client.retrieving import frames_in, parts_of, read_instance, single_part
from rendicom.client.server import FRAMES
from rendicom.client.session import ResponseStream
from rendicom.dicomweb.accepts import DICOM_JSON
from rendicom.dicomweb.resources import Resource
from rendicom.engine.rendered_image import RenderedImage
from rendicom.errors import RendicomError, WireError
from rendicom.options import RenderOptions, Voi
from rendicom.values import Viewport, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rendicom.client.retrieving import Body
    from rendicom.client.server import Server
    from rendicom.engine import Instance


Verdict = Literal["yes", "no", "ignored", "differs", "not tried"]
"""``ignored``: requested without effect; ``differs``: not in accordance with the standard."""


class CheckResult(NamedTuple):
    """The result of one check."""

    service: str
    """``search``, ``retrieve``, ``rendered``, ``parameters``, ``thumbnails`` or ``service``."""
    name: str
    """Of the check."""
    verdict: Verdict
    """The result."""
    detail: str = ""
    """Text for a person, without patient data."""


_DICOM = {
    "multipart, as stored": 'multipart/related; type="application/dicom"; transfer-syntax=*',
    "multipart": 'multipart/related; type="application/dicom"',
    "single part, as stored": "application/dicom; transfer-syntax=*",
    "single part": "application/dicom",
}
_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/jp2", "image/avif")


_Found = tuple[Verdict, str]
"""Verdict and detail of a check."""


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
        yield _tried("retrieve", "metadata", lambda: self._metadata(f"{path}/metadata"))
        for name, accept in _DICOM.items():
            yield _tried("retrieve", f"instance, {name}", partial(self._instance, path, accept))
        yield _tried("retrieve", "frames", lambda: self._frames(f"{path}/frames/1"))

    def _metadata(self, path: str) -> _Found:
        session = self._server.session
        answer = session.ask("GET", session.url(path), DICOM_JSON)
        if answer.status == 200 and models_of(answer, host=self._server.host):
            return "yes", "DICOM JSON"
        return "no", f"status {answer.status}"

    def _instance(self, path: str, accept: str) -> _Found:
        from rendicom.engine import open_instance

        session, limits = self._server.session, self._server.session.connection.limits
        sent: list[str] = []

        def read(incoming: ResponseStream) -> Body:
            sent.append(incoming.content_type)
            return read_instance(incoming, limits)

        body = session.exchange(
            "GET", session.url(path), {"Accept": accept, "Accept-Encoding": "identity"},
            read=read, limit=limits.instance,
        )  # fmt: skip
        instance = open_instance(cast("bytes", body))
        syntax = instance.transfer_syntax
        if self._opened is None:
            self._opened = instance
        else:
            instance.close()
        is_multipart = sent[-1].lower().startswith("multipart/")
        if is_multipart != accept.startswith("multipart/"):
            return "differs", f"comes as {'multipart' if is_multipart else 'a single part'}"
        return "yes", f"transfer syntax {syntax}"

    def _frames(self, path: str) -> _Found:
        answer = self._server.session.get(self._server.session.url(path), FRAMES)
        (part,) = frames_in(answer, 1)
        return "yes", f"transfer syntax {part.transfer_syntax}" if part.transfer_syntax else ""

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
            yield _tried("rendered", media_type, partial(self._picture, media_type, plain, given))
        yield _tried(
            "rendered", "frames", partial(self._frame_picture, next(iter(given), "image/jpeg"))
        )
        if not given:
            return
        media_type = "image/png" if "image/png" in given else "image/jpeg"
        if media_type in given:
            yield from self._parameters(media_type, given[media_type])
        if "image/jpeg" in given:
            yield _tried("parameters", "quality", self._quality)

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
        self, media_type: str, local: Mapping[str, RenderedImage], given: dict[str, RenderedImage]
    ) -> _Found:
        """Compare a picture of the server with the local one, and put it among those ``given``."""
        found = given[media_type] = self._rendered("", media_type)
        size = f"{found.width} x {found.height}" if found.width else ""
        if media_type not in local:
            return "yes", size
        is_alike = agree(local[media_type], found)
        return "yes", f"{size}, {'as rendered locally' if is_alike else 'unlike the local picture'}"

    def _frame_picture(self, media_type: str) -> _Found:
        self._remote(f"{self._resource.path}/frames/1/rendered", "", media_type)
        return "yes", media_type

    def _rendered(self, query: str, media_type: str) -> RenderedImage:
        return self._remote(f"{self._resource.path}/rendered", query, media_type)

    # Parameters

    def _parameters(self, media_type: str, plain: RenderedImage) -> Iterator[CheckResult]:
        for name, options in self._asked_options():
            yield _tried("parameters", name, partial(self._applied, options, media_type, plain))
        yield _tried("parameters", "annotation", partial(self._annotation, media_type, plain))
        if self._is_gray():
            yield CheckResult("parameters", "iccprofile", "not tried", "the instance is gray")
        else:
            yield _tried("parameters", "iccprofile", partial(self._profile, media_type))

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

    def _applied(self, options: RenderOptions, media_type: str, plain: RenderedImage) -> _Found:
        """Compare the server's picture with a local one, and with its own without the parameter."""
        request = render_request_for(options)
        assert request is not None  # noqa: S101
        local = self._local(options, media_type)
        remote = self._rendered(request.query, media_type)
        if agree(local, remote):
            is_same_size = (local.width, local.height) == (plain.width, plain.height)
            if is_same_size and look_the_same(local, plain):
                return "yes", "as far as this instance can tell"
            return "yes", "as rendered locally"
        if remote.data == plain.data or agree(plain, remote):
            return "ignored", ""
        if (remote.width, remote.height) != (local.width, local.height):
            sizes = f"{remote.width} x {remote.height} instead of {local.width} x {local.height}"
            return "differs", sizes
        return "differs", "another picture than the standard requires"

    def _annotation(self, media_type: str, plain: RenderedImage) -> _Found:
        remote = self._rendered("annotation=technique", media_type)
        is_same = remote.data == plain.data or agree(plain, remote)
        return "ignored" if is_same else "yes", ""

    def _profile(self, media_type: str) -> _Found:
        remote = self._rendered("iccprofile=srgb", media_type)
        has_one = b"ICC_PROFILE\0" in remote.data or b"iCCP" in remote.data[:4096]
        return "yes" if has_one else "ignored", ""

    def _quality(self) -> _Found:
        low, high = (
            len(self._rendered(f"quality={quality}", "image/jpeg").data) for quality in (10, 95)
        )
        return "yes" if low < high else "ignored", f"10 gives {low} bytes, 95 {high}"

    # Thumbnails

    def thumbnails(self) -> Iterator[CheckResult]:
        """Yield the levels that have thumbnails."""
        whole = self._resource
        levels = {"instance": whole, "series": Resource(whole.study, whole.series),
                  "study": Resource(whole.study)}  # fmt: skip
        for name, resource in levels.items():
            yield _tried("thumbnails", name, partial(self._thumbnail, resource))

    def _thumbnail(self, resource: Resource) -> _Found:
        session = self._server.session
        answer = session.get(session.url(f"{resource.path}/thumbnail"), "image/jpeg")
        parts = parts_of(answer)
        seen = identify(parts[0].read()) if len(parts) == 1 else None
        if seen is None or not seen.media_type.startswith("image/"):
            return "differs", "it is not a single picture"
        return "yes", f"{seen.media_type}, {seen.width} x {seen.height}"


def _tried(service: str, name: str, check: Callable[[], _Found]) -> CheckResult:
    """Return the result of a check; an error of the server is ``no``."""
    try:
        return CheckResult(service, name, *check())
    except RendicomError as error:
        return CheckResult(service, name, "no", error.message)


_LOSSLESS = 1
"""Difference in gray levels that rounding may cause."""
_MEAN, _OUTLIERS, _FAR = 2.0, 0.01, 24
"""Tolerances for two JPEG encoders: mean difference in levels, and fraction of outliers."""


def agree(local: RenderedImage, remote: RenderedImage) -> bool:
    """Tell whether two pictures are equal, except for rounding and lossy compression."""
    if identify(local.data).media_type != identify(remote.data).media_type:
        return False
    difference = _difference(local, remote)
    if difference is None:
        return False
    if local.media_type == "image/jpeg":
        far = float((difference > _FAR).mean())
        return float(difference.mean()) <= _MEAN and far <= _OUTLIERS
    return float(difference.max(initial=0)) <= _LOSSLESS


def look_the_same(local: RenderedImage, plain: RenderedImage) -> bool:
    """Tell whether options made no difference, so that a server may have ignored them."""
    difference = _difference(local, plain)
    return difference is not None and float(difference.mean()) < _MEAN


def _difference(one: RenderedImage, other: RenderedImage) -> NDArray[Any] | None:
    """Return the absolute differences in gray levels; None for damaged or other pictures."""
    try:
        samples, others = _levels(decoded(one.data)), _levels(decoded(other.data))
    except WireError:
        return None
    return abs(samples - others) if samples.shape == others.shape else None


def _levels(samples: NDArray[Any]) -> NDArray[Any]:
    scale = 257.0 if samples.dtype.itemsize == 2 else 1.0
    return samples.astype("float32") / scale
