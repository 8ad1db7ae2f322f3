"""Reads what the catalogue keeps of a file: its header, and never its pixels."""

from __future__ import annotations

import os
import re
import stat
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic, time
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from rendicom import storage
from rendicom.errors import RendicomError, UnreadableSourceError
from rendicom.index.keys import KEYS, SHADOW, SHADOWED, Keys, name_of, shadow_of
from rendicom.index.values import Indexed, Rejected
from rendicom.pixels.elements import PIXEL_KEYWORDS

if TYPE_CHECKING:
    from rendicom.pixels.bytesource import ByteSource

__all__ = ["Chunk", "read_file", "read_files", "read_indexed"]

HEAD_BYTES = 32 << 10
"""What is read of a file at once; most headers lie in it."""

_UNSETTLED_SECONDS = 5.0
"""What was changed so recently, and is no DICOM, may still be in the middle of it."""
_SNIFFED = 512
_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
_UID = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)
_LONGEST = 1024
"""Letters of a value; what is longer has no place in a list of studies."""
_MOST_VALUES = 64
_LARGEST = 1 << 31

_SOP_CLASS, _INSTANCE, _STUDY, _SERIES = "00080016", "00080018", "0020000D", "0020000E"
_FRAMES, _ROWS, _COLUMNS, _BITS = "00280008", "00280010", "00280011", "00280100"
_SERIES_NUMBER, _INSTANCE_NUMBER = "00200011", "00200013"
_BURNED_IN, _REPRESENTATIVE, _IMAGE_TYPE = "00280301", "00286010", "00080008"
_IN_COLUMNS = {_SOP_CLASS, _INSTANCE, _INSTANCE_NUMBER, _FRAMES, _ROWS, _COLUMNS, _BITS}

_NEEDED = (0x00080005, 0x00080008, 0x00280301, 0x00286010)
_WANTED = frozenset((*_NEEDED, *(tag for keys in KEYS.values() for tag in keys)))

# Groups that a data set without a preamble may start with.
_FIRST_GROUPS = frozenset((0x0002, 0x0008))
_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT OB OW PN SH SQ SS ST TM UI UL UN US".split())


def read_indexed(location: str, version: str, size: int = 0) -> Indexed | None:
    """Return what the catalogue keeps of the file at a path or URI; None where it is no instance.

    A DICOMDIR is none. What lacks a UID that is needed to ask for it gets one made of its location.

    Raises
    ------
    UnreadableSourceError
        The file cannot be opened.
    CorruptDataError, LimitExceededError
        It is DICOM, and its header cannot be read.
    """
    found = read_file(location, version, size)
    return found if isinstance(found, Indexed) else None


def read_file(location: str, version: str, size: int = 0) -> Indexed | Rejected:
    """Return what `read_indexed` does; of what is no instance, whether it should have been one."""
    from rendicom.dicomweb.datasets import read_dataset
    from rendicom.dicomweb.jsonmodel import model_of

    source = _opened(location)
    try:
        if not is_dicom_like(source.read(0, _SNIFFED)):
            return Rejected(location, version, source.size, is_dicom=False)
        dataset = read_dataset(source)
        wanted = tuple(each for each in dataset.elements if each.tag in _WANTED)
        model = model_of(
            replace(dataset, elements=wanted), bulk_uri=lambda place: place, bulk_threshold=_LONGEST
        )
        has_pixels = any(each.tag in PIXEL_KEYWORDS for each in dataset.elements)
        length = size or source.size
    finally:
        source.close()
    sop_class = _text(model, _SOP_CLASS) or dataset.sop_class
    if sop_class == _MEDIA_DIRECTORY:
        return Rejected(location, version, length, is_dicom=False)
    if not (sop_class or has_pixels):
        return Rejected(location, version, length, is_dicom=True)
    uids = _uids(model, location)
    for tag, uid in zip((_STUDY, _SERIES, _INSTANCE), uids, strict=True):
        model[tag] = {"vr": "UI", "Value": [uid]}
    frames = max(_number(model, _FRAMES) or 1, 1)
    rows, columns = _number(model, _ROWS) or 0, _number(model, _COLUMNS) or 0
    more = _kept(model, KEYS["instances"])
    return Indexed(
        study=uids[0],
        series=uids[1],
        instance=uids[2],
        location=location,
        version=version,
        size=length,
        sop_class=_code(sop_class),
        transfer_syntax=_code(dataset.transfer_syntax),
        number_of_frames=frames,
        rows=rows,
        columns=columns,
        bits_allocated=_number(model, _BITS) or 0,
        has_pixels=has_pixels and rows > 0 and columns > 0,
        burned_in=_shows_the_patient(model),
        representative_frame=_representative(_number(model, _REPRESENTATIVE), frames),
        series_number=_number(model, _SERIES_NUMBER),
        instance_number=_number(model, _INSTANCE_NUMBER),
        of_study=_kept(model, KEYS["studies"]),
        of_series=_kept(model, KEYS["series"]),
        more={tag: values for tag, values in more.items() if tag not in _IN_COLUMNS},
    )


