"""Plain values that go into the catalogue and come out of it; they pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from rendicom.dicomweb.resources import Resource

Level = Literal["studies", "series", "instances"]
Status = Literal["present", "deleted", "unknown"]


class Indexed(NamedTuple):
    """One instance as read from its file.

    ``of_study``, ``of_series`` and ``more`` hold attributes by tag; see
    `rendicom.index.search_keys` for their form. ``number`` and ``series_number`` are None if the
    file has none. The other fields are those of `Entry`.
    """

    study: str
    series: str
    instance: str
    location: str
    version: str
    size: int
    sop_class: str
    transfer_syntax: str
    number_of_frames: int
    rows: int
    columns: int
    bits_allocated: int
    has_pixels: bool
    burned_in: bool
    representative_frame: int
    series_number: int | None
    instance_number: int | None
    of_study: Mapping[str, list[Any]]
    of_series: Mapping[str, list[Any]]
    more: Mapping[str, list[Any]]


class Rejected(NamedTuple):
    """A file that is not an instance; ``is_dicom``: it is DICOM but cannot be listed."""

    location: str
    version: str
    size: int
    is_dicom: bool


class Entry(NamedTuple):
    """An instance in the catalogue."""

    study: str
    series: str
    instance: str
    location: str
    """Path or URI."""
    version: str
    """Changes when the file does."""
    size: int
    """Of the file, in bytes."""
    sop_class: str
    transfer_syntax: str
    modality: str
    number_of_frames: int
    """1 if the file does not say."""
    rows: int
    columns: int
    """0 for an object without an image."""
    has_pixels: bool
    """It has pixel data to render."""
    burned_in: bool
    """The pixels may identify the patient, by `rendicom.pixels.burnedin.burned_in`."""
    representative_frame: int
    """Counted from 1."""
    series_number: int | None
    instance_number: int | None

    @property
    def resource(self) -> Resource:
        """Return its resource."""
        return Resource(*self[:3])


class SearchResult(NamedTuple):
    """Result of a search.

    ``models`` are in the DICOM JSON model, without Retrieve URL; ``remaining`` is how many more
    matches follow them; ``warnings`` are sentences for Warning headers.
    """

    models: list[dict[str, Any]]
    remaining: int
    warnings: tuple[str, ...] = ()


class Counts(NamedTuple):
    """Size of the catalogue."""

    studies: int
    series: int
    instances: int


class ScanProgress(NamedTuple):
    """Progress of the scan of all folders.

    After a complete scan these are its results, until the next one is complete.
    """

    found: int = 0
    """Files seen."""
    indexed: int = 0
    """Instances among them that are listed."""
    failed: int = 0
    """DICOM files that cannot be listed, and unreadable files."""
    is_complete: bool = False
    """All folders were scanned at least once."""
    unreachable: tuple[str, ...] = ()
    """Folders that cannot be reached now; their entries are kept."""
