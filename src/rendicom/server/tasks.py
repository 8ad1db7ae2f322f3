"""Tasks of the worker processes. Arguments are texts and numbers, results are bytes.

A worker keeps the files it used last open: the second frame of a large file costs that frame.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from rendicom import storage
from rendicom.dicom.pydicom_calls import pydicom_data
from rendicom.dicomweb import retrieval
from rendicom.dicomweb.resources import parse_resource
from rendicom.dicomweb.rewriting import StoredInstance
from rendicom.engine import (
    Instance,
    InstanceLocation,
    PictureRequest,
    open_instance,
    open_presentation,
)
from rendicom.errors import NotAcceptableError, UnwritableOutputError
from rendicom.options import RenderOptions

if TYPE_CHECKING:
    from rendicom.dicomweb.composing import Made
    from rendicom.dicomweb.jsonmodel import JsonModel
    from rendicom.dicomweb.retrieval import FramePart
    from rendicom.dicomweb.rewriting import Retrieved
    from rendicom.engine.measuring import MeasuredFrame, Point
    from rendicom.engine.rendered_image import RenderedImage

IN_MEMORY = 4 << 20
"""Bytes of a store request that travel between processes; more go through temporary files."""
_KEPT_OPEN = 64
_UID_TAGS = (0x0020000D, 0x0020000E, 0x00080018)
_AVAILABLE_SYNTAX = "00083002"


class Picture(NamedTuple):
    """A rendered picture as a worker returns it.

    ``version`` is that of the bytes it was made from: the file may have changed since it was
    indexed.
    """

    data: bytes
    media_type: str
    warnings: tuple[str, ...] = ()
    version: str = ""
    key: Hashable = None
    """Key in the cache of the server."""
    voi: str = ""
    seconds: tuple[float, ...] = ()


class _Closable(Protocol):
    def close(self) -> None: ...


_T = TypeVar("_T", bound=_Closable)


class _OpenFiles(threading.local, Generic[_T]):
    """The files a thread used last, each opened once as long as its bytes stay the same."""

    def __init__(self, open_file: Callable[[str], _T]) -> None:
        super().__init__()
        self._open_file = open_file
        self._open: OrderedDict[InstanceLocation, _T] = OrderedDict()

    def at(self, place: InstanceLocation) -> tuple[_T, str]:
        """Return the open file at a location, in its current version, and the version."""
        now = InstanceLocation(place.location, storage.version_of(place.location))
        found = self._open.get(now)
        if found is None:
            found = self._open[now] = self._open_file(now.location)
            if len(self._open) > _KEPT_OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(now)
        return found, now.version


class _Limits:
    """Limits and locations of this worker process; set once when it starts."""

    max_pixels = RenderOptions().max_pixels


_images = _OpenFiles(lambda place: open_instance(storage.open_bytes(place), threads=1))
_stored = _OpenFiles(
    lambda place: StoredInstance(storage.open_bytes(place), max_pixels=_Limits.max_pixels)
)


def warm_up(max_pixels: int = _Limits.max_pixels) -> None:
    """Import the modules of nearly every picture by making one; then apply the limit."""
    _Limits.max_pixels = max_pixels
    sample = pydicom_data("test_files", "CT_small.dcm")
    if sample.exists():
        for media_type in ("image/jpeg", "image/png"):
            place = InstanceLocation(str(sample))
            render_picture(PictureRequest(media_type=media_type, instance=place))


# --- rendered -------------------------------------------------------------------------------


def render_picture(request: PictureRequest, *, threads: int = 1) -> Picture:
    """Return the requested picture; see `rendicom.engine.Instance.picture`."""
    instance, version = open_image(request.instance, threads=threads)
    state = None
    if request.presentation is not None:
        state = open_presentation(storage.open_bytes(request.presentation.location))
    return travelling(instance.picture(request, presentation=state), version)


def open_image(place: InstanceLocation | None, *, threads: int = 1) -> tuple[Instance, str]:
    """Return the instance of a request, and the version of its bytes.

    Up to ``threads`` work on its next picture.
    """
    assert place is not None  # noqa: S101 - the server makes no other requests
    instance, version = _images.at(place)
    instance.threads = threads
    return instance, version


def travelling(picture: RenderedImage, version: str) -> Picture:
    """Return a picture and the version of its bytes, as the result of a worker."""
    return Picture(
        picture.data,
        picture.media_type,
        picture.warnings,
        version,
        voi=picture.voi,
        seconds=picture.seconds,
    )


def write_document(place: InstanceLocation, media_type: str, base: str, charset: str) -> Picture:
    """Return a report or encapsulated document, its references linked below ``base``."""
    from rendicom.documents import render_document

    version = storage.version_of(place.location)
    source = storage.open_bytes(place.location)
    try:
        document = render_document(
            source,
            media_type,
            link=lambda to: to.url(base),
            charset=charset,
            picture=lambda to: to.thumbnail_url(base),
        )
    finally:
        if not isinstance(source, str):
            source.close()
    return Picture(document.data, document.content_type, (), version)


def draw_icon(label: str, size: tuple[int, int], media_type: str) -> Picture:
    """Return the icon of an instance without a picture that may be shown."""
    from rendicom.engine.icon import render_icon

    return travelling(render_icon(label, size, media_type), "")


# --- measured -------------------------------------------------------------------------------


class _LastMeasured(threading.local):
    """The frame that a thread measured in last: the next point is mostly in the same one."""

    key: tuple[InstanceLocation, int] | None = None
    frame: MeasuredFrame | None = None


_last_measured = _LastMeasured()
_KEPT_VALUES = 64 << 20
"""Largest size in bytes of values that are kept."""


def measure(
    place: InstanceLocation, frame: int, shape: str, points: Sequence[Point]
) -> dict[str, Any]:
    """Return a measurement in a frame; see `rendicom.engine.measuring.MeasuredFrame`.

    A point has also its ``position``: x, y, z in the patient in millimeters, or None.
    """
    import numpy as np

    from rendicom.composition.planes import Planes
    from rendicom.engine.measuring import MeasuredFrame

    instance, version = open_image(place)
    key, last = (InstanceLocation(place.location, version), frame), _last_measured
    measured = last.frame if last.key == key else None
    if measured is None or measured.instance is not instance:
        measured = MeasuredFrame(instance, frame, _Limits.max_pixels)
    found = measured.measure(shape, points)
    values = measured.__dict__.get("values")
    if values is not None:
        is_kept = values.nbytes <= _KEPT_VALUES
        last.key, last.frame = (key, measured) if is_kept else (None, None)
    if shape != "point":
        return found
    plane = Planes(instance.header, instance.description).plane(frame)
    # Planes count from the center of the first pixel.
    at = np.asarray(points, np.float64) - 0.5
    return {**found, "position": None if plane is None else plane.to_patient(at)[0].tolist()}


# --- retrieved ------------------------------------------------------------------------------


def read_metadata(place: InstanceLocation, base: str) -> bytes:
    """Return the JSON object of an instance whose own address is ``base``."""
    return json.dumps(
        _metadata(place, base), ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode("utf-8", "replace")


def read_metadata_xml(place: InstanceLocation, base: str) -> bytes:
    """Return the XML document of an instance whose own address is ``base``."""
    from rendicom.dicomweb.xmlmodel import to_native_xml

    return to_native_xml(_metadata(place, base))


def _metadata(place: InstanceLocation, base: str) -> JsonModel:
    """Return the attributes, with the UIDs that the index has and the transfer syntax."""
    stored = _stored.at(place)[0]
    model = retrieval.metadata(stored, base)
    uids = {f"{tag:08X}": uid for tag, uid in zip(_UID_TAGS, parse_resource(base), strict=False)}
    syntax = stored.dataset.transfer_syntax
    said = {**uids, _AVAILABLE_SYNTAX: syntax} if syntax else uids
    model |= {name: {"vr": "UI", "Value": [uid]} for name, uid in said.items()}
    return dict(sorted(model.items()))


def read_video(place: InstanceLocation, media_type: str) -> Retrieved:
    """Return the stream of a video.

    Raises
    ------
    NotAcceptableError
        It is in another container than the media type names.
    """
    found = retrieval.bulk_data(_stored.at(place)[0], "7FE00010")
    if found.media_type != media_type:
        raise NotAcceptableError(
            "the video is stored as another type", available=(found.media_type,)
        )
    return found


def read_instance(
    place: InstanceLocation, uids: Sequence[str], transfer_syntax: str, spool: str
) -> Retrieved:
    """Return an instance as a file; see `rendicom.dicomweb.retrieval.instance_bytes`.

    ``uids`` are those of study, series and instance in the index, which a file may lack.
    """
    said = dict(zip(_UID_TAGS, uids, strict=True))
    stored = _stored.at(place)[0]
    return retrieval.instance_bytes(stored, transfer_syntax, uids=said, spool_folder=spool)


def read_frames(
    place: InstanceLocation, frames: Sequence[int], transfer_syntax: str
) -> list[FramePart]:
    """Return frames as bulk data; see `rendicom.dicomweb.retrieval.frame_bytes`."""
    return retrieval.frame_bytes(_stored.at(place)[0], frames, transfer_syntax)


def read_bulk_data(place: InstanceLocation, path: str, spool: str) -> Retrieved:
    """Return the value of one element; see `rendicom.dicomweb.retrieval.bulk_data`."""
    return retrieval.bulk_data(_stored.at(place)[0], path, spool_folder=spool)


# --- stored ---------------------------------------------------------------------------------


def compose_instances(
    models: Sequence[tuple[str, bytes | str]],
    bulk: Sequence[tuple[str, str, bytes | str]],
    spool: str,
) -> list[Made]:
    """Return the files of instances sent as metadata and bulk data.

    Bodies are bytes or paths. Files of more than `IN_MEMORY` bytes together are written to the
    folder ``spool``.
    """
    from rendicom.dicomweb.bulkvalues import Bulk
    from rendicom.dicomweb.composing import compose_all

    values = [Bulk(location, kind, _read(body)) for location, kind, body in bulk]
    outcomes: list[Made] = []
    held = 0
    for made in compose_all(((kind, _read(body)) for kind, body in models), values):
        held += len(made.composed.data) if made.composed else 0
        outcomes.append(_spooled(made, spool) if held > IN_MEMORY else made)
    return outcomes


def _read(body: bytes | str) -> bytes:
    return body if isinstance(body, bytes) else Path(body).read_bytes()


def _spooled(made: Made, spool: str) -> Made:
    """Return the outcome with its file on disk."""
    if made.composed is None:
        return made
    try:
        with NamedTemporaryFile(dir=spool, delete=False) as file:
            file.write(made.composed.data)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        unkept = UnwritableOutputError(f"a composed instance cannot be kept: {reason}")
        return made._replace(composed=None, error=unkept)
    return made._replace(composed=made.composed._replace(data=b"", path=file.name))
