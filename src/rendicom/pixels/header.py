"""Reads what a file says before its pixels, with a fast reader of our own or with pydicom.

The fast reader knows the little endian data sets that scanners and archives write, in a tenth
of the time; whatever is unusual it hands over to pydicom, which is right about the rest. Both
give the same answers through `Attributes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rendicom.errors import NotDicomError
from rendicom.pixels.bytesource import BufferSource, ByteSource
from rendicom.pixels.deflated import DEFLATED_SYNTAXES, inflate_dataset
from rendicom.pixels.elements import PixelElement
from rendicom.pixels.filemeta import FileMeta, read_file_meta
from rendicom.pixels.headerscan import HandOverError, Window, scan_dataset
from rendicom.pixels.rawattributes import RawAttributes
from rendicom.pixels.syntaxes import EXPLICIT_BIG_ENDIAN, IMPLICIT_LITTLE_ENDIAN

if TYPE_CHECKING:
    from pydicom import Dataset

    from rendicom.pixels.attributes import Attributes

__all__ = ["Header", "PixelElement", "Reader", "header_of_dataset", "read_header"]

Reader = Literal["auto", "fast", "pydicom"]

_SOP_CLASS_UID = 0x00080016
_LAST_META_TAG = 0x0002FFFF
_STANDARD_SYNTAXES = "1.2.840.10008.1.2."


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """What a file says before its pixels.

    Attributes
    ----------
    transfer_syntax
        As the file says, or guessed from the bytes where it does not.
    sop_class
        SOP Class UID, of the data set or else of the file meta information.
    pixel
        Where the pixel data lie; None for an object without.
    source
        What ``pixel.offset`` counts in: the file, or the inflated data set of a deflated one.
    little_endian, explicit_vr
        How the data set is really encoded.
    reader
        Who read it.
    """

    transfer_syntax: str
    sop_class: str
    attributes: Attributes
    pixel: PixelElement | None
    source: ByteSource
    little_endian: bool
    explicit_vr: bool
    reader: Literal["fast", "pydicom"]
    warnings: tuple[str, ...] = ()


def read_header(
    source: ByteSource,
    *,
    reader: Reader = "auto",
    max_header_bytes: int = 256 << 20,
    max_inflated_bytes: int = 1 << 29,
) -> Header:
    """Return the header of a DICOM file; pixel data and long values before them are not read.

    ``reader="fast"`` refuses what would otherwise be handed over to pydicom.
    ``max_header_bytes`` limits what is read or walked through before the pixel data,
    ``max_inflated_bytes`` the size of a deflated data set.

    Raises
    ------
    NotDicomError
        The bytes are nothing like DICOM.
    CorruptDataError
        They are, and cannot be read (with ``fast``: or not by the fast reader).
    LimitExceededError
        One of the two limits is passed.
    """
    if source.size == 0:
        raise NotDicomError("the file is empty")
    if reader != "pydicom":
        try:
            return _read_fast(source, max_header_bytes, max_inflated_bytes)
        except HandOverError:
            if reader == "fast":
                raise
    from rendicom.pixels.headerpydicom import read_with_pydicom

    return read_with_pydicom(
        source, max_header_bytes=max_header_bytes, max_inflated_bytes=max_inflated_bytes
    )


def header_of_dataset(dataset: Dataset) -> Header:
    """Return the header of a pydicom data set in memory.

    Its pixel data are those it holds now; as for `Attributes`, nothing is converted or changed.
    """
    from rendicom.pixels.headerpydicom import describe_dataset

    return describe_dataset(dataset)


def _read_fast(source: ByteSource, max_header_bytes: int, max_inflated_bytes: int) -> Header:
    window = Window(source, limit=max_header_bytes)
    meta = read_file_meta(window)
    explicit_vr = _has_explicit_vr(meta)
    start = meta.end
    warnings: tuple[str, ...] = ()
    if meta.transfer_syntax in DEFLATED_SYNTAXES:
        inflated, warnings = inflate_dataset(source, meta.end, max_bytes=max_inflated_bytes)
        source, start = BufferSource(inflated), 0
        window = Window(source, limit=max_header_bytes)
    scan = scan_dataset(
        window, start, source.size, explicit_vr=explicit_vr, after_tag=_LAST_META_TAG
    )
    attributes = RawAttributes(
        source,
        scan.elements,
        explicit_vr=explicit_vr,
        bounds=scan.bounds,
        limit=max_header_bytes,
    )
    return Header(
        transfer_syntax=meta.transfer_syntax,
        sop_class=attributes.text(_SOP_CLASS_UID) or meta.sop_class,
        attributes=attributes,
        pixel=scan.pixel,
        source=source,
        little_endian=True,
        explicit_vr=explicit_vr,
        reader="fast",
        warnings=warnings,
    )


def _has_explicit_vr(meta: FileMeta) -> bool:
    """Tell how the data set is encoded, by its transfer syntax (PS3.5 section 10)."""
    uid = meta.transfer_syntax
    if uid == IMPLICIT_LITTLE_ENDIAN:
        return False
    if uid == EXPLICIT_BIG_ENDIAN:
        raise HandOverError("the data set is big endian")
    if not uid.startswith(_STANDARD_SYNTAXES):
        raise HandOverError("the transfer syntax is not the standard's")
    return True
