"""What worker processes do for the server. Texts and numbers come in, bytes go out.

Options come in their canonical form, which takes a fraction of the time to send.

A worker keeps what it used last open: the second frame of a large file costs that frame.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar
from urllib.parse import parse_qsl

from rendicom import storage
from rendicom.dicomweb import objects
from rendicom.dicomweb.resources import parse_resource
from rendicom.engine import Instance, open_instance, open_presentation
from rendicom.errors import NotAcceptableError
from rendicom.options import RenderOptions

if TYPE_CHECKING:
    from rendicom.dicomweb.jsonmodel import JsonModel
    from rendicom.dicomweb.objects import FramePart, Retrieved, StoredInstance
    from rendicom.values import RenderedImage

__all__ = [
    "Picture",
    "Place",
    "draw_icon",
    "list_references",
    "read_bulk_data",
    "read_frames",
    "read_instance",
    "read_metadata",
    "read_metadata_xml",
    "read_video",
    "render_animation",
    "render_frame",
    "warm_up",
    "write_document",
]

_KEPT_OPEN = 64
_UID_TAGS = ("0020000D", "0020000E", "00080018")


class Place(NamedTuple):
    """Where an instance is, and what its bytes were when it was indexed."""

    location: str
    version: str


class Picture(NamedTuple):
    """What was rendered, as it travels from a worker.

    ``version`` is that of the bytes it was made from: the file may have changed since it was
    indexed.
    """

    data: bytes
    media_type: str
    warnings: tuple[str, ...] = ()
    version: str = ""
    key: Hashable = None
    """What the server finds it by, if it keeps it."""
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
        self._open: OrderedDict[Place, _T] = OrderedDict()

    def at(self, place: Place) -> tuple[_T, str]:
        """Return what is at the place now, and its version."""
        now = Place(place.location, storage.version_of(place.location))
        found = self._open.get(now)
        if found is None:
            found = self._open[now] = self._open_file(now.location)
            if len(self._open) > _KEPT_OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(now)
        return found, now.version


def _open_image(location: str) -> Instance:
    return open_instance(storage.open_bytes(location))


def _open_stored(location: str) -> StoredInstance:
    return objects.open_stored(storage.open_bytes(location))


_images = _OpenFiles(_open_image)
_stored = _OpenFiles(_open_stored)


def warm_up() -> None:
    """Import what nearly every picture needs, by making one."""
    from importlib.util import find_spec
    from pathlib import Path

    package = find_spec("pydicom")
    if package is None or package.origin is None:
        return
    sample = Path(package.origin).parent / "data" / "test_files" / "CT_small.dcm"
    if sample.exists():
        for media_type in ("image/jpeg", "image/png"):
            place = Place(str(sample), "")
            render_frame(place, 1, RenderOptions().canonical(), media_type)


# --- rendered -------------------------------------------------------------------------------


def render_frame(
    place: Place,
    frame: int,
    options: str,
    media_type: str,
    presentation: Place | None = None,
) -> Picture:
    """Return one frame as a picture; see `rendicom.engine.Instance.render`."""
    instance, version = _images.at(place)
    state = None
    if presentation is not None:
        state = open_presentation(storage.open_bytes(presentation.location))
    picture = instance.render(frame, _options(options), media_type, presentation=state)
    return _travelling(picture, version)


def render_animation(
    place: Place, frames: Sequence[int] | None, options: str, media_type: str
) -> Picture:
    """Return frames as one loop; see `rendicom.engine.Instance.render_animation`."""
    instance, version = _images.at(place)
    return _travelling(instance.render_animation(frames, _options(options), media_type), version)


@lru_cache(maxsize=256)
def _options(canonical: str) -> RenderOptions:
    return RenderOptions.parse(dict(parse_qsl(canonical)))


def _travelling(picture: RenderedImage, version: str) -> Picture:
    return Picture(
        picture.data,
        picture.media_type,
        picture.warnings,
        version,
        voi=picture.voi,
        seconds=picture.seconds,
    )


def write_document(place: Place, media_type: str, base: str, charset: str) -> Picture:
    """Return a report or encapsulated document, its references linked below ``base``."""
    from rendicom.documents import render_document

    version = storage.version_of(place.location)
    source = storage.open_bytes(place.location)
    try:
        document = render_document(
            source, media_type, link=lambda to: to.url(base), charset=charset
        )
    finally:
        if not isinstance(source, str):
            source.close()
    return Picture(document.data, document.content_type, (), version)


def draw_icon(label: str, size: tuple[int, int], media_type: str) -> Picture:
    """Return what stands for an instance that has no picture, or none that may be shown."""
    from rendicom.engine import render_icon

    return _travelling(render_icon(label, size, media_type), "")


def list_references(place: Place) -> tuple[tuple[str, str, str, tuple[int, ...]], ...]:
    """Return study, series, instance and frames of the images a presentation state is for."""
    state = open_presentation(storage.open_bytes(place.location))
    return tuple((each.study, each.series, each.instance, each.frames) for each in state.references)


# --- retrieved ------------------------------------------------------------------------------


def read_metadata(place: Place, base: str) -> bytes:
    """Return the JSON object of an instance whose own address is ``base``."""
    return json.dumps(
        _metadata(place, base), ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode("utf-8", "replace")


def read_metadata_xml(place: Place, base: str) -> bytes:
    """Return the XML document of an instance whose own address is ``base``."""
    from rendicom.dicomweb.xmlmodel import to_native_xml

    return to_native_xml(_metadata(place, base))


def _metadata(place: Place, base: str) -> JsonModel:
    """Return the attributes, with the UIDs that the index made up for a file without them."""
    model = objects.metadata(_stored.at(place)[0], base)
    resource = parse_resource(base)
    missing = {
        tag: {"vr": "UI", "Value": [uid]}
        for tag, uid in zip(_UID_TAGS, resource[:3], strict=True)
        if not model.get(tag, {}).get("Value")
    }
    return dict(sorted({**model, **missing}.items())) if missing else model


def read_video(place: Place, media_type: str) -> Retrieved:
    """Return the stream of a video.

    Raises
    ------
    NotAcceptableError
        It is in another container than the media type names.
    """
    found = objects.bulk_data(_stored.at(place)[0], "7FE00010")
    if found.media_type != media_type:
        raise NotAcceptableError(
            "the video is stored as another type", available=(found.media_type,)
        )
    return found


def read_instance(place: Place, transfer_syntax: str, spool: str) -> Retrieved:
    """Return an instance as a file; see `rendicom.dicomweb.objects.instance_bytes`."""
    return objects.instance_bytes(_stored.at(place)[0], transfer_syntax, spool_folder=spool)


def read_frames(place: Place, frames: Sequence[int], transfer_syntax: str) -> list[FramePart]:
    """Return frames as bulk data; see `rendicom.dicomweb.objects.frame_bytes`."""
    return objects.frame_bytes(_stored.at(place)[0], frames, transfer_syntax)


def read_bulk_data(place: Place, path: str, spool: str) -> Retrieved:
    """Return the value of one element; see `rendicom.dicomweb.objects.bulk_data`."""
    return objects.bulk_data(_stored.at(place)[0], path, spool_folder=spool)
