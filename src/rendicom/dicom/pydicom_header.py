"""Reads with pydicom the headers that the fast reader does not support."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from rendicom.coded_warnings import CodedWarning
from rendicom.dicom.attributes import (
    Attributes,
    Header,
    attribute_vr,
    header_of,
    is_long_uid,
    is_plausible,
)
from rendicom.dicom.byte_source import BufferSource, ByteSource
from rendicom.dicom.byte_window import LONG_VRS, ByteWindow, HandOverError
from rendicom.dicom.deflated import DEFLATED_SYNTAXES, inflate_dataset
from rendicom.dicom.element_walker import ElementWalker
from rendicom.dicom.file_meta import (
    PREAMBLE_BYTES,
    FileMeta,
    has_preamble,
    read_file_meta,
)
from rendicom.dicom.picture_tags import (
    IDENTIFYING_UIDS,
    PIXEL_KEYWORDS,
    PIXEL_VRS,
    UNDEFINED_LENGTH,
    PixelElement,
)
from rendicom.dicom.pydicom_calls import pydicom_raises, quiet_pydicom
from rendicom.dicom.pydicom_encoding import encode_dataset, value_bytes
from rendicom.dicom.range_reader import RangeReader
from rendicom.errors import CorruptDataError, NotDicomError, RendicomError

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydicom import Dataset


_META_SOP_CLASS_UID, _META_TRANSFER_SYNTAX_UID = 0x00020002, 0x00020010
_GUESSED_OF_DATASET = CodedWarning(
    "syntax-guessed", "the data set has no transfer syntax: it was guessed"
)


def parse(
    source: ByteSource,
    tags: Collection[int] | None,
    *,
    max_header_bytes: int = 256 << 20,
    max_inflated_bytes: int = 1 << 29,
) -> tuple[Header, Dataset]:
    """Return header and data set of a file, with elements of ``tags`` or all.

    Raises
    ------
    NotDicomError, CorruptDataError, LimitExceededError
    """
    deflated = _deflated_meta(source, max_header_bytes)
    is_dicom = source.read(PREAMBLE_BYTES - 4, 4) == b"DICM"
    hides_preamble = is_dicom and not has_preamble(source)
    warnings: tuple[CodedWarning, ...] = ()
    if deflated is not None:
        inflated, warnings = inflate_dataset(source, deflated.end, max_bytes=max_inflated_bytes)
        source = BufferSource(inflated)
    reader = RangeReader(source, limit=max_header_bytes, hides_preamble=hides_preamble)
    try:
        dataset = (_dcmread if deflated is None else _read_inflated)(reader, tags)
    except pydicom_raises():
        raise reader.failure or _unreadable(is_dicom=is_dicom) from None
    meta = deflated or _meta_of(dataset)
    little_endian = _is_little_endian(dataset)
    attributes = _attributes(dataset, tags)
    pixel = _pixel_at(source, reader.tell(), little_endian=little_endian)
    sop_class = attributes.text(IDENTIFYING_UIDS[0]) or meta.sop_class
    is_told = meta.transfer_syntax or is_long_uid(sop_class)
    if not (is_told or is_plausible(attributes)):
        raise _unreadable(is_dicom=is_dicom)
    if pixel is None and reader.passed_end:
        raise CorruptDataError("the file ends inside a data element, before any pixel data")
    header = header_of(
        meta,
        attributes,
        pixel,
        source,
        little_endian=little_endian,
        explicit_vr=meta.transfer_syntax in DEFLATED_SYNTAXES
        or not _is_implicit(dataset, source, pixel),
        reader="pydicom",
        warnings=warnings,
    )
    return header, dataset


def describe_dataset(dataset: Dataset, tags: Collection[int] | None) -> Header:
    """Return the header of a data set in memory; see `rendicom.dicom.header.header_of_dataset`."""
    pixel, source = _pixel_in(dataset)
    header = header_of(
        _meta_of(dataset),
        _attributes(dataset, tags),
        pixel,
        source,
        little_endian=_is_little_endian(dataset),
        explicit_vr=not dataset.original_encoding[0],
        reader="pydicom",
    )
    return header._replace(warnings=(_GUESSED_OF_DATASET,)) if header.warnings else header


def _attributes(dataset: Dataset, tags: Collection[int] | None) -> Attributes:
    data = encode_dataset(dataset, tags)
    window = ByteWindow(BufferSource(data), limit=len(data))
    walker = ElementWalker(window, explicit_vr=True, wanted=tags, vr_of=attribute_vr)
    return Attributes(walker, walker.index(0, len(data), up_to_pixels=False, after_tag=-1))


def _meta_of(dataset: Dataset) -> FileMeta:
    """Return the file meta information, which may be empty."""
    from pydicom import Dataset as Empty

    meta = _attributes(getattr(dataset, "file_meta", None) or Empty(), None)
    return FileMeta(meta.text(_META_TRANSFER_SYNTAX_UID), meta.text(_META_SOP_CLASS_UID), 0)


def _dcmread(reader: RangeReader, tags: Collection[int] | None) -> Dataset:
    from pydicom import dcmread

    with quiet_pydicom():
        return dcmread(
            cast("BinaryIO", reader),
            force=True,
            stop_before_pixels=True,
            specific_tags=None if tags is None else list(tags),
        )


def _read_inflated(reader: RangeReader, tags: Collection[int] | None) -> Dataset:
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
        meta = read_file_meta(ByteWindow(source, limit=max_header_bytes))
    except HandOverError:
        return None
    return meta if meta.transfer_syntax in DEFLATED_SYNTAXES else None


def _unreadable(*, is_dicom: bool) -> RendicomError:
    if is_dicom:
        return CorruptDataError("the data elements cannot be read")
    return NotDicomError("the bytes are not DICOM")


def _is_little_endian(dataset: Dataset) -> bool:
    _, little_endian = dataset.original_encoding
    return little_endian is not False


def _is_implicit(dataset: Dataset, source: ByteSource, pixel: PixelElement | None) -> bool:
    """Tell whether VRs are implicit; a file may contradict its transfer syntax."""
    if pixel is not None:
        return source.read(pixel.offset - 8, 2) != pixel.vr.encode()
    return bool(dataset.original_encoding[0])


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
    # With implicit VR, two letters here would be an odd length, which is invalid.
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
    # In order of tags: readers of files also stop at the first one.
    for tag, keyword in sorted(PIXEL_KEYWORDS.items()):
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
