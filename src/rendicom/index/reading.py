"""Reads the attributes that the catalogue keeps of a file; never its pixels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import monotonic, time
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from rendicom import storage
from rendicom.dicom.byte_source import open_source
from rendicom.dicom.file_kind import HEAD_LENGTH, kind_of_head, version_of
from rendicom.dicom.person_names import name_of_model
from rendicom.dicom.picture_tags import PIXEL_KEYWORDS
from rendicom.dicom.uids import is_uid
from rendicom.errors import RendicomError, UnreadableSourceError
from rendicom.index.records import Indexed, Rejected
from rendicom.index.search_keys import KEYS, SHADOW, SHADOWED, Keys, name_of, shadow_of
from rendicom.pixels.burnedin import BURNED_IN_TAGS, burned_in

if TYPE_CHECKING:
    from rendicom.dicom.byte_source import ByteSource
    from rendicom.dicom.elements import DataElement, DataSet

_HEAD_BYTES = 32 << 10
"""Bytes read of a file at once; most headers lie in them."""

_UNSETTLED_SECONDS = 5.0
"""A file changed more recently than this, and not DICOM, may still be being written."""
_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
_LONGEST = 1024
"""Characters of a value; longer ones do not belong into a list of studies."""
_MOST_VALUES = 64
_LARGEST = 1 << 31

_SOP_CLASS, _INSTANCE, _STUDY, _SERIES = "00080016", "00080018", "0020000D", "0020000E"
_FRAMES, _ROWS, _COLUMNS, _BITS = "00280008", "00280010", "00280011", "00280100"
_SERIES_NUMBER, _INSTANCE_NUMBER = "00200011", "00200013"
_REPRESENTATIVE = "00286010"
_IN_COLUMNS = {_SOP_CLASS, _INSTANCE, _INSTANCE_NUMBER, _FRAMES, _ROWS, _COLUMNS, _BITS}


def _tags_of(keys: Keys) -> Iterator[int]:
    for tag, below in keys.items():
        yield tag
        if isinstance(below, dict):
            yield from _tags_of(below)


_NEEDED = (0x00080005, 0x00286010, *BURNED_IN_TAGS, *PIXEL_KEYWORDS)
_WANTED = frozenset((*_NEEDED, *(tag for keys in KEYS.values() for tag in _tags_of(keys))))


def read_indexed(location: str, version: str, size: int = 0) -> Indexed | None:
    """Return the catalogue's record of the file at a path or URI; None for other files.

    A DICOMDIR is not one. A missing or invalid UID is replaced by one derived from the location.

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
    """As `read_indexed`; of other files, whether they should have been instances."""
    from rendicom.dicom.data_sets import read_dataset
    from rendicom.dicomweb.jsonmodel import model_of

    source = open_source(storage.open_bytes(location), head_bytes=_HEAD_BYTES)
    try:
        if kind_of_head(source.read(0, HEAD_LENGTH)) != "instance":
            return Rejected(location, version, source.size, is_dicom=False)
        dataset = read_dataset(source, wanted=_WANTED)
        model = model_of(dataset, bulk_uri=lambda place: place, bulk_threshold=_LONGEST)
        has_pixels = any(each.tag in PIXEL_KEYWORDS for each in dataset.elements)
        is_burned_in = bool(burned_in(_Labelled(dataset, dataset.elements)))
        length = size or source.size
        frames = _frames_in(source, model.get(_FRAMES)) if has_pixels else 1
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
        burned_in=is_burned_in,
        representative_frame=_representative(_number(model, _REPRESENTATIVE), frames),
        series_number=_number(model, _SERIES_NUMBER),
        instance_number=_number(model, _INSTANCE_NUMBER),
        of_study=_kept(model, KEYS["studies"]),
        of_series=_kept(model, KEYS["series"]),
        more={tag: values for tag, values in more.items() if tag not in _IN_COLUMNS},
    )


class _Labelled:
    """Elements as `rendicom.pixels.burnedin.burned_in` reads them."""

    def __init__(self, dataset: DataSet, elements: Iterable[DataElement]) -> None:
        self._dataset = dataset
        self._elements = {each.tag: each for each in elements if each.tag in BURNED_IN_TAGS}

    def texts(self, tag: int) -> list[str]:
        element = self._elements.get(tag)
        if element is None:
            return []
        text = self._dataset.value(element).decode("latin-1")
        return [value.strip(" \0") for value in text.split("\\")]

    def items(self, tag: int) -> list[_Labelled]:
        element = self._elements.get(tag)
        items = element.items if element is not None else None
        return [_Labelled(self._dataset, item) for item in (items or ())[:1]]


def _frames_in(source: ByteSource, stated: Mapping[str, Any] | None) -> int:
    """Return how many frames the engine finds, whatever Number of Frames says."""
    if stated is None or stated.get("Value") == [1]:
        return 1
    from rendicom.dicom.header import read_header
    from rendicom.pixels.describe import describe

    try:
        return describe(read_header(source)).number_of_frames
    except RendicomError:
        return 1


def _uids(model: Mapping[str, Any], location: str) -> tuple[str, str, str]:
    """Return the UIDs of study, series and instance; what has none gets them from its place.

    Files in one folder that name no study are one study, and one series.
    """
    folder = location.replace("\\", "/").rpartition("/")[0]
    study, series, instance = (
        text if is_uid(text := _text(model, tag)) else _made_up(place)
        for tag, place in ((_STUDY, folder), (_SERIES, f"{folder}/"), (_INSTANCE, location))
    )
    return study, series, instance


def _code(uid: str) -> str:
    return uid if is_uid(uid) else ""


def _made_up(place: str) -> str:
    """Return a UID of the kind that is derived from a UUID (PS3.5 B.2)."""
    return f"2.25.{uuid5(NAMESPACE_URL, place).int}"


def _representative(stated: int | None, frames: int) -> int:
    """Return the frame that stands for all: as the file says, else the one in the middle."""
    return stated if stated is not None and 1 <= stated <= frames else (frames + 1) // 2


class Chunk(NamedTuple):
    """Records of a worker of some files, and the time it took."""

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
            # It is being written: the next scan sees it as changed or complete.
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
    if version_of(status) != found.version:
        return False
    return isinstance(found, Indexed) or abs(time() - status.st_mtime) > _UNSETTLED_SECONDS


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
        value = name_of_model(value)
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
