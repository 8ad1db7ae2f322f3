"""Reads what the index keeps of a file: its header, and never its pixels."""

from __future__ import annotations

import re
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from rendicom import storage
from rendicom.dicomweb.datasets import read_dataset
from rendicom.dicomweb.jsonmodel import model_of
from rendicom.dicomweb.searchkeys import RETURNED_KEYS
from rendicom.errors import NotDicomError
from rendicom.index.entries import Entry, Indexed, JsonModel
from rendicom.pixels.bytesource import open_source

__all__ = ["read_indexed"]

_PIXELS = ("7FE00010", "7FE00008", "7FE00009")
_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
_UID = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)
_LONGEST_VALUE = 4096
_UID_TAGS = ("0020000D", "0020000E", "00080018")

# Beside those that every search returns: what people search and sort by.
_STUDY = ("00081030", "00101010", "00101020", "00081060", "00080080", "00081048", "00102160")
_SERIES = (
    "0008103E", "00080021", "00080031", "00080070", "00081090", "00180015", "00181030", "00200060",
    "00200052", "00400244", "00400245", "00400275", "00185100", "00080064",
)  # fmt: skip
_INSTANCE = (
    "00080008", "00080012", "00080013", "00080022", "00080023", "00080032", "00080033", "00200012",
    "00200100", "00280004", "00280002", "00280101", "00280301", "00280006", "00180050", "00201041",
    "00209128", "0040A043", "0040A491", "0040A493", "00420010", "00420012", "00280030", "00280103",
)  # fmt: skip
_COUNTED = frozenset(
    ("00080056", "00080061", "00081190", "00201206", "00201208", "00201209", "00080062")
)
"""What depends on other instances, or on the server."""


def _keys(level: Any, more: tuple[str, ...]) -> tuple[str, ...]:
    returned = (f"{tag:08X}" for tag in RETURNED_KEYS[level])
    return tuple(sorted({*returned, *more} - _COUNTED))


_KEPT = (_keys("studies", _STUDY), _keys("series", _SERIES), _keys("instances", _INSTANCE))


def read_indexed(location: str, version: str, size: int = 0) -> Indexed | None:
    """Return what the index keeps of a file; None for what is no DICOM instance.

    Raises
    ------
    UnreadableSourceError, CorruptDataError, LimitExceededError
        It may be one, but cannot be read that far.
    """
    source = open_source(storage.open_bytes(location))
    try:
        try:
            dataset = read_dataset(source)
        except NotDicomError:
            return None
        model = model_of(dataset, bulk_uri=lambda place: place, bulk_threshold=_LONGEST_VALUE)
        length = size or source.size
    finally:
        source.close()
    sop_class = _text(model, "00080016") or dataset.sop_class
    if sop_class == _MEDIA_DIRECTORY or not (sop_class or any(tag in model for tag in _PIXELS)):
        return None
    study, series, instance = _uids(model, location)
    for tag, uid in zip(_UID_TAGS, (study, series, instance), strict=True):
        model[tag] = {"vr": "UI", "Value": [uid]}
    frames = max(1, _number(model, "00280008") or 1)
    representative = _number(model, "00286010") or (frames + 1) // 2
    entry = Entry(
        study=study,
        series=series,
        instance=instance,
        location=location,
        version=version,
        size=length,
        sop_class=sop_class,
        transfer_syntax=dataset.transfer_syntax,
        modality=_text(model, "00080060")[:16],
        number_of_frames=frames,
        rows=_number(model, "00280010") or 0,
        columns=_number(model, "00280011") or 0,
        has_pixels=any(tag in model for tag in _PIXELS),
        burned_in=_text(model, "00280301").upper() == "YES",
        representative_frame=min(max(1, representative), frames),
        series_number=_number(model, "00200011"),
        instance_number=_number(model, "00200013"),
    )
    return Indexed(entry, *({tag: model[tag] for tag in tags if tag in model} for tags in _KEPT))


def _uids(model: JsonModel, location: str) -> tuple[str, str, str]:
    """Return the UIDs of study, series and instance; what has none gets them from its place.

    Files in one folder that name no study are one study, and one series.
    """
    folder = location.replace("\\", "/").rpartition("/")[0]
    places = (folder, f"{folder}/", location)
    study, series, instance = (
        text if _is_uid(text := _text(model, tag)) else _made_up(place)
        for tag, place in zip(_UID_TAGS, places, strict=True)
    )
    return study, series, instance


def _made_up(place: str) -> str:
    """Return a UID of the kind that is derived from a UUID (PS3.5 B.2)."""
    return f"2.25.{uuid5(NAMESPACE_URL, place).int}"


def _is_uid(text: str) -> bool:
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def _text(model: JsonModel, tag: str) -> str:
    values = model.get(tag, {}).get("Value") or [""]
    return values[0].strip() if isinstance(values[0], str) else ""


def _number(model: JsonModel, tag: str) -> int | None:
    values = model.get(tag, {}).get("Value") or [None]
    try:
        number = int(values[0])
    except (TypeError, ValueError):
        return None
    return number if abs(number) < 1 << 31 else None
