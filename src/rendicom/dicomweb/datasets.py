"""Opens a file, or a pydicom data set, as a tree of elements.

Plain files are read by `rendicom.dicomweb.dataelements`; what is unusual is handed over to
pydicom, whose elements are put back into bytes.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from rendicom.dicomweb.dataelements import (
    DataElement,
    DataSet,
    ElementReader,
    little_endian_value,
    resolve_vrs,
    standard_vr,
)
from rendicom.errors import CorruptDataError, NotDicomError
from rendicom.pixels.bytesource import BufferSource, open_source
from rendicom.pixels.datasetattributes import pydicom_raises, quiet_pydicom, value_bytes
from rendicom.pixels.deflated import DEFLATED_SYNTAXES, inflate_dataset
from rendicom.pixels.elements import PIXEL_KEYWORDS, UNDEFINED_LENGTH
from rendicom.pixels.filemeta import PREAMBLE_BYTES, FileMeta, read_file_meta
from rendicom.pixels.header import read_header
from rendicom.pixels.headerscan import HandOverError, Window
from rendicom.pixels.rangereader import RangeReader
from rendicom.pixels.syntaxes import (
    EXPLICIT_BIG_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
)
from rendicom.pixels.valuerepresentation import numeric_format

if TYPE_CHECKING:
    from pydicom import Dataset

    from rendicom.pixels.bytesource import ByteSource, Readable
    from rendicom.pixels.header import Header

__all__ = ["elements_of", "open_dataset", "read_dataset"]

_MAX_HEADER_BYTES = 256 << 20
_MAX_INFLATED_BYTES = 1 << 29
_STANDARD_SYNTAXES = "1.2.840.10008.1.2."
_OUT_OF_FILE = (-1, -1, -1)


def open_dataset(source: Readable, *, up_to_pixels: bool = True) -> DataSet:
    """Return the data set of a path, bytes or binary file object; see `read_dataset`."""
    return read_dataset(open_source(source), up_to_pixels=up_to_pixels)


def read_dataset(source: ByteSource, *, up_to_pixels: bool = True) -> DataSet:
    """Return a data set; long values, pixel data among them, are not read.

    ``up_to_pixels`` leaves out what follows the pixel data: to find it, fragments must be walked
    over.

    Raises
    ------
    NotDicomError, CorruptDataError, LimitExceededError, UnreadableSourceError
    """
    if source.size == 0:
        raise NotDicomError("the file is empty")
    try:
        return _read_plain(source, up_to_pixels=up_to_pixels)
    except HandOverError:
        return _read_with_pydicom(source)


def _read_plain(source: ByteSource, *, up_to_pixels: bool) -> DataSet:
    meta = read_file_meta(Window(source, limit=_MAX_HEADER_BYTES))
    uid = meta.transfer_syntax
    if uid != IMPLICIT_LITTLE_ENDIAN and not uid.startswith(_STANDARD_SYNTAXES):
        raise HandOverError("the transfer syntax is not the standard's")
    explicit, little_endian = uid != IMPLICIT_LITTLE_ENDIAN, uid != EXPLICIT_BIG_ENDIAN
    body, start = source, meta.end
    warnings: tuple[str, ...] = ()
    if uid in DEFLATED_SYNTAXES:
        inflated, warnings = inflate_dataset(source, meta.end, max_bytes=_MAX_INFLATED_BYTES)
        body, start = BufferSource(inflated), 0
    elif not explicit:
        _refuse_explicit(source, start)
    reader = ElementReader(
        body, explicit_vr=explicit, little_endian=little_endian, limit=_MAX_HEADER_BYTES
    )
    return DataSet(
        transfer_syntax=uid,
        sop_class=meta.sop_class,
        meta=_meta_elements(source, meta),
        elements=reader.read(start, body.size, up_to_pixels=up_to_pixels),
        source=body,
        little_endian=little_endian,
        is_verbatim=explicit and little_endian,
        is_file=body is source,
        warnings=warnings,
    )


def _refuse_explicit(source: ByteSource, start: int) -> None:
    letters = source.read(start + 4, 2)
    if letters.isalpha() and letters.isupper():
        raise HandOverError("explicit VR where implicit VR should be")


def _meta_elements(source: ByteSource, meta: FileMeta) -> tuple[DataElement, ...]:
    reader = ElementReader(source, explicit_vr=True, little_endian=True, limit=_MAX_HEADER_BYTES)
    elements = reader.read(PREAMBLE_BYTES, meta.end, up_to_pixels=False)
    return tuple(each for each in elements if each.tag != 0x00020000)


# --- what only pydicom can read ----------------------------------------------------------------


def _read_with_pydicom(source: ByteSource) -> DataSet:
    header = read_header(source, reader="pydicom")
    inner = header.source
    reader = RangeReader(inner, limit=_MAX_HEADER_BYTES)
    is_deflated = inner is not source
    try:
        with quiet_pydicom():
            dataset = _inflated(reader) if is_deflated else _parsed(reader)
    except pydicom_raises():
        raise reader.failure or CorruptDataError("the data elements cannot be read") from None
    file_meta = getattr(dataset, "file_meta", None)
    meta = () if file_meta is None else elements_of(file_meta)
    elements = elements_of(dataset)
    pixel = _pixel_of(header)
    return DataSet(
        transfer_syntax=header.transfer_syntax,
        sop_class=header.sop_class,
        meta=tuple(each for each in meta if each.tag != 0x00020000),
        elements=(*elements, pixel) if pixel is not None else elements,
        source=inner,
        little_endian=header.little_endian,
        is_verbatim=False,
        is_file=not is_deflated,
        warnings=header.warnings,
    )


def _parsed(reader: RangeReader) -> Dataset:
    from pydicom import dcmread

    return dcmread(cast("BinaryIO", reader), force=True, stop_before_pixels=True)


def _inflated(reader: RangeReader) -> Dataset:
    from pydicom.filereader import read_dataset

    return read_dataset(
        cast("BinaryIO", reader),
        False,
        True,
        stop_when=lambda tag, _vr, _length: int(tag) in PIXEL_KEYWORDS,
    )


def _pixel_of(header: Header) -> DataElement | None:
    pixel = header.pixel
    if pixel is None:
        return None
    tag = next(tag for tag, keyword in PIXEL_KEYWORDS.items() if keyword == pixel.keyword)
    length = UNDEFINED_LENGTH if pixel.length is None else pixel.length
    end = header.source.size if pixel.length is None else pixel.offset + length
    start = pixel.offset - (12 if header.explicit_vr else 8)
    return DataElement(tag, pixel.vr, start, pixel.offset, end, length, None)


def elements_of(dataset: Dataset) -> tuple[DataElement, ...]:
    """Return the elements of a pydicom data set, values as little endian bytes.

    What cannot be put into bytes is left out: it has no meaning for anyone.
    """
    found = []
    charset = _charset_of(dataset)
    for tag in sorted(dataset.keys()):
        element = _element_of(dataset, int(tag), charset)
        if element is not None:
            found.append(element)
    return resolve_vrs(tuple(found))


def _charset_of(dataset: Dataset) -> Any:
    return getattr(dataset, "_character_set", None) or "iso8859"


def _element_of(dataset: Dataset, tag: int, charset: Any) -> DataElement | None:
    try:
        with quiet_pydicom():
            raw: Any = dataset.get_item(tag)
            if getattr(raw, "is_raw", False) and raw.value is not None:
                vr = raw.VR if raw.VR not in (None, "UN") else standard_vr(tag)
                if vr != "SQ":
                    return _stored(tag, vr or raw.VR or "", raw)
            element = dataset[tag]
            if element.VR == "SQ":
                items = tuple(elements_of(item) for item in element.value or ())
                return DataElement(tag, "SQ", *_OUT_OF_FILE, 0, None, items)
            data = _written(element, charset)
    except pydicom_raises():
        return None
    return DataElement(tag, str(element.VR), *_OUT_OF_FILE, len(data), data)


def _stored(tag: int, vr: str, raw: Any) -> DataElement:
    data = bytes(raw.value)
    if not raw.is_little_endian and raw.VR != "UN":
        data = little_endian_value(vr, data)
    length = UNDEFINED_LENGTH if raw.length == UNDEFINED_LENGTH else len(data)
    return DataElement(tag, vr, *_OUT_OF_FILE, length, data)


def _written(element: Any, charset: Any) -> bytes:
    """Return the value of an element as pydicom writes it."""
    from pydicom.filebase import DicomIO
    from pydicom.filewriter import write_data_element

    if numeric_format(str(element.VR).split(" or ")[0]) or isinstance(element.value, bytes):
        return value_bytes(element)
    buffer = BytesIO()
    stream = DicomIO(buffer)
    stream.is_little_endian, stream.is_implicit_VR = True, True
    write_data_element(stream, element, charset)
    return buffer.getvalue()[8:]
