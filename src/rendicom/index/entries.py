"""What the index knows of an instance, and of what holds it."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Counts", "Entry", "Found", "Indexed", "JsonModel", "ScanProgress"]

JsonModel = dict[str, Any]
"""Attributes in the DICOM JSON model (PS3.18 F)."""


class Entry(NamedTuple):
    """One instance: enough to answer most questions without opening its file.

    Attributes
    ----------
    location, version
        Where its bytes are, and what changes when they do.
    number_of_frames, rows, columns
        1, 0 and 0 for an instance without pixels.
    burned_in
        Burned In Annotation (0028,0301) is YES.
    representative_frame
        The frame that stands for all, counted from 1.
    """

    study: str
    series: str
    instance: str
    location: str
    version: str
    size: int
    sop_class: str
    transfer_syntax: str
    modality: str
    number_of_frames: int
    rows: int
    columns: int
    has_pixels: bool
    burned_in: bool
    representative_frame: int
    series_number: int | None
    instance_number: int | None


class Indexed(NamedTuple):
    """An instance on its way into the index, with the attributes that are kept of each level."""

    entry: Entry
    study: JsonModel
    series: JsonModel
    instance: JsonModel


class Counts(NamedTuple):
    """How much there is."""

    studies: int
    series: int
    instances: int


class Found(NamedTuple):
    """Matches of a search, without their Retrieve URLs; ``remaining`` more were not asked for."""

    models: list[JsonModel]
    remaining: int
    warnings: tuple[str, ...] = ()


class ScanProgress(NamedTuple):
    """How far a look through the folders is: files seen, of which indexed now, and unreadable."""

    found: int = 0
    indexed: int = 0
    failed: int = 0
    is_complete: bool = False
