"""What a server does, found out by asking: each ability is tried on one instance.

What comes back is held against the picture that the engine makes of the same instance, so that a
parameter which is accepted and then ignored does not pass for done.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from rendicom.client.listing import Wanted, list_instances
from rendicom.client.models import models_of, text
from rendicom.client.pictures import look_at
from rendicom.client.rendered import question_for
from rendicom.client.retrieving import frames_in, parts_of, read_instance, single_part
from rendicom.client.searching import Search, query_text
from rendicom.client.session import Answer, Incoming
from rendicom.client.trial import agree, is_the_same
from rendicom.dicomweb.accepts import DICOM_JSON
from rendicom.dicomweb.capabilities import WADL_JSON
from rendicom.dicomweb.resources import Resource
from rendicom.errors import RendicomError, WireError
from rendicom.options import RenderOptions, Voi
from rendicom.values import RenderedImage, Viewport, Window

if TYPE_CHECKING:
    from rendicom.client.retrieving import Body
    from rendicom.client.server import Server
    from rendicom.engine import Instance

__all__ = ["Finding", "Verdict", "probe"]

Verdict = Literal["yes", "no", "ignored", "differs", "not tried"]
"""``ignored``: asked for and not done; ``differs``: done, and not as the standard says."""

_DICOM = {
    "multipart, as stored": 'multipart/related; type="application/dicom"; transfer-syntax=*',
    "multipart": 'multipart/related; type="application/dicom"',
    "single part, as stored": "application/dicom; transfer-syntax=*",
    "single part": "application/dicom",
}
_FRAMES = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/jp2", "image/avif")
_LOOKED_AT = 20
"""Series among which one with an image is looked for."""
_WITHOUT_IMAGES = frozenset(("SR", "PR", "KO", "RTPLAN", "RTSTRUCT", "REG", "AU", "ECG", "DOC"))


class Finding(NamedTuple):
    """What came of one trial.

    Attributes
    ----------
    service
        ``search``, ``retrieve``, ``rendered``, ``parameters``, ``thumbnails`` or ``service``.
    name
        What was tried.
    verdict
        What came of it.
    detail
        For a person; nothing of a patient is in it.
    """

    service: str
    name: str
    verdict: Verdict
    detail: str = ""


def probe(server: Server, wanted: Wanted) -> Iterator[Finding]:
    """Yield what a server does, from searches to parameters of pictures.

    Raises
    ------
    UnreadableSourceError
        The server cannot be reached.
    WireError
        It lets nobody in.
    """
    yield _capabilities(server)
    yield from _searches(server, wanted)
    try:
        found = _chosen(server, wanted)
    except RendicomError as error:
        yield Finding("retrieve", "an instance to try", "no", error.message)
        return
    if found is None:
        yield Finding("retrieve", "an instance to try", "no", "the server has none that matches")
        return
    trials = _Trials(server, found)
    try:
        yield from trials.retrieved()
        yield from trials.rendered()
        yield from trials.thumbnails()
    finally:
        trials.close()
    for name in ("store", "delete"):
        yield Finding("service", name, "not tried", "it would change the server")


# --- what needs no instance ---------------------------------------------------------------------


def _asked(server: Server, path: str, accept: str, *, method: str = "GET") -> Answer:
    return server.session.ask(method, server.session.url(path), accept)


def _capabilities(server: Server) -> Finding:
    answer = _asked(server, "/", WADL_JSON, method="OPTIONS")
    if answer.status != 200:
        return Finding("service", "capabilities", "no", f"status {answer.status}")
    abilities = server.abilities()
    said = ", ".join(sorted(abilities.parameters)) or "nothing about pictures that can be read"
    return Finding("service", "capabilities", "yes", said)


def _searches(server: Server, wanted: Wanted) -> Iterator[Finding]:
    study = wanted.resource.study
    tried = {"studies": "/studies?limit=2", "all series": "/series?limit=2",
             "all instances": "/instances?limit=2"}  # fmt: skip
    known: dict[str, str] = {}
    for name, path in tried.items():
        finding, first = _searched(server, name, path, most=2)
        known[name] = first
        yield finding
    study = study or known["studies"]
    if not study:
        return
    finding, series = _searched(server, "series of a study", f"/studies/{study}/series")
    yield finding
    if series:
        path = f"/studies/{study}/series/{series}/instances"
        yield _searched(server, "instances of a series", path)[0]
    yield _paging(server)


def _searched(server: Server, name: str, path: str, *, most: int = 0) -> tuple[Finding, str]:
    """Return what came of a search, and the UID of its first result."""
    answer = _asked(server, path, DICOM_JSON)
    if answer.status not in (200, 204, 206):
        return Finding("search", name, "no", f"status {answer.status}"), ""
    try:
        models = models_of(answer, host=server.host)
    except WireError as error:
        return Finding("search", name, "differs", error.message), ""
    tag = {"s": "0020000D", "r": "0020000E", "i": "00080018"}[_kind(path)]
    first = text(models[0], tag) if models else ""
    detail = f"{len(models)} {'result' if len(models) == 1 else 'results'}"
    if most and len(models) > most:
        return Finding("search", name, "yes", f"{detail}; limit is ignored"), first
    return Finding("search", name, "yes", detail), first


def _kind(path: str) -> str:
    last = path.partition("?")[0].rpartition("/")[2]
    return {"studies": "s", "series": "r", "instances": "i"}[last]


def _paging(server: Server) -> Finding:
    """Ask for the second study alone, and see whether it is another one."""
    uids = []
    for offset in (0, 1):
        answer = _asked(server, f"/studies?limit=1&offset={offset}", DICOM_JSON)
        if answer.status not in (200, 204, 206):
            return Finding("search", "limit and offset", "no", f"status {answer.status}")
        models = models_of(answer, host=server.host)
        if len(models) > 1:
            return Finding("search", "limit and offset", "ignored")
        uids.append(text(models[0], "0020000D") if models else "")
    if uids[0] and uids[0] == uids[1]:
        return Finding("search", "limit and offset", "ignored", "the same result comes again")
    return Finding("search", "limit and offset", "yes")


def _chosen(server: Server, wanted: Wanted) -> Resource | None:
    """Return the first instance that a search shows to be an image, else the first of all."""
    first: Resource | None = None
    for place in islice(_places(server, wanted), _LOOKED_AT):
        for summary in list_instances(server, wanted._replace(resource=place, limit=1)):
            first = first or summary.resource
            if summary.rows and summary.columns:
                return summary.resource
    return first


def _places(server: Server, wanted: Wanted) -> Iterator[Resource]:
    """Yield where to look: a series, and in a whole server those of its first studies."""
    if wanted.resource.series:
        yield wanted.resource
        return
    studies = [wanted.resource.study]
    if not wanted.resource.study:
        asked = Search("studies", Resource(), wanted.matches_at("studies"), limit=_LOOKED_AT)
        studies = [text(study, "0020000D") for study in server.search(asked)]
    for study in studies:
        asked = Search("series", Resource(study), wanted.matches_at("series"), limit=_LOOKED_AT)
        for series in server.search(asked):
            if text(series, "00080060") not in _WITHOUT_IMAGES:
                yield Resource(study, text(series, "0020000E"))


# --- what is tried on one instance --------------------------------------------------------------


class _Trials:
    """What is tried on one instance of a server."""

    def __init__(self, server: Server, resource: Resource) -> None:
        self._server, self._resource = server, resource
        self._ours: Instance | None = None

    def close(self) -> None:
        if self._ours is not None:
            self._ours.close()

    # Retrieve

    def retrieved(self) -> Iterator[Finding]:
        path = self._resource.path
        yield self._metadata(f"{path}/metadata")
        for name, accept in _DICOM.items():
            yield self._instance(name, path, accept)
        yield self._frames(f"{path}/frames/1")

    def _metadata(self, path: str) -> Finding:
        try:
            answer = _asked(self._server, path, DICOM_JSON)
            count = len(models_of(answer, host=self._server.host)) if answer.status == 200 else 0
        except RendicomError as error:
            return Finding("retrieve", "metadata", "no", error.message)
        if not count:
            return Finding("retrieve", "metadata", "no", f"status {answer.status}")
        return Finding("retrieve", "metadata", "yes", "DICOM JSON")

    def _instance(self, name: str, path: str, accept: str) -> Finding:
        from rendicom.engine import open_instance

        session, limits = self._server.session, self._server.session.connection.limits
        sent: list[str] = []

        def read(incoming: Incoming) -> Body:
            sent.append(incoming.content_type)
            return read_instance(incoming, limits)

        try:
            body = session.exchange(
                "GET", session.url(path), {"Accept": accept, "Accept-Encoding": "identity"},
                read=read, limit=limits.instance,
            )  # fmt: skip
            instance = open_instance(cast("bytes", body))
        except RendicomError as error:
            return Finding("retrieve", f"instance, {name}", "no", error.message)
        syntax = instance.transfer_syntax
        if self._ours is None:
            self._ours = instance
        else:
            instance.close()
        is_multipart = sent[-1].lower().startswith("multipart/")
        if is_multipart != accept.startswith("multipart/"):
            what = "multipart" if is_multipart else "a single part"
            return Finding("retrieve", f"instance, {name}", "differs", f"comes as {what}")
        return Finding("retrieve", f"instance, {name}", "yes", f"transfer syntax {syntax}")

    def _frames(self, path: str) -> Finding:
        try:
            answer = self._server.session.get(self._server.session.url(path), _FRAMES)
            parts = frames_in(answer, 1)
        except RendicomError as error:
            return Finding("retrieve", "frames", "no", error.message)
        detail = f"transfer syntax {parts[0].transfer_syntax}" if parts[0].transfer_syntax else ""
        return Finding("retrieve", "frames", "yes", detail)

    # Rendered

    def rendered(self) -> Iterator[Finding]:
        if self._ours is None:
            yield Finding("rendered", "pictures", "not tried", "the instance cannot be retrieved")
            return
        try:
            plain = {each: self._local(RenderOptions(), each) for each in _TYPES[:2]}
        except RendicomError as error:
            yield Finding("rendered", "pictures", "not tried", f"no picture of it: {error.message}")
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
        assert self._ours is not None  # noqa: S101
        return self._ours.render(1, options, media_type)

    def _remote(self, path: str, query: str, media_type: str) -> RenderedImage:
        """Return the picture that the server makes.

        Raises
        ------
        RendicomError
            It makes none, or one of another type.
        """
        session = self._server.session
        data = single_part(session.get(session.url(path, query), media_type))
        seen = look_at(data)
        if seen.media_type != media_type:
            what = seen.media_type or "something else"
            raise WireError(f"{what} comes where {media_type} was asked for")
        return RenderedImage(data, media_type, seen.width, seen.height, 1, "", ())

    def _picture(
        self, media_type: str, ours: RenderedImage | None
    ) -> tuple[Finding, RenderedImage | None]:
        try:
            found = self._remote(f"{self._resource.path}/rendered", "", media_type)
        except RendicomError as error:
            return Finding("rendered", media_type, "no", error.message), None
        size = f"{found.width} x {found.height}" if found.width else ""
        if ours is None:
            return Finding("rendered", media_type, "yes", size), found
        if not self._agree(ours, found):
            return Finding("rendered", media_type, "yes", f"{size}, and unlike ours"), found
        return Finding("rendered", media_type, "yes", f"{size}, as ours"), found

    def _agree(self, ours: RenderedImage, theirs: RenderedImage) -> bool:
        try:
            return agree(ours, theirs)
        except WireError:
            return False

    def _frame_picture(self, media_type: str) -> Finding:
        try:
            self._remote(f"{self._resource.path}/frames/1/rendered", "", media_type)
        except RendicomError as error:
            return Finding("rendered", "frames", "no", error.message)
        return Finding("rendered", "frames", "yes", media_type)

    # Parameters

    def _parameters(self, media_type: str, plain: RenderedImage) -> Iterator[Finding]:
        for name, options in self._asked_options():
            yield self._applied(name, options, media_type, plain)
        yield self._burnt_in(media_type, plain)
        if self._is_gray():
            yield Finding("parameters", "iccprofile", "not tried", "the instance is gray")
        else:
            yield self._profile(media_type)

    def _is_gray(self) -> bool:
        assert self._ours is not None  # noqa: S101
        return self._ours.description.photometric_interpretation.startswith("MONOCHROME")

    def _asked_options(self) -> Iterator[tuple[str, RenderOptions]]:
        assert self._ours is not None  # noqa: S101
        description = self._ours.description
        if self._is_gray():
            frame = self._ours.frame(1)
            low, high = self._ours.value_range(Voi("minmax"), RenderOptions(), frame, 1)
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
    ) -> Finding:
        """Hold the server's picture against ours, and against its own without the parameter."""
        question = question_for(options)
        assert question is not None  # noqa: S101
        try:
            ours = self._local(options, media_type)
            theirs = self._remote(f"{self._resource.path}/rendered", question.query, media_type)
        except RendicomError as error:
            return Finding("parameters", name, "no", error.message)
        if self._agree(ours, theirs):
            if (ours.width, ours.height) == (plain.width, plain.height) and self._same(ours, plain):
                return Finding("parameters", name, "yes", "as far as this instance can tell")
            return Finding("parameters", name, "yes", "as ours")
        if theirs.data == plain.data or self._agree(plain, theirs):
            return Finding("parameters", name, "ignored")
        if (theirs.width, theirs.height) != (ours.width, ours.height):
            sizes = f"{theirs.width} x {theirs.height} instead of {ours.width} x {ours.height}"
            return Finding("parameters", name, "differs", sizes)
        return Finding("parameters", name, "differs", "another picture than the standard asks for")

    def _same(self, one: RenderedImage, other: RenderedImage) -> bool:
        try:
            return is_the_same(one, other)
        except WireError:
            return False

    def _burnt_in(self, media_type: str, plain: RenderedImage) -> Finding:
        return self._changed("annotation", "annotation=technique", media_type, plain)

    def _changed(self, name: str, query: str, media_type: str, plain: RenderedImage) -> Finding:
        try:
            theirs = self._remote(f"{self._resource.path}/rendered", query, media_type)
        except RendicomError as error:
            return Finding("parameters", name, "no", error.message)
        is_same = theirs.data == plain.data or self._agree(plain, theirs)
        return Finding("parameters", name, "ignored" if is_same else "yes")

    def _profile(self, media_type: str) -> Finding:
        try:
            theirs = self._remote(f"{self._resource.path}/rendered", "iccprofile=srgb", media_type)
        except RendicomError as error:
            return Finding("parameters", "iccprofile", "no", error.message)
        has_one = b"ICC_PROFILE\0" in theirs.data or b"iCCP" in theirs.data[:4096]
        return Finding("parameters", "iccprofile", "yes" if has_one else "ignored")

    def _quality(self) -> Finding:
        sizes = []
        for quality in (10, 95):
            query = query_text((("quality", str(quality)),))
            try:
                found = self._remote(f"{self._resource.path}/rendered", query, "image/jpeg")
            except RendicomError as error:
                return Finding("parameters", "quality", "no", error.message)
            sizes.append(len(found.data))
        detail = f"10 gives {sizes[0]} bytes, 95 {sizes[1]}"
        return Finding("parameters", "quality", "yes" if sizes[0] < sizes[1] else "ignored", detail)

    # Thumbnails

    def thumbnails(self) -> Iterator[Finding]:
        whole = self._resource
        levels = {"instance": whole, "series": Resource(whole.study, whole.series),
                  "study": Resource(whole.study)}  # fmt: skip
        for name, resource in levels.items():
            yield self._thumbnail(name, resource)

    def _thumbnail(self, name: str, resource: Resource) -> Finding:
        session = self._server.session
        try:
            answer = session.get(session.url(f"{resource.path}/thumbnail"), "image/jpeg")
            parts = parts_of(answer)
            seen = look_at(parts[0].read()) if len(parts) == 1 else None
        except RendicomError as error:
            return Finding("thumbnails", name, "no", error.message)
        if seen is None or not seen.media_type.startswith("image/"):
            return Finding("thumbnails", name, "differs", "it is no single picture")
        detail = f"{seen.media_type}, {seen.width} x {seen.height}"
        return Finding("thumbnails", name, "yes", detail)
