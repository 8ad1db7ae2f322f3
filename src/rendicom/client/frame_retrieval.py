"""Multi-frame instances opened from their metadata and single frames."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rendicom.client.found_instance import without_length
from rendicom.client.response_models import text
from rendicom.dicom.header import header_of_dataset
from rendicom.dicom.transfer_syntaxes import EXPLICIT_LITTLE_ENDIAN, is_encapsulated
from rendicom.engine import Instance
from rendicom.errors import RendicomError, WireError
from rendicom.pixels.stored_frames import FrameBytes

if TYPE_CHECKING:
    from rendicom.client.response_models import Model
    from rendicom.client.retrieving import RetrievedFrame
    from rendicom.client.server import Server
    from rendicom.dicom.header import Header
    from rendicom.dicomweb.resources import Resource
    from rendicom.values import PixelDescription

_AT_ONCE = 16
"""Frames in one request."""
_EXACT = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB")
_PIXELS = "7FE00010"


def open_framewise(server: Server, resource: Resource, frames: Sequence[int]) -> Instance:
    """Return an instance whose frames are fetched on demand, ``frames`` first.

    Raises
    ------
    WireError
        The server lacks a required resource, or its metadata are incomplete: the whole instance
        must be retrieved.
    UnreadableSourceError, TooLargeError
    """
    whole = resource._replace(frames=())
    models = server.metadata(whole)
    if len(models) != 1 or text(models[0], "00080018") not in ("", whole.instance):
        raise WireError(f"{server.host} has no metadata of the instance")
    _refuse_holes(models[0], server.host)
    first = _fetched(server, whole, frames[:_AT_ONCE])
    syntax = next(iter(first.values())).transfer_syntax
    header = _header(models[0], syntax)
    instance = Instance(header, frames=None)
    reader = _FetchedFrames(server, whole, instance.description, header, first, frames[_AT_ONCE:])
    return Instance(header, frames=reader)


def _refuse_holes(model: Model, host: str) -> None:
    """Refuse metadata with references in place of attributes that a picture may need."""
    for tag, attribute in model.items():
        is_pixels = tag.upper().startswith("7FE0")
        is_private = tag[3:4] in "13579BDFbdf"
        if not is_pixels and not is_private and _has_bulk(attribute):
            raise WireError(f"{host} keeps attributes apart from the metadata")


def _has_bulk(attribute: object) -> bool:
    pending = [attribute]
    while pending:
        each = pending.pop()
        if isinstance(each, dict):
            if "BulkDataURI" in each:
                return True
            pending.extend(each.values())
        elif isinstance(each, list):
            pending.extend(each)
    return False


def _fetched(server: Server, whole: Resource, frames: Sequence[int]) -> dict[int, RetrievedFrame]:
    # The path names them in ascending order (PS3.18 10.1.2).
    ascending = tuple(sorted(frames))
    parts = server.frames(whole._replace(frames=ascending))
    return dict(zip(ascending, parts, strict=True))


def _header(model: Model, transfer_syntax: str) -> Header:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    from rendicom.dicomweb.jsonreader import read_model

    if not transfer_syntax:
        raise WireError("the frames come without their transfer syntax")
    attributes = {tag: each for tag, each in model.items() if not tag.upper().startswith("7FE0")}
    attributes = {tag: each for tag, each in attributes.items() if not _has_bulk(each)}
    try:
        dataset = read_model({**attributes, _PIXELS: {"vr": "OW", "InlineBinary": ""}})
    except RendicomError as error:
        raise WireError(f"the metadata are invalid: {error.message}") from None
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax)
    return without_length(header_of_dataset(dataset))


class _FetchedFrames:
    """Reads stored frames, fetching them when they are first needed."""

    def __init__(
        self,
        server: Server,
        whole: Resource,
        description: PixelDescription,
        header: Header,
        first: dict[int, RetrievedFrame],
        more: Sequence[int],
    ) -> None:
        self._server, self._whole = server, whole
        self._description = description
        self._syntax = header.transfer_syntax
        self._known = dict(first)
        self._more = list(more)
        self._lock = threading.Lock()
        self._lossy = header.attributes.text(0x00282110) == "01"
        for part in first.values():
            self._bytes(part)

    def frame(self, number: int) -> FrameBytes:
        """Return the bytes of frame ``number``, counted from 1."""
        with self._lock:
            if number not in self._known:
                self._fetch(number)
            # Each frame is fetched once, except those used for statistics.
            return self._bytes(self._known[number])

    def _fetch(self, number: int) -> None:
        following = [each for each in self._more if each != number][: _AT_ONCE - 1]
        wanted = [number, *following] if number in self._more else [number]
        self._more = [each for each in self._more if each not in wanted]
        self._known = _fetched(self._server, self._whole, wanted)

    def _bytes(self, part: RetrievedFrame) -> FrameBytes:
        """Return the bytes if they are as stored, not decoded or converted.

        Raises
        ------
        WireError
        """
        description = self._description
        if part.transfer_syntax != self._syntax:
            raise WireError("the frames come in different transfer syntaxes")
        if is_encapsulated(part.transfer_syntax):
            return FrameBytes(part.data, encapsulated=True)
        is_exact = description.photometric_interpretation in _EXACT and not self._lossy
        if part.transfer_syntax != EXPLICIT_LITTLE_ENDIAN or not is_exact:
            raise WireError("the frames come decoded, and not as they are stored")
        if len(part.data) * 8 < description.frame_bits:
            raise WireError("a frame is shorter than the metadata say")
        return FrameBytes(part.data, encapsulated=False)
