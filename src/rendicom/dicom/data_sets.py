"""Opens a file as a data set of elements; pydicom reads files that are not well-formed."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

from rendicom.dicom.byte_source import BufferSource, ByteSource
from rendicom.dicom.byte_window import ByteWindow, HandOverError
from rendicom.dicom.element_walker import ElementWalker
from rendicom.dicom.elements import DataElement, DataSet
from rendicom.dicom.file_meta import MAX_HEADER_BYTES, FileMeta, open_plain_file
from rendicom.dicom.header import read_header
from rendicom.dicom.picture_tags import PIXEL_KEYWORDS, UNDEFINED_LENGTH
from rendicom.errors import NotDicomError

if TYPE_CHECKING:
    from pydicom import Dataset

    from rendicom.dicom.attributes import Header

_GROUP_LENGTH = 0x00020000


def read_dataset(
    source: ByteSource, *, up_to_pixels: bool = True, wanted: Container[int] | None = None
) -> DataSet:
    """Return a data set; long values, pixel data among them, are not read.

    ``up_to_pixels`` leaves out elements after the pixel data: without it, fragments are skipped to
    find these. With ``wanted``, elements of other tags are left out, in items too.

    Raises
    ------
    NotDicomError, CorruptDataError, LimitExceededError, UnreadableSourceError
    """
    if source.size == 0:
        raise NotDicomError("the file is empty")
    try:
        return walk_file(source, up_to_pixels=up_to_pixels, wanted=wanted)
    except HandOverError:
        return read_with_pydicom(source, wanted)


def walk_file(
    source: ByteSource, *, up_to_pixels: bool = True, wanted: Container[int] | None = None
) -> DataSet:
    """Read a well-formed file as `read_dataset` does, without pydicom.

    Raises
    ------
    HandOverError
        It is not well-formed.
    CorruptDataError, LimitExceededError, UnreadableSourceError
    """
    plain = open_plain_file(source)
    meta_window = ByteWindow(source, limit=MAX_HEADER_BYTES)
    meta = ElementWalker(meta_window, explicit_vr=True).read(
        plain.meta_start, plain.meta.end, up_to_pixels=False, after_tag=-1
    )
    walker = ElementWalker(
        plain.window,
        explicit_vr=plain.explicit_vr,
        little_endian=plain.little_endian,
        wanted=wanted,
    )
    body = plain.window.source
    elements = walker.read(plain.start, body.size, up_to_pixels=up_to_pixels)
    said: FileMeta | Header = plain.meta
    warnings = (*plain.warnings, *walker.notes)
    if not said.transfer_syntax:
        said = read_header(source, reader="fast")  # guesses it
        warnings = said.warnings
    return DataSet(
        transfer_syntax=said.transfer_syntax,
        sop_class=said.sop_class,
        meta=tuple(each for each in meta if each.tag != _GROUP_LENGTH),
        elements=elements,
        source=body,
        explicit_vr=plain.explicit_vr,
        little_endian=plain.little_endian,
        is_parsed_by_pydicom=False,
        is_file=body is source,
        warnings=warnings,
    )


def read_with_pydicom(source: ByteSource, wanted: Container[int] | None = None) -> DataSet:
    """Return a data set as pydicom reads it; see `read_dataset`."""
    from rendicom.dicom.pydicom_header import parse

    header, dataset = parse(source, None)
    file_meta = getattr(dataset, "file_meta", None)
    meta = () if file_meta is None else elements_of(file_meta)
    elements = elements_of(dataset, wanted)
    pixel = _pixel_of(header)
    if pixel is not None and (wanted is None or pixel.tag in wanted):
        elements = (*elements, pixel)
    return DataSet(
        transfer_syntax=header.transfer_syntax,
        sop_class=header.sop_class,
        meta=tuple(each for each in meta if each.tag != _GROUP_LENGTH),
        elements=elements,
        source=header.source,
        explicit_vr=header.explicit_vr,
        little_endian=header.little_endian,
        is_parsed_by_pydicom=True,
        is_file=header.source is source,
        warnings=header.warnings,
    )


def elements_of(dataset: Dataset, wanted: Container[int] | None = None) -> tuple[DataElement, ...]:
    """Return the elements of a pydicom data set, with values as little endian bytes.

    Elements that cannot be put into bytes are left out.
    """
    from rendicom.dicom.pydicom_encoding import encode_dataset

    data = encode_dataset(dataset, wanted)
    window = ByteWindow(BufferSource(data), limit=len(data))
    walker = ElementWalker(window, explicit_vr=True, has_places=False)
    return walker.read(0, len(data), up_to_pixels=False, after_tag=-1)


def _pixel_of(header: Header) -> DataElement | None:
    pixel = header.pixel
    if pixel is None:
        return None
    tag = next(tag for tag, keyword in PIXEL_KEYWORDS.items() if keyword == pixel.keyword)
    length = UNDEFINED_LENGTH if pixel.length is None else pixel.length
    end = header.source.size if pixel.length is None else pixel.offset + length
    start = pixel.offset - (12 if header.explicit_vr else 8)
    return DataElement(tag, pixel.vr, start, pixel.offset, end, length, None)
