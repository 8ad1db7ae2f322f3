"""Reads the File Meta Information (PS3.10 7.1), always explicit VR little endian."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from rendicom.pixels.headerscan import LONG_VRS, SHORT_VRS, HandOverError

if TYPE_CHECKING:
    from rendicom.pixels.headerscan import Window

__all__ = ["PREAMBLE_BYTES", "FileMeta", "read_file_meta"]

PREAMBLE_BYTES = 132
"""128 bytes of anything, then DICM."""
_ELEMENT = struct.Struct("<HH2sHI")


class FileMeta(NamedTuple):
    """The elements that matter, and where the data set begins."""

    transfer_syntax: str
    sop_class: str
    """Media Storage SOP Class UID."""
    end: int


def read_file_meta(window: Window) -> FileMeta:
    """Return the file meta information of a file with a preamble.

    Its group length is not used: the group ends where another one begins.

    Raises
    ------
    HandOverError
        There is no preamble, no transfer syntax, or the group is not well-formed.
    """
    window.move_to(0)
    if bytes(window.data[PREAMBLE_BYTES - 4 : PREAMBLE_BYTES]) != b"DICM":
        raise HandOverError("there is no preamble")
    data, position = window.data, PREAMBLE_BYTES
    uids = {0x0002: "", 0x0010: ""}
    try:
        while True:
            group, number, vr, length, long_length = _ELEMENT.unpack_from(data, position)
            if group != 2:
                break
            position += 8
            if vr in LONG_VRS:
                position, length = position + 4, long_length
            elif vr not in SHORT_VRS:
                raise HandOverError("the file meta information has a VR that is not known")
            if number in uids:
                value = bytes(data[position : position + length])
                uids[number] = value.decode("latin-1").strip(" \0")
            position += length
    except struct.error:
        raise HandOverError("the file ends with its meta information") from None
    if not uids[0x0010]:
        raise HandOverError("there is no transfer syntax")
    return FileMeta(uids[0x0010], uids[0x0002], position)