def _shows_the_patient(model: Mapping[str, Any]) -> bool:
    """Tell whether the pixels may identify the patient; the label of a slide does.

    PS3.3 C.7.6.16.2 (Burned In Annotation), C.8.12.4.1.1 (LABEL as the third value of Image Type).
    """
    if _text(model, _BURNED_IN).upper() == "YES":
        return True
    kinds = model.get(_IMAGE_TYPE, {}).get("Value") or ()
    return "LABEL" in kinds[2:3]


def _uids(model: Mapping[str, Any], location: str) -> tuple[str, str, str]:
    """Return the UIDs of study, series and instance; what has none gets them from its place.

    Files in one folder that name no study are one study, and one series.
    """
    folder = location.replace("\\", "/").rpartition("/")[0]
    study, series, instance = (
        text if _is_uid(text := _text(model, tag)) else _made_up(place)
        for tag, place in ((_STUDY, folder), (_SERIES, f"{folder}/"), (_INSTANCE, location))
    )
    return study, series, instance


def _is_uid(text: str) -> bool:
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def _code(uid: str) -> str:
    return uid if _is_uid(uid) else ""


def _made_up(place: str) -> str:
    """Return a UID of the kind that is derived from a UUID (PS3.5 B.2)."""
    return f"2.25.{uuid5(NAMESPACE_URL, place).int}"


def _representative(stated: int | None, frames: int) -> int:
    """Return the frame that stands for all: as the file says, else the one in the middle."""
    return stated if stated is not None and 1 <= stated <= frames else (frames + 1) // 2


class Chunk(NamedTuple):
    """What a worker found in some files, and how long it took."""

    indexed: list[Indexed]
    rejected: list[Rejected]
    unreadable: int
    seconds: float


def read_files(files: Sequence[tuple[str, str, int]]) -> Chunk:
    """Read files, each a location, version and size; runs in a worker."""
    began = monotonic()
    indexed: list[Indexed] = []
    rejected: list[Rejected] = []
    unreadable = 0
    for location, version, size in files:
        try:
            found = read_file(location, version, size)
        except UnreadableSourceError:
            unreadable += 1
            continue
        except RendicomError:
            found = Rejected(location, version, size, is_dicom=True)
        if not _is_settled(found):
            # Somebody is writing to it: the next look sees it as changed, or whole.
            unreadable += 1
        elif isinstance(found, Indexed):
            indexed.append(found)
        else:
            rejected.append(found)
    return Chunk(indexed, rejected, unreadable, monotonic() - began)


def _is_settled(found: Indexed | Rejected) -> bool:
    if storage.is_uri(found.location):
        return True
    try:
        status = os.stat(found.location)
    except OSError:
        return False
    if f"{status.st_size}-{status.st_mtime_ns}" != found.version:
        return False
    return isinstance(found, Indexed) or abs(time() - status.st_mtime) > _UNSETTLED_SECONDS


# --- opening -----------------------------------------------------------------------------------


