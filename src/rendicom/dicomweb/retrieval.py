"""Reads instances, frames, bulk data and metadata from stored files; runs in worker processes.

Large files are not read as a whole: unchanged parts are returned as stretches of the stored file,
which the sender reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rendicom.dicom.byte_source import open_source
from rendicom.dicom.picture_tags import PIXEL_KEYWORDS
from rendicom.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT,
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    GE_PRIVATE,
    IMPLICIT_LITTLE_ENDIAN,
    is_jpip,
    is_video,
)
from rendicom.dicomweb.accepts import DICOM, OCTET_STREAM
from rendicom.dicomweb.jsonmodel import BULK_THRESHOLD, JsonModel, model_of
from rendicom.dicomweb.part10 import Piece, Stretch, written
from rendicom.dicomweb.pixeldata import LOSSY, PixelFrames, frame_media_type, retrieval_layout
from rendicom.dicomweb.rewriting import Retrieved, Rewriting, StoredInstance, opened
from rendicom.errors import (
    CorruptDataError,
    NoSuchResourceError,
    NotAcceptableError,
    typed_memory_error,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rendicom.dicom.byte_source import ByteSource, Readable
    from rendicom.dicom.elements import DataElement


AS_STORED = "*"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
_CHUNK = 1 << 20
_MAX_BYTES = 4 << 30
_NEVER_SENT = frozenset(
    (IMPLICIT_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN, DEFLATED_EXPLICIT, GE_PRIVATE, "")
)
"""Stored transfer syntaxes that are sent as explicit VR little endian (PS3.18 8.7.3.5.2)."""


class FramePart(NamedTuple):
    """One frame, ready for a part of the response."""

    data: bytes
    media_type: str
    transfer_syntax: str
    warnings: tuple[str, ...] = ()


@typed_memory_error
def metadata(
    source: Readable | StoredInstance, base_url: str, *, bulk_threshold: int = BULK_THRESHOLD
) -> JsonModel:
    """Return the DICOM JSON model of an instance, pixel data as BulkDataURI.

    ``base_url`` is the URL of the instance, without a trailing slash: bulk data have URLs
    ``/bulkdata/...`` below it. They are binary values longer than ``bulk_threshold`` bytes.

    Raises
    ------
    NotDicomError, CorruptDataError, LimitExceededError, UnreadableSourceError
    """
    with opened(source) as stored:
        return model_of(
            stored.dataset,
            bulk_uri=lambda place: f"{base_url}/bulkdata/{place}",
            bulk_threshold=bulk_threshold,
        )


@typed_memory_error
def frame_bytes(
    source: Readable | StoredInstance, frames: Sequence[int], transfer_syntax: str = ""
) -> list[FramePart]:
    """Return frames, counted from 1, in the requested order.

    With an empty ``transfer_syntax`` or Explicit VR Little Endian they are uncompressed, in the
    layout of the metadata. With ``*`` they are bare codestreams as stored, and also with the UID of
    the stored transfer syntax. With ``*``, streams are decompressed if they do not fit the transfer
    syntax, if that has no media type, or if they are unsigned although the header says signed.
    Uncompressed frames with subsampled chroma or partial range are sent with ``*`` as RGB in
    reversible JPEG 2000, since viewers in browsers take such YBR for RGB.

    Raises
    ------
    NotAcceptableError
        The frames have another transfer syntax; ``available`` lists media types.
    NoPixelDataError, NoSuchFrameError, CorruptDataError, UnsupportedTransferSyntaxError,
    UnsupportedImageError, LimitExceededError
    """
    with opened(source) as stored:
        pixels = stored.pixels
        uid = pixels.description.transfer_syntax
        has_streams = (
            pixels.is_encapsulated and not is_video(uid) and uid != ENCAPSULATED_UNCOMPRESSED
        )
        if transfer_syntax == AS_STORED and not has_streams and pixels.is_taken_for_rgb:
            return [_coded_part(pixels, number) for number in frames]
        if transfer_syntax in ("", EXPLICIT_LITTLE_ENDIAN) or (
            transfer_syntax == AS_STORED and not has_streams
        ):
            return [_uncompressed_part(pixels, number) for number in frames]
        if not has_streams or transfer_syntax not in (AS_STORED, uid):
            raise _not_stored_so(uid if has_streams else EXPLICIT_LITTLE_ENDIAN)
        is_named = transfer_syntax != AS_STORED
        parts = []
        for number in frames:
            stream = pixels.stored(number, is_named=is_named)
            if stream is not None:
                parts.append(FramePart(stream, frame_media_type(uid), uid))
            elif is_named:
                raise _not_stored_so(EXPLICIT_LITTLE_ENDIAN)
            else:
                parts.append(_uncompressed_part(pixels, number))
        return parts


def _coded_part(pixels: PixelFrames, number: int) -> FramePart:
    stream, warnings = pixels.coded_rgb(number)
    model = pixels.description.photometric_interpretation
    notes = (*warnings, f"{model} is sent as RGB in JPEG 2000, without loss")
    return FramePart(stream, frame_media_type(JPEG_2000_LOSSLESS), JPEG_2000_LOSSLESS, notes)


def _uncompressed_part(pixels: PixelFrames, number: int) -> FramePart:
    layout = retrieval_layout(pixels.description, is_self_contained=False)
    cells = pixels.uncompressed(number, layout)
    return FramePart(cells.data, OCTET_STREAM, EXPLICIT_LITTLE_ENDIAN, cells.warnings)


def _not_stored_so(*syntaxes: str) -> NotAcceptableError:
    types = [OCTET_STREAM, *(f"{frame_media_type(uid)};transfer-syntax={uid}" for uid in syntaxes)]
    return NotAcceptableError(
        "the pixel data is not stored in the requested transfer syntax",
        hint="request transfer-syntax=* or application/octet-stream",
        available=tuple(types),
    )


@typed_memory_error
def instance_bytes(
    source: Readable | StoredInstance,
    transfer_syntax: str = "",
    *,
    uids: Mapping[int, str] | None = None,
    spool_folder: str | None = None,
    max_bytes: int = _MAX_BYTES,
) -> Retrieved:
    """Return an instance as a DICOM file with the requested transfer syntax.

    Parameters
    ----------
    source
        The stored file.
    transfer_syntax
        Empty: Explicit VR Little Endian, or as stored if that is lossy.
        ``*``: as stored. A UID: the stored one, or Explicit VR Little Endian, which is decoded.
        Implicit VR, big endian and deflated files always become Explicit VR Little Endian.
    uids
        UIDs by tag that the file must have; other values are replaced.
    spool_folder
        Folder for the temporary file of decoded pixel data above 32 MiB; that of the system by
        default.
    max_bytes
        Limit on decoded bytes.

    Raises
    ------
    NotAcceptableError
        The transfer syntax is not the stored one and cannot be made by decoding.
    TooLargeError
        It would be longer than ``max_bytes`` when decoded.
    NotDicomError, CorruptDataError, UnsupportedTransferSyntaxError, UnsupportedImageError,
    LimitExceededError
    """
    with opened(source) as stored:
        uid = stored.transfer_syntax
        changes = _uid_changes(stored, uids or {})
        wanted = transfer_syntax
        if not wanted:
            keeps = uid in LOSSY or is_video(uid) or is_jpip(uid)
            wanted = AS_STORED if keeps else EXPLICIT_LITTLE_ENDIAN
        if wanted in (AS_STORED, uid) and uid not in _NEVER_SENT:
            return _as_stored(stored, uid, changes)
        if wanted not in (EXPLICIT_LITTLE_ENDIAN, AS_STORED) or is_video(uid) or is_jpip(uid):
            keepable = () if uid in _NEVER_SENT else (uid,)
            raise NotAcceptableError(
                "the instance is not available in the requested transfer syntax",
                hint="request transfer-syntax=*",
                available=tuple(
                    f"{DICOM};transfer-syntax={each}"
                    for each in (*keepable, *(() if is_video(uid) else (EXPLICIT_LITTLE_ENDIAN,)))
                ),
            )
        return Rewriting(stored, spool_folder, max_bytes).rewritten(changes)


def _uid_changes(stored: StoredInstance, uids: Mapping[int, str]) -> dict[int, tuple[str, bytes]]:
    """Return the elements to change; none for a truncated file."""
    changes = {}
    for tag, uid in uids.items():
        try:
            element = stored.dataset.element(tag)
        except CorruptDataError:
            return {}
        value = b"" if element is None else stored.dataset.value(element)
        if value.decode("latin-1").strip(" \0") != uid:
            changes[tag] = ("UI", uid.encode())
    return changes


def _as_stored(
    stored: StoredInstance, uid: str, changes: Mapping[int, tuple[str, bytes]]
) -> Retrieved:
    """Return the file itself; one without a preamble gets file meta information."""
    if stored.said_transfer_syntax and not changes:
        return Retrieved((Stretch(0, stored.source.size),), DICOM, uid)
    pieces = written(stored.whole_dataset, uid, changes=changes)
    return Retrieved(tuple(pieces), DICOM, uid, stored.dataset.warnings)


@typed_memory_error
def bulk_data(
    source: Readable | StoredInstance,
    path: str,
    *,
    spool_folder: str | None = None,
    max_bytes: int = _MAX_BYTES,
) -> Retrieved:
    """Return the value that a BulkDataURI refers to, little endian.

    Pixel data in fragments are decoded, all frames concatenated; a video is its stream.

    Parameters
    ----------
    source
        The stored file.
    path
        The path after ``/bulkdata/``: ``7FE00010``, ``54000100/1/54001010``.
    spool_folder, max_bytes
        As for `instance_bytes`.

    Raises
    ------
    NoSuchResourceError
        The element does not exist or has no value.
    """
    with opened(source) as stored:
        element = _element_at(stored.dataset.elements, path)
        if element.tag in PIXEL_KEYWORDS and "/" not in path:
            return _bulk_pixels(stored, element, spool_folder, max_bytes)
        dataset = stored.dataset
        in_file = dataset.is_file and dataset.little_endian and element.offset >= 0
        if element.value is None and in_file:
            length = min(element.length, stored.source.size - element.offset)
            piece: Piece = Stretch(element.offset, length)
        else:
            piece = dataset.value(element)
        return Retrieved((piece,), OCTET_STREAM, EXPLICIT_LITTLE_ENDIAN)


def _bulk_pixels(
    stored: StoredInstance, element: DataElement, spool_folder: str | None, max_bytes: int
) -> Retrieved:
    uid = stored.transfer_syntax
    if is_video(uid):
        return Retrieved((stored.pixels.stored_video(),), frame_media_type(uid), uid)
    rewriting = Rewriting(stored, spool_folder, max_bytes)
    pieces = rewriting.native_pixels(element, is_self_contained=False)
    warnings = tuple(rewriting.warnings)
    return Retrieved(tuple(pieces), OCTET_STREAM, EXPLICIT_LITTLE_ENDIAN, warnings)


def _element_at(elements: Sequence[DataElement], path: str) -> DataElement:
    missing = NoSuchResourceError("the instance has no such bulk data")
    names = path.split("/")
    found: DataElement | None = None
    for index, name in enumerate(names):
        if index % 2 == 0:
            if len(name) != 8 or not all(letter in "0123456789abcdefABCDEF" for letter in name):
                raise missing
            tag = int(name, 16)
            found = next((each for each in elements if each.tag == tag), None)
            if found is None:
                raise missing
            continue
        items = found.items if found is not None else None
        if not name.isascii() or not name.isdigit() or not 1 <= int(name) <= len(items or ()):
            raise missing
        elements = (items or ())[int(name) - 1]
    if found is None or len(names) % 2 == 0 or found.items is not None or not found.length:
        raise missing
    return found


def read_pieces(retrieved: Retrieved, source: Readable | StoredInstance) -> Iterator[bytes]:
    """Yield the bytes of all pieces; ``source`` is the stored file.

    Raises
    ------
    CorruptDataError
        The file is shorter than it was.
    """
    with opened(source) as stored:
        for piece in retrieved.pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            inner = open_source(piece.path) if piece.path else stored.source
            try:
                yield from _read_stretch(inner, piece)
            finally:
                if piece.path:
                    inner.close()


def _read_stretch(source: ByteSource, stretch: Stretch) -> Iterator[bytes]:
    position, end = stretch.offset, stretch.offset + stretch.length
    while position < end:
        data = source.read(position, min(_CHUNK, end - position))
        if not data:
            raise CorruptDataError("the file became shorter while it was sent")
        position += len(data)
        yield data
