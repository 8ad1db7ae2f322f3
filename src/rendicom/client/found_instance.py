"""An instance as a search result describes it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple

from rendicom.client.response_models import Model, number, text
from rendicom.dicomweb.resources import Resource
from rendicom.pixels.burnedin import BURNED_IN_TAGS

if TYPE_CHECKING:
    from rendicom.dicom.header import Header

INCLUDED = (
    "Modality", "SeriesNumber", "NumberOfFrames", "Rows", "Columns", "BitsAllocated",
    "PhotometricInterpretation",
)  # fmt: skip
"""Attributes to request besides the default ones of instances."""

_TAGS = {
    "study": ("0020000D", "UI"), "series": ("0020000E", "UI"), "instance": ("00080018", "UI"),
    "sop_class": ("00080016", "UI"), "modality": ("00080060", "CS"),
    "series_number": ("00200011", "IS"), "instance_number": ("00200013", "IS"),
    "rows": ("00280010", "US"), "columns": ("00280011", "US"),
    "bits": ("00280100", "US"), "frames": ("00280008", "IS"),
    "photometric": ("00280004", "CS"),
}  # fmt: skip
_NUMBERS = ("rows", "columns", "bits", "frames")
_LONGEST = 200
_BURNED_IN = frozenset(f"{tag:08X}" for tag in BURNED_IN_TAGS)


class FoundInstance(NamedTuple):
    """An instance in a search result; missing values are empty or 0. It has no patient data."""

    study: str
    series: str
    instance: str
    sop_class: str = ""
    modality: str = ""
    series_number: str = ""
    instance_number: str = ""
    rows: int = 0
    columns: int = 0
    bits: int = 0
    frames: int = 0
    photometric: str = ""

    @classmethod
    def of(cls, model: Model, *, series: Model | None = None, below: Resource) -> FoundInstance:
        """Return the instance of a search result.

        Parameters
        ----------
        model
            The result, an instance.
        series
            The search result of its series, which has more attributes on some servers.
        below
            The resource that was searched; servers need not repeat its UIDs.
        """
        texts = {
            name: (text(model, tag) or (text(series, tag) if series else ""))[:_LONGEST]
            for name, (tag, _vr) in _TAGS.items()
            if name not in _NUMBERS
        }
        numbers = {name: number(model, _TAGS[name][0]) for name in _NUMBERS}
        texts["study"] = texts["study"] or below.study
        texts["series"] = texts["series"] or below.series
        return cls(**texts, **numbers)  # type: ignore[arg-type]

    @classmethod
    def read(cls, line: str) -> FoundInstance:
        """Return the summary that `line` wrote."""
        return cls(*json.loads(line))

    def line(self) -> str:
        """Return a short text for `read`."""
        return json.dumps(self, separators=(",", ":"))

    @property
    def resource(self) -> Resource:
        """Return its name."""
        return Resource(self.study, self.series, self.instance)

    @property
    def version(self) -> str:
        """Return a version that changes with the attributes in the search result."""
        shown = (self.instance, self.sop_class, self.rows, self.columns, self.frames)
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]

    def header(self, metadata: Model | None = None) -> Header:
        """Return a header with these attributes; it has pixel data if there are rows and columns.

        The attributes about burned-in annotation are taken from ``metadata``.
        """
        from rendicom.dicom.header import header_of_dataset
        from rendicom.dicomweb.jsonreader import read_model

        model: dict[str, object] = {
            tag: value for tag, value in (metadata or {}).items() if tag.upper() in _BURNED_IN
        }
        for name, value in zip(self._fields, self, strict=True):
            tag, vr = _TAGS[name]
            if value:
                model[tag] = {"vr": vr, "Value": [value]}
        if self.rows and self.columns:
            # The pixel data are never read from this header.
            model["00280002"] = {"vr": "US", "Value": [1]}
            model["00280101"] = {"vr": "US", "Value": [self.bits or 8]}
            model["00280004"] = {"vr": "CS", "Value": ["MONOCHROME2"]}
            model["7FE00010"] = {"vr": "OW", "InlineBinary": ""}
        return without_length(header_of_dataset(read_model(model)))


def without_length(header: Header) -> Header:
    """Return a header without the length of the pixel data, which are not in it."""
    if header.pixel is None:
        return header
    pixel = header.pixel._replace(length=None)
    return header._replace(pixel=pixel, source=_Elsewhere())


class _Elsewhere:
    """Placeholder for bytes on a server, of unlimited length."""

    size = 1 << 62
    bytes_read = 0

    def read(self, offset: int, length: int) -> bytes:  # noqa: ARG002
        """Return nothing."""
        return b""

    def view(self, offset: int, length: int) -> memoryview:  # noqa: ARG002
        """Return nothing."""
        return memoryview(b"")

    def close(self) -> None:
        """Do nothing."""