class _HeadSource:
    """A file of this machine of which little is read: its first part, and ranges of the rest."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.size = size
        self.bytes_read = 0
        self._descriptor = descriptor
        self._head = b""
        self._head = self.read(0, HEAD_BYTES)

    def read(self, offset: int, length: int) -> bytes:
        length = min(length, self.size - offset)
        if offset < 0 or length <= 0:
            return b""
        if offset + length <= len(self._head):
            return self._head[offset : offset + length]
        parts: list[bytes] = []
        try:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            while length > 0 and (part := os.read(self._descriptor, length)):
                parts.append(part)
                length -= len(part)
        except OSError as error:
            raise _unreadable(error) from None
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self.bytes_read += len(data)
        return data

    def view(self, offset: int, length: int) -> bytes:
        # Whoever walks along asks for more than a header mostly has.
        if 0 <= offset < len(self._head) - 16:
            length = min(length, len(self._head) - offset)
        return self.read(offset, length)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _opened(location: str) -> ByteSource:
    from rendicom.pixels.bytesource import open_source

    opened = storage.open_bytes(location)
    if not isinstance(opened, str):
        return open_source(opened)
    # Opening a pipe would wait for whoever writes to it.
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(opened, flags)
    except (OSError, ValueError) as error:
        raise _unreadable(error) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise UnreadableSourceError("it is no file")
    try:
        return _HeadSource(descriptor, status.st_size)
    except BaseException:
        os.close(descriptor)
        raise


def _unreadable(error: OSError | ValueError) -> RendicomError:
    reason = getattr(error, "strerror", None) or "its name is not valid"
    return UnreadableSourceError(f"the file cannot be read: {reason}")


def is_dicom_like(head: bytes) -> bool:
    """Tell whether a file that begins so may be DICOM, with a preamble or without (PS3.10 7.1)."""
    if head[128:132] == b"DICM":
        return True
    if len(head) < 16:
        return False
    for order in "<>":
        group, element, length = struct.unpack_from(f"{order}HHI", head)
        if group not in _FIRST_GROUPS:
            continue
        if head[4:6] in _VRS:
            return True
        end = 8 + length
        if order == "<" and length <= 128 and length % 2 == 0 and len(head) >= end + 4:
            return struct.unpack_from("<HH", head, end) > (group, element)
    return False


# --- values ------------------------------------------------------------------------------------


def _kept(model: Mapping[str, Any], keys: Keys) -> dict[str, list[Any]]:
    """Return those attributes of a model that are kept, in the form of the catalogue."""
    found: dict[str, list[Any]] = {}
    for tag, below in keys.items():
        name = name_of(tag)
        values = model.get(name, {}).get("Value")
        if not values:
            continue
        if isinstance(below, dict):
            items = [_kept(item, below) for item in values[:_MOST_VALUES] if isinstance(item, dict)]
            if any(items):
                found[name] = items
            continue
        plain = [_plain(value, below) for value in values[:_MOST_VALUES]]
        if all(value is None for value in plain):
            continue
        found[name] = plain
        if below in SHADOWED:
            found[name + SHADOW] = list(shadow_of(below, plain))
    return found


def _plain(value: Any, vr: str) -> Any:
    """Return a value as it is kept: names as text, dates and times without their old marks."""
    if isinstance(value, dict):
        value = "=".join(str(value.get(group, "")) for group in _NAME_GROUPS).rstrip("=")
    if not isinstance(value, str):
        return value if isinstance(value, int | float) else None
    text = value.replace("\0", "").encode("utf-8", "replace").decode()
    if len(text) > _LONGEST:
        return None
    if vr == "DA":
        text = text.replace(".", "").replace("-", "")
    elif vr == "TM":
        text = text.replace(":", "")
    return text.strip() or None


_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def _first(model: Mapping[str, Any], tag: str) -> Any:
    values: Sequence[Any] = model.get(tag, {}).get("Value") or (None,)
    return values[0]


def _text(model: Mapping[str, Any], tag: str) -> str:
    value = _first(model, tag)
    return value.strip(" \0") if isinstance(value, str) else ""


def _number(model: Mapping[str, Any], tag: str) -> int | None:
    value = _first(model, tag)
    try:
        number = int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None
    return number if -_LARGEST < number < _LARGEST else None
