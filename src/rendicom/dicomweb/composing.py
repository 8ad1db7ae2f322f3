"""Composes DICOM files from metadata and bulk data parts (PS3.18 10.5.1 and 10.5.2)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from rendicom.dicom.pydicom_calls import pydicom_raises
from rendicom.dicom.transfer_syntaxes import EXPLICIT_LITTLE_ENDIAN
from rendicom.dicomweb.accepts import DICOM_XML
from rendicom.dicomweb.bulkvalues import Bulk, Coded, StatedMatrix
from rendicom.dicomweb.compressedbulk import coded
from rendicom.dicomweb.jsonreader import read_model
from rendicom.dicomweb.part10 import IMPLEMENTATION_CLASS
from rendicom.dicomweb.resources import check_uid
from rendicom.dicomweb.xmlmodel import model_from_xml
from rendicom.errors import BadRequestError, RendicomError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset

    from rendicom.dicomweb.jsonmodel import JsonModel


_PIXELS, _PIXEL_DATA = "7FE00010", "PixelData"
_NOT_OF_STREAMS = ("7FE00001", "7FE00002", "7FE00003")
_FRAME = re.compile(r"/(?:frames/)?([1-9][0-9]{0,9})", re.ASCII)
_OF_INSTANCE = re.compile(r"/(?:bulkdata/7[Ff][Ee]00010|pixeldata|frames)/?\Z", re.ASCII)
_SYSTEM = "RENDICOM"


class Composed(NamedTuple):
    """A DICOM file."""

    data: bytes
    corrected: tuple[str, ...] = ()
    """Keywords of attributes that contradicted the pixel data and were corrected."""
    moment: slice = slice(0, 0)
    """Position of the time of the correction in the file: the only bytes that differ when the same
    parts are sent again."""
    path: str = ""
    """Temporary file with the bytes; ``data`` is empty then."""


class Made(NamedTuple):
    """Outcome for one instance: its file, or the error that prevented it.

    ``sop_class`` and ``instance`` are empty where the metadata do not say them.
    """

    sop_class: str
    instance: str
    composed: Composed | None
    error: RendicomError | None = None


def compose_all(models: Iterable[tuple[str, bytes]], bulk: Sequence[Bulk]) -> Iterator[Made]:
    """Yield the outcome of each instance that a request describes; see `compose`.

    ``models`` are media types and bytes of the metadata parts: DICOM JSON, of one instance or an
    array of them, or XML.
    """
    for essence, data in models:
        try:
            listed = _models(essence, data)
        except RendicomError as error:
            yield Made("", "", None, error)
            continue
        for model in listed:
            uids = (_uid(model, "00080016"), _uid(model, "00080018"))
            try:
                yield Made(*uids, compose(model, bulk))
            except RendicomError as error:
                yield Made(*uids, None, error)


def _models(essence: str, data: bytes) -> list[Any]:
    if essence == DICOM_XML:
        return [model_from_xml(data)]
    try:
        models = json.loads(data)
    except (ValueError, RecursionError):
        raise BadRequestError("the metadata are not JSON") from None
    return models if isinstance(models, list) else [models]


def _uid(model: Any, tag: str) -> str:
    """Return a UID of a model that is not validated yet."""
    try:
        (uid,) = model[tag]["Value"]
        return check_uid(uid, what=tag)
    except (BadRequestError, KeyError, TypeError, ValueError):
        return ""


def compose(model: JsonModel, bulk: Sequence[Bulk]) -> Composed:
    """Return the file of an instance, explicit VR little endian.

    Compressed pixel data keep their coding if there is a transfer syntax for it, otherwise they are
    decoded; the Image Pixel module is set to describe the stream. Frames are parts whose
    Content-Location is that of the pixel data, in their order, or names them: ``…/frames/2``.

    Parameters
    ----------
    model
        In the DICOM JSON model.
    bulk
        All bulk data of the request.

    Raises
    ------
    BadRequestError
        The model is invalid, names missing bulk data, or does not fit its pixel data.
    CorruptDataError, UnsupportedTransferSyntaxError, UnsupportedImageError, LimitExceededError
        The compressed pixel data are damaged, or DICOM does not support them.
    """
    if not isinstance(model, dict):
        raise BadRequestError("a data set is not a JSON object")
    element = model.get(_PIXELS)
    uri = element.get("BulkDataURI") if isinstance(element, dict) else None
    if isinstance(uri, str):
        model = {name: value for name, value in model.items() if name != _PIXELS}
    dataset = read_model(model, bulk=_finder(bulk))
    parts: list[Bulk] = []
    if isinstance(uri, str):
        parts = list(_pixel_parts(bulk, uri))
        if not parts:
            raise _missing()
    elif inline := dataset.get(_PIXEL_DATA):
        if not isinstance(inline, bytes):
            raise BadRequestError("the pixel data are not binary")
        parts = [Bulk("", "", inline)]
    return _written(dataset, coded(parts, _said(dataset)) if parts else None)


def _missing() -> BadRequestError:
    return BadRequestError("bulk data that the metadata name is not in the body")


def _finder(bulk: Sequence[Bulk]) -> Any:
    """Return a function that finds bulk data by the URI in the metadata."""

    def find(uri: str) -> bytes:
        found = [part.data for part in bulk if part.location == uri]
        if not found:
            raise _missing()
        if len(found) > 1:
            raise BadRequestError("two parts of the body have the same Content-Location")
        return found[0]

    return find


def _pixel_parts(bulk: Sequence[Bulk], uri: str) -> Iterator[Bulk]:
    """Yield the parts of the pixel data in the order of their frames."""
    same = [part for part in bulk if part.location == uri]
    if same:
        yield from same
        return
    bases = {uri.rstrip("/"), _OF_INSTANCE.sub("", uri)}
    numbered: dict[int, list[Bulk]] = {}
    for part in bulk:
        for base in bases:
            found = _FRAME.fullmatch(part.location[len(base) :])
            if part.location.startswith(base) and found is not None:
                numbered.setdefault(int(found[1]), []).append(part)
                break
    if sorted(numbered) != list(range(1, len(numbered) + 1)):
        raise BadRequestError("a frame is missing between those that are in the body")
    for number in sorted(numbered):
        yield from numbered[number]


def _said(dataset: Dataset) -> StatedMatrix:
    return StatedMatrix(
        rows=_whole(dataset, "Rows"), columns=_whole(dataset, "Columns"),
        samples=_whole(dataset, "SamplesPerPixel"),
        photometric=str(dataset.get("PhotometricInterpretation") or "").strip().upper(),
        planar=_whole(dataset, "PlanarConfiguration"),
        allocated=_whole(dataset, "BitsAllocated"), stored=_whole(dataset, "BitsStored"),
        signed=_whole(dataset, "PixelRepresentation") == 1,
        frames=_whole(dataset, "NumberOfFrames"),
        syntax=str(getattr(dataset, "file_meta", {}).get("TransferSyntaxUID") or ""),
    )  # fmt: skip


def _whole(dataset: Dataset, keyword: str) -> int:
    try:
        return max(0, int(dataset.get(keyword) or 0))
    except (TypeError, ValueError):
        raise BadRequestError(f"the value of {keyword} is not a whole number") from None


def _written(dataset: Dataset, pixels: Coded | None) -> Composed:
    from pydicom import dcmwrite

    corrected: tuple[str, ...] = ()
    moment = ""
    if pixels is not None:
        corrected = _put_pixels(dataset, pixels)
        if corrected:
            original = dataset.OriginalAttributesSequence[-1]
            moment = str(original.AttributeModificationDateTime)
    syntax = EXPLICIT_LITTLE_ENDIAN if pixels is None else pixels.syntax
    # Available Transfer Syntax UID: servers add it to metadata, but no IOD has it.
    dataset.pop(0x00083002, None)
    dataset.preamble = bytes(128)
    target = BytesIO()
    try:
        dataset.file_meta = _file_meta(dataset, syntax)
        # With force, as pydicom does not know all transfer syntaxes.
        dcmwrite(target, dataset, implicit_vr=False, little_endian=True, force_encoding=True)
    except pydicom_raises() as error:
        raise BadRequestError("the metadata cannot be encoded as an instance") from error
    data = target.getvalue()
    at = data.find(moment.encode()) if moment else 0
    return Composed(data, corrected, slice(at, at + len(moment)))


def _file_meta(dataset: Dataset, transfer_syntax: str) -> FileMetaDataset:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength = 0
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID")
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID")
    if not (meta.MediaStorageSOPClassUID and meta.MediaStorageSOPInstanceUID):
        raise BadRequestError("the metadata have no SOP Class UID or no SOP Instance UID")
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS)
    return meta


def _put_pixels(dataset: Dataset, pixels: Coded) -> tuple[str, ...]:
    """Put pixel data and the attributes that describe them into a data set; return warnings."""
    from pydicom import DataElement
    from pydicom.encaps import encapsulate
    from pydicom.tag import Tag

    before: dict[str, Any] = {}
    attributes = dict(pixels.attributes)
    if len(pixels.frames) > 1 and attributes:
        attributes["NumberOfFrames"] = len(pixels.frames)
    frame_time = attributes.pop("FrameTime", "")
    if frame_time and not dataset.get("FrameIncrementPointer"):
        # Unless the metadata have one (PS3.3 C.7.6.5).
        dataset.FrameTime = frame_time
        dataset.FrameIncrementPointer = 0x00181063
    for keyword, value in attributes.items():
        old = dataset.get(keyword)
        if old not in (None, "", value) and str(old) != str(value):
            before[keyword] = old
        setattr(dataset, keyword, value)
    if attributes.get("SamplesPerPixel") == 1 and "PlanarConfiguration" in dataset:
        del dataset.PlanarConfiguration
    before |= _put_loss(dataset, pixels)
    tag = Tag(_PIXELS)
    for name in _NOT_OF_STREAMS:
        dataset.pop(Tag(name), None)
    if pixels.is_native:
        data = b"".join(pixels.frames)
        vr = "OW" if _whole(dataset, "BitsAllocated") > 8 else "OB"
        dataset[tag] = DataElement(tag, vr, data + b"\0" * (len(data) % 2))
    else:
        data = encapsulate(list(pixels.frames), has_bot=len(pixels.frames) > 1)
        dataset[tag] = DataElement(tag, "OB", data, is_undefined_length=True)
    if before:
        _keep_original(dataset, before)
    return tuple(before)


def _put_loss(dataset: Dataset, pixels: Coded) -> dict[str, Any]:
    """Set Lossy Image Compression; return attributes that contradicted it (C.7.6.1.1.5)."""
    if not pixels.method:
        return {}
    said = dataset.get("LossyImageCompression")
    if said == "01":
        return {}
    size = max(1, sum(map(len, pixels.frames)))
    dataset.LossyImageCompression = "01"
    if not pixels.is_native:
        dataset.LossyImageCompressionRatio = f"{max(1.0, pixels.uncompressed / size):.6g}"
    dataset.LossyImageCompressionMethod = pixels.method
    return {"LossyImageCompression": said} if said else {}


def _keep_original(dataset: Dataset, before: dict[str, Any]) -> None:
    """Keep the original values of corrected attributes (PS3.18 10.5.2, PS3.3 C.12.1.1.9)."""
    from pydicom import Dataset, Sequence

    item, old = Dataset(), Dataset()
    for keyword, value in before.items():
        setattr(old, keyword, value)
    item.ModifiedAttributesSequence = Sequence([old])
    item.AttributeModificationDateTime = datetime.now(UTC).strftime("%Y%m%d%H%M%S.%f+0000")
    item.ModifyingSystem = _SYSTEM
    item.SourceOfPreviousValues = ""
    item.ReasonForTheAttributeModification = "CORRECT"
    known = list(dataset.get("OriginalAttributesSequence") or ())
    dataset.OriginalAttributesSequence = Sequence([*known, item])
