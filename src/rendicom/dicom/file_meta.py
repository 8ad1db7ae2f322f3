"""Reads the File Meta Information (PS3.10 7.1), always explicit VR little endian."""

from __future__ import annotations

import struct

from rendicom.coded_warnings import CodedWarning
from rendicom.dicom.byte_source import BufferSource, ByteSource
from rendicom.dicom.byte_window import LONG_VRS, SHORT_VRS, ByteWindow, HandOverError
from rendicom.dicom.deflated import DEFLATED_SYNTAXES, inflate_dataset
from rendicom.dicom.transfer_syntaxes import EXPLICIT_BIG_ENDIAN, IMPLICIT_LITTLE_ENDIAN
from rendicom.records import NamedTuple

MAX_HEADER_BYTES = 256 << 20
MAX_INFLATED_BYTES = 1 << 29
_STANDARD_SYNTAXES = "1.2.840.10008.1.2."
PREAMBLE_BYTES = 132
"""128 bytes of anything, then DICM."""
_MARK = b"DICM"
_ELEMENT = struct.Struct("<HH2sHI")
_HEAD_BYTES = 512
_FIRST_GROUPS = frozenset((0x0002, 0x0004, 0x0008, 0x0010, 0x0018, 0x0020, 0x0028))
"""Possible first groups of a data set without meta information."""
_LONGEST_FIRST_VALUE = 128
"""Longest plausible first element of an implicit VR data set without preamble."""


def starts_data_set(head: bytes) -> bool:
    """Tell whether bytes look like the first data element of a file without a preamble."""
    if len(head) < 8:
        return False
    for order in "<>":
        (group,) = struct.unpack_from(f"{order}H", head)
        if group in _FIRST_GROUPS:
            has_vr = head[4:6] in SHORT_VRS or head[4:6] in LONG_VRS
            return has_vr or (order == "<" and _starts_implicit(head))
    return False


def _starts_implicit(head: bytes) -> bool:
    """Tell whether the first implicit VR element ends where a later tag follows."""
    group, number, length = struct.unpack_from("<HHI", head)
    end = 8 + length
    if length > _LONGEST_FIRST_VALUE or length % 2 or len(head) < end + 4:
        return False
    next_group, next_number = struct.unpack_from("<HH", head, end)
    return (group, number) < (next_group, next_number) and next_group <= 0x0040


def has_preamble(source: ByteSource) -> bool:
    """Tell whether a file starts with a preamble (PS3.10 7.1) and not just with DICM by chance."""
    head = source.read(0, _HEAD_BYTES)
    if head[PREAMBLE_BYTES - 4 : PREAMBLE_BYTES] != b"DICM":
        return False
    return head[PREAMBLE_BYTES : PREAMBLE_BYTES + 2] == b"\2\0" or not starts_data_set(head)


class FileMeta(NamedTuple):
    """The relevant elements, and the start of the data set."""

    transfer_syntax: str
    sop_class: str
    """Media Storage SOP Class UID."""
    end: int


def read_file_meta(window: ByteWindow) -> FileMeta:
    """Return the file meta information of a file with a preamble.

    Its group length is not used: the group ends at the first element of another group.

    Raises
    ------
    HandOverError
        The preamble or transfer syntax is missing, or the group is not well-formed.
    """
    window.move_to(0)
    if bytes(window.data[PREAMBLE_BYTES - 4 : PREAMBLE_BYTES]) != b"DICM":
        raise HandOverError("there is no preamble")
    meta = read_bare_meta(window, PREAMBLE_BYTES)
    if not meta.transfer_syntax:
        raise HandOverError("there is no transfer syntax")
    return meta


def read_bare_meta(window: ByteWindow, position: int) -> FileMeta:
    """Return the file meta information that begins at ``position``; it may be empty.

    Raises
    ------
    HandOverError
        The group is not well-formed.
    """
    window.move_to(0)
    data = window.data
    uids = {0x0002: "", 0x0010: ""}
    try:
        while True:
            group, number, vr, length, long_length = _ELEMENT.unpack_from(data, position)
            if group != 2:
                break
            position += 8
            if vr not in SHORT_VRS:
                if vr not in LONG_VRS:
                    raise HandOverError("the file meta information has a VR that is not known")
                position, length = position + 4, long_length
            if number in uids:
                value = bytes(data[position : position + length])
                uids[number] = value.decode("latin-1").strip(" \0")
            position += length
    except struct.error:
        raise HandOverError("the file ends with its meta information") from None
    return FileMeta(uids[0x0010], uids[0x0002], position)


class PlainFile(NamedTuple):
    """A file whose data set can be walked, with a stated or evident encoding.

    ``window`` is over the file, or over the inflated data set of a deflated one; the data set
    begins at ``start`` of it. The file meta information begins at ``meta_start`` of the file.
    """

    meta: FileMeta
    meta_start: int
    window: ByteWindow
    start: int
    explicit_vr: bool
    little_endian: bool
    warnings: tuple[CodedWarning, ...]


def open_plain_file(
    source: ByteSource,
    *,
    max_header_bytes: int = MAX_HEADER_BYTES,
    max_inflated_bytes: int = MAX_INFLATED_BYTES,
) -> PlainFile:
    """Return position and encoding of the data set of a file (PS3.5 section 10).

    A file may begin without its preamble, or with the data set itself (PS3.10 7.1).

    Raises
    ------
    HandOverError
        They are not clear from the file.
    LimitExceededError, UnreadableSourceError
    """
    window = ByteWindow(source, limit=max_header_bytes)
    window.move_to(0)
    begin = _begin_of(window, source)
    meta = read_bare_meta(window, begin)
    uid = meta.transfer_syntax
    if not uid:
        head = source.read(meta.end, _HEAD_BYTES)
        if not starts_data_set(head):
            raise HandOverError("the file does not begin with a data element")
        explicit = head[4:6] in SHORT_VRS or head[4:6] in LONG_VRS
        little_endian = not explicit or head[0] != 0  # the first group is a small number
        return PlainFile(meta, begin, window, meta.end, explicit, little_endian, ())
    if uid != IMPLICIT_LITTLE_ENDIAN and not uid.startswith(_STANDARD_SYNTAXES):
        raise HandOverError("the transfer syntax is not a standard one")
    explicit, little_endian = uid != IMPLICIT_LITTLE_ENDIAN, uid != EXPLICIT_BIG_ENDIAN
    if uid not in DEFLATED_SYNTAXES:
        return PlainFile(meta, begin, window, meta.end, explicit, little_endian, ())
    inflated, warnings = inflate_dataset(source, meta.end, max_bytes=max_inflated_bytes)
    window = ByteWindow(BufferSource(inflated), limit=max_header_bytes)
    return PlainFile(meta, begin, window, 0, explicit, little_endian, warnings)


def _begin_of(window: ByteWindow, source: ByteSource) -> int:
    """Return the start of the file meta information, or of a data set without it."""
    if window.data[PREAMBLE_BYTES - 4 : PREAMBLE_BYTES + 2] == b"DICM\2\0" or has_preamble(source):
        return PREAMBLE_BYTES
    return len(_MARK) if window.data[: len(_MARK)] == _MARK else 0
