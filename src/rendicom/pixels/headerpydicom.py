"""Reads a header with pydicom: whatever the fast reader does not know."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from rendicom.errors import CorruptDataError, NotDicomError, RendicomError
from rendicom.pixels.bytesource import BufferSource, ByteSource
from rendicom.pixels.datasetattributes import (
    DatasetAttributes,
    pydicom_raises,
    quiet_pydicom,
    value_bytes,
)
from rendicom.pixels.deflated import DEFLATED_SYNTAXES, inflate_dataset
from rendicom.pixels.elements import (
    PIXEL_KEYWORDS,
    PIXEL_VRS,
    UNDEFINED_LENGTH,
    WANTED,
    PixelElement,
)
from rendicom.pixels.filemeta import PREAMBLE_BYTES, FileMeta, read_file_meta
from rendicom.pixels.header import Header
from rendicom.pixels.headerscan import LONG_VRS, HandOverError, Window
from rendicom.pixels.rangereader import RangeReader
from rendicom.pixels.syntaxes import (
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydicom import Dataset, FileDataset

    from rendicom.pixels.attributes import Attributes

__all__ = ["describe_dataset", "first_text", "read_elements", "read_texts", "read_with_pydicom"]

_UID = re.compile(r"[0-9]+(\.[0-9]+){3,}")
_UIDS = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
_ROWS, _COLUMNS = 0x00280010, 0x00280011
_META_SOP_CLASS_UID, _META_TRANSFER_SYNTAX_UID = 0x00020002, 0x00020010
_GUESSED = "the file does not say its transfer syntax: it was guessed"


def read_with_pydicom(
    source: ByteSource, *, max_header_bytes: int, max_inflated_bytes: int
) -> Header:
    """Return the header as pydicom reads it; see `rendicom.pixels.header.read_header`."""
    meta = _deflated_meta(source, max_header_bytes)
    if meta is not None:
        return _read_deflated(source, meta, max_header_bytes, max_inflated_bytes)
    has_preamble = source.read(PREAMBLE_BYTES - 4, 4) == b"DICM"
    reader = RangeReader(source, limit=max_header_bytes)
    try:
        dataset = _dcmread(reader, WANTED)
    except RendicomError:
        raise
    except pydicom_raises():
        raise reader.failure or _unreadable(is_dicom=has_preamble) from None
    attributes = DatasetAttributes(dataset, little_endian=_is_little_endian(dataset))
    meta_attributes = DatasetAttributes(dataset.file_meta)
    little_endian = _is_little_endian(dataset)
    pixel = _pixel_at(source, reader.tell(), little_endian=little_endian)
    transfer_syntax = meta_attributes.text(_META_TRANSFER_SYNTAX_UID)
    sop_class = attributes.text(_UIDS[0]) or meta_attributes.text(_META_SOP_CLASS_UID)
    if not (transfer_syntax or _UID.fullmatch(sop_class) or _is_plausible(attributes)):
        raise _unreadable(is_dicom=has_preamble)
    if pixel is None and reader.passed_end:
        raise CorruptDataError("the file ends inside a data element, before any pixel data")
    explicit_vr = not _is_implicit(dataset, source, pixel)
    guessed = _guessed_syntax(explicit_vr=explicit_vr, little_endian=little_endian)
    return Header(
        transfer_syntax=transfer_syntax or guessed,
        sop_class=sop_class,
        attributes=attributes,
        pixel=pixel,
        source=source,
        little_endian=little_endian,
        explicit_vr=explicit_vr,
        reader="pydicom",
        warnings=() if transfer_syntax else (_GUESSED,),
    )


def describe_dataset(dataset: Dataset) -> Header:
    """Return the header of a data set in memory; see `rendicom.pixels.header.header_of_dataset`."""
    little_endian = _is_little_endian(dataset)
    attributes = DatasetAttributes(dataset, little_endian=little_endian)
    meta = DatasetAttributes(getattr(dataset, "file_meta", None) or type(dataset)())
    explicit_vr = not dataset.original_encoding[0]
    pixel, source = _pixel_in(dataset)
    guessed = _guessed_syntax(explicit_vr=explicit_vr, little_endian=little_endian)
    return Header(
        transfer_syntax=meta.text(_META_TRANSFER_SYNTAX_UID) or guessed,
        sop_class=attributes.text(_UIDS[0]) or meta.text(_META_SOP_CLASS_UID),
        attributes=attributes,
        pixel=pixel,
        source=source,
        little_endian=little_endian,
        explicit_vr=explicit_vr,
        reader="pydicom",
    )


def read_texts(
    source: ByteSource, keywords: Iterable[str], *, max_inflated_bytes: int = 1 << 29
) -> dict[str, str]:
    """Return the first value of attributes by keyword, decoded by the file's own character set.

    Empty where absent or unreadable. For what the fast reader leaves alone: what people wrote.

    Raises
    ------
    NotDicomError, CorruptDataError, LimitExceededError
        As for `rendicom.pixels.header.read_header`.
    """
    from pydicom.datadict import tag_for_keyword

    tags = {keyword: tag_for_keyword(keyword) or 0 for keyword in keywords}
    dataset = read_elements(source, tags.values(), max_inflated_bytes=max_inflated_bytes)
    return {keyword: first_text(dataset, tag) for keyword, tag in tags.items()}


def read_elements(
    source: ByteSource,
    tags: Iterable[int] | None,
    *,
    max_header_bytes: int = 256 << 20,
    max_inflated_bytes: int = 1 << 29,
) -> Dataset:
    """Return the elements of a file that have one of ``tags``, or all before the pixel data.

    Raises
    ------
    NotDicomError, CorruptDataError, LimitExceededError
        As for `rendicom.pixels.header.read_header`.
    """
    meta = _deflated_meta(source, max_header_bytes)
    if meta is not None:
        inflated, _ = inflate_dataset(source, meta.end, max_bytes=max_inflated_bytes)
        source = BufferSource(inflated)
    reader = RangeReader(source, limit=max_header_bytes)
    read = _dcmread if meta is None else _read_inflated
    try:
        return read(reader, tags)
    except pydicom_raises():
        raise reader.failure or _unreadable(is_dicom=True) from None


def first_text(dataset: Dataset, tag: int) -> str:
    """Return the first value of an element, decoded; empty where it is absent or no text."""
    from pydicom.multival import MultiValue
    from pydicom.valuerep import PersonName

    try:
        with quiet_pydicom():
            value: Any = dataset[tag].value if tag in dataset else None
            if isinstance(value, MultiValue):
                value = next(iter(value), None)
            # Anything else is no text, whatever VR the file gives it.
            return str(value) if isinstance(value, str | PersonName) else ""
    except pydicom_raises():
        return ""


def _dcmread(reader: RangeReader, tags: Iterable[int] | None) -> FileDataset:
    from pydicom import dcmread

    with quiet_pydicom():
        return dcmread(
            cast("BinaryIO", reader),
            force=True,
            stop_before_pixels=True,
            specific_tags=None if tags is None else list(tags),
        )


def _read_inflated(reader: RangeReader, tags: Iterable[int] | None) -> Dataset:
    from pydicom.filereader import read_dataset
    from pydicom.tag import BaseTag

    with quiet_pydicom():
        return read_dataset(
            cast("BinaryIO", reader),
            False,
            True,
            stop_when=lambda tag, _vr, _length: int(tag) in PIXEL_KEYWORDS,
            specific_tags=None if tags is None else [BaseTag(tag) for tag in tags],
        )


def _deflated_meta(source: ByteSource, max_header_bytes: int) -> FileMeta | None:
    """Return the file meta information of a deflated file.

    pydicom would inflate it without a limit.
    """
    try:
        meta = read_file_meta(Window(source, limit=max_header_bytes))
    except HandOverError:
        return None
    return meta if meta.transfer_syntax in DEFLATED_SYNTAXES else None


def _read_deflated(
    source: ByteSource, meta: FileMeta, max_header_bytes: int, max_inflated_bytes: int
) -> Header:
    data, warnings = inflate_dataset(source, meta.end, max_bytes=max_inflated_bytes)
    inflated = BufferSource(data)
    reader = RangeReader(inflated, limit=max_header_bytes)
    try:
        dataset = _read_inflated(reader, WANTED)
    except pydicom_raises():
        raise reader.failure or _unreadable(is_dicom=True) from None
    pixel = _pixel_at(inflated, reader.tell(), little_endian=True)
    if pixel is None and reader.passed_end:
        raise CorruptDataError("the file ends inside a data element, before any pixel data")
    attributes = DatasetAttributes(dataset)
    return Header(
        transfer_syntax=meta.transfer_syntax,
        sop_class=attributes.text(_UIDS[0]) or meta.sop_class,
        attributes=attributes,
        pixel=pixel,
        source=inflated,
        little_endian=True,
        explicit_vr=True,
        reader="pydicom",
        warnings=warnings,
    )


def _unreadable(*, is_dicom: bool) -> RendicomError:
    if is_dicom:
        return CorruptDataError("the data elements cannot be read")
    return NotDicomError("the bytes are not DICOM")


def _is_plausible(attributes: Attributes) -> bool:
    """Tell whether what was parsed looks like DICOM; pydicom makes elements of any bytes."""
    if any(_UID.fullmatch(attributes.text(tag)) for tag in _UIDS):
        return True
    return bool(attributes.integer(_ROWS) and attributes.integer(_COLUMNS))


def _is_little_endian(dataset: Dataset) -> bool:
    _, little_endian = dataset.original_encoding
    return little_endian is not False


def _is_implicit(dataset: Dataset, source: ByteSource, pixel: PixelElement | None) -> bool:
    """Tell whether VRs are left out; a file may not do what its transfer syntax says."""
    if pixel is not None:
        return source.read(pixel.offset - 8, 2) != pixel.vr.encode()
    return bool(dataset.original_encoding[0])


def _guessed_syntax(*, explicit_vr: bool, little_endian: bool) -> str:
    if not little_endian:
        return EXPLICIT_BIG_ENDIAN
    return EXPLICIT_LITTLE_ENDIAN if explicit_vr else IMPLICIT_LITTLE_ENDIAN


def _pixel_at(source: ByteSource, position: int, *, little_endian: bool) -> PixelElement | None:
    """Return the pixel element that starts at ``position``, if one does."""
    data = source.read(position, 12)
    order = "<" if little_endian else ">"
    if len(data) < 8:
        return None
    group, number = struct.unpack_from(f"{order}HH", data)
    keyword = PIXEL_KEYWORDS.get(group << 16 | number)
    if keyword is None:
        return None
    # Two letters here would be an odd length with implicit VR, which there is not.
    vr = LONG_VRS.get(data[4:6])
    if vr is not None and len(data) == 12:
        (length,) = struct.unpack_from(f"{order}I", data, 8)
        position += 4
    else:
        vr = PIXEL_VRS[keyword]
        (length,) = struct.unpack_from(f"{order}I", data, 4)
    stored = None if length == UNDEFINED_LENGTH else length
    return PixelElement(keyword, vr, position + 8, stored)


def _pixel_in(dataset: Dataset) -> tuple[PixelElement | None, ByteSource]:
    """Return the pixel element of a data set in memory and a source of its value."""
    for tag, keyword in PIXEL_KEYWORDS.items():
        try:
            element: Any = dataset.get_item(tag)
            if element is None:
                continue
            if element.is_raw and element.value is None and element.length:
                element = dataset[tag]  # deferred: still in the file
            data = value_bytes(element)
        except pydicom_raises():
            raise CorruptDataError("the pixel data of the data set cannot be read") from None
        undefined = (
            element.length == UNDEFINED_LENGTH if element.is_raw else element.is_undefined_length
        )
        vr = str(element.VR or PIXEL_VRS[keyword])
        known = vr if vr.encode() in LONG_VRS else PIXEL_VRS[keyword]
        length = None if undefined else len(data)
        return PixelElement(keyword, known, 0, length), BufferSource(data)
    return None, BufferSource(b"")
