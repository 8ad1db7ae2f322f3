"""What broken objects are made of: items, references, and values that no writer lets through."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pydicom
from pydicom.uid import ImplicitVRLittleEndian

NAN, INF = float("nan"), float("inf")
CLASSES = "1.2.840.10008.5.1.4.1.1"


def part(**attributes: Any) -> Any:
    ds = pydicom.Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def put_raw(ds: Any, number: int, vr: str, data: bytes) -> None:
    """Put bytes into a data set as they are."""
    tag = pydicom.tag.Tag(number)
    ds[tag] = pydicom.dataelem.RawDataElement(tag, vr, len(data), data, 0, False, True)


def reference(ds: Any, **more: Any) -> Any:
    return part(
        ReferencedSOPClassUID=ds.SOPClassUID, ReferencedSOPInstanceUID=ds.SOPInstanceUID, **more
    )


def nothing() -> Any:
    return part(
        ReferencedSOPClassUID=f"{CLASSES}.2",
        ReferencedSOPInstanceUID="1.2.826.0.1.3680043.8.498.9",
    )


def implicit(ds: Any) -> Any:
    """Return a data set that is written without VRs: more than 64 KB of numbers have room then."""
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return ds


def written(ds: Any) -> bytes:
    """Return a data set as a file, whatever its values are."""
    stream = BytesIO()
    before = pydicom.config.settings.writing_validation_mode
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    try:
        ds.save_as(stream, enforce_file_format=True)
    finally:
        pydicom.config.settings.writing_validation_mode = before
    return stream.getvalue()
